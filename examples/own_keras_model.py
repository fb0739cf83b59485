"""How do I use the layers in a Keras model of my own?

A click model: will the next event be a repeat? The tower reads whole sequences that are packed end
to end; `reset` is 1 where a new user begins, so that nobody's past reaches anybody else.
"""

import numpy as np

from tfhrnn.data.simulate import simulate_repeats
from tfhrnn.layers import Control, tower  # picks Keras 2 before TensorFlow decides

import tensorflow as tf  # isort: skip

USERS, STEPS, ITEMS = 64, 80, 50


class RepeatModel(tf.keras.Model):
    """Item ids, levels and resets `[lanes, steps]` to logits `[lanes, steps]`."""

    def __init__(self) -> None:
        super().__init__()
        self.item = tf.keras.layers.Embedding(ITEMS, 16)
        self.level = tf.keras.layers.Embedding(2, 4)
        self.tower = tower("gru", units=32)
        self.out = tf.keras.layers.Dense(1)

    def call(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Logits of "the next event is a repeat"."""
        item, level, reset = inputs["item"], inputs["level"], inputs["reset"]
        x = tf.concat([self.item(item), self.level(level)], axis=-1)
        control = Control(reset=reset, level=level)
        y, _ = self.tower(x, control, self.tower.initial_state(tf.shape(item)[0]))
        return self.out(y)[..., 0]


def main() -> dict[str, float]:
    """Trains, and returns the first and the last epoch's loss."""
    table = simulate_repeats(users=USERS, items=ITEMS, events=STEPS, staples=1.0)
    item = np.unique(table["item_id"], return_inverse=True)[1].reshape(USERS, STEPS)
    gaps = np.diff(table["timestamp"].to_numpy().reshape(USERS, STEPS), axis=1)
    level = (gaps >= 86_400).astype(np.int32)  # of the gap that follows each event
    repeats = [[i in row[:n] for n, i in enumerate(row) if n] for row in item.tolist()]
    reset = np.zeros_like(level, np.float32)
    reset[:, 0] = 1.0
    model = RepeatModel()
    model.compile("adam", tf.keras.losses.BinaryCrossentropy(from_logits=True))
    inputs = {"item": item[:, :-1], "level": level, "reset": reset}
    history = model.fit(inputs, np.array(repeats, np.float32), batch_size=16, epochs=6, verbose=0)
    return {"first loss": history.history["loss"][0], "last loss": history.history["loss"][-1]}


if __name__ == "__main__":
    print(main())
