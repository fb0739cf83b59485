"""No Python inside: a C++ program loads the SavedModel as TensorFlow Serving does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.config import RetrievalName
from tfhrnn.histories import Histories
from tfhrnn.recommender import HRNNRecommender

SOURCE = Path(__file__).with_name("saved_model_loader.cc")
T0 = 1_000_000_000


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built against the TensorFlow package's own libraries and headers."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed, so the C++ loader cannot be built")
    package = tf.sysconfig.get_lib()
    program = tmp_path_factory.mktemp("loader") / "saved_model_loader"
    subprocess.run(
        [
            *(compiler, "-std=c++17", "-w", str(SOURCE), "-o", str(program)),
            *(f"-I{package}/include", f"-L{package}", "-Wl,--no-as-needed"),
            *("-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"),
            f"-Wl,-rpath,{package}",
        ],
        check=True,
        timeout=300,
    )
    return program


@pytest.mark.parametrize("way", get_args(RetrievalName))
def test_a_cpp_program_answers_as_python_does(
    loader: Path, trained: HRNNRecommender, tmp_path: Path, way: RetrievalName
) -> None:
    version = trained.export(tmp_path / "tiny", retrieval=way)
    items = [f"film {n}, é" for n in (3, 4, 9)] + ["no such film"]
    times = [T0, T0 + 70, T0 + 9000, T0 + 9000]
    feedback = [4.0, 1.0, 2.5, 3.0]
    events = [str(part) for event in zip(items, times, feedback, strict=True) for part in event]
    answer = subprocess.run(
        [str(loader), str(version), str(T0 + 99_999), "33.5", "b", *events],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    ids, log_p = trained.predictor.answer(
        Histories(["0"], [items], [times], [feedback], {"age": [33.5], "group": ["b"]}),
        query_time=np.array([T0 + 99_999]),
        k=10,
        exclude_seen=True,
    )
    for part in answer.stdout.split("\n\n"):  # of the history, then of the state
        rows = [line.split("\t") for line in part.splitlines()]
        assert [item for item, _ in rows] == ids[0].tolist()
        # The same kernels; one float32 rounding each is allowed for another order of adding.
        np.testing.assert_allclose([float(score) for _, score in rows], log_p[0], rtol=1e-5)
