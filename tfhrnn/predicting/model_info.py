"""What a served model says of itself, in every row of an answer: the model card, as tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfhrnn.predicting.request_reader import Inputs, Signature, spec


def info_signature() -> Signature:
    """The inputs: `rows`, whose numbers don't matter, asks for as many rows of answer."""
    return spec("rows", 1, tf.int32)


def model_info(card: Mapping[str, Any], inputs: Inputs) -> dict[str, tf.Tensor]:
    """A model card's main facts.

    Args:
      card: as `tfhrnn.model_card.model_card` makes it.
      inputs: `rows`, `[batch]`.

    Returns:
      `[batch]` each: strings `preset`, `protocol_hash`, `fingerprint`, `versions` and `card` (both
      JSON); int32 `catalogue_items` and `state_size`; and `[batch, n]` int64 `thresholds`.
    """
    told = {
        "preset": tf.constant(card["preset"]),
        "protocol_hash": tf.constant(card["protocol_hash"]),
        "fingerprint": tf.constant(card["state"]["fingerprint"]),
        "versions": tf.constant(json.dumps(card["versions"], ensure_ascii=False)),
        "card": tf.constant(json.dumps(card, ensure_ascii=False)),
        "catalogue_items": tf.constant(card["data"]["catalogue_items"], tf.int32),
        "state_size": tf.constant(card["state"]["bytes"], tf.int32),
        "thresholds": tf.constant(card["data"]["thresholds"], tf.int64),
    }
    count = tf.size(inputs["rows"])
    return {name: tf.repeat(value[tf.newaxis], count, axis=0) for name, value in told.items()}
