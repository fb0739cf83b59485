"""Says what is in an event log before anything is trained on it.

In goes an event log; out go counts, what was dropped, repeats, ties, gaps and levels, feedback, and
one user's first events decoded, as plain values for a file or as a table for people. The log may be
larger than memory.
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_rules import below_reason, unknown_reason
from tfhrnn.data.log_parts import (
    counts_of,
    event_type_counts,
    events_of_no_weight,
    events_with_impressions,
    exact_quantiles,
    feedback_moments,
    gap_parts,
    level_counts,
    repeated_events,
)
from tfhrnn.data.sessions import describe_seconds, gap_levels, start_level

if TYPE_CHECKING:
    from rich.console import Console

    from tfhrnn.data.event_log import EventLog

_UNITS = {"s": "seconds", "ms": "milliseconds", "iso": "ISO 8601"}
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def summarize(log: EventLog, *, events: int = 8) -> dict[str, Any]:
    """Gathers the facts about an event log.

    Args:
      log: the events.
      events: how many of a user's first events to decode.

    Returns:
      Plain values, ready for JSON: counts; `dropped` reason → rows; `repeats`, the share of events
      whose item the user had before; `tied_gaps`, the share of gaps of 0 seconds; `gap_quantiles`
      in seconds; `level_shares` under the log's thresholds; `events_per_user` quantiles; `feedback`
      mean and std, None without; `event_types`, type → events ("": unknown), empty without types;
      `event_weights`, type → what its events count, and `weightless`, the events that are history
      alone; `event_thresholds`, type ("": every other) → the `least` feedback and the rows left
      out, `below` it or of `unknown` feedback; `impressions`: the events that have some, how many
      are `shown` beside the chosen items, the `most` of one event, and the `unknown_ids` that are
      no item, None without; and `user`, the one with the median number of events.
    """
    parts = partial(gap_parts, log)
    levels = level_counts(parts, log.thresholds)
    gaps = max(1, int(levels.sum()))
    counts = np.diff(log.offsets)
    report = log.report
    moments = feedback_moments(log)
    return {
        "name": log.name,
        "source": report.source,
        "fingerprint": log.fingerprint,
        "users": log.num_users,
        "items": log.num_items,
        "cold_items": int(
            (counts_of(log.item, log.num_items + FIRST_ITEM)[FIRST_ITEM:] == 0).sum()
        ),
        "events": log.num_events,
        "rows_read": report.rows_read,
        "dropped": dict(report.dropped),
        "ignored_columns": list(report.ignored),
        "notes": list(report.notes),
        "timestamp_unit": report.timestamp_unit,
        "first_event": show_time(int(log.time.min())),
        "last_event": show_time(int(log.time.max())),
        "repeats": repeat_share(log),
        "tied_gaps": sum(int((part == 0).sum()) for part in parts()) / gaps,
        "gap_quantiles": {str(q): value for q, value in exact_quantiles(parts, _QUANTILES).items()},
        "thresholds": list(log.thresholds),
        "level_shares": (levels / gaps).tolist(),
        "events_per_user": {
            str(q): float(np.quantile(counts, q)) for q in (0.0, 0.25, 0.5, 0.75, 1.0)
        },
        "feedback": None if moments is None else {"mean": moments[0], "std": moments[1]},
        "event_types": event_type_counts(log),
        "event_weights": dict(log.rules.weights),
        "weightless": events_of_no_weight(log),
        "event_thresholds": _thresholds(log),
        "impressions": _impressions(log),
        "user": _decode(log, int(np.argsort(counts, kind="stable")[len(counts) // 2]), events),
    }


def _thresholds(log: EventLog) -> dict[str, dict[str, float]]:
    """Each threshold of feedback, and how many rows of the table it left out."""
    dropped = log.report.dropped
    return {
        kind: {
            "least": least,
            "below": dropped.get(below_reason(kind), 0),
            "unknown": dropped.get(unknown_reason(kind), 0),
        }
        for kind, least in log.rules.thresholds.items()
    }


def _impressions(log: EventLog) -> dict[str, int] | None:
    """What was shown, None where the tables do not tell."""
    if "impressions" not in log.columns and not log.most_shown:
        return None
    return {
        "events": events_with_impressions(log),
        "shown": len(log.shown),
        "most": log.most_shown,
        "unknown_ids": log.report.unknown_shown,
    }


def repeat_share(log: EventLog) -> float:
    """Returns the share of events whose item the same user had before."""
    return repeated_events(log) / log.num_events


def show_time(seconds: int) -> str:
    """Shows Unix seconds as UTC.

    >>> show_time(881250949)
    '1997-12-04 15:55:49'
    """
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _decode(log: EventLog, user: int, events: int) -> dict[str, Any]:
    """Decodes a user's first events; `gap` and `level` are of the gap before the event."""
    rows = []
    where = log.events_of(user)
    types = log.event_types_of(user)
    for at in range(where.start, min(where.stop, where.start + events)):
        gap = int(log.time[at] - log.time[at - 1]) if at > where.start else None
        level = start_level(log.thresholds)
        if gap is not None:
            level = int(gap_levels(gap, log.thresholds))
        feedback = float(log.feedback[at])
        rows.append(
            {
                "item": log.catalogue.id_of(int(log.item[at])),
                "title": log.catalogue.title_of(int(log.item[at])),
                "time": show_time(int(log.time[at])),
                "gap": gap,
                "level": level,
                "feedback": None if np.isnan(feedback) else feedback,
                "event_type": types[at - where.start] or None,
            }
        )
    return {"id": log.user_ids[user], "events": where.stop - where.start, "first": rows}


def print_summary(summary: dict[str, Any], console: Console) -> None:
    """Prints what `summarize` returned.

    Args:
      summary: the facts.
      console: where to.
    """
    from rich.markup import escape
    from rich.table import Table

    facts = Table(title=escape(summary["name"] or summary["source"]), show_header=False)
    facts.add_column("fact")
    facts.add_column("value", overflow="fold")
    for fact, value in _facts(summary):
        facts.add_row(fact, escape(value))
    console.print(facts)
    user = summary["user"]
    title = f"The first of {user['events']} events of user {user['id']}"
    events = Table(title=escape(title))
    for column in ("title", "time (UTC)", "gap before", "level", "feedback"):
        events.add_column(column, justify="left" if column == "title" else "right")
    typed = bool(summary["event_types"])
    if typed:
        events.add_column("event type")
    for event in user["first"]:
        gap, feedback = event["gap"], event["feedback"]
        events.add_row(
            escape(event["title"]),
            event["time"],
            "start" if gap is None else describe_seconds(gap),
            str(event["level"]),
            "" if feedback is None else f"{feedback:g}",
            *([escape(event["event_type"] or "")] if typed else []),
        )
    console.print(events)
    for note in summary["notes"]:
        console.print(f"Note: {escape(note)}")


def _rules_and_impressions(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Lines on what only some tables have."""
    lines = []
    weights = [f"{name}: {weight:g}" for name, weight in summary["event_weights"].items()]
    if summary["weightless"]:
        weights.append(f"{summary['weightless']:,} events of weight 0 are history alone")
    if weights:
        lines.append(("event weights", ", ".join(weights)))
    rest = "every type" if len(summary["event_thresholds"]) == 1 else "others"
    thresholds = [
        f"{kind or rest}: "
        f"{rule['least']:g} or more ({rule['below']:,} rows below, {rule['unknown']:,} unknown)"
        for kind, rule in summary["event_thresholds"].items()
    ]
    if thresholds:
        lines.append(("event thresholds", ", ".join(thresholds)))
    shown = summary["impressions"]
    if shown is not None:
        lines.append(
            (
                "impressions",
                f"{shown['events']:,} events have some, {shown['most']:,} at most; "
                f"{shown['shown']:,} items shown beside the chosen ones, "
                f"{shown['unknown_ids']:,} shown ids are no item",
            )
        )
    return lines


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    items = f"{summary['items']:,}"
    if summary["cold_items"]:
        items += f" ({summary['cold_items']:,} without events)"
    thresholds = [describe_seconds(seconds) for seconds in summary["thresholds"]]
    spans = ["below " + thresholds[0], *("from " + threshold for threshold in thresholds)]
    shares = zip(spans, summary["level_shares"], strict=True)
    quantiles = summary["gap_quantiles"].items()
    per_user = summary["events_per_user"]
    dropped = [f"{rows:,} ({reason})" for reason, rows in summary["dropped"].items()]
    feedback = summary["feedback"]
    types = [f"{name or 'unknown'}: {count:,}" for name, count in summary["event_types"].items()]
    return [
        ("users", f"{summary['users']:,}"),
        ("items", items),
        ("events", f"{summary['events']:,} of {summary['rows_read']:,} rows"),
        ("dropped", ", ".join(dropped) or "none"),
        (
            "times",
            f"{summary['first_event']} to {summary['last_event']} UTC, read as "
            f"{_UNITS.get(summary['timestamp_unit'], summary['timestamp_unit'])}",
        ),
        (
            "events a user",
            f"{per_user['0.0']:g} to {per_user['1.0']:g}, median {per_user['0.5']:g}",
        ),
        ("repeats", f"{100 * summary['repeats']:.1f} % of events"),
        ("gaps of 0", f"{100 * summary['tied_gaps']:.1f} % of gaps"),
        (
            "gap quantiles",
            ", ".join(f"{float(q):.0%}: {describe_seconds(value)}" for q, value in quantiles),
        ),
        ("levels", ", ".join(f"{span}: {100 * share:.1f} %" for span, share in shares)),
        (
            "feedback",
            f"mean {feedback['mean']:.3f}, std {feedback['std']:.3f}" if feedback else "none",
        ),
        ("event types", ", ".join(types) or "none"),
        *_rules_and_impressions(summary),
        ("columns not used", ", ".join(summary["ignored_columns"]) or "none"),
    ]
