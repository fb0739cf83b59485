import json
from pathlib import Path
from typing import Any

import pytest

from serving.bundle import SavedModelBundle
from serving.metadata import metadata_body


@pytest.fixture(scope="module")
def definitions(exports: Path) -> dict[str, Any]:
    bundle = SavedModelBundle(exports / "kinds" / "1")
    bundle.close()
    return bundle.metadata


def test_the_body_names_model_and_version() -> None:
    assert json.loads(metadata_body("m", 7, {"s": {}})) == {
        "model_spec": {"name": "m", "signature_name": "", "version": "7"},
        "metadata": {"signature_def": {"signature_def": {"s": {}}}},
    }


def test_tensors_tell_dtype_and_shape_with_sizes_as_strings(definitions: dict[str, Any]) -> None:
    signature = definitions["serving_default"]
    assert signature["inputs"]["items"] == {
        "dtype": "DT_STRING",
        "tensor_shape": {
            "dim": [{"size": "-1", "name": ""}, {"size": "-1", "name": ""}],
            "unknown_rank": False,
        },
        "name": "serving_default_items:0",
    }
    assert {name: info["dtype"] for name, info in signature["outputs"].items()} == {
        "count": "DT_INT64",
        "index": "DT_INT64",
        "items": "DT_STRING",
        "seen": "DT_BOOL",
    }
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["defaults"] == {}


def test_an_unknown_rank_says_so(definitions: dict[str, Any]) -> None:
    shape = definitions["int32"]["inputs"]["v"]["tensor_shape"]
    assert shape == {"dim": [], "unknown_rank": True}


def test_the_initialiser_is_a_signature_too(definitions: dict[str, Any]) -> None:
    initialiser = definitions["__saved_model_init_op"]
    assert initialiser["inputs"] == {}
    assert initialiser["method_name"] == ""
    output = initialiser["outputs"]["__saved_model_init_op"]
    assert output["dtype"] == "DT_INVALID"
    assert output["tensor_shape"] == {"dim": [], "unknown_rank": True}


def test_every_signature_is_there(definitions: dict[str, Any]) -> None:
    assert set(definitions) == {
        "__saved_model_init_op",
        "bytes",
        "float16",
        "float32",
        "int32",
        "positive",
        "serving_default",
        "string",
    }
