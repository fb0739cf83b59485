"""Vectors from blocks are the bytes that NumPy writes of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tfhrnn.data import disk_arrays
from tfhrnn.data.disk_arrays import read_part, slices, whole, write_npy


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.float32])
@pytest.mark.parametrize("length", [0, 1, 10])
def test_blocks_are_written_as_numpy_writes_the_whole(
    tmp_path: Path, dtype: type, length: int
) -> None:
    array: NDArray[Any] = np.arange(length).astype(dtype)
    np.save(tmp_path / "whole.npy", array)
    blocks = (array[part].astype(np.int64) for part in slices(length, 3))
    write_npy(tmp_path / "blocks.npy", dtype, length, blocks)
    assert (tmp_path / "blocks.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_a_wrong_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got 2 values, expected 3"):
        write_npy(tmp_path / "a.npy", np.int32, 3, [np.zeros(2)])


@pytest.mark.parametrize("block", [2, 100])
def test_parts_and_wholes_are_read_back(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_arrays, "BLOCK", block)
    path, dtype = tmp_path / "a.raw", np.dtype(np.int32)
    array: NDArray[np.int32]
    np.arange(9).astype(dtype).tofile(path)
    with path.open("rb") as file:
        assert read_part(file, dtype, 2, 5).tolist() == [2, 3, 4]
        assert read_part(file, dtype, 7, 9).tolist() == [7, 8]
    array = whole(path, dtype)
    path.unlink()  # what is mapped outlives its name
    assert isinstance(array, np.memmap) == (block == 2)
    assert array.tolist() == list(range(9))
    (tmp_path / "empty.raw").touch()
    assert whole(tmp_path / "empty.raw", dtype).tolist() == []
