"""The table on the terminal: every figure, in its row, as it will be quoted."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tfhrnn.evaluation.result_table import (
    is_shown,
    main_figure,
    print_experiment,
    print_result,
    shown_cells,
)

FIGURES = ("hit_rate_at_10", "ndcg_at_10", "mrr_at_10")


def result(**models: tuple[float, float, float, float, float]) -> dict[str, Any]:
    """Perplexity, its error, HR, NDCG and MRR by model."""
    names = ("perplexity", "perplexity_standard_error", *FIGURES)
    return {
        "protocol": {
            "dataset": "toy",
            "targets": "every event of a test user",
            "test_targets": 19_876,
            "catalogue_items": 1682,
            "candidates": "every item of the catalogue",
            "hash": "0123456789abcdef",
        },
        **{
            name: {model: values[at] for model, values in models.items()}
            for at, name in enumerate(names)
        },
    }


def test_leaked_first_targets_are_told() -> None:
    record = result(popularity=(800.0, 9.0, 0.1, 0.1, 0.1), hrnn=(150.0, 9.0, 0.1, 0.1, 0.1))
    assert "leaked" not in shown(record)
    others = {"popularity": 790.26, "hrnn": 161.54}
    record["leaked_first_targets"] = {"targets": 1188, "perplexity_of_others": others}
    assert shown(record).splitlines()[-1] == (
        "the 1,188 first targets are leaked by first_item_features; "
        "perplexity of the others: popularity 790.3, hrnn 161.5"
    )


def test_the_perplexity_by_weights_is_told_beside_the_protocol_s() -> None:
    record = result(popularity=(800.0, 9.0, 0.1, 0.1, 0.1), hrnn=(150.0, 9.0, 0.1, 0.1, 0.1))
    assert "weight" not in shown(record)
    record["weighted_perplexity"] = {"popularity": 790.26, "hrnn": 9.54321}
    assert shown(record).splitlines()[-1] == (
        "in the table above every event is a target of weight 1; by the weights of events, as "
        "training and its validation figure count them, the perplexity is popularity 790.3, "
        "hrnn 9.543"
    )


def shown(record: dict[str, Any], width: int = 120) -> str:
    screen = StringIO()
    print_result(record, Console(file=screen, width=width, markup=False, emoji=False))
    return screen.getvalue()


def cells(text: str, model: str) -> list[str]:
    """The row of a model, cell by cell."""
    (line,) = (line for line in text.splitlines() if model in line)
    return [cell.strip() for cell in re.split("[│|]", line.strip("│|"))]


def test_every_figure_stands_in_its_models_row() -> None:
    text = shown(
        result(best=(160.249, 3.44, 0.22136, 0.1, 0.08344), popularity=(1804.1, 20.6, 0, 1, 0.5))
    )
    assert cells(text, "best") == ["best", "160.2 ± 3.4", "0.2214", "0.1000", "0.0834"]
    assert cells(text, "popularity") == [
        "popularity",
        "1804.1 ± 20.6",
        "0.0000",
        "1.0000",
        "0.5000",
    ]


def test_models_come_in_the_order_of_the_result() -> None:
    row = (1.0, 0.0, 0.0, 0.0, 0.0)
    text = shown(result(zebra=row, aardvark=row))
    assert text.index("zebra") < text.index("aardvark")


def test_headings_name_figures_and_their_protocol() -> None:
    text = shown(result(best=(2.0, 0.5, 0.1, 0.2, 0.3)))
    for heading in ("model", "perplexity", "HR@10", "NDCG@10", "MRR@10"):
        assert heading in text
    assert "toy: every event of a test user, 19,876 targets" in " ".join(text.split())
    assert (
        "perplexity over 1,682 items (every item of the catalogue), protocol 0123456789abcdef; "
        "± is a standard error over users"
    ) in " ".join(text.split())


@pytest.mark.parametrize("name", ["[red]", "[/b]", "a[0]", ":smile:", "модель"])
def test_names_are_printed_as_they_are(name: str) -> None:
    text = shown(result(**{name: (2.0, 0.5, 0.1, 0.2, 0.3)}))
    assert cells(text, name) == [name, "2.0 ± 0.5", "0.1000", "0.2000", "0.3000"]


@pytest.mark.parametrize("dataset", ["[bold]x[/bold]", "[/]"])
def test_a_data_sets_name_is_printed_as_it_is(dataset: str) -> None:
    record = result(best=(2.0, 0.5, 0.1, 0.2, 0.3))
    record["protocol"]["dataset"] = dataset
    assert f"{dataset}: every event" in " ".join(shown(record).split())


def test_a_narrow_terminal_still_shows_every_figure() -> None:
    text = shown(result(best=(160.2, 3.4, 0.2214, 0.1152, 0.0834)), width=60)
    assert max(map(len, text.splitlines())) <= 60
    for figure in ("160.2", "3.4", "0.2214", "0.1152", "0.0834", "0123456789abcdef"):
        assert figure in text


def test_the_result_is_left_as_it_was() -> None:
    record = result(best=(2.0, 0.5, 0.1, 0.2, 0.3))
    before = repr(record)
    shown(record)
    assert repr(record) == before


@pytest.mark.parametrize("width", [40, 300])
def test_figures_of_an_experiment_are_whole_on_any_screen(width: int) -> None:
    screen = StringIO()
    row = {"name": "λ per item", "perplexity": 1234.56, "cold_perplexity": 2345.6}
    row |= {"hit_rate_at_10": 0.28301, "precision_at_25": 0.15574, "seconds_per_epoch": 4.44}
    console = Console(file=screen, width=width, markup=False, emoji=False)
    print_experiment([row], "ml-100k", console)
    assert cells(screen.getvalue(), "λ per item") == [
        *("λ per item", "1234.6", "0.2830", "2,346", "0.1557", "4.4")
    ]


def test_small_perplexities_have_three_digits_and_stand_beside_bound_and_paper() -> None:
    screen = StringIO()
    small = {"name": "RNN", "perplexity": 2.16119, "standard_error": 0.00416, "bound": 2.14449}
    small |= {"sample_bound": 2.11628, "over_bound": 0.02122, "paper": 2, "paper_seconds": 0.3}
    large = {"name": "none", "perplexity": 101.26, "standard_error": 0.26, "bound": 100.794}
    console = Console(file=screen, width=300, markup=False, emoji=False)
    print_experiment([small, large], "table", console)
    text = screen.getvalue()
    row = ["RNN", "2.161 ± 0.004", "2.144", "2.116", "2.12%", "2", "0.3"]
    assert cells(text, "RNN") == row
    assert cells(text, "none")[:3] == ["none", "101.3 ± 0.3", "100.8"]


def test_cells_carry_errors_and_intervals_of_their_own_figure() -> None:
    rows = [
        {"name": "a", "rmse": 0.9351, "rmse_standard_error": 0.0042, "perplexity": 240.04}
        | {"standard_error": 1.26},
        {"name": "b", "genres_k": 6.5, "genres_k_low": 6.25, "genres_k_high": 7.0, "paper": None},
    ]
    headings, cells = shown_cells(rows)
    assert headings == ["perplexity", "RMSE", "genres in 5"]
    assert cells == [["240.0 ± 1.3", "0.9351 ± 0.0042", ""], ["", "", "6.50 (6.25 to 7.00)"]]
    assert main_figure(rows[0]) == "rmse" and main_figure(rows[1]) is None
    shown = [key for row in rows for key in row if is_shown(key)]
    assert len(shown) == 10 and not is_shown("seeds")
