"""Tables beside the main one: intervals, figures by level and position, and two systems paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tfhrnn.data.sessions import describe_seconds
from tfhrnn.evaluation.result_table import print_wide

_INTERVALS = {
    "perplexity": ("perplexity", ".1f"),
    "hit_rate": ("HR@{}", ".4f"),
    "ndcg": ("NDCG@{}", ".4f"),
    "mrr": ("MRR@{}", ".4f"),
}
_EXPOSURE = {
    "coverage": ("coverage", ".3f"),
    "gini": ("Gini", ".3f"),
    "novelty_bits": ("novelty, bits", ".2f"),
    "mean_log_popularity": ("mean log-popularity", ".2f"),
}


def print_details(result: dict[str, Any], console: Console) -> None:
    """Intervals, perplexity by level and by position, and what lists show, where a result has it.

    Args:
      result: of `evaluate_run`, of this version or an earlier one.
      console: where to.
    """
    k = result["protocol"]["k"]
    if "intervals" in result:
        shown = {
            name: {
                figure: "{}–{}".format(*(format(end, _INTERVALS[figure][1]) for end in ends))
                for figure, ends in found.items()
            }
            for name, found in result["intervals"].items()
        }
        titles = {figure: title.format(k) for figure, (title, _) in _INTERVALS.items()}
        print_wide(_table("95 % intervals, users drawn", titles, shown), console)
    if "by_level" in result:
        print_wide(
            _perplexities("level", result["by_level"], _level(result["thresholds"])), console
        )
    if "by_position" in result:
        print_wide(_perplexities("events before", result["by_position"], _position), console)
    if "exposure" in result:
        shown = {
            name: {figure: format(found[figure], _EXPOSURE[figure][1]) for figure in found}
            for name, found in result["exposure"].items()
        }
        titles = {figure: title for figure, (title, _) in _EXPOSURE.items()}
        print_wide(_table(f"what the first {k} show of the catalogue", titles, shown), console)


def print_comparison(found: dict[str, Any], console: Console) -> None:
    """Two systems beside each other; see `tfhrnn.experiments.peers`."""
    names = [row["name"] for row in found["rows"]]
    protocol = found["protocol"]
    table = Table(
        title=f"{protocol['test_targets']:,} targets of {protocol['test_users']:,} users, "
        f"protocol {protocol['hash']}"
    )
    table.add_column("metric")
    for heading in ("A", "B", "B against A", "p", "bootstrap p", "A better", "B better"):
        table.add_column(heading, justify="right")
    for row in found["paired"]:
        ratio = row["change_is"] == "ratio"
        digits = ".1f" if ratio else ".4f"
        change = ("× {:.3f} ({:.3f}–{:.3f})" if ratio else "{:+.4f} ({:+.4f} to {:+.4f})").format(
            *row["change"]
        )
        table.add_row(
            row["metric"],
            *(_with_interval(row[side], digits) for side in ("first", "second")),
            change,
            *(f"{row[name]:.4f}" for name in ("permutation_p", "bootstrap_p")),
            *(f"{row[name]:,}" for name in ("users_first", "users_second")),
        )
    print_wide(table, console)
    for letter, name in zip("AB", names, strict=True):
        console.print(f"{letter}: {name}", highlight=False, soft_wrap=True)
    console.print(
        f"in brackets 95 % intervals, users drawn; p: models exchanged user by user; better: users;"
        f" {found['samples']:,} draws",
        highlight=False,
        soft_wrap=True,
    )


def _with_interval(values: Sequence[float], digits: str) -> str:
    value, low, high = (format(value, digits) for value in values)
    return f"{value} ({low}–{high})"


def _table(title: str, titles: Mapping[str, str], rows: Mapping[str, Mapping[str, str]]) -> Table:
    """A row a model, a column a figure."""
    table = Table(title=title)
    table.add_column("model")
    for heading in titles.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in rows.items():
        table.add_row(name, *(row.get(figure, "") for figure in titles))
    return table


def _perplexities(title: str, found: Mapping[str, Sequence[dict[str, Any]]], name: Any) -> Table:
    """A row a group of targets, a column a model."""
    table = Table(title=f"perplexity by {title}")
    table.add_column(title)
    table.add_column("targets", justify="right")
    for model in found:
        table.add_column(model, justify="right")
    groups = [name(row) for rows in found.values() for row in rows]
    by_group = {model: {name(row): row for row in rows} for model, rows in found.items()}
    for group in dict.fromkeys(groups):
        rows = [own.get(group) for own in by_group.values()]
        targets = next(row["targets"] for row in rows if row is not None)
        shown = ["" if row is None else f"{row['perplexity']:.1f}" for row in rows]
        table.add_row(group, f"{targets:,}", *shown)
    return table


def _level(thresholds: Sequence[int]) -> Any:
    """What to call a record's level: the gap it begins at, or the start."""
    begins = [0, *thresholds]

    def name(row: dict[str, Any]) -> str:
        level = int(row["level"])
        if level >= len(begins):
            return f"{level}: start"
        return f"{level}: from {describe_seconds(begins[level])}"

    return name


def _position(row: dict[str, Any]) -> str:
    first, last = row["first"], row["last"]
    return f"{first}+" if last is None else f"{first}" if first == last else f"{first}–{last}"
