"""The space: what is searched on which data, and what its values mean."""

from __future__ import annotations

import dataclasses
from typing import get_type_hints

import pytest

from tfhrnn.config import PRESETS, Config, ModelConfig, TrainingConfig, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.sessions import gaps, propose_thresholds
from tfhrnn.errors import ConfigError
from tfhrnn.layers.sampled_losses import LOSSES, loss_options_of
from tfhrnn.layers.samplers import SAMPLERS
from tuning.space import (
    LOSS_OPTIONS,
    NEEDS,
    SAMPLED_LOSSES,
    SPACE,
    Choice,
    Range,
    Space,
    search_space,
)


def names(space: Space) -> list[str]:
    return [dimension.name for dimension in space.dimensions]


def dimension(space: Space, name: str) -> Choice | Range:
    return next(d for d in space.dimensions if d.name == name)


def test_every_dimension_is_a_setting_and_comes_after_what_it_depends_on() -> None:
    known = {*get_type_hints(ModelConfig), *get_type_hints(TrainingConfig), *LOSS_OPTIONS}
    before: set[str] = set()
    for one in SPACE:
        assert one.name in known and one.needs in NEEDS
        assert one.when is None or one.when[0] in before
        before.add(one.name)
    asked = "tower units layers tied mix_rule learning_rate weight_decay bptt batch_size thresholds"
    assert before >= set(asked.split())


def test_losses_and_samplers_are_those_of_the_layers() -> None:
    for name in SAMPLED_LOSSES:
        assert set(loss_options_of(name, "negatives=8,sampler=uniform")) == set(LOSS_OPTIONS)
    losses = next(d for d in SPACE if d.name == "loss")
    samplers = next(d for d in SPACE if d.name == "sampler")
    assert isinstance(losses, Choice) and isinstance(samplers, Choice)
    assert set(losses.values) | {"bpr_max"} == set(LOSSES)
    assert set(samplers.values) == set(SAMPLERS)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "popularity-count"])
def test_the_first_trial_is_the_preset(name: str, tiny_log: EventLog) -> None:
    base = preset(name)
    space = search_space(base, tiny_log)
    assert space.config(space.defaults) == base


def test_a_presets_own_value_joins_the_usual_ones_in_order(tiny_log: EventLog) -> None:
    space = search_space(preset("user-personalization"), tiny_log)
    units = dimension(space, "units")
    assert isinstance(units, Choice)
    assert units.values == (32, 64, 96, 128, 149, 192, 256) and units.default == 149
    low = search_space(preset("hrnn", {"learning_rate": 1e-4}), tiny_log)
    rate = dimension(low, "learning_rate")
    assert isinstance(rate, Range) and (rate.low, rate.high) == (1e-4, 3e-2)


def test_what_the_data_or_the_preset_lack_is_not_searched(tiny_log: EventLog) -> None:
    assert "mix_rule" in names(search_space(preset("best"), tiny_log))
    assert "mix_rule" not in names(search_space(preset("hrnn"), tiny_log))  # no item features
    assert "thresholds" in names(search_space(preset("hrnn"), tiny_log))
    assert "thresholds" not in names(search_space(preset("sims"), tiny_log))  # reads no levels


def test_thresholds_are_the_logs_the_usual_and_proposed_ones_once_each(
    tiny_log: EventLog,
) -> None:
    log = dataclasses.replace(tiny_log, meta={**tiny_log.meta, "thresholds": [7, 70]})
    base = preset("hrnn", {"thresholds": "7,70"})
    narrowed = [Choice("thresholds", ("proposed:3", "log", "default", "7,70", "5"))]
    space = search_space(base, log, narrowed=narrowed)
    found = dimension(space, "thresholds")
    proposed = propose_thresholds(gaps(tiny_log), 3)
    assert isinstance(found, Choice) and found.default == "7,70"
    assert found.values == (",".join(map(str, proposed)), "7,70", "60,3600,86400", "5")
    values = {**space.defaults, "thresholds": found.values[0]}
    assert space.config(values).model.thresholds == proposed


def test_negatives_are_asked_where_a_loss_draws_them_and_become_its_options(
    tiny_log: EventLog,
) -> None:
    space = search_space(preset("best"), tiny_log)
    assert "negatives" not in space.defaults  # the full softmax draws none
    drawn = {**space.defaults, "loss": "gbce", "negatives": 128, "sampler": "popularity"}
    training = space.config(drawn).training
    assert (training.loss, training.loss_options) == ("gbce", "negatives=128,sampler=popularity")
    with_own = preset("best", {"loss": "gbce", "loss_options": "calibration=0.5,negatives=64"})
    fixed = search_space(with_own, tiny_log, fixed=["loss"])
    assert dimension(fixed, "negatives").when is None  # always: the loss is fixed
    assert fixed.defaults["negatives"] == 64
    options = fixed.config({**fixed.defaults, "negatives": 512}).training.loss_options
    assert options == "calibration=0.5,negatives=512,sampler=uniform"
    back = search_space(with_own, tiny_log)
    plain = back.config({**fixed.defaults, "loss": "full_softmax"} | {"negatives": 8})
    assert plain.training.loss_options == "negatives=8,sampler=uniform"


def test_fixed_losses_that_draw_nothing_leave_negatives_out(tiny_log: EventLog) -> None:
    assert "negatives" not in names(search_space(preset("best"), tiny_log, fixed=["loss"]))
    narrowed = [Choice("loss", ("full_softmax", "in_batch"))]
    assert "sampler" not in names(search_space(preset("best"), tiny_log, narrowed=narrowed))


def test_ranking_losses_are_searched_for_a_ranking_objective_alone(tiny_log: EventLog) -> None:
    for ranking in (False, True):
        found = dimension(search_space(preset("best"), tiny_log, ranking=ranking), "loss")
        assert isinstance(found, Choice) and ("bpr_max" in found.values) == ranking


def test_a_narrowed_dimension_keeps_to_its_values_and_one_value_holds_everywhere(
    tiny_log: EventLog,
) -> None:
    base = preset("best")  # 128 units, rate 1e-2
    space = search_space(
        base,
        tiny_log,
        only=["layers"],
        narrowed=[
            Choice("units", (8, 16)),
            Range("learning_rate", 1e-4, 1e-3, log=True),
            Choice("tower", ("lstm",)),
            Choice("ema_decay", (0.0, 0.9)),  # none of the usual ones
        ],
    )
    assert names(space) == ["units", "layers", "learning_rate", "ema_decay"]
    assert space.defaults == {"units": 8, "layers": 2, "learning_rate": 1e-3, "ema_decay": 0.0}
    assert space.base.model.tower == "lstm"


@pytest.mark.parametrize(
    ("narrowed", "message"),
    [
        (Choice("units", (8, 0)), "units: got 0, expected a whole number of at least 1"),
        (Choice("thresholds", ("60,30",)), "thresholds: got .60, 30.*strictly increasing"),
        (Choice("thresholds", ("proposed:x",)), "got 'proposed:x', expected such as proposed:4"),
        (Range("thresholds", 1, 2), "thresholds: got a range, expected sets of seconds"),
        (Range("output_dropout", 0.0, 1.0), "output_dropout: got 1.0, expected a share"),
        (Choice("event_types", (True, False)), "event_types: got true, expected data with event"),
    ],
)
def test_values_that_cannot_be_are_refused_before_any_trial(
    narrowed: Choice | Range, message: str, tiny_base: Config, tiny_log: EventLog
) -> None:
    with pytest.raises(ConfigError, match=message):
        search_space(tiny_base, tiny_log, narrowed=[narrowed])


def test_a_setting_cannot_be_fixed_and_searched(tiny_base: Config, tiny_log: EventLog) -> None:
    with pytest.raises(ConfigError, match="units: got both a fixed value and values to search"):
        search_space(tiny_base, tiny_log, narrowed=[Choice("units", (4, 8))], fixed=["units"])


def test_nothing_to_search_is_refused(tiny_base: Config, tiny_log: EventLog) -> None:
    with pytest.raises(ConfigError, match="nothing is left to search"):
        search_space(tiny_base, tiny_log, only=["units"], fixed=["units"])
