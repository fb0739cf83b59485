"""Answers for all users: those of `recommend`, whole or not at all, gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from tfhrnn import all_users, cli
from tfhrnn.answer_options import AnswerOptions
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError
from tfhrnn.histories import Histories
from tfhrnn.recommender import HRNNRecommender


def write(trained: HRNNRecommender, out: Path, **options: Any) -> all_users.Written:
    assert trained.log is not None and trained.run is not None
    return all_users.recommend_all(
        trained.predictor, trained.run.facts, trained.log, out, **{"part_users": 16, **options}
    )


def recommended(trained: HRNNRecommender, log: EventLog, user: str, **asked: Any) -> pl.DataFrame:
    """What `recommend` says of one user alone."""
    index = log.user_index(user)
    histories = Histories.from_log(log, [] if index is None else [index])
    return trained.recommend([[]] if index is None else histories, **asked)


@pytest.mark.parametrize(
    "asked",
    [
        {"gap": 7200, "k": 6, "exclude_seen": True},
        {"query_time": 1_100_000_000, "k": 40, "deny": ["film 3, é"]},
        {"gap": 5, "k": 4, "retrieval": "streaming"},
    ],
)
def test_every_user_gets_what_recommend_says(
    trained: HRNNRecommender, tiny_log: EventLog, tmp_path: Path, asked: dict[str, Any]
) -> None:
    out = tmp_path / "recs.parquet"
    users = ["u3", "nobody", "u39", "u0"]
    written = trained.recommend_all(out, users=users, data=tiny_log, **asked)
    assert (written.users, written.answered, written.new_users) == (4, 4, ["nobody"])
    found = pl.read_parquet(out)
    assert found["user"].to_list() == users
    for row in found.iter_rows(named=True):
        wanted = recommended(trained, tiny_log, row["user"], **asked)
        assert row["items"] == wanted["item"].to_list()
        np.testing.assert_allclose(
            row["log_probabilities"], wanted["log_probability"].to_numpy(), atol=1e-5
        )
        assert row["level"] == wanted["level"][0]
        index = tiny_log.user_index(row["user"])
        assert trained.run is not None
        last = trained.run.facts.last_time
        if index is not None:
            last = int(tiny_log.time[tiny_log.offsets[index + 1] - 1])
        assert row["query_time"] == asked.get("query_time", last + asked.get("gap", 0))


def test_all_users_come_in_the_logs_order_and_in_row_groups(
    trained: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    written = write(trained, tmp_path / "recs.parquet", options=AnswerOptions(k=2))
    assert (written.users, written.answered) == (40, 40)
    assert pl.read_parquet(written.path)["user"].to_list() == tiny_log.user_ids
    groups = pq.read_metadata(written.path)
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [16, 16, 8]


def test_all_users_are_never_held_as_text_and_are_the_list_of_their_ids(
    trained: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    log, out = EventLog.open(tiny_log.directory), tmp_path / "recs.parquet"
    assert trained.recommend_all(out, data=log).answered == 40
    assert not {"user_ids", "_users"} & vars(log).keys()
    assert trained.recommend_all(out, data=log, users=log.user_ids).answered == 0  # it is there
    assert trained.recommend_all(out, data=log, users=log.user_ids[::-1]).answered == 40


def test_a_stopped_call_is_gone_on_with_and_ends_at_the_same_file(
    trained: HRNNRecommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_users, "_BATCH_USERS", 5)
    whole = write(trained, tmp_path / "whole.parquet")

    def stop(done: int, users: int) -> None:
        if done > 25:
            raise KeyboardInterrupt

    out = tmp_path / "recs.parquet"
    with pytest.raises(KeyboardInterrupt):
        write(trained, out, told=stop)
    assert not out.exists()
    heard: list[int] = []
    again = write(trained, out, told=lambda done, users: heard.append(done))
    assert again.answered == 24 and heard[0] == 16 and heard[-1] == 40
    assert out.read_bytes() == whole.path.read_bytes()
    assert write(trained, out).answered == 0  # it is there
    assert write(trained, out, options=AnswerOptions(k=3)).answered == 40
    assert set(pl.read_parquet(out)["items"].list.len()) == {3}


def test_users_explore_by_seeds_of_their_own_which_are_told(
    trained: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    out, explored = tmp_path / "recs.parquet", AnswerOptions(k=5, exploration=2.0, seed=3)
    write(trained, out, users=["u5", "u6"], options=explored)
    found = pl.read_parquet(out)
    assert found["seed"].n_unique() == 2
    for row in found.iter_rows(named=True):
        wanted = recommended(trained, tiny_log, row["user"], k=5, exploration=2.0, seed=row["seed"])
        assert row["items"] == wanted["item"].to_list()
    write(trained, tmp_path / "more.parquet", users=["u6"], options=explored)
    again = pl.read_parquet(tmp_path / "more.parquet").select("seed", "items")
    assert again.equals(found[1:].select("seed", "items"))


def test_new_items_compete_and_are_told(trained: HRNNRecommender, tmp_path: Path) -> None:
    table = pl.DataFrame({"item_id": ["new"], "genres": ["Horror"]})
    out = tmp_path / "recs.parquet"
    trained.recommend_all(out, users=["u1"], k=31, cold_items=table)
    row = pl.read_parquet(out).row(0, named=True)
    assert [item for item, cold in zip(row["items"], row["cold"], strict=True) if cold] == ["new"]


def test_a_batch_stays_within_what_is_held_at_once() -> None:
    lengths = {at: 10 * at for at in range(2000)}
    batches = list(all_users._batches(lengths, 2**18))
    assert sorted(at for batch in batches for at in batch) == list(range(2000))
    for batch in batches:
        assert len(batch) <= 2**25 // 2**18
        padded = len(batch) * (max(lengths[at] for at in batch) + 1)
        assert padded <= all_users._BATCH_STEPS or len(batch) == 1
    longest = {0: 10**6, 1: 3, 2: 3}
    assert list(all_users._batches(longest, 2**30)) == [[1], [2], [0]]


def test_from_the_command_line(
    trained: HRNNRecommender, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained.run is not None
    out, users, told = tmp_path / "recs.parquet", tmp_path / "users.txt", tmp_path / "told.json"
    users.write_text("u3\nnobody\n")
    words = ["recommend-all", "--run", str(trained.run.path), "--out", str(out), "-k", "4"]
    words += ["--users", str(users), "--gap", "60", "--json", str(told)]
    assert cli.main(words) == 0
    shown = capsys.readouterr().out
    assert 'not among the users with events, answered as new users: "nobody"' in shown
    assert f"{out}: 2 users\n" in shown
    expected = {"out": str(out), "users": 2, "new_users": 1, "answered_before": 0}
    expected |= {"users_with_fewer_items": 0, "users_with_none": 0}
    assert json.loads(told.read_text()) == expected
    assert pl.read_parquet(out)["items"].list.len().to_list() == [4, 4]
    assert cli.main(words) == 0
    assert f"{out}: 2 users, 2 of them answered before\n" in capsys.readouterr().out
    assert cli.main([*words, "--exploration", "-1"]) == 2
    assert "exploration: got -1.0, expected 0 or more" in capsys.readouterr().err


def test_a_command_that_is_killed_goes_on_when_typed_again_and_ends_at_the_same_file(
    trained: HRNNRecommender, tmp_path: Path
) -> None:
    assert trained.run is not None
    out, users, told = tmp_path / "recs.parquet", tmp_path / "users.txt", tmp_path / "told.json"
    count = 10 * all_users.PART_USERS  # the first ones have events, the others are new
    users.write_text("".join(f"u{n}\n" for n in range(count)))
    words = ["recommend-all", "--run", str(trained.run.path), "-k", "4", "--users", str(users)]
    whole = tmp_path / "whole" / "recs.parquet"
    assert cli.main([*words, "--out", str(whole)]) == 0
    words += ["--out", str(out), "--json", str(told)]
    command = [sys.executable, "-m", "tfhrnn", *words]
    parts = out.with_name(".recs.parquet.parts")
    for kept in (1, 5):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as made:
            while len(list(parts.glob("*.parquet"))) < kept and made.poll() is None:
                assert not out.exists()
                time.sleep(0.005)
            made.kill()
            assert made.wait() == -signal.SIGKILL
        assert len(list(parts.glob("*.parquet"))) >= kept
        assert not out.exists() and not told.exists()
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert json.loads(told.read_text())["answered_before"] >= 5 * all_users.PART_USERS
    assert out.read_bytes() == whole.read_bytes()
    assert not parts.exists()


def test_a_time_that_cannot_be_is_refused_and_nothing_is_written(
    trained: HRNNRecommender, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="got both query_time and gap"):
        write(trained, tmp_path / "recs.parquet", query_time=5, gap=5)
    assert not (tmp_path / "recs.parquet").exists()
