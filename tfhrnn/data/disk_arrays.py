"""Arrays that are written and read a block at a time, so that they may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

BLOCK: Final = 1_000_000  # rows held at once


def slices(length: int, block: int = BLOCK) -> Iterator[slice]:
    """Cuts 0 to `length` into blocks.

    >>> list(slices(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, length, block):
        yield slice(start, min(start + block, length))


def write_npy(path: Path, dtype: DTypeLike, length: int, blocks: Iterable[NDArray[Any]]) -> None:
    """Writes a vector as `np.save` does, from its blocks.

    Args:
      path: of the file.
      dtype: of the vector.
      length: of all blocks together.
      blocks: in order; cast to `dtype`.

    Raises:
      ValueError: the blocks have another length.
      OSError: the disk is full, say.
    """
    dtype, written = np.dtype(dtype), 0
    with path.open("wb") as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (length,),
        }
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            append(file, block, dtype)
            written += len(block)
    if written != length:
        raise ValueError(f"{path}: got {written} values, expected {length}")


def append(file: IO[bytes], values: NDArray[Any], dtype: np.dtype[Any]) -> None:
    """Writes values at a file's position."""
    file.write(np.ascontiguousarray(values, dtype).data)


def read_part(file: IO[bytes], dtype: np.dtype[Any], start: int, stop: int) -> NDArray[Any]:
    """Reads values `start` to `stop` of a file of nothing but values."""
    file.seek(start * dtype.itemsize)
    return np.fromfile(file, dtype, stop - start)


def whole(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A file of nothing but values as an array: in memory if small, else mapped."""
    if path.stat().st_size <= BLOCK * dtype.itemsize:
        return np.fromfile(path, dtype)
    return np.memmap(path, dtype, mode="r")
