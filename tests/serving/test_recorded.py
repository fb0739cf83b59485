"""Recorded requests, and the answers TensorFlow Serving's own code gave to them.

The recording lies outside of the repository: a folder with `rest_cases.json` and `rest_models.py`,
named by TFHRNN_RECORDED_REST or, beside the checkout, `shared`. What was learned from it stands in
tests of its own for each module, which always run.
"""

import base64
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.model_config import read_model_config
from serving.models import Models
from serving.server import bound_socket, serving_on

_BESIDE = Path(__file__).parents[2].parent / "shared"
_FOLDER = Path(os.environ.get("TFHRNN_RECORDED_REST", _BESIDE))
_FILE = _FOLDER / "rest_cases.json"
_CASES: list[dict[str, Any]] = json.loads(_FILE.read_text()) if _FILE.exists() else []

pytestmark = pytest.mark.skipif(not _CASES, reason="no recorded requests on this machine")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the recorded models are served."""
    folder = tmp_path_factory.mktemp("recorded")
    subprocess.run([sys.executable, str(_FOLDER / "rest_models.py"), str(folder)], check=True)
    models = Models(read_model_config(folder / "models.config"), poll_seconds=0.1)
    with bound_socket("127.0.0.1", 0) as bound, models.watched():
        assert models.await_available(120), models.why_unavailable()
        with serving_on(bound, models):
            yield bound.getsockname()[1]


@pytest.mark.parametrize("case", _CASES, ids=[case["id"] for case in _CASES])
def test_answers_are_those_of_tensorflow_serving(case: dict[str, Any], port: int) -> None:
    body = case.get("body")
    content = base64.b64decode(case["body_b64"]) if "body_b64" in case else (body or "").encode()
    headers = dict(case.get("request_headers") or {})
    is_chunked = headers.pop("Transfer-Encoding", "") == "chunked"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(
        case["method"],
        case["path"],
        iter([content]) if is_chunked else (content or None),
        headers,
        encode_chunked=is_chunked,
    )
    response = connection.getresponse()
    answer = response.read().decode("utf-8", "replace")
    connection.close()
    given = (
        response.status,
        response.headers["content-type"].partition(";")[0],
        _comparable(answer),
    )
    accepted = [
        (seen["status"], seen["content_type"], _comparable(seen["answer"]))
        for seen in (case, *(case.get("also") or ()))
    ]
    assert given in accepted


def _comparable(text: str) -> Any:
    """An answer as far as it has to agree: JSON by its values, functions without their numbers."""
    if not text.startswith("{"):
        return text
    value = json.loads(text, parse_constant=str)  # NaN is not equal to itself
    if "error" in value:
        value["error"] = re.sub(r"(__inference_[a-z]+)_\d+", r"\1", value["error"])
    return value
