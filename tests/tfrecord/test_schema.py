"""schema.json: what is written is read back, and what is another's is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.features import FeatureSpec
from tfhrnn.errors import RunError
from tfhrnn.tfrecord.schema import (
    EVENT_COLUMNS,
    SCHEMA,
    VERSION,
    Schema,
    read_schema,
    stated,
    write_schema,
)

FULL = Schema("films, é", (60, 3600), ("genres:multi-hot", "title:text:64"), ("age:numeric",))


@given(
    name=st.text(max_size=9).filter(lambda text: text.isprintable()),
    thresholds=st.lists(st.integers(1, 10**9), max_size=4).map(tuple),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, thresholds: tuple[int, ...]
) -> None:
    folder = tmp_path_factory.mktemp("schema")
    schema = FULL._replace(name=name, thresholds=thresholds)
    write_schema(folder, schema, {"events": 3})
    assert read_schema(folder) == schema
    assert json.loads((folder / SCHEMA).read_text(encoding="utf-8"))["events"] == 3


def test_nothing_said_is_nothing_known(tmp_path: Path) -> None:
    assert read_schema(tmp_path) is None
    write_schema(tmp_path, Schema(), {})
    assert read_schema(tmp_path) == Schema("", (), (), ())


def test_text_stands_as_it_is(tmp_path: Path) -> None:
    write_schema(tmp_path, FULL, {})
    text = (tmp_path / SCHEMA).read_text(encoding="utf-8")
    assert '"films, é"' in text and text.endswith("}\n")


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "another"},
        {"format": None},
        {"thresholds": 60},
        {"item_features": None},
    ],
)
def test_what_is_not_ours_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_schema(tmp_path, FULL, changes)
    with pytest.raises(RunError, match=r"schema\.json: got no schema of ours, expected what expo"):
        read_schema(tmp_path)


@pytest.mark.parametrize("missing", ["format", "version", "name", "thresholds", "user_features"])
def test_half_a_schema_is_refused(tmp_path: Path, missing: str) -> None:
    write_schema(tmp_path, FULL, {})
    values = json.loads((tmp_path / SCHEMA).read_text())
    del values[missing]
    (tmp_path / SCHEMA).write_text(json.dumps(values))
    with pytest.raises(RunError, match="got no schema of ours"):
        read_schema(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "7", '{"format"', "\xff"])
def test_damage_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / SCHEMA).write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match="got no schema of ours"):
        read_schema(tmp_path)


def test_a_later_version_is_refused_by_its_number(tmp_path: Path) -> None:
    write_schema(tmp_path, FULL, {"version": VERSION + 1})
    with pytest.raises(RunError, match=f"got version {VERSION + 1}, expected {VERSION}"):
        read_schema(tmp_path)


def test_features_are_stated_as_on_the_command_line() -> None:
    specs = [
        FeatureSpec("genres", "multi-hot"),
        FeatureSpec("studio", "categorical"),
        FeatureSpec("year", "numeric"),
        FeatureSpec("plot", "text", buckets=32),
    ]
    assert stated(specs) == [
        "genres:multi-hot",
        "studio:categorical",
        "year:numeric",
        "plot:text:32",
    ]
    assert stated([]) == []


def test_columns_of_events_are_of_kinds_that_examples_have() -> None:
    assert set(EVENT_COLUMNS.values()) == {"bytes", "int64", "float"}
    assert list(EVENT_COLUMNS)[:3] == ["user_id", "item_id", "timestamp"]
