"""Raw feature values as Python has them, turned into what a signature takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfhrnn.data.features import FeatureSpec
from tfhrnn.errors import DataError


def feature_array(values: Sequence[Any], spec: FeatureSpec, where: str) -> npt.NDArray[Any]:
    """One feature of several users or items.

    Args:
      values: a value each, None where missing; a list counts as several values.
      spec: the feature.
      where: what to call the values in an error.

    Returns:
      `[values]` float32 with NaN for missing numbers, or texts with "" for other missing ones.

    Raises:
      DataError: no number where one belongs.
    """
    if spec.kind == "numeric":
        numbers = [_number(value, spec.name, row, where) for row, value in enumerate(values, 1)]
        return np.array(numbers, np.float32)
    return np.array([_text(value, spec.separator) for value in values], object)


def _text(value: Any, separator: str) -> str:
    """A cell of any other feature, "" for a missing one, a list joined."""
    if isinstance(value, (list, tuple)):
        return separator.join(map(str, value))
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()  # as polars writes it, and so the vocabulary
    return "" if value is None else str(value)


def _number(value: Any, name: str, row: int, where: str) -> float:
    """A cell of a numeric feature, NaN for a missing one."""
    try:
        return float("nan") if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        raise DataError(
            where, row=row, column=name, found=repr(value), expected="a number"
        ) from None
