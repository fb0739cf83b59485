"""tfhrnn: hierarchical recurrent recommenders with meta data (HRNN-meta) in TensorFlow.

Importing the package picks Keras 2 (`tf-keras`), because TensorFlow Recommenders refuses Keras 3.
It must therefore come before the first use of `tf.keras`; where Keras 3 is bound already, an
ImportError says how to mend it. TensorFlow itself is not imported until a name that needs it is
used.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Config": "config",
    "preset": "config",
    "PRESETS": "config",
    "TfhrnnError": "errors",
    "DataError": "errors",
    "EventLog": "data.event_log",
    "EventRules": "data.event_rules",
    "HRNN": "models.hrnn",
    "HRNNRecommender": "recommender",
    "Predictor": "predictor",
    "Protocol": "protocol",
}
_MODULES = ("datasets",)  # that stand under their own name
__all__ = ["__version__", *_MODULES, *_PUBLIC]


def _pick_keras_2() -> None:
    """Asks TensorFlow for Keras 2, and refuses to go on where Keras 3 is in use already."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    tensorflow = sys.modules.get("tensorflow")
    bound = os.environ["TF_USE_LEGACY_KERAS"] not in ("1", "true", "True")
    if tensorflow is not None and "keras" in vars(tensorflow):
        keras = vars(tensorflow)["keras"]
        # A lazy loader has not decided yet; touching a class of it now decides for Keras 2.
        bound = bound or not keras.Model.__module__.startswith("tf_keras")
    if bound:
        raise ImportError(
            "tfhrnn needs Keras 2 (TensorFlow Recommenders refuses Keras 3), but Keras 3 is in "
            "use: import tfhrnn before tf.keras is used, or set TF_USE_LEGACY_KERAS=1 before "
            "Python starts"
        )


_pick_keras_2()


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for."""
    if name in _MODULES:
        return importlib.import_module(f"tfhrnn.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tfhrnn' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfhrnn.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
