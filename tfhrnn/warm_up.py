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

import tensorflow as tf

PLACE = Path("assets.extra") / "tf_serving_warmup_requests"


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
