"""Tables beside the main one: intervals, figures by level and position, and two systems paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from tfhrnn.data.sessions import describe_seconds
from tfhrnn.evaluation.result_table import print_wide

_FIGURES = {
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


class Details(NamedTuple):
    """One table beside the main one.

    Attributes:
      title: what it shows.
      columns: headings; the first is of the rows' names.
      rows: cells, as they are shown.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]


def details(result: Mapping[str, Any]) -> list[Details]:
    """Intervals, means over users, perplexity by level and position, and what lists show.

    Args:
      result: of `evaluate_run`, of this version or an earlier one; what it lacks is left out.
    """
    k, found = result["protocol"].get("k", 10), []
    if "intervals" in result:
        shown = {
            name: {
                figure: "{}–{}".format(*(format(end, _FIGURES[figure][1]) for end in ends))
                for figure, ends in own.items()
            }
            for name, own in result["intervals"].items()
        }
        found.append(_by_model("95 % intervals, users drawn", _titles(_FIGURES, k), shown))
    for key, title, figures in (
        ("averaged_by_users", "means over users, each user's targets averaged first", _FIGURES),
        ("exposure", f"what the first {k} show of the catalogue", _EXPOSURE),
    ):
        if key in result:
            shown = {
                name: {figure: format(own[figure], figures[figure][1]) for figure in own}
                for name, own in result[key].items()
            }
            found.append(_by_model(title, _titles(figures, k), shown))
    if "by_level" in result:
        naming = _level(result.get("thresholds"))
        found.append(_perplexities("level", result["by_level"], naming))
    if "by_position" in result:
        found.append(_perplexities("events before", result["by_position"], _position))
    return found


def print_details(result: Mapping[str, Any], console: Console) -> None:
    """Prints `details`."""
    for one in details(result):
        table = Table(title=one.title)
        for at, heading in enumerate(one.columns):
            table.add_column(heading, justify="right" if at else "left", no_wrap=at > 0)
        for row in one.rows:
            table.add_row(*row)
        print_wide(table, console)


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


def _titles(figures: Mapping[str, tuple[str, str]], k: int) -> dict[str, str]:
    return {figure: title.format(k) for figure, (title, _) in figures.items()}


def _by_model(
    title: str, titles: Mapping[str, str], rows: Mapping[str, Mapping[str, str]]
) -> Details:
    """A row a model, a column a figure."""
    cells = [[name, *(row.get(figure, "") for figure in titles)] for name, row in rows.items()]
    return Details(title, ["model", *titles.values()], cells)


def _perplexities(title: str, found: Mapping[str, Sequence[dict[str, Any]]], name: Any) -> Details:
    """A row a group of targets, a column a model."""
    groups = [name(row) for rows in found.values() for row in rows]
    by_group = {model: {name(row): row for row in rows} for model, rows in found.items()}
    cells = []
    for group in dict.fromkeys(groups):
        rows = [own.get(group) for own in by_group.values()]
        targets = next(row["targets"] for row in rows if row is not None)
        shown = ["" if row is None else f"{row['perplexity']:.1f}" for row in rows]
        cells.append([group, f"{targets:,}", *shown])
    return Details(f"perplexity by {title}", [title, "targets", *found], cells)


def _level(thresholds: Sequence[int] | None) -> Any:
    """What to call a record's level: the gap it begins at, or the start."""
    begins = None if thresholds is None else [0, *thresholds]

    def name(row: dict[str, Any]) -> str:
        level = int(row["level"])
        if begins is None:
            return str(level)
        if level >= len(begins):
            return f"{level}: start"
        return f"{level}: from {describe_seconds(begins[level])}"

    return name


def _position(row: dict[str, Any]) -> str:
    first, last = row["first"], row["last"]
    return f"{first}+" if last is None else f"{first}" if first == last else f"{first}–{last}"
