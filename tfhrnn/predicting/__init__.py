"""What the SavedModel is made of: requests read, users' states carried, items answered."""
