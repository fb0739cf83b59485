"""What is written for servers to run first is what TensorFlow Serving's own messages read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from tfhrnn.recommender import HRNNRecommender
from tfhrnn.warm_up import first_requests, warmup_records, write_warm_up


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


def test_each_signature_is_asked_about_two_events_and_ten_items(trained: HRNNRecommender) -> None:
    requests = first_requests(trained.predictor)
    assert set(requests) == {*trained.predictor.signatures, "serving_default", "model_info"}
    for name, specs in trained.predictor.signatures.items():
        (request,) = requests[name]
        assert {key: value.ndim for key, value in request.items()} == {
            key: spec.shape.rank for key, spec in specs.items()
        }
    (asked,) = requests["serving_default"]
    assert asked["history"].tolist() == [trained.predictor.item_ids[:2]]
    assert (asked["k"].tolist(), asked["exclude_seen"].tolist()) == ([10], [False])
    assert asked["user_group"].tolist() == [""] and np.isnan(asked["user_age"]).all()
    assert np.isnan(asked["feedback"]).all() and asked["exploration"].tolist() == [0.0]
    assert requests["similar_items"][0]["items"].tolist() == trained.predictor.item_ids[:1]
    found = trained.predictor.ask("recommend_from_state", requests["recommend_from_state"][0])
    assert np.isfinite(found["log_probabilities"]).sum() == 10
