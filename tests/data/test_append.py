"""A grown event log is the one that both tables would have given in one; the old one stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.data.append import append_events, event_chunks, known_events, recoded, rows_before
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.event_rules import EventRules
from tfhrnn.errors import DataError, RunError

OLD = pl.DataFrame(
    {
        "user_id": ["9", "10", "9", "10"],
        "item_id": ["b", "c", "c", "b"],
        "timestamp": [100, 50, 200, 60],
        "rating": [1.0, 2.0, None, 4.0],
    }
)
ITEMS = pl.DataFrame(
    {"item_id": ["b", "c"], "title": ["B", "C"], "genres": ["x|y", "y"], "year": [1990, 2000]}
)
UNRATED = pl.lit(None, pl.Float64).alias("rating")
FEATURES = ["genres:multi-hot", "year:numeric"]


def events(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return write_event_log(
        OLD, tmp_path / "old", items=ITEMS, item_features=FEATURES, name="toy", thresholds=(5, 50)
    )


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 4)),
    min_size=4,
    max_size=30,
)


@settings(deadline=None, max_examples=15)
@given(rows=ROWS, cut=st.integers(2, 20))
def test_two_parts_give_the_log_of_the_whole(
    rows: list[tuple[str, str, int]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Two users and items in each part, and one row that only the second part holds.
    ends = [("a", "x", 0), ("b", "y", 0)], [("a", "new", 9)]
    parts = events(*ends[0], *rows[:cut]), events(*rows[cut:], *ends[1])
    folder = tmp_path_factory.mktemp("parts")
    whole = write_event_log(pl.concat(parts), folder / "whole")
    old = write_event_log(parts[0], folder / "old")
    grown = append_events(old, parts[1], folder / "grown")
    assert grown.fingerprint == whole.fingerprint


def test_new_rows_join_and_the_old_log_stays(log: EventLog, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in log.directory.iterdir()}
    # User 9: one event of before, at the same second as an old one, one since; user 7 is new.
    new = events(("9", "a", 100), ("9", "a", 150), ("9", "b", 300), ("7", "c", 5))
    grown = append_events(log, new.with_columns(UNRATED), tmp_path / "grown")
    assert grown.user_ids == ["7", "9", "10"] and grown.catalogue.ids == ["a", "b", "c"]
    nine = grown.events_of(1)
    assert grown.time[nine].tolist() == [100, 100, 150, 200, 300]
    assert (grown.item[nine] - 2).tolist() == [1, 0, 0, 2, 1]  # b, a (after b), a, c, b
    np.testing.assert_array_equal(grown.feedback[nine], [1, np.nan, np.nan, np.nan, np.nan])
    assert known_events(log, grown).tolist() == [0, 2, 2]
    assert rows_before(log.catalogue, grown.catalogue).tolist() == [-1, 0, 1]
    assert (grown.name, grown.thresholds) == ("toy", (5, 50))
    assert grown.report.notes == [
        "2 new events are older than the last one known of their user; they take their place by "
        "time",
        "1 new items have no row in a table: no features",
    ]
    assert before == {path.name: path.read_bytes() for path in log.directory.iterdir()}


def test_features_keep_their_encoding(log: EventLog, tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"item_id": ["a", "c"], "title": ["A", "C, new"], "genres": ["z|y", "x"], "year": [2010, 1]}
    )
    new = events(("9", "a", 300)).with_columns(UNRATED)
    grown = append_events(log, new, tmp_path / "grown", items=table)
    assert grown.catalogue.features == log.catalogue.features
    assert grown.catalogue.titles == ["A", "B", "C, new"]
    a, b, c = grown.catalogue.feature_matrix
    # Genres x, y; years 1990 and 2000 had mean 1995 and deviation 5. z is no genre of the log's.
    np.testing.assert_allclose(a, [0, 1, 3, 0])
    np.testing.assert_array_equal(b, log.catalogue.feature_matrix[0])
    np.testing.assert_allclose(c, [1, 0, (1 - 1995) / 5, 0], rtol=1e-6)
    assert grown.report.notes == [
        "genres of frame: 1 values that the log does not know are ignored, 'z' the first"
    ]


def test_only_new_rows_that_repeat_are_dropped(tmp_path: Path) -> None:
    twice = events(("a", "x", 1), ("a", "x", 1), ("b", "y", 1))
    old = write_event_log(twice, tmp_path / "old", keep_duplicates=True)
    new = events(("a", "x", 1), ("a", "y", 2), ("a", "y", 2))
    grown = append_events(old, new, tmp_path / "grown")
    assert grown.time.tolist() == [1, 1, 2, 1]
    assert grown.report.dropped == {"identical row": 2} and grown.report.rows_kept == 1
    kept = append_events(old, new, tmp_path / "kept", keep_duplicates=True)
    assert kept.time.tolist() == [1, 1, 1, 2, 2, 1]


def test_event_types_that_the_log_does_not_know_are_unknown(tmp_path: Path) -> None:
    def typed(*rows: tuple[str, str, int, str]) -> pl.DataFrame:
        names = ["user_id", "item_id", "timestamp", "event_type"]
        return pl.DataFrame(rows, schema=names, orient="row")

    old = write_event_log(typed(("a", "x", 1, "watch"), ("b", "y", 1, "click")), tmp_path / "old")
    new = typed(("a", "y", 2, "buy"), ("a", "y", 3, "watch"))
    grown = append_events(old, new, tmp_path / "grown")
    assert grown.event_types == old.event_types == ("click", "watch")
    assert grown.event_types_of(0) == ["watch", "", "watch"]
    assert grown.report.notes == [
        "1 event types that the log does not know count as unknown, 'buy' the first"
    ]


def test_a_log_as_chunks_is_the_log_again(log: EventLog, tmp_path: Path) -> None:
    frame = pl.concat(list(event_chunks(log)))
    again = write_event_log(frame, tmp_path / "again", items=ITEMS, item_features=FEATURES)
    assert again.fingerprint == log.fingerprint
    late = pl.concat(list(event_chunks(log, np.asarray(log.time) > 55)))
    assert late["timestamp"].to_list() == [100, 200, 60]


def test_recoded_events_are_the_same_items(log: EventLog, tmp_path: Path) -> None:
    grown = append_events(log, events(("9", "a", 300)), tmp_path / "grown")
    same = recoded(log, grown.catalogue)
    ids = [same.catalogue.id_of(index) for index in same.item.tolist()]
    assert ids == [log.catalogue.id_of(index) for index in log.item.tolist()]
    with pytest.raises(RunError, match="holds 2 of 3 items of before"):
        rows_before(grown.catalogue, log.catalogue)


def test_what_cannot_be_appended_leaves_nothing(log: EventLog, tmp_path: Path) -> None:
    good, out = events(("9", "a", 300)), tmp_path / "grown"
    with pytest.raises(DataError, match="got only events that the log holds already"):
        append_events(log, OLD, out)
    with pytest.raises(DataError, match="row 1, column timestamp"):
        append_events(log, events(("9", "a", -1)), out)
    with pytest.raises(DataError, match=r"no column 'year'.* expected a column for the feature"):
        append_events(log, good, out, items=ITEMS.drop("year"))
    with pytest.raises(RunError, match="got the place of the event log that is to be appended to"):
        append_events(log, good, log.directory)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(RunError, match="got something that is no event log"):
        append_events(log, good, tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "old"]


MAPPED = {"user_id": "who", "item_id": "what", "timestamp": "at", "feedback": "price"}


def test_a_further_table_is_read_under_the_columns_of_the_first(tmp_path: Path) -> None:
    names = {"rating": "price", **{role: MAPPED[role] for role in list(MAPPED)[:3]}}
    old = OLD.rename(names)
    items = ITEMS.rename({"item_id": "what"})
    log = write_event_log(
        old, tmp_path / "old", items=items, item_features=FEATURES, columns=MAPPED
    )
    # Told or remembered, the fingerprint is that of the same events.
    plain = write_event_log(OLD, tmp_path / "plain", items=ITEMS, item_features=FEATURES)
    assert log.columns == MAPPED and log.fingerprint == plain.fingerprint
    new = pl.DataFrame({"who": ["9"], "what": ["d"], "at": [300], "price": [5.0]})
    more = pl.DataFrame({"what": ["d"], "genres": ["x"], "year": [1995]})
    grown = append_events(log, new, tmp_path / "grown", items=more)
    assert grown.feedback[grown.events_of(0)].tolist()[-1] == 5.0 and grown.report.notes == []
    # Known names still work, and a later table under the first one's columns does too.
    known = new.rename({column: role for role, column in MAPPED.items()})
    canonical = append_events(
        log, known, tmp_path / "canonical", items=more.rename({"what": "item"})
    )
    assert canonical.fingerprint == grown.fingerprint
    later = append_events(canonical, new.with_columns(at=400), tmp_path / "later")
    assert later.num_events == 6
    # Stated ones win, and are remembered in turn.
    moved = append_events(
        log, new.with_columns(cost=7.0), tmp_path / "moved", columns={"feedback": "cost"}
    )
    assert moved.feedback[moved.events_of(0)].tolist()[-1] == 7.0
    assert moved.columns == {**MAPPED, "feedback": "cost"}


def test_a_log_of_an_earlier_version_tells_the_columns_of_its_report(log: EventLog) -> None:
    file = log.directory / "meta.json"
    meta = json.loads(file.read_text())
    del meta["columns"]
    file.write_text(json.dumps(meta))
    again = EventLog.open(log.directory)
    assert again.columns == log.columns and again.columns["feedback"] == "rating"


def test_a_column_that_the_log_has_and_a_further_table_lacks_is_told_or_refused(
    log: EventLog, tmp_path: Path
) -> None:
    new = events(("9", "a", 300)).with_columns(price=pl.lit(2.0))
    grown = append_events(log, new, tmp_path / "grown")
    assert any("no column of frame is feedback" in note for note in grown.report.notes)
    assert grown.report.ignored == ["price"]
    with pytest.raises(DataError) as caught:
        append_events(log, new, tmp_path / "refused", required=["feedback"])
    assert "got no column for feedback (there are: user_id, item_id, timestamp, price)" in str(
        caught.value
    )
    assert "--map feedback=COLUMN" in str(caught.value) and not (tmp_path / "refused").exists()
    blank = new.with_columns(feedback=pl.lit(None, pl.Float64))
    assert append_events(log, blank, tmp_path / "blank", required=["feedback"]).num_events == 5


def test_rules_of_events_stay(tmp_path: Path) -> None:
    rules = EventRules(("buy", "view"), {"buy": 3.0}, {"view": 2.0})
    old = OLD.with_columns(event_type=pl.Series(["buy", "view", "view", "buy"]))
    log = write_event_log(old, tmp_path / "old", rules=rules)
    new = pl.DataFrame(
        {
            "user_id": ["9", "9", "9", "10"],
            "item_id": ["b", "c", "b", "c"],
            "timestamp": [300, 301, 302, 303],
            "rating": [None, 1.0, 5.0, 2.0],
            "event_type": ["buy", "view", "other", "view"],
        }
    )
    grown = append_events(log, new, tmp_path / "new")
    whole = write_event_log(pl.concat([old, new]), tmp_path / "whole", rules=rules)
    assert grown.fingerprint == whole.fingerprint
    assert grown.rules == log.rules and grown.rules.remembered
    assert grown.report.dropped == {
        "event type not asked for": 1,
        "feedback below the threshold of view": 1,
    }
