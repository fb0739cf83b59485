from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from serving.bundle import Signature
from serving.classify_regress import Verb, judge, judged_by
from serving.dtypes import Array, Dtype
from serving.errors import ApiError, Code, invalid


def _single(values: object) -> Array:
    return np.array(values, np.float32)


_HALF = _single([[0.5, 1.0]])
_LABELS = np.array([[b"a_bytes", "é".encode()]], object)


class Judge:
    """A model in memory that gives what it was made with, whatever it is asked."""

    metadata: dict[str, Any]

    def __init__(self, inputs: str, outputs: Mapping[str, Array]) -> None:
        self._inputs = inputs.split()
        self._outputs = dict(outputs)

    def signature(self, key: str) -> Signature:
        if key:
            raise invalid("another text")
        return Signature(
            feeds={name: f"{name}:0" for name in self._inputs},
            fetches={name: f"{name}:0" for name in self._outputs},
            inputs={name: Dtype("string") for name in self._inputs},
        )

    def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
        assert arrays["inputs"].tolist() == [b"example"]
        return {name: self._outputs[name] for name in signature.fetches}

    def close(self) -> None:
        """There is nothing to free."""


def _judged(verb: Verb, outputs: Mapping[str, Array]) -> bytes:
    bundle = Judge("inputs", outputs)
    return judge(verb, [b"example"], bundle, judged_by(verb, bundle, ""))


def test_only_what_the_verb_reads_is_fetched() -> None:
    bundle = Judge("inputs", {"classes": _LABELS, "other": _HALF})
    assert set(judged_by("classify", bundle, "").fetches) == {"classes"}


def test_labels_are_texts_and_scores_have_the_digits_of_floats() -> None:
    answer = _judged("classify", {"classes": _LABELS, "scores": _single([[0.1, 1 / 3]])})
    assert answer.decode() == '{"results":[[["a_bytes",0.1],["é",0.333333343]]]}'


@pytest.mark.parametrize("values", [_single([2.5]), _single([[2.5]])])
def test_regressions_are_numbers(values: Array) -> None:
    assert _judged("regress", {"outputs": values}) == b'{"results":[2.5]}'


@pytest.mark.parametrize(
    ("verb", "key", "inputs", "outputs", "message"),
    [
        ("classify", "x", "inputs", "classes", "No signature was found with the name: x"),
        ("classify", "", "a b", "y", "Expected one input Tensor."),
        ("regress", "", "a b", "y", "Expected one input Tensor."),
        ("regress", "", "inputs", "y z", "Expected one output Tensor."),
        ("classify", "", "inputs", "x y z", "Expected one or two output Tensors, found 3"),
        ("classify", "", "x", "y", "No classification inputs found in SignatureDef"),
        ("regress", "", "x", "y", "No regression inputs found in SignatureDef"),
        ("classify", "", "inputs", "y", "No classification outputs found in SignatureDef"),
        ("regress", "", "inputs", "y", "No regression outputs found in SignatureDef"),
    ],
)
def test_other_signatures_are_refused(
    verb: Verb, key: str, inputs: str, outputs: str, message: str
) -> None:
    with pytest.raises(ApiError) as raised:
        judged_by(verb, Judge(inputs, {name: _HALF for name in outputs.split()}), key)
    assert (raised.value.code, raised.value.message) == (Code.INVALID_ARGUMENT, message)


@pytest.mark.parametrize(
    ("verb", "outputs", "message"),
    [
        (
            "classify",
            {"scores": _single([1])},
            "Expected Tensor shape: [batch_size num_classes] but got [1]",
        ),
        (
            "classify",
            {"scores": np.array([[1.0]])},
            "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE",
        ),
        ("classify", {"classes": _HALF}, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        (
            "classify",
            {"scores": _single([[1], [2]])},
            "Expected scores output batch size of 1. Got: 2",
        ),
        (
            "classify",
            {"classes": _LABELS, "scores": _single([[1]])},
            "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
        ),
        (
            "regress",
            {"outputs": _HALF},
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            "[1,2]",
        ),
        (
            "regress",
            {"outputs": _single([1, 2])},
            "Input batch size did not match output batch size: 1 vs. 2",
        ),
        (
            "regress",
            {"outputs": np.array([1])},
            "Expected output Tensor of DT_FLOAT.  Got: DT_INT64",
        ),
    ],
)
def test_outputs_have_to_be_a_row_for_each_example(
    verb: Verb, outputs: Mapping[str, Array], message: str
) -> None:
    with pytest.raises(ApiError) as raised:
        _judged(verb, outputs)
    assert raised.value.message == message
