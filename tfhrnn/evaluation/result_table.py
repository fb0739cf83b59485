"""A result as a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def print_result(result: dict[str, Any], console: Console) -> None:
    """The figures as a table, with the protocol they were taken under."""
    protocol = result["protocol"]
    table = Table(
        title=f"{protocol['dataset']}: {protocol['targets']}, {protocol['test_targets']:,} targets"
    )
    for column in ("model", "perplexity", "HR@10", "NDCG@10", "MRR@10"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for name, value in result["perplexity"].items():
        error = result["perplexity_standard_error"][name]
        rank = (f"{result[key][name]:.4f}" for key in ("hit_rate_at_10", "ndcg_at_10", "mrr_at_10"))
        table.add_row(name, f"{value:.1f} ± {error:.1f}", *rank)
    console.print(table)
    console.print(
        f"perplexity over {protocol['catalogue_items']:,} items ({protocol['candidates']}), "
        f"protocol {protocol['hash']}; ± is a standard error over users",
        highlight=False,
    )
    if "leaked_first_targets" in result:
        leaked = result["leaked_first_targets"]
        others = leaked["perplexity_of_others"].items()
        console.print(
            f"the {leaked['targets']:,} first targets are leaked by first_item_features; "
            "perplexity of the others: "
            + ", ".join(f"{name} {value:.1f}" for name, value in others),
            highlight=False,
        )


_PERPLEXITY = "perplexity"  # one digit after the point, three of those below ten

# Key of a row to the column's title and how its figures are written.
_COLUMNS = {
    "perplexity": ("perplexity", _PERPLEXITY),
    "rmse": ("RMSE", ".4f"),
    "validation_rmse": ("validation", ".4f"),
    "mae": ("MAE", ".4f"),
    "bound": ("bound", _PERPLEXITY),
    "sample_bound": ("on the sample", _PERPLEXITY),
    "over_bound": ("over it", ".2%"),
    "paper": ("paper", "g"),
    "of_popularity": ("of popularity's", ".3f"),
    "index_space_perplexity": ("in index space", ".1f"),
    "calibrated_perplexity": ("calibrated", ".1f"),
    "perplexity_after_first": ("after the first event", ".1f"),
    "old_targets": ("old targets", ".1f"),
    "new_targets": ("new targets", ".1f"),
    "hit_rate_at_10": ("HR@10", ".4f"),
    "ndcg_at_10": ("NDCG@10", ".4f"),
    "mrr_at_10": ("MRR@10", ".4f"),
    "cold_perplexity": ("cold perplexity", ",.0f"),
    "both_perplexity": ("warm and cold", ",.0f"),
    "precision_at_5": ("P@5", ".4f"),
    "precision_at_10": ("P@10", ".4f"),
    "precision_at_25": ("P@25", ".4f"),
    "seen_bias": ("β", ".2f"),
    "accuracy_10": ("D = 10", ".3f"),
    "updates_10": ("updates", ",.0f"),
    "accuracy_100": ("D = 100", ".3f"),
    "updates_100": ("updates", ",.0f"),
    "accuracy_1000": ("D = 1,000", ".3f"),
    "updates_1000": ("updates", ",.0f"),
    "parameters": ("parameters", ",.0f"),
    "state_bytes": ("state bytes", ",.0f"),
    "epochs": ("epochs", ".0f"),
    "seconds_per_epoch": ("s/epoch", ".1f"),
    "times_hrnn": ("× HRNN's", ".2f"),
    "update_seconds": ("s of updates", ".3f"),
    "updates_times_hrnn": ("× HRNN's", ".2f"),
    "paper_seconds": ("paper, s/epoch", "g"),
}


def print_experiment(rows: Sequence[dict[str, Any]], title: str, console: Console) -> None:
    """`experiment_table` with every figure whole, if need be over the edge of the screen."""
    print_wide(experiment_table(rows, title), console)


def print_wide(table: Table, console: Console) -> None:
    """Prints a table with every cell whole, if need be over the edge of the screen."""
    width = console.measure(table, options=console.options.update(max_width=1000)).maximum
    # A console prints no wider than it is.
    wide = Console(
        file=console.file,
        width=max(width, console.width),
        force_terminal=console.is_terminal,
        markup=False,
        emoji=False,
    )
    wide.print(table)


def experiment_table(rows: Sequence[dict[str, Any]], title: str) -> Table:
    """The rows of an experiment; a column for each figure that any of them has.

    Args:
      rows: `name` and figures each, and over seeds `standard_error` of the perplexity and
        `rmse_standard_error`.
      title: above the table.
    """
    keys = [key for key in _COLUMNS if any(key in row for row in rows)]
    table = Table(title=title)
    table.add_column("model")
    for key in keys:
        table.add_column(_COLUMNS[key][0], justify="right", no_wrap=True)
    for row in rows:
        form = {key: _form(_COLUMNS[key][1], row[key]) for key in keys if key in row}
        shown = [format(row[key], form[key]) if key in row else "" for key in keys]
        if "standard_error" in row:
            error = format(row["standard_error"], form["perplexity"])
            shown[keys.index("perplexity")] += f" ± {error}"
        if "rmse_standard_error" in row:
            shown[keys.index("rmse")] += f" ± {row['rmse_standard_error']:.4f}"
        table.add_row(row["name"], *shown)
    return table


def _form(form: str, value: float) -> str:
    """A format of Python's for a figure."""
    if form == _PERPLEXITY:
        return ".1f" if value >= 10 else ".3f"
    return form
