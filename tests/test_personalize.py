"""Amazon Personalize's names beside ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfhrnn import cli
from tfhrnn.config import ModelConfig, TrainingConfig, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError
from tfhrnn.personalize import HYPERPARAMETERS, own_names
from tfhrnn.recommender import HRNNRecommender

# The hyperparameters of aws-hrnn, -hrnn-coldstart, -user-personalization and -sims.
TAKEN = {
    "hidden_dimension": "149",
    "bptt": "16",
    "recency_mask": "True",
    "min_user_history_length_percentile": "0.05",
    "max_user_history_length_percentile": "0.99",
    "cold_start_max_interactions": "15",
}
REFUSED = (
    "cold_start_max_duration",
    "cold_start_relative_from",
    "exploration_weight",
    "exploration_item_age_cut_off",
    "popularity_discount_factor",
    "min_cointeraction_count",
    "min_item_interaction_count_percentile",
    "max_item_interaction_count_percentile",
)


def test_every_hyperparameter_is_taken_or_refused_with_a_reason() -> None:
    assert set(HYPERPARAMETERS) == set(TAKEN) | set(REFUSED)
    ours = {*vars(ModelConfig()), *vars(TrainingConfig())}
    for name, parameter in HYPERPARAMETERS.items():
        assert bool(parameter.setting) != bool(parameter.reason), name
        assert parameter.setting in ours | {""}, name
        assert parameter.default in parameter.line() and parameter.range in parameter.line()


def test_a_recipes_settings_are_ours() -> None:
    config = preset("user-personalization", TAKEN)
    assert (config.model.units, config.model.cold_max_events) == (149, 15)
    how = config.training
    assert (how.bptt, how.recency_mask) == (16, True)
    percentiles = how.min_user_history_length_percentile, how.max_user_history_length_percentile
    assert percentiles == (0.05, 0.99)
    assert preset("hrnn", {"hidden_dimension": 43}) == preset("hrnn", {"units": 43})
    assert HRNNRecommender("hrnn", hidden_dimension=43).config.model.units == 43
    again = HRNNRecommender(config, hidden_dimension="32").config
    assert (again.model.units, again.training.bptt) == (32, 16)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: got '0.3', expected it left out: "):
        preset("sims", {name: "0.3"})


@pytest.mark.parametrize("names", [("units", "hidden_dimension"), ("hidden_dimension", "units")])
def test_one_setting_under_two_names_is_an_error(names: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"units: got it as {names[0]} and as {names[1]}"):
        own_names(dict.fromkeys(names, 64))


def test_a_preset_and_its_own_setting_do_not_collide() -> None:
    # The preset states units itself.
    assert preset("user-personalization", {"hidden_dimension": 64}).model.units == 64


def test_the_command_line_takes_them_and_resumes_with_them(
    tiny_log: EventLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--data", str(tiny_log.directory), "--out", str(tmp_path / "run")]
    # A preset that trains nothing, so that this is quick.
    words += ["--preset", "popularity-count", "--set", "hidden_dimension=3"]
    assert cli.main(words) == 0
    assert cli.main([*words, "--resume"]) == 0
    capsys.readouterr()
    assert cli.main([*words[:-1], "hidden_dimension=4", "--resume"]) == 2
    assert "units: got 4, but" in capsys.readouterr().err
    assert cli.main([*words, "--set", "units=3", "--resume"]) == 2
    assert "units: got it as hidden_dimension and as units" in capsys.readouterr().err
    assert cli.main([*words, "--set", "exploration_weight=.3", "--resume"]) == 2
    assert "exploration_weight: got '.3', expected it left out" in capsys.readouterr().err
