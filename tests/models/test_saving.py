"""Keras' own `save`: a SavedModel with the model's answers, and no other format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.windows import Batch
from tfhrnn.errors import ConfigError
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.training import build_windows


def test_a_saved_keras_model_answers_as_it_does_here(
    trained: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    model = trained.model
    assert model is not None
    before, built = [variable.numpy() for variable in model.variables], model.built
    model.save(tmp_path / "keras")
    assert (tmp_path / "keras" / "saved_model.pb").is_file()
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert model.built == built  # an export of it holds no more than it did
    answer = tf.saved_model.load(str(tmp_path / "keras")).signatures["serving_default"]
    windows = build_windows(trained.config, tiny_log, np.arange(6), training=False)
    batch = Batch(*map(tf.constant, next(iter(windows.batches()))))
    for lanes in (4, 2):  # another number of lanes than the one that was called
        part = Batch(*(values[:lanes] for values in batch))
        (found,) = answer(**part._asdict()).values()
        np.testing.assert_allclose(found, model(part), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "save_format", "found"),
    [
        ("x.keras", None, ".keras"),
        ("x.h5", None, ".h5"),
        ("x", "h5", "h5"),
        ("x", "keras", "keras"),
    ],
)
def test_other_formats_are_refused(
    name: str, save_format: str | None, found: str, trained: HRNNRecommender, tmp_path: Path
) -> None:
    assert trained.model is not None
    with pytest.raises(ConfigError, match=f"save: got the format '{found}', expected a folder"):
        trained.model.save(tmp_path / name, save_format=save_format)
    assert list(tmp_path.iterdir()) == []
