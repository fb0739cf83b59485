"""Table 3: its rows, what each is allowed to know, and the means over seeds."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.baselines.rating_fm import RatingFM
from tfhrnn.baselines.rolling_average import RollingAverage
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, split_users
from tfhrnn.evaluation.judged_ratings import judge_ratings
from tfhrnn.evaluation.metrics import rmse
from tfhrnn.experiments import table3
from tfhrnn.experiments.table3 import CERTAIN, DRAWN, PAPER, configs, rated_by_head
from tfhrnn.recommender import HRNNRecommender

SMALL = {"units": 4, "epochs": 1, "batch_size": 8}


def test_the_six_rows_of_the_paper_are_there_and_two_more() -> None:
    names = {*CERTAIN, *DRAWN, *configs()}
    assert names - set(PAPER) == {"bias-only", "matrix factorisation"}
    assert set(PAPER) <= names


def test_recurrent_rows_differ_in_feedback_and_in_hearing_gaps_alone() -> None:
    bare, rnn, hrnn = configs().values()
    assert (bare.model.feedback, bare.model.levels) == (False, False)
    assert rnn.model == dataclasses.replace(bare.model, feedback=True)
    assert hrnn.model == dataclasses.replace(rnn.model, levels=True, gap_inputs=True)
    assert bare.training == rnn.training == hrnn.training
    assert bare.training.watched == "rmse" and not bare.model.reads_feedback


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are trained in a moment."""
    rows = {name: config.with_settings(SMALL) for name, config in list(configs().items())[1:2]}
    monkeypatch.setattr(table3, "configs", lambda **_: rows)
    monkeypatch.setattr(table3, "CERTAIN", {"Rolling average": RollingAverage})
    few = partial(
        RatingFM,
        rank=2,
        bias_regularization=(3.0,),
        factor_regularization=(10.0,),
        feature_regularization=(100.0,),
        sweeps=1,
    )
    monkeypatch.setattr(table3, "DRAWN", {"Factorization": few})


def test_rows_are_fitted_judged_and_averaged_over_seeds(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    said: list[str] = []
    found: Any = table3.run(tiny_log, tmp_path, seeds=2, say=said.append)
    rolling, fm, rnn = found["rows"]
    assert [row["name"] for row in found["rows"]] == [
        *("Rolling average", "Factorization", "RNN with feedback encoding")
    ]
    assert [row["seeds"] for row in found["rows"]] == [1, 2, 2]
    assert [row["paper"] for row in found["rows"]] == [0.933, 0.916, 0.857]
    assert "rmse_standard_error" not in rolling
    test = np.flatnonzero(split_users(tiny_log.num_users, 0) == Part.TEST)
    values = []
    for seed in range(2):
        parts = (np.flatnonzero(split_users(tiny_log.num_users, 0) == part) for part in Part)
        model = table3.DRAWN["Factorization"](seed=seed)
        rows = model.fit(tiny_log, *list(parts)[:2]).predict(tiny_log, test)
        values.append(rmse(rows["prediction"].to_numpy(), rows["feedback"].to_numpy()))
    assert fm["rmse"] == pytest.approx(sum(values) / 2)
    # Of two values: |a − b| / √2, over √2.
    assert fm["rmse_standard_error"] == pytest.approx(abs(values[0] - values[1]) / 2)
    assert 0 < rnn["rmse_standard_error"] < 1 and rnn["epochs"] == 1
    assert math.isfinite(rnn["validation_rmse"]) and rnn["perplexity"] > 1
    events = sum(tiny_log.offsets[user + 1] - tiny_log.offsets[user] for user in test.tolist())
    assert found["protocol"]["test_targets"] == events
    assert found["protocol"]["targets"].startswith("the feedback of every event")
    assert len(said) == 5 and said[0] == f"seed 0, Rolling average: {rolling['rmse']:.4f}"
    # What was trained is read back, and gives the same table.
    assert table3.run(tiny_log, tmp_path, seeds=2, say=said.append) == found


def test_figures_of_a_head_are_of_test_and_validation_users(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    recommender = HRNNRecommender("hrnn", rating="joint", watch="rmse", **SMALL)
    recommender.fit(tiny_log, run=tmp_path / "run", verbose=0)
    found = rated_by_head(recommender, tiny_log)
    assert recommender.run is not None and recommender.model is not None
    test = recommender.run.users(tiny_log, Part.TEST)
    rows = judge_ratings(recommender.model, tiny_log, test, recommender.config)
    assert found["rmse"] == rmse(rows["prediction"].to_numpy(), rows["feedback"].to_numpy())
    epochs = recommender.run.epochs()
    assert found["validation_rmse"] == pytest.approx(epochs["val_rmse"].min(), rel=1e-5)


def test_quick_models_need_feedback_to_know_how_a_user_rates(
    lively_log: EventLog, tmp_path: Path
) -> None:
    rows = table3.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    found = {row["name"]: row["rmse"] for row in rows}
    assert found["bias-only"] < 0.8 * found["Rolling average"]
    assert found["RNN without feedback encoding"] > 1.3 * found["Rolling average"]
    assert found["RNN with feedback encoding"] < 0.9 * found["Rolling average"]
