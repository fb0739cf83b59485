import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.errors import Reply
from serving.model_config import ModelConfig
from serving.models import Models
from serving.rest_api import RestApi
from serving.versions import ServedModel


@pytest.fixture(scope="module")
def api(exports: Path) -> Iterator[RestApi]:
    labels = {"scale": {"new": 2}}
    models = Models(
        [
            ModelConfig(name, exports / name, labels=labels.get(name, {}))
            for name in ("scale", "kinds", "judges", "absent")
        ],
        poll_seconds=0,
    )
    models.poll()
    yield RestApi(models)
    models.close()


def _asked(api: RestApi, path: str, body: str) -> tuple[int, object]:
    reply = api.answer("POST", f"/v1/models/{path}", body.encode())
    return reply.status, json.loads(reply.body)


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("scale:predict", '{"instances": [[1, 2]]}', {"predictions": [[2.0, 4.0]]}),
        ("scale/versions/2:predict", '{"inputs": [[1, 2]]}', {"outputs": [[2.0, 4.0]]}),
        ("scale/labels/n%65w:predict", '{"inputs": [[1, 2]]}', {"outputs": [[2.0, 4.0]]}),
        (
            "scale:predict",
            '{"signature_name": "sum", "instances": [{"x": [1, 0.05]}]}',
            {"predictions": [{"sum": 1.05, "y": [2.0, 0.1]}]},
        ),
        (
            "kinds:predict",
            '{"instances": [{"items": ["clue", "?"], "count": 1, "seen": true}]}',
            {"predictions": [{"count": 2, "index": [2, 3], "items": ["clue", "?"], "seen": False}]},
        ),
        (
            "kinds:predict",
            '{"signature_name": "bytes", "inputs": [{"b64": "/w"}]}',
            {"outputs": [{"b64": "/yE="}]},
        ),
        (
            "kinds:predict",
            '{"signature_name": "float32", "inputs": [[0.1], [-Infinity]]}',
            {"outputs": [[0.1], [float("-inf")]]},
        ),
    ],
)
def test_questions_are_answered(api: RestApi, path: str, body: str, answer: object) -> None:
    assert _asked(api, path, body) == (200, answer)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        # The body is read before the model is looked up, and the signature before the values.
        (
            "nope:predict",
            "{",
            400,
            "JSON Parse error: Missing a name for object member. at offset: 1",
        ),
        ("nope:predict", "{}", 404, "Servable not found for request: Latest(nope)"),
        ("absent:predict", "{}", 404, "Servable not found for request: Latest(absent)"),
        (
            "scale/versions/1:predict",
            "{}",
            404,
            "Servable not found for request: Specific(scale, 1)",
        ),
        ("scale/labels/old:predict", "{}", 400, "Unrecognized servable version label: old"),
        ("nope/labels/new:predict", "{}", 400, "Unrecognized servable version label: new"),
        (
            "scale:predict",
            '{"signature_name": "nope", "instances": "x"}',
            400,
            'Serving signature name: "nope" not found in signature def',
        ),
        ("scale:predict", "{}", 400, "Missing 'inputs' or 'instances' key"),
        ("scale:predict", "", 400, "JSON Parse error: The document is empty"),
        (
            "scale:classify",
            '{"examples": [{}]}',
            400,
            "No classification inputs found in SignatureDef",
        ),
        (
            "scale:classify",
            '{"signature_name": "nope", "examples": [{}]}',
            400,
            "No signature was found with the name: nope",
        ),
        ("kinds:regress", '{"examples": [{}]}', 400, "Expected one input Tensor."),
        (
            "kinds:regress",
            '{"examples": []}',
            400,
            "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array",
        ),
        (
            "scale:predict",
            '{"signature_name": "total", "instances": [[1, 2]]}',
            400,
            "Tensor name: all has no shape information ",
        ),
        (
            "kinds:predict",
            '{"signature_name": "float16", "inputs": [1]}',
            501,
            "Conversion of JSON Value: 1 to type: half",
        ),
    ],
)
def test_refusals_have_their_status_and_their_words(
    api: RestApi, path: str, body: str, status: int, message: str
) -> None:
    assert _asked(api, path, body) == (status, {"error": message})


def test_the_graphs_own_refusal_is_a_400(api: RestApi) -> None:
    body = '{"signature_name": "positive", "instances": [1, -1]}'
    status, answer = _asked(api, "kinds:predict", body)
    assert status == 400
    assert "assertion failed: [i > 0]" in str(answer)


@pytest.mark.parametrize("path", ["scale", "scale/versions/2", "scale/labels/any"])
def test_the_status_tells_every_version(api: RestApi, path: str) -> None:
    reply = api.answer("GET", f"/v1/models/{path}", b"")
    assert reply.status == 200
    assert json.loads(reply.body) == {
        "model_version_status": [
            {
                "version": "2",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nope", "Could not find any versions of model nope"),
        ("absent", "Could not find any versions of model absent"),
        ("nope/versions/1", "Could not find any versions of model nope"),
        ("scale/versions/9", "Could not find version 9 of model scale"),
        ("nope/metadata", "Servable not found for request: Latest(nope)"),
        ("scale/versions/9/metadata", "Servable not found for request: Specific(scale, 9)"),
    ],
)
def test_what_is_not_there_is_404(api: RestApi, path: str, message: str) -> None:
    reply = api.answer("GET", f"/v1/models/{path}", b"")
    assert (reply.status, json.loads(reply.body)) == (404, {"error": message})


def test_the_status_of_a_broken_version_tells_its_error(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    models = Models([ModelConfig("m", tmp_path)], poll_seconds=0)
    models.poll()
    reply = RestApi(models).answer("GET", "/v1/models/m", b"")
    (status,) = json.loads(reply.body)["model_version_status"]
    assert status == {
        "version": "3",
        "state": "END",
        "status": {
            "error_code": "NOT_FOUND",
            "error_message": "Could not find SavedModel .pb or .pbtxt at supplied export "
            f"directory path: {tmp_path / '3'}",
        },
    }


def test_metadata_tells_the_version_that_answers(api: RestApi) -> None:
    reply = api.answer("GET", "/v1/models/scale/metadata", b"")
    body = json.loads(reply.body)
    assert body["model_spec"] == {"name": "scale", "signature_name": "", "version": "2"}
    signatures = body["metadata"]["signature_def"]["signature_def"]
    assert set(signatures["sum"]["outputs"]) == {"y", "sum"}


def test_a_version_past_64_bits_is_a_400_without_a_body(api: RestApi) -> None:
    path = "/v1/models/scale/versions/9223372036854775808:predict"
    assert api.answer("POST", path, b"{}") == Reply(400, b"")


def test_a_failure_nobody_foresaw_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Models):
        def get(self, name: str) -> ServedModel | None:
            raise RuntimeError("a bug")

    reply = RestApi(Broken([])).answer("GET", "/v1/models/m", b"")
    assert (reply.status, json.loads(reply.body)) == (500, {"error": "RuntimeError: a bug"})
    assert "a request failed: model '', verb ''" in caplog.text


@pytest.mark.parametrize(
    ("path", "body", "results"),
    [
        (
            "judges:classify",
            '{"examples": [{"a": 0.25, "s": "x"}, {"a": [1.5], "s": {"b64": "eQ=="}}]}',
            [[["even", 0.25], ["x", 7.0]], [["even", 1.5], ["y", 7.0]]],
        ),
        # A context is read beside each example; the example's own value comes later and counts.
        (
            "judges:classify",
            '{"context": {"a": 0.5, "b": 3}, "examples": [{"s": "x"}, {"s": "y", "b": true}]}',
            [[["even", 0.5], ["x", 3.0]], [["even", 0.5], ["y", 1.0]]],
        ),
        (
            "judges:classify",
            '{"signature_name": "scores", "examples": [{"a": NaN}]}',
            [[["", "NaN"]]],
        ),
        (
            "judges:classify",
            '{"signature_name": "classes", "examples": [{"a": 1.0, "s": "x"}]}',
            [[["x", 0.0]]],
        ),
        (
            "judges:regress",
            '{"signature_name": "regress", "examples": [{"a": 0.25, "b": 2}, {"a": 1.0, "b": 3}]}',
            [0.5, 3.0],
        ),
    ],
)
def test_examples_are_classified_and_regressed(
    api: RestApi, path: str, body: str, results: object
) -> None:
    reply = api.answer("POST", f"/v1/models/{path}", body.encode())
    answer = json.loads(reply.body, parse_constant=str)
    assert (reply.status, answer) == (200, {"results": results})
