"""What `list` tells is all there is."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfhrnn.choices import choices, names
from tfhrnn.cli import build_parser
from tfhrnn.config import (
    LOSS_NAMES,
    PRESETS,
    STRATEGY_NAMES,
    TOWER_NAMES,
    ModelConfig,
    TrainingConfig,
    preset,
)
from tfhrnn.errors import ConfigError
from tfhrnn.layers.sampled_losses import LOSSES, loss_options_of
from tfhrnn.layers.towers import TOWERS, tower_options
from tfhrnn.personalize import HYPERPARAMETERS


def test_names_known_before_tensorflow_is_loaded_are_those_of_the_registries() -> None:
    assert sorted(TOWER_NAMES) == sorted(TOWERS)
    assert sorted(LOSS_NAMES) == sorted(LOSSES)


def test_every_choice_has_its_line() -> None:
    presets, towers, losses, model, training, personalize = choices().values()
    assert list(personalize) == list(HYPERPARAMETERS)
    assert list(presets) == list(PRESETS)
    assert list(towers) == list(TOWERS) and list(losses) == list(LOSSES)
    for settings, config in ((model, ModelConfig), (training, TrainingConfig)):
        assert list(settings) == [field.name for field in dataclasses.fields(config)]
    for lines in choices().values():
        assert all(len(line) > 8 for line in lines.values())


def test_a_setting_of_several_lines_is_joined_and_tells_its_default() -> None:
    *_, model, training, _ = choices().values()
    assert model["seen_items"].endswith("so that a served state has a bounded size. Default 512.")
    assert training["patience"].endswith("before training stops. Default 5.")
    assert training["loss_options"].endswith(" Default nothing.")


FREE_TEXT = {"tower_options", "loss_options", "negate_below"}
NAMED = {**names(ModelConfig), **names(TrainingConfig)}


def test_every_setting_of_text_has_its_names_or_is_free() -> None:
    texts = {
        field.name
        for config in (ModelConfig, TrainingConfig)
        for field in dataclasses.fields(config)
        if isinstance(field.default, str)
    }
    assert set(NAMED) == texts - FREE_TEXT


@pytest.mark.parametrize("name", NAMED)
def test_names_are_those_that_a_setting_takes_and_says_it_takes(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        preset("hrnn", {name: "no such name"})
    assert str(refused.value).endswith("one of " + ", ".join(NAMED[name]))
    *_, model, training, _ = choices().values()
    assert f" One of {', '.join(NAMED[name])}. Default " in {**model, **training}[name]


def helped(command: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """A command's help, and what it says that settings take."""
    (commands,) = (a for a in build_parser()._actions if isinstance(a.choices, dict))
    text = commands.choices[command].format_help()  # type: ignore[index]
    block = text.partition("settings that take a name:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^  (\w+) +(.+?)(?=^  \w|\Z)", block, re.M | re.S)
    return text, {name: tuple(re.findall(r"\w+", given)) for name, given in found}


@pytest.mark.parametrize("command", ["train", "quickstart"])
def test_help_names_every_choice(command: str) -> None:
    text, found = helped(command)
    assert found == NAMED
    assert "{" + ",".join(sorted(PRESETS)) + "}" in text
    if command == "train":
        assert "{" + ",".join(STRATEGY_NAMES) + "}" in text
    assert "example: python -m tfhrnn " + command in text


def test_the_help_of_an_update_names_what_an_update_can_change() -> None:
    assert helped("update")[1] == names(TrainingConfig)


def test_help_comes_without_tensorflow() -> None:
    code = "import sys, tfhrnn.cli as c; c.build_parser(); sys.exit('tensorflow' in sys.modules)"
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=120)


def test_towers_and_losses_tell_options_that_their_setting_takes() -> None:
    _, of_towers, of_losses, *_ = choices().values()
    for lines, read in ((of_towers, tower_options), (of_losses, loss_options_of)):
        for name, line in lines.items():
            _, _, own = line.partition(" Options: ")
            # Defaults stated are options read, and a name that is not there is refused with them.
            stated = own.removesuffix(".").replace(", ", ",").replace("=output_dropout", "=0.5")
            assert len(read(name, stated)) == stated.count("=")
            known = ", ".join(re.findall(r"(\w+)=", stated))
            refused = f"NAME=VALUE of: {known}" if known else f"but {name} takes none"
            with pytest.raises(ConfigError, match=re.escape(refused)):
                read(name, "no_such=1")
    assert "Options" not in of_losses["in_batch"]  # it has none
    # A model hands its towers that setting.
    assert all("dropout=output_dropout" in line for line in of_towers.values())
    assert (
        "combine=stacked" in of_towers["rnn_tcn"]
        and "negatives=512" in of_losses["sampled_softmax"]
    )
