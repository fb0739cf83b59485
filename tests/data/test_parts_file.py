"""Files made in parts: gone on with after a kill, never half there."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from tfhrnn.data.parts_file import PartsFile
from tfhrnn.errors import RunError

ROWS = [3, 3, 2]
PLAN = {"users": "abc", "k": 2}


def part(number: int) -> pl.DataFrame:
    names = [f"{number}, {row}, é" for row in range(ROWS[number])]
    return pl.DataFrame({"user": names, "items": [[name] for name in names]})


def whole(path: Path) -> bytes:
    """The file of an undisturbed program."""
    file = PartsFile(path, PLAN, ROWS)
    with file.making() as missing:
        for number in missing:
            file.write(number, part(number))
        file.finish()
    return path.read_bytes()


def test_parts_become_row_groups_in_their_order_and_nothing_else_stays(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.parquet"
    assert not PartsFile(out, PLAN, ROWS).is_complete
    whole(out)
    assert pl.read_parquet(out).equals(pl.concat([part(n) for n in range(3)]))
    groups = pq.read_metadata(out)
    assert [groups.row_group(at).num_rows for at in range(groups.num_row_groups)] == ROWS
    assert list(out.parent.iterdir()) == [out]
    assert PartsFile(out, PLAN, ROWS).is_complete
    assert not PartsFile(out, {**PLAN, "k": 3}, ROWS).is_complete


def test_a_killed_program_leaves_finished_parts_and_the_next_one_ends_alike(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from tests.data.test_parts_file import PLAN, ROWS, PartsFile, part\n"
        "file = PartsFile(sys.argv[1], PLAN, ROWS)\n"
        "with file.making() as missing:\n"
        "    file.write(0, part(0))\n"
        "    file._part(1).write_bytes(b'PAR1 half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    out = tmp_path / "out.parquet"
    killed = subprocess.run(
        [sys.executable, "-c", code, str(out)], cwd=Path(__file__).parents[2], timeout=120
    )
    assert killed.returncode == -signal.SIGKILL and not out.exists()
    file = PartsFile(out, PLAN, ROWS)
    with file.making() as missing:
        assert missing == [1, 2]  # the first one is there, the half one is not
        for number in missing:
            file.write(number, part(number))
        file.finish()
    assert out.read_bytes() == whole(tmp_path / "undisturbed.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.parquet",
        "undisturbed.parquet",
    ]


def test_parts_of_another_plan_are_thrown_away(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    older = PartsFile(out, {**PLAN, "k": 9}, ROWS)
    with older.making():
        older.write(0, part(1))
    with PartsFile(out, PLAN, ROWS).making() as missing:
        assert missing == [0, 1, 2]


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    older = whole(out)
    file = PartsFile(out, {**PLAN, "k": 9}, ROWS)
    with pytest.raises(KeyboardInterrupt), file.making():
        file.write(0, part(0))
        raise KeyboardInterrupt
    assert out.read_bytes() == older


def test_two_programs_do_not_make_one_file(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    other = PartsFile(out, PLAN, ROWS)
    with PartsFile(out, PLAN, ROWS).making():
        with pytest.raises(RunError, match=r"out\.parquet: another program is making it"):
            with other.making():
                pytest.fail("made it too")


def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="got a folder, expected a file"):
        PartsFile(tmp_path, PLAN, ROWS)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"out\.parquet: could not be written: .*parts are kept"):
        with PartsFile(tmp_path / "file" / "out.parquet", PLAN, ROWS).making():
            pytest.fail("made it")
