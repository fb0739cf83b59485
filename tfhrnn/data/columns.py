"""Which column of a table plays which role.

In go the column names of a table and, where they are unusual, the caller's own mapping; out goes
role → column. Known by themselves: our own names, those of Amazon Personalize (`USER_ID`), of
MovieLens' CSV files (`userId`) and of RecBole's atomic files (`user_id:token`). Case doesn't
matter. A role claimed by two columns is an error, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from tfhrnn.errors import ConfigError, DataError, did_you_mean

TableKind = Literal["interactions", "items", "users"]

_USER: Final = ("user_id", "userid", "user")
_ITEM: Final = ("item_id", "itemid", "item", "movieid", "movie_id")

ALIASES: Final[Mapping[TableKind, Mapping[str, tuple[str, ...]]]] = {
    "interactions": {
        "user_id": _USER,
        "item_id": _ITEM,
        "timestamp": ("timestamp", "time", "ts"),
        "feedback": ("feedback", "rating", "value", "event_value"),
        "weight": ("weight",),
        "event_type": ("event_type", "eventtype"),
        "session_id": ("session_id", "sessionid", "session"),
        "impressions": ("impressions", "impression"),
    },
    "items": {
        "item_id": _ITEM,
        "title": ("title", "name", "item_name", "movie_title", "item_title"),
    },
    "users": {"user_id": _USER},
}
REQUIRED: Final[Mapping[TableKind, tuple[str, ...]]] = {
    "interactions": ("user_id", "item_id", "timestamp"),
    "items": ("item_id",),
    "users": ("user_id",),
}
_RECBOLE_TYPES: Final = ("token", "token_seq", "float", "float_seq")


def plain_name(column: str) -> str:
    """Returns a column's name without RecBole's type, as written otherwise.

    >>> plain_name("movie_title:token_seq"), plain_name("USER_ID"), plain_name("a:b")
    ('movie_title', 'USER_ID', 'a:b')
    """
    name, _, kind = column.rpartition(":")
    return name if name and kind in _RECBOLE_TYPES else column


def map_columns(
    names: Sequence[str],
    kind: TableKind = "interactions",
    *,
    columns: Mapping[str, str] | None = None,
    source: str = "table",
) -> dict[str, str]:
    """Finds the column for every role of a table.

    Args:
      names: the table's columns.
      kind: what the table holds; it decides which roles there are.
      columns: role → column, where the caller says so; these win over known names.
      source: the file, for messages.

    Returns:
      Role → column, for the roles that have one.

    Raises:
      ConfigError: `columns` names a role that doesn't exist.
      DataError: a column is missing, or two claim the same role.

    >>> map_columns(["userId", "movieId", "rating", "when"], columns={"timestamp": "when"})
    {'user_id': 'userId', 'item_id': 'movieId', 'timestamp': 'when', 'feedback': 'rating'}
    """
    given = dict(columns or {})
    for role, column in given.items():
        if role not in ALIASES[kind]:
            known = ", ".join(ALIASES[kind])
            meant = did_you_mean(role, ALIASES[kind])
            raise ConfigError(f"columns: got the role {role!r}{meant}, expected one of {known}")
        if column not in names:
            raise DataError(
                source,
                found=f"no column {column!r} (there are: {', '.join(names)})",
                expected=f"the column that was mapped to {role}",
            )
    mapping: dict[str, str] = {}
    for role, aliases in ALIASES[kind].items():
        if role in given:
            mapping[role] = given[role]
            continue
        claims = [
            name
            for name in names
            if plain_name(name).lower() in aliases and name not in given.values()
        ]
        if len(claims) > 1:
            raise DataError(
                source,
                found=f"the columns {' and '.join(claims)}, which could each be {role}",
                expected=f"one of them; choose with --map {role}={claims[0]} "
                f"(in Python: columns={{{role!r}: {claims[0]!r}}})",
            )
        if claims:
            mapping[role] = claims[0]
    for role in REQUIRED[kind]:
        # a session will do in place of a user
        if role not in mapping and not (role == "user_id" and "session_id" in mapping):
            raise DataError(
                source,
                found=f"no column for {role} (there are: {', '.join(names)})",
                expected=f"a column named {role}, or the option --map {role}=COLUMN "
                f"(in Python: columns={{{role!r}: 'COLUMN'}})",
            )
    return mapping


def remembered_columns(
    names: Sequence[str], columns: Mapping[str, str] | None, before: Mapping[str, str]
) -> dict[str, str]:
    """What a further table of the same data needs to be told about its columns.

    Args:
      names: the table's columns.
      columns: role → column, where the caller says so; these win.
      before: role → column of the tables that were read earlier.

    Returns:
      `columns`, and of `before` what names a column of this table that has no other role.

    >>> remembered_columns(["who", "item", "at"], {"timestamp": "at"}, {"user_id": "who"})
    {'user_id': 'who', 'timestamp': 'at'}
    >>> remembered_columns(["user_id"], None, {"user_id": "who"})
    {}
    """
    given = dict(columns or {})
    there = {
        role: column
        for role, column in before.items()
        if column in names and role not in given and column not in given.values()
    }
    return {**there, **given}
