"""Brings the ids that have events and the caller's item and user tables together.

Items are those with events and those of the table alike (the latter are cold); users are only those
with events. What has no row in its table has empty features. Who is missing where is counted in the
report, never silent.
"""

from __future__ import annotations

import polars as pl

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
    bare = len(set(with_events) - known)
    idle = len(known) - (len(with_events) - bare)
    if idle:
        report.notes.append(f"{idle} users of {table.label} have no event and are left out")
    if bare:
        report.notes.append(f"{bare} users with events are missing from {table.label}: no features")
    return _joined("user_id", with_events, table, report)


def _joined(
    role: str, ids: list[str], table: Table, report: ReadReport
) -> tuple[pl.DataFrame, FeatureSet | None]:
    frame = pl.DataFrame({role: ids}, schema={role: pl.String})
    frame = frame.join(table.frame, on=role, how="left", maintain_order="left")
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
