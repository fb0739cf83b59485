"""Tables beside the main one: every figure in its row, and older results without them."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from rich.console import Console

from tfhrnn.evaluation.detail_tables import print_comparison, print_details

PROTOCOL = {"k": 10, "test_targets": 18_027, "test_users": 188, "hash": "0123456789abcdef"}


def shown(printed: Any, record: dict[str, Any]) -> list[list[str]]:
    screen = StringIO()
    printed(record, Console(file=screen, width=40, markup=False, emoji=False))
    lines = screen.getvalue().splitlines()
    return [[cell.strip() for cell in re.split("[│┃]", line.strip("│┃"))] for line in lines]


def test_every_group_has_a_row_and_every_model_a_column() -> None:
    level = {"level": 1, "targets": 2446, "perplexity": 813.04}
    start = {"level": 2, "targets": 188, "perplexity": 379.6}
    record = {
        "protocol": PROTOCOL,
        "thresholds": [3600],
        "intervals": {
            "best": {
                "perplexity": [147.21, 159.0],
                "hit_rate": [0.27, 0.29],
                "ndcg": [0.1, 0.2],
                "mrr": [0.11111, 0.12],
            }
        },
        "averaged_by_users": {"best": {"perplexity": 140.05, "hit_rate": 0.3}},
        "by_level": {
            "popularity": [level, start],
            "best": [{"level": 0, "targets": 15_033, "perplexity": 101.0}, level],
        },
        "by_position": {
            "best": [
                {"first": 0, "last": 0, "targets": 188, "perplexity": 57.2},
                {"first": 1, "last": 4, "targets": 752, "perplexity": 93.3},
                {"first": 200, "last": None, "targets": 1788, "perplexity": 658.4},
            ]
        },
        "exposure": {
            "best": {
                "coverage": 0.1733,
                "gini": 0.947,
                "novelty_bits": 8.617,
                "mean_log_popularity": -5.973,
            }
        },
    }
    rows = shown(print_details, record)
    for row in (
        ["best", "147.2–159.0", "0.2700–0.2900", "0.1000–0.2000", "0.1111–0.1200"],
        ["best", "140.1", "0.3000", "", ""],
        ["1: from 1 h", "2,446", "813.0", "813.0"],
        ["2: start", "188", "379.6", ""],
        ["0: from 0 s", "15,033", "", "101.0"],
        ["0", "188", "57.2"],
        ["1–4", "752", "93.3"],
        ["200+", "1,788", "658.4"],
        ["best", "0.173", "0.947", "8.62", "-5.97"],
    ):
        assert row in rows


def test_results_of_before_have_fewer_tables() -> None:
    assert shown(print_details, {"protocol": PROTOCOL}) == []


def test_two_systems_stand_beside_each_other() -> None:
    figures = {"bootstrap_p": 0.001, "permutation_p": 0.0005, "users_first": 30}
    record = {
        "rows": [{"name": "runs/a"}, {"name": "lists [b].parquet"}],
        "protocol": PROTOCOL,
        "samples": 2000,
        "paired": [
            {
                "metric": "perplexity",
                "first": [160.0, 150.0, 170.0],
                "second": [152.0, 141.0, 163.0],
                "change": [0.95, 0.93, 0.97],
                "change_is": "ratio",
                "users_second": 1158,
                **figures,
            },
            {
                "metric": "HR@10",
                "first": [0.25, 0.24, 0.26],
                "second": [0.24, 0.23, 0.25],
                "change": [-0.01, -0.02, 0.0],
                "change_is": "difference",
                "users_second": 20,
                **figures,
            },
        ],
    }
    rows = shown(print_comparison, record)
    p = ["0.0005", "0.0010", "30"]
    ratio = ["160.0 (150.0–170.0)", "152.0 (141.0–163.0)", "× 0.950 (0.930–0.970)"]
    assert ["perplexity", *ratio, *p, "1,158"] in rows
    assert ["-0.0100 (-0.0200 to +0.0000)", *p, "20"] in [row[3:] for row in rows]
    text = "\n".join(row[0] for row in rows)
    assert "A: runs/a\nB: lists [b].parquet\n" in text and "2,000 draws" in text
    assert "18,027 targets of 188 users, protocol 0123456789abcdef" in text
