"""A memory test: copy the item shown D events ago, in an earlier session, where a level asks.

The paper claims that recurrent models carry what they saw over many events, and that control
signals tell them when it matters (section 2). Here a user reads a few random items; the gap after
one of them, of level `MARK`, ends its session; D − 1 further items of later sessions follow; the
last gap, of level `ASK`, asks for the item before the mark. Chance is one over the items. Training
draws distances up to D, half of them D itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.config import SEQUENCE_TOWER_NAMES
from tfhrnn.data.files import whole_file
from tfhrnn.errors import RunError
from tfhrnn.layers.control import Control
from tfhrnn.layers.towers import tower

NEEDS_LOG: Final = False
DISTANCES: Final = (10, 100, 1000)
ITEMS: Final = 16
LEAD: Final = 3  # events before the marked one, so that it is not the first
MARK, ASK, START = 2, 3, 4
UNITS, LANES = 48, 32
_ENOUGH: Final = 0.998  # of the running accuracy at D, where training stops

# What sees D events back, for towers whose memory is bounded by construction.
_OPTIONS: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "tcn": lambda d: {"blocks": max(2, int(np.ceil(np.log2((d + 4) / 4 + 1))))},
    "rnn_tcn": lambda d: {"blocks": max(2, int(np.ceil(np.log2((d + 4) / 4 + 1))))},
    "transformer": lambda d: {"context": d + 4, "layers": 1},
    "linear_recurrence": lambda d: {"layers": 1},
}


class Sample(NamedTuple):
    """Sequences of one length; the last step asks.

    Attributes:
      item: `[lanes, window]` int32.
      level: `[lanes, window]` int32.
      reset: `[lanes, window]` float32.
      wanted: `[lanes]` int32, the item that is asked for.
    """

    item: npt.NDArray[np.int32]
    level: npt.NDArray[np.int32]
    reset: npt.NDArray[np.float32]
    wanted: npt.NDArray[np.int32]


def sample(rng: np.random.Generator, distance: int, lanes: int, longest: int) -> Sample:
    """Draws sequences that ask for the item `distance` events ago.

    Args:
      rng: draws.
      distance: steps from the marked event to the target, at least 2.
      lanes: how many.
      longest: the window is that of this distance; shorter ones are led by blank steps that the
        reset after them forgets.
    """
    window, length = LEAD + longest, LEAD + distance
    item = rng.integers(ITEMS, size=(lanes, window)).astype(np.int32)
    # Sessions of a dozen events in between; neither mark nor ask.
    level = (rng.random((lanes, window)) < 1 / 12).astype(np.int32)
    reset = np.zeros((lanes, window), np.float32)
    begin = window - length
    reset[:, begin] = 1
    marked = window - distance
    level[:, marked] = MARK
    level[:, -1] = ASK
    return Sample(item, level, reset, item[:, marked].copy())


class _Copier(tf.keras.Model):
    """Item and level embeddings, a tower, and a score an item at the last step."""

    def __init__(self, name: str, distance: int, *, levels: bool, seed: int) -> None:
        super().__init__()
        options = _OPTIONS.get(name, lambda d: {})(distance)
        self.tower = tower(name, units=UNITS, seed=seed, **options)
        start = tf.keras.initializers.RandomNormal(stddev=0.5, seed=seed)
        self.items = tf.keras.layers.Embedding(ITEMS, UNITS, embeddings_initializer=start)
        self.levels = tf.keras.layers.Embedding(START + 1, 8, embeddings_initializer=start)
        self.scores = tf.keras.layers.Dense(
            ITEMS, kernel_initializer=tf.keras.initializers.GlorotUniform(seed=seed)
        )
        self.hears_levels = levels

    def call(self, drawn: Sample, training: bool = False) -> tf.Tensor:
        """`[lanes, items]` scores of what is asked for."""
        level = drawn.level if self.hears_levels else tf.zeros_like(drawn.level)
        x = tf.concat([self.items(drawn.item), self.levels(level)], axis=-1)
        state = self.tower.initial_state(drawn.item.shape[0])
        y, _ = self.tower(x, Control(drawn.reset, level), state, training=training)
        return self.scores(y[:, -1])


def train_and_judge(
    name: str,
    distance: int,
    *,
    levels: bool = True,
    seed: int = 0,
    updates: int = 3000,
    seconds: float = 600.0,
) -> dict[str, Any]:
    """Trains one tower at one distance.

    Args:
      name: of the tower.
      distance: D.
      levels: whether it hears the levels.
      seed: of weights and draws.
      updates: at most.
      seconds: at most.

    Returns:
      `accuracy` on 512 new sequences of distance D, `updates` and `seconds` that it took.
    """
    tf.keras.utils.set_random_seed(seed)
    model = _Copier(name, distance, levels=levels, seed=seed)
    optimizer = tf.keras.optimizers.Adam(3e-3, clipnorm=1.0)
    entropy = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(reduce_retracing=True)
    def update(drawn: Sample) -> tf.Tensor:
        with tf.GradientTape() as tape:
            scores = model(drawn, training=True)
            loss = entropy(drawn.wanted, scores)
        optimizer.minimize(loss, model.trainable_variables, tape=tape)
        best = tf.argmax(scores, axis=1, output_type=tf.int32)
        return tf.reduce_mean(tf.cast(best == drawn.wanted, tf.float32))

    begun, done, running = time.monotonic(), 0, 0.0
    rng = np.random.default_rng([seed, distance])
    for drawn, whole in _curriculum(rng, distance):
        right = float(update(Sample(*map(tf.constant, drawn))))
        done += 1
        if whole:
            running = 0.9 * running + 0.1 * right
        if running > _ENOUGH or done >= updates or time.monotonic() - begun > seconds:
            break
    right = 0.0
    judged = np.random.default_rng([seed, distance, 1])
    for _ in range(512 // LANES):
        drawn = sample(judged, distance, LANES, distance)
        scores = model(Sample(*map(tf.constant, drawn)))
        right += float(np.mean(np.argmax(scores, axis=1) == drawn.wanted)) / (512 // LANES)
    return {"accuracy": right, "updates": done, "seconds": time.monotonic() - begun}


def _curriculum(rng: np.random.Generator, distance: int) -> Iterator[tuple[Sample, bool]]:
    """Half of the draws at D, half at shorter distances, even in the logarithm."""
    longest = [int(n) for n in 2.0 ** np.arange(2, 20) if n < distance] + [distance]
    while True:
        whole = rng.random() < 0.5
        drawn = distance if whole else int(np.exp(rng.uniform(np.log(2), np.log(distance))))
        # A few window lengths only, so that few graphs are traced.
        window = next(length for length in longest if length >= drawn)
        yield sample(rng, drawn, LANES, window), whole


def run(
    log: None, out: Path, *, seeds: int = 3, jobs: int = 1, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """The table of accuracies, a row a tower, resumable like `run_all`.

    Raises:
      RunError: more than one job is asked for.
    """
    if jobs > 1:
        raise RunError(f"copy: got {jobs} jobs, expected 1: its trainings share the cores already")
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, levels in [*((name, True) for name in SEQUENCE_TOWER_NAMES), ("gru", False)]:
        shown = name if levels else f"{name}, without levels"
        row: dict[str, Any] = {"name": shown, "seeds": seeds}
        for distance in DISTANCES:
            found = []
            for seed in range(seeds):
                path = out / f"{name}-{'with' if levels else 'without'}-{distance}-{seed}.json"
                if not path.is_file():
                    record = train_and_judge(name, distance, levels=levels, seed=seed)
                    with whole_file(path) as temporary:
                        temporary.write_text(json.dumps(record))
                found.append(json.loads(path.read_text()))
                say(f"seed {seed}, {shown}, D = {distance}: {found[-1]['accuracy']:.3f}")
            row[f"accuracy_{distance}"] = float(np.mean([one["accuracy"] for one in found]))
            row[f"seconds_{distance}"] = float(np.mean([one["seconds"] for one in found]))
        rows.append(row)
    protocol = {"items": ITEMS, "lead": LEAD, "distances": list(DISTANCES), "judged": 512}
    return {"rows": rows, "protocol": protocol}
