"""What the commands that make, look at and hand on event logs do."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tfhrnn.arguments import event_rules, name_value_pairs, optional_path
from tfhrnn.config import preset
from tfhrnn.data.diagnosis import diagnose as diagnosed
from tfhrnn.data.event_log import EventLog, read_meta, write_event_log
from tfhrnn.data.event_rules import EventRules
from tfhrnn.data.feature_choice import choose_features
from tfhrnn.data.log_parts import exact_quantiles, gap_parts, level_counts
from tfhrnn.data.movielens import load_movielens
from tfhrnn.data.sessions import (
    DEFAULT_THRESHOLDS,
    QUANTILES,
    describe_seconds,
    gaps,
    propose_thresholds,
)
from tfhrnn.data.sources import TableSource, table_name
from tfhrnn.data.summary import print_summary, summarize
from tfhrnn.data.tables import read_interactions
from tfhrnn.errors import ConfigError
from tfhrnn.evaluation.advice import advise
from tfhrnn.startup import start_tensorflow
from tfhrnn.tfrecord.schema import SCHEMA, Schema


def prepare(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Encodes tables or a MovieLens data set as an event log."""
    thresholds: tuple[int, ...] = DEFAULT_THRESHOLDS
    if arguments.thresholds:
        thresholds = preset("hrnn", {"thresholds": arguments.thresholds}).model.thresholds
    rules = event_rules(arguments)
    replaced = read_meta(Path(arguments.out)) is not None
    if arguments.movielens:
        movielens = load_movielens(
            arguments.movielens,
            arguments.source,
            notify=lambda line: console.print(line, highlight=False, soft_wrap=True),
        )
        named = {"name": arguments.name} if arguments.name else {}
        log = movielens.write(arguments.out, thresholds=thresholds, rules=rules, **named)
    else:
        log = _prepare_table(arguments, thresholds, rules, console)
    summary = summarize(log)
    print_summary(summary, console)
    if replaced:
        console.print("the event log that stood there was replaced", highlight=False)
    console.print(f"event log: {arguments.out}", highlight=False, soft_wrap=True)
    return summary


def _prepare_table(
    arguments: argparse.Namespace,
    thresholds: tuple[int, ...],
    rules: EventRules,
    console: Console,
) -> EventLog:
    columns = dict(name_value_pairs(arguments.map, "--map"))
    events: TableSource = optional_path(arguments.interactions)
    items: TableSource | None = optional_path(arguments.items)
    users: TableSource | None = optional_path(arguments.users)
    wanted = {"item_id": arguments.item_features, "user_id": arguments.user_features}
    name, keep = arguments.interactions, arguments.keep_duplicates
    if arguments.examples:
        start_tensorflow()
        from tfhrnn.tfrecord.reader import open_examples

        given = open_examples(arguments.examples)
        schema = given.schema or Schema()
        keep = keep or given.schema is not None  # a log has dropped its identical rows
        events, name = given.events, schema.name or arguments.examples
        items = given.items if items is None else items
        users = given.users if users is None else users
        if arguments.thresholds is None and schema.thresholds:
            thresholds = schema.thresholds
        for role, table, stated in (
            ("item_id", arguments.items, schema.item_features),
            ("user_id", arguments.users, schema.user_features),
        ):
            if wanted[role] is None and table is None and stated:
                wanted[role] = list(stated)
    # Opened first, so that what is wrong with the interactions is told before all else.
    reader = read_interactions(
        events,
        columns=columns,
        timestamp_unit=arguments.timestamp_unit,
        separator=arguments.separator,
        rules=rules,
    )
    return write_event_log(
        reader,
        arguments.out,
        items=items,
        users=users,
        item_features=features(items, "item_id", wanted["item_id"], columns, console),
        user_features=features(users, "user_id", wanted["user_id"], columns, console),
        columns=columns,
        name=arguments.name or table_name(name),
        keep_duplicates=keep,
        thresholds=thresholds,
    )


def show_thresholds(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Proposes thresholds and draws the gaps."""
    from tfhrnn.data.gap_plot import plot_gap_histogram

    log = EventLog.open(arguments.data)
    parts = partial(gap_parts, log)  # a part of the users at a time; the log may be large
    proposed = propose_thresholds(parts, arguments.levels)
    plot_gap_histogram(parts, proposed, arguments.out, title=log.name)
    counts = level_counts(parts, proposed)
    shares = counts / max(1, int(counts.sum()))
    table = Table(title=f"{log.name}: {int(counts.sum()):,} gaps")
    for column in ("level", "gap from", "share of gaps"):
        table.add_column(column, justify="right")
    for level, (start, share) in enumerate(zip((0, *proposed), shares, strict=True)):
        table.add_row(str(level), describe_seconds(start), f"{share:.1%}")
    console.print(table)
    text = ",".join(map(str, proposed))
    console.print(
        f"histogram: {arguments.out}\nuse them: --thresholds {text} (prepare)",
        highlight=False,
        soft_wrap=True,
    )
    return {
        "thresholds": list(proposed),
        "level_shares": shares.tolist(),
        "gap_quantiles": exact_quantiles(parts, QUANTILES),
        "histogram": str(arguments.out),
    }


def diagnose(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Says what the data say, with advice, and writes the page."""
    from tfhrnn.evaluation.diagnosis_page import write_diagnosis

    out = Path(arguments.out)
    if out.is_dir():
        raise ConfigError(f"--out: got the folder {out}, expected a file such as report.html")
    log = EventLog.open(arguments.data)
    found = diagnosed(log)
    advice = advise(found)
    write_diagnosis(out, found, advice, gaps(log))
    for piece in advice:
        console.print(f"{'→' if piece.act else ' '} {piece.topic}: {piece.text}", highlight=False)
    console.print(f"report: {out}", highlight=False, soft_wrap=True)
    return {**found, "advice": [piece._asdict() for piece in advice], "report": str(out)}


def write_examples(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Writes an event log as TFRecord files."""
    log = EventLog.open(arguments.data)
    start_tensorflow()
    from tfhrnn.tfrecord.writer import export_examples

    files = export_examples(log, arguments.out, files=arguments.files)
    console.print(
        f"{log.num_users:,} users in {len(files)} files, {arguments.out}/{SCHEMA} tells their "
        f"columns\nread them back: python -m tfhrnn prepare --examples {arguments.out} --out DIR",
        highlight=False,
        soft_wrap=True,
    )
    return {"files": [str(file) for file in files], "fingerprint": log.fingerprint}


def features(
    table: TableSource | None,
    role: str,
    stated: list[str] | None,
    columns: dict[str, str],
    console: Console,
) -> tuple[str, ...]:
    """The features that were stated, or those chosen by content, said aloud."""
    if stated is not None:
        if table is None:
            option = "--items" if role == "item_id" else "--users"
            raise ConfigError(
                f"got features {', '.join(stated)} without a table, expected {option} too"
            )
        return tuple(stated)
    chosen = choose_features(table, role, columns)
    if chosen:
        label = table if isinstance(table, (str, Path)) else "the table"
        console.print(
            f"features of {label}, chosen by content: {', '.join(chosen)}",
            highlight=False,
            soft_wrap=True,
        )
    return chosen
