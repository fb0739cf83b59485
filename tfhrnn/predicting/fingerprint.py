"""Which model a state belongs to: a hash of what it was trained to be."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import tensorflow as tf

from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.features import FeatureSet
from tfhrnn.models.hrnn import HRNN

_FACTS = ("feedback_mean", "feedback_std", "first_time", "last_time", "event_types")


def model_fingerprint(model: HRNN, catalogue: Catalogue, user_features: FeatureSet | None) -> bytes:
    """Eight bytes that change with the settings, the catalogue, the encodings or any weight.

    Weights are hashed as they are stored, before anything is computed from them, so that the same
    trained run exported again, elsewhere or for another retrieval, has the same fingerprint. What
    a state does not depend on, such as the ranking head, does not count.
    """
    facts = {name: getattr(model.facts, name) for name in _FACTS}
    if model.facts.feedback_by_type:
        facts["feedback_by_type"] = model.facts.feedback_by_type
    told = {
        "model": dataclasses.asdict(model.config),
        "facts": facts,
        "items": catalogue.ids,
        "users": user_features.to_json() if user_features else [],
    }
    found = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for layer in (*model.encoder_layers, model.decoder):
        for variable in layer.variables:
            if variable.dtype != tf.int64:  # a random generator's
                array = np.ascontiguousarray(variable.numpy())
                found.update(f"{array.dtype}{array.shape}".encode())
                found.update(array.tobytes())
    return found.digest()[:8]
