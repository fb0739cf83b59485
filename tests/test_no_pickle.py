"""No file that training, saving or exporting leaves is a pickle, and none of our code makes one."""

from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.recommender import HRNNRecommender

ROOT = Path(__file__).parents[1]
PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def is_pickle(content: bytes) -> bool:
    """Whether some bytes begin as a pickle of protocol 2 to 5 and end as one."""
    return content[:1] == b"\x80" and content[1:2] in b"\x02\x03\x04\x05" and content[-1:] == b"."


def require_plain(path: Path) -> None:
    """Reads a file by what its name says it is, without unpickling; fails for an unknown kind."""
    content = path.read_bytes()
    assert not is_pickle(content), path
    if path.suffix == ".npy":
        np.load(path, allow_pickle=False)
    elif path.suffix == ".parquet":
        pl.read_parquet(path)
    elif path.suffix == ".json":
        json.loads(content)
    elif path.suffix in (".csv", ".html", ".md") or path.name == "checkpoint":
        content.decode("utf-8")
    elif path.suffix == ".index":
        assert tf.train.list_variables(str(path.with_suffix("")))
    else:  # TensorFlow's own: SavedModel, variables, events, warm-up records
        known = (".pb", ".data-00000-of-00001", ".v2", "tf_serving_warmup_requests")
        assert path.name.endswith(known), f"{path}: a file of an unknown kind"


def files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture(scope="module")
def saved(trained: HRNNRecommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained.save(tmp_path_factory.mktemp("saved") / "model")


def test_a_pickle_is_known_when_it_is_seen() -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert is_pickle(pickle.dumps({"weights": [1.0]}, protocol))
    assert not is_pickle(b"\x80") and not is_pickle(b"{}.")


def test_no_file_of_a_run_or_of_its_data_is_a_pickle(trained: HRNNRecommender) -> None:
    assert trained.run is not None
    trained.evaluate()
    for folder in (trained.run.path, Path(trained.run.description["data"])):
        found = list(files(folder))
        assert len(found) > 5
        for path in found:
            require_plain(path)


def test_no_file_that_save_writes_is_a_pickle(saved: Path) -> None:
    names = {path.name for path in files(saved)}
    assert {"saved_model.pb", "config.json", "item_counts.npy", "model_card.json"} <= names
    for path in files(saved):
        require_plain(path)


def test_what_save_writes_is_a_saved_model_and_a_run(saved: Path, trained: HRNNRecommender) -> None:
    film = trained.catalogue.ids[3]
    expected = trained.recommend([[film]], times=[[5]], gap=60, k=4)
    again = HRNNRecommender.load(saved)
    assert again.recommend([[film]], times=[[5]], gap=60, k=4).equals(expected)
    answer = tf.saved_model.load(str(saved)).signatures["similar_items"]
    found = answer(items=tf.constant([film]), k=tf.constant([2]))
    similar = trained.similar([film], k=2)["similar"].to_list()
    assert [one.decode() for one in found["items"].numpy()[0]] == similar


def test_what_is_saved_again_holds_no_files_of_the_first_saved_model(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfhrnn.recommender.write_saved_model", lambda *_: None)  # no second one
    twice = HRNNRecommender.load(saved).save(tmp_path / "twice")
    left_out = {path.name for path in saved.iterdir()} - {path.name for path in twice.iterdir()}
    assert left_out == {"saved_model.pb", "fingerprint.pb", "variables", "assets.extra", "assets"}


def test_our_code_imports_no_pickler_and_loads_no_pickled_array() -> None:
    for package in ("tfhrnn", "serving"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not {name.split(".")[0] for name in names} & PICKLERS, path
                assert not (isinstance(node, ast.keyword) and node.arg == "allow_pickle"), path
