"""Two systems on the same targets, from their folders and files to the table."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn import cli
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import DataError, ProtocolError
from tfhrnn.experiments.peers import compare_runs, compare_with_lists, judged_run
from tfhrnn.recommender import HRNNRecommender


@pytest.fixture(scope="module")
def last(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of popularity, which trains nothing, under another split."""
    path = tmp_path_factory.mktemp("last") / "run"
    HRNNRecommender("popularity-count").fit(tiny_log, run=path, split="last", verbose=0)
    return path


@pytest.fixture(scope="module")
def judged(last: Path) -> tuple[dict[str, Any], Path]:
    """Its result, and the lists that were written beside it."""
    lists = last.parent / "lists.parquet"
    return HRNNRecommender.load(last).evaluate(lists=lists), lists


def test_only_test_events_are_judged(
    last: Path, judged: tuple[dict[str, Any], Path], tiny_log: EventLog
) -> None:
    _, protocol, rows = judged_run(last)
    expected = []
    for user in range(40):
        size = int(np.diff(tiny_log.offsets)[user])
        count = min(-(-size // 10), size - 1)  # a tenth, rounded up, but one event trains
        expected += [(user, position) for position in range(size - count, size)]
    assert rows.select("user", "position").rows() == expected
    assert protocol.test_targets == len(expected) and protocol.test_users == 40
    stored = json.loads((last / "protocol.json").read_text())
    assert stored == protocol.to_dict() == judged[0]["protocol"]
    assert sum(row["targets"] for row in judged[0]["by_position"]["popularity"]) == len(expected)


def test_popularity_counts_no_test_event(judged: tuple[dict[str, Any], Path]) -> None:
    # The preset's biases are of the training events, the baseline's of training and validation;
    # both leave out the test, so neither has the perplexity of all events' shares.
    found = judged[0]["perplexity"]
    assert set(found) == {"popularity", "popularity-count"}
    assert found["popularity"] == pytest.approx(found["popularity-count"], rel=0.2)
    low, high = judged[0]["intervals"]["popularity"]["perplexity"]
    assert low < found["popularity"] < high
    assert 0 < judged[0]["exposure"]["popularity-count"]["coverage"] < 1


def test_a_runs_own_lists_stand_level_with_it(
    last: Path, judged: tuple[dict[str, Any], Path]
) -> None:
    found = compare_with_lists(last, judged[1], samples=100)
    assert [row["metric"] for row in found["paired"]] == ["HR@10", "NDCG@10", "MRR@10"]
    for row in found["paired"]:
        assert row["change"] == [0, 0, 0] and row["permutation_p"] == 1
        assert row["first"] == row["second"]
    first, second = found["rows"]
    assert first["hit_rate_at_10"] == second["hit_rate_at_10"] > 0
    assert first["hit_rate_at_10"] == judged[0]["hit_rate_at_10"]["popularity-count"]
    assert "perplexity" in first and "perplexity" not in second
    assert found["protocol"] == judged[0]["protocol"]


def test_better_lists_are_found_better(
    last: Path, judged: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    frame = pl.read_parquet(judged[1])
    items = [
        [target, *(item for item in row if item != target)][:10]
        for target, row in frame.select("target", "items").rows()
    ]
    known = pl.read_parquet_metadata(judged[1])["protocol_hash"]
    path = tmp_path / "oracle.parquet"
    frame.select("user", "target", items=pl.Series(items)).write_parquet(path)
    found = compare_with_lists(last, path, stated_hash=known, samples=200)
    (row,) = (row for row in found["paired"] if row["metric"] == "MRR@10")
    assert row["second"] == [1, 1, 1] and row["permutation_p"] < 0.05
    assert row["users_second"] > 0 and row["users_first"] == 0
    with pytest.raises(ProtocolError, match="got no protocol_hash"):
        compare_with_lists(last, path)
    with pytest.raises(DataError, match="got no list for the target"):
        frame.head(3).write_parquet(path)
        compare_with_lists(last, path, stated_hash=known)


def test_two_runs_are_compared_on_one_protocol_only(
    last: Path, tiny_log: EventLog, tmp_path: Path, trained: HRNNRecommender
) -> None:
    assert trained.run is not None
    users = tmp_path / "users"
    HRNNRecommender("popularity-count").fit(tiny_log, run=users, verbose=0)
    found = compare_runs(users, trained.run.path, samples=100, seed=3)
    rows = {row["metric"]: row for row in found["paired"]}
    ratio = rows["perplexity"]["second"][0] / rows["perplexity"]["first"][0]
    assert rows["perplexity"]["change"][0] == pytest.approx(ratio)
    assert [row["name"] for row in found["rows"]] == [str(users), str(trained.run.path)]
    assert found == compare_runs(users, trained.run.path, samples=100, seed=3)
    with pytest.raises(ProtocolError, match=r"differ in test_users .40 and 8.* split \("):
        compare_runs(last, users, samples=100)


def test_the_commands_print_and_write_what_is_compared(
    last: Path, judged: tuple[dict[str, Any], Path], tmp_path: Path, capsys: Any
) -> None:
    target = tmp_path / "found.json"
    words = ["experiment", "peers", "--run", str(last), "--lists", str(judged[1])]
    assert cli.main([*words, "--samples", "100", "--json", str(target)]) == 0
    assert json.loads(target.read_text())["protocol"]["hash"] == judged[0]["protocol"]["hash"]
    assert f"B: {judged[1]}" in capsys.readouterr().out
    copy = tmp_path / "copy"
    shutil.copytree(last, copy)
    words = ["compare", "--run", str(last), "--run", str(copy), "--samples", "100"]
    assert cli.main([*words, "--json", str(target)]) == 0
    rows = json.loads(target.read_text())["paired"]
    assert [row["change"][0] for row in rows] == [1, 0, 0, 0]
