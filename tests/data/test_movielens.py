"""MovieLens by every road, on invented tables in GroupLens' layout; the real copy where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.data import movielens
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.movielens import NAMES, NOTICE, cache_folder, load_movielens
from tfhrnn.data.movielens_files import MovieLensTables, read_folder
from tfhrnn.data.sessions import gaps
from tfhrnn.data.split import Part, split_users
from tfhrnn.data.summary import repeat_share
from tfhrnn.errors import ConfigError, RunError


def same_log(one: EventLog, other: EventLog) -> None:
    assert one.fingerprint == other.fingerprint
    assert one.catalogue.frame.equals(other.catalogue.frame)
    np.testing.assert_array_equal(one.catalogue.feature_matrix, other.catalogue.feature_matrix)
    np.testing.assert_array_equal(one.user_matrix, other.user_matrix)


def test_folder_and_atomic_files_give_the_same_log(
    folder_100k: Path, atomic_folder: Path, tmp_path: Path
) -> None:
    same_log(
        load_movielens(source=folder_100k).write(tmp_path / "a"),
        load_movielens(source=atomic_folder).write(tmp_path / "b"),
    )


def test_tensorflow_datasets_rows_come_back_in_file_order(
    folder_100k: Path,
    ratings: list[tuple[str, str, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
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
    assert rows == [(user, item, int(time)) for user, item, _, time in ratings]
    assert NOTICE in said
    same_log(data.write(tmp_path / "a"), load_movielens(source=folder_100k).write(tmp_path / "b"))


def test_by_itself_the_package_is_tried_first_and_tensorflow_datasets_next(
    atomic_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def wheel(folder: Path, notify: Any, notice: str) -> Path:
        asked.append(f"wheel into {folder.relative_to(tmp_path)}")
        raise RunError("pip is away")

    def tfds(name: str, data_dir: Any, notify: Any, notice: str) -> MovieLensTables:
        asked.append(f"tfds {name} in {data_dir}")
        return read_folder(atomic_folder)

    monkeypatch.setattr(movielens, "fetch_wheel_copy", wheel)
    monkeypatch.setattr(movielens, "load_tfds", tfds)
    said: list[str] = []
    data = load_movielens(cache=tmp_path / "c", tfds_dir="there", notify=said.append)
    assert data.route == "tfds" and said == ["pip is away"]
    assert asked == ["wheel into c/ml-100k", "tfds ml-100k in there"]
    asked.clear()
    assert load_movielens("ml-1m").name == "ml-1m"  # the package has ml-100k alone
    assert asked == ["tfds ml-1m in None"]
    with pytest.raises(RunError, match=r"^pip is away$"):  # asked for alone, it fails alone
        load_movielens(source="wheel", cache=tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_tensorflow_datasets_names_are_known_for_every_size(
    name: str, atomic_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def tfds(name: str, data_dir: Any, notify: Any, notice: str) -> MovieLensTables:
        asked.append(name)
        return read_folder(atomic_folder)

    monkeypatch.setattr(movielens, "load_tfds", tfds)
    size = name.removeprefix("ml-")
    for given in (f"movielens/{size}-ratings", f"movielens/{size}", size, name):
        assert load_movielens(given, "tfds").name == name
    assert asked == [name] * 4


@pytest.mark.parametrize("name", ["ml-2m", "movielens/100k-movies", "movielens/", ""])
def test_a_data_set_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected one of ml-100k, .* movielens/100k-ratings"):
        load_movielens(name)


@pytest.mark.parametrize("name", NAMES)
def test_when_every_road_fails_each_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RunError("no road")

    monkeypatch.setattr(movielens, "fetch_wheel_copy", fail)
    monkeypatch.setattr(movielens, "load_tfds", fail)
    with pytest.raises(RunError) as caught:
        load_movielens(name, cache=tmp_path)
    tried = "no road; no road" if name == "ml-100k" else "no road"
    advice = "download it from grouplens.org and give its folder as the source"
    assert str(caught.value) == f"{name}: {tried}; or {advice}"


def test_a_folders_data_may_bear_any_name(folder_100k: Path) -> None:
    data = load_movielens("mine", folder_100k)
    assert (data.name, data.route) == ("mine", str(folder_100k))


def test_features_are_named_for_the_tables_that_are_there(folder_100k: Path) -> None:
    data = load_movielens(source=folder_100k)
    assert data.item_features == ("genres:multi-hot", "year:numeric")
    assert [text.split(":")[0] for text in data.user_features] == ["age", "gender", "occupation"]
    alone = movielens.MovieLens("x", "y", data.interactions, data.items, None)
    assert alone.user_features == ()


def test_options_go_through_to_the_event_log(folder_100k: Path, tmp_path: Path) -> None:
    data = load_movielens(source=folder_100k)
    log = data.write(tmp_path / "log", name="films", thresholds=(10,), users=None, user_features=())
    assert (log.name, log.thresholds, log.user_matrix.shape[1]) == ("films", (10,), 0)


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


def test_cache_folder_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFHRNN_CACHE", "/one")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    assert cache_folder("/zero") == Path("/zero")
    assert cache_folder() == Path("/one")
    monkeypatch.delenv("TFHRNN_CACHE")
    assert cache_folder() == Path("/two/tfhrnn")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/three")
    assert cache_folder() == Path("/three/.cache/tfhrnn")


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
