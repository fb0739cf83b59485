"""What every edge of a request answers, the same in process and over REST."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
import tensorflow as tf

import serving
from tfhrnn.answer_options import AnswerOptions
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor, texts
from tfhrnn.recommender import HRNNRecommender

T0 = 1_000_000_000
FILMS = [f"film {n}, é" for n in range(30)]
NEW: dict[str, list[Any]] = {"item_id": ["new"], "genres": ["Drama"]}


class Served(NamedTuple):
    """A model in process and the address where it is served."""

    predictor: Predictor
    url: str


@pytest.fixture(scope="module")
def served(trained: HRNNRecommender, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    base: Path = tmp_path_factory.mktemp("served") / "tiny"
    trained.export(base)
    with serving.running("tiny", base, timeout_seconds=600) as url:
        yield Served(trained.predictor, f"{url}/v1/models/tiny")


def said(value: Any) -> Any:
    """A value as JSON has it; bytes that are no text in base64."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return [said(one) for one in value] if isinstance(value, list) else value


def post(served: Served, name: str, arrays: dict[str, Any]) -> tuple[int, Any]:
    """The status, and the outputs or the error."""
    inputs = {
        key: said(np.asarray(arrays[key]).tolist()) for key in served.predictor.signature(name)
    }
    body = json.dumps({"signature_name": name, "inputs": inputs})
    answer = httpx.post(f"{served.url}:predict", content=body, timeout=60)
    found = answer.json()
    return answer.status_code, found["error"] if "error" in found else found["outputs"]


def ask(served: Served, name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """The answer in process, after it was found to be the one over REST."""
    found = served.predictor.ask(name, arrays)
    status, outputs = post(served, name, arrays)
    assert status == 200, outputs
    if len(found) == 1:
        outputs = {next(iter(found)): outputs}
    for key, value in found.items():
        if key == "state_bytes":
            assert [base64.b64decode(one["b64"]) for one in outputs[key]] == value.tolist()
        elif value.dtype == object:
            assert outputs[key] == texts(value).tolist()
        else:
            np.testing.assert_allclose(np.array(outputs[key], value.dtype), value, rtol=1e-6)
    return found


def refuse(served: Served, name: str, arrays: dict[str, Any], message: str) -> None:
    """The request is an error in process, and a 400 that says the same over REST."""
    with pytest.raises(tf.errors.InvalidArgumentError, match=message) as caught:
        served.predictor.ask(name, arrays)
    status, error = post(served, name, arrays)
    assert status == 400
    assert caught.match(message) and message in error


def request(
    predictor: Predictor, items: list[str], times: list[int], **options: Any
) -> dict[str, Any]:
    histories = Histories(
        ["0"], [items], [times], [[4.0] * len(items)], {"age": [30.0], "group": ["a"]}
    )
    when = np.array([max([T0, *times]) + 500])
    return dict(predictor.inputs(histories, AnswerOptions(**options), query_time=when))


def state_of(served: Served, arrays: dict[str, Any]) -> Any:
    """The same history as a state."""
    begun = ask(served, "start", {**arrays, "rows": np.zeros(len(arrays["k"]), int)})
    events = {**arrays, **begun, "items": arrays["history"]}
    return ask(served, "update", events)["state_bytes"]


CASES: dict[str, tuple[list[str], list[int], dict[str, Any], int]] = {
    "k beyond the catalogue": (FILMS[:2], [T0, T0 + 5], {"k": 10**6}, 30),
    "an empty history": ([], [], {"k": 5, "exclude_seen": True}, 5),
    "unknown ids": (["nothing", FILMS[3], "none"], [T0, T0, T0 + 9], {"k": 30}, 30),
    "equal times": (FILMS[:3], [T0, T0, T0], {"k": 4}, 4),
    "decreasing times": (FILMS[:3], [T0 + 9000, T0 + 50, T0], {"k": 4}, 4),
    "a blank allow list": (FILMS[:3], [T0, T0, T0], {"k": 30}, 30),
    "unknown ids allowed": (FILMS[:3], [T0, T0, T0], {"k": 4, "allow": ["nothing"]}, 0),
    "all items denied": (FILMS[:3], [T0, T0, T0], {"k": 4, "deny": FILMS}, 0),
    "all but two denied": (FILMS[:3], [T0, T0, T0], {"k": 4, "deny": FILMS[:28]}, 2),
    "all denied but a new one": ([], [], {"k": 4, "deny": FILMS, "cold_items": NEW}, 1),
    "explored": (FILMS[:3], [T0, T0, T0], {"k": 4, "exploration": 1.0, "seed": 3}, 4),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_answered(served: Served, case: str) -> None:
    items, times, options, count = CASES[case]
    arrays = request(served.predictor, items, times, **options)
    found = ask(served, "recommend", arrays)
    assert (found["items"] != b"").sum() == np.isfinite(found["log_probabilities"]).sum() == count
    by_state = ask(
        served, "recommend_from_state", {**arrays, "state_bytes": state_of(served, arrays)}
    )
    assert by_state["items"].tolist() == found["items"].tolist()
    np.testing.assert_allclose(by_state["log_probabilities"], found["log_probabilities"], atol=1e-5)


@pytest.mark.parametrize("name", ["recommend", "recommend_from_state"])
@pytest.mark.parametrize("k", [0, -3])
def test_k_below_one_is_refused(served: Served, name: str, k: int) -> None:
    arrays = request(served.predictor, FILMS[:2], [T0, T0 + 5])
    arrays |= {"state_bytes": state_of(served, arrays), "k": [k]}
    refuse(served, name, arrays, "k: expected 1 or more")


def test_ids_after_a_blank_are_refused(served: Served) -> None:
    arrays = request(served.predictor, ["", FILMS[2]], [T0, T0 + 5])
    message = "expected empty ids only after the last id of a row"
    refuse(served, "recommend", arrays, f"history: {message}")
    arrays |= {"state_bytes": served.predictor.ask("start", {**arrays, "rows": [0]})["state_bytes"]}
    refuse(served, "update", {**arrays, "items": arrays["history"]}, f"items: {message}")


def test_a_state_that_is_none_is_refused(served: Served) -> None:
    arrays = request(served.predictor, FILMS[:2], [T0, T0 + 5])
    (state,) = state_of(served, arrays)
    spoilt = {
        b"nothing": "state_bytes: got bytes that are no state",
        state[:-1]: f"state_bytes: expected {len(state)} bytes, got",
        state[:40] + b"!" + state[41:]: "state_bytes: got a damaged state",
        state[:5] + b"!" + state[6:]: "state_bytes: got the state of another model",
    }
    for name in ("update", "recommend_from_state"):
        for other, message in spoilt.items():
            asked = {**arrays, "items": arrays["history"], "state_bytes": [other]}
            refuse(served, name, asked, message)


def test_no_rows_have_no_answers_and_rest_cannot_say_them(served: Served) -> None:
    nobody = Histories([], [], [], [], {"age": [], "group": []})
    never = np.zeros(0, np.int64)
    arrays = served.predictor.inputs(nobody, AnswerOptions(), query_time=never)
    assert served.predictor.ask("recommend", arrays)["items"].shape == (0, 0)
    bodies: list[dict[str, Any]] = [{"instances": []}, {"inputs": {name: [] for name in arrays}}]
    for body in bodies:
        assert httpx.post(f"{served.url}:predict", json=body, timeout=60).status_code == 400


def test_rows_say_the_same_as_columns(served: Served) -> None:
    """One object a row, with every input of the signature and lists of one length."""
    one = request(served.predictor, FILMS[:2], [T0, T0 + 5], k=3, deny=[FILMS[4]])
    other = request(served.predictor, FILMS[6:8], [T0, T0 + 7], k=3, deny=[FILMS[9]])
    specs = served.predictor.signature()
    joined = {name: np.concatenate([one[name], other[name]]) for name in specs}
    states = state_of(served, joined)
    for name, arrays in (
        ("recommend", joined),
        ("recommend_from_state", {**joined, "state_bytes": states}),
    ):
        found = served.predictor.ask(name, arrays)
        inputs = {x: said(np.asarray(arrays[x]).tolist()) for x in served.predictor.signature(name)}
        rows = [{x: values[row] for x, values in inputs.items()} for row in range(2)]
        body = json.dumps({"signature_name": name, "instances": rows})
        answer = httpx.post(f"{served.url}:predict", content=body, timeout=60).json()
        for row, told in enumerate(answer["predictions"]):
            assert told["items"] == texts(found["items"])[row].tolist()
            assert told["cold"] == [False] * 3
            np.testing.assert_allclose(
                told["log_probabilities"], found["log_probabilities"][row], rtol=1e-6
            )


def test_similar_items_ranks_and_the_card(served: Served) -> None:
    found = ask(served, "similar_items", {"items": [FILMS[0], "none"], "k": [40, 2]})
    assert (found["items"] != b"").sum(axis=1).tolist() == [29, 0]
    found = ask(served, "similar_by_features", {"item_genres": ["Comedy"], "k": [3]})
    assert (found["items"] != b"").sum() == 3
    arrays = request(served.predictor, FILMS[:2], [T0, T0 + 5])
    arrays |= {"items": np.array([[FILMS[4], "none"]]), "state_bytes": state_of(served, arrays)}
    ranked = ask(served, "rank", arrays)["log_probabilities"]
    by_state = ask(served, "rank_from_state", arrays)["log_probabilities"]
    np.testing.assert_allclose(by_state, ranked, atol=1e-5)
    assert ranked[0, 1] == -np.inf
    found = ask(served, "describe_items", {"items": [[FILMS[4], "none"]]})
    assert texts(found["titles"]).tolist() == [["Film 4", "none"]]
    found = ask(served, "search_items", {"text": ["FILM 4"], "offset": [0], "k": [3]})
    assert texts(found["items"])[0].tolist()[0] == FILMS[4]
    body = {"signature_name": "model_info", "inputs": {"rows": [0]}}
    told = httpx.post(f"{served.url}:predict", json=body, timeout=60).json()["outputs"]
    assert told["fingerprint"] == [served.predictor.state_bytes.fingerprint]
