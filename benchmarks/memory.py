"""What the exact softmax needs beside its inputs: megabytes at the peak of value and gradient.

ml-20m's catalogue: 8,192 steps, 128 units, 26,744 items. Each way runs in a process of its own; its
figure is how far the highest resident memory that Linux saw (VmHWM) lies above what was resident
before the step: weights, hidden states, targets, and TensorFlow after a step of a few items.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

TOKENS, UNITS, ITEMS, SEEN = 8192, 128, 26_744, 512


class Case(NamedTuple):
    """A way to the softmax.

    Attributes:
      chunked: whether it is ours, or TensorFlow's with all scores held.
      window: steps a lane.
      seen: whether there is a seen-item term.
    """

    chunked: bool
    window: int
    seen: bool


CASES = {
    "softmax, all scores held": Case(chunked=False, window=64, seen=False),
    "softmax in chunks": Case(chunked=True, window=64, seen=False),
    "softmax in chunks, seen term": Case(chunked=True, window=64, seen=True),
    "softmax in chunks, seen term, windows of 2,048": Case(chunked=True, window=2048, seen=True),
}


def run(
    rounds: int, cases: Sequence[str] = tuple(CASES), tokens: int = TOKENS, items: int = ITEMS
) -> list[dict[str, Any]]:
    """A row a way: `megabytes` above the inputs, and the ratio to the first."""
    rows = []
    for name in cases:
        words = [name, str(rounds), str(tokens), str(items)]
        command = [sys.executable, "-m", "benchmarks.memory", *words]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append({"what": name, "megabytes": json.loads(found.stdout)})
    return [{**row, "ratio": row["megabytes"] / rows[0]["megabytes"]} for row in rows]


def megabytes(status: str, key: str) -> float:
    """A figure of Linux's /proc/PID/status, such as VmRSS or VmHWM.

    >>> megabytes("VmHWM:  2048 kB", "VmHWM")
    2.048
    """
    found = re.search(rf"^{key}:\s*(\d+) kB$", status, re.M)
    assert found is not None, f"no {key}: this is measured on Linux"
    return int(found[1]) / 1000


def measure(case: Case, rounds: int, tokens: int, items: int) -> float:
    """Megabytes that this process' steps add at their peak."""
    _step(case, case.window, 50)()  # kernels, threads and the tracer are there already
    step = _step(case, tokens, items)
    before = Path("/proc/self/status").read_text()
    for _ in range(rounds):
        step()
    after = Path("/proc/self/status").read_text()
    return megabytes(after, "VmHWM") - megabytes(before, "VmRSS")


def _step(case: Case, tokens: int, items: int) -> Callable[[], Any]:
    """Value and gradient; the inputs stand when this returns."""
    import numpy as np
    import tensorflow as tf

    import tfhrnn  # noqa: F401  (picks Keras 2)
    from tfhrnn.layers.losses import Targets, chunked_cross_entropy

    rng = np.random.default_rng(0)
    lanes, window = tokens // case.window, case.window
    leaves = [
        tf.Variable(0.1 * rng.standard_normal(shape, np.float32))
        for shape in ((lanes, window, UNITS), (items, UNITS), (items,))
    ]
    target = tf.constant(rng.integers(0, items, (lanes, window)), tf.int32)
    targets = Targets(target[..., tf.newaxis], tf.ones([lanes, window], tf.int32))
    first = rng.integers(0, window, (lanes, SEEN + window))
    stays = np.stack([rng.integers(0, items, first.shape), first, np.full_like(first, window)], -1)
    seen = {"stays": tf.constant(stays, tf.int32), "seen_bias": tf.constant(-3.0)}
    del first, stays

    def value() -> Any:
        hidden, weights, bias = leaves
        if case.chunked:
            more: dict[str, Any] = seen if case.seen else {}
            counts = tf.ones([lanes, window])
            return chunked_cross_entropy(hidden, weights, bias, targets, weight=counts, **more)[0]
        scores = tf.einsum("lwu,iu->lwi", hidden, weights) + bias
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(target, scores)
        return tf.reduce_sum(nats)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = value()
        return loss, tape.gradient(loss, leaves)

    step.get_concrete_function()
    return step


if __name__ == "__main__":
    name, *sizes = sys.argv[1:]
    print(json.dumps(measure(CASES[name], *map(int, sizes))))
