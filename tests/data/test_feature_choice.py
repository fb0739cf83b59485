"""Features chosen by what stands in a table's columns."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from tfhrnn.data.feature_choice import choose_features
from tfhrnn.errors import DataError

IDS = [str(n) for n in range(12)]


def chosen(values: list[object]) -> tuple[str, ...]:
    """What a column is, in a table of its own."""
    table = pl.DataFrame({"item_id": IDS[: len(values)], "c": values}, strict=False)
    return choose_features(table, "item_id")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (list(range(12)), "numeric"),
        (["1", "2.5", "-3e2"], "numeric"),
        (["1", None, "3"], "numeric"),
        (["a", "b"] * 6, "categorical"),
        ([True, False, True], "categorical"),
        (["x|y", "x", "z|x"], "multi-hot"),
        ([["x", "y"], ["x"], ["z"]], "multi-hot"),
        # numbers with one word that reads as a number but is none: a category, as for any word
        (["1", "nan"] * 6, "categorical"),
        (["1", "inf"] * 6, "categorical"),
        ([date(2026, 3, n) for n in (1, 2, 2)], "numeric"),
        ([datetime(2026, 3, n) for n in (1, 2, 2)], "numeric"),
        (["2026-03-02", "", None, "2026-03-04T05:06:07Z"], "numeric"),
        (["2026-03-02", "soon"] * 6, "categorical"),
        ([f"a text of its own {n}" for n in range(12)], "text"),
        ([f"this one comes twice, number {n % 6}" for n in range(12)], "text"),
        (["Home, Garden and all Tools", "Books of any kind there is"] * 6, "categorical"),
    ],
)
def test_a_columns_kind_is_read_off_its_values(values: list[object], kind: str) -> None:
    assert chosen(values) == (f"c:{kind}",)


@pytest.mark.parametrize(
    "values",
    [
        ["same"] * 5,
        [None] * 5,
        [7, 7, 7],
        [f"text-{n}" for n in range(12)],
        [f"https://example.com/a b {n}" for n in range(12)],  # too few words for a sentence
        [["x"], ["x"]],
        [{"a": 1}, {"a": 2}],
    ],
)
def test_a_column_without_anything_to_learn_from_is_left_out(values: list[object]) -> None:
    assert chosen(values) == ()


def test_more_values_than_a_feature_holds_are_left_out() -> None:
    many = [f"v{n}" for n in range(300)]
    table = pl.DataFrame(
        {
            "item_id": [str(n) for n in range(600)],
            "few": many[:100] * 6,
            "many": many * 2,
            "tags": [f"{value}|x" for value in many * 2],
        }
    )
    assert choose_features(table, "item_id") == ("few:categorical",)


def test_long_names_of_a_few_categories_are_no_sentences() -> None:
    names = ["Home, Garden and all Tools", "Books of any kind there is"] * 60
    rows = {"item_id": [str(n) for n in range(120)], "kind": names}
    assert choose_features(pl.DataFrame(rows), "item_id") == ("kind:categorical",)


def test_ids_and_titles_are_no_features(tiny_tables: dict[str, pl.DataFrame]) -> None:
    assert choose_features(tiny_tables["items"], "item_id") == ("genres:multi-hot",)
    users = choose_features(tiny_tables["users"], "user_id")
    assert users == ("age:numeric", "group:categorical")


def test_a_csv_file_gives_what_its_frame_gives(
    tiny_tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    for name, role in (("items", "item_id"), ("users", "user_id")):
        tiny_tables[name].write_csv(tmp_path / f"{name}.csv")
        expected = choose_features(tiny_tables[name], role)
        assert choose_features(tmp_path / f"{name}.csv", role) == expected


def test_no_table_no_columns_and_no_rows_give_no_features() -> None:
    assert choose_features(None, "item_id") == ()
    assert choose_features(pl.DataFrame({"item_id": IDS}), "item_id") == ()
    empty = pl.DataFrame({"item_id": [], "c": []}, schema={"item_id": pl.String, "c": pl.String})
    assert choose_features(empty, "item_id") == ()


def test_a_table_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: got no such file"):
        choose_features(tmp_path / "none.csv", "item_id")
