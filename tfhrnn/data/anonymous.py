"""Events without a user, joined to the user that their session is tied to.

As in Amazon Personalize, people are known by a session id before they are known by a user id. A row
with a user id belongs to that user. A row without one belongs to the user that any row of the same
session in the same table names, before or after it; where none does, the session is a user of its
own, "session:" and its id. A session that two users are named in is refused as soon as it has a row
without a user, since nobody can tell whose that is; where every row names its user, sessions are
not looked at. Ids of users and sessions are held in memory, rows are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from tfhrnn.data.cells import Problems, read_labels, row_numbers, show_value
from tfhrnn.errors import DataError

if TYPE_CHECKING:
    from tfhrnn.data.sources import Source

PREFIX: Final = "session:"
_EXPECTED: Final = "a user id, or a session id where the user is not known"


@dataclass
class SessionTies:
    """Whose the rows without a user are.

    Attributes:
      users: session → user, of the sessions with a row without a user.
      joined: rows that went to a user by their session, so far.
      alone: rows of sessions that no user is tied to, so far.
    """

    users: Mapping[str, str]
    joined: int = 0
    alone: int = 0

    def owners(self, user: pl.Series, session: pl.Series) -> pl.Series:
        """Whose each row is.

        Args:
          user: `[rows]`, "" where unknown.
          session: `[rows]`, likewise.

        Returns:
          `[rows]` user ids, null where both are unknown.
        """
        unnamed = (user == "") & (session != "")
        if not unnamed.any():
            return user.replace("", None)
        tied = session.replace_strict(
            list(self.users), list(self.users.values()), default=None, return_dtype=pl.String
        )
        self.joined += int((unnamed & tied.is_not_null()).sum())
        self.alone += int((unnamed & tied.is_null()).sum())
        own = pl.Series([PREFIX]).new_from_index(0, len(session)) + session
        owner = user.zip_with(~unnamed, tied.zip_with(tied.is_not_null(), own))
        return owner.replace("", None)

    def notes(self) -> list[str]:
        """What the reader of a report should know, a sentence each."""
        notes = []
        if self.joined:
            notes.append(
                f"{self.joined} rows without a user belong to the user that their session is tied "
                "to"
            )
        if self.alone:
            notes.append(
                f"{self.alone} rows without a user are of sessions that no user is tied to: each "
                f"is a user of its own, {PREFIX}ID"
            )
        return notes


def read_ties(source: Source, mapping: Mapping[str, str], chunk_rows: int) -> SessionTies:
    """Reads once through a table's users and sessions.

    Args:
      source: the table.
      mapping: role → column, with "session_id", perhaps without "user_id".
      chunk_rows: rows held at a time.

    Returns:
      The ties.

    Raises:
      DataError: ids that are neither text nor whole numbers, a session of two users with a row
        without one, or a user whose id is that of an unnamed session.
    """
    if "user_id" not in mapping:
        return SessionTies({})
    problems = Problems(source.label, source.locate)
    schema = {"session": pl.String, "user": pl.String, "row": pl.Int64}
    named = pl.DataFrame(schema=schema)
    unnamed = pl.Series([], dtype=pl.String)
    lookalikes = pl.DataFrame(schema=schema)  # users that are called like an unnamed session
    row = 1
    columns = [mapping["user_id"], mapping["session_id"]]
    for chunk in source.chunks(list(dict.fromkeys(columns)), chunk_rows):
        rows = row_numbers(row, chunk.height)
        row += chunk.height
        user, session = (read_labels(chunk[name], problems, name, rows) for name in columns)
        frame = pl.DataFrame({"session": session, "user": user, "row": rows.cast(pl.Int64)})
        has_user, has_session = pl.col("user") != "", pl.col("session") != ""
        pairs = frame.filter(has_user & has_session)
        named = pl.concat([named, pairs]).unique(
            ["session", "user"], keep="first", maintain_order=True
        )
        lookalikes = pl.concat(
            [lookalikes, frame.filter(pl.col("user").str.starts_with(PREFIX))]
        ).unique("user", keep="first", maintain_order=True)
        without = frame.filter(~has_user & has_session)["session"]
        unnamed = pl.concat([unnamed, without]).unique(maintain_order=True)
    problems.raise_first()
    ties = named.filter(pl.col("session").is_in(unnamed.to_list()))
    _require_one_user(ties, source, mapping)
    untied = unnamed.filter(~unnamed.is_in(ties["session"].to_list()))
    _require_free(lookalikes, (PREFIX + untied).to_list(), source, mapping)
    return SessionTies(dict(ties.select("session", "user").iter_rows()))


def note_blanks(
    owner: pl.Series,
    cells: Mapping[str, pl.Series],
    mapping: Mapping[str, str],
    problems: Problems,
    rows: pl.Series,
) -> None:
    """Notes rows that have neither a user nor a session.

    Args:
      owner: `[rows]`, what `SessionTies.owners` returned.
      cells: role → cells as the caller wrote them.
      mapping: role → column.
      problems: where they are noted.
      rows: the rows' numbers.
    """
    role = "user_id" if "user_id" in mapping else "session_id"
    problems.add(mapping[role], _EXPECTED, bad=owner.is_null(), values=cells[role], rows=rows)


def _require_one_user(ties: pl.DataFrame, source: Source, mapping: Mapping[str, str]) -> None:
    second = ties.filter(pl.col("session").is_duplicated() & ~pl.col("session").is_first_distinct())
    if second.is_empty():
        return
    session, user, row = second.row(0)
    first = ties.filter(pl.col("session") == session).row(0)
    label, at = _located(source, row)
    before, there = _located(source, first[2])
    where = f"row {there}" if before == label else f"{before}, row {there},"
    raise DataError(
        label,
        found=f"{show_value(user)} in the session {show_value(session)}, of which {where} says "
        f"{show_value(first[1])}",
        expected="one user in a session that also has rows without a user",
        row=at,
        column=mapping["user_id"],
        more=second.height - 1,
    )


def _require_free(
    lookalikes: pl.DataFrame, taken: list[str], source: Source, mapping: Mapping[str, str]
) -> None:
    clash = lookalikes.filter(pl.col("user").is_in(taken))
    if clash.is_empty():
        return
    label, at = _located(source, clash["row"][0])
    raise DataError(
        label,
        found=show_value(clash["user"][0]),
        expected="another id: a session without a user is called so",
        row=at,
        column=mapping["user_id"],
        more=clash.height - 1,
    )


def _located(source: Source, row: int) -> tuple[str, int]:
    return source.locate(row) if source.locate is not None else (source.label, row)
