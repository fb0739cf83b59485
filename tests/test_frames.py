"""Frames in and out: pandas answers a pandas question, polars any other, with the same rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from tfhrnn.errors import DataError
from tfhrnn.frames import in_kind_of
from tfhrnn.recommender import HRNNRecommender

T0 = 1_000_000_000
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def asked(trained: HRNNRecommender) -> pl.DataFrame:
    films = trained.catalogue.ids
    return pl.DataFrame(
        {"user_id": ["7", "12", "7"], "item_id": films[:3], "timestamp": [T0, T0 + 1, T0 + 99]}
    )


def as_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(frame.to_dict(as_series=False))


def same(found: Any, expected: pl.DataFrame) -> bool:
    """Whether a pandas frame has the rows, columns, order and numeric types of a polars one."""
    assert isinstance(found, pd.DataFrame) and list(found.columns) == expected.columns
    assert found.index.tolist() == list(range(expected.height))
    for name in expected.columns:
        if expected[name].dtype.is_numeric():
            assert found[name].dtype == expected[name].to_numpy().dtype, name
    return found.to_dict("list") == expected.to_dict(as_series=False)


def test_a_pandas_table_is_answered_in_pandas(
    trained: HRNNRecommender, asked: pl.DataFrame
) -> None:
    table = as_pandas(asked)
    table.index = pd.Index(["x", "y", "z"])  # the caller's index is no part of the answers
    kept = table.copy()
    options: dict[str, Any] = {"gap": [60, 4000], "k": 3}
    expected = trained.recommend(asked, **options)
    assert (
        isinstance(expected, pl.DataFrame) and expected["user"].to_list() == ["7"] * 3 + ["12"] * 3
    )
    assert same(trained.recommend(table, **options), expected)
    items = [trained.catalogue.ids[5:8], trained.catalogue.ids[:2]]
    assert same(trained.rank(table, items, gap=60), trained.rank(asked, items, gap=60))
    assert table.equals(kept)


def test_ids_that_are_numbers_in_pandas_are_the_same_users(
    trained: HRNNRecommender, asked: pl.DataFrame
) -> None:
    table = as_pandas(asked.with_columns(pl.col("user_id").cast(pl.Int64)))
    answers: Any = trained.recommend(table, k=2)
    assert answers["user"].astype(int).tolist() == [7, 7, 12, 12]
    joined = table.assign(user=table["user_id"].astype(str)).merge(answers, on="user")
    assert len(joined) == 3 * 2


def test_lists_are_answered_in_polars_and_a_pandas_column_in_pandas(
    trained: HRNNRecommender,
) -> None:
    films = trained.catalogue.ids
    assert isinstance(trained.recommend([films[:2]], k=2), pl.DataFrame)
    expected = trained.similar(films[:2], k=2)
    assert isinstance(expected, pl.DataFrame)
    assert same(trained.similar(pd.Series(films[:2], index=[8, 9]), k=2), expected)
    assert same(expected.to_pandas(), expected)  # polars' own way, which needs pyarrow


def test_answers_without_rows_keep_their_columns(trained: HRNNRecommender) -> None:
    none = trained.recommend([], k=2)
    assert none.height == 0
    found = in_kind_of(pd.Series([], dtype=object), none)
    assert isinstance(found, pd.DataFrame) and list(found.columns) == none.columns
    assert len(found) == 0 and found["log_probability"].dtype == "float32"


def test_a_frame_of_another_library_is_refused(trained: HRNNRecommender) -> None:
    with pytest.raises(DataError, match=r"got dict, expected a path, a polars frame or a pandas"):
        trained.recommend({"user_id": ["a"]}, k=1)


def test_pandas_need_not_be_there(trained: HRNNRecommender) -> None:
    assert trained.run is not None
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "import polars as pl, pathlib, tempfile\n"
        "from tfhrnn import HRNNRecommender\n"
        f"model = HRNNRecommender.load({str(trained.run.path)!r})\n"
        "frame = pl.DataFrame({'user_id': ['a'], 'item_id': ['x'], 'timestamp': [5]})\n"
        "answers = model.recommend(frame, k=2)\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    answers.write_parquet(pathlib.Path(folder) / 'answers.parquet')\n"
        "    model.evaluate(lists=pathlib.Path(folder) / 'lists.parquet')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=300)
