"""Imports go one way, and the wrong Keras is caught on the first line."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module may import from its own stage and from those above it, and of its siblings only itself.
STAGES = (
    ("errors", "protocol", "config", "personalize", "presets", "startup", "shell", "progress"),
    ("data", "layers"),
    (
        *("models", "run_folder", "histories", "feature_encoder", "schedules", "weight_average"),
        *("devices", "feature_cells", "answer_options", "answer_rules", "filter_grammar"),
        *("tfrecord", "frames", "datasets", "metric_logs", "epoch_steps", "refusals"),
    ),
    ("keeper", "predicting"),
    ("training", "predictor", "growth", "warm_up"),
    (
        "export",
        "evaluation",
        "answers",
        "model_card",
        "new_run",
        "updates",
        "all_users",
    ),
    ("trained_model",),
    ("recommender", "baselines"),
    ("quickstart", "experiments", "choices"),
    (
        *("arguments", "asking_arguments", "asking", "comparison_commands", "data_arguments"),
        *("data_commands", "history_command", "table_commands", "log_option"),
        *("commands", "cli", "__main__"),
    ),
)
STAGE = {name: stage for stage, names in enumerate(STAGES) for name in names}
SIBLINGS = {frozenset(("data", "layers"))}


def modules(package: str) -> Iterator[tuple[Path, set[str]]]:
    """Every module of a package with the dotted names that it imports, wherever in the file."""
    for path in sorted((ROOT / package).rglob("*.py")):
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative imports hide where they lead"
                module = node.module or ""
                found |= {f"{module}.{alias.name}" for alias in node.names}
        yield path.relative_to(ROOT), found


def tops(names: set[str], package: str) -> set[str]:
    """The parts of a package that stand in dotted names: `tfhrnn.data.split` is `data`."""
    return {name.split(".")[1] for name in names if name.startswith(f"{package}.")}


def part_of(path: Path) -> str:
    return path.parts[1].removesuffix(".py")


def test_every_part_has_its_stage() -> None:
    parts = {part_of(path) for path, _ in modules("tfhrnn")} - {"__init__"}
    assert parts == set(STAGE) & parts, f"no stage for {sorted(parts - set(STAGE))}"


def test_imports_go_one_way() -> None:
    wrong = []
    for path, names in modules("tfhrnn"):
        part = part_of(path)
        if part == "__init__":
            continue
        for other in tops(names, "tfhrnn") & set(STAGE):
            if STAGE[other] > STAGE[part] or frozenset((part, other)) in SIBLINGS:
                wrong.append(f"{path} imports tfhrnn.{other}")
    assert wrong == []


def test_only_windows_brings_tensorflow_into_the_data_package() -> None:
    found = [
        path.name
        for path, names in modules("tfhrnn/data")
        if any(name.split(".")[0] in ("tensorflow", "tf_keras", "keras") for name in names)
    ]
    assert found == ["windows.py"]


def test_reading_data_does_not_load_tensorflow() -> None:
    code = "import sys, tfhrnn.data, tfhrnn.config; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_serving_imports_nothing_of_tfhrnn() -> None:
    found = chain.from_iterable(names for _, names in modules("serving"))
    assert [name for name in found if name.split(".")[0] == "tfhrnn"] == []


def test_nothing_of_the_packages_imports_what_sits_on_top_of_them() -> None:
    above = {"tuning": ("benchmarks",)}
    for package in ("tfhrnn", "serving", "tuning"):
        forbidden = ("tests", "pytest", *above.get(package, ("tuning", "benchmarks")))
        for path, names in modules(package):
            assert not any(name.split(".")[0] in forbidden for name in names), path


def test_tuning_picks_keras_2_before_keras_tuner_brings_keras_3() -> None:
    first = next(names for path, names in modules("tuning") if path.name == "__init__.py")
    assert "tfhrnn" in first and not any(name.startswith("keras") for name in first)


@pytest.mark.parametrize(
    "before",
    [
        # Keras 3 is in use already.
        "import tensorflow as tf; tf.keras.layers.Dense(1)",
        # The environment asks for Keras 3.
        "import os; os.environ['TF_USE_LEGACY_KERAS'] = '0'",
    ],
)
def test_keras_3_is_refused_with_the_cure(before: str) -> None:
    import os

    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    found = subprocess.run(
        [sys.executable, "-c", f"{before}; import tfhrnn"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        env=environment,
    )
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    assert last == (
        "ImportError: tfhrnn needs Keras 2 (TensorFlow Recommenders refuses Keras 3), but Keras 3 "
        "is in use: import tfhrnn before tf.keras is used, or set TF_USE_LEGACY_KERAS=1 before "
        "Python starts"
    )


def test_tensorflow_imported_first_is_fine_while_its_keras_is_untouched() -> None:
    import os

    code = "import tensorflow as tf, tfhrnn; assert 'tf_keras' in tf.keras.Model.__module__"
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=300, env=environment)
