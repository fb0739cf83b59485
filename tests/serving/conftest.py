"""Tiny SavedModels, exported once for the whole run, and a server that serves them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import serving


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models by name: `scale` in versions 1 and 2, `kinds` and `judges` in version 1.

    scale: x `[n, 2]` -> y = version * x; `sum` has a second output, `fixed` wants three rows,
      `total` answers with a scalar and `product` multiplies by a [2, 1] matrix.
    kinds: look-ups in a table read from an asset, an assertion, bytes, and an echo of any shape
      for each of several types.
    judges: serialised examples in: features a (float), b (int64, 7 if missing) and s (string).
    """
    import tensorflow as tf

    root: Path = tmp_path_factory.mktemp("exports")
    spec = tf.TensorSpec

    class Scale(tf.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = tf.Variable(factor)

        @tf.function(input_signature=[spec([None, 2], tf.float32, name="x")])
        def scale(self, x: Any) -> dict[str, Any]:
            return {"y": self.factor * x}

        @tf.function(input_signature=[spec([None, 2], tf.float32, name="x")])
        def summed(self, x: Any) -> dict[str, Any]:
            return {"y": self.factor * x, "sum": tf.reduce_sum(x, axis=1)}

        @tf.function(input_signature=[spec([3, 2], tf.float32, name="x")])
        def fixed(self, x: Any) -> dict[str, Any]:
            return {"y": self.factor * x}

        @tf.function(input_signature=[spec([None, 2], tf.float32, name="x")])
        def total(self, x: Any) -> dict[str, Any]:
            return {"all": tf.reduce_sum(x)}

        @tf.function(input_signature=[spec([None, 2], tf.float32, name="x")])
        def product(self, x: Any) -> dict[str, Any]:
            return {"z": tf.matmul(x, tf.constant([[1.0], [10.0]]))}

    for version in (1, 2):
        scale = Scale(float(version))
        tf.saved_model.save(
            scale,
            str(root / "scale" / str(version)),
            {
                "serving_default": scale.scale,
                "sum": scale.summed,
                "fixed": scale.fixed,
                "total": scale.total,
                "product": scale.product,
            },
        )

    vocabulary = root / "vocabulary.txt"
    vocabulary.write_text("alien\nbrazil\nclue\n")

    class Kinds(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = tf.lookup.StaticVocabularyTable(
                tf.lookup.TextFileInitializer(
                    str(vocabulary),
                    tf.string,
                    tf.lookup.TextFileIndex.WHOLE_LINE,
                    tf.int64,
                    tf.lookup.TextFileIndex.LINE_NUMBER,
                ),
                num_oov_buckets=1,
            )

        @tf.function(
            input_signature=[
                spec([None, None], tf.string, name="items"),
                spec([None], tf.int64, name="count"),
                spec([None], tf.bool, name="seen"),
            ]
        )
        def look_up(self, items: Any, count: Any, seen: Any) -> dict[str, Any]:
            return {
                "index": self.table.lookup(items),
                "count": count + 1,
                "seen": tf.logical_not(seen),
                "items": items,
            }

        @tf.function(input_signature=[spec([None], tf.int64, name="i")])
        def positive(self, i: Any) -> dict[str, Any]:
            asserted = tf.debugging.assert_greater(i, tf.constant(0, tf.int64), message="i > 0")
            with tf.control_dependencies([asserted]):
                return {"i": tf.identity(i)}

        @tf.function(input_signature=[spec([None], tf.string, name="x_bytes")])
        def shouted(self, x_bytes: Any) -> dict[str, Any]:
            return {"y_bytes": tf.strings.join([x_bytes, "!"])}

    kinds = Kinds()
    signatures: dict[str, Any] = {
        "serving_default": kinds.look_up,
        "positive": kinds.positive,
        "bytes": kinds.shouted,
    }
    for dtype in (tf.float32, tf.int32, tf.string, tf.float16):
        signatures[dtype.name] = tf.function(
            lambda v: {"v": tf.identity(v)}, input_signature=[spec(None, dtype, name="v")]
        )
    kinds.echoes = list(signatures.values())
    tf.saved_model.save(kinds, str(root / "kinds" / "1"), signatures)
    vocabulary.unlink()
    _export_judges(root / "judges" / "1")
    return root


def _export_judges(folder: Path) -> None:
    import tensorflow as tf

    features = {
        "a": tf.io.FixedLenFeature([], tf.float32),
        "b": tf.io.FixedLenFeature([], tf.int64, default_value=7),
        "s": tf.io.FixedLenFeature([], tf.string, default_value="none"),
    }

    def classes(parsed: Any) -> Any:
        return tf.stack([tf.fill(tf.shape(parsed["s"]), "even"), parsed["s"]], axis=1)

    def scores(parsed: Any) -> Any:
        return tf.stack([parsed["a"], tf.cast(parsed["b"], tf.float32)], axis=1)

    answers: dict[str, Any] = {
        "serving_default": lambda p: {"classes": classes(p), "scores": scores(p)},
        "scores": lambda p: {"scores": p["a"][:, tf.newaxis]},
        "classes": lambda p: {"classes": p["s"][:, tf.newaxis]},
        "regress": lambda p: {"outputs": p["a"] * tf.cast(p["b"], tf.float32)},
        "wide": lambda p: {"outputs": scores(p)},
    }

    class Judges(tf.Module):
        pass

    def signature(answer: Any) -> Any:
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def judge(inputs: Any) -> Any:
            return answer(tf.io.parse_example(inputs, features))

        return judge

    judges = Judges()
    judges.signatures_by_name = {name: signature(answer) for name, answer in answers.items()}
    tf.saved_model.save(judges, str(folder), dict(judges.signatures_by_name))


@pytest.fixture(scope="session")
def url(exports: Path) -> Iterator[str]:
    """The address of a server for `scale`."""
    with serving.running("scale", exports / "scale", poll_seconds=0.1) as address:
        yield address


@pytest.fixture
def publish(exports: Path) -> Callable[[int, Path], None]:
    """Puts a version of `scale` under a base path, whole or not at all."""

    def put(version: int, base_path: Path) -> None:
        under_way = base_path / f"{version}.partial"
        shutil.copytree(exports / "scale" / str(version), under_way)
        under_way.rename(base_path / str(version))

    return put
