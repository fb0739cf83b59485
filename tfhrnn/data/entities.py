"""Brings the ids that have events and the caller's item and user tables together.

Items are those with events and those of the table alike (the latter are cold); users are only those
with events. What has no row in its table has empty features. Who is missing where is counted in the
report, never silent.
"""

from __future__ import annotations

import polars as pl

from tfhrnn.data.anonymous import PREFIX
from tfhrnn.data.features import FeatureSet, natural_order
from tfhrnn.data.tables import ReadReport, Table


def join_items(
    with_events: list[str], table: Table | None, report: ReadReport
) -> tuple[pl.DataFrame, FeatureSet | None]:
    """Lists every item.

    Args:
      with_events: ids of the items with events, in natural order.
      table: the item table, if there is one.
      report: gets a note on cold items and on items without a row.

    Returns:
      A row an item in natural order, with `item_id` and the table's columns, and the features
      fitted on them.
    """
    if table is None:
        return pl.DataFrame({"item_id": with_events}, schema={"item_id": pl.String}), None
    known = set(table.frame["item_id"])
    cold = sorted(known.difference(with_events))
    bare = len(with_events) - (len(known) - len(cold))
    if cold:
        report.notes.append(f"{len(cold)} items of {table.label} have no event (cold items)")
    if bare:
        report.notes.append(f"{bare} items with events are missing from {table.label}: no features")
    ids = [*with_events, *cold]
    return _joined("item_id", [ids[at] for at in natural_order(ids)], table, report)


def join_users(
    with_events: list[str], table: Table | None, report: ReadReport
) -> tuple[pl.DataFrame, FeatureSet | None]:
    """Lists every user with events; see `join_items`."""
    if table is None:
        return pl.DataFrame({"user_id": with_events}, schema={"user_id": pl.String}), None
    known = set(table.frame["user_id"])
    bare = set(with_events) - known
    idle = len(known) - (len(with_events) - len(bare))
    if idle:
        report.notes.append(f"{idle} users of {table.label} have no event and are left out")
    bare = _without_sessions(bare, report)
    if bare:
        report.notes.append(
            f"{len(bare)} users with events are missing from {table.label}: no features"
        )
    return _joined("user_id", with_events, table, report)


def extend_entities(
    known: pl.DataFrame,
    features: FeatureSet | None,
    with_events: list[str],
    table: Table | None,
    report: ReadReport,
) -> pl.DataFrame:
    """Lists known items or users and new ones, for features that are fitted already.

    Args:
      known: a row each, the id first, with the raw columns of `features`.
      features: how the columns are encoded; the encoding stays.
      with_events: ids with events, known ones among them.
      table: rows that replace known ones or add new ones.
      report: gets a note on values that the encoding does not know and on new ids without a row.

    Returns:
      A row each in natural order, with the columns of `known`.
    """
    role = known.columns[0]
    if table is not None:
        table.report_to(report)
    given = known.select(role).clear() if table is None else table.frame
    bare = set(with_events).difference(known[role], given[role])
    kind = role.removesuffix("_id")
    if features is not None and (told := _without_sessions(bare, report)):
        report.notes.append(f"{len(told)} new {kind}s have no row in a table: no features")
    rowless = pl.DataFrame({role: sorted(bare)}, schema={role: pl.String})
    given = pl.concat([given, rowless], how="diagonal")
    specs = {spec.name: spec for spec in (features.specs if features else ())}
    stays = ~known[role].is_in(given[role].to_list())
    columns = []
    for name in known.columns:
        if name in given.columns:
            new = given[name]
        else:  # what the table does not tell stays
            new = given.select(role).join(known, on=role, how="left", maintain_order="left")[name]
        old, new = _alike(known[name], new, specs[name].separator if name in specs else "|")
        unknown = specs[name].unknown(new) if name in specs else []
        if unknown and table is not None:
            report.notes.append(
                f"{name} of {table.label}: {len(unknown)} values that the log does not know are "
                f"ignored, {unknown[0]!r} the first"
            )
        columns.append(pl.concat([old.filter(stays), new]).alias(name))
    frame = pl.DataFrame(columns)
    return frame[natural_order(frame[role].to_list())]


def _without_sessions(bare: set[str], report: ReadReport) -> set[str]:
    """Ids without a row less those of sessions, which no user table can have; these are noted."""
    if "session_id" not in report.columns:
        return bare
    sessions = {user for user in bare if user.startswith(PREFIX)}
    if sessions:
        report.notes.append(f"{len(sessions)} sessions without a user have no features of users")
    return bare - sessions


def _alike(known: pl.Series, new: pl.Series, separator: str) -> tuple[pl.Series, pl.Series]:
    """Two columns in one type: that of the known one where it holds the new values, else text."""
    if known.dtype == new.dtype:
        return known, new
    if isinstance(known.dtype, pl.List):
        lists = new if isinstance(new.dtype, pl.List) else new.cast(pl.String).str.split(separator)
        return known.cast(pl.List(pl.String)), lists.cast(pl.List(pl.String))
    if isinstance(new.dtype, pl.List):
        new = new.cast(pl.List(pl.String)).list.join(separator)
    cast = new.cast(known.dtype, strict=False)
    if cast.cast(new.dtype, strict=False).eq_missing(new).all():
        return known, cast
    if known.dtype.is_numeric() and new.dtype.is_numeric():
        return known.cast(pl.Float64), new.cast(pl.Float64)
    return known.cast(pl.String), new.cast(pl.String)


def _joined(
    role: str, ids: list[str], table: Table, report: ReadReport
) -> tuple[pl.DataFrame, FeatureSet | None]:
    frame = pl.DataFrame({role: ids}, schema={role: pl.String})
    frame = frame.join(table.frame, on=role, how="left", maintain_order="left")
    table.report_to(report)
    if not table.features:
        return frame, None
    features = FeatureSet.fit(table.features, frame, source=table.label)
    for spec in features.specs:
        if spec.cut:
            kept = len(spec.vocabulary)
            report.notes.append(
                f"{spec.name} of {table.label}: the {kept} most common values are kept, "
                f"{spec.cut} rarer ones count as unknown"
            )
    return frame, features
