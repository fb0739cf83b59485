"""MovieLens, by whichever road the machine has, in one form.

Three roads: TensorFlow Datasets; a folder as GroupLens hands it out; and, for ml-100k, a Python
package that carries a copy. All give the same tables: interactions in the order of GroupLens' file
(it decides between equal timestamps), items with title, year and genres, users where there are any.
TensorFlow Datasets stores examples in the order of a hash of their row number; that order is
undone, so that ml-100k has the same fingerprint by every road. Nothing of MovieLens comes with this
package; its terms are in `NOTICE` and are handed to `notify` whenever a copy is fetched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.movielens_files import MovieLensTables, read_folder
from tfhrnn.data.movielens_remote import fetch_wheel_copy, load_tfds
from tfhrnn.errors import ConfigError, RunError

Route = Literal["auto", "tfds", "wheel"]

NAMES: Final = ("ml-100k", "ml-1m", "ml-20m", "ml-25m", "ml-latest-small")
NOTICE: Final = (
    "MovieLens was collected by GroupLens Research at the University of Minnesota. Its terms, in "
    "short: free for research; name it in publications and don't suggest that the university or "
    "GroupLens endorses you; ask GroupLens before you pass the data on or use it commercially; it "
    "comes without any warranty. Please cite: F. M. Harper and J. A. Konstan, The MovieLens "
    "Datasets: History and Context, ACM TiiS 5(4):19, 2015, doi 10.1145/2827872."
)


@dataclass(frozen=True)
class MovieLens:
    """One of the MovieLens data sets.

    Attributes:
      name: such as "ml-100k".
      route: "wheel", "tfds" or the folder it was read from.
      interactions: `user_id`, `item_id`, `feedback` and `timestamp`, or the CSV file of them.
      items: `item_id`, `title`, `genres` ("Comedy|Drama", "" for none) and `year` (or null).
      users: `user_id`, `age`, `gender` and `occupation`; None where the data set has none.
    """

    name: str
    route: str
    interactions: pl.DataFrame | Path
    items: pl.DataFrame
    users: pl.DataFrame | None

    @property
    def item_features(self) -> tuple[str, ...]:
        """What `write_event_log` takes for the items."""
        return ("genres:multi-hot", "year:numeric")

    @property
    def user_features(self) -> tuple[str, ...]:
        """What `write_event_log` takes for the users, nothing where there are none."""
        if self.users is None:
            return ()
        return ("age:numeric", "gender:categorical", "occupation:categorical")

    def write(self, out: str | Path, **options: Any) -> EventLog:
        """Writes the event log.

        Args:
          out: the folder.
          **options: further ones of `write_event_log`, such as `thresholds`.

        Returns:
          The log, opened.
        """
        given: dict[str, Any] = {
            "name": self.name,
            "origin": f"{self.name} ({self.route})",
            "items": self.items,
            "users": self.users,
            "item_features": self.item_features,
            "user_features": self.user_features,
        }
        return write_event_log(self.interactions, out, **{**given, **options})


def load_movielens(
    name: str = "ml-100k",
    source: Route | str | Path = "auto",
    *,
    cache: str | Path | None = None,
    tfds_dir: str | Path | None = None,
    notify: Callable[[str], None] | None = None,
) -> MovieLens:
    """Loads a MovieLens data set.

    Args:
      name: one of `NAMES`, or what TensorFlow Datasets calls it; with a folder, only what to call
        it.
      source: "tfds"; "wheel", the package recbole 1.2.1 on the Python package index (ml-100k only);
        a folder in GroupLens' layout; or "auto": for ml-100k a copy cached earlier, else the
        package, else TensorFlow Datasets, for the others TensorFlow Datasets.
      cache: where the package's copy is kept; None for $TFHRNN_CACHE, or tfhrnn under
        $XDG_CACHE_HOME or ~/.cache.
      tfds_dir: where TensorFlow Datasets keeps its own; None for its default.
      notify: is told, line by line, what is fetched, from where, and under which terms.

    Returns:
      The tables.

    Raises:
      ConfigError: no such data set, or one the chosen road doesn't have.
      DataError: a folder with other files in it.
      RunError: it could not be fetched; says why, and what else to try.
    """
    say = notify or (lambda line: None)
    if source not in ("auto", "tfds", "wheel"):
        return _loaded(name, str(source), read_folder(Path(source)))
    name = plain_name(name)
    if source == "wheel" and name != "ml-100k":
        raise ConfigError(f"MovieLens: got {name} from the package, which only has ml-100k")
    failures = []
    if name == "ml-100k" and source != "tfds":
        try:
            folder = fetch_wheel_copy(cache_folder(cache) / "ml-100k", say, NOTICE)
            return _loaded(name, "wheel", read_folder(folder))
        except RunError as error:
            if source == "wheel":
                raise
            failures.append(str(error))
            say(str(error))
    try:
        return _loaded(name, "tfds", load_tfds(name, tfds_dir, say, NOTICE))
    except RunError as error:
        failures.append(str(error))
    advice = "download it from grouplens.org and give its folder as the source"
    raise RunError(f"{name}: {'; '.join(failures)}; or {advice}")


def plain_name(name: str) -> str:
    """Returns the one of `NAMES` that is meant, TensorFlow Datasets' names being known too.

    Raises:
      ConfigError: there is no such data set.

    >>> plain_name("movielens/100k-ratings"), plain_name("movielens/latest-small"), plain_name("1m")
    ('ml-100k', 'ml-latest-small', 'ml-1m')
    """
    size = re.fullmatch(r"(?:movielens/|ml-)?(.+?)(?:-ratings)?", name)
    plain = f"ml-{size[1]}" if size else name
    if plain not in NAMES:
        raise ConfigError(
            f"MovieLens: got the name {name!r}, expected one of {', '.join(NAMES)}, or as "
            "TensorFlow Datasets has it, such as movielens/100k-ratings"
        )
    return plain


def cache_folder(cache: str | Path | None = None) -> Path:
    """Returns where copies are kept: `cache`, $TFHRNN_CACHE, or the user's cache folder."""
    if cache is not None or (cache := os.environ.get("TFHRNN_CACHE")):
        return Path(cache)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfhrnn"


def _loaded(name: str, route: str, tables: MovieLensTables) -> MovieLens:
    return MovieLens(name, route, tables.interactions, tables.items, tables.users)
