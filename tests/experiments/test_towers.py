"""The table of towers: every sequence tower twice, and the choices inside them."""

from __future__ import annotations

from pathlib import Path

from tfhrnn.config import SEQUENCE_TOWER_NAMES, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.experiments import towers
from tfhrnn.experiments.towers import VARIANTS, configs


def test_each_tower_stands_with_levels_and_without() -> None:
    found = configs()
    for name in SEQUENCE_TOWER_NAMES:
        told, deaf = found[name].model, found[f"{name}, without levels"].model
        assert told.tower == deaf.tower == name
        assert told.levels and not deaf.levels and not deaf.gap_inputs


def test_variants_change_what_their_names_say() -> None:
    found = configs()
    for name in VARIANTS:
        tower, _, option = name.partition(", ")
        assert found[name].model.tower == ("gru" if tower == "best" else tower)
        assert found[name].training.train_on_validation == ("validation" in option)
        if "=" in option:
            assert found[name].model.tower_options == option
    assert found["gru, two layers, 20 epochs (best)"] == preset("best")


def test_the_quick_towers_learn_and_levels_help(lively_log: EventLog, tmp_path: Path) -> None:
    rows = towers.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    found = {row["name"]: row["perplexity"] for row in rows}
    assert found["gru"] < 0.8 * found["gru, without levels"]
    assert found["gru, without levels"] < 0.7 * found["popularity"]
    assert found["transformer"] < 0.8 * found["popularity"]
