"""Links between pages lead somewhere, commands on them parse, and the site tells what there is."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import benchmarks.__main__
import serving.flags
import tuning.__main__
from tfhrnn import cli

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "BUILD.md", "CHANGELOG.md")),
    ROOT / "serving" / "tensorflow_serving" / "README.md",
    *sorted((ROOT / "docs" / "pages").glob("*.md")),
]
PARSERS = {
    "tfhrnn": cli.build_parser,
    "serving": serving.flags.build_parser,
    "benchmarks": benchmarks.__main__.build_parser,
    "tuning": tuning.__main__.build_parser,
}
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and the site give a page's headings."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(other), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_after_a_list_is_shown_as_code(page: Path) -> None:
    # Indented by four right after a list, it would be a paragraph of the last item.
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    found = re.search(r"^(?:[-*]|\d+\.) .*\n(?:  .*\n)*\n+(    \S.*)$", text, re.M)
    assert not found, f"{page.name}: a paragraph is missing before {found[1]!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_rows_of_a_table_have_the_columns_of_its_head(page: Path) -> None:
    head = 0
    for line in FENCE.sub("", page.read_text(encoding="utf-8")).splitlines():
        # An escaped bar in code is a bar on GitHub and keeps its backslash on the site.
        assert not (line.startswith("|") and "\\|" in line), f"{page.name}: {line}"
        columns = line.count("|") if line.startswith("|") else 0
        assert not (head and columns) or columns == head, f"{page.name}: {line}"
        head = columns


def commands(page: Path) -> list[str]:
    """Lines of a page that are a command of ours, as they can be copied."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return [
        found[1].partition("  #")[0].strip()
        for found in re.finditer(
            r"^    (python -m (?:tfhrnn|serving|benchmarks|tuning) .+)$", text, re.M
        )
    ]


def test_commands_on_the_pages_parse() -> None:
    found = [command for page in PAGES for command in commands(page)]
    assert len(found) > 15
    for command in found:
        if "..." in command:
            continue
        _, _, program, *words = shlex.split(command)
        PARSERS[program]().parse_args(words)  # leaves the process where it can't


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """The site's own module, as mkdocs loads it."""
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_between_files_become_links_between_pages(hooks: ModuleType) -> None:
    text = "[a](BUILD.md) [b](BUILD.md#layout) [c](#here) [d](https://x.org/BUILD.md) [e](LICENSE)"
    assert hooks.linked_files(text, "README.md") == {"LICENSE"}
    assert hooks.relinked(text, "README.md") == (
        "[a](build.md) [b](build.md#layout) [c](#here) [d](https://x.org/BUILD.md) [e](LICENSE)"
    )
    text = "[a](../../README.md) [b](docs/pages/interfaces.md)"
    found = hooks.relinked(text, "serving/tensorflow_serving/README.md")
    assert found == "[a](index.md) [b](docs/pages/interfaces.md)"
    assert hooks.relinked(text, "README.md").endswith("[b](interfaces.md)")
    assert hooks.linked_files(text, "README.md") == set()
    text = "[a](../../LICENSE#2)"  # a copy in the site's root, beside the page
    assert hooks.relinked(text, "serving/tensorflow_serving/README.md") == "[a](LICENSE#2)"


def test_the_reference_tells_of_modules_that_there_are(hooks: ModuleType) -> None:
    for _, names in hooks.REFERENCE.values():
        for name in names:
            assert (ROOT / Path(*name.split("."))).with_suffix(".py").is_file(), name


def test_every_page_is_in_the_navigation_once(hooks: ModuleType) -> None:
    site = yaml.safe_load((ROOT / "docs" / "mkdocs.yml").read_text(encoding="utf-8"))
    listed: list[str] = []
    for entry in site["nav"]:
        (value,) = entry.values()
        listed += (
            [page for one in value for page in one.values()] if isinstance(value, list) else [value]
        )
    made = [*hooks.PAGES, *(f"reference/{page}.md" for page in hooks.REFERENCE)]
    written = [path.name for path in (ROOT / "docs" / "pages").glob("*.md")]
    assert sorted(listed) == sorted([*made, *written])
    assert all((ROOT / file).is_file() for file in hooks.PAGES.values())
