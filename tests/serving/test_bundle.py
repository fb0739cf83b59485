import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.bundle import SavedModelBundle
from serving.dtypes import Array
from serving.errors import ApiError, Code


@pytest.fixture(scope="module")
def scale(exports: Path) -> Iterator[SavedModelBundle]:
    bundle = SavedModelBundle(exports / "scale" / "2")
    yield bundle
    bundle.close()


@pytest.fixture(scope="module")
def kinds(exports: Path) -> Iterator[SavedModelBundle]:
    bundle = SavedModelBundle(exports / "kinds" / "1")
    yield bundle
    bundle.close()


def _single(values: object) -> Array:
    return np.array(values, np.float32)


def _run(bundle: SavedModelBundle, key: str, **values: Any) -> dict[str, Any]:
    arrays = {name: np.asarray(value) for name, value in values.items()}
    return {
        name: array.tolist() for name, array in bundle.run(bundle.signature(key), arrays).items()
    }


def test_signatures_run_with_the_variables_that_were_saved(scale: SavedModelBundle) -> None:
    assert _run(scale, "", x=_single([[1, 2]])) == {"y": [[2.0, 4.0]]}
    assert _run(scale, "sum", x=_single([[1, 2]])) == {"y": [[2.0, 4.0]], "sum": [3.0]}


def test_tables_are_read_from_the_assets_of_the_folder(kinds: SavedModelBundle) -> None:
    items = np.array([[b"clue", b"unknown"]], object)
    assert _run(kinds, "serving_default", items=items, count=[1], seen=[True]) == {
        "index": [[2, 3]],
        "count": [2],
        "seen": [False],
        "items": [[b"clue", b"unknown"]],
    }


def test_shapes_are_left_to_the_kernels(scale: SavedModelBundle) -> None:
    assert _run(scale, "fixed", x=_single([[1, 2]])) == {"y": [[2.0, 4.0]]}
    with pytest.raises(ApiError) as raised:
        _run(scale, "product", x=_single([[1, 2, 3]]))
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert raised.value.message.startswith("Matrix size-incompatible: In[0]: [1,3], In[1]: [2,1]")


def test_assertions_of_the_graph_are_refusals_in_its_own_words(kinds: SavedModelBundle) -> None:
    assert _run(kinds, "positive", i=[1, 2]) == {"i": [1, 2]}
    with pytest.raises(ApiError) as raised:
        _run(kinds, "positive", i=[1, -1])
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert raised.value.message.startswith("assertion failed: [i > 0]")


def test_inputs_carry_their_types(kinds: SavedModelBundle) -> None:
    inputs = kinds.signature("").inputs
    assert {name: dtype.name for name, dtype in inputs.items()} == {
        "count": "int64",
        "items": "string",
        "seen": "bool",
    }
    assert kinds.signature("float16").inputs["v"].name == "half"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("nope", 'Serving signature name: "nope" not found in signature def'),
        (
            "__saved_model_init_op",
            "Failed to get input map for signature: __saved_model_init_op",
        ),
    ],
)
def test_signatures_that_cannot_be_asked_are_refused(
    scale: SavedModelBundle, key: str, message: str
) -> None:
    with pytest.raises(ApiError) as raised:
        scale.signature(key)
    assert raised.value.message == message


def test_every_input_has_to_be_there(kinds: SavedModelBundle) -> None:
    with pytest.raises(ApiError, match=r"missing \['items', 'seen'\]"):
        _run(kinds, "", count=[1])


def test_a_folder_without_a_saved_model_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ApiError) as raised:
        SavedModelBundle(tmp_path)
    assert raised.value.code is Code.NOT_FOUND
    assert raised.value.message == (
        f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {tmp_path}"
    )


def test_a_file_that_is_no_saved_model_is_data_loss(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"not a message")
    with pytest.raises(ApiError, match=r"Can't parse .* as a SavedModel") as raised:
        SavedModelBundle(tmp_path)
    assert raised.value.code is Code.DATA_LOSS


def test_a_saved_model_without_a_serving_graph_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ApiError, match=r"matching supplied tags: \{ serve \}"):
        SavedModelBundle(tmp_path)


def test_a_folder_copied_by_half_is_refused(exports: Path, tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    shutil.copy(exports / "scale" / "1" / "saved_model.pb", folder)
    with pytest.raises(ApiError, match="variables of the SavedModel are missing"):
        SavedModelBundle(folder)
    shutil.copytree(exports / "scale" / "1" / "variables", folder / "variables")
    data = next((folder / "variables").glob("*.data*"))
    data.write_bytes(b"")
    with pytest.raises(ApiError):
        SavedModelBundle(folder)
    shutil.copy(exports / "scale" / "1" / "variables" / data.name, data)
    bundle = SavedModelBundle(folder)
    assert _run(bundle, "", x=_single([[1, 2]])) == {"y": [[1.0, 2.0]]}
    bundle.close()
