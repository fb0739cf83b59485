"""A question about histories, and its answers as a table: what `recommend` and `rank` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.facts import TrainingFacts
from tfhrnn.data.features import BUCKETS, FeatureColumn, FeatureSpec
from tfhrnn.data.sources import TableSource
from tfhrnn.data.tables import id_column, read_table
from tfhrnn.errors import ConfigError, DataError
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor, texts

_LAST_SECOND: Final = 253_402_300_799  # of the year 9999


class Question(NamedTuple):
    """What is asked.

    Attributes:
      histories: of the users.
      query_time: `[users]` int64 Unix seconds.
      levels: `[users]` int32, of the gaps before them; the start level where there is no history.
    """

    histories: Histories
    query_time: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int32]


def ask(
    predictor: Predictor,
    facts: TrainingFacts,
    histories: Sequence[Sequence[str]] | Histories | TableSource,
    *,
    times: Sequence[Sequence[int]] | None,
    user_columns: Mapping[str, Sequence[Any]] | None,
    query_time: int | Sequence[int] | None,
    gap: int | Sequence[int] | None,
    event_types: Sequence[Sequence[str | None]] | None = None,
    feedback: Sequence[Sequence[float | None]] | None = None,
    columns: Mapping[str, str] | None = None,
    known_columns: Mapping[str, str] | None = None,
) -> Question:
    """Reads a question; the arguments are those of `HRNNRecommender.recommend`.

    `known_columns` are role → column of the tables that the model was trained on.

    Raises:
      ConfigError: both query_time and gap, a time that can't be, a user feature, event types or
        feedback that the model doesn't read, or lists beside histories that bring their own.
      DataError: lists of unlike lengths, or a value that is no number where one is read.
    """
    known = [spec.name for spec in predictor.user_specs]
    for unknown in (name for name in user_columns or {} if name not in known):
        there_are = f"there are: {', '.join(known)}" if known else "this model reads none"
        raise ConfigError(f"no user feature named {unknown!r}; {there_are}")
    if event_types is not None and not predictor.reads_event_types:
        raise ConfigError("event_types: got some, but this model reads none (event_types=false)")
    if feedback is not None and not predictor.uses_feedback:
        raise ConfigError("feedback: got some, but this model reads none (feedback=false)")
    lists = {"times": times, "event_types": event_types, "feedback": feedback}
    if columns and isinstance(histories, (list, tuple, Histories)):
        raise ConfigError("columns: got some without a table, expected a table of interactions")
    if isinstance(histories, (list, tuple)):
        histories = Histories.from_lists(
            histories,
            facts,
            times=times,
            feedback=feedback,
            user_columns=user_columns,
            event_types=event_types,
        )
    elif given := [name for name, values in lists.items() if values is not None]:
        raise ConfigError(f"{given[0]}: got some beside a table, expected them as its column")
    elif not isinstance(histories, Histories):
        histories = Histories.from_table(
            histories, user_columns=user_columns, columns=columns, known=known_columns
        )
    begun = np.array([len(row) > 0 for row in histories.items], np.bool_)
    last = np.where(begun, histories.last_times, facts.last_time)
    asked = _query_times(last, query_time, gap)
    levels = predictor.levels(np.maximum(asked - last, 0))
    levels = np.where(begun, levels, predictor.start_level).astype(np.int32)
    return Question(histories, asked, levels)


def best_first(columns: Mapping[str, npt.NDArray[Any]], by: str) -> dict[str, npt.NDArray[Any]]:
    """Sorts each row's answers by a column, the highest first; equal ones keep their order.

    Args:
      columns: name to `[users, answers]` values, `item` among them.
      by: the column; answers whose value is NaN or -inf come last, and blank ids after them.

    >>> ids, score = np.array([["a", "", "b", "c"]]), np.array([[0.1, 9.0, np.nan, 0.2]])
    >>> best_first({"item": ids, "score": score}, "score")["item"].tolist()
    [['c', 'a', 'b', '']]
    """
    score = columns[by]
    worst = np.where(np.isnan(score) | (score == -np.inf), np.inf, -score)
    order = np.argsort(np.where(columns["item"] == "", np.nan, worst), kind="stable")
    return {name: np.take_along_axis(values, order, axis=1) for name, values in columns.items()}


def padded_items(items: Sequence[Sequence[str]], users: int) -> npt.NDArray[np.str_]:
    """Lists of ids to rank as `[users, longest]`, "" at the end of shorter ones.

    Raises:
      DataError: not a list for each user.
    """
    if len(items) != users:
        found, expected = f"{len(items)} lists", f"{users}, one a history"
        raise DataError("items", found=found, expected=expected)
    width = max(map(len, items), default=0)
    ids = np.array([[*row, *[""] * (width - len(row))] for row in items], np.str_)
    return ids.reshape(users, width)


def new_items(
    table: TableSource | None,
    specs: Sequence[FeatureSpec] | None,
    columns: Mapping[str, str] | None = None,
) -> tuple[dict[str, list[Any]] | None, dict[str, str]]:
    """A table of items in no catalogue, as `AnswerOptions` takes them, and their titles.

    Args:
      table: with ids and the features; None for none.
      specs: the features of the model's items, None where it reads none.
      columns: role → column of interactions, whose column of ids the table may share.

    Raises:
      DataError: the table cannot be read, or lacks a feature.
    """
    if table is None:
        return None, {}
    wanted = [
        FeatureColumn(one.name, one.kind, one.separator, one.buckets or BUCKETS)
        for one in specs or ()
    ]
    shared = id_column(table, "item_id", columns)
    frame = read_table(table, features=wanted, columns=shared).frame
    titles = frame["title"].to_list() if "title" in frame.columns else [""] * frame.height
    return frame.to_dict(as_series=False), dict(zip(frame["item_id"], titles, strict=True))


def similar_table(
    catalogue: Catalogue, items: Sequence[str], found: Mapping[str, npt.NDArray[Any]]
) -> pl.DataFrame:
    """Answers of `similar_items` as rows: `item`, `rank`, `similar`, `title`, `similarity`."""
    ids = texts(found["items"])
    rows, ranks = np.nonzero(ids != "")
    titles = dict(zip(catalogue.ids, catalogue.titles, strict=True))
    chosen = ids[rows, ranks].tolist()
    return pl.DataFrame(
        {
            "item": [items[row] for row in rows],
            "rank": ranks + 1,
            "similar": chosen,
            "title": [titles[item] for item in chosen],
            "similarity": found["similarities"][rows, ranks],
        },
        schema_overrides={name: pl.String for name in ("item", "similar", "title")},
    )


def answers_table(
    catalogue: Catalogue,
    asked: Question,
    columns: Mapping[str, npt.NDArray[Any]],
    titles: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Answers as rows.

    Args:
      catalogue: of the items.
      asked: the question.
      columns: name to `[users, answers]` values, best first; blank ids in `item` are no answers.
      titles: of items that the catalogue does not have.

    Returns:
      A row an answer: `user`, `rank` from 1, `item`, `title`, the other columns, `level`.
    """
    ids = columns["item"]
    rows, ranks = np.nonzero(ids != "")
    known = {**(titles or {}), **dict(zip(catalogue.ids, catalogue.titles, strict=True))}
    chosen = ids[rows, ranks].tolist()
    return pl.DataFrame(
        {
            "user": [asked.histories.names[row] for row in rows],
            "rank": ranks + 1,
            "item": chosen,
            "title": [known.get(item, "") for item in chosen],
            **{name: values[rows, ranks] for name, values in columns.items() if name != "item"},
            "level": asked.levels[rows],
        },
        schema_overrides={"user": pl.String, "item": pl.String, "title": pl.String},
    )


def _query_times(
    last: npt.NDArray[np.int64],
    query_time: int | Sequence[int] | None,
    gap: int | Sequence[int] | None,
) -> npt.NDArray[np.int64]:
    """When each of some histories is asked, `[users]` Unix seconds."""
    if query_time is not None and gap is not None:
        raise ConfigError("got both query_time and gap, expected one of them")
    name, given = ("gap", gap or 0) if query_time is None else ("query_time", query_time)
    try:
        seconds = np.asarray(given, np.int64)
    except (ValueError, TypeError, OverflowError):
        raise ConfigError(f"{name}: got {given!r}, expected whole seconds") from None
    if seconds.shape not in ((), last.shape):
        found = f"{seconds.size} values for {len(last)} histories"
        raise ConfigError(f"{name}: got {found}, expected one, or one each")
    if seconds.size and not (0 <= seconds.min() and seconds.max() <= _LAST_SECOND):
        wrong = seconds.min() if seconds.min() < 0 else seconds.max()
        raise ConfigError(f"{name}: got {wrong}, expected 0 to {_LAST_SECOND} seconds")
    return np.broadcast_to(seconds, last.shape) + (last if name == "gap" else 0)
