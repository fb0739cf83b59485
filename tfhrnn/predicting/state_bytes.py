"""A user's state as one string, which the client keeps and sends back: format, size, refusals.

    bytes  what
        4  "HRNN"
        1  the format's version, 1
        8  the model's fingerprint
        …  position (int32), time (int64), item, feedback, event type, first item (4 bytes each)
        …  the last distinct items, 2 bytes each where columns fit, else 4
        …  encoded user features (float32), then the tower's state
        8  FarmHash64 of all that, against damage

All numbers are little-endian; every state of a model has the same length. A string that is cut,
changed, of another model or of a later format is refused with the reason, as an
InvalidArgumentError. The checksum finds accidents, it is no signature: whoever can send states can
make some up. Standard TensorFlow ops only.
"""

from __future__ import annotations

import math
from typing import Final

import tensorflow as tf

from tfhrnn.predicting.user_state import UserState

MAGIC: Final = b"HRNN"
VERSION: Final = 1
_CHECKSUM: Final = 8
_SHORT: Final = 2**16 - 1  # columns that 2 bytes hold beside "none"


class StateBytes(tf.Module):
    """States to strings and back.

    Args:
      example: of one user, `[1, ...]` each; only shapes and dtypes are read.
      num_items: of the catalogue.
      fingerprint: 8 bytes, the model's.
    """

    def __init__(self, example: UserState, num_items: int, fingerprint: bytes) -> None:
        super().__init__(name="state_bytes")
        if len(fingerprint) != 8:
            raise ValueError(f"fingerprint: got {len(fingerprint)} bytes, expected 8")
        self._fingerprint = fingerprint
        self._head = MAGIC + bytes([VERSION]) + fingerprint
        self._column = tf.uint16 if num_items <= _SHORT else tf.int32
        fields = self._stored(example)
        self._kinds = [(part.shape[1:], part.dtype) for part in fields]
        self._sizes = [math.prod(shape) * dtype.size for shape, dtype in self._kinds]
        self.length = len(self._head) + sum(self._sizes) + _CHECKSUM

    def encode(self, state: UserState) -> tf.Tensor:
        """`[batch]` strings of `length` bytes."""
        batch = tf.shape(state.position)[0]
        head = tf.repeat(tf.constant(list(self._head), tf.uint8)[tf.newaxis], batch, axis=0)
        blocks = [
            tf.reshape(
                tf.bitcast(tf.reshape(part, [batch, size // dtype.size]), tf.uint8), [batch, size]
            )
            for part, (_, dtype), size in zip(
                self._stored(state), self._kinds, self._sizes, strict=True
            )
        ]
        payload = tf.concat([head, *blocks], axis=1)
        whole = tf.concat([payload, _checksum(payload)], axis=1)
        whole = tf.ensure_shape(whole, [None, self.length])

        def string(row: tf.Tensor) -> tf.Tensor:
            # A serialised tensor ends with its content; there is no op for the bytes alone.
            return tf.strings.substr(tf.io.serialize_tensor(row), -self.length, self.length)

        return tf.map_fn(string, whole, fn_output_signature=tf.TensorSpec([], tf.string))

    def decode(self, strings: tf.Tensor) -> UserState:
        """The states of `[batch]` strings; an error for any that this model did not write."""
        length = tf.strings.length(strings)
        raw = tf.io.decode_raw(strings, tf.uint8, fixed_length=self.length)
        raw = tf.reshape(raw, [-1, self.length])
        magic, version, model = (
            tf.reduce_all(raw[:, begin:end] == tf.constant(list(self._head[begin:end]), tf.uint8))
            for begin, end in ((0, 4), (4, 5), (5, 13))
        )
        body, told = raw[:, :-_CHECKSUM], raw[:, -_CHECKSUM:]
        checks: tuple[tuple[tf.Tensor, list[object]], ...] = (
            (magic, ["got bytes that are no state"]),
            (version, [f"expected format {VERSION}, got", raw[:, 4]]),
            (model, [f"got the state of another model, expected one of {self.fingerprint}"]),
            (tf.reduce_all(length == self.length), [f"expected {self.length} bytes, got", length]),
            (tf.reduce_all(_checksum(body) == told), ["got a damaged state"]),
        )
        asserted: list[tf.Operation] = []
        for right, (words, *values) in checks:
            with tf.control_dependencies(asserted):  # the first reason is the one to tell
                asserted = [tf.debugging.Assert(right, [f"state_bytes: {words}", *values])]
        with tf.control_dependencies(asserted):
            body = tf.identity(body)
        return self._read(body)

    @property
    def fingerprint(self) -> str:
        """The model's fingerprint in hexadecimal digits."""
        return self._fingerprint.hex()

    def _stored(self, state: UserState) -> list[tf.Tensor]:
        seen = tf.cast(state.seen + 1, self._column)  # 0 where there are no more
        return list(state._replace(seen=seen).parts)

    def _read(self, body: tf.Tensor) -> UserState:
        parts, at, batch = [], len(self._head), tf.shape(body)[0]
        for (shape, dtype), size in zip(self._kinds, self._sizes, strict=True):
            flat = tf.reshape(body[:, at : at + size], [batch, size // dtype.size, dtype.size])
            parts.append(tf.reshape(tf.bitcast(flat, dtype), [batch, *shape]))
            at += size
        state = UserState.of_parts(parts)
        return state._replace(seen=tf.cast(state.seen, tf.int32) - 1)


def _checksum(payload: tf.Tensor) -> tf.Tensor:
    """FarmHash64 of each row, `[batch, 8]` bytes."""
    return tf.raw_ops.Fingerprint(data=payload, method="farmhash64")
