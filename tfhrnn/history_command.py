"""The command `history`: a user's events as models read them, and as requests tell them."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError
from tfhrnn.evaluation.result_table import print_wide
from tfhrnn.histories import Histories


def history(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Shows a user's events; what is returned goes into the JSON.

    Returns:
      `user`, raw `features` by name, and `inputs`: those of `recommend` and `rank` that tell the
      history, by columns, of one row. Unknown feedback is NaN there, as in a request.

    Raises:
      ConfigError: no such user, or a number of events below 1.
      RunError: no such event log.
    """
    log = EventLog.open(arguments.data)
    user = log.user_index(arguments.user)
    if user is None:
        expected = f"one of the {log.num_users:,} users, such as {log.user_frame['user_id'][0]!r}"
        raise ConfigError(f"--user: got {arguments.user!r}, expected {expected}")
    if arguments.last is not None and arguments.last < 1:
        raise ConfigError(f"--last: got {arguments.last}, expected 1 or more")
    whole = Histories.from_log(log, [user])
    shown = whole if arguments.last is None else whole.last(arguments.last)
    arrays = shown.inputs(
        query_time=shown.last_times,
        with_feedback=log.has_feedback,
        with_event_types=bool(log.event_types),
    )
    inputs = {name: value.tolist() for name, value in arrays.items() if name != "query_time"}
    features = {name: values[0] for name, values in shown.user_columns.items()}
    weights = np.asarray(log.weight[log.events_of(user)])[-len(shown.items[0]) :].tolist()
    print_wide(_table(log, inputs, weights, arguments.user), console)
    if features:
        told = ", ".join(f"{name} {value}" for name, value in features.items())
        console.print(f"features: {told}", highlight=False, soft_wrap=True)
    console.print("in a request, by columns:", highlight=False)
    text = json.dumps(inputs, ensure_ascii=False)
    console.print(text, highlight=False, soft_wrap=True)
    return {"user": arguments.user, "features": features, "inputs": inputs}


def _table(log: EventLog, inputs: dict[str, Any], weights: list[float], user: str) -> Table:
    """A row an event, oldest first; what the data have not has no column."""
    items, times = inputs["history"][0], inputs["times"][0]
    titles = log.catalogue.titles
    table = Table(title=f"{log.name or 'event log'}, user {user}: {len(items):,} events")
    columns: dict[str, list[str]] = {
        "time (UTC)": [str(datetime.fromtimestamp(t, timezone.utc))[:19] for t in times],
        "Unix seconds": [str(time) for time in times],
        "item": items,
        "title": [titles[log.catalogue.index_of(item) - FIRST_ITEM] for item in items],
    }
    if "event_types" in inputs:
        columns["type"] = inputs["event_types"][0]
    if "feedback" in inputs:
        columns["feedback"] = ["" if x != x else f"{x:g}" for x in inputs["feedback"][0]]
    if any(weight != 1 for weight in weights):
        columns["weight"] = [f"{weight:g}" for weight in weights]
    if not any(columns["title"]):
        del columns["title"]
    for name in columns:
        table.add_column(name)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table
