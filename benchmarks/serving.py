"""What serving over REST costs beside the bare signature, and whether it holds under faults.

The model is `best` on ml-100k after one epoch, each request one user with 20 events. `signature`
calls the loaded SavedModel in as many threads as there are connections; `REST` asks `python -m
serving`, once without and once with batching. Their rounds are interleaved, and ratios are to
`signature` with as many connections; `cpu_ms` is what the answering process spent on a request.
Then a soak at half of the peak, and the faults of `benchmarks.serving_faults`. `held` says whether
an aim was met: 1.3 times the signature's median at one connection, 4 times the throughput with
batching, memory that grows by less than 3 % and slow answers within 3 medians in the soak, no
failure under faults.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import serving_faults
from benchmarks.load import Outcome, drive, post
from benchmarks.served_process import NAME, ServedProcess, served

CONNECTIONS = (1, 8, 64)
EVENTS = 20
USERS = 256
BATCHING = """
max_batch_size { value: 64 }
batch_timeout_micros { value: 1000 }
num_batch_threads { value: 2 }
"""
_COLUMNS = (
    *("what", "connections", "requests", "failed", "p50_ms", "p99_ms", "per_second"),
    *("cpu_ms", "p50_ratio", "p99_ratio", "held"),
)


def run(rounds: int, minutes: float = 1.0) -> list[dict[str, Any]]:
    """Rows of each way at each number of connections, of the soak, then of each fault."""
    with TemporaryDirectory() as folder:
        base_path = Path(folder) / "models"
        run_folder = train_and_export(Path(folder), base_path)
        rows = measure(base_path, Path(folder), rounds, minutes)
        rows += serving_faults.run(base_path, predict_requests(base_path), run_folder)
    return [{column: row.get(column, "") for column in _COLUMNS} for row in rows]


def train_and_export(folder: Path, base_path: Path) -> Path:
    """Trains for an epoch, exports version 1, and returns the run's folder."""
    from benchmarks.epoch import movielens
    from tfhrnn import HRNNRecommender

    with movielens() as log:
        recommender = HRNNRecommender("best", epochs=1).fit(log, run=folder / "run", verbose=0)
        version = recommender.export(base_path)
    _write_warm_up(version, predict_requests(base_path)[0])
    return folder / "run"


def measure(
    base_path: Path, folder: Path, rounds: int, minutes: float, seconds: float = 3.0
) -> list[dict[str, Any]]:
    """The three ways side by side, the throughput of batching, and the soak.

    Args:
      base_path: a model with the inputs of a recommender.
      folder: where a configuration file may be written.
      rounds: of each way at each number of connections.
      minutes: of the soak.
      seconds: of a round.
    """
    (folder / "batching.config").write_text(BATCHING)
    requests = predict_requests(base_path)
    batching = ("--enable_batching", f"--batching_parameters_file={folder / 'batching.config'}")
    with ExitStack() as stack:
        plain = stack.enter_context(served(base_path, "--log_requests=false"))
        batched = stack.enter_context(served(base_path, "--log_requests=false", *batching))
        ways: dict[str, Callable[[int], Outcome]] = {
            "signature": bare_signature(base_path, requests, seconds),
            "REST": over_rest(plain, requests, seconds),
            "REST, batched": over_rest(batched, requests, seconds),
        }
        rows = []
        per_second: dict[tuple[str, int], float] = {}
        for count in CONNECTIONS:
            for row in side_by_side(ways, count, rounds):
                rows.append(row)
                per_second[row["what"], count] = row["per_second"]
        peak = per_second["REST, batched", CONNECTIONS[-1]]
        gain = peak / per_second["REST", CONNECTIONS[-1]]
        rows.append({"what": f"batched answers {gain:.2f} times as many", "held": gain >= 4})
        rows.append(soak(batched, requests, peak / 2, minutes))
    return rows


def over_rest(
    server: ServedProcess, requests: list[bytes], seconds: float
) -> Callable[[int], Outcome]:
    """Asks a server over as many connections as are asked for."""

    def ask(connections: int) -> Outcome:
        before = server.cpu_seconds()
        outcome = drive(server.port, requests, connections, seconds)
        outcome.cpu_seconds = server.cpu_seconds() - before
        return outcome

    return ask


def side_by_side(
    ways: Mapping[str, Callable[[int], Outcome]], connections: int, rounds: int
) -> list[dict[str, Any]]:
    """A row a way: all answers of its rounds together; ratios to the first way."""
    outcomes: dict[str, list[Outcome]] = {name: [] for name in ways}
    for way in ways.values():
        way(connections)
    for _ in range(rounds):
        for name, way in ways.items():
            outcomes[name].append(way(connections))
    rows: list[dict[str, Any]] = []
    for name, parts in outcomes.items():
        whole = _joined(parts)
        row = whole.row(name, connections)
        first = rows[0] if rows else row
        row["cpu_ms"] = 1000 * whole.cpu_seconds / row["requests"]
        row["p50_ratio"] = row["p50_ms"] / first["p50_ms"]
        row["p99_ratio"] = row["p99_ms"] / first["p99_ms"]
        if name == "REST" and connections == 1:
            row["held"] = row["p50_ratio"] <= 1.3
        rows.append(row)
    return rows


def soak(
    server: ServedProcess, requests: list[bytes], rate: float, minutes: float
) -> dict[str, Any]:
    """A row of a long load: whether memory stays flat and the slow answers near the usual ones.

    Memory is flat if the last fifth holds at most 3 % more than the second one.
    """
    sizes: list[float] = []
    ends = time.monotonic() + 60 * minutes

    def watch() -> None:
        while time.monotonic() < ends:
            sizes.append(server.resident_megabytes())
            time.sleep(0.5)

    outcome = drive(server.port, requests, 64, 60 * minutes, rate=rate, meanwhile=watch)
    fifth = max(1, len(sizes) // 5)
    growth = np.mean(sizes[-fifth:]) / np.mean(sizes[fifth : 2 * fifth] or sizes[:1])
    row = outcome.row(f"soak of {minutes:g} min, memory × {growth:.3f}", 64)
    slow = row["p99_ms"] / row["p50_ms"]
    return {
        **row,
        "p99_ratio": slow,
        "held": bool(growth < 1.03 and slow <= 3 and not row["failed"]),
    }


def bare_signature(
    base_path: Path, requests: list[bytes], seconds: float
) -> Callable[[int], Outcome]:
    """Calls the SavedModel in this process, from as many threads as are asked for."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(_newest(base_path)))
    signature = loaded.signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    questions = [
        {
            name: tf.constant(value, specs[name].dtype)
            for name, value in json.loads(request.partition(b"\r\n\r\n")[2])["inputs"].items()
        }
        for request in requests
    ]

    def call(threads: int) -> Outcome:
        outcome = Outcome()
        started, before = time.perf_counter(), time.process_time()

        def work(number: int) -> None:
            at = number
            while time.perf_counter() < started + seconds:
                begin = time.perf_counter()
                for value in signature(**questions[at % len(questions)]).values():
                    value.numpy()
                outcome.milliseconds.append(1000 * (time.perf_counter() - begin))
                at += threads

        workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        outcome.seconds = time.perf_counter() - started
        outcome.cpu_seconds = time.process_time() - before
        outcome.statuses[200] = len(outcome.milliseconds)
        assert loaded is not None, "the variables live as long as what was loaded"
        return outcome

    return call


def predict_requests(base_path: Path) -> list[bytes]:
    """A request for each of some users, by columns, for every input that the model declares."""
    from tensorflow.core.protobuf import saved_model_pb2

    folder = _newest(base_path)
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    inputs = saved.meta_graphs[0].signature_def["serving_default"].inputs
    rng = np.random.default_rng(0)
    bodies = []
    for _ in range(USERS):
        known: dict[str, Any] = {
            "history": [[str(item) for item in rng.integers(1, 1600, EVENTS)]],
            "times": [np.cumsum(rng.integers(1, 5000, EVENTS)).tolist()],
            "query_time": [200_000],
            "k": [10],
            "exclude_seen": [True],
            "exploration": [0.0],
        }
        values = {name: known.get(name, _nothing(info)) for name, info in inputs.items()}
        bodies.append(json.dumps({"inputs": values}).encode())
    return [post(f"/v1/models/{NAME}:predict", body) for body in bodies]


def _write_warm_up(version: Path, request: bytes) -> None:
    """Lets a version be warm before it answers, as exports are."""
    import tensorflow as tf

    from tfhrnn.warm_up import PLACE, warmup_records, write_warm_up

    if (version / PLACE).exists():
        return
    inputs = tf.saved_model.load(str(version)).signatures["serving_default"]
    specs = inputs.structured_input_signature[1]
    asked = json.loads(request.partition(b"\r\n\r\n")[2])["inputs"]
    tensors = {name: tf.constant(value, specs[name].dtype) for name, value in asked.items()}
    write_warm_up(version, warmup_records({"serving_default": [tensors]}, NAME))


def _nothing(info: Any) -> Any:
    """What says nothing for an input, of one row: one element for each event, unknown."""
    from tensorflow.core.framework import types_pb2

    dtype = types_pb2.DataType.Name(info.dtype)
    value: Any = {"DT_STRING": "", "DT_FLOAT": float("nan")}.get(dtype, 0)
    rank = len(info.tensor_shape.dim)
    return [value] if rank == 1 else [[value] * EVENTS]


def _newest(base_path: Path) -> Path:
    return max(base_path.glob("[0-9]*"), key=lambda path: int(path.name))


def _joined(parts: list[Outcome]) -> Outcome:
    whole = Outcome()
    for part in parts:
        whole.milliseconds += part.milliseconds
        whole.statuses += part.statuses
        whole.seconds += part.seconds
        whole.cpu_seconds += part.cpu_seconds
    return whole
