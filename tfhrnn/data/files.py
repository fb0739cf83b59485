"""Writes files and folders that are there whole or not at all.

What is written goes under a temporary name beside the target and is then renamed; a folder's files
are flushed to the disk before. On any error, a full disk or Ctrl-C the temporary one is removed,
and what stood at the target stays.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from tfhrnn.errors import RunError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a temporary path that becomes `path` when the block ends without an error.

    Args:
      path: the file to write, in a folder that exists; one that is there is replaced.

    Yields:
      The path to write to.

    Raises:
      OSError: the disk is full or `path` can't be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Gives a temporary folder that becomes `out` when the block ends without an error.

    Args:
      out: the folder to write; one that is there is replaced, so look before.

    Yields:
      The temporary folder to write to.

    Raises:
      RunError: the disk is full or `out` can't be written.
    """
    out = Path(os.path.abspath(out))
    temporary: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        folder = temporary / "new"
        folder.mkdir()
        yield folder
        for file in [*(path for path in folder.rglob("*") if path.is_file()), folder]:
            _flush(file)
        _rename(folder, out, temporary / "old")
        _flush(out.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"{out}: could not be written: {reason}; nothing was kept") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def write_parquet(
    frame: pl.DataFrame, path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a frame.

    Args:
      frame: what to write.
      path: where to.
      metadata: what the file is to say of itself.

    Raises:
      OSError: the disk is full, say; polars raises an error of its own there.
    """
    try:
        frame.write_parquet(path, metadata=None if metadata is None else dict(metadata))
    except pl.exceptions.PolarsError as error:
        raise OSError(str(error).splitlines()[0]) from error


def save_table(
    frame: pl.DataFrame, path: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a frame as a Parquet file that is there whole or not at all.

    Args:
      frame: what to write.
      path: in a folder that exists.
      metadata: as in `write_parquet`.

    Raises:
      RunError: the file can't be written.
    """
    path = Path(path)
    try:
        with whole_file(path) as temporary:
            write_parquet(frame, temporary, metadata)
    except OSError as error:
        raise RunError(f"{path}: could not be written: {error.strerror or error}") from error


def _rename(folder: Path, out: Path, old: Path) -> None:
    if out.exists():
        out.rename(old)
        try:
            folder.rename(out)
        except BaseException:
            old.rename(out)
            raise
    else:
        folder.rename(out)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
