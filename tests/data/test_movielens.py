"""MovieLens by every road, on invented tables in GroupLens' layout; the real copy where it is."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.data import movielens_remote
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.movielens import NOTICE, cache_folder, load_movielens
from tfhrnn.data.movielens_files import item_table
from tfhrnn.data.movielens_remote import stored_order
from tfhrnn.data.sessions import gaps
from tfhrnn.data.split import Part, split_users
from tfhrnn.data.summary import repeat_share
from tfhrnn.errors import ConfigError, DataError, RunError

# user, item, rating, time: ties whose file order is not that of the ids
RATINGS = [
    ("2", "3", "4", "881250949"),
    ("1", "2", "5", "881250949"),
    ("1", "1", "3", "881250949"),
    ("1", "3", "1", "881250900"),
    ("10", "2", "2", "881250999"),
    ("2", "1", "4", "881250949"),
    ("2", "2", "4", "881250949"),
]
FLAGS = {"1": (3, 4), "2": (0,), "3": (8,)}  # positions among ml-100k's 19 genres
TITLES = {"1": "Ärger (1990)", "2": "unknown", "3": 'Quoted "One", The (1985)'}


@pytest.fixture
def folder_100k(tmp_path: Path) -> Path:
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "u.data").write_text("".join("\t".join(row) + "\n" for row in RATINGS))
    items = [
        "|".join([item, title, "01-Jan-1995", "", "url"])
        + "".join(f"|{int(at in FLAGS[item])}" for at in range(19))
        for item, title in TITLES.items()
    ]
    (folder / "u.item").write_bytes("\n".join(items).encode("latin-1"))
    (folder / "u.user").write_text("1|24|M|writer|1\n2|53|F|other|2\n10|33|M|none|3\n")
    return folder


def write_recbole(folder: Path) -> Path:
    folder.mkdir(parents=True)
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    (folder / "ml-100k.inter").write_text(
        header + "".join("\t".join(row) + "\n" for row in RATINGS)
    )
    (folder / "ml-100k.item").write_text(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tÄrger\t1990\tAnimation Children's\n"
        "2\tunkonwn\tunkonwn\tunknown\n"
        '3\tQuoted "One", The\t1985\tDrama\n',
        encoding="utf-8",
    )
    (folder / "ml-100k.user").write_text(
        "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
        "1\t24\tM\twriter\t1\n2\t53\tF\tother\t2\n10\t33\tM\tnone\t3\n"
    )
    return folder


def same_log(one: EventLog, other: EventLog) -> None:
    assert one.fingerprint == other.fingerprint
    assert one.catalogue.frame.equals(other.catalogue.frame)
    np.testing.assert_array_equal(one.catalogue.feature_matrix, other.catalogue.feature_matrix)
    np.testing.assert_array_equal(one.user_matrix, other.user_matrix)


def test_grouplens_folder_gives_titles_years_genres_and_file_order(
    folder_100k: Path, tmp_path: Path
) -> None:
    log = load_movielens(source=folder_100k).write(tmp_path / "log")
    assert log.user_ids == ["1", "2", "10"]
    assert log.catalogue.titles == ["Ärger", "unknown", 'Quoted "One", The']
    assert log.catalogue.frame["genres"].to_list() == ["Animation|Children", "", "Drama"]
    assert log.catalogue.frame["year"].to_list() == [1990, None, 1985]
    # user 2 rated 3, 1, 2 at the same time, in this order in the file
    assert [log.catalogue.id_of(i) for i in log.item[log.events_of(1)]] == ["3", "1", "2"]
    assert log.meta["report"]["source"].startswith("ml-100k (")


def test_folder_and_atomic_files_give_the_same_log(folder_100k: Path, tmp_path: Path) -> None:
    atomic = write_recbole(tmp_path / "atomic")
    same_log(
        load_movielens(source=folder_100k).write(tmp_path / "a"),
        load_movielens(source=atomic).write(tmp_path / "b"),
    )


def test_tensorflow_datasets_rows_come_back_in_file_order(
    folder_100k: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real builder, fed with the invented folder in place of its download."""
    tfds = pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("importlib_resources")  # it needs this too, and doesn't ask for it
    manager = tfds.download.DownloadManager
    monkeypatch.setattr(manager, "download_and_extract", lambda self, url: str(tmp_path))
    said: list[str] = []
    data = load_movielens(source="tfds", tfds_dir=tmp_path / "tfds", notify=said.append)
    assert isinstance(data.interactions, pl.DataFrame)
    rows = data.interactions.select("user_id", "item_id", "timestamp").rows()
    assert rows == [(user, item, int(time)) for user, item, _, time in RATINGS]
    assert NOTICE in said
    same_log(data.write(tmp_path / "a"), load_movielens(source=folder_100k).write(tmp_path / "b"))


def test_file_order_comes_back_over_several_shards(
    folder_100k: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("importlib_resources")
    rows = [(str(n % 3 + 1), str(n % 2 + 1), "3", str(1000 + n * 7 % 500)) for n in range(500)]
    users = "".join(f"{n}|20|F|writer|0\n" for n in (1, 2, 3))
    (folder_100k / "u.data").write_text("".join("\t".join(row) + "\n" for row in rows))
    (folder_100k / "u.user").write_text(users)
    manager = tfds.download.DownloadManager
    monkeypatch.setattr(manager, "download_and_extract", lambda self, url: str(tmp_path))
    builder = tfds.builder("movielens/100k-ratings", data_dir=str(tmp_path / "tfds"))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=4))
    assert builder.info.splits["train"].num_shards == 4
    data = load_movielens(source="tfds", tfds_dir=tmp_path / "tfds")
    assert isinstance(data.interactions, pl.DataFrame)
    assert data.interactions["timestamp"].to_list() == [int(row[3]) for row in rows]


def test_stored_order_is_a_permutation_by_md5() -> None:
    order = stored_order(1000)
    assert sorted(order.tolist()) == list(range(1000))
    keys = [int(hashlib.md5(f"train{row}".encode()).hexdigest(), 16) for row in range(1000)]
    assert order.tolist() == sorted(range(1000), key=keys.__getitem__)


def test_one_million_layout(tmp_path: Path) -> None:
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    (folder / "ratings.dat").write_text("1::20::5::978300760\n2::10::3::978302109\n")
    (folder / "movies.dat").write_bytes(
        "10::Café: The Film (1993)::Drama|Children's\n20::B (1999)::Comedy\n"
        "30::Never Seen (2000)::Musical\n".encode("latin-1")
    )
    (folder / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n")
    data = load_movielens("ml-1m", folder)
    assert data.users is not None
    assert data.users["occupation"].to_list() == ["K-12 student", "self-employed"]
    log = data.write(tmp_path / "log")
    assert log.catalogue.titles == ["Café: The Film", "B", "Never Seen"]
    assert any("1 items of frame have no event" in note for note in log.report.notes)


def test_latest_layout_streams_the_csv(tmp_path: Path) -> None:
    folder = tmp_path / "ml-latest-small"
    folder.mkdir()
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,7,4.5,964982703\n2,5,0.5,964981247\n"
    )
    (folder / "movies.csv").write_text(
        'movieId,title,genres\n5,"Comma, The (1995)",(no genres listed)\n7,Heat,Action|Crime\n'
    )
    data = load_movielens("ml-latest-small", folder)
    assert data.users is None and data.interactions == folder / "ratings.csv"
    log = data.write(tmp_path / "log")
    assert log.catalogue.titles == ["Comma, The", "Heat"]
    assert log.feedback.tolist() == [4.5, 0.5]


def test_wheel_is_fetched_once_checked_and_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomic = write_recbole(tmp_path / "atomic")
    calls: list[list[str]] = []

    def download(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        wheel = Path(command[command.index("--dest") + 1]) / "recbole-1.2.1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for file in atomic.iterdir():
                archive.write(file, f"recbole/dataset_example/ml-100k/{file.name}")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if len(calls) > 1:
            monkeypatch.setattr(movielens_remote, "_SHA256", digest)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", download)
    monkeypatch.setenv("TFHRNN_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RunError, match="expected 9c9948202011"):
        load_movielens(source="wheel")
    assert not (tmp_path / "cache").exists()
    said: list[str] = []
    load_movielens(source="wheel", notify=said.append)
    assert NOTICE in said and "--no-deps" in calls[1]
    said.clear()
    load_movielens(notify=said.append)
    assert len(calls) == 2 and not said


def test_pip_failure_is_told_with_what_else_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "hint\nERROR: no route to host\n")

    def no_tfds(*_: Any) -> Any:
        raise RunError("TensorFlow Datasets could not fetch ml-100k: offline")

    monkeypatch.setattr(subprocess, "run", fail)
    monkeypatch.setattr("tfhrnn.data.movielens.load_tfds", no_tfds)
    with pytest.raises(RunError, match=r"no route to host; .*offline; or download it"):
        load_movielens(cache=tmp_path)


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("ml-5k", "auto", "got the name 'ml-5k'"),
        ("ml-1m", "wheel", "which only has ml-100k"),
    ],
)
def test_unknown_names_are_refused(name: str, source: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_movielens(name, source)


def test_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a folder without u\.data"):
        load_movielens(source=tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        load_movielens(source=tmp_path / "none")


def test_short_line_names_its_row(folder_100k: Path) -> None:
    (folder_100k / "u.user").write_text("1|24|M|writer|1\n2|53|F\n")
    with pytest.raises(DataError, match=r"u\.user, row 2: got '2\|53\|F', expected 5 fields"):
        load_movielens(source=folder_100k)


def test_item_table_normalises_genres_and_titles() -> None:
    frame = item_table(
        ["1", "2"], [" Plain ", "X (2001) "], [["unknown"], ["War", "(no genres listed)"]]
    )
    assert frame.rows() == [("1", "Plain", "", None), ("2", "X", "War", 2001)]


def test_cache_folder_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFHRNN_CACHE", "/one")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    assert cache_folder("/zero") == Path("/zero")
    assert cache_folder() == Path("/one")
    monkeypatch.delenv("TFHRNN_CACHE")
    assert cache_folder() == Path("/two/tfhrnn")


@pytest.mark.realdata
def test_real_ml_100k(tmp_path: Path) -> None:
    """Facts that prove split and order: popularity's perplexity is 804 on this split alone."""
    try:
        data = load_movielens()
    except RunError as error:
        pytest.skip(str(error))
    log = data.write(tmp_path / "log")
    assert (log.num_events, log.num_users, log.num_items) == (100_000, 943, 1_682)
    assert repeat_share(log) == 0
    assert round(100 * float((gaps(log) == 0).mean())) == 51
    parts = split_users(log.num_users)
    user = np.repeat(parts, np.diff(log.offsets))
    counts = np.bincount(log.item[user != Part.TEST] - 2, minlength=log.num_items) + 1
    targets = log.item[user == Part.TEST] - 2
    perplexity = np.exp(-np.mean(np.log(counts[targets] / counts.sum())))
    assert round(float(perplexity)) == 804
    assert log.fingerprint.startswith("04e316c15da47283")
