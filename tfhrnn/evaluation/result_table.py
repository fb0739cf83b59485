"""A result as a table on the terminal."""

from __future__ import annotations

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
