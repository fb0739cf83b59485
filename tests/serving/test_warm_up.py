import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.bundle import SavedModelBundle
from serving.errors import ApiError, Code
from serving.warm_up import MAX_RECORDS, PLACE, warm_up


def _predict_log(signature: str, **inputs: Any) -> bytes:
    log = PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    for name, value in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return bytes(log.SerializeToString())


def _write(folder: Path, *records: bytes) -> None:
    (folder / PLACE.parent).mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / PLACE)) as writer:
        for record in records:
            writer.write(record)


def _no_run(signature: str, arrays: object) -> None:
    raise AssertionError


def test_requests_are_run_in_their_order(tmp_path: Path) -> None:
    single = np.array([[1, 2]], np.float32)
    _write(tmp_path, _predict_log("", x=single), _predict_log("b", y=[b"a"]))
    runs: list[tuple[str, dict[str, object]]] = []

    def run(signature: str, arrays: dict[str, Any]) -> None:
        runs.append((signature, {name: array.tolist() for name, array in arrays.items()}))

    assert warm_up(tmp_path, run) == 2
    assert runs == [("", {"x": [[1.0, 2.0]]}), ("b", {"y": [b"a"]})]


def test_a_folder_without_requests_runs_none(tmp_path: Path) -> None:
    assert warm_up(tmp_path, _no_run) == 0


def test_logs_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    log = PredictionLog()
    log.regress_log.SetInParent()
    _write(tmp_path, bytes(log.SerializeToString()))
    assert warm_up(tmp_path, _no_run) == 0


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / PLACE.parent).mkdir()
    for content in (b"no records at all", b"\0" * 40):
        (tmp_path / PLACE).write_bytes(content)
        with pytest.raises(ApiError, match="cannot be read as warm-up requests"):
            warm_up(tmp_path, _no_run)
    _write(tmp_path, b"\xff\xff")
    with pytest.raises(ApiError, match="cannot be read as warm-up requests"):
        warm_up(tmp_path, _no_run)


def test_there_is_an_end_to_warming_up(tmp_path: Path) -> None:
    _write(tmp_path, *[_predict_log("")] * (MAX_RECORDS + 1))
    with pytest.raises(ApiError, match="more than 1000 records"):
        warm_up(tmp_path, lambda signature, arrays: None)


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (_predict_log("nope", x=np.zeros([1, 2], np.float32)), Code.INVALID_ARGUMENT),
        (_predict_log("", z=np.zeros([1, 2], np.float32)), Code.INVALID_ARGUMENT),
        (_predict_log("product", x=np.zeros([1, 3], np.float32)), Code.INVALID_ARGUMENT),
    ],
)
def test_a_version_that_cannot_answer_its_own_requests_is_not_loaded(
    exports: Path, tmp_path: Path, record: bytes, code: Code
) -> None:
    folder = shutil.copytree(exports / "scale" / "1", tmp_path / "1")
    _write(folder, record)
    with pytest.raises(ApiError) as raised:
        SavedModelBundle(folder)
    assert raised.value.code is code


def test_a_version_is_loaded_after_its_requests(exports: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exports / "scale" / "1", tmp_path / "1")
    _write(folder, _predict_log("", x=np.zeros([1, 2], np.float32)))
    bundle = SavedModelBundle(folder)
    answer = bundle.run(bundle.signature(""), {"x": np.array([[1, 2]], np.float32)})
    assert answer["y"].tolist() == [[1.0, 2.0]]
    bundle.close()
