"""How do I train a TFRS multi-task model around one of the towers?

Two tasks share a hidden state: which item comes next (in-batch retrieval), and its stars (ranking).
"""

import numpy as np

from tfhrnn.data.simulate import simulate_repeats
from tfhrnn.layers import Control, tower  # picks Keras 2 before TensorFlow decides

import tensorflow as tf  # isort: skip
import tensorflow_recommenders as tfrs  # isort: skip

USERS, STEPS, ITEMS, UNITS = 64, 30, 40, 16


class MultiTask(tfrs.models.Model):
    """Retrieval of the next item and its stars."""

    def __init__(self) -> None:
        super().__init__()
        self.item = tf.keras.layers.Embedding(ITEMS, UNITS)
        self.tower = tower("linear_recurrence", units=UNITS)
        self.stars = tf.keras.layers.Dense(1)
        self.retrieval = tfrs.tasks.Retrieval()
        rmse = tf.keras.metrics.RootMeanSquaredError()
        self.ranking = tfrs.tasks.Ranking(tf.keras.losses.MeanSquaredError(), metrics=[rmse])

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Both tasks' losses, of items `[lanes, steps]` and the stars of each."""
        item, stars = inputs["item"], inputs["stars"]
        reset = tf.one_hot(tf.zeros_like(item[:, 0]), STEPS - 1)
        control = Control(reset=reset, level=tf.zeros_like(item[:, 1:]))
        state = self.tower.initial_state(tf.shape(item)[0])
        hidden, _ = self.tower(self.item(item[:, :-1]), control, state, training=training)
        query, following = tf.reshape(hidden, [-1, UNITS]), tf.reshape(item[:, 1:], [-1])
        candidate = self.item(following)
        predicted = self.stars(tf.concat([query, candidate], axis=-1))
        rank_loss = self.ranking(tf.reshape(stars[:, 1:], [-1, 1]), predicted)
        next_loss = self.retrieval(query, candidate, candidate_ids=following)
        return next_loss / tf.cast(tf.size(following), tf.float32) + rank_loss


def main() -> dict[str, float]:
    """Trains, and returns the error in stars of the first and the last epoch."""
    table = simulate_repeats(users=USERS, items=ITEMS, events=STEPS)
    item = np.unique(table["item_id"], return_inverse=True)[1].reshape(USERS, STEPS)
    stars = 1.0 + item % 5  # what the item is says how it is liked
    columns = {"item": item.astype(np.int32), "stars": stars.astype(np.float32)}
    data = tf.data.Dataset.from_tensor_slices(columns)
    model = MultiTask()
    model.compile(tf.keras.optimizers.Adam(0.02))
    history = model.fit(data.batch(16, drop_remainder=True), epochs=12, verbose=0).history
    errors = history["root_mean_squared_error"]
    return {"first error": errors[0], "last error": errors[-1]}


if __name__ == "__main__":
    print(main())
