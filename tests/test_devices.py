"""Trained on several devices or workers, a run is the one of a single device."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.windows import Windows
from tfhrnn.devices import Devices
from tfhrnn.errors import ConfigError
from tfhrnn.recommender import HRNNRecommender

ROOT = Path(__file__).parents[1]
# Nothing is drawn but the order of users and of ties, which all replicas share. Recent targets
# weigh far more than old ones, so that replicas weigh unlike: a mean of their means would show.
SETTINGS: dict[str, Any] = {
    **{"units": 4, "layers": 1, "epochs": 2, "batch_size": 4, "bptt": 8, "seen_items": 4},
    **{"rating": "joint", "embedding_dropout": 0.0, "output_dropout": 0.0, "mix_rule": "fixed"},
    **{"recency_mask": True, "recency_half_life": 0.02},
}
TOLERANCE = 1e-4  # sums over lanes in another order, and Adam's roots of them
START = """
import json, sys
import tfhrnn
import tensorflow as tf
from tfhrnn.data.event_log import EventLog
from tfhrnn.devices import Devices
from tfhrnn.errors import ConfigError
from tfhrnn.recommender import HRNNRecommender

settings, data, out = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
"""
TRAIN = """
def trained(out, **more):
    fitted = HRNNRecommender("best", **settings, **more)
    fitted.fit(EventLog.open(data), run=out, devices=devices, verbose=0)
    rows = fitted.run.epochs().drop("seconds").to_dicts()
    return {"rows": rows, "weights": fitted.model.decoder.id_weights.numpy().tolist()}
"""
MIRRORED = """
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
devices = Devices("mirrored")
found = {"replicas": devices.replicas, "errors": [], **trained(out)}
found["half"] = trained(out + "-half", precision="mixed_float16")["rows"]
for refused in (
    lambda: devices.lanes_each(5),
    lambda: Devices(devices.strategy, jit_compile=True),
    lambda: Devices("tpu"),
):
    try:
        refused()
    except ConfigError as error:
        found["errors"].append(str(error))
print(json.dumps(found))
"""
WORKER = """
devices = Devices("multi_worker")
found = {"replicas": devices.replicas, "chief": devices.is_chief, **trained(out)}
found["half"] = trained(out + "-half", precision="mixed_bfloat16")["rows"]
print(json.dumps(found))
"""


def begin(body: str, log: EventLog, out: Path, **environment: str) -> subprocess.Popen[str]:
    """A Python of its own, because TensorFlow's devices are settled once a process."""
    words = [json.dumps(SETTINGS), str(log.directory), str(out)]
    own = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    return subprocess.Popen(
        [sys.executable, "-c", START + TRAIN + body, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**own, "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
    )


def ends(*processes: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What each printed last; none outlives this."""
    found = []
    try:
        for process in processes:
            shown, error = process.communicate(timeout=300)
            assert process.returncode == 0, error[-3000:]
            found.append(json.loads(shown.splitlines()[-1]))
    finally:
        for process in processes:
            process.kill()
    return found


@pytest.fixture(scope="module")
def alone(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> HRNNRecommender:
    """One device, under a strategy too: its clip takes the norm of dense gradients."""
    run = tmp_path_factory.mktemp("alone") / "run"
    fitted = HRNNRecommender("best", **SETTINGS)
    return fitted.fit(tiny_log, run=run, devices=Devices("one_device"), verbose=0)


def known(row: dict[str, float | None]) -> dict[str, float]:
    """An epoch's figures without those that such a model has not."""
    return {name: value for name, value in row.items() if value is not None}


def assert_same(rows: list[dict[str, float | None]], weights: Any, other: HRNNRecommender) -> None:
    assert other.run is not None and other.model is not None
    wanted = other.run.epochs().drop("seconds").to_dicts()
    assert len(rows) == len(wanted)
    for ours, theirs in zip(rows, wanted, strict=True):
        assert known(ours) == pytest.approx(known(theirs), rel=TOLERANCE)
    np.testing.assert_allclose(weights, other.model.decoder.id_weights, atol=1e-3)


def test_two_mirrored_devices_train_as_one(
    alone: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    (found,) = ends(begin(MIRRORED, tiny_log, tmp_path / "run"))
    assert found["replicas"] == 2
    assert_same(found["rows"], found["weights"], alone)
    # The scaled loss and its gradients too are those of all lanes together, and no weight is too
    # small for float16.
    halves = [row["perplexity"] for row in found["half"]]
    assert halves == pytest.approx([row["perplexity"] for row in found["rows"]], rel=2e-3)
    lanes, compiled, tpu = found["errors"]
    assert lanes == "batch_size: got 5 lanes, expected a multiple of the strategy's 2 replicas"
    assert compiled.startswith("jit_compile: got a strategy of 2 replicas, expected one replica")
    assert tpu.startswith("strategy: got 'tpu', but 'local' gives none: ")
    # What two devices kept, one goes on with.
    again = HRNNRecommender("best", **SETTINGS)
    again.fit(tiny_log, run=tmp_path / "run", resume=True, verbose=0)
    assert again.model is not None
    np.testing.assert_array_equal(again.model.decoder.id_weights, np.float32(found["weights"]))


def test_two_workers_train_as_one_and_the_chief_alone_writes(
    alone: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    with socket.socket() as one, socket.socket() as other:
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
        places = [f"127.0.0.1:{free.getsockname()[1]}" for free in (one, other)]
    cluster = {"worker": places}
    configs = [
        json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        for index in range(2)
    ]
    workers = [begin(WORKER, tiny_log, tmp_path / "run", TF_CONFIG=config) for config in configs]
    found = ends(*workers)
    assert [worker["chief"] for worker in found] == [True, False]
    for worker in found:
        assert worker["replicas"] == 2
        assert_same(worker["rows"], worker["weights"], alone)
        halves = [row["perplexity"] for row in worker["half"]]
        assert halves == pytest.approx([row["perplexity"] for row in worker["rows"]], rel=0.02)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run-half"]
    loaded = HRNNRecommender.load(tmp_path / "run").model
    assert loaded is not None
    np.testing.assert_array_equal(loaded.decoder.id_weights, np.float32(found[0]["weights"]))


def test_a_strategy_and_several_steps_a_call_change_nothing(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    devices = Devices("one_device", steps_per_execution=3)
    assert devices.replicas == 1 and devices.is_chief
    plain, under = (HRNNRecommender("best", **SETTINGS, clip_norm=0) for _ in range(2))
    plain.fit(tiny_log, run=tmp_path / "plain", verbose=0)
    under.fit(tiny_log, run=tmp_path / "under", devices=devices, verbose=0)
    assert under.run is not None and under.model is not None
    rows = under.run.epochs().drop("seconds").to_dicts()
    assert_same(rows, under.model.decoder.id_weights, plain)


def test_compiled_steps_give_the_same(tiny_log: EventLog, tmp_path: Path) -> None:
    # Compiling takes its time: the smallest tower, and the fewest parts around it.
    light = {**SETTINGS, "tower": "last_item", "rating": "none", "seen_bias": False, "epochs": 1}
    tables = []
    for name, devices in (("plain", None), ("compiled", Devices(jit_compile=True))):
        fitted = HRNNRecommender("hrnn", **light)
        fitted.fit(tiny_log, run=tmp_path / name, devices=devices, verbose=0)
        assert fitted.run is not None
        tables.append(known(fitted.run.epochs().drop("seconds").to_dicts()[0]))
    assert tables[1] == pytest.approx(tables[0], rel=TOLERANCE)


def test_shares_are_the_lanes_of_each_batch_epoch_after_epoch(tiny_log: EventLog) -> None:
    windows = Windows(tiny_log, np.arange(9), lanes=6, window=8, shuffle=True, shuffle_ties=True)
    wanted = [batch for epoch in (2, 3) for batch in windows.batches(epoch)]
    shares = windows.shares(3, range(1, 3), first_epoch=2)
    assert shares.cardinality() == tf.data.INFINITE_CARDINALITY
    given = iter(shares)
    for batch in wanted:
        for lanes in (slice(2, 4), slice(4, 6)):
            for ours, theirs in zip(next(given), batch, strict=True):
                assert ours.shape[0] == 2
                np.testing.assert_array_equal(ours, theirs[lanes])


def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ConfigError, match="no strategy named 'two'; there are: one_device, mirr"):
        Devices("two")
    with pytest.raises(ConfigError, match="got 'multi_worker' without TF_CONFIG"):
        Devices("multi_worker")
    with pytest.raises(ConfigError, match="steps_per_execution: got 0, expected 1 or more"):
        Devices(steps_per_execution=0)
