"""The toy column of Table 2: logs that hide what a row may not know, and its figures in small."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.simulate_bets import simulate_bets
from tfhrnn.data.split import Part
from tfhrnn.errors import RunError
from tfhrnn.experiments import table2_toy
from tfhrnn.experiments.bet_bounds import KNOWN
from tfhrnn.experiments.bounds import compare, require_no_leak
from tfhrnn.experiments.simulated import Row, run_rows
from tfhrnn.experiments.table2_toy import Size, asked_alone, best_answers, rows_of

SMALL = Size(train=40, validation=10, test=60)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """The rows of 110 sequences, by name."""
    return {
        row.name: row
        for row in rows_of(simulate_bets(sum(SMALL)), SMALL, tmp_path_factory.mktemp("small"))
    }


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows of the quick table."""
    out = tmp_path_factory.mktemp("table2")
    return list(table2_toy.run(None, out, seeds=1, say=lambda line: None, quick=True)["rows"])


def test_the_quick_table_has_the_papers_figures(quick: list[dict[str, Any]]) -> None:
    rows = {row["name"]: row for row in quick}
    assert [row["name"] for row in quick] == [*KNOWN, "user, by counts"]
    assert [row.get("paper") for row in quick] == [100, 54, 11, 3, 1, None]
    within = {"none": 0.04, "item": 0.02, "user": 0.25, "sequence": 0.04, "all": 0.1}
    assert rows["user, by counts"]["over_bound"] > rows["user"]["over_bound"]
    for name, share in within.items():
        assert rows[name]["over_bound"] < share, name
        assert rows[name]["perplexity"] == pytest.approx(
            rows[name]["sample_bound"] * (1 + rows[name]["over_bound"]), rel=1e-6
        )


def test_bets_asked_alone_keep_items_and_features_and_nothing_else() -> None:
    bets = simulate_bets(30)
    alone = asked_alone(bets)
    assert alone.interactions["item_id"].equals(bets.interactions["item_id"])
    assert alone.interactions["user_id"].n_unique() == len(bets.interactions)
    first_of = dict(zip(bets.users["user_id"], bets.users["first"], strict=True))
    expected = [first_of[user] for user in bets.interactions["user_id"]]
    joined = alone.interactions.join(alone.users, on="user_id", maintain_order="left")
    assert joined["first"].to_list() == expected
    assert alone.users.columns == bets.users.columns


def test_rows_are_judged_on_the_same_bets_in_the_same_order(small: dict[str, Row]) -> None:
    whole, alone = small["sequence"], small["user"]
    found = []
    for row in (whole, alone):
        test = np.flatnonzero(row.parts == Part.TEST)
        items = [row.log.item[row.log.events_of(user)] for user in test.tolist()]
        found.append(np.concatenate(items))
        assert len(row.best) == len(row.sequences) == len(found[-1])
    np.testing.assert_array_equal(found[0], found[1])
    # 60 sequences, of which one in 21 is empty, and 10 and 40 before them.
    assert 45 <= (whole.parts == Part.TEST).sum() <= 60
    trained = (whole.parts == Part.TRAIN).sum()
    events = np.diff(whole.log.offsets)
    assert (alone.parts == Part.TRAIN).sum() == events[whole.parts == Part.TRAIN].sum() > trained


def test_the_best_answers_are_certain_where_all_is_known_and_a_coin_where_ids_are(
    small: dict[str, Row],
) -> None:
    assert np.all(small["all"].best == 0)
    chances = np.unique(np.round(np.exp(small["sequence"].best), 9))
    assert set(chances) <= {round(1 / 101, 9), 0.5, 1.0}


def test_who_is_told_more_than_a_row_may_know_is_found_out(small: dict[str, Row]) -> None:
    row = small["sequence"]
    test = np.flatnonzero(row.parts == Part.TEST)
    leaking = best_answers("all", row.log, test)  # outcomes and the first item
    with pytest.raises(RunError, match="something tells it the targets"):
        require_no_leak("sequence", compare(leaking, row.best, row.sequences))
    # Knowing less than it may is no leak.
    require_no_leak(
        "sequence", compare(best_answers("item", row.log, test), row.best, row.sequences)
    )


def test_a_first_item_shown_as_the_users_feature_is_a_leak_to_a_row_without_it(
    tmp_path: Path,
) -> None:
    """A model is trained that reads what its row must not, and the row is refused."""
    size = Size(train=500, validation=30, test=100)
    row = {row.name: row for row in rows_of(simulate_bets(sum(size)), size, tmp_path)}["sequence"]
    # Judged on first bets, of which a row without the feature can know nothing: log 101 nats.
    first = np.diff(row.sequences, prepend=-1) != 0
    leaking = {"user_features": True, "feature_width": 64, "epochs": 10, "output_dropout": 0.0}
    row = dataclasses.replace(row, config=row.config.with_settings(leaking), judged=first)
    with pytest.raises(RunError, match=r"sequence: got .* less than the best predictor"):
        run_rows([row], tmp_path / "out", seeds=1, say=lambda line: None)


def test_logs_hold_the_whole_range_and_its_parities(small: dict[str, Row]) -> None:
    log = small["none"].log
    assert log.num_items == 101
    parity = pl.DataFrame({"item_id": log.catalogue.ids}).select(
        pl.col("item_id").cast(pl.Int64) % 2
    )
    matrix = log.catalogue.feature_matrix
    columns = {tuple(row) for row in matrix[parity["item_id"].to_numpy() == 0].tolist()}
    others = {tuple(row) for row in matrix[parity["item_id"].to_numpy() == 1].tolist()}
    assert len(columns) == len(others) == 1 and columns != others


def test_side_by_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="got 2 jobs, expected 1"):
        table2_toy.run(None, tmp_path, jobs=2)
