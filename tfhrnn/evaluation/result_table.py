"""A result as a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

WEIGHTED: Final = (
    "in the table above every event is a target of weight 1; by the weights of events, as training "
    "and its validation figure count them, the perplexity is"
)


def weighted_text(result: Mapping[str, Any]) -> str:
    """A result's perplexity by the weights of events, of every model.

    >>> weighted_text({"weighted_perplexity": {"popularity": 20.02, "best": 3.14159}})
    'popularity 20.0, best 3.142'
    """
    found = result["weighted_perplexity"].items()
    return ", ".join(f"{name} {written(_PERPLEXITY, value)}" for name, value in found)


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
    if "weighted_perplexity" in result:
        console.print(f"{WEIGHTED} {weighted_text(result)}", highlight=False, soft_wrap=True)
    if "leaked_first_targets" in result:
        leaked = result["leaked_first_targets"]
        others = leaked["perplexity_of_others"].items()
        console.print(
            f"the {leaked['targets']:,} first targets are leaked by first_item_features; "
            "perplexity of the others: "
            + ", ".join(f"{name} {value:.1f}" for name, value in others),
            highlight=False,
        )


MAIN_FIGURES: Final = ("rmse", "perplexity", "popularity")

_PERPLEXITY: Final = "perplexity"  # one digit after the point, three of those below ten

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
    "log_popularity_1": ("log-pop. of 1st", ".2f"),
    "log_popularity_k": ("log-pop. of 5", ".2f"),
    "genres_k": ("genres in 5", ".2f"),
    "genre_distance_k": ("their distance", ".3f"),
    "likeness_1": ("like the last", ".3f"),
    "distinct_items": ("distinct items", ",.0f"),
    "popularity": ("one user's 1st", ".6f"),
    "seconds": ("seconds", ",.1f"),
    "first_update_seconds": ("first update, s", ".1f"),
    "seconds_per_update": ("s/update", ".3f"),
    "updates_per_epoch": ("updates", ",.0f"),
    "peak_memory_mb": ("peak MB", ",.0f"),
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
    table = Table(title=title)
    table.add_column("model")
    headings, cells = shown_cells(rows)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row, texts in zip(rows, cells, strict=True):
        table.add_row(row["name"], *texts)
    return table


def shown_cells(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Headings of the figures that any row has, and each row's texts, "" where it has none.

    Args:
      rows: figures each, `standard_error` of the perplexity or RMSE, and an interval of a figure
        under its name with `_low` and `_high`.
    """
    keys = [key for key in _COLUMNS if any(row.get(key) is not None for row in rows)]
    cells = [[shown_figure(row, key) for key in keys] for row in rows]
    return [_COLUMNS[key][0] for key in keys], cells


def shown_figure(row: Mapping[str, Any], key: str) -> str:
    """A row's figure as it is written, with its error or interval; "" where it has none."""
    if row.get(key) is None:
        return ""
    form = _form(key, row[key])
    text = format(row[key], form)
    error = error_of(row, key)
    if error is not None:
        text += f" ± {error:{form}}"
    if f"{key}_low" in row:
        text += f" ({row[f'{key}_low']:{form}} to {row[f'{key}_high']:{form}})"
    return text


def written(key: str, value: float) -> str:
    """A figure as it is written under a key.

    >>> written("perplexity", 153.26), written("perplexity", 2.144), written("anything", 0.5)
    ('153.3', '2.144', '0.5')
    """
    return format(value, _form(key, value))


def _form(key: str, value: float) -> str:
    """A format of Python's for a figure."""
    form = _COLUMNS[key][1] if key in _COLUMNS else ".4g"
    if form == _PERPLEXITY:
        return ".1f" if value >= 10 else ".3f"
    return form


def main_figure(row: Mapping[str, Any]) -> str | None:
    """The name of the figure that a row's bound, paper and standard error are of."""
    return next((key for key in MAIN_FIGURES if row.get(key) is not None), None)


def error_of(row: Mapping[str, Any], key: str) -> float | None:
    """The standard error of a row's figure: its own, or the row's if that is of this figure."""
    whose = "perplexity" if row.get("perplexity") is not None else main_figure(row)
    own: float | None = row.get(f"{key}_standard_error")
    return row.get("standard_error") if own is None and key == whose else own


def is_shown(key: str) -> bool:
    """Whether a key of a row has a column, alone or as the interval or error of another."""
    plain = key.removesuffix("_low").removesuffix("_high").removesuffix("_standard_error")
    return plain in _COLUMNS or key in ("name", "standard_error")
