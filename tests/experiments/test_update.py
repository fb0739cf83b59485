"""The update experiment: what is held back, what is compared, and what is read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import preset
from tfhrnn.data.append import append_events, event_chunks
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.split import Part, protocol_of, split_users
from tfhrnn.errors import RunError
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.experiments import update
from tfhrnn.protocol import Protocol
from tfhrnn.recommender import HRNNRecommender

SETTINGS: dict[str, Any] = {
    **{"units": 4, "layers": 1, "time_bumps": 2, "epochs": 1, "batch_size": 8, "bptt": 16},
    **{"seen_items": 4, "item_factors": 3},
}
CONFIG = preset("best", SETTINGS)


@pytest.fixture(scope="module")
def log(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """The small world without identical rows."""
    frame = pl.concat(list(event_chunks(tiny_log)))
    return write_event_log(
        frame,
        tmp_path_factory.mktemp("log") / "log",
        items=tiny_log.catalogue.frame,
        item_features=["genres:multi-hot"],
        name="tiny",
    )


def test_what_is_held_back_comes_back_by_appending(log: EventLog, tmp_path: Path) -> None:
    cut = int(np.quantile(log.time, 0.5))
    before, new = update.hold_back(log, cut, tmp_path / "before")
    assert int(np.max(before.time)) <= cut < new["timestamp"].to_numpy().min()
    counts = np.bincount(before.item - 2, minlength=before.num_items)
    assert (counts > 0).all()  # nothing is told of items that only come later
    grown = append_events(before, new, tmp_path / "grown", items=log.catalogue.frame)
    assert grown.fingerprint == log.fingerprint


def test_the_old_model_in_a_grown_catalogue_has_seen_nothing_new(
    log: EventLog, tmp_path: Path
) -> None:
    cut = int(np.quantile(log.time, 0.3))
    before, new = update.hold_back(log, cut, tmp_path / "before")
    old = HRNNRecommender(CONFIG).fit(before, run=tmp_path / "old", verbose=0)
    grown = append_events(before, new, tmp_path / "grown", items=log.catalogue.frame)
    model = update.as_it_was(old, grown, CONFIG)
    assert model.facts.item_counts.sum() == old.model.facts.item_counts.sum()  # type: ignore[union-attr]
    # Where the catalogue is that of before, its answers are the old model's.
    same = update.as_it_was(old, before, CONFIG)
    assert old.run is not None and old.model is not None
    test = old.run.users(before, Part.TEST)
    ours, theirs = (judge(one, before, test, CONFIG)["log_p"] for one in (same, old.model))
    np.testing.assert_array_equal(ours, theirs)


def test_three_models_are_judged_on_the_same_targets(log: EventLog, tmp_path: Path) -> None:
    said: list[str] = []
    found = update.run(log, tmp_path / "out", seeds=1, say=said.append, config=CONFIG)
    assert [row["name"] for row in found["rows"]] == ["old", "fit_more", "from scratch"]
    protocol = found["protocol"]
    assert protocol["old_targets"] + protocol["new_targets"] == protocol["test_targets"]
    assert protocol["fingerprint"] == log.fingerprint and "grown since" in protocol["split"]
    for row in found["rows"]:
        # The mean of −log p over all targets is the mean over both kinds.
        old, new = protocol["old_targets"], protocol["new_targets"]
        nats = old * np.log(row["old_targets"]) + new * np.log(row["new_targets"])
        assert np.exp(nats / (old + new)) == pytest.approx(row["perplexity"])
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["old-data", "seed-0.json"] and len(said) == 1
    again = update.run(log, tmp_path / "out", seeds=1, say=said.append, config=CONFIG)
    assert again == found and json.loads(json.dumps(found)) == found
    other = CONFIG.with_settings({"units": 5})
    with pytest.raises(RunError, match="got a result of other settings"):
        update.run(log, tmp_path / "out", seeds=1, config=other)


def test_rows_are_means_over_seeds(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = np.flatnonzero(split_users(log.num_users, 0) == Part.TEST)

    def record(_: Any, __: Any, ___: Any, cut: int, config: Any, path: Path) -> None:
        seed = config.training.seed
        figures = {"perplexity": 5.0 + seed, "old_targets": 4.0 + seed, "new_targets": 6.0}
        protocol = protocol_of(log, test, 0).to_dict() | {"targets": update._targets(cut)}
        fields = {key: value for key, value in protocol.items() if key != "hash"}
        text = {
            "models": dict.fromkeys(update.MODELS, figures),
            "old_targets": 1,
            "new_targets": 2,
            "config": json.loads(config.to_json()),
            "protocol": Protocol.from_dict(fields).to_dict(),
        }
        path.write_text(json.dumps(text))

    monkeypatch.setattr(update, "train_and_judge", record)
    found = update.run(log, tmp_path / "out", seeds=3, say=lambda line: None, config=CONFIG)
    assert found["rows"][1] == {
        **{"name": "fit_more", "seeds": 3, "perplexity": 6.0},
        **{"old_targets": 5.0, "new_targets": 6.0},
    }


def test_side_by_side_is_refused(log: EventLog, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="got 2 jobs, expected 1"):
        update.run(log, tmp_path, jobs=2)


def test_going_on_helps_new_targets_and_forgets_no_old_ones(
    lively_log: EventLog, tmp_path: Path
) -> None:
    rows = update.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    old, updated, anew = rows
    assert updated["new_targets"] < 0.97 * old["new_targets"]
    assert updated["old_targets"] < 1.02 * old["old_targets"]
    assert anew["new_targets"] < old["new_targets"]
