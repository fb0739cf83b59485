"""Results: what they hold, and which may stand beside each other."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.data.windows import Batch
from tfhrnn.errors import ProtocolError, RunError
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.evaluation.result import (
    evaluate_run,
    merge,
    popularity_shares,
    result_key,
    weighted_perplexity,
)
from tfhrnn.protocol import Protocol
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.training import build_windows


@pytest.fixture(scope="module")
def result(trained: HRNNRecommender, tiny_log: EventLog) -> dict[str, Any]:
    assert trained.run is not None and trained.model is not None
    return evaluate_run(trained.run, tiny_log, trained.model, trained.predictor)


def named(result: dict[str, Any], name: str) -> dict[str, Any]:
    """The result as another model would have it."""
    other = copy.deepcopy(result)
    for key in (*(key for key in other if key.startswith("perplexity")), "hit_rate_at_10"):
        other[key][name] = other[key].pop("best")
    for key in ("ndcg_at_10", "mrr_at_10", "by_level"):
        other[key][name] = other[key].pop("best")
    return other


def reworded(result: dict[str, Any], **changes: Any) -> dict[str, Any]:
    protocol = dataclasses.replace(Protocol.from_dict(result["protocol"]), **changes)
    return {**result, "protocol": protocol.to_dict()}


@pytest.mark.parametrize(
    ("name", "key"), [("best", "best"), ("hrnn", "hrnn"), ("hrnn-metadata", "hrnn_meta")]
)
def test_figures_stand_under_the_presets_key(name: str, key: str) -> None:
    assert result_key(preset(name)) == key


def test_a_result_holds_every_figure_beside_popularity(
    result: dict[str, Any], tiny_log: EventLog
) -> None:
    stored = json.loads(json.dumps(result))
    assert stored["config"]["model"].pop("thresholds") == [60, 3600, 86400]  # a tuple as a list
    assert stored["perplexity"] == result["perplexity"]
    assert stored["by_level"] == result["by_level"]
    metrics = ("perplexity", "hit_rate_at_10", "ndcg_at_10", "mrr_at_10", "by_level")
    for metric in metrics:
        assert set(result[metric]) == {"popularity", "best"}
    assert result["dataset"] == {
        "name": "tiny",
        "events": len(tiny_log.item),
        "users": 40,
        "items": 30,
    }
    assert result["catalogue_items"] == result["protocol"]["catalogue_items"] == 30
    assert sum(row["targets"] for row in result["by_level"]["best"]) == result["test_targets"]
    assert [row["gap_seconds"] for row in result["gap_sweep"]] == [0, 60, 3600, 86400]
    assert result["epochs"] == 2
    assert Protocol.from_dict(result["protocol"]).hash == result["protocol"]["hash"]


def test_the_user_shown_is_a_test_user_of_middle_length(
    result: dict[str, Any], trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    assert trained.run is not None
    users = trained.run.users(tiny_log, Part.TEST)
    lengths = sorted(int(n) for n in np.diff(tiny_log.offsets)[users])
    times = result["example_request"]["times"][0]
    assert len(times) == min(lengths[len(lengths) // 2], 5)
    assert result["example_request"]["query_time"] == [times[-1] + 3600]


def test_popularity_is_each_items_share(tiny_log: EventLog) -> None:
    users = np.array([1, 5])
    items = np.concatenate([tiny_log.item[tiny_log.events_of(user)] for user in (1, 5)]) - 2
    expected = [np.mean(items == item) for item in range(30)]
    np.testing.assert_allclose(popularity_shares(tiny_log, users), expected)


def test_results_under_one_protocol_stand_side_by_side(result: dict[str, Any]) -> None:
    both = merge(result, named(result, "hrnn_meta"))
    for metric in ("perplexity", "perplexity_standard_error", "mrr_at_10", "by_level"):
        assert set(both[metric]) == {"popularity", "best", "hrnn_meta"}
    assert both["perplexity"]["hrnn_meta"] == result["perplexity"]["best"]
    assert both["preset"] == "best" and both["gap_sweep"] == result["gap_sweep"]


def test_unlike_protocols_are_refused_by_the_fields_that_differ(result: dict[str, Any]) -> None:
    other = reworded(named(result, "hrnn"), split_seed=7, seen_filter=True)
    with pytest.raises(ProtocolError) as caught:
        merge(result, other)
    assert str(caught.value) == (
        "these results cannot be compared, their protocols differ in "
        "split_seed (0 and 7), seen_filter (False and True)"
    )


def test_two_results_of_one_name_are_refused(result: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="got two results named 'best', expected one"):
        merge(result, copy.deepcopy(result))
    both = merge(result, copy.deepcopy(result), "run-b")
    with pytest.raises(RunError, match="named 'best \\(run-b\\)', expected one"):
        merge(both, copy.deepcopy(result), "run-b")


def test_two_runs_of_one_preset_are_told_apart_by_a_label(result: dict[str, Any]) -> None:
    other = copy.deepcopy(result)
    other["perplexity"]["best"] = 5.0
    both = merge(result, other, "run-b")
    assert both["perplexity"]["best"] == result["perplexity"]["best"]
    assert both["perplexity"]["best (run-b)"] == 5.0
    assert both["by_level"]["best (run-b)"] == result["by_level"]["best"]
    assert "popularity (run-b)" not in both["perplexity"]


def test_levels_of_unlike_thresholds_do_not_stand_beside_each_other(
    result: dict[str, Any],
) -> None:
    other = {**named(result, "hrnn"), "thresholds": [60]}
    both = merge(result, other)
    assert set(both["perplexity"]) == {"popularity", "best", "hrnn"}
    assert set(both["by_level"]) == {"popularity", "best"}


def test_intervals_and_positions_stand_beside_each_other_where_there_are_any(
    result: dict[str, Any],
) -> None:
    other = named(result, "hrnn")
    for key in ("intervals", "by_position"):
        other[key]["hrnn"] = other[key].pop("best")
    both = merge(result, {**other, "exposure": {"hrnn": {"coverage": 0.5}}})
    assert set(both["intervals"]) == set(both["by_position"]) == {"popularity", "best", "hrnn"}
    assert both["exposure"] == {"hrnn": {"coverage": 0.5}}
    for key in ("intervals", "by_position"):  # a result of an earlier version
        del other[key]
    assert merge(result, other)["intervals"] == result["intervals"]
    assert merge(other, result)["by_position"] == result["by_position"]
    assert "exposure" not in merge(result, other)


def test_intervals_hold_the_figures(result: dict[str, Any]) -> None:
    for name in ("popularity", "best"):
        for figure in ("perplexity", "hit_rate", "ndcg", "mrr"):
            key = figure if figure == "perplexity" else f"{figure}_at_10"
            low, high = result["intervals"][name][figure]
            assert low < result[key][name] < high


def test_a_record_without_a_protocol_is_no_result(result: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="got a record without a protocol"):
        merge(result, {"perplexity": {"hrnn": 3.0}})


def test_first_targets_that_are_leaked_are_told_apart(
    tiny_log: EventLog, tmp_path: Path, result: dict[str, Any]
) -> None:
    settings = {"units": 4, "epochs": 1, "batch_size": 4, "item_features": True}
    leaky = HRNNRecommender("hrnn", first_item_features=True, **settings)
    leaky.fit(tiny_log, run=tmp_path / "run", verbose=0)
    found = leaky.evaluate()
    assert leaky.model is not None and leaky.run is not None
    leaked = found["leaked_first_targets"]
    assert leaked["targets"] == found["protocol"]["test_users"] == 8
    rows = judge(leaky.model, tiny_log, leaky.run.users(tiny_log, Part.TEST), leaky.config)
    log_p = rows["log_p"].to_numpy()[rows["position"].to_numpy() > 0]
    assert leaked["perplexity_of_others"]["hrnn"] == pytest.approx(np.exp(-log_p.mean()))
    assert set(leaked["perplexity_of_others"]) == {"popularity", "hrnn"}
    assert found["protocol"] == result["protocol"]  # judged as any other model is
    assert "leaked_first_targets" not in result


def test_weights_of_events_give_the_figure_of_training_beside_the_protocol_s(
    result: dict[str, Any], trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    run, model = trained.run, trained.model
    assert run is not None and model is not None
    weights = np.array([0.2, 1.0, 0.0], np.float32)[np.arange(tiny_log.num_events) % 3]
    log = dataclasses.replace(tiny_log, weight=weights)
    found = evaluate_run(run, log, model, trained.predictor)
    assert "weighted_perplexity" not in result
    assert {k: v for k, v in found.items() if k in ("perplexity", "by_level", "protocol")} == {
        key: result[key] for key in ("perplexity", "by_level", "protocol")
    }
    # What validation computes, window by window, on the same users.
    config, state, nats, weight = run.config, None, 0.0, 0.0
    windows = build_windows(config, log, run.users(log, Part.TEST), training=False)
    state = model.tower.initial_state(config.training.batch_size)
    for arrays in windows.batches():
        batch = Batch(*map(tf.constant, arrays))
        log_p, _, state = model.judge(batch, state)
        nats -= float(tf.reduce_sum(log_p * batch.weight))
        weight += float(tf.reduce_sum(batch.weight))
    assert found["weighted_perplexity"]["best"] == pytest.approx(np.exp(nats / weight), rel=1e-4)
    assert found["weighted_perplexity"]["best"] != pytest.approx(found["perplexity"]["best"])
    both = merge(found, named(found, "hrnn"))["weighted_perplexity"]
    assert set(both) == {"popularity", "best"} and both == found["weighted_perplexity"]


def test_a_weighted_perplexity_counts_each_target_by_its_event(tiny_log: EventLog) -> None:
    weights = np.ones(tiny_log.num_events, np.float32)
    begin = int(tiny_log.offsets[3])
    weights[begin : begin + 2] = [3.0, 1.0]
    log = dataclasses.replace(tiny_log, weight=weights)
    rows = pl.DataFrame({"user": [3, 3], "position": [0, 1], "log_p": np.log([0.5, 1 / 32])})
    # log2: (3 · 1 + 1 · 5) / 4 = 2
    assert weighted_perplexity({"m": rows}, log) == {"m": pytest.approx(4)}
    assert weighted_perplexity({"m": rows}, log, first_targets=False) == {"m": pytest.approx(32)}
    first = rows.head(1)
    assert weighted_perplexity({"m": first}, log, first_targets=False) == {}
    assert weighted_perplexity({"m": rows}, tiny_log) == {}
