"""Classify and regress requests: the two older verbs, asked with examples instead of tensors.

A signature answers them whatever its method name is, if its tensors have the expected names: one
input `inputs` of serialised examples, and outputs `classes` and `scores` for classify, or `outputs`
for regress. Signatures with other inputs, such as a recommender's, are refused.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from serving.bundle import DEFAULT_SIGNATURE, Bundle, Signature
from serving.dtypes import Array, Dtype
from serving.errors import ApiError, invalid
from serving.json_writer import results_body

Verb = Literal["classify", "regress"]

_INPUT = "inputs"
_OUTPUTS: dict[Verb, tuple[str, ...]] = {
    "classify": ("classes", "scores"),
    "regress": ("outputs",),
}
_NOUNS: dict[Verb, str] = {"classify": "classification", "regress": "regression"}


def judged_by(verb: Verb, bundle: Bundle, key: str) -> Signature:
    """The signature that answers a verb, narrowed to the outputs that the verb reads.

    Args:
      verb: what is asked.
      bundle: the model.
      key: the signature's name; empty for `serving_default`.

    Raises:
      ApiError: there is no such signature, or its tensors are not what the verb needs.
    """
    try:
        signature = bundle.signature(key)
    except ApiError:
        name = key or DEFAULT_SIGNATURE
        raise invalid(f"No signature was found with the name: {name}") from None
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    num_outputs = len(signature.fetches)
    if verb == "regress" and num_outputs != 1:
        raise invalid("Expected one output Tensor.")
    if verb == "classify" and num_outputs not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {num_outputs}")
    if _INPUT not in signature.inputs:
        raise invalid(f"No {_NOUNS[verb]} inputs found in SignatureDef")
    fetches = {n: signature.fetches[n] for n in _OUTPUTS[verb] if n in signature.fetches}
    if not fetches:
        raise invalid(f"No {_NOUNS[verb]} outputs found in SignatureDef")
    return replace(signature, fetches=fetches)


def judge(verb: Verb, examples: list[bytes], bundle: Bundle, signature: Signature) -> bytes:
    """The body of the answer to a request.

    Args:
      verb: what is asked.
      examples: serialised, at least one.
      bundle: the model.
      signature: see `judged_by`.

    Raises:
      ApiError: the graph refused an example, or its outputs are not one row for each.
    """
    outputs = bundle.run(signature, {_INPUT: Dtype("string").array(examples)})
    if verb == "regress":
        return results_body(_regressions(outputs["outputs"], len(examples)))
    return results_body(*_classes(outputs, len(examples)))


def _regressions(values: Array, num_examples: int) -> Array:
    if values.ndim != 1 and not (values.ndim == 2 and values.shape[1] == 1):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{_shape(values)}"
        )
    if len(values) != num_examples:
        raise invalid(
            f"Input batch size did not match output batch size: {num_examples} vs. {len(values)}"
        )
    if values.dtype != np.float32:
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {_type(values)}")
    return values.reshape(-1)


def _classes(outputs: dict[str, Array], num_examples: int) -> tuple[Array, Array]:
    """Labels and scores, `[examples, classes]` each; empty and 0 where the model has none."""
    for name, dtype in (("classes", np.dtype(object)), ("scores", np.dtype(np.float32))):
        if name not in outputs:
            continue
        values = outputs[name]
        if values.ndim != 2:
            raise invalid(
                f"Expected Tensor shape: [batch_size num_classes] but got {_shape(values)}"
            )
        if values.dtype != dtype:
            expected = "DT_STRING" if name == "classes" else "DT_FLOAT"
            raise invalid(f"Expected {name} Tensor of {expected}. Got: {_type(values)}")
        if len(values) != num_examples:
            raise invalid(
                f"Expected {name} output batch size of {num_examples}. Got: {len(values)}"
            )
    shapes = [values.shape for values in outputs.values()]
    if shapes[0] != shapes[-1]:
        raise invalid(
            "Tensors class and score should match in dim_size(1). Got "
            f"{outputs['classes'].shape[1]} vs. {outputs['scores'].shape[1]}"
        )
    empty = np.full(shapes[0], b"", object)
    return outputs.get("classes", empty), outputs.get("scores", np.zeros(shapes[0], np.float32))


def _shape(values: Array) -> str:
    return f"[{','.join(map(str, values.shape))}]"


def _type(values: Array) -> str:
    names = {"object": "STRING", "float32": "FLOAT", "float64": "DOUBLE", "float16": "HALF"}
    return f"DT_{names.get(values.dtype.name, values.dtype.name.upper())}"
