"""The serving benchmark's rows: ratios are to the first way, requests ask for every input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf

from benchmarks import serving
from benchmarks.load import Outcome
from tfhrnn.recommender import HRNNRecommender


def _took(milliseconds: float) -> Outcome:
    outcome = Outcome([milliseconds] * 10, seconds=1.0)
    outcome.statuses[200] = 10
    return outcome


def test_ratios_are_to_the_first_way() -> None:
    ways = {"signature": lambda count: _took(2.0), "REST": lambda count: _took(3.0)}
    first, second = serving.side_by_side(ways, 1, 2)
    assert (first["what"], first["p50_ratio"], first["requests"]) == ("signature", 1.0, 20)
    assert (second["p50_ratio"], second["p99_ratio"], second["held"]) == (1.5, 1.5, False)
    assert second["per_second"] == 10.0


@pytest.fixture
def base_path(tmp_path: Path) -> Path:
    """A model with some inputs of a recommender, and two that no benchmark knows."""
    names = {"history": (2, tf.string), "k": (1, tf.int32)}
    unknown = {"mood": (1, tf.string), "feedback": (2, tf.float32)}
    specs = [
        tf.TensorSpec([None] * rank, dtype, name=name)
        for name, (rank, dtype) in {**names, **unknown}.items()
    ]

    @tf.function(input_signature=specs)
    def answer(history: tf.Tensor, k: tf.Tensor, mood: tf.Tensor, feedback: tf.Tensor) -> object:
        del mood, feedback
        return {"first": history[:, 0], "k": k}

    module = tf.Module()
    module.answer = answer
    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": answer})
    return tmp_path


def test_requests_ask_for_every_input_that_is_declared(base_path: Path) -> None:
    requests = serving.predict_requests(base_path)
    assert len(requests) == serving.USERS == len(set(requests))
    inputs = json.loads(requests[0].partition(b"\r\n\r\n")[2], parse_constant=str)["inputs"]
    assert set(inputs) == {"history", "k", "mood", "feedback"}
    assert len(inputs["history"][0]) == serving.EVENTS
    assert (inputs["k"], inputs["mood"]) == ([10], [""])
    assert inputs["feedback"] == [["NaN"] * serving.EVENTS]


def test_the_bare_signature_answers_the_same_requests(base_path: Path) -> None:
    call = serving.bare_signature(base_path, serving.predict_requests(base_path), 0.05)
    outcome = call(2)
    assert outcome.failed == 0
    assert outcome.statuses[200] == len(outcome.milliseconds) > 0


def test_a_recommender_answers_the_requests(trained: HRNNRecommender, tmp_path: Path) -> None:
    trained.export(tmp_path / "tiny")
    requests = serving.predict_requests(tmp_path / "tiny")
    inputs = json.loads(requests[0].partition(b"\r\n\r\n")[2])["inputs"]
    assert inputs["exploration"] == [0.0] and set(inputs) == set(
        trained.predictor.signatures["recommend"]
    )
    assert serving.bare_signature(tmp_path / "tiny", requests[:4], 0.05)(1).failed == 0
