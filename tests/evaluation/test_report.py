"""The page holds every figure, needs nothing beside itself, and is whole or not there."""

from __future__ import annotations

import base64
import re
import shlex
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.cli import build_parser
from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.summary import summarize
from tfhrnn.evaluation import report
from tfhrnn.evaluation.report import write_report

EVIL = """<script>alert("1")</script> & 'Co'"""
GAPS = np.array([0, 0, 5, 70, 4000, 10**6])
METRICS = pl.DataFrame(
    {
        "epoch": [1, 2],
        "perplexity": [90.0, 70.0],
        "val_perplexity": [80.0, 75.0],
        "learning_rate": [0.002, 0.001],
    }
)


def level(number: int, perplexity: float) -> dict[str, Any]:
    return {
        "level": number,
        "targets": 1100 + number,
        "perplexity": perplexity,
        "perplexity_standard_error": 1.5,
        "hit_rate": 0.3141,
        "ndcg": 0.2718,
        "mrr": 0.1618,
    }


def full_result() -> dict[str, Any]:
    top = {"item": "7", "title": EVIL, "genres": "Drama|War", "log_probability": -2.345}
    past = {"item": "8", "title": "", "genres": "", "seconds_before": 90, "feedback": None}
    sweep = {"gap_seconds": 7200, "level": 2}
    return {
        "preset": "best",
        "dataset": {"name": "toy & co", "events": 6, "users": 2, "items": 1682},
        "protocol": {
            "dataset": "toy & co",
            "fingerprint": "f" * 64,
            "split_seed": 3,
            "test_users": 188,
            "test_targets": 19_876,
            "seen_filter": False,
            "hash": "0123456789abcdef",
        },
        "catalogue_items": 1682,
        "test_targets": 19_876,
        "perplexity": {"best": 160.25, "popularity": 1804.13},
        "perplexity_standard_error": {"best": 3.4, "popularity": 20.6},
        "hit_rate_at_10": {"best": 0.2214, "popularity": 0.0421},
        "ndcg_at_10": {"best": 0.1152, "popularity": 0.0203},
        "mrr_at_10": {"best": 0.0834, "popularity": 0.0141},
        "by_level": {"best": [level(0, 111.1), level(4, 444.4)], "popularity": [level(0, 999.9)]},
        "thresholds": [60, 3600, 86_400],
        "gap_sweep": [{**sweep, "top": [{**top, "popularity": 0.00583}]}],
        "gap_sweep_history": [past],
        "gap_sweep_users": [
            {**sweep, "users": 188, "mean_popularity": 0.0321, "standard_error": 0.0012}
        ],
        "served": {"targets": 200, "perplexity": 151.2, "evaluated_perplexity": 151.3},
        "config": {
            "preset": "best",
            "model": {"units": 96, "thresholds": [60, 3600, 86_400], "seen_bias": True},
            "training": {"learning_rate": preset("best").training.learning_rate, "seed": 5},
        },
        "versions": {"numpy": "2.2.6"},
        "epochs": 31,
        "seconds": {"train": 231.5},
        "peak_memory_mb": 1503.4,
    }


class Page(HTMLParser):
    """What a browser would take from the page: open tags, attributes, text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(self.source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data + " "

    @property
    def images(self) -> list[bytes]:
        sources = [attributes["src"] or "" for tag, attributes in self.tags if tag == "img"]
        assert all(source.startswith("data:image/png;base64,") for source in sources)
        return [base64.b64decode(source.partition(",")[2], validate=True) for source in sources]


@pytest.fixture(scope="module")
def page(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = tmp_path_factory.mktemp("report") / "deep" / "index.html"
    summary = {**summarize(tiny_log), "dropped": {"no item": 1234}, "notes": ["a note"]}
    written = write_report(path, result=full_result(), metrics=METRICS, gaps=GAPS, summary=summary)
    assert written == path and [file.name for file in path.parent.iterdir()] == ["index.html"]
    return Page(path)


def write(path: Path, **changes: Any) -> Page:
    """A page of the least that a result may be, with changes."""
    least = {"preset": "hrnn", "protocol": {"dataset": "toy"}, "perplexity": {"hrnn": 12.0}}
    write_report(
        path, result={**least, **changes}, metrics=None, gaps=np.array([], np.int64), summary={}
    )
    return Page(path)


@pytest.mark.parametrize(
    "shown",
    [
        "toy & co: best",
        "popularity 1,804.1 ± 20.6 0.0421 0.0203 0.0141",
        "best 160.2 ± 3.4 0.2214 0.1152 0.0834",
        "hash 0123456789abcdef",
        "test targets 19,876",
        "seen filter no",
        "151.2 on 200 targets; in process, the same targets give 151.3",
        "< 1 min 1,100 popularity 999.9 ± 1.5 0.3141 0.2718 0.1618 best 111.1",
        "start 1,104 best 444.4",
        "2 h 1 h – 1 d 188 3.21 % ± 0.12 %",
        "Drama, War -2.35 0.58 %",
        "8 1.5 min",  # an item without a title goes by its id
        "dropped rows 1,234: no item",
        "repeats",
        "gap quantiles 5 %:",
        "note a note",
        "units 96",
        "thresholds 60, 3600, 86400",
        "seen_bias yes",
        "numpy 2.2.6",
        "epochs trained 31",
        "train 3.86 min",
        "peak memory 1,503 MB",
    ],
)
def test_page_holds_every_figure(page: Page, shown: str) -> None:
    assert shown in page.text


def test_page_decodes_a_user(page: Page, tiny_log: EventLog) -> None:
    user = summarize(tiny_log)["user"]
    assert f"{user['events']} events of user {user['id']}" in page.text
    for event in user["first"]:
        assert f"{event['title']} {event['time']}" in page.text


def test_page_tells_event_types_where_there_are_any(
    page: Page, typed_log: EventLog, tmp_path: Path
) -> None:
    summary = summarize(typed_log)
    path = tmp_path / "index.html"
    write_report(path, result=full_result(), metrics=METRICS, gaps=GAPS, summary=summary)
    text = Page(path).text
    counts = summary["event_types"]
    assert f"event types unknown: {counts['']}, buy: {counts['buy']}" in text
    assert "feedback event type" in text and "event type" not in page.text


def test_page_needs_nothing_beside_itself(page: Page) -> None:
    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in page.tags)
    for tag, attributes in page.tags:
        assert not {"href", "srcset", "background", "style"} & attributes.keys(), tag
    assert not re.search(r"https?://|url\(|@import", page.source)
    assert len(page.images) == 5
    assert all(image.startswith(b"\x89PNG") and len(image) > 5000 for image in page.images)


def test_page_closes_its_tags_and_suits_phones_and_the_dark(page: Page) -> None:
    assert page.open == []
    assert page.source.startswith("<!DOCTYPE html>")
    assert (
        "meta",
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
    ) in page.tags
    assert "prefers-color-scheme: dark" in page.source
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")


def test_titles_are_escaped(page: Page) -> None:
    assert EVIL in page.text and EVIL not in page.source
    assert "<script" not in page.source and "toy & co" not in page.source


def test_commands_are_ones_that_the_command_line_takes(page: Page) -> None:
    block = re.search(r"<pre>(.*?)</pre>", page.source, re.DOTALL)
    assert block is not None
    train, evaluate = (shlex.split(line)[3:] for line in unescape(block[1]).splitlines())
    asked = build_parser().parse_args(train)
    assert asked.set == ["units=96", "seed=5"]  # what differs from the preset, and nothing else
    assert (asked.preset, asked.split_seed) == ("best", 3)
    assert preset("best", dict(text.split("=") for text in asked.set)).model.units == 96
    assert build_parser().parse_args(evaluate).run == "RUN"


def test_thresholds_and_switches_are_told_as_the_command_line_reads_them(tmp_path: Path) -> None:
    model = {"thresholds": (30, 60), "feedback": True, "mix_rule": "fixed"}
    text = write(tmp_path / "r.html", config={"model": model}).text
    assert "--set thresholds=30,60 --set feedback=true --set mix_rule=fixed --out RUN" in text


def test_the_least_result_makes_a_page(tmp_path: Path) -> None:
    page = write(tmp_path / "r.html")
    assert "hrnn 12.0" in page.text and page.images == []
    for left_out in ("Training", "Gap", "Data", "Settings", "HR@10", "REST", "None", "Undefined"):
        assert left_out not in page.text


OPTIONAL = sorted(full_result().keys() - {"preset", "protocol", "perplexity"})


@pytest.mark.parametrize("key", OPTIONAL)
def test_a_page_comes_of_any_one_piece_and_without_any_one(tmp_path: Path, key: str) -> None:
    whole = full_result()
    assert "toy" in write(tmp_path / "one.html", **{key: whole[key]}).text
    rest = {name: value for name, value in whole.items() if name != key}
    assert "160.2" in write(tmp_path / "rest.html", **rest).text


def test_levels_go_by_number_where_thresholds_are_not_known(tmp_path: Path) -> None:
    assert "level 4 1,104" in write(tmp_path / "r.html", by_level={"hrnn": [level(4, 5.0)]}).text


def test_figures_of_further_models_follow_popularity(tmp_path: Path) -> None:
    found = {"best": 1.0, "hrnn_meta": 3.0, "popularity": 2.0}
    page = write(tmp_path / "r.html", perplexity=found, hit_rate_at_10={"best": 0.5})
    assert "popularity 2.0 best 1.0 0.5000 hrnn_meta 3.0" in page.text


@pytest.mark.parametrize("failing", ["_render", "replace"])
def test_a_failure_leaves_the_older_page_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "index.html"
    path.write_text("older")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(report if failing == "_render" else Path, failing, fail)
    with pytest.raises(OSError, match="disk full"):
        write(path)
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]
    assert path.read_text() == "older"


def test_what_is_given_stays_as_it_was(tmp_path: Path) -> None:
    result, gaps = full_result(), GAPS.copy()
    write_report(tmp_path / "r.html", result=result, metrics=METRICS, gaps=gaps, summary={})
    assert result == full_result()
    np.testing.assert_array_equal(gaps, GAPS)


def test_the_perplexity_by_weights_of_events_is_told(tmp_path: Path) -> None:
    pages = []
    for more in ({}, {"weighted_perplexity": {"popularity": 790.26, "best": 9.54321}}):
        page = write_report(
            tmp_path / "page.html",
            result={**full_result(), **more},
            metrics=None,
            gaps=np.zeros(0, np.int64),
            summary={},
        )
        pages.append(page.read_text(encoding="utf-8"))
    said = "as training and its validation figure count them, the perplexity is popularity 790.3, "
    assert said not in pages[0]
    assert f"{said}best 9.543.</p>" in pages[1]
