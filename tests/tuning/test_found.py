"""What a search found, as plain values and in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.test_trials import row
from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tuning.best import BEST
from tuning.found import Found, write_found
from tuning.narrowing import dimensions
from tuning.space import Space, search_space
from tuning.trials import in_order

ASKED: dict[str, Any] = {
    **{"dataset": "films, é", "data": "data", "tuner": "random", "preset": "hrnn"},
    **{"fixed": {}, "seed": 4},
}
RESULT: dict[str, Any] = {
    "epochs": 7,
    "perplexity": {"popularity": 30.0, "hrnn": 20.0},
    "hit_rate_at_10": {"popularity": 0.2, "hrnn": 0.3},
    "ndcg_at_10": {"popularity": 0.1, "hrnn": 0.2},
    "mrr_at_10": {"popularity": 0.05, "hrnn": 0.1},
    "perplexity_standard_error": {"popularity": 1.0, "hrnn": 0.5},
    "protocol": {"test_users": 1234, "test_targets": 56789, "hash": "abc"},
}


@pytest.fixture(scope="module")
def space(tiny_base: Config, tiny_log: EventLog) -> Space:
    narrowed = dimensions(["units=4,8", "learning_rate=1e-3..1e-1"])
    return search_space(tiny_base, tiny_log, only=[], narrowed=narrowed)


def found(out: Path, space: Space, **more: Any) -> Found:
    rows = [
        row("0", 21.0, settings=dict(space.defaults), is_base=True),
        row("1", 20.0, settings={**space.defaults, "units": 8}),
    ]
    return Found(out, "val_perplexity", in_order(rows, "val_perplexity"), space, ASKED, **more)


def test_the_best_is_the_first_and_has_a_configuration(tmp_path: Path, space: Space) -> None:
    one = found(tmp_path, space)
    assert one.best.trial == "1" and one.config.model.units == 8
    assert one.page == tmp_path / "results.html"
    assert one.result is None and one.export_dir is None


def test_a_search_that_is_not_trained_anew_has_no_best_figures(
    tmp_path: Path, space: Space
) -> None:
    write_found(found(tmp_path, space))
    told = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(told) == ["search", "trials", "best", "page"]
    assert told["best"] is None and told["search"] == ASKED
    assert [one["trial"] for one in told["trials"]] == ["1", "0"]
    assert told["page"] == str(tmp_path / "results.html")
    assert (tmp_path / "results.html").is_file()


def test_the_best_figures_are_the_results_with_where_they_were_judged(
    tmp_path: Path, space: Space
) -> None:
    write_found(found(tmp_path, space, result=RESULT, export_dir=tmp_path / "model" / "2"))
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert '"films, é"' in text and text.endswith("}\n")
    best = json.loads(text)["best"]
    for name in ("perplexity", "hit_rate_at_10", "ndcg_at_10", "mrr_at_10", "protocol"):
        assert best[name] == RESULT[name]
    assert "epochs" not in best
    assert best["judged_on"] == "test: 1,234 users, 56,789 targets, protocol abc"
    assert (best["run"], best["export_dir"]) == (
        str(tmp_path / BEST),
        str(tmp_path / "model" / "2"),
    )
    assert best["judged_on"] in (tmp_path / "results.html").read_text(encoding="utf-8")


def test_files_that_fail_leave_the_ones_before(
    tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_found(found(tmp_path, space))
    before = (tmp_path / "results.json").read_bytes()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="disk full"):
        write_found(found(tmp_path, space, result=RESULT))
    assert (tmp_path / "results.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.html", "results.json"]
