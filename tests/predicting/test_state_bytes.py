"""The string of a state: back as it was, or refused with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.predicting.state_bytes import MAGIC, VERSION, StateBytes
from tfhrnn.predicting.user_state import UserState
from tfhrnn.training import build_model

MODEL = bytes(range(8))


def state(batch: int = 3, dtype: tf.DType = tf.float32) -> UserState:
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 2**31, batch) for _ in range(4)]
    return UserState(
        tf.constant(drawn[0], tf.int32),
        tf.constant(rng.integers(-(2**60), 2**60, batch), tf.int64),
        tf.constant(drawn[1], tf.int32),
        tf.constant([np.nan, -np.inf, 2.5][:batch], tf.float32),
        tf.constant(drawn[2], tf.int32),
        tf.constant(drawn[3], tf.int32),
        tf.constant(rng.integers(-1, 70_000, (batch, 4)), tf.int32),
        tf.constant(rng.normal(size=(batch, 2)), tf.float32),
        (
            tf.cast(rng.normal(size=(batch, 3)), dtype),
            tf.cast(rng.normal(size=(batch, 2, 2)), dtype),
        ),
    )


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16])
def test_what_is_decoded_is_what_was_encoded_to_the_last_bit(dtype: tf.DType) -> None:
    code, given = StateBytes(state(dtype=dtype), 70_000, MODEL), state(dtype=dtype)
    strings = code.encode(given)
    assert strings.shape == (3,)
    assert {len(one) for one in strings.numpy()} == {code.length}
    for one, other in zip(code.decode(strings).parts, given.parts, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("items", "wide"), [(2**16 - 1, 2), (2**16, 4)])
def test_columns_take_two_bytes_where_they_fit(items: int, wide: int) -> None:
    given = state()._replace(seen=tf.constant([[items - 1, 0, -1, 5]] * 3))
    code = StateBytes(given, items, MODEL)
    # 13 of head, 28 of numbers, 8 of features, (3 + 4) · 4 of a tower, 8 of a checksum.
    assert code.length == 13 + 28 + 4 * wide + 8 + 28 + 8
    np.testing.assert_array_equal(code.decode(code.encode(given)).seen, given.seen)


def test_the_head_says_format_and_model() -> None:
    code = StateBytes(state(), 100, MODEL)
    head = code.encode(state()).numpy()[0][:13]
    assert head == MAGIC + bytes([VERSION]) + MODEL and code.fingerprint == MODEL.hex()


def test_no_states_are_no_strings_and_back() -> None:
    code = StateBytes(state(), 100, MODEL)
    strings = code.encode(UserState.of_parts([part[:0] for part in state().parts]))
    assert strings.shape == (0,)
    assert code.decode(strings).seen.shape == (0, 4)


def _changed(string: bytes, at: int, to: int | None = None) -> bytes:
    return string[:at] + bytes([string[at] ^ 16 if to is None else to]) + string[at + 1 :]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda one: b"", "got bytes that are no state"),
        (lambda one: b"a cookie", "got bytes that are no state"),
        (
            lambda one: _changed(one, 4, VERSION + 1),
            rf"expected format {VERSION}, got.*{VERSION + 1}",
        ),
        (
            lambda one: _changed(one, 7),
            f"got the state of another model, expected one of {MODEL.hex()}",
        ),
        (lambda one: one[:-1], r"expected \d+ bytes, got"),
        (lambda one: one + b"\0", r"expected \d+ bytes, got"),
        (lambda one: _changed(one, 20), "got a damaged state"),
        (lambda one: _changed(one, len(one) - 1), "got a damaged state"),
    ],
)
def test_any_other_string_is_refused_with_the_reason(spoil: Any, reason: str) -> None:
    code = StateBytes(state(), 100, MODEL)
    strings = code.encode(state()).numpy().tolist()
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"(?s)state_bytes: {reason}"):
        code.decode(tf.constant([*strings[:2], spoil(strings[2])]))


def test_each_flipped_bit_is_found() -> None:
    code = StateBytes(state(1), 100, MODEL)
    whole = code.encode(state(1)).numpy()[0]
    decode = tf.function(code.decode, input_signature=[tf.TensorSpec([None], tf.string)])
    decode(tf.constant([whole]))
    for at in range(len(whole)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="state_bytes: "):
            decode(tf.constant([_changed(whole, at)]))


def test_a_fingerprint_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="fingerprint: got 3 bytes, expected 8"):
        StateBytes(state(), 100, b"abc")


def test_a_state_of_the_default_preset_is_below_four_kilobytes(tiny_log: EventLog) -> None:
    """Whatever the catalogue: 4 bytes a seen item, 512 of them; see BUILD.md for the others."""
    config = preset("best")
    model = build_model(config, training_facts(tiny_log, np.arange(36), config.model))
    user = tf.zeros([1, 0])
    example = UserState.begun(user, model.tower.initial_state(1), config.model.seen_items)
    assert StateBytes(example, 10**6, MODEL).length == 13 + 28 + 2048 + 1024 + 8 < 4096
    assert StateBytes(example, 1682, MODEL).length == 13 + 28 + 1024 + 1024 + 8
