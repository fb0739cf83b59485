"""Requests that a version brings along, to be run before it answers its first caller.

TensorFlow optimises a graph on its first run, which can take seconds. An export may therefore hold
`assets.extra/tf_serving_warmup_requests`: a TFRecord file of TensorFlow Serving's `PredictionLog`
messages. Its predict requests are run as the version is loaded; the outputs are dropped. Logs of
other kinds are passed over.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from serving.dtypes import Array
from serving.errors import ApiError, Code

PLACE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000  # as in TensorFlow Serving


def warm_up(folder: Path, run: Callable[[str, dict[str, Array]], object]) -> int:
    """Runs the requests that a version's folder holds.

    Args:
      folder: the version's.
      run: takes the name of a signature, empty for `serving_default`, and an array for each input.

    Returns:
      How many requests were run.

    Raises:
      ApiError: the file is no TFRecord file of such messages, holds too many, or `run` refuses.
    """
    path = folder / PLACE
    if not path.exists():
        return 0
    number = 0
    for number, (signature, arrays) in enumerate(_requests(path), start=1):
        if number > MAX_RECORDS:
            raise _broken(path, f"it holds more than {MAX_RECORDS} records")
        run(signature, arrays)
    return number


def _requests(path: Path) -> Iterator[tuple[str, dict[str, Array]]]:
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = PredictionLog.FromString(record)
            if log.WhichOneof("log_type") == "predict_log":
                request = log.predict_log.request
                arrays = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
                yield request.model_spec.signature_name, arrays
    except (tf.errors.OpError, DecodeError, TypeError) as error:
        raise _broken(path, str(error)) from None


def _broken(path: Path, reason: str) -> ApiError:
    return ApiError(Code.DATA_LOSS, f"{path}: cannot be read as warm-up requests: {reason}")
