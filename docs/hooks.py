"""Takes the repository's own pages into the site, and makes the reference of modules' names."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]

# Page → file of the repository.
PAGES = {
    "index.md": "README.md",
    "build.md": "BUILD.md",
    "changelog.md": "CHANGELOG.md",
    "serving.md": "serving/tensorflow_serving/README.md",
}
# Page of the reference → title and what is told of: modules with all that is public in them.
REFERENCE: dict[str, tuple[str, tuple[str, ...]]] = {
    "recommender": (
        "Recommender",
        ("tfhrnn.recommender", "tfhrnn.config", "tfhrnn.devices", "tfhrnn.metric_logs"),
    ),
    "data": (
        "Data",
        (
            *("tfhrnn.data.event_log", "tfhrnn.data.tables", "tfhrnn.data.features"),
            *("tfhrnn.data.sessions", "tfhrnn.data.movielens", "tfhrnn.data.split_rule"),
            *("tfhrnn.data.catalogue", "tfhrnn.data.windows", "tfhrnn.datasets"),
        ),
    ),
    "layers": (
        "Layers",
        (
            *("tfhrnn.layers.towers", "tfhrnn.layers.embeddings"),
            *("tfhrnn.layers.decoder", "tfhrnn.layers.losses", "tfhrnn.layers.top_k"),
        ),
    ),
    "models": (
        "Models and training",
        ("tfhrnn.models.hrnn", "tfhrnn.models.saving", "tfhrnn.training", "tfhrnn.predictor"),
    ),
    "evaluation": (
        "Evaluation",
        (
            *("tfhrnn.protocol", "tfhrnn.evaluation.metrics", "tfhrnn.evaluation.list_metrics"),
            *("tfhrnn.evaluation.evaluate", "tfhrnn.evaluation.ranked_lists"),
            "tfhrnn.evaluation.list_tables",
        ),
    ),
    "serving": (
        "Serving and client",
        ("serving.client.clients", "serving.client.questions", "serving.client.answers"),
    ),
}
_LINK = re.compile(r"(?<=\]\()([^)#\s]+)(#[^)\s]*)?(?=\))")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Adds the pages that are no files of `pages/`, and the other files that they link to."""
    from mkdocs.structure.files import File  # so that the tests can read the tables above without

    for page, source in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=relinked(text, source)))
        for file in linked_files(text, source) - {other.src_uri for other in files}:
            files.append(File.generated(config, file, abs_src_path=str(ROOT / file)))
    for page, (title, names) in REFERENCE.items():
        text = "\n\n".join((f"# {title}", *(f"::: {name}" for name in names)))
        files.append(File.generated(config, f"reference/{page}.md", content=text + "\n"))
    return files


def relinked(text: str, source: str) -> str:
    """Turns links between files of the repository into links within the site."""
    page_of = _page_of()

    def moved(match: re.Match[str]) -> str:
        file = _file_of(match[1], source)
        moved_to = match[1] if file is None else page_of.get(file, file)
        return moved_to + (match[2] or "")

    return _LINK.sub(moved, text)


def linked_files(text: str, source: str) -> set[str]:
    """Files of the repository that a page links to and that are no pages: the site has copies."""
    linked = {_file_of(match[1], source) for match in _LINK.finditer(text)}
    return {file for file in linked if file is not None} - set(_page_of())


def _file_of(target: str, source: str) -> str | None:
    """The file of the repository that a link of one of its pages leads to, if it is one."""
    file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    return file if (ROOT / file).is_file() else None


def _page_of() -> dict[str, str]:
    """The page of the site that each of the repository's pages becomes."""
    return {file: page for page, file in PAGES.items()} | {
        f"docs/pages/{path.name}": path.name for path in (ROOT / "docs" / "pages").glob("*.md")
    }
