"""One loaded SavedModel, run as tensorflow_model_server runs it.

The graph is imported into a session of its own, variables are restored, the initialiser is run with
the asset paths, and a signature is a set of tensors to feed and to fetch. That is what TensorFlow
Serving does with the same files, so shapes are checked by the kernels alone and their complaints
read the same; a signature called through `tf.saved_model.load` checks shapes first, otherwise.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from serving.dtypes import Array, Dtype
from serving.errors import ApiError, Code, invalid
from serving.metadata import Metadata, signature_defs
from serving.warm_up import warm_up

if TYPE_CHECKING:
    import tensorflow as tf

DEFAULT_SIGNATURE = "serving_default"
_TAG = "serve"
_INIT_OP = "__saved_model_init_op"
_LEGACY_INIT_OP = "saved_model_main_op"
_VARIABLE_OPS = ("VarHandleOp", "VariableV2")
DEFAULT_TIMEOUT_SECONDS = 30.0
_WARM_UP_TRIES = 10


@dataclass(frozen=True)
class Signature:
    """The tensors one signature feeds and fetches, by the names callers use."""

    feeds: Mapping[str, str]
    fetches: Mapping[str, str]
    inputs: Mapping[str, Dtype]


class Bundle(Protocol):
    """A model in memory that answers, whatever it was loaded from."""

    metadata: Metadata

    def signature(self, key: str) -> Signature:
        """The signature of a name; the empty name means `serving_default`."""

    def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Computes every output of a signature."""

    def close(self) -> None:
        """Frees what the model holds; nothing may be run afterwards."""


class SavedModelBundle:
    """A SavedModel in memory.

    Args:
      folder: the version's folder, which holds `saved_model.pb`.
      timeout_seconds: after which a run is given up.

    Raises:
      ApiError: the folder holds no SavedModel, or one that cannot be loaded.
    """

    def __init__(self, folder: Path, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> None:
        # What a stand-in has no use for need not be told on the console.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        self._timeout_seconds = timeout_seconds
        self._callables: dict[tuple[tuple[Any, ...], ...], Callable[..., list[Any]]] = {}
        try:
            meta_graph = _meta_graph(folder)
            self.metadata: Metadata = signature_defs(meta_graph)
            self._signatures = {
                key: _signature(definition) for key, definition in meta_graph.signature_def.items()
            }
            self._session = _session(meta_graph, folder)
            self._warm_up(folder)
        except tf.errors.OpError as error:
            raise _told(error) from None
        except (ValueError, TypeError, KeyError) as error:
            raise ApiError(Code.INTERNAL, f"Cannot load {folder}: {error}") from error

    def signature(self, key: str) -> Signature:
        """The signature of a name; the empty name means `serving_default`.

        Raises:
          ApiError: the model has no such signature, or it takes no inputs.
        """
        name = key or DEFAULT_SIGNATURE
        if name not in self._signatures:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        signature = self._signatures[name]
        if not signature.inputs:
            raise invalid(f"Failed to get input map for signature: {key or 'DEFAULT'}")
        return signature

    def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Computes every output of a signature.

        Raises:
          ApiError: the graph refused, with the code and the words of the operation that did.
        """
        import tensorflow as tf

        missing = signature.inputs.keys() - arrays.keys()
        if missing:
            raise invalid(f"input size does not match signature: missing {sorted(missing)}")
        key = (tuple(signature.feeds.items()), tuple(signature.fetches.values()))
        if key not in self._callables:
            self._callables[key] = self._callable(signature)
        try:
            fetched = self._callables[key](*[arrays[name] for name in signature.inputs])
        except tf.errors.OpError as error:
            raise _told(error) from None
        return {
            name: np.asarray(value) for name, value in zip(signature.fetches, fetched, strict=True)
        }

    def close(self) -> None:
        """Frees variables and tables; nothing may be run afterwards."""
        self._callables.clear()
        self._session.close()

    def _warm_up(self, folder: Path) -> None:
        """Runs what the folder holds for that, however long it takes.

        It has to be run by the handle that answers later, since each is optimised by itself, and
        that has a time limit: then it is run again, and goes on from what has been done.
        """

        def run(key: str, arrays: Mapping[str, Array]) -> None:
            signature = self.signature(key)
            if signature.inputs.keys() != arrays.keys():
                raise invalid(
                    f"warm-up request: got inputs {sorted(arrays)}, expected "
                    f"{sorted(signature.inputs)}"
                )
            for tries_left in reversed(range(_WARM_UP_TRIES)):
                try:
                    self.run(signature, arrays)
                    return
                except ApiError as error:
                    if error.code is not Code.DEADLINE_EXCEEDED or not tries_left:
                        raise

        try:
            warm_up(folder, run)
        except BaseException:
            self.close()
            raise

    def _callable(self, signature: Signature) -> Callable[..., list[Any]]:
        """What runs a signature, given its inputs' arrays in the order of `inputs`.

        TensorFlow's handle for feeds and fetches that stay the same: a fifth quicker than
        `Session.run`, and the only way to give it a time limit once and for all.
        """
        from tensorflow.core.protobuf import config_pb2

        options = config_pb2.CallableOptions(
            feed=[signature.feeds[name] for name in signature.inputs],
            fetch=signature.fetches.values(),
        )
        options.run_options.timeout_in_ms = round(1000 * self._timeout_seconds)
        called: Callable[..., list[Any]] = self._session._make_callable_from_options(options)
        return called


def _meta_graph(folder: Path) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    path = folder / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel()
    try:
        saved_model.ParseFromString(path.read_bytes())
    except FileNotFoundError:
        raise ApiError(
            Code.NOT_FOUND,
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {folder}",
        ) from None
    except (OSError, DecodeError) as error:
        raise ApiError(Code.DATA_LOSS, f"Can't parse {path} as a SavedModel: {error}") from None
    for meta_graph in saved_model.meta_graphs:
        if _TAG in meta_graph.meta_info_def.tags:
            return meta_graph
    raise ApiError(
        Code.NOT_FOUND,
        f"Could not find meta graph def matching supplied tags: {{ {_TAG} }} in {folder}",
    )


def _signature(definition: Any) -> Signature:
    from tensorflow.core.framework import types_pb2

    def dtype(info: Any) -> Dtype:
        return Dtype(types_pb2.DataType.Name(info.dtype).removeprefix("DT_").lower())

    return Signature(
        feeds={name: info.name for name, info in definition.inputs.items()},
        fetches={name: info.name for name, info in definition.outputs.items()},
        inputs={name: dtype(definition.inputs[name]) for name in sorted(definition.inputs)},
    )


def _session(meta_graph: Any, folder: Path) -> "tf.compat.v1.Session":
    """Imports the graph, restores its variables and initialises its tables."""
    import tensorflow as tf

    fed = {
        info.name.partition(":")[0]
        for definition in meta_graph.signature_def.values()
        for info in definition.inputs.values()
    }
    for node in meta_graph.graph_def.node:
        if node.name in fed and node.op == "Placeholder":
            # Else the session, other than TensorFlow Serving, would compare shapes.
            node.attr["shape"].shape.Clear()
            node.attr["shape"].shape.unknown_rank = True
            node.attr.pop("_output_shapes", None)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(meta_graph.graph_def, name="")
    options = tf.compat.v1.ConfigProto(
        gpu_options=tf.compat.v1.GPUOptions(allow_growth=True),
        allow_soft_placement=True,
        # Else all sessions of a process share their threads, and optimising a new version's graph
        # would hold up requests to the version before for as long as it takes.
        use_per_session_threads=True,
    )
    session = tf.compat.v1.Session(graph=graph, config=options)
    try:
        _initialise(session, meta_graph, folder)
    except BaseException:
        session.close()
        raise
    return session


def _initialise(session: "tf.compat.v1.Session", meta_graph: Any, folder: Path) -> None:
    assets = {
        asset.tensor_info.name: str(folder / "assets" / asset.filename)
        for asset in meta_graph.asset_file_def
    }
    saver = meta_graph.saver_def
    variables = folder / "variables" / "variables"
    if variables.with_name("variables.index").exists():
        paths = {**assets, saver.filename_tensor_name: str(variables)}
        session.run(saver.restore_op_name, paths)
    elif any(node.op in _VARIABLE_OPS for node in meta_graph.graph_def.node):
        raise ApiError(Code.NOT_FOUND, f"The variables of the SavedModel are missing in {folder}")
    initialiser = _initialiser(meta_graph)
    if initialiser is not None:
        session.run(initialiser, assets)


def _initialiser(meta_graph: Any) -> str | None:
    if _INIT_OP in meta_graph.signature_def:
        info = meta_graph.signature_def[_INIT_OP].outputs[_INIT_OP]
        return str(info.name).partition(":")[0]
    nodes = meta_graph.collection_def[_LEGACY_INIT_OP].node_list.value
    return str(nodes[0]) if nodes else None


def _told(error: "tf.errors.OpError") -> ApiError:
    """Keeps what the operation said."""
    return ApiError(Code(error.error_code), error.message)
