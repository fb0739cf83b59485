"""What is declared for users, for the tests and for the wheel agrees with what there is."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def pins(name: str) -> dict[str, Requirement]:
    """A file of pinned requirements by package."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): one for one in found}


@pytest.fixture(scope="module")
def project() -> Any:
    tomllib = pytest.importorskip("tomllib")  # from Python 3.11 on
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def ranges(project: Any, *extras: str) -> dict[str, Requirement]:
    """What the project declares, with some extras; an extra that names others brings those."""
    declared = list(project["project"]["dependencies"])
    for extra in extras:
        declared += project["project"]["optional-dependencies"][extra]
    found: dict[str, Requirement] = {}
    for one in map(Requirement, declared):
        if one.name == "tfhrnn":
            found |= ranges(project, *one.extras)
        else:
            found[canonicalize_name(one.name)] = one
    return found


def test_what_the_tests_run_with_is_what_is_declared(project: Any) -> None:
    pinned, declared = pins("requirements.txt"), ranges(project, "test")
    assert set(pinned) == set(declared)
    for name, requirement in declared.items():
        (pin,) = pinned[name].specifier
        assert pin.operator == "==", name
        assert requirement.specifier.contains(pin.version), f"{name}: {requirement} and {pin}"
        # The oldest version that is allowed is one that was tested, others may be newer.
        lowest = [one.version for one in requirement.specifier if one.operator == ">="]
        assert lowest == [pin.version], name
        assert str(requirement.marker) == str(pinned[name].marker), name


def test_users_are_not_asked_for_what_only_tests_and_docs_need(project: Any) -> None:
    declared = set(ranges(project))
    only = {"pytest", "ruff", "mypy", "hypothesis", "pandas", "mkdocs-material"}
    assert not declared & only
    docs = pins("requirements-docs.txt")
    for name, requirement in ranges(project, "docs").items():
        if name not in declared:
            (pin,) = docs[name].specifier
            assert requirement.specifier.contains(pin.version), name


def test_versions_are_said_alike(project: Any) -> None:
    import tfhrnn

    assert project["project"]["version"] == tfhrnn.__version__


@pytest.fixture(scope="module")
def listed() -> list[Path]:
    """Every file of the repository."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if found.returncode:
        pytest.skip("no git checkout")
    return [Path(name) for name in found.stdout.splitlines()]


def test_every_file_of_the_packages_is_in_the_wheel(project: Any, listed: list[Path]) -> None:
    data = project["tool"]["setuptools"]["package-data"]
    taken = {
        glob.rstrip("*") for glob in project["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    assert set(data) == taken
    for path in listed:
        if path.parts[0] not in taken:
            continue
        package, inside = path.parts[0], Path(*path.parts[1:])
        assert path.suffix == ".py" or any(inside.match(glob) for glob in data[package]), path
        if path.suffix == ".py":  # a folder without __init__.py would be left out
            assert (ROOT / path.parent / "__init__.py").is_file(), path


def test_every_file_of_the_repository_is_in_the_sdist(project: Any, listed: list[Path]) -> None:
    lines = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
    words = [line.split() for line in lines]
    folders = {folder for command, *rest in words if command == "graft" for folder in rest}
    files = [glob for command, *rest in words if command == "include" for glob in rest]
    # Setuptools' own: the packages, and what pyproject.toml names.
    folders |= set(project["tool"]["setuptools"]["package-data"])
    files += ["pyproject.toml", "MANIFEST.in", project["project"]["readme"]]
    files += project["project"]["license-files"]
    for path in listed:
        alone = len(path.parts) == 1
        assert any(path.match(glob) for glob in files) if alone else path.parts[0] in folders, path
