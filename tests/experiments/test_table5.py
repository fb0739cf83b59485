"""Table 5: what is asked, what becomes of the claims, and what is read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.errors import RunError
from tfhrnn.evaluation.list_measures import MEASURES
from tfhrnn.evaluation.sweep import GAPS
from tfhrnn.experiments import table5
from tfhrnn.experiments.table5 import USERS, judge_claims, rows_of_users
from tfhrnn.histories import Histories
from tfhrnn.recommender import HRNNRecommender


def values(change: float, noise: float, users: int = 50) -> dict[str, Any]:
    """Measures whose largest gap differs from the smallest by a mean change, give or take."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(len(GAPS), users))
    table[-1] = table[0] + change + noise * rng.normal(size=users)
    return dict.fromkeys(MEASURES, table)


def test_a_claim_holds_only_where_the_interval_leaves_zero_out() -> None:
    found = {c["measure"]: c for c in judge_claims(values(0.5, 0.5))}  # 7 standard errors
    assert found["log_popularity_1"]["verdict"] == found["genres_k"]["verdict"] == "holds"
    assert found["likeness_1"]["verdict"] == "the other way"  # it is to fall
    assert found["genres_k"]["change"] == pytest.approx(0.5, abs=0.25)
    assert found["genres_k"]["low"] < found["genres_k"]["change"] < found["genres_k"]["high"]
    assert {c["verdict"] for c in judge_claims(values(0.0, 1.0))} == {"cannot be told"}
    downward = {c["measure"]: c["verdict"] for c in judge_claims(values(-0.5, 0.5))}
    assert downward["likeness_1"] == "holds" and downward["genres_k"] == "the other way"


@pytest.fixture(scope="module")
def asked(trained: HRNNRecommender, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    assert trained.run is not None
    out, said = tmp_path_factory.mktemp("table5"), list[str]()
    found = table5.run(None, out, run=str(trained.run.path), say=said.append)
    assert len(said) == len(table5.CLAIMS) and said[0].startswith("best: toward base popularity")
    assert list(out.iterdir()) == []  # nothing is kept of a run's answers
    return found


def test_a_run_is_asked_at_each_gap(
    asked: dict[str, Any], trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    rows = [row for row in asked["rows"] if row["model"] == "best"]
    assert [row["gap_seconds"] for row in rows] == list(GAPS)
    assert [row["level"] for row in rows] == [0, 1, 2, 3]
    assert trained.run is not None
    test = trained.run.users(tiny_log, Part.TEST)
    assert {row["users"] for row in rows} == {len(test)}
    assert not any("paper" in row for row in rows)  # it is of HRNN-meta
    # All users' first items after a day; shares with one added to each count.
    histories = Histories.from_log(tiny_log, test.tolist())
    ids, _ = trained.predictor.answer(histories, query_time=histories.last_times + 86_400, k=1)
    first = [tiny_log.catalogue.ids.index(item) for item in ids[:, 0]]
    counted = trained.run.users(tiny_log, Part.TRAIN, Part.VALIDATION)
    items = np.concatenate([tiny_log.item[tiny_log.events_of(user)] for user in counted])
    counts = np.bincount(items - FIRST_ITEM, minlength=30) + 1
    expected = np.log(counts[first] / counts.sum()).mean()
    assert rows[-1]["log_popularity_1"] == pytest.approx(expected)
    changed = rows[-1]["genres_k_change"]
    assert changed == pytest.approx(rows[-1]["genres_k"] - rows[0]["genres_k"])
    assert "genres_k_change" not in rows[0]


def test_the_shown_user_stands_in_the_forms_of_the_paper(asked: dict[str, Any]) -> None:
    history, sweep = asked["history"], asked["sweep"]["best"]
    assert history[-1]["seconds_before"] == 0
    assert all({"title", "genres", "popularity"} <= set(row) for row in history)
    assert [found["gap_seconds"] for found in sweep] == list(GAPS)
    assert all(len(found["top"]) == 5 for found in sweep)
    rows = [row for row in asked["rows"] if row["model"] == "best"]
    assert [row["popularity"] for row in rows] == [f["top"][0]["popularity"] for f in sweep]


def test_what_users_took_is_told_by_level(tiny_log: EventLog) -> None:
    users = np.array([0, 1, 2])
    rows = rows_of_users(tiny_log, users, np.arange(3, 40), (60, 3600, 86_400))
    items = np.concatenate([tiny_log.item[tiny_log.events_of(u)] for u in range(3, 40)])
    shares = np.bincount(items - FIRST_ITEM, minlength=30) + 1.0
    shares /= shares.sum()
    means = []
    for user in users:
        events = tiny_log.events_of(user)
        gaps = np.diff(tiny_log.time[events])
        taken = tiny_log.item[events][1:][gaps >= 86_400] - FIRST_ITEM
        if len(taken):
            means.append(np.log(shares[taken]).mean())
    last = rows[-1]
    assert last["name"] == f"{USERS}, level 3" and last["users"] == len(means)
    assert last["log_popularity_1"] == pytest.approx(np.mean(means))


def test_quick_results_are_read_back_and_others_refused(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table5, "QUICK", {"epochs": 1, "units": 4, "batch_size": 8})
    found = table5.run(tiny_log, tmp_path, seeds=1, quick=True, say=lambda _: None)
    rows = [row for row in found["rows"] if row["model"] == table5.META]
    assert [row["paper"] for row in rows] == [0.000236, 0.000209, 0.000195, 0.001130]
    (record,) = (tmp_path / "quick").iterdir()  # the run folder is not kept

    def never(*_: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(table5, "_train", never)
    again = table5.run(tiny_log, tmp_path, seeds=1, quick=True, say=lambda _: None)
    assert again == found
    stored = json.loads(record.read_text())
    stored["config"]["model"]["units"] = 5
    record.write_text(json.dumps(stored))
    with pytest.raises(RunError, match="other settings"):
        table5.run(tiny_log, tmp_path, seeds=1, quick=True, say=lambda _: None)


def test_quick_recommendations_are_of_more_genres_after_an_hour(
    lively_log: EventLog, tmp_path: Path
) -> None:
    rows = table5.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    minute, hour = rows[1], rows[2]
    assert abs(minute["genres_k_change"]) < 0.3  # sessions go on
    assert hour["genres_k_change_low"] > 0.5
