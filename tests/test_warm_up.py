"""What is written for servers to run first is what TensorFlow Serving's own messages read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from tfhrnn.warm_up import warmup_records, write_warm_up


def test_requests_are_predict_logs_with_tensors_of_their_dtypes(tmp_path: Path) -> None:
    first = {"history": [["a", "é"]], "k": tf.constant([5], tf.int32)}
    second = {"times": np.array([[1, 2]], np.int64), "feedback": np.array([[np.nan]], np.float32)}
    records = warmup_records({"serving_default": [first, second], "rank": [first]}, name="m")
    path = write_warm_up(tmp_path, records)
    assert path == tmp_path / "assets.extra" / "tf_serving_warmup_requests"

    read = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    requests = [PredictionLog.FromString(record).predict_log.request for record in read]
    assert [request.model_spec.signature_name for request in requests] == [
        "serving_default",
        "serving_default",
        "rank",
    ]
    assert {request.model_spec.name for request in requests} == {"m"}
    history = tf.make_ndarray(requests[0].inputs["history"])
    assert history.tolist() == [[b"a", "é".encode()]]
    assert tf.make_ndarray(requests[0].inputs["k"]).dtype == np.int32
    np.testing.assert_array_equal(tf.make_ndarray(requests[1].inputs["times"]), [[1, 2]])
    np.testing.assert_array_equal(
        tf.make_ndarray(requests[1].inputs["feedback"]), np.array([[np.nan]], np.float32)
    )


def test_a_folder_with_other_extra_assets_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "card").write_text("a")
    write_warm_up(tmp_path, [])
    assert (tmp_path / "assets.extra" / "card").read_text() == "a"
