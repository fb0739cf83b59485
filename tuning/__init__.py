"""Searching settings with keras-tuner: of the model, of its training and of how data are read.

`tune` searches from Python, `python -m tuning` from the command line.
"""

from __future__ import annotations

import importlib
from typing import Any

import tfhrnn  # noqa: F401  (picks Keras 2 before keras-tuner brings Keras 3)

_PUBLIC = {"tune": "search", "Asked": "asked", "Found": "found", "TrialTuner": "tuner"}
__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tuning' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tuning.{_PUBLIC[name]}"), name)
