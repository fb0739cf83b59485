"""The metadata body: every signature of a model as its SavedModel declares it."""

from typing import Any, TypeAlias

import orjson

Metadata: TypeAlias = dict[str, Any]


def metadata_body(name: str, version: int, definitions: Metadata) -> bytes:
    """The body of an answer to `/metadata`.

    Args:
      name: the model's name.
      version: the version that answered.
      definitions: what `signature_defs` made of that version.
    """
    return orjson.dumps(
        {
            "model_spec": {"name": name, "signature_name": "", "version": str(version)},
            "metadata": {"signature_def": {"signature_def": definitions}},
        },
        option=orjson.OPT_INDENT_2,
    )


def signature_defs(meta_graph: Any) -> Metadata:
    """Sets out the signatures of a `MetaGraphDef` message, initialiser included."""
    return {
        key: {
            "inputs": _tensors(definition.inputs),
            "outputs": _tensors(definition.outputs),
            "method_name": definition.method_name,
            "defaults": {},
        }
        for key, definition in sorted(meta_graph.signature_def.items())
    }


def _tensors(infos: Any) -> Metadata:
    return {name: _tensor(info) for name, info in sorted(infos.items())}


def _tensor(info: Any) -> Metadata:
    from tensorflow.core.framework import types_pb2

    shape = info.tensor_shape
    return {
        "dtype": types_pb2.DataType.Name(info.dtype),
        "tensor_shape": {
            "dim": [{"size": str(dim.size), "name": dim.name} for dim in shape.dim],
            "unknown_rank": shape.unknown_rank,
        },
        "name": info.name,
    }
