"""A memory test: copy the item shown D events ago, in an earlier session, where a level asks.

The paper claims that recurrent models carry what they saw over many events, and that control
signals tell them when it matters (section 2). `tfhrnn.experiments.copy_task` has the task. Training
draws distances up to D, half of them D itself, until the running accuracy at D is `ENOUGH` or
`MOST_UPDATES` are made. A TCN is shown D alone: its weights at one distance are not those at
another, so shorter ones teach it nothing, and beside them it did not learn D = 100. The event that
asks is read in a window of its own, as in serving, so that all the answer knows of the others is in
the carried state.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf

from tfhrnn.config import SEQUENCE_TOWER_NAMES
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.experiments.copy_task import ITEMS, LANES, LEAD, START, Sample, curriculum, sample
from tfhrnn.experiments.results import Record, Task, gather, write_record
from tfhrnn.layers.control import Control
from tfhrnn.layers.towers import tower

HOUR: Final = {"seeds": 1, "distances": (10,)}
NEEDS_LOG: Final = False
DISTANCES: Final = (10, 100, 1000)
JUDGED: Final = 512  # sequences
ENOUGH: Final = 0.998
MOST_UPDATES: Final = {10: 3000, 100: 3000, 1000: 1200}
QUICK_UPDATES: Final = 400


@dataclasses.dataclass(frozen=True)
class Training:
    """Settings of one training, stored with its result.

    Attributes:
      tower: its name.
      distance: D.
      levels: whether it hears the levels.
      seed: of weights and draws.
      units: width of the tower and of the item embeddings.
      learning_rate: of Adam.
      most_updates: after which it ends, whatever it has learned.
    """

    tower: str
    distance: int
    levels: bool = True
    seed: int = 0
    units: int = 48
    learning_rate: float = 3e-3
    most_updates: int = 3000

    @property
    def name(self) -> str:
        """Of its row."""
        return self.tower if self.levels else f"{self.tower}, without levels"

    @property
    def options(self) -> dict[str, Any]:
        """The tower's own: what lets one of bounded memory see D events back."""
        if self.tower in ("tcn", "rnn_tcn"):
            return {"blocks": blocks_around(self.distance)}
        if self.tower == "transformer":
            return {"context": self.distance + LEAD}
        return {}

    @property
    def shorter(self) -> float:
        """Share of the draws that are of shorter distances."""
        return 0.0 if self.tower == "tcn" else 0.5

    def settings(self) -> Record:
        """All that a result depends on."""
        own = {"options": self.options, "shorter": self.shorter}
        task = {"items": ITEMS, "lead": LEAD, "lanes": LANES, "enough": ENOUGH, "judged": JUDGED}
        return {**dataclasses.asdict(self), **own, **task}


def blocks_around(distance: int) -> int:
    """Residual blocks of a TCN whose receptive field is at least twice the distance.

    Most paths through dilated convolutions end near the middle of the receptive field (Luo et al.
    2016, "effective receptive field"): at its far edge there is a single one, which is not found.

    >>> [blocks_around(distance) for distance in (10, 100, 1000)]
    [3, 6, 9]
    """
    # With kernels of 3 the field is 1 + 4 (2^blocks − 1).
    return int(np.ceil(np.log2(distance / 2 + 1)))


class _Copier(tf.keras.Model):
    """Item and level embeddings, a tower, and a score an item at the last step."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        units, seed = training.units, training.seed
        self.tower = tower(training.tower, units=units, seed=seed, **training.options)
        start = tf.keras.initializers.RandomNormal(stddev=0.5, seed=seed)
        self.items = tf.keras.layers.Embedding(ITEMS, units, embeddings_initializer=start)
        self.levels = tf.keras.layers.Embedding(START + 1, 8, embeddings_initializer=start)
        self.scores = tf.keras.layers.Dense(
            ITEMS, kernel_initializer=tf.keras.initializers.GlorotUniform(seed=seed)
        )
        self.hears_levels = training.levels

    def call(self, drawn: Sample, training: bool = False) -> tf.Tensor:
        """`[lanes, items]` scores of what is asked for."""
        level = drawn.level if self.hears_levels else tf.zeros_like(drawn.level)
        x = tf.concat([self.items(drawn.item), self.levels(level)], axis=-1)
        told = Control(drawn.reset, level)
        state = self.tower.initial_state(drawn.item.shape[0])
        # A graph leaves out what the asking step does not need: of a transformer's attention that
        # is all but one query, where the whole would fill gigabytes at D = 1,000.
        for window in (slice(None, -1), slice(-1, None)):
            part = Control(*(column[:, window] for column in told))
            y, state = self.tower(x[:, window], part, state, training=training)
        return self.scores(y[:, -1])


def train_and_judge(training: Training) -> Record:
    """Trains one tower at one distance.

    Returns:
      `accuracy` on `JUDGED` new sequences of distance D, `updates` and `seconds` that it took.
    """
    seed, distance = training.seed, training.distance
    tf.keras.utils.set_random_seed(seed)
    model = _Copier(training)
    optimizer = tf.keras.optimizers.Adam(training.learning_rate, clipnorm=1.0)
    entropy = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(reduce_retracing=True, autograph=False)
    def update(drawn: Sample) -> tf.Tensor:
        with tf.GradientTape() as tape:
            scores = model(drawn, training=True)
            loss = entropy(drawn.wanted, scores)
        optimizer.minimize(loss, model.trainable_variables, tape=tape)
        return _share_right(scores, drawn)

    @tf.function(autograph=False)
    def judge(drawn: Sample) -> tf.Tensor:
        return _share_right(model(drawn), drawn)

    begun, done, running = time.monotonic(), 0, 0.0
    rng = np.random.default_rng([seed, distance])
    for drawn, whole in curriculum(rng, distance, shorter=training.shorter):
        right = float(update(Sample(*map(tf.constant, drawn))))
        done += 1
        if whole:
            running = 0.9 * running + 0.1 * right
        if running > ENOUGH or done >= training.most_updates:
            break
    judged = np.random.default_rng([seed, distance, 1])
    rights = [
        float(judge(Sample(*map(tf.constant, sample(judged, distance, LANES, distance)))))
        for _ in range(JUDGED // LANES)
    ]
    seconds = time.monotonic() - begun
    return {"accuracy": float(np.mean(rights)), "updates": done, "seconds": seconds}


def _share_right(scores: tf.Tensor, drawn: Sample) -> tf.Tensor:
    best = tf.argmax(scores, axis=1, output_type=tf.int32)
    return tf.reduce_mean(tf.cast(best == drawn.wanted, tf.float32))


def run(
    log: None,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    towers: Sequence[str] = SEQUENCE_TOWER_NAMES,
    distances: Sequence[int] = DISTANCES,
    quick: bool = False,
) -> Record:
    """The table of accuracies, a row a tower.

    Args:
      log: not read; the sequences are drawn.
      out: folder of results; see `tfhrnn.experiments.results`.
      seeds: how many, from 0.
      jobs: trainings side by side.
      say: is told of each result.
      towers: which; with `gru` comes the one that does not hear the levels.
      distances: which of `DISTANCES`.
      quick: the GRU with and without levels at the shortest distance, for few updates.

    Returns:
      `rows` (name, and for each distance the means over seeds of accuracy, updates and seconds, the
      accuracy of each seed, and the tower's own options) and `protocol`, which is of all rows.

    Raises:
      ConfigError: no such tower or distance.
      RunError: `out` holds results of other settings.
    """
    _require_known("towers", towers, SEQUENCE_TOWER_NAMES)
    _require_known("distances", distances, DISTANCES)
    most_updates: Mapping[int, int] = MOST_UPDATES
    if quick:
        out, towers, distances = out / "quick", ("gru",), DISTANCES[:1]
        most_updates = dict.fromkeys(distances, QUICK_UPDATES)
    out.mkdir(parents=True, exist_ok=True)
    rows = [(name, True) for name in SEQUENCE_TOWER_NAMES if name in towers]
    rows += [("gru", False)] if "gru" in towers else []
    asked = [
        Training(name, distance, levels, seed, most_updates=most_updates[distance])
        for seed in range(seeds)
        for distance in sorted(set(distances))  # what is soon done comes first
        for name, levels in rows
    ]
    tasks = {training: _task(training, out) for training in asked}
    found = gather(tasks, jobs=jobs, say=lambda training, record: say(_line(training, record)))
    own = ("tower", "distance", "levels", "seed", "most_updates", "options", "shorter")
    shared = {name: value for name, value in asked[0].settings().items() if name not in own}
    chosen = sorted(set(distances))
    updates = {str(distance): most_updates[distance] for distance in chosen}
    return {
        "rows": [
            # In the order asked, not in that of the jobs' ends.
            _row({t: found[t] for t in asked if (t.tower, t.levels) == row})
            for row in rows
        ],
        "protocol": {**shared, "distances": chosen, "most_updates": updates},
    }


def _require_known(what: str, asked: Sequence[object], known: Sequence[object]) -> None:
    for one in asked:
        if one not in known:
            raise ConfigError(f"{what}: got {one}, expected some of {', '.join(map(str, known))}")


def _task(training: Training, out: Path) -> Task:
    heard = "with" if training.levels else "without"
    name = f"{training.tower}-{heard}-{training.distance}-{training.seed}.json"
    return Task(out / name, partial(_read, training), _train, (training, out / name))


def _train(training: Training, path: Path) -> None:
    write_record(path, {**train_and_judge(training), "settings": training.settings()})


def _read(training: Training, path: Path) -> Record:
    record: Record = json.loads(path.read_text())
    if record.get("settings") != training.settings():
        raise RunError(f"{path}: got a result of other settings; remove it or choose another --out")
    return record


def _line(training: Training, record: Record) -> str:
    return (
        f"seed {training.seed}, {training.name}, D = {training.distance:,}: "
        f"{record['accuracy']:.3f} after {record['updates']:,} updates, {record['seconds']:.0f} s"
    )


def _row(found: Mapping[Training, Record]) -> Record:
    """A tower's row, of its trainings at all distances and seeds, these in order."""
    first = next(iter(found))
    row: Record = {"name": first.name, "seeds": len({training.seed for training in found})}
    for distance in dict.fromkeys(training.distance for training in found):
        there = {t: record for t, record in found.items() if t.distance == distance}
        for figure in ("accuracy", "updates", "seconds"):
            mean = np.mean([record[figure] for record in there.values()])
            row[f"{figure}_{distance}"] = float(mean)
        row[f"accuracies_{distance}"] = [record["accuracy"] for record in there.values()]
        row[f"options_{distance}"] = next(iter(there)).options
    row["shorter"] = first.shorter
    return row
