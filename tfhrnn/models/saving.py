"""What Keras' own `save` writes of a model that trains by windows: a SavedModel."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from tfhrnn.data.windows import Batch
from tfhrnn.errors import ConfigError

# By which Keras 2 knows that a model was called, and with what.
_MARKS: Final = ("built", "_saved_model_arg_spec", "_saved_model_inputs_spec")


class SavedAsSavedModel(tf.keras.Model):
    """A model of `call(batch)` whose `save` is a SavedModel, in which no Python object is pickled.

    The folder answers `tf.saved_model.load(folder).signatures["serving_default"]`: the fields of a
    `Batch` in, of any number of lanes and steps, log-probabilities `[lanes, steps, items]` out. It
    reads indices; what reads ids, and can be loaded to go on, is `HRNNRecommender.save`.
    """

    def save(
        self,
        filepath: str | Path,
        overwrite: bool = True,
        save_format: str | None = None,
        **options: Any,
    ) -> None:
        """As in Keras.

        Raises:
          ConfigError: another format than a SavedModel's, which Keras would write without weights.
        """
        if save_format not in (None, "tf") or Path(filepath).suffix in (".keras", ".h5", ".hdf5"):
            found = save_format or Path(filepath).suffix
            raise ConfigError(f"save: got the format {found!r}, expected a folder, a SavedModel's")
        blank = Batch.blank(1, 1, user_width=self.facts.user_width, entries=1)
        # The first step and lane are as good as any: lengths are left open.
        open_lengths = (
            tf.TensorSpec([None, None, *a.shape[2:]], a.dtype, name)
            for name, a in blank._asdict().items()
        )
        # Keras saves what was called, for the shapes of the first call; and whatever tracks a model
        # that was called, as an export does, would save Keras' functions of it as well.
        kept = {name: getattr(self, name) for name in _MARKS}
        try:
            setattr(self, _MARKS[-1], None)
            self._set_save_spec(Batch(*open_lengths))
            self(Batch(*map(tf.constant, blank)))
            super().save(str(filepath), overwrite=overwrite, save_format="tf", **options)
        finally:
            for name, value in kept.items():
                setattr(self, name, value)
