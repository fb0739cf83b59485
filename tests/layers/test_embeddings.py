"""Each embedding alone, and all of them together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers import (
    EventEmbedding,
    EventTypeEmbedding,
    FeedbackEmbedding,
    GapInputs,
    ItemEmbedding,
    LevelEmbedding,
    PositionInput,
    TimeBumps,
    UserEmbedding,
)

FEATURES = np.eye(3, 2, dtype=np.float32)


def test_feedback_is_read_on_the_scale_of_its_type() -> None:
    by_type = [(3.0, 1.0), (100.0, 20.0), (0.5, 0.25)]
    layer = FeedbackEmbedding(3, mean=3.0, std=1.0, by_type=by_type, seed=1)
    feedback = tf.constant([4.0, 120.0, 0.75, float("nan")])
    read = layer(feedback, tf.constant([0, 1, 2, 1])).numpy()
    np.testing.assert_allclose(read[:3], np.repeat(read[:1], 3, axis=0), rtol=1e-6)  # one above
    assert np.abs(read[3] - read[0]).max() > 1e-3
    again = FeedbackEmbedding.from_config(layer.get_config())
    assert again.by_type == by_type


def test_tied_items_are_the_matrix_rows_behind_start_and_unknown() -> None:
    layer = ItemEmbedding(3, 2)
    rows = tf.constant([[1.0, 2], [3, 4], [5, 6]])
    found = layer(tf.constant([[0, 1, 2, 4]]), rows)
    np.testing.assert_array_equal(found[0, 2:], [[1, 2], [5, 6]])
    np.testing.assert_array_equal(found[0, :2], layer.table)


def test_tied_items_without_a_matrix_are_refused() -> None:
    with pytest.raises(ValueError, match=r"needs item_weights, from Decoder\.item_matrix"):
        ItemEmbedding(3, 2)(tf.constant([[2]]))


def test_untied_items_are_id_and_features_side_by_side() -> None:
    layer = ItemEmbedding(3, 4, tied=False, features=FEATURES)
    found = layer(tf.constant([0, 1, 2, 4]))
    assert found.shape == (4, 8)
    kernel, bias = layer.projection.get_weights()
    np.testing.assert_allclose(found[2, 4:], FEATURES[0] @ kernel + bias, rtol=1e-5)
    np.testing.assert_allclose(found[0, 4:], bias)  # the start event has no features


def test_levels_have_a_row_each() -> None:
    layer = LevelEmbedding(5, 3)
    found = layer(tf.constant([[4, 0]]))
    np.testing.assert_array_equal(found[0], tf.gather(layer.table, [4, 0]))


def test_unknown_feedback_is_told_from_average_feedback() -> None:
    layer = FeedbackEmbedding(3, mean=3.5, std=1.1)
    unknown, average, again = layer(tf.constant([np.nan, 3.5, np.nan]))
    assert np.all(np.isfinite(unknown)) and np.any(unknown != average)
    np.testing.assert_array_equal(unknown, again)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("compiled", [None, False, True])
def test_event_types_have_a_row_each_and_unknown_the_first(
    policy: str, compiled: bool | None
) -> None:
    layer = EventTypeEmbedding(2, 3, dtype=policy)
    ask = layer if compiled is None else tf.function(layer, jit_compile=compiled)
    found = ask(tf.constant([[2, 0], [1, 2]]))
    assert layer.table.shape == (3, 3) and layer.table.dtype == tf.float32
    rows = layer.table.numpy()[[[2, 0], [1, 2]]]
    np.testing.assert_array_equal(found, tf.cast(rows, layer.compute_dtype))


def test_gap_inputs_are_log_and_a_flag_for_zero() -> None:
    found = GapInputs()(tf.constant([0.0, np.e - 1, -5.0]))
    np.testing.assert_allclose(found, np.array([[0, 1], [0.1, 0], [0, 1]]), atol=1e-6)


def test_position_input_is_a_scaled_log() -> None:
    np.testing.assert_allclose(
        PositionInput()(tf.constant([0, 99])), np.array([[0], [np.log(100) / 5]]), rtol=1e-6
    )


def test_bumps_peak_at_their_centres() -> None:
    layer = TimeBumps(3, first=1_000_000_000, last=1_000_000_100)
    found = layer(tf.constant([1_000_000_000, 1_000_000_050, 1_000_000_100], tf.int64)).numpy()
    np.testing.assert_allclose(np.diag(found), 1.0, atol=1e-6)
    np.testing.assert_allclose(found[0], np.exp([0, -0.5, -2]), rtol=1e-5)


def test_times_past_the_range_are_clamped() -> None:
    layer = TimeBumps(4, first=100, last=200)
    ends = layer(tf.constant([100, 200], tf.int64))
    past = layer(tf.constant([-(2**62), 2**62], tf.int64))
    np.testing.assert_array_equal(past, ends)


def test_a_second_matters_to_the_bumps_only_as_a_share_of_the_range() -> None:
    """int64 seconds go through float64: float32 could not tell 2^31 from 2^31 + 60."""
    layer = TimeBumps(2, first=2**31, last=2**31 + 100)
    one, two = layer(tf.constant([2**31 + 20, 2**31 + 80], tf.int64)).numpy()
    np.testing.assert_allclose(one, np.exp(-0.5 * np.array([0.2, 0.8]) ** 2), rtol=1e-5)
    np.testing.assert_allclose(one, two[::-1], rtol=1e-5)


def test_one_moment_of_data_does_not_divide_by_zero() -> None:
    assert np.all(np.isfinite(TimeBumps(2, first=5, last=5)(tf.constant([5], tf.int64))))


def whole(dropout: float = 0.0) -> EventEmbedding:
    return EventEmbedding(
        ItemEmbedding(3, 4),
        level=LevelEmbedding(5, 2),
        feedback=FeedbackEmbedding(3),
        user=UserEmbedding(2),
        gap=GapInputs(),
        time=TimeBumps(4, first=0, last=10),
        position=PositionInput(),
        dropout=dropout,
        seed=0,
        event_type=EventTypeEmbedding(2, 6),
    )


def event() -> Any:
    shape = (2, 3)
    return SimpleNamespace(
        item=tf.fill(shape, 2),
        level=tf.zeros(shape, tf.int32),
        feedback=tf.ones(shape),
        user=tf.ones((*shape, 5)),
        gap=tf.ones(shape),
        query_time=tf.ones(shape, tf.int64),
        position=tf.ones(shape, tf.int32),
        event_type=tf.constant([[0, 1, 2], [2, 1, 0]]),
    )


def test_parts_are_concatenated_in_order() -> None:
    layer = whole()
    found = layer(event(), tf.ones([3, 4]))
    assert found.shape == (2, 3, 4 + 2 + 3 + 2 + 2 + 4 + 1 + 6)
    np.testing.assert_array_equal(found[..., :4], 1)
    np.testing.assert_array_equal(
        found[..., 4:6], tf.gather(tf.convert_to_tensor(layer.get_weights()[1]), event().level)
    )
    assert layer.event_type is not None
    types = tf.gather(layer.event_type.table, event().event_type)
    np.testing.assert_array_equal(found[..., -6:], types)


def test_dropout_touches_only_items_and_only_in_training() -> None:
    layer = whole(dropout=0.5)
    still = layer(event(), tf.ones([3, 4]))
    np.testing.assert_array_equal(still, layer(event(), tf.ones([3, 4])))
    moved = layer(event(), tf.ones([3, 4]), training=True).numpy()
    np.testing.assert_array_equal(moved[..., 4:], still[..., 4:])
    assert set(np.unique(moved[..., :4])) <= {0.0, 2.0} and np.any(moved[..., :4] == 0)


def test_parts_that_are_left_out_take_no_room() -> None:
    assert EventEmbedding(ItemEmbedding(3, 4))(event(), tf.ones([3, 4])).shape == (2, 3, 4)


@pytest.mark.parametrize(
    "layer",
    [
        ItemEmbedding(3, 4, tied=False, features=FEATURES, seed=1),
        LevelEmbedding(5, 2, seed=1),
        FeedbackEmbedding(3, mean=1.5, std=0.5, seed=1),
        EventTypeEmbedding(4, 3, seed=1),
        UserEmbedding(3, seed=1),
        TimeBumps(4, first=3, last=9),
    ],
)
def test_configs_rebuild_layers(layer: Any) -> None:
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_half_precision_reads_gaps_and_feedback_with_all_their_digits() -> None:
    """Seconds of a day and a price are past float16's largest number, 65,504."""
    gap, price = tf.constant([86_400.0, 200_000.0]), tf.constant([90_000.0, 110_000.0])
    found = GapInputs(dtype="mixed_float16")(gap)
    np.testing.assert_allclose(found[:, 0], np.log1p(gap.numpy()) / 10, rtol=1e-3)
    options: dict[str, Any] = {"mean": 100_000.0, "std": 10_000.0, "seed": 1}
    half = FeedbackEmbedding(2, **options, dtype="mixed_float16")(price)
    whole = FeedbackEmbedding(2, **options)(price)
    np.testing.assert_allclose(half, whole, atol=2e-3)
    event = SimpleNamespace(
        item=tf.constant([2, 3]),
        level=tf.constant([0, 1]),
        feedback=price,
        user=None,
        gap=gap,
        query_time=None,
        position=None,
    )
    both = EventEmbedding(
        ItemEmbedding(3, 2, dtype="mixed_float16"),
        feedback=FeedbackEmbedding(2, **options, dtype="mixed_float16"),
        gap=GapInputs(dtype="mixed_float16"),
        dtype="mixed_float16",
    )(event, tf.ones([3, 2]))
    np.testing.assert_array_equal(both[:, 2:4], half)
    np.testing.assert_array_equal(both[:, 4:], found)
