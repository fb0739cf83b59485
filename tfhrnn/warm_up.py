"""Requests that a server runs before a new version answers its first caller.

TensorFlow optimises a graph on its first run, which would make the first callers wait. TensorFlow
Serving, and the embedded server, therefore run what they find in
`assets.extra/tf_serving_warmup_requests` of a version as they load it: a TFRecord file of
`PredictionLog` messages. Source: TensorFlow Serving's documentation, "SavedModel Warmup".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.predicting.model_info import info_signature
from tfhrnn.predictor import Predictor

PLACE = Path("assets.extra") / "tf_serving_warmup_requests"


def first_requests(predictor: Predictor) -> dict[str, list[dict[str, Any]]]:
    """A small request to each signature of an export, for `warmup_records`.

    Its user has two events and asks for ten items; what can be unknown is.

    Args:
      predictor: what is exported.

    Returns:
      By signature a list of one request, its arrays by name.
    """
    signatures = {**predictor.signatures, "model_info": info_signature()}
    signatures["serving_default"] = signatures["recommend"]
    ids = [(predictor.item_ids * 2)[:2]]
    known: dict[str, Any] = {"history": ids, "items": ids, "times": [[0, 60]], "k": [10]}
    known |= {"query_time": [3660], "exploration": [0.0]}
    known |= {"feedback": [[np.nan, np.nan]], "event_types": [["", ""]]}

    def request(name: str) -> dict[str, Any]:
        return {key: _array(known.get(key), spec) for key, spec in signatures[name].items()}

    known["state_bytes"] = predictor.ask("start", request("start"))["state_bytes"]
    return {name: [request(name)] for name in sorted(signatures)}


def _array(value: Any, spec: tf.TensorSpec) -> npt.NDArray[Any]:
    """What is known of one row, or the one value that says nothing."""
    if value is None:
        nothing = {tf.string: "", tf.float32: np.nan}.get(spec.dtype, 0)
        return np.full([1] * spec.shape.rank, nothing, spec.dtype.as_numpy_dtype)
    array = np.array(value, spec.dtype.as_numpy_dtype)
    return array if array.ndim == spec.shape.rank else array[0, :1]  # one item for a list


def warmup_records(
    requests: Mapping[str, Sequence[Mapping[str, Any]]], name: str = ""
) -> list[bytes]:
    """Serialises requests.

    Args:
      requests: for each signature, such as `serving_default`, what it is asked: tensors, or what
        `tf.convert_to_tensor` takes, of the signature's dtypes, by the names of its inputs.
      name: the model's.

    Returns:
      A `PredictionLog` for each request, signatures in the order given.
    """
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    records = []
    for signature, asked in requests.items():
        for inputs in asked:
            log = PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, value in inputs.items():
                values = tf.convert_to_tensor(value).numpy()
                request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
            records.append(bytes(log.SerializeToString()))
    return records


def write_warm_up(version: Path, records: Sequence[bytes]) -> Path:
    """Writes serialised requests into a version's folder, before it appears under its number.

    Args:
      version: the folder that holds `saved_model.pb`.
      records: see `warmup_records`; servers take at most 1,000.

    Returns:
      The file.
    """
    path = version / PLACE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path
