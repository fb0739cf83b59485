"""The page of experiments: every figure, the paper beside ours, nothing beside the file."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tfhrnn.evaluation.experiment_page import (
    Section,
    compared_with_paper,
    pictures,
    write_experiments,
)

EVIL = "<b>RNN</b> & 'co'"
TABLE1: dict[str, Any] = {
    "rows": [
        {"name": EVIL, "perplexity": 2.2, "bound": 2.144, "paper": 2, "standard_error": 0.05}
        | {"seconds_per_epoch": 0.31, "paper_seconds": 0.3, "seeds": 3},
        {"name": "HRNN", "perplexity": 1.01, "bound": 1.0, "paper": 1, "why": "rounded there"},
        {"name": "ours alone", "perplexity": 1.5},
    ],
    "protocol": {"dataset": "sessions", "hash": "0123abcd", "test_targets": 12_345},
}
TABLE3: dict[str, Any] = {
    "rows": [
        {"name": "RNN w/ feedback", "rmse": 0.9351, "rmse_standard_error": 0.004, "paper": 0.857}
        | {"perplexity": 240.0},
        {"name": "HRNN w/ feedback", "rmse": 0.9312, "paper": 0.846, "perplexity": 230.0},
    ],
    "protocol": {},
}
TABLE5: dict[str, Any] = {
    "rows": [
        {"name": f"HRNN-meta, {gap}", "model": "HRNN-meta", "gap_seconds": gap, "level": level}
        | {"log_popularity_k": -6 + level, "log_popularity_k_low": -6.5 + level}
        | {"log_popularity_k_high": -5.5 + level, "popularity": 0.002, "paper": 0.000236}
        for level, gap in enumerate((0, 60))
    ],
    "claims": [
        {"model": "HRNN-meta", "claim": "more genres", "measure": "genres_k", "change": 0.5}
        | {"low": 0.25, "high": 0.75, "verdict": "holds"}
    ],
    "history": [
        {"item": "7", "title": "Babe", "genres": "Drama|War", "seconds_before": 221}
        | {"popularity": 0.000258}
    ],
    "sweep": {
        "HRNN-meta": [
            {"gap_seconds": 3600, "level": 2, "top": [{"item": "8", "title": "Big"}]},
        ]
    },
    "protocol": {"dataset": "ml-100k"},
}
for found in TABLE5["sweep"]["HRNN-meta"]:
    found["top"][0] |= {"genres": "Comedy", "popularity": 0.00113}
COPY: dict[str, Any] = {
    "rows": [{"name": "gru", "accuracy_10": 1.0, "accuracy_100": 0.25, "seeds": 1}]
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    sections = [
        Section("table1", "What an epoch costs.", TABLE1, why="seconds of another machine"),
        Section("table3", "", TABLE3),
        Section("table5", "", TABLE5),
        Section("copy", "", COPY),
        Section("update", "Going on.", None, note="It failed: no disk"),
    ]
    folder = tmp_path_factory.mktemp("page") / "deep"
    path = write_experiments(folder / "report.html", sections, title="Tables & more")
    assert [file.name for file in folder.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def text_of(page: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.mark.parametrize(
    "shown",
    [
        "Tables & more",
        "Not here yet: update.",
        f"{EVIL} perplexity 2 2.144 2.200 ± 0.050 Ours is +2.6% from the bound. "  # 2.2 / 2.144
        "The paper's is below it",
        "HRNN perplexity 1 1 1.010 Ours is +1.0% from the bound. rounded there",
        "another reading of the task. seconds of another machine",
        f"{EVIL} seconds per epoch 0.3 0.3 HRNN perplexity",  # why is said once
        "RNN w/ feedback rmse 0.857 0.9351 ± 0.0040",
        "HRNN-meta, 0 popularity 0.000236 0.002000",
        "-6.00 (-6.50 to -5.50)",
        "HRNN-meta more genres +0.500 +0.250 to +0.750 holds",
        "Babe Drama, War −221 s 0.000258",
        "after 1 h level 2 item popularity Big Comedy 0.001130",
        "test targets 12,345",
        "hash 0123abcd",
        f"{EVIL} seeds 3",
        "What an epoch costs.",
        "Going on. It failed: no disk No result yet. This makes one: "
        "python -m tfhrnn experiment update",
    ],
)
def test_the_page_holds_every_figure(page: str, shown: str) -> None:
    assert shown in text_of(page)


def test_the_page_needs_nothing_beside_itself_and_escapes_what_it_is_given(page: str) -> None:
    sources = re.findall(r'src="(.*?)"', page)
    assert sources and all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"https?://|<script|<link|@import", page)
    assert EVIL not in page and "prefers-color-scheme: dark" in page
    anchors = re.findall(r'href="#(.*?)"', page)
    assert anchors == ["table1", "table3", "table5", "copy", "update"]
    assert all(f'id="{anchor}"' in page for anchor in anchors)
    for tag in ("table", "tr", "td", "th", "div", "figure", "details", "p"):
        assert len(re.findall(f"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag


def test_only_rows_with_a_figure_of_the_papers_are_compared() -> None:
    lines = compared_with_paper(Section("table1", "", TABLE1))
    assert [(line["row"], line["figure"]) for line in lines] == [
        (EVIL, "perplexity"),
        (EVIL, "seconds per epoch"),
        ("HRNN", "perplexity"),
    ]
    assert compared_with_paper(Section("x", "", None)) == []


@pytest.mark.parametrize(
    ("rows", "titles"),
    [
        (TABLE1["rows"], ["Perplexity (lower is better)", "Seconds an epoch"]),
        (TABLE3["rows"][:1], []),  # one bar alone says nothing
        (TABLE5["rows"], ["Popularity of the five best by gap"]),
        (COPY["rows"], ["Accuracy by distance"]),
        ([], []),
    ],
)
def test_pictures_are_of_what_rows_have(rows: list[dict[str, Any]], titles: list[str]) -> None:
    found = pictures(rows)
    assert [title for title, _ in found] == titles
    assert all(image.startswith(b"\x89PNG") for _, image in found)


def test_a_page_of_nothing_says_so(tmp_path: Path) -> None:
    page = text_of(write_experiments(tmp_path / "r.html", [], title="T").read_text())
    assert "No result here has a figure of the paper's." in page
