"""The page: everything of a search, and nothing from outside."""

from __future__ import annotations

import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tuning.test_trials import row
from tfhrnn.cli import build_parser
from tfhrnn.commands import training_settings
from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tuning.importance import importances
from tuning.narrowing import dimensions
from tuning.page import changes, command, write_page
from tuning.plots import plot_importance, plot_parallel
from tuning.space import Space, search_space
from tuning.trials import Row, in_order

ASKED: dict[str, Any] = {
    "dataset": "a <b>log</b>",
    "data": "my data",
    "tuner": "random",
    "preset": "hrnn",
    "fixed": {"epochs": "2"},
    "seed": 4,
}
RESULT: dict[str, Any] = {
    "epochs": 7,
    "perplexity": {"popularity": 30.0, "hrnn": 20.04},
    "perplexity_standard_error": {"popularity": 1.0, "hrnn": 0.5},
    "ndcg_at_10": {"popularity": 0.1, "hrnn": 0.2},
}


@pytest.fixture(scope="module")
def space(tiny_base: Config, tiny_log: EventLog) -> Space:
    texts = ["units=4,8", "tied=true,false", "loss=full_softmax,gbce", "negatives=4,8"]
    texts += ["learning_rate=1e-3..1e-1", "thresholds=60,3600;5"]
    return search_space(tiny_base, tiny_log, only=[], narrowed=dimensions(texts))


@pytest.fixture(scope="module")
def rows(space: Space) -> list[Row]:
    first = row("0", 21.0, settings=dict(space.defaults), is_base=True, judged_on="validation: 3")
    drawn = {**space.defaults, "loss": "gbce", "negatives": 8, "tied": False}
    others = [
        row(
            str(n),
            20.0 + n,
            settings={**drawn, "learning_rate": 0.01 * n, "units": 4 * (1 + n % 2)},
        )
        for n in range(2, 8)
    ]
    failed = row("8", None, status="failed", settings=drawn, reason="no <memory> & more")
    return in_order([first, *others, failed], "val_perplexity")


class Links(HTMLParser):
    """Everything a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(v) for k, v in attrs if k in ("src", "href", "srcset", "action")]
        if tag in ("script", "link", "iframe", "object"):
            self.found.append(f"<{tag}>")


def page_of(path: Path, space: Space, rows: list[Row], **more: Any) -> str:
    write_page(path, space=space, rows=rows, objective="val_perplexity", asked=ASKED, **more)
    return path.read_text(encoding="utf-8")


def test_the_page_tells_everything_and_needs_nothing(
    tmp_path: Path, space: Space, rows: list[Row]
) -> None:
    page = page_of(tmp_path / "r.html", space, rows, result=RESULT, judged_on="test: 8 users")
    links = Links()
    links.feed(page)
    assert len(links.found) == 2  # the two pictures
    assert all(link.startswith("data:image/png;base64,") for link in links.found)
    assert "a &lt;b&gt;log&lt;/b&gt;" in page and "no &lt;memory&gt; &amp; more" in page
    assert "url(" not in page and "@import" not in page
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    assert (
        "8 trials; the best is 0 with val_perplexity 21.0 after epoch 1: the preset itself" in text
    )
    assert "Judged once, at the end, on test: 8 users." in text
    assert "hrnn20.0 ± 0.5 0.2000" in text.replace(" hrnn ", "hrnn")
    assert "perplexity 20.0 there; trained on the validation users" in text
    assert "searched: negatives where loss is sampled_softmax or gbce or bpr_max 4 · 8" in text
    assert "searched: learning_rate 0.001 to 0.1, logarithmic" in text


def test_a_preset_that_went_on_is_told_at_its_best(tmp_path: Path, space: Space) -> None:
    usual = {"settings": dict(space.defaults), "is_base": True}
    begun = row("0", 22.9, epochs=3, **usual)
    gone_on = row("2", 20.5, epochs=7, parent="0", **usual)
    other = row("1", 17.0, settings={**space.defaults, "units": 8})
    page = page_of(tmp_path / "r.html", space, in_order([begun, other, gone_on], "val_perplexity"))
    assert "the preset itself scored 20.5 in 7 epochs." in page


def test_choices_that_did_not_vary_are_named(tmp_path: Path, space: Space, rows: list[Row]) -> None:
    assert "had the same thresholds.</p>" in page_of(tmp_path / "r.html", space, rows)


def test_a_search_without_a_finished_trial_has_a_page_too(tmp_path: Path, space: Space) -> None:
    stopped = row("0", None, status="unfinished", settings=space.defaults)
    page = page_of(tmp_path / "r.html", space, [stopped])
    assert "No trial has come to an end yet." in page and "unfinished" in page
    assert "<img" not in page


def test_an_older_page_stays_where_a_new_one_fails(
    tmp_path: Path, space: Space, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = page_of(tmp_path / "r.html", space, rows)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="disk full"):
        page_of(tmp_path / "r.html", space, rows)
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == before
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


@pytest.mark.parametrize("at", [0, 1])
def test_the_command_trains_the_same_settings(at: int, space: Space, rows: list[Row]) -> None:
    words = shlex.split(command(ASKED, rows[at]))
    assert words[:3] == ["python", "-m", "tfhrnn"]
    parsed = build_parser().parse_args(words[3:])
    assert (parsed.data, parsed.preset) == ("my data", "hrnn")
    found = preset(parsed.preset, training_settings(parsed))
    expected = space.config(rows[at].settings)
    searched = {*rows[at].settings, "loss_options", "epochs"} - {"negatives"}
    for name in searched:
        part = "model" if hasattr(expected.model, name) else "training"
        assert getattr(getattr(found, part), name) == getattr(getattr(expected, part), name), name
    assert found.training.seed == 4


def test_what_differs_from_the_first_trial_is_named(space: Space, rows: list[Row]) -> None:
    assert changes(rows[0], space.defaults) == []
    told = dict(changes(rows[1], space.defaults))
    assert told == {"loss": "gbce", "negatives": "8", "tied": "no", "learning_rate": "0.02"}


def numbers(data: Any) -> list[float]:
    return [float(value) for value in data]


def test_lines_pass_what_a_trial_lacks_and_the_best_is_on_top(
    space: Space, rows: list[Row]
) -> None:
    scored = [one for one in rows if one.score is not None]
    standing = np.linspace(0, 1, len(scored))
    figure = plot_parallel(
        space.dimensions, [one.settings for one in scored], standing, ("21", "27")
    )
    (axes,) = figure.axes
    lines = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(lines) == len(scored)
    top = max(lines, key=lambda line: line.get_zorder())
    names = [dimension.name for dimension in space.dimensions]
    lacks = names.index("negatives")
    ys = numbers(top.get_ydata())
    assert ys == [n for n in range(len(names) + 1) if n != lacks]
    xs = numbers(top.get_xdata())
    assert xs[-1] == 0  # it stands best
    # 1e-3 to 1e-1 in the logarithm: the preset's 1e-2 is half way, and lines stand .03 apart.
    place = ys.index(names.index("learning_rate"))
    assert xs[place] == pytest.approx(0.5, abs=0.016)
    others = [line for line in lines if line is not top]
    assert all(len(numbers(line.get_ydata())) == len(names) + 1 for line in others)


def test_bars_are_the_shares_and_marks_are_chance() -> None:
    found = importances([{"a": n % 2, "b": n % 3} for n in range(12)], np.arange(12.0) % 2)
    (axes,) = plot_importance(found).axes
    widths = [bar.get_width() for bar in axes.patches]  # type: ignore[attr-defined]
    assert widths == [one.share for one in found]
    assert numbers(axes.lines[0].get_xdata()) == [one.chance for one in found]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]


def test_weights_of_events_are_told_where_figures_would_be_compared(
    tmp_path: Path, space: Space, rows: list[Row]
) -> None:
    said = "by the weights of events, as training and its validation figure count them"
    assert said not in page_of(tmp_path / "a.html", space, rows, result=RESULT)
    weighted = {**RESULT, "weighted_perplexity": {"popularity": 25.0, "hrnn": 15.96}}
    page = page_of(tmp_path / "b.html", space, rows, result=weighted)
    assert f"{said}, the perplexity is popularity 25.0, hrnn 16.0. val_perplexity of the" in page
