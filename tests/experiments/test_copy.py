"""The memory test's table, and that a tower which can remember learns the task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError, RunError
from tfhrnn.experiments import copy
from tfhrnn.experiments.copy import Training, blocks_around, train_and_judge
from tfhrnn.experiments.copy_task import Sample, sample
from tfhrnn.layers.control import Control
from tfhrnn.layers.towers import tower

TOWERS = ("gru", "lstm", "hgru", "tcn", "rnn_tcn", "transformer", "linear_recurrence")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Training]:
    """Puts figures that tell distance and seed in place of training; the list tells the order."""
    asked: list[Training] = []

    def result(training: Training) -> dict[str, Any]:
        asked.append(training)
        accuracy = 1 / training.distance + training.seed / 4
        return {"accuracy": accuracy, "updates": 5 + training.seed, "seconds": 2.0}

    monkeypatch.setattr(copy, "train_and_judge", result)
    return asked


def table(out: Path, **options: Any) -> dict[str, Any]:
    return copy.run(None, out, **{"seeds": 1, "say": lambda line: None, **options})


def test_a_gru_with_levels_learns_a_short_distance_and_without_does_not() -> None:
    told = train_and_judge(Training("gru", 4, most_updates=600))
    deaf = train_and_judge(Training("gru", 4, levels=False, most_updates=60))
    assert told["accuracy"] > 0.9
    assert told["updates"] < 600  # it stopped when it knew
    assert deaf["accuracy"] < 0.5
    assert deaf["updates"] == 60


def test_a_training_repeats_itself() -> None:
    training = Training("gru", 3, most_updates=4)
    first, again = train_and_judge(training), train_and_judge(training)
    assert first["accuracy"] == again["accuracy"]


@pytest.mark.parametrize("name", TOWERS)
def test_asking_in_a_window_of_its_own_gives_the_scores_of_one_window(name: str) -> None:
    training = Training(name, 6, units=8)
    model = copy._Copier(training)
    drawn = Sample(*map(tf.constant, sample(np.random.default_rng(0), 6, 3, 6)))
    scores = model(drawn)
    x = tf.concat([model.items(drawn.item), model.levels(drawn.level)], axis=-1)
    y, _ = model.tower(x, Control(drawn.reset, drawn.level), model.tower.initial_state(3))
    np.testing.assert_allclose(scores, model.scores(y[:, -1]), atol=1e-5)


@pytest.mark.parametrize("distance", [2, 10, 100, 1000, 1023])
def test_a_convolution_sees_twice_the_distance(distance: int) -> None:
    field = tower("tcn", units=2, blocks=blocks_around(distance)).receptive_field
    assert 2 * distance < field <= 4 * distance + 4
    # Each block doubles the field's 4 (2^blocks − 1): one less would be too few.
    assert (field - 1 - 4) / 2 < 2 * distance


def test_the_table_has_a_row_a_tower_and_means_over_seeds(
    trained: list[Training], tmp_path: Path
) -> None:
    found = table(tmp_path / "new" / "out", seeds=2)
    assert [row["name"] for row in found["rows"]] == [*TOWERS, "gru, without levels"]
    for row in found["rows"]:
        # 1/10 and 1/10 + 1/4, 5 and 6 updates.
        assert row["accuracies_10"] == pytest.approx([0.1, 0.35])
        assert row["accuracy_10"] == pytest.approx(0.225)
        assert (row["updates_1000"], row["seconds_100"], row["seeds"]) == (5.5, 2.0, 2)
    assert found["rows"][3]["options_1000"] == {"blocks": 9}
    assert found["rows"][0]["options_1000"] == {}
    protocol = found["protocol"]
    assert (protocol["items"], protocol["distances"]) == (16, [10, 100, 1000])
    assert protocol["most_updates"] == {"10": 3000, "100": 3000, "1000": 1200}
    assert [row["shorter"] for row in found["rows"]] == [0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0.5]
    assert json.loads(json.dumps(found)) == found


def test_short_distances_and_low_seeds_come_first_and_are_said(
    trained: list[Training], tmp_path: Path
) -> None:
    said: list[str] = []
    table(tmp_path, seeds=2, say=said.append)
    order = [(training.seed, training.distance) for training in trained]
    assert order == sorted(order) and len(set(trained)) == len(trained) == 2 * 3 * 8
    assert len(said) == len(trained)
    assert said[0] == "seed 0, gru, D = 10: 0.100 after 5 updates, 2 s"
    assert said[-1] == "seed 1, gru, without levels, D = 1,000: 0.251 after 6 updates, 2 s"


def test_what_is_done_is_read_back(trained: list[Training], tmp_path: Path) -> None:
    first = table(tmp_path)
    trained.clear()
    assert table(tmp_path) == first and trained == []
    (tmp_path / "hgru-with-100-0.json").unlink()
    assert table(tmp_path) == first and trained == [Training("hgru", 100)]


def test_some_towers_and_distances_are_a_part_of_the_same_results(
    trained: list[Training], tmp_path: Path
) -> None:
    part = table(tmp_path, towers=["tcn", "gru"], distances=[100, 10])
    assert [row["name"] for row in part["rows"]] == ["gru", "tcn", "gru, without levels"]
    assert len(trained) == 6
    assert "accuracy_1000" not in part["rows"][0]
    table(tmp_path)
    assert len(trained) == 3 * 8
    for name, known in (("towers", "gru"), ("distances", "10, 100, 1000")):
        with pytest.raises(ConfigError, match=f"{name}: got 7, expected some of {known}"):
            table(tmp_path, **{name: [7]})


@pytest.mark.parametrize("change", [{"learning_rate": 1.0}, {"most_updates": 1}, {"items": 4}])
def test_a_result_of_other_settings_is_refused_before_training(
    trained: list[Training], tmp_path: Path, change: dict[str, Any]
) -> None:
    table(tmp_path)
    path = tmp_path / "tcn-with-1000-0.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "settings": {**record["settings"], **change}}))
    (tmp_path / "gru-with-10-0.json").unlink()
    trained.clear()
    with pytest.raises(RunError, match=r"tcn-with-1000-0\.json: got a result of other settings"):
        table(tmp_path)
    assert trained == []


def test_a_result_that_tells_no_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gru-with-10-0.json").write_text('{"accuracy": 1.0}')
    with pytest.raises(RunError, match="other settings"):
        table(tmp_path)


def test_the_quick_gru_copies_where_it_is_told_when(tmp_path: Path) -> None:
    told, deaf = copy.run(None, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    assert told["accuracy_10"] > 0.9
    assert deaf["accuracy_10"] < 0.4
