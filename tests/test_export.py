"""Exports: numbered versions, whole or not at all, that answer as the predictor does in process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import tensorflow as tf

import serving.bundle
from serving.warm_up import warm_up
from tfhrnn.answer_options import AnswerOptions
from tfhrnn.config import RetrievalName
from tfhrnn.errors import RunError
from tfhrnn.export import card_text, export
from tfhrnn.histories import Histories
from tfhrnn.model_card import model_card
from tfhrnn.recommender import HRNNRecommender

CARD: dict[str, Any] = {
    "name": "toy",
    "description": "A toy.",
    "preset": "best",
    "protocol_hash": "",
    "data": {"catalogue_items": 30, "thresholds": [60]},
    "state": {"format": 1, "bytes": 9, "fingerprint": "ab"},
    "versions": {"tensorflow": "2.21.0"},
}
T0 = 1_000_000_000
FILMS = [f"film {n}, é" for n in range(30)]


@pytest.fixture(scope="module")
def versions(
    trained: HRNNRecommender, tmp_path_factory: pytest.TempPathFactory
) -> dict[RetrievalName, Path]:
    """A version of each retrieval, each under its own base path."""
    out = tmp_path_factory.mktemp("export")
    return {
        way: trained.export(out / way, "tiny", retrieval=way) for way in get_args(RetrievalName)
    }


@pytest.fixture(scope="module")
def version(versions: dict[RetrievalName, Path]) -> Path:
    return versions["exact"]


def test_versions_count_up_from_one(trained: HRNNRecommender, tmp_path: Path) -> None:
    assert export(trained.predictor, tmp_path / "m", CARD) == tmp_path / "m" / "1"
    (tmp_path / "m" / "7").mkdir()
    (tmp_path / "m" / "notes").mkdir()
    assert export(trained.predictor, tmp_path / "m", CARD).name == "8"
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["1", "7", "8", "notes"]


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (OSError(28, "No space left on device"), RunError),
        (tf.errors.ResourceExhaustedError(None, None, "disk is full"), RunError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failure_leaves_nothing_and_the_old_version_whole(
    trained: HRNNRecommender,
    version: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    raised: type[BaseException],
) -> None:
    before = {path: path.stat().st_mtime_ns for path in version.parent.rglob("*")}

    def fail(module: tf.Module, path: str, signatures: Any) -> None:
        (Path(path) / "saved_model.pb").write_bytes(b"half")
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(tf.saved_model, "save", fail)
        with pytest.raises(raised) as caught:
            export(trained.predictor, version.parent, CARD)
    if raised is RunError:
        assert "could not be written: " in str(caught.value)
        assert "; nothing was kept" in str(caught.value)
    assert {path: path.stat().st_mtime_ns for path in version.parent.rglob("*")} == before


def test_a_base_path_that_is_a_file_is_refused(trained: HRNNRecommender, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="file/1: could not be written: "):
        export(trained.predictor, tmp_path / "file", CARD)
    assert (tmp_path / "file").read_text() == "mine"


def test_the_model_card_says_what_the_model_is(version: Path, trained: HRNNRecommender) -> None:
    card = json.loads((version / "assets.extra" / "model_card.json").read_text(encoding="utf-8"))
    assert (card["name"], card["version"]) == ("tiny", 1)
    assert trained.run is not None
    assert card == {**model_card(trained.run, trained.predictor, name="tiny"), "version": 1}
    text = (version / "assets.extra" / "model_card.md").read_text(encoding="utf-8")
    assert text.startswith("# tiny, version 1\n")
    assert "- catalogue_items: 30\n" in text


def test_a_card_shows_numbers_short_and_leaves_out_what_is_missing() -> None:
    card = {"name": "toy", "description": "A toy.", "version": 3, "data": {"catalogue_items": 30}}
    card["figures"] = {"perplexity": 12.34567, "hits": {"best": 0.5}}
    assert card_text(card) == (
        "# toy, version 3\n\nA toy.\n\n## Data\n\n- catalogue_items: 30\n\n"
        "## Figures\n\n- perplexity: 12.35\n- hits: best 0.5\n"
    )


@pytest.mark.parametrize(
    ("way", "signature"),
    [
        ("exact", "serving_default"),
        ("exact", "recommend"),
        ("streaming", "serving_default"),
        ("clustered", "serving_default"),
    ],
)
def test_a_reloaded_model_answers_as_in_process(
    versions: dict[RetrievalName, Path],
    trained: HRNNRecommender,
    signature: str,
    way: RetrievalName,
) -> None:
    histories = Histories(
        ["0", "1", "2"],
        [FILMS[:3], [], ["no such film", FILMS[4]]],
        [[T0, T0 + 70, T0 + 9000], [], [T0, T0 + 1]],
        [[4.0, 1.0, np.nan], [], [2.0, 3.0]],
        {"age": [25, None, 60], "group": ["a", "b", None]},
    )
    when = np.array([T0 + 9001, T0, T0 + 10**6])
    ids, log_p = trained.predictor.answer(histories, query_time=when, k=30)
    arrays = trained.predictor.inputs(histories, AnswerOptions(k=30), query_time=when)
    loaded = tf.saved_model.load(str(versions[way])).signatures[signature]
    specs = trained.predictor.signature()
    found = loaded(**{name: tf.constant(arrays[name], spec.dtype) for name, spec in specs.items()})
    decoded = [[item.decode() for item in row] for row in found["items"].numpy().tolist()]
    assert decoded == ids.tolist()
    # In parts, and in these few clusters, which are all probed, sums have another order.
    atol = 0 if way == "exact" else 1e-5
    np.testing.assert_allclose(found["log_probabilities"].numpy(), log_p, rtol=0, atol=atol)


@pytest.mark.parametrize("way", get_args(RetrievalName))
def test_a_server_asks_every_signature_as_it_loads_a_version(
    versions: dict[RetrievalName, Path], way: RetrievalName, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def watched(folder: Path, run: Callable[[str, dict[str, Any]], object]) -> int:
        def counted(key: str, arrays: dict[str, Any]) -> None:
            run(key, arrays)
            ran.append(key)

        return warm_up(folder, counted)

    monkeypatch.setattr(serving.bundle, "warm_up", watched)
    bundle = serving.bundle.SavedModelBundle(versions[way])  # which fails where a request does
    bundle.close()
    assert ran == sorted(set(bundle.metadata) - {"__saved_model_init_op"})
    assert {"serving_default", "update", "model_info"} <= set(ran)


def _ops(version: Path) -> Iterator[str]:
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((version / "saved_model.pb").read_bytes())
    for meta in saved.meta_graphs:
        for node in meta.graph_def.node:
            yield node.op
        for function in meta.graph_def.library.function:
            for node in function.node_def:
                yield node.op


@pytest.mark.parametrize("way", get_args(RetrievalName))
def test_only_standard_ops_are_used(
    versions: dict[RetrievalName, Path], way: RetrievalName
) -> None:
    from tensorflow.python.framework import op_def_registry

    ops = set(_ops(versions[way]))
    assert {"MatMul", "TopKV2"} <= ops
    foreign = sorted(name for name in ops if op_def_registry.get(name) is None)
    # A function's own name is called like an op.
    assert [name for name in foreign if not name.startswith("__inference")] == []
    assert not ops & {"PyFunc", "PyFuncStateless", "EagerPyFunc", "NumpyFunction"}
