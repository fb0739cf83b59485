"""A bundle for tests of what goes on around models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.bundle import Signature
from serving.dtypes import Array
from serving.errors import ApiError, Code


class FakeBundle:
    """A bundle that knows its folder and whether it was closed."""

    metadata: dict[str, Any]

    def __init__(self, folder: Path) -> None:
        if not (folder / "saved_model.pb").exists():
            raise ApiError(Code.NOT_FOUND, f"nothing in {folder.name}")
        if (folder / "saved_model.pb").read_text() == "bug":
            raise RuntimeError("a bug")
        self.folder = folder
        self.is_closed = False

    def signature(self, key: str) -> Signature:
        raise NotImplementedError

    def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
        raise NotImplementedError

    def close(self) -> None:
        self.is_closed = True
