"""Ranked lists as other libraries' tables: their metrics on them are ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import pytrec_eval

from tfhrnn.errors import DataError, RunError
from tfhrnn.evaluation.list_tables import (
    ListTables,
    ranx_tables,
    rectools_tables,
    strictly_falling,
    write_list_tables,
)
from tfhrnn.recommender import HRNNRecommender

ROWS = [
    ("a", "x", ["y", "x", "z"], [-1.0, -1.0, -3.0]),  # in second place, by the list's order alone
    ("a", "é, w", ["z", "x"], [-1.0, -2.0]),  # not there
    ("a", "x", ["x"], [-1.0]),  # the same user and item again, now in first place
    ("b", "z", [], []),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lists") / "lists.parquet"
    schema = ["user", "target", "items", "scores"]
    frame = pl.DataFrame(ROWS, schema=schema, orient="row")
    frame.with_columns(pl.col("scores").cast(pl.List(pl.Float32))).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def judged(
    trained: HRNNRecommender, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    """A run's result, and the ranked lists that it was judged with."""
    path = tmp_path_factory.mktemp("judged") / "lists.parquet"
    return trained.evaluate(lists=path), path


def test_every_target_is_a_query_of_its_own(written: Path) -> None:
    wanted, found = ranx_tables(written)
    assert wanted.rows() == [
        ("1", "x", 1, "a"),
        ("2", "é, w", 1, "a"),
        ("3", "x", 1, "a"),
        ("4", "z", 1, "b"),
    ]
    assert found.select("q_id", "doc_id").rows() == [
        *(("1", "y"), ("1", "x"), ("1", "z")),
        *(("2", "z"), ("2", "x"), ("3", "x")),
    ]
    # Types that ranx asks for.
    assert wanted["score"].dtype == pl.Int64 and found["score"].dtype == pl.Float64
    assert found["score"].to_list() == pytest.approx([-1, -1, -3, -1, -2, -1])
    assert found["score"][0] > found["score"][1]


def test_rectools_tables_are_the_same_rows_with_ranks(written: Path) -> None:
    wanted, found = rectools_tables(written)
    assert wanted.rows() == [("1", "x"), ("2", "é, w"), ("3", "x"), ("4", "z")]
    assert found.columns == ["user_id", "item_id", "score", "rank"]
    assert found["rank"].to_list() == [1, 2, 3, 1, 2, 1]
    assert found["item_id"].to_list() == ranx_tables(written).found["doc_id"].to_list()


def test_equal_scores_fall_and_others_stay() -> None:
    scores = np.array([0.5, 0.5, 0.5, np.nextafter(np.float32(0.5), np.float32(0)), -3.0, 7.0, 7.0])
    place = np.array([1, 2, 3, 4, 5, 1, 2])
    apart = strictly_falling(scores, place)
    assert (np.diff(apart)[place[1:] > 1] < 0).all()
    assert (apart.astype(np.float32) == apart).all()
    np.testing.assert_allclose(apart, scores, rtol=3e-7)
    assert apart[[0, 4, 5]].tolist() == [0.5, -3.0, 7.0]


def test_lists_without_scores_go_by_their_places(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "bare.parquet"
    pl.read_parquet(written).drop("scores").write_parquet(path)
    assert ranx_tables(path).found["score"].to_list() == [-1, -2, -3, -1, -2, -1]


def by_query(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for query, document, score, *_ in table.rows():
        found.setdefault(query, {})[document] = score
    return found


def test_trec_eval_finds_our_figures_in_the_tables(judged: tuple[dict[str, Any], Path]) -> None:
    result, lists = judged
    wanted, found = ranx_tables(lists)
    evaluator = pytrec_eval.RelevanceEvaluator(
        by_query(wanted), {"success.10", "ndcg_cut.10", "recip_rank"}
    )
    values = list(evaluator.evaluate(by_query(found)).values())
    assert len(values) == result["test_targets"]
    names = {"hit_rate": "success_10", "ndcg": "ndcg_cut_10", "mrr": "recip_rank"}
    for ours, theirs in names.items():
        mean = np.mean([one[theirs] for one in values])
        assert mean == pytest.approx(result[f"{ours}_at_10"]["best"], abs=1e-12), ours


@pytest.mark.filterwarnings("ignore")  # numba and pandas have some of their own
def test_ranx_finds_our_figures_in_the_files(
    judged: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    ranx = pytest.importorskip("ranx")
    result, lists = judged
    qrels, run = write_list_tables(lists, tmp_path / "ranx", "ranx")
    found = ranx.evaluate(
        ranx.Qrels.from_parquet(str(qrels)),
        ranx.Run.from_parquet(str(run)),
        ["hit_rate@10", "ndcg@10", "mrr@10"],
    )
    for name, value in found.items():
        assert value == pytest.approx(result[name.replace("@", "_at_")]["best"], abs=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_rectools_finds_our_figures_in_the_files(
    judged: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    metrics = pytest.importorskip("rectools.metrics")
    pandas = pytest.importorskip("pandas")
    result, lists = judged
    wanted, found = (
        pandas.read_parquet(path) for path in write_list_tables(lists, tmp_path / "r", "rectools")
    )
    for name, metric in (
        ("hit_rate_at_10", metrics.HitRate(k=10)),
        ("ndcg_at_10", metrics.NDCG(k=10, log_base=2, divide_by_achievable=True)),
        ("mrr_at_10", metrics.MRR(k=10)),
    ):
        value = metric.calc(reco=found, interactions=wanted)
        assert value == pytest.approx(result[name]["best"], abs=1e-12), name


def test_files_are_there_whole_or_refused(written: Path, tmp_path: Path) -> None:
    paths = write_list_tables(written, tmp_path / "new" / "ranx", "ranx")
    assert [path.name for path in paths] == ["qrels.parquet", "run.parquet"]
    tables = ListTables(*map(pl.read_parquet, paths))
    assert all(a.equals(b) for a, b in zip(tables, ranx_tables(written), strict=True))
    with pytest.raises(RunError, match="ranx: got a path that exists, expected a new one"):
        write_list_tables(written, tmp_path / "new" / "ranx", "ranx")
    with pytest.raises(RunError, match="got no such file, expected ranked lists as Parquet"):
        ranx_tables(tmp_path / "none.parquet")
    (tmp_path / "text").write_text("no Parquet")
    with pytest.raises(DataError, match="got a file of another kind, expected Parquet"):
        ranx_tables(tmp_path / "text")
    pl.read_parquet(written).drop("target").write_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="column target: got no such column, expected one"):
        write_list_tables(tmp_path / "other.parquet", tmp_path / "x", "rectools")
    assert not (tmp_path / "x").exists()
