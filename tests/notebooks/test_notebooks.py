"""The notebook runs from top to bottom, on an invented MovieLens in place of the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from nbclient import NotebookClient

PLACE = Path(__file__).parents[2] / "notebooks/tfhrnn_colab.ipynb"


@pytest.fixture
def movielens(tiny_tables: dict[str, pl.DataFrame], tmp_path: Path) -> Path:
    """A cache that holds the small world as the ml-100k that the package index has."""
    folder = tmp_path / "cache/ml-100k"
    folder.mkdir(parents=True)
    events = tiny_tables["interactions"]
    rows = events.select("user_id", "item_id", "feedback", "timestamp").rows()
    tables: dict[str, list[Any]] = {
        "inter": [("user", "item", "rating", "time"), *rows],
        "item": [("item", "title", "year", "genres")],
        "user": [("user", "age", "gender", "occupation", "zip")],
    }
    for number, (item, title, genres) in enumerate(tiny_tables["items"].rows()):
        tables["item"].append((item, title, 1980 + number % 5, genres.replace("|", " ")))
    for user, age, group in tiny_tables["users"].rows():
        tables["user"].append((user, age, "M", group, "0"))
    for name, lines in tables.items():
        text = "".join("\t".join(map(str, line)) + "\n" for line in lines)
        (folder / f"ml-100k.{name}").write_text(text, encoding="utf-8")
    return folder.parent


def test_the_notebook_runs(
    movielens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFHRNN_CACHE", str(movielens))
    monkeypatch.setenv("PYTHONPATH", str(PLACE.parents[1]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(PLACE, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3")
    client.execute(cwd=str(tmp_path))
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in cells[-2:]), "the server and the client have answered"


def test_its_outputs_are_kept_and_small() -> None:
    notebook = nbformat.read(PLACE, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert PLACE.stat().st_size < 200_000
    text = PLACE.read_text(encoding="utf-8")
    assert "Traceback" not in text
    assert not any(f"/{folder}/" in text for folder in ("tmp", "home", "root"))
