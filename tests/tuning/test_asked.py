"""What a search is asked for: refused where it can't be, and turned into a space."""

from __future__ import annotations

from typing import Any

import pytest

from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError
from tuning.asked import Asked, role_of, space_of


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tuner": "grid"}, "tuner: got 'grid', expected one of random, bayesian, hyperband"),
        ({"objective": "loss"}, "objective: got 'loss', expected one of val_perplexity"),
        ({"max_trials": 0}, "max_trials: got 0, expected a whole number of at least 1"),
        ({"preset": "popularity-count"}, "preset: got 'popularity-count', which trains nothing"),
        ({"fix": {"unit": 3}}, "no setting named 'unit'"),
        ({"fix": {"event_types": True}}, "event_types: got true, expected data with event types"),
        ({"fix": {"schedule": "plateau"}}, "train_on_validation: got True, expected false"),
        ({"fix": {"watch": "ndcg"}}, r"watch: got 'ndcg', expected the objective"),
        ({"fix": {"train_on_validation": True}}, "train_on_validation: got True, expected it left"),
        ({"objective": "val_rmse"}, "watch: got 'rmse', expected a ranking head"),
    ],
)
def test_what_cannot_be_searched_is_refused_at_once(
    changes: dict[str, Any], message: str, tiny_log: EventLog
) -> None:
    with pytest.raises(ConfigError, match=message):
        space_of(Asked(str(tiny_log.directory), **changes), tiny_log)


def test_the_objective_judges_epochs_and_the_seed_is_the_trainings(tiny_log: EventLog) -> None:
    asked = Asked("data", objective="val_ndcg", seed=3, fix={"hidden_dimension": "43"})
    space = space_of(asked, tiny_log)
    assert (space.base.training.watch, space.base.training.seed) == ("ndcg", 3)
    assert space.base.model.units == 43 and "units" not in space.defaults  # Personalize's name
    assert space.config(space.defaults) == space.base


def test_roles_follow_keras_tuners_variables() -> None:
    whole = {"KERASTUNER_ORACLE_IP": "::1", "KERASTUNER_ORACLE_PORT": "1"}
    assert role_of({}) == "alone" == role_of({"KERASTUNER_TUNER_ID": "tuner0"})
    assert role_of({**whole, "KERASTUNER_TUNER_ID": "tuner0"}) == "worker"
    with pytest.raises(ConfigError, match="IP is set, expected KERASTUNER_TUNER_ID beside it"):
        role_of(whole)
