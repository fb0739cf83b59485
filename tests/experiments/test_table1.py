"""Table 1 in small: who hears sessions end predicts their first items, and who does not cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.data.windows import Windows
from tfhrnn.errors import RunError
from tfhrnn.experiments import table1
from tfhrnn.experiments.table1 import PUBLISHED, Size, rows_of, write_log

SMALL = Size(40, 10, 50, epochs=1, published_epochs=1, batch=8, window=8, rounds=1)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The quick table, and the folder that holds its results."""
    out = tmp_path_factory.mktemp("table1")
    return out, table1.run(None, out, seeds=1, say=lambda line: None, quick=True)


def test_the_quick_table_has_the_papers_figures(quick: tuple[Path, dict[str, Any]]) -> None:
    rows = {row["name"]: row for row in quick[1]["rows"]}
    assert list(rows) == ["RNN", "HGRU", PUBLISHED, "HRNN"]
    assert 2.0 < rows["RNN"]["perplexity"] < 1.08 * rows["RNN"]["sample_bound"]
    for name in ("HGRU", PUBLISHED, "HRNN"):
        assert 1 <= rows[name]["perplexity"] < 1.05
    assert [row.get("paper") for row in rows.values()] == [2, None, 1, 1]
    # On the drawn sample the best possible is near what is to be expected, 2.144.
    assert rows["RNN"]["sample_bound"] == pytest.approx(rows["RNN"]["bound"], rel=0.05)
    assert all(row["bound"] == 1 for name, row in rows.items() if name != "RNN")


def test_epochs_of_all_models_are_timed(quick: tuple[Path, dict[str, Any]]) -> None:
    rows = {row["name"]: row for row in quick[1]["rows"]}
    for row in rows.values():
        assert 0 < row["update_seconds"] < row["seconds_per_epoch"] * 1.5
    assert rows["HRNN"]["times_hrnn"] == rows["HRNN"]["updates_times_hrnn"] == 1
    # Of what may be slower than what nothing is asked here: other work on the machine decides too.
    assert all(row["times_hrnn"] > 0 and row["updates_times_hrnn"] > 0 for row in rows.values())


def test_a_second_run_trains_and_times_nothing(
    quick: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, first = quick
    monkeypatch.setattr(table1, "time_epochs", lambda *_: pytest.fail("timed again"))
    again = table1.run(None, out, seeds=1, say=lambda line: None, quick=True)
    assert again == first
    assert json.loads(json.dumps(first, allow_nan=False)) == first


def test_targets_judged_are_those_of_a_level_that_ends_a_session_or_starts_a_user(
    tmp_path: Path,
) -> None:
    log = write_log(SMALL, tmp_path / "log")
    row = rows_of(log, SMALL)[0]
    users = np.flatnonzero(row.parts == 2)
    # The weight column of our windows says the same where `target_weight` asks for it.
    windows = Windows(
        log,
        users,
        lanes=1,
        window=int(log.offsets[-1]),
        target_weight=lambda levels, weights: weights * (levels > 0),
    )
    (batch,) = windows.batches()
    np.testing.assert_array_equal(batch.weight[0, : len(row.judged)] > 0, row.judged)
    assert row.protocol.test_targets == batch.weight.sum()
    # Of what is not judged nothing is left out of training.
    assert len(row.judged) == int(np.diff(log.offsets)[users].sum()) > row.judged.sum()


def test_seconds_of_other_settings_are_refused(tmp_path: Path) -> None:
    rows = rows_of(write_log(SMALL, tmp_path / "log"), SMALL)
    path = tmp_path / "seconds.json"
    path.write_text(json.dumps({"settings": {}, "seconds": {}}))
    with pytest.raises(RunError, match=r"seconds\.json: got a result of other settings"):
        table1.timed(rows, SMALL, path)


def test_side_by_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="got 2 jobs, expected 1: it measures seconds"):
        table1.run(None, tmp_path, jobs=2)
