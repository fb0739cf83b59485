"""The element types of tensors: which JSON values each takes, and how an array of it is made.

A type is known by its name in TensorFlow's messages: `float`, `int64`, `string`, `half`, ... The
narrow integers take whatever fits 32 bits and wrap, as TensorFlow Serving's do.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

_INTEGERS: dict[str, tuple[int, int]] = {
    "int8": (-(2**31), 2**31 - 1),
    "uint8": (-(2**31), 2**31 - 1),
    "int16": (-(2**31), 2**31 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
_FLOATS = ("float", "double")


@dataclass(frozen=True)
class Dtype:
    """One element type, by its name."""

    name: str

    @property
    def is_string(self) -> bool:
        """Whether values are strings, or bytes in base64."""
        return self.name == "string"

    @property
    def is_readable(self) -> bool:
        """Whether JSON values can be turned into this type at all."""
        return self.name in _INTEGERS or self.name in _FLOATS or self.name in ("string", "bool")

    def fits(self, values: list[Any]) -> bool:
        """Whether every one of the values is of this type, without any conversion but to float.

        >>> [Dtype("int32").fits([value]) for value in (7, 7.0, True, "7", 2**31)]
        [True, False, False, False, False]
        """
        kinds = set(map(type, values))
        if self.name in _FLOATS:
            return kinds <= {int, float}
        if self.name in _INTEGERS:
            least, most = _INTEGERS[self.name]
            return kinds <= {int} and (not values or least <= min(values) <= max(values) <= most)
        return self.is_readable and kinds <= {str if self.is_string else bool}

    def array(self, values: list[Any]) -> Array:
        """An array `[len(values)]` of values that fit; strings may be bytes already.

        >>> Dtype("uint8").array([255, 256, -1]).tolist()
        [255, 0, 255]
        """
        if self.name in _FLOATS:
            return _floats(values, self.name)
        if self.name in _INTEGERS:
            wide = np.uint64 if self.name == "uint64" else np.int64
            return np.array(values, wide).astype(self.name)
        if self.is_string:
            array = np.empty(len(values), object)
            array[:] = [
                value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
                for value in values
            ]
            return array
        return np.array(values, self.name)


def _floats(values: list[Any], name: str) -> Array:
    """Floats, of which single precision has no numbers below its smallest normal one."""
    exact = np.array(values, np.float64)
    if name == "double":
        return exact
    with np.errstate(over="ignore"):  # past the largest number lies infinity
        single = exact.astype(np.float32)
    single[np.abs(single) < np.finfo(np.float32).tiny] *= 0  # keeps the sign
    return single
