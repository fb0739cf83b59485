"""A Parquet file that is made in parts, over several starts of a program if need be.

While it is made, a folder `.NAME.parts` beside it holds `plan.json`, which says what is being made,
and a file a finished part. A program that is killed and started again with the same plan goes on
behind the last finished part. In the end the parts become the row groups of one file, in their
order, which appears under its name whole; its metadata tell the plan, and the folder goes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow
import pyarrow.parquet as pq

from tfhrnn.data.files import whole_file, write_parquet
from tfhrnn.errors import RunError

PLAN: Final = "plan"  # the key of the plan in the file's metadata


class PartsFile:
    """A file and what is there of it.

    Args:
      path: of the file; its folder is made.
      plan: what is made, in plain values; parts of another plan are thrown away.
      rows: of each part.

    Raises:
      RunError: the path is a folder, or cannot be written.
    """

    def __init__(self, path: str | Path, plan: Mapping[str, Any], rows: Sequence[int]) -> None:
        self.path, self._rows = Path(path), list(rows)
        self._plan = json.dumps(plan, sort_keys=True, ensure_ascii=False)
        self._folder = self.path.with_name(f".{self.path.name}.parts")
        if self.path.is_dir():
            raise RunError(f"{self.path}: got a folder, expected a file")

    @property
    def is_complete(self) -> bool:
        """Whether the file is there, made by this plan."""
        try:
            found = pq.read_schema(self.path).metadata or {}
        except (OSError, pyarrow.ArrowInvalid):
            return False
        return found.get(PLAN.encode()) == self._plan.encode()

    @contextmanager
    def making(self) -> Iterator[list[int]]:
        """Keeps other programs out while parts are written.

        Yields:
          The numbers of the parts that are still to be written, in order.

        Raises:
          RunError: another program is making the file, or it cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / "lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise RunError(f"{self.path}: another program is making it") from None
                self._take_over()
                yield [at for at in range(len(self._rows)) if not self._is_whole(at)]
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunError(
                f"{self.path}: could not be written: {reason}; finished parts are kept"
            ) from error

    def write(self, number: int, frame: pl.DataFrame) -> None:
        """Writes a part, whole or not at all.

        Raises:
          OSError: the disk is full, say.
        """
        with whole_file(self._part(number)) as temporary:
            write_parquet(frame, temporary)

    def finish(self) -> None:
        """Makes the file of the parts, a row group each, and removes them.

        Raises:
          OSError: the disk is full, say.
        """
        with whole_file(self.path) as temporary:
            schema = pq.read_schema(self._part(0)).with_metadata({PLAN: self._plan})
            with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
                for number in range(len(self._rows)):
                    # not read_table: its readers ahead keep tens of megabytes more
                    with pq.ParquetFile(self._part(number)) as file:
                        part = file.read(use_threads=False)
                    writer.write_table(part.replace_schema_metadata(schema.metadata))
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
        shutil.rmtree(self._folder)

    def _take_over(self) -> None:
        """Keeps the parts of this plan, throws those of another one away."""
        plan = self._folder / "plan.json"
        if plan.is_file() and plan.read_text(encoding="utf-8") == self._plan:
            return
        for path in self._folder.iterdir():
            if path.name != "lock":
                path.unlink()
        with whole_file(plan) as temporary:
            temporary.write_text(self._plan, encoding="utf-8")

    def _is_whole(self, number: int) -> bool:
        try:
            return bool(pq.read_metadata(self._part(number)).num_rows == self._rows[number])
        except (OSError, pyarrow.ArrowInvalid):  # missing, or cut by a crash of the machine
            return False

    def _part(self, number: int) -> Path:
        return self._folder / f"{number:06}.parquet"
