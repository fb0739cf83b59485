"""The transformer against plain loops over queries and keys, its reach, its cache, its resets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.control import Control
from tfhrnn.layers.transformer import TransformerTower

LANES, STEPS, WIDTH, UNITS = 2, 24, 3, 4
Floats = npt.NDArray[np.float64]
# Outputs are up to 5 wide. Against float64 each step of float32 rounds by 6e-8 of that; in half
# precision the residual stream itself has 8 or 11 bits.
AGAINST_FLOAT64 = {"float32": 2e-5, "mixed_bfloat16": 0.25, "mixed_float16": 0.03}
# Windows of other lengths add the same numbers in another order, in float32: a few units in the
# last place of a number below 8. Half precision seldom shows it, then as one unit of its own.
BETWEEN_WINDOWS = {"float32": 1e-5, "mixed_bfloat16": 0.04, "mixed_float16": 0.005}


@pytest.fixture(params=["float32", "mixed_bfloat16", "mixed_float16"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Keras precision policy, put back afterwards."""
    tf.keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    tf.keras.mixed_precision.set_global_policy("float32")


def made(**options: Any) -> TransformerTower:
    """A tower whose every weight, biases and norms among them, is drawn anew."""
    tower = TransformerTower(UNITS, seed=1, **options)
    call(tower, *story(1, 1))
    rng = np.random.default_rng(2)
    for variable in tower.trainable_variables:
        variable.assign(rng.normal(scale=0.7, size=variable.shape))
    return tower


def story(lanes: int = LANES, steps: int = STEPS) -> tuple[Any, Control]:
    """Events, gaps of every level, and users that begin at other steps in each lane."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(lanes, steps, WIDTH))
    level = rng.choice([0, 0, 1, 2, 3], (lanes, steps))
    reset = np.zeros((lanes, steps))
    reset[:, 0] = reset[1:, steps // 3] = 1
    level[reset == 1] = 4
    return tf.constant(x, tf.float32), Control(
        tf.constant(reset, tf.float32), tf.constant(level, tf.int32)
    )


def call(tower: Any, x: Any, told: Control, state: Any = None, **options: Any) -> tuple[Any, Any]:
    start = tower.initial_state(tf.shape(x)[0]) if state is None else state
    return tower(x, told, tuple(start), **options)


def norm(x: Floats, layer: Any) -> Floats:
    gamma, beta = (np.asarray(part, np.float64) for part in layer.get_weights())
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * gamma + beta


def dense(x: Floats, layer: Any) -> Floats:
    kernel, bias = (np.asarray(part, np.float64) for part in layer.get_weights())
    return x @ kernel + bias


def gelu(x: Floats) -> Floats:
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def bucket(n: int, length: int, count: int) -> int:
    """Exact up to half the buckets, then by the logarithm: exact · (length / exact)^(i / rest)."""
    exact = count if length <= count else count // 2
    if n < exact:
        return n
    rest = count - exact
    edges = [round(exact * (length / exact) ** (i / rest)) for i in range(rest)]
    return exact - 1 + sum(n >= edge for edge in edges)


def attend(x: Floats, layer: Any, told: Control, lane: int) -> Floats:
    """Attention of one lane `[steps, units]`, query by query and key by key."""
    reset, level = (np.asarray(part)[lane] for part in told)
    heads, size = layer.heads, UNITS // layer.heads
    query, key, value = np.split(dense(x, layer.inward), 3, axis=-1)
    by_distance, by_borders = layer.distance_bias.numpy(), layer.border_bias.numpy()
    out = np.zeros_like(x)
    for k in range(len(x)):
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            scores: dict[int, float] = {}
            for j in range(k, max(k - layer.context, -1), -1):
                score = float(query[k, own] @ key[j, own]) / math.sqrt(size)
                score += by_distance[head, bucket(k - j, layer.context, 16)]
                for floor in (1, 2, 3):
                    gaps = [level[i] >= floor and not reset[i] for i in range(j, k)]
                    score += by_borders[head, floor - 1, bucket(sum(gaps), layer.context, 8)]
                scores[j] = score
                if reset[j]:
                    break
            total = sum(math.exp(score) for score in scores.values())
            for j in scores:
                out[k, own] += math.exp(scores[j]) / total * value[j, own]
    return dense(out, layer.outward)


def reference(tower: TransformerTower, x: Any, told: Control) -> Floats:
    lanes = []
    for lane, events in enumerate(np.asarray(x, np.float64)):
        h = dense(events, tower.project)
        for block in tower.blocks:
            h = h + attend(norm(h, block.norms[0]), block.attention, told, lane)
            h = h + dense(gelu(dense(norm(h, block.norms[1]), block.inner)), block.outer)
        lanes.append(norm(h, tower.norm))
    return np.array(lanes)


@pytest.mark.parametrize(
    "options",
    [
        {"context": 1},
        {"context": 4, "layers": 2, "feed_forward": 3},
        {"context": 20, "heads": 1},  # past 16 and 8, buckets are logarithmic
        {"context": 1000, "heads": 4},
    ],
)
def test_outputs_are_those_of_loops_over_queries_and_keys(options: dict[str, Any]) -> None:
    tower = made(**options)
    x, told = story()
    np.testing.assert_allclose(
        call(tower, x, told)[0], reference(tower, x, told), atol=AGAINST_FLOAT64["float32"]
    )


def dynamic(function: Callable[..., Any], state: Any) -> Any:
    """A graph that knows neither lanes nor window."""
    steps = tf.TensorSpec([None, None])
    told = Control(steps, tf.TensorSpec([None, None], tf.int32))
    parts = tuple(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in state)
    x = tf.TensorSpec([None, None, WIDTH])
    return tf.function(function, input_signature=[x, told, parts])


MODES: dict[str, Callable[..., Any]] = {
    "eager": lambda function, state: function,
    "graph": dynamic,
    "compiled": lambda function, state: tf.function(function, jit_compile=True),
}


@pytest.mark.parametrize("mode", MODES)
def test_step_by_step_gives_the_whole(mode: str, precision: str) -> None:
    tower = made(context=5, layers=1 if mode == "compiled" else 2)  # a layer compiles for seconds
    x, told = story(steps=12)
    start = tower.initial_state(LANES)
    read = MODES[mode](lambda x, told, state: call(tower, x, told, state), start)
    whole, end = read(x, told, start)
    np.testing.assert_allclose(
        np.float64(whole), reference(tower, x, told), atol=AGAINST_FLOAT64[precision]
    )
    state, steps = start, []
    for k in range(12):
        here = Control(*(part[:, k : k + 1] for part in told))
        y, state = read(x[:, k : k + 1], here, state)
        steps.append(y)
    atol = BETWEEN_WINDOWS[precision]
    np.testing.assert_allclose(np.float32(tf.concat(steps, 1)), np.float32(whole), atol=atol)
    np.testing.assert_array_equal(state[0], end[0])
    np.testing.assert_array_equal(state[1], end[1])
    for part, wanted in zip(state[2:], end[2:], strict=True):
        assert part.dtype == wanted.dtype == tower.compute_dtype
        np.testing.assert_allclose(np.float32(part), np.float32(wanted), atol=atol)


@pytest.mark.parametrize("mode", MODES)
def test_no_state_survives_a_reset(mode: str, precision: str) -> None:
    tower = made(context=8)  # the cache outlasts the window: two of its keys were there before
    x, told = story(steps=5)
    told = told._replace(reset=tf.constant([[0.0, 0, 1, 0, 0]] * LANES))

    def read(x: Any, told: Control, state: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, *state])
            y, end = call(tower, x, told, state)
            late = tf.reduce_sum(tf.cast(y[:, 2:], tf.float32) ** 3)
        return y, end, tape.gradient(late, [x, *state], unconnected_gradients="zero")

    start = tower.initial_state(LANES)
    read = MODES[mode](read, start)
    y, end, (to_x, *_) = read(x, told, start)
    assert np.all(np.isfinite(to_x)) and np.all(np.any(np.asarray(to_x[:, 2:]) != 0, axis=-1))
    for junk in (1, -7, 100):
        state = tuple(tf.fill(part.shape, tf.cast(junk, part.dtype)) for part in start)
        other, other_end, gradients = read(x, told, state)
        assert np.all(np.isfinite(other))
        np.testing.assert_array_equal(other[:, 2:], y[:, 2:])
        for part, wanted in zip(other_end, end, strict=True):
            np.testing.assert_array_equal(part, wanted)
        np.testing.assert_array_equal(gradients[0][:, :2], 0)
        for gradient in gradients[1:]:
            np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize(("context", "layers"), [(1, 2), (3, 1), (3, 2), (50, 1)])
def test_each_layer_reaches_exactly_its_context(context: int, layers: int) -> None:
    steps = 8
    tower = made(context=context, layers=layers)
    x = tf.repeat(story(1, steps)[0], steps, axis=0)
    told = Control(tf.zeros([steps, steps]), tf.zeros([steps, steps], tf.int32))
    with tf.GradientTape() as tape:  # lane k judges step k
        tape.watch(x)
        y, _ = call(tower, x, told)
        judged = tf.reduce_sum(tf.eye(steps)[..., tf.newaxis] * y**3)
    reached = np.any(np.asarray(tape.gradient(judged, x)) != 0, axis=-1)  # [query, key]
    back = np.arange(steps)[:, np.newaxis] - np.arange(steps)
    np.testing.assert_array_equal(reached, (back >= 0) & (back <= layers * (context - 1)))


def test_a_gap_counts_for_the_queries_that_see_across_it_and_no_others() -> None:
    steps, context = 10, 4
    tower = made(context=context)
    x = tf.repeat(story(1, steps)[0], steps, axis=0)
    reset = np.zeros((steps, steps), np.float32)
    reset[:, [0, 6]] = 1
    quiet = call(tower, x, Control(tf.constant(reset), tf.zeros([steps, steps], tf.int32)))[0]
    for level in (1, 2, 3):  # in lane i the gap after step i
        gaps = tf.constant(level * np.eye(steps), tf.int32)
        loud = call(tower, x, Control(tf.constant(reset), gaps))[0]
        changed = np.any(np.asarray(quiet != loud), axis=-1)  # [gap, query]
        wanted = [
            [i < k < i + context and (i < 6) == (k < 6) and i not in (0, 6) for k in range(steps)]
            for i in range(steps)
        ]
        np.testing.assert_array_equal(changed, wanted)


def test_dropout_is_of_training_and_repeats_with_its_seed() -> None:
    x, told = story(steps=4)

    def outputs(seed: int, training: bool) -> list[Any]:
        tower = TransformerTower(UNITS, layers=2, dropout=0.5, seed=seed)
        return [call(tower, x, told, training=training)[0].numpy() for _ in range(2)]

    plain = call(TransformerTower(UNITS, layers=2, seed=1), x, told, training=True)[0]
    for y in outputs(1, training=False):
        np.testing.assert_array_equal(y, plain)
    first, second = outputs(1, training=True)
    assert np.any(first != second) and np.any(first != plain)
    np.testing.assert_array_equal(outputs(1, training=True), [first, second])
    draws = [
        layer.seed
        for block in TransformerTower(UNITS, layers=2, seed=1).blocks
        for layer in block.drops
    ]
    assert len(set(draws)) == 4


@pytest.mark.parametrize("context", [1, 6])
def test_a_state_holds_counters_then_keys_and_values(context: int) -> None:
    tower = TransformerTower(8, layers=2, context=context, dtype="mixed_float16")
    count = context - 1
    cached = [((3, count, 8), tf.float16)] * 4
    parts = tower.initial_state(3)
    assert [(tuple(part.shape), part.dtype) for part in parts] == [
        ((3, count), tf.float32),
        ((3, count, 3), tf.float32),
        *cached,
    ]
    assert not any(np.any(part) for part in parts)
    assert tower.state_size_bytes == count * (4 * 8 * 2 + 4 * 4)


def test_a_config_holds_every_argument() -> None:
    options: dict[str, Any] = {
        "units": 6,
        "layers": 2,
        "heads": 3,
        "context": 7,
        "feed_forward": 4,
        "dropout": 0.25,
        "seed": 9,
        "name": "mine",
    }
    again = TransformerTower.from_config(TransformerTower(**options).get_config())
    assert {name: again.get_config()[name] for name in options} == options
    block = again.blocks[1].get_config()
    assert (block["units"], block["heads"], block["context"]) == (6, 3, 7)
    assert (block["feed_forward"], block["dropout"]) == (4, 0.25)


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(ConfigError, match="heads: got 2, expected a divisor of units, 5"):
        TransformerTower(5)
    for name in ("layers", "heads", "context", "feed_forward"):
        with pytest.raises(ConfigError, match=f"{name}: got 0, expected 1 or more"):
            TransformerTower(**{"units": 4, name: 0})
