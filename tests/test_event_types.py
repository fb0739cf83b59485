"""Types of events from a table to an answer: read, judged, kept in the run, and served alike."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import serving
from tfhrnn import cli
from tfhrnn.answers import ask
from tfhrnn.config import ModelConfig, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.data.split import Part
from tfhrnn.errors import ConfigError, DataError
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.evaluation.result import example_request
from tfhrnn.evaluation.served import served_perplexity
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.training import build_model, create_variables

SETTINGS: dict[str, Any] = {"units": 8, "epochs": 2, "batch_size": 4, "bptt": 8, "seen_items": 8}
FILMS = [f"film {n}, é" for n in range(30)]


def untrained(log: EventLog, **settings: Any) -> tuple[Any, Any]:
    config = preset("hrnn", {**SETTINGS, **settings})
    model = build_model(config, training_facts(log, np.arange(30), config.model))
    create_variables(model)
    return config, model


@pytest.fixture(scope="module")
def typed(typed_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> HRNNRecommender:
    """A model that reads event types, feedback and user features, trained for two epochs."""
    recommender = HRNNRecommender("hrnn-metadata", **SETTINGS, event_types=True)
    run = tmp_path_factory.mktemp("types") / "run"
    return recommender.fit(typed_log, run=run, verbose=0)


# types alone and both, without and with a flush step
@pytest.mark.parametrize(("feedback", "tower"), [(False, "gru"), (True, "lstm")])
def test_what_is_served_is_what_is_judged(typed_log: EventLog, feedback: bool, tower: str) -> None:
    config, model = untrained(typed_log, tower=tower, feedback=feedback, event_types=True)
    rng = np.random.default_rng(1)
    table = model.event_embedding.event_type.table
    table.assign(rng.normal(size=table.shape))  # types as far apart as they can be
    users = np.array([36, 38, 39])
    judged = judge(model, typed_log, users, config)
    predictor = Predictor(model, typed_log.catalogue)
    others = 0.0
    for user in users.tolist():
        times = typed_log.time[typed_log.events_of(user)].astype(np.int64)
        count = len(times)
        histories = Histories.from_log(typed_log, [user] * count, list(range(count)))
        whole = Histories.from_log(typed_log, [user])
        targets = np.array(whole.items[0])[:, np.newaxis]
        rows = judged.filter(judged["user"] == user)["log_p"].to_numpy()
        found, log_p = predictor.answer(histories, query_time=times, k=typed_log.num_items)
        # float32 sums of another order
        np.testing.assert_allclose(log_p[found == targets], rows, atol=2e-4)
        blank = dataclasses.replace(histories, event_types=None)
        found, log_p = predictor.answer(blank, query_time=times, k=typed_log.num_items)
        others = max(others, np.abs(log_p[found == targets] - rows).max())
    assert others > 0.01  # the same without types is not the same


@pytest.mark.parametrize("feedback", [False, True])
def test_types_change_nothing_where_they_are_not_read(
    typed_log: EventLog, tiny_log: EventLog, feedback: bool
) -> None:
    """The worlds differ in types (and item features, which are not read either) alone."""
    config, model = untrained(typed_log, feedback=feedback)
    _, plain = untrained(tiny_log, feedback=feedback)
    for one, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    users = np.array([36, 38, 39])
    assert judge(model, typed_log, users, config).equals(judge(plain, tiny_log, users, config))
    predictor = Predictor(model, typed_log.catalogue)
    assert "event_types" not in predictor.signature()
    with pytest.raises(ConfigError, match="event_types: got some, but this model reads none"):
        ask(
            predictor,
            model.facts,
            [FILMS[:1]],
            times=None,
            user_columns=None,
            query_time=None,
            gap=None,
            event_types=[["buy"]],
        )


def test_a_run_keeps_its_types_and_answers_by_them(typed: HRNNRecommender) -> None:
    assert typed.run is not None
    again = HRNNRecommender.load(typed.run.path)
    assert again.run is not None and again.run.facts.event_types == ("buy", "view, é")
    asked: dict[str, Any] = {"k": 30, "times": [[1_000_000_000, 1_000_000_060]]}
    log_p = {}
    for kinds in (("buy", "buy"), ("buy", "view, é"), ("buy", ""), ("buy", "refund"), ("buy",)):
        types = None if len(kinds) == 1 else [list(kinds)]
        found = again.recommend([FILMS[:2]], event_types=types, **asked)
        assert found.equals(typed.recommend([FILMS[:2]], event_types=types, **asked))
        log_p[kinds] = found.sort("item")["log_probability"].to_numpy()
    assert np.abs(log_p["buy", "buy"] - log_p["buy", "view, é"]).max() > 1e-3
    assert np.abs(log_p["buy", "buy"] - log_p["buy", ""]).max() > 1e-3
    # A type that the data don't have is an unknown one.
    np.testing.assert_array_equal(log_p["buy", "refund"], log_p["buy", ""])
    blank = again.recommend([FILMS[:2]], event_types=[["", None]], **asked)
    left_out = blank.sort("item")["log_probability"].to_numpy()
    np.testing.assert_array_equal(left_out, log_p["buy",])


def test_a_tables_types_are_read(typed: HRNNRecommender) -> None:
    table = pl.DataFrame(
        {
            "user_id": ["a", "b", "a"],
            "item_id": FILMS[:3],
            "timestamp": [1_000_000_000, 1_000_000_010, 1_000_000_090],
            "rating": [3.0, None, 4.0],
            "EVENT_TYPE": ["buy", "view, é", None],
        }
    )
    histories = Histories(
        ["a", "b"],
        [[FILMS[0], FILMS[2]], [FILMS[1]]],
        [[1_000_000_000, 1_000_000_090], [1_000_000_010]],
        [[3.0, 4.0], [float("nan")]],
        event_types=[["buy", ""], ["view, é"]],
    )
    assert typed.recommend(table, gap=60).equals(typed.recommend(histories, gap=60))
    ranked = typed.rank(table, [FILMS[:4], FILMS[4:8]], gap=60)
    assert ranked.equals(typed.rank(histories, [FILMS[:4], FILMS[4:8]], gap=60))


def test_served_over_http_is_evaluated_in_process(
    typed: HRNNRecommender, typed_log: EventLog, tmp_path: Path
) -> None:
    assert typed.run is not None and typed.model is not None
    users = typed.run.users(typed_log, Part.TEST)[:3]
    folder = typed.export(tmp_path / "typed")
    card = json.loads((folder / "assets.extra" / "model_card.json").read_text())
    assert card["data"]["event_types"] == ["buy", "view, é"]
    assert card["inputs"]["recommend"]["event_types"] == "string (None, None)"
    with serving.running("typed", tmp_path / "typed", timeout_seconds=600) as url:
        found = served_perplexity(
            url, "typed", typed.model, typed.predictor, typed_log, users, typed.run
        )
    assert found["targets"] == np.diff(typed_log.offsets)[users].sum()
    assert found["perplexity"] == pytest.approx(found["evaluated_perplexity"], rel=1e-4)


def test_the_example_request_holds_as_many_types_as_items(
    typed: HRNNRecommender, typed_log: EventLog
) -> None:
    user = int(np.argmax(np.diff(typed_log.offsets)))
    request = example_request(typed.predictor, typed_log, user, last=3)
    assert request["event_types"] == [typed_log.event_types_of(user)[-3:]]
    assert len(request["history"][0]) == 3


def test_types_from_the_command_line(
    typed: HRNNRecommender, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed.run is not None
    result = tmp_path / "found.json"
    history, types = json.dumps(FILMS[:3]), json.dumps(["buy", None, "view, é"])
    words = ["--run", str(typed.run.path), "--history", history, "--json", str(result)]
    assert cli.main(["recommend", *words, "--event-types", types]) == 0
    wanted = typed.recommend([FILMS[:3]], event_types=[["buy", "", "view, é"]])
    assert [row["item"] for row in json.loads(result.read_text())["items"]] == list(wanted["item"])
    items = ["--items", json.dumps(FILMS[5:9])]
    assert cli.main(["rank", *words, *items, "--event-types", "buy,,lend"]) == 0
    assert 'not among the event types, read as unknown: "lend"' in capsys.readouterr().out
    ranked = typed.rank([FILMS[:3]], [FILMS[5:9]], event_types=[["buy", "", ""]])
    assert [row["item"] for row in json.loads(result.read_text())["items"]] == list(ranked["item"])
    assert cli.main(["recommend", *words, "--event-types", "buy"]) == 2
    error = capsys.readouterr().err
    assert "row 1, column event_types: got 1 values, expected 3" in error


def test_types_that_cannot_be_are_refused(
    typed: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="column event_types: got 2 lists, expected 1"):
        typed.recommend([FILMS[:1]], event_types=[["buy"], []])
    with pytest.raises(ConfigError, match="event_types: got true, expected data with event types"):
        HRNNRecommender("hrnn", event_types=True).fit(tiny_log, run=tmp_path / "run")
    assert not (tmp_path / "run").exists() and not ModelConfig().event_types
