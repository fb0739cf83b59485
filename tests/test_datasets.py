"""Event logs as other libraries' data sets: read the way those read, they hold the same events."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.datasets import to_recbole, to_rectools
from tfhrnn.errors import DataError, RunError

T0 = 1_700_000_000
ROOT = Path(__file__).parents[1]


def as_recbole_reads(path: Path) -> pd.DataFrame:
    """One atomic file the way `recbole.data.dataset.Dataset._load_feat` of 1.2.1 reads it."""
    with path.open(encoding="utf-8") as file:
        head = file.readline()[:-1].split("\t")
    kinds = dict(field.split(":") for field in head)
    assert set(kinds.values()) <= {"token", "token_seq", "float", "float_seq"}
    dtype: Any = {f: np.float64 if f.endswith(":float") else str for f in head}
    frame = pd.read_csv(
        path, delimiter="\t", usecols=head, dtype=dtype, encoding="utf-8", engine="python"
    )
    frame.columns = pd.Index(list(kinds))
    for name, kind in kinds.items():
        if kind == "token_seq":
            frame[name] = [list(filter(None, v.split(" "))) for v in frame[name].fillna("")]
    return frame


def rows_of(log: EventLog) -> list[tuple[Any, ...]]:
    return [
        (user, log.catalogue.id_of(int(log.item[at])), int(log.time[at]), float(log.feedback[at]))
        for index, user in enumerate(log.user_ids)
        for at in range(*log.events_of(index).indices(log.num_events))
    ]


def test_the_module_is_there_once_the_package_is() -> None:
    code = "import sys, tfhrnn; tfhrnn.datasets.to_recbole; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_recbole_reads_the_same_events(tiny_log: EventLog, tmp_path: Path) -> None:
    folder = to_recbole(tiny_log, tmp_path / "dataset")
    assert folder == tmp_path / "dataset" / "tiny"
    assert sorted(path.name for path in folder.iterdir()) == [
        "tiny.inter",
        "tiny.item",
        "tiny.user",
    ]
    events = as_recbole_reads(folder / "tiny.inter")
    columns = ["user_id", "item_id", "timestamp", "rating"]
    assert sorted(events.columns) == sorted(columns)
    found = list(events[columns].itertuples(index=False, name=None))
    assert found == rows_of(tiny_log)


def test_recbole_reads_the_same_features(
    tiny_log: EventLog, tiny_tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    folder = to_recbole(tiny_log.directory, tmp_path, name="films")
    items = as_recbole_reads(folder / "films.item")
    assert items["item_id"].tolist() == tiny_log.catalogue.ids
    genres = dict(tiny_tables["items"].select("item_id", "genres").iter_rows())
    assert items["genres"].tolist() == [genres[i].split("|") for i in tiny_log.catalogue.ids]
    assert items["title"][0] == tiny_log.catalogue.titles[0].split(" ")
    users = as_recbole_reads(folder / "films.user")
    own = dict(tiny_tables["users"].select("user_id", pl.struct("age", "group")).iter_rows())
    assert users["user_id"].tolist() == tiny_log.user_ids
    assert users["age"].tolist() == [own[user]["age"] for user in tiny_log.user_ids]
    assert users["group"].tolist() == [own[user]["group"] for user in tiny_log.user_ids]
    assert (folder / "films.user").read_text().startswith("user_id:token\tage:float\tgroup:token\n")


def test_atomic_files_are_tables_of_ours_too(tiny_log: EventLog, tmp_path: Path) -> None:
    folder = to_recbole(tiny_log, tmp_path)
    again = write_event_log(folder / "tiny.inter", tmp_path / "log", keep_duplicates=True)
    assert again.fingerprint == tiny_log.fingerprint


def test_event_types_and_unknown_feedback(typed_log: EventLog, tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"user_id": ["a", "b", "a"], "item_id": ["x", "y", "y"], "timestamp": [T0, T0, T0 + 1]}
    ).with_columns(rating=pl.Series([2.5, None, None]), weight=pl.Series([1.0, 2.0, 0.5]))
    log = write_event_log(table, tmp_path / "log", name="few")
    assert (log.weight == [1, 0.5, 2]).all()
    few = as_recbole_reads(to_recbole(log, tmp_path / "a") / "few.inter")
    assert few["weight"].tolist() == [1, 0.5, 2]
    np.testing.assert_array_equal(few["rating"], [2.5, np.nan, np.nan])
    assert few["timestamp"].tolist() == [T0, T0 + 1, T0]
    assert [path.name for path in (tmp_path / "a" / "few").iterdir()] == ["few.inter"]
    typed = as_recbole_reads(to_recbole(typed_log, tmp_path / "b") / "typed.inter")
    names = [None, *typed_log.event_types]
    assert "view, é" in typed_log.event_types
    expected = [names[index] for index in typed_log.event_type]
    read = typed["event_type"].astype(object)  # a column of texts holds NaN, never None
    assert read.where(read.notna(), None).tolist() == expected


def test_text_that_would_need_quotes_is_made_plain(tmp_path: Path) -> None:
    events = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": [T0, T0 + 1]})
    items = pl.DataFrame(
        {
            "item_id": ["x", "y"],
            "title": ['"The"\tone', "Plain"],
            "two: words": ["Film Noir|Sci-Fi", None],
            "year": [1999, None],
            "blurb": ['say "hi"\nthere', None],
        }
    )
    features = ["two: words:multi-hot", "year:numeric", "blurb:text"]
    log = write_event_log(events, tmp_path / "log", items=items, item_features=features, name="d")
    found = as_recbole_reads(to_recbole(log, tmp_path / "out") / "d.item")
    assert list(found.columns) == ["item_id", "title", "two__words", "year", "blurb"]
    assert found["title"].tolist() == [["'The'", "one"], ["Plain"]]
    assert found["two__words"].tolist() == [["Film_Noir", "Sci-Fi"], []]
    assert found["blurb"].tolist() == [["say", "'hi'", "there"], []]
    np.testing.assert_array_equal(found["year"], [1999, np.nan])


@pytest.mark.parametrize("bad", ["NA", "null", 'say "x"', "a\tb", " a", "two\nlines"])
@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_ids_that_recbole_would_read_otherwise_are_refused(
    bad: str, column: str, tmp_path: Path
) -> None:
    table = pl.DataFrame(
        {"user_id": ["a", "b", "c"], "item_id": ["x", "y", "z"], "timestamp": [T0, T0, T0]}
    ).with_columns(pl.Series(column, ["good", "fine", bad]))
    log = write_event_log(table, tmp_path / "log", name="d")
    with pytest.raises(DataError) as refused:
        to_recbole(log, tmp_path / "out")
    assert f"RecBole, column {column}: got {bad!r}, expected an id without" in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_nothing_is_replaced(tiny_log: EventLog, tmp_path: Path) -> None:
    to_recbole(tiny_log, tmp_path)
    with pytest.raises(RunError, match="tiny: got a path that exists, expected a new one"):
        to_recbole(tiny_log, tmp_path)
    with pytest.raises(RunError, match="got no such folder, expected an event log"):
        to_recbole(tmp_path / "none", tmp_path / "other")


def test_rectools_interactions_hold_true_times(tiny_log: EventLog) -> None:
    frame = to_rectools(tiny_log)
    assert frame.columns == ["user_id", "item_id", "weight", "datetime", "feedback"]
    seconds = frame.to_pandas()["datetime"].astype("datetime64[ns]").astype("int64") // 10**9
    expected = rows_of(tiny_log)
    assert seconds.tolist() == [row[2] for row in expected]
    assert frame.select("user_id", "item_id").rows() == [row[:2] for row in expected]
    assert frame["feedback"].to_list() == [row[3] for row in expected]


@pytest.mark.filterwarnings("ignore")
def test_rectools_takes_the_interactions(typed_log: EventLog) -> None:
    dataset = pytest.importorskip("rectools.dataset")
    frame = to_rectools(typed_log)
    assert "event_type" in frame.columns
    made = dataset.Dataset.construct(frame.to_pandas())
    assert made.interactions.df.shape[0] == typed_log.num_events
    assert made.user_id_map.external_ids.tolist() == typed_log.user_ids
