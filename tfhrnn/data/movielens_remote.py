"""Fetches MovieLens: out of a Python package, or through TensorFlow Datasets.

The package is recbole 1.2.1, fetched alone by pip, checked by its SHA-256, opened as a zip and
never installed or run; the three files are cached. TensorFlow Datasets sorts examples by the MD5 of
the split's name and their row number in GroupLens' file; `stored_order` works that order out anew,
and so the rows can be put back.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfhrnn.data.files import whole_folder
from tfhrnn.data.movielens_files import MovieLensTables, item_table
from tfhrnn.errors import RunError

_PACKAGE: Final = "recbole==1.2.1"
_SHA256: Final = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
_FILES: Final = ("ml-100k.inter", "ml-100k.item", "ml-100k.user")
_SECONDS: Final = 300  # pip may take so long
_BATCH: Final = 8192


def fetch_wheel_copy(folder: Path, notify: Callable[[str], None], notice: str) -> Path:
    """Returns a folder with ml-100k as atomic files, fetched unless it is there.

    Args:
      folder: where the copy is kept.
      notify: is told what is fetched, and `notice`.
      notice: the data's terms.

    Returns:
      `folder`.

    Raises:
      RunError: pip failed, or what it fetched is something else.
    """
    if all((folder / name).is_file() for name in _FILES):
        return folder
    notify(f"Fetching ml-100k out of the package {_PACKAGE} (2 MB) into {folder}")
    with tempfile.TemporaryDirectory() as scratch:
        wheel = _download(Path(scratch))
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest != _SHA256:
            raise RunError(f"{_PACKAGE}: got a file with SHA-256 {digest}, expected {_SHA256}")
        with whole_folder(folder) as new, zipfile.ZipFile(wheel) as archive:
            for name in _FILES:
                data = archive.read(f"recbole/dataset_example/ml-100k/{name}")
                (new / name).write_bytes(data)
    notify(notice)
    return folder


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", _PACKAGE, "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder)]
    command += ["--quiet", "--disable-pip-version-check", "--no-input"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"{_PACKAGE}: pip could not fetch it: {error}") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"exit code {done.returncode}"
        raise RunError(f"{_PACKAGE}: pip could not fetch it: {reason}")
    return wheels[0]


def load_tfds(
    name: str, data_dir: str | Path | None, notify: Callable[[str], None], notice: str
) -> MovieLensTables:
    """Loads a data set through TensorFlow Datasets, in the order of GroupLens' file.

    Args:
      name: "ml-100k" and so on.
      data_dir: where TensorFlow Datasets keeps its data, None for its default.
      notify: is told what is fetched, and `notice`.
      notice: the data's terms.

    Returns:
      The tables.

    Raises:
      RunError: TensorFlow Datasets is not installed, or could not fetch the data.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise RunError(f"{name}: TensorFlow Datasets is not installed") from error
    version = name.removeprefix("ml-")
    options = {"data_dir": None if data_dir is None else str(data_dir)}
    try:
        builders = {
            table: tfds.builder(f"movielens/{version}-{table}", **options)
            for table in ("movies", "ratings")
        }
        fresh = not builders["ratings"].data_path.exists()
        if fresh:
            notify(f"Fetching movielens/{version} through TensorFlow Datasets")
        for builder in builders.values():
            builder.download_and_prepare()
    except Exception as error:  # its downloads fail in many ways, with no common type
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise RunError(f"TensorFlow Datasets could not fetch {name}: {reason}") from error
    if fresh:
        notify(notice)
    fields = ["user_id", "movie_id", "user_rating", "timestamp"]
    people = ["user_gender", "user_occupation_text"]
    has_users = people[0] in builders["ratings"].info.features
    if has_users:
        exact = "raw_user_age" in builders["ratings"].info.features
        people.append("raw_user_age" if exact else "bucketized_user_age")
    rows = _read(tfds, builders["ratings"], fields + (people if has_users else []))
    order = np.argsort(stored_order(len(rows["timestamp"])))
    rows = {field: values[order] for field, values in rows.items()}
    text = {f: _text(rows[f]) for f in ("user_id", "movie_id")}
    interactions = pl.DataFrame(
        {
            "user_id": text["user_id"],
            "item_id": text["movie_id"],
            "feedback": rows["user_rating"],
            "timestamp": rows["timestamp"],
        }
    )
    users = None
    if has_users:
        users = pl.DataFrame(
            {
                "user_id": text["user_id"],
                "age": rows[people[2]].astype(np.int64),
                "gender": np.where(rows["user_gender"], "M", "F").tolist(),
                "occupation": _text(rows["user_occupation_text"]),
            }
        ).unique("user_id", keep="first", maintain_order=True)
    return MovieLensTables(interactions, _movies(tfds, builders["movies"]), users)


def stored_order(rows: int, salt: str = "train") -> NDArray[np.int64]:
    """Returns which row of the original file stands where in TensorFlow Datasets' store.

    Args:
      rows: of the original file.
      salt: the split's name.

    Returns:
      int64 `[rows]`: the example at place j was row order[j], counted from 0.

    >>> stored_order(4).tolist()
    [0, 3, 1, 2]
    """
    salted = hashlib.md5(salt.encode(), usedforsecurity=False)
    digests = bytearray()
    for row in range(rows):
        key = salted.copy()
        key.update(str(row).encode())
        digests += key.digest()
    halves = np.frombuffer(bytes(digests), ">u8").reshape(rows, 2)
    return np.lexsort((halves[:, 1], halves[:, 0]))


def _read(tfds: Any, builder: Any, fields: Iterable[str]) -> Mapping[str, NDArray[Any]]:
    """Reads some fields of all examples, in the order they are stored in."""
    data = builder.as_dataset(
        split="train",
        shuffle_files=False,
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(fields, True)),
    )
    batches = list(tfds.as_numpy(data.batch(_BATCH)))
    return {field: np.concatenate([batch[field] for batch in batches]) for field in fields}


def _movies(tfds: Any, builder: Any) -> pl.DataFrame:
    names = builder.info.features["movie_genres"].feature.names
    data = builder.as_dataset(split="train", shuffle_files=False)
    movies = list(tfds.as_numpy(data))
    return item_table(
        [movie["movie_id"].decode() for movie in movies],
        [movie["movie_title"].decode() for movie in movies],
        [[names[genre] for genre in movie["movie_genres"]] for movie in movies],
    )


def _text(values: NDArray[Any]) -> list[str]:
    return [value.decode() for value in values]
