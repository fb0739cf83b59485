import os
import time
from pathlib import Path

import pytest

from serving.version_folder import Settling, Snapshot, snapshot, version_folders


def test_versions_are_folders_named_by_numbers(tmp_path: Path) -> None:
    for name in ("2", "010", "9.partial", "x11", "-12", "²", "99999999999999999999"):
        (tmp_path / name).mkdir()
    (tmp_path / "13").write_text("a file")
    assert version_folders(tmp_path) == {2: tmp_path / "2", 10: tmp_path / "010"}
    with pytest.raises(OSError, match="absent"):
        version_folders(tmp_path / "absent")


def test_snapshots_differ_when_anything_below_has_changed(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    file = tmp_path / "variables" / "data"
    seen = [snapshot(tmp_path)]
    file.write_text("a")
    seen.append(snapshot(tmp_path))
    file.write_text("ab")
    seen.append(snapshot(tmp_path))
    os.utime(file, (1, 1))
    seen.append(snapshot(tmp_path))
    assert len({one.files for one in seen}) == 4
    assert snapshot(tmp_path) == seen[-1]


def test_a_time_of_change_that_was_set_back_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "copied"
    file.write_text("a")
    os.utime(file, (1, 1))
    assert snapshot(tmp_path).changed_at > time.time() - 60


def test_a_folder_left_alone_for_long_has_settled_at_once() -> None:
    old = Snapshot(frozenset(), time.time() - 10)
    assert Settling(9).is_over(old)
    assert not Settling(60).is_over(old)


def test_a_folder_that_changes_has_not_settled() -> None:
    settling = Settling(0.05)
    for size in range(3):
        seen = Snapshot(frozenset({("a", size, 0)}), time.time() + 3600)  # a clock ahead
        assert not settling.is_over(seen)
        time.sleep(0.06)
    assert settling.is_over(seen)
