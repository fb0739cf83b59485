"""Reads the files MovieLens comes in.

In goes a folder: ml-100k (u.data, u.item, u.user), ml-1m (ratings.dat, movies.dat, users.dat),
later ones (ratings.csv, movies.csv), or ml-100k as RecBole's atomic files. Out come tables of one
form: the title without its year, the year from the title, genres in alphabetical order under the
names of the later data sets ("Children", and nothing for "unknown" or "(no genres listed)").
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from tfhrnn.errors import DataError

_GENRES_100K: Final = (
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy "
    "Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"
).split()
_OCCUPATIONS_1M: Final = (
    "other/not specified",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)
_INTERACTIONS: Final = ("user_id", "item_id", "feedback", "timestamp")


class MovieLensTables(NamedTuple):
    """Interactions (a frame, or a CSV file to stream), items, and users where there are any."""

    interactions: pl.DataFrame | Path
    items: pl.DataFrame
    users: pl.DataFrame | None


def read_folder(folder: Path) -> MovieLensTables:
    """Reads a folder in any of the layouts.

    Raises:
      DataError: none of the layouts, or a file that is missing or damaged.
    """
    layouts = {
        "u.data": _read_100k,
        "ratings.dat": _read_dat,
        "ratings.csv": _read_csv,
        "ml-100k.inter": _read_recbole,
    }
    for file, read in layouts.items():
        if (folder / file).is_file():
            return read(folder)
    found = "no such folder"
    if folder.is_dir():
        found = f"a folder without {', '.join(layouts)}"
    raise DataError(folder, found=found, expected="MovieLens as GroupLens hands it out")


def item_table(
    ids: Sequence[str] | pl.Series,
    titles: Sequence[str] | pl.Series,
    genres: Sequence[list[str]] | pl.Series,
) -> pl.DataFrame:
    """Brings items into the common form.

    Args:
      ids: `[items]`.
      titles: `[items]`, such as "Toy Story (1995)".
      genres: `[items]`, a list each.

    Returns:
      `item_id`, `title`, `genres` and `year`, a row an item.

    >>> item_table(["1"], ["Up (2009)"], [["Children's", "Animation"]]).rows()
    [('1', 'Up', 'Animation|Children', 2009)]
    """
    title = pl.col("title").str.strip_chars()
    pattern = r"^(.*?)\s*\((\d{4})\)$"
    names = pl.col("genres").list.eval(
        pl.element()
        .replace({"Children's": "Children"})
        .filter(~pl.element().str.to_lowercase().is_in(["unknown", "(no genres listed)", ""]))
    )
    frame = pl.DataFrame(
        {"item_id": ids, "title": titles, "genres": genres},
        schema_overrides={"item_id": pl.String, "title": pl.String, "genres": pl.List(pl.String)},
    )
    return frame.select(
        "item_id",
        title=pl.coalesce(title.str.extract(pattern, 1), title),
        genres=names.list.sort().list.join("|"),
        year=title.str.extract(pattern, 2).cast(pl.Int64),
    )


def _read_100k(folder: Path) -> MovieLensTables:
    interactions = _rows(folder / "u.data", _INTERACTIONS, "\t")
    columns = ("item_id", "title", "date", "video", "url", *_GENRES_100K)
    items = _rows(folder / "u.item", columns, "|")
    flags = items.select(_GENRES_100K).rows()
    genres = [
        [name for name, flag in zip(_GENRES_100K, row, strict=True) if flag == "1"] for row in flags
    ]
    users = _rows(folder / "u.user", ("user_id", "age", "gender", "occupation", "zip"), "|")
    return MovieLensTables(
        interactions,
        item_table(items["item_id"], items["title"], genres),
        _with_age(users.drop("zip"), folder / "u.user"),
    )


def _read_dat(folder: Path) -> MovieLensTables:
    interactions = _rows(folder / "ratings.dat", _INTERACTIONS, "::")
    items = _rows(folder / "movies.dat", ("item_id", "title", "genres"), "::")
    table = item_table(items["item_id"], items["title"], items["genres"].str.split("|"))
    if not (folder / "users.dat").is_file():  # ml-10m has none
        return MovieLensTables(interactions, table, None)
    path = folder / "users.dat"
    users = _with_age(_rows(path, ("user_id", "gender", "age", "code", "zip"), "::"), path)
    codes = {str(code): name for code, name in enumerate(_OCCUPATIONS_1M)}
    users = users.select(
        "user_id",
        "age",
        "gender",
        occupation=pl.col("code").replace_strict(codes, default=None, return_dtype=pl.String),
    )
    return MovieLensTables(interactions, table, users)


def _read_csv(folder: Path) -> MovieLensTables:
    path = folder / "movies.csv"
    try:
        items = pl.read_csv(path, infer_schema=False)
        table = item_table(items["movieId"], items["title"], items["genres"].str.split("|"))
    except (OSError, pl.exceptions.PolarsError) as error:
        expected = "a CSV of movieId, title and genres"
        raise DataError(path, found="no file like it", expected=expected) from error
    return MovieLensTables(folder / "ratings.csv", table, None)


def _read_recbole(folder: Path) -> MovieLensTables:
    """Reads atomic files: a header, tabs, quotes as they are; title and year stand apart."""
    interactions = _rows(folder / "ml-100k.inter", _INTERACTIONS, "\t", skip=1)
    items = _rows(folder / "ml-100k.item", ("item_id", "title", "year", "genres"), "\t", skip=1)
    path = folder / "ml-100k.user"
    users = _rows(path, ("user_id", "age", "gender", "occupation", "zip"), "\t", skip=1)
    unknown = pl.col("title") == "unkonwn"  # written so there; GroupLens has "unknown"
    items = items.with_columns(title=pl.when(unknown).then(pl.lit("unknown")).otherwise("title"))
    year = items["year"].cast(pl.Int64, strict=False)
    genres = items["genres"].str.split(" ")
    table = item_table(items["item_id"], items["title"], genres).with_columns(year=year)
    return MovieLensTables(interactions, table, _with_age(users.drop("zip"), path))


def _with_age(users: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Reads the ages as whole numbers."""
    age = users["age"].cast(pl.Int64, strict=False)
    wrong = age.is_null().arg_true()
    if len(wrong):
        raise DataError(
            path,
            found=repr(users["age"][wrong[0]]),
            expected="a whole number",
            row=int(wrong[0]) + 1,
            column="age",
            more=len(wrong) - 1,
        )
    return users.with_columns(age=age)


def _rows(path: Path, columns: Sequence[str], separator: str, *, skip: int = 0) -> pl.DataFrame:
    """Reads lines without quoting as text columns, UTF-8 or, as GroupLens' older ones, Latin-1."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(path, found="no such file", expected=", ".join(columns)) from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    # Titles may hold what `splitlines` takes for the end of a line, such as U+0085.
    lines = [line.removesuffix("\r") for line in text.split("\n")][skip:]
    while lines and not lines[-1].strip():
        lines.pop()
    frame = pl.DataFrame({"line": lines}, schema={"line": pl.String})
    parts = frame["line"].str.split(separator)
    wrong = (parts.list.len() != len(columns)).arg_true()
    if not lines or len(wrong):
        raise DataError(
            path,
            found=repr(lines[wrong[0]][:80]) if lines else "no rows",
            expected=f"{len(columns)} fields: {', '.join(columns)}",
            row=int(wrong[0]) + 1 if lines else None,
            more=max(0, len(wrong) - 1),
        )
    return pl.DataFrame({name: parts.list.get(at) for at, name in enumerate(columns)})
