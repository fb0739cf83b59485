"""λ: what is trained, and that λ of inference is only looked at."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.evaluation.evaluate import figures, judge
from tfhrnn.experiments import mix
from tfhrnn.experiments.mix import BY_ITEM, MIXES, RULES, by_mix, configs
from tfhrnn.recommender import HRNNRecommender


def test_rules_are_all_there_are_and_change_nothing_else() -> None:
    found = configs()
    rules = [config.model.mix_rule for config in found.values()]
    assert set(rules) == {"item", "update", "beta", "bernoulli", "fixed"}
    assert [config.model.mix for config in found.values() if config.model.mix_rule == "fixed"] == [
        *(0.5, 0.0, 1.0)
    ]
    paper = preset("hrnn-metadata")
    for config in found.values():
        model = dataclasses.replace(config.model, mix_rule="item", mix=0.5)
        assert model == paper.model
        assert dataclasses.replace(config.training, epochs=paper.training.epochs) == paper.training


def test_each_lambda_is_judged_and_the_model_left_as_it_was(
    trained: HRNNRecommender, tiny_log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained.model is not None and trained.run is not None
    monkeypatch.setattr(mix, "MIXES", (0.25, 0.5))
    before = trained.model.decoder.inference_mix.numpy().copy()
    found = by_mix(trained, tiny_log)
    np.testing.assert_array_equal(trained.model.decoder.inference_mix, before)
    test = trained.run.users(tiny_log, Part.TEST)
    wanted = figures(judge(trained.model, tiny_log, test, trained.config))
    assert found["perplexity, λ = 0.5"] == pytest.approx(wanted["perplexity"], rel=1e-6)
    assert found["ndcg_at_10, λ = 0.5"] == pytest.approx(wanted["ndcg"])
    assert found["perplexity, λ = 0.25"] != found["perplexity, λ = 0.5"]


def test_at_lambda_0_features_do_not_matter(
    trained: HRNNRecommender, tiny_log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained.model is not None and trained.run is not None
    monkeypatch.setattr(mix, "MIXES", (0.0, 1.0))
    slope = trained.model.decoder.feature_slope
    before, first = slope.numpy().copy(), by_mix(trained, tiny_log)
    slope.assign(before + 1)
    second = by_mix(trained, tiny_log)
    slope.assign(before)
    assert (trained.run.facts.item_counts > 0).all()  # none is cold
    assert first["perplexity, λ = 0"] == second["perplexity, λ = 0"]
    assert first["perplexity, λ = 1"] != second["perplexity, λ = 1"]


def test_models_of_other_rules_have_no_such_figures(
    tiny_log: EventLog, trained: HRNNRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "config", trained.config.with_settings({"mix_rule": "beta"}))
    assert by_mix(trained, tiny_log) == {}


def test_lambdas_of_inference_are_rows_below_their_rule(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("perplexity", "hit_rate_at_10", "ndcg_at_10", "mrr_at_10")

    def run_all(log: EventLog, configs: Any, out: Path, **options: Any) -> dict[str, Any]:
        assert options["extra"] is by_mix and options["seeds"] == 2
        rows = [{"name": name, "seeds": 2, **dict.fromkeys(names, 0.5)} for name in configs]
        rows[0] |= {f"{name}, λ = {at:g}": 10 + at for name in names for at in MIXES}
        return {"rows": rows, "protocol": {}}

    monkeypatch.setattr(mix, "run_all", run_all)
    rows = mix.run(tiny_log, tmp_path, seeds=2)["rows"]
    below = [f"{BY_ITEM}, {at:g} at inference" for at in MIXES]
    assert [row["name"] for row in rows] == [BY_ITEM, *below, *list(RULES)[1:]]
    assert rows[0] == {"name": BY_ITEM, "seeds": 2, **dict.fromkeys(names, 0.5)}
    assert rows[2] == {"name": below[1], "seeds": 2, **dict.fromkeys(names, 10.25)}


def test_quick_models_are_best_between_ids_and_features(
    lively_log: EventLog, tmp_path: Path
) -> None:
    rows = mix.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    found = {row["name"]: row["perplexity"] for row in rows}
    half = found[f"{mix.BY_ITEM}, 0.5 at inference"]
    assert half == found[mix.BY_ITEM]
    assert half < 0.85 * found[f"{mix.BY_ITEM}, 0 at inference"]
    assert half < 0.85 * found[f"{mix.BY_ITEM}, 1 at inference"]
    assert half < 0.9 * found["λ = 1, features alone"]
