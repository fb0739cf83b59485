"""The seen-item bias takes the sign of the data, whatever its form and wherever it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.facts import training_facts
from tfhrnn.data.simulate import simulate_repeats
from tfhrnn.experiments import repeats
from tfhrnn.experiments.repeats import FORMS, configs, learned_bias
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.training import build_model, build_optimizer, build_windows, create_variables


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EventLog]:
    """Common repeats, and none: each user of the second has a random order of all items."""
    folder, rng = tmp_path_factory.mktemp("logs"), np.random.default_rng(0)
    never = pl.concat(
        pl.DataFrame(
            {
                "user_id": [f"u{user}"] * 30,
                "item_id": [f"i{item}" for item in rng.permutation(30)],
                "timestamp": np.arange(30) * 40_000,
            }
        )
        for user in range(30)
    )
    often = simulate_repeats(users=30, items=30, events=30, recent=5)
    return {
        name: write_event_log(frame, folder / name, name=name)
        for name, frame in (("often", often), ("never", never))
    }


@pytest.mark.parametrize(
    ("name", "start", "form"),
    [
        ("often", -2.0, "scalar"),
        ("never", 2.0, "scalar"),
        ("often", -2.0, "level"),
        ("often", -2.0, "item"),
    ],
)
def test_a_bias_that_starts_on_the_wrong_side_crosses_over(
    logs: dict[str, EventLog], name: str, start: float, form: str
) -> None:
    log = logs[name]
    settings = {"units": 8, "seen_bias": True, "seen_bias_form": form, "seen_items": 5}
    settings |= {"batch_size": 6, "bptt": 16, "learning_rate": 0.02, "seen_bias_rate": 20}
    config = preset("hrnn", settings)
    model: Any = build_model(config, training_facts(log, np.arange(30), config.model))
    model.compile(optimizer=build_optimizer(config.training))
    create_variables(model)
    raw = model.decoder.raw_seen_bias
    raw.assign(np.full(raw.shape, start / 20, np.float32))
    windows = build_windows(config, log, np.arange(30), training=True)
    model.fit(windows.dataset(), epochs=5, verbose=0)
    beta = np.atleast_1d(model.decoder.seen_bias.numpy())
    if form == "level":
        # Within a session 53 % are repeats, where one begins 90 %; there are no other gaps.
        assert beta[3] > beta[0] > 0
    elif form == "item":
        staple = np.array([item.startswith("s") for item in log.catalogue.ids])
        assert beta[staple].mean() > 0 > start > beta[~staple].mean()
    else:
        assert np.sign(beta[0]) == -np.sign(start)


def test_forms_change_the_bias_alone() -> None:
    found = configs()
    assert list(found) == list(FORMS)
    assert [c.model.seen_bias for c in found.values()] == [False, True, True, True]
    assert [c.model.seen_bias_form for c in found.values()][1:] == ["scalar", "level", "item"]


def test_what_was_learned_is_told(trained: HRNNRecommender, tiny_log: EventLog) -> None:
    assert trained.run is not None
    model: Any = trained.model
    found = learned_bias(trained, tiny_log)
    assert found["seen_bias"] == pytest.approx(float(model.decoder.seen_bias))
    assert found["seen_bias_deviation"] == 0
    assert found["seen_bias_start"] == trained.run.facts.seen_bias


@pytest.mark.parametrize("form", ["level", "item"])
def test_a_bias_of_several_is_told_as_mean_and_deviation(
    tiny_log: EventLog, tmp_path: Path, form: str
) -> None:
    config = preset(
        "hrnn",
        {"units": 4, "epochs": 1, "seen_bias": True, "seen_bias_form": form, "batch_size": 4},
    )
    recommender = HRNNRecommender(config).fit(tiny_log, run=tmp_path / "run", verbose=0)
    assert recommender.run is not None
    model: Any = recommender.model
    found = learned_bias(recommender, tiny_log)
    values = model.decoder.seen_bias.numpy()
    if form == "level":
        counted = values[:4]  # the fifth is of the start, where nothing is seen
        for level, value in enumerate(counted):
            assert found[f"seen_bias, level {level}"] == pytest.approx(float(value))
    else:
        counted = np.repeat(values, recommender.run.facts.item_counts)
    assert found["seen_bias"] == pytest.approx(float(counted.mean()), rel=1e-5)
    assert found["seen_bias_deviation"] == pytest.approx(float(counted.std()), rel=1e-3)


def test_both_logs_are_judged_each_under_its_own_protocol(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run_all(log: EventLog, configs: Any, out: Path, **options: Any) -> dict[str, Any]:
        asked.append((log.name, out.name, options["extra"], options["jobs"]))
        return {"rows": [{"name": "hrnn"}], "protocol": {"dataset": log.name}}

    monkeypatch.setattr(repeats, "run_all", run_all)
    monkeypatch.setattr(repeats, "simulate_repeats", lambda: simulate_repeats(users=4, events=5))
    found = repeats.run(tiny_log, tmp_path, jobs=2)
    assert asked == [(n, n, learned_bias, 2) for n in ("repeats", "tiny")]
    assert [row["name"] for row in found["rows"]] == ["repeats: hrnn", "tiny: hrnn"]
    assert found["protocol"] == {"dataset": "tiny"}
    assert found["protocol_of_simulated"] == {"dataset": "repeats"}


def test_quick_models_learn_where_items_repeat(lively_log: EventLog, tmp_path: Path) -> None:
    rows = repeats.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    found = {row["name"]: row for row in rows}
    plain, with_bias = found["repeats: hrnn"], found["repeats: + one β"]
    assert with_bias["perplexity"] < 0.85 * plain["perplexity"]
    # The lively log's repeats are those of its popular items, which need no bias.
    assert with_bias["seen_bias"] > 1 > abs(found["lively: + one β"]["seen_bias"])
