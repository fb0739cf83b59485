"""What is searched: choices and ranges of settings, beginning at a preset.

`SPACE` lists the dimensions; a name is a setting of `tfhrnn.config`, or an option of the sampled
losses (`LOSS_OPTIONS`). `search_space` keeps of them what the data and the preset have a use for,
and puts the preset's own values in. `Space.config` turns values back into a configuration.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tfhrnn.config import SEQUENCE_TOWER_NAMES, Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.log_parts import gap_parts
from tfhrnn.data.sessions import DEFAULT_THRESHOLDS, propose_thresholds
from tfhrnn.data.suited import suited_config
from tfhrnn.errors import ConfigError

Value = bool | int | float | str
When = tuple[str, tuple[Value, ...]]  # another dimension and those of its values


@dataclass(frozen=True)
class Choice:
    """One of a few values.

    Attributes:
      name: of the setting.
      values: all of one type; several numbers, as thresholds are, stand in one text.
      when: searched only where another dimension has one of some values.
      needs: a key of `NEEDS`; "" for none.
      default: the first trial's value; the first one if left out.
    """

    name: str
    values: tuple[Value, ...]
    when: When | None = None
    needs: str = ""
    default: Value | None = None


@dataclass(frozen=True)
class Range:
    """A number between two, both included.

    Attributes:
      name: of the setting.
      low: the smallest.
      high: the largest.
      step: between neighbouring values; 0 for any number.
      log: draw evenly in the logarithm; `low` is positive then.
      whole: whole numbers only.
      when, needs, default: as of `Choice`; the default is `low` if left out.
    """

    name: str
    low: float
    high: float
    step: float = 0.0
    log: bool = False
    whole: bool = False
    when: When | None = None
    needs: str = ""
    default: Value | None = None


Dimension = Choice | Range

SAMPLED_LOSSES: Final = ("sampled_softmax", "gbce", "bpr_max")
LOSS_OPTIONS: Final = ("negatives", "sampler")  # what `loss_options` holds, searched one by one
_SAMPLED: Final[When] = ("loss", SAMPLED_LOSSES)

SPACE: Final[tuple[Dimension, ...]] = (
    Choice("tower", SEQUENCE_TOWER_NAMES),
    Choice("units", (32, 64, 96, 128, 192, 256)),
    Choice("layers", (1, 2, 3)),
    Choice("tied", (True, False)),
    Range("embedding_dropout", 0.0, 0.6, step=0.1),
    Range("output_dropout", 0.0, 0.7, step=0.1),
    Range("item_dropout", 0.0, 0.2, step=0.05),
    Choice("variational_dropout", (False, True)),
    Choice("mix_rule", ("item", "update", "beta", "bernoulli", "fixed"), needs="item features"),
    Choice(
        "thresholds", ("log", "default", "proposed:2", "proposed:4", "proposed:6"), needs="gaps"
    ),
    Range("learning_rate", 1e-3, 3e-2, log=True),
    Range("weight_decay", 1e-3, 1.0, log=True),
    Choice("batch_size", (16, 32, 64)),
    Choice("bptt", (16, 32, 64, 128)),
    Choice("min_user_history_length_percentile", (0.0, 0.05, 0.1)),
    Choice("max_user_history_length_percentile", (1.0, 0.99, 0.95)),
    # BPR-max's scores are no log-probabilities: it is searched where ranks are the objective.
    Choice("loss", ("full_softmax", "sampled_softmax", "in_batch", "gbce")),
    Choice("negatives", (128, 512, 2048), when=_SAMPLED),
    Choice("sampler", ("uniform", "log_uniform", "popularity"), when=_SAMPLED),
)

# What a dimension asks of the configuration to have an effect.
NEEDS: Final[Mapping[str, Callable[[Config], bool]]] = {
    "": lambda config: True,
    "item features": lambda config: (
        config.model.item_features or config.model.item_statistics or config.model.item_factors > 0
    ),
    "gaps": lambda config: config.model.levels,
}


@dataclass(frozen=True)
class Space:
    """A space to search.

    Attributes:
      base: the configuration that its values change, suited to the data.
      dimensions: in order; `when` leads to an earlier one.
    """

    base: Config
    dimensions: tuple[Dimension, ...]

    def config(self, values: Mapping[str, Any]) -> Config:
        """The configuration that values of the dimensions make.

        Args:
          values: by dimension; others, such as an oracle's own, are passed over.

        Raises:
          ConfigError: they do not go together.
        """
        names = {dimension.name for dimension in self.dimensions}
        settings = {name: value for name, value in values.items() if name in names}
        options = {name: settings.pop(name) for name in LOSS_OPTIONS if name in settings}
        if settings.get("loss", self.base.training.loss) != self.base.training.loss:
            settings["loss_options"] = ""  # the base's are of another loss
        if options:
            old = settings.get("loss_options", self.base.training.loss_options)
            kept = [part for part in old.split(",") if part.partition("=")[0] not in ("", *options)]
            new = [f"{name}={value}" for name, value in options.items()]
            settings["loss_options"] = ",".join([*kept, *new])
        return self.base.with_settings(settings)

    @property
    def defaults(self) -> dict[str, Value]:
        """The first trial's values, of the dimensions that are active there."""
        values: dict[str, Value] = {}
        for dimension in self.dimensions:
            when = dimension.when
            if when is None or values.get(when[0]) in when[1]:
                values[dimension.name] = default_of(dimension)
        return values

    def to_dict(self) -> list[dict[str, Any]]:
        """The dimensions as plain values."""
        return [dataclasses.asdict(dimension) for dimension in self.dimensions]


def default_of(dimension: Dimension) -> Value:
    """A dimension's value in the first trial."""
    if dimension.default is not None:
        return dimension.default
    return dimension.values[0] if isinstance(dimension, Choice) else dimension.low


def search_space(
    base: Config,
    log: EventLog,
    *,
    narrowed: Sequence[Dimension] = (),
    fixed: Sequence[str] = (),
    only: Sequence[str] | None = None,
    ranking: bool = False,
) -> Space:
    """What is searched on some data.

    Args:
      base: where the search begins, suited to the data.
      log: the data, whose gaps thresholds are proposed from.
      narrowed: dimensions that replace those of their names, or come beside them.
      fixed: settings that are not searched.
      only: search these alone, and `narrowed`; None for all.
      ranking: the objective is one of ranks, so that ranking losses are searched too.

    Returns:
      A space whose first trial is `base` as far as the dimensions have its values.

    Raises:
      ConfigError: nothing is left to search, or a value that its setting, or these data, refuse.
    """
    stated = {dimension.name: dimension for dimension in narrowed}
    for name in stated:
        if name in fixed:
            raise ConfigError(f"{name}: got both a fixed value and values to search, expected one")
    listed = [stated.get(dimension.name, dimension) for dimension in SPACE]
    listed += [dimension for dimension in stated.values() if dimension not in listed]
    kept: dict[str, Dimension] = {}
    for dimension in listed:
        name, is_stated = dimension.name, dimension.name in stated
        wanted = only is None or name in only or is_stated
        if not wanted or name in fixed or not (is_stated or NEEDS[dimension.needs](base)):
            continue
        if name == "loss" and ranking and not is_stated:
            dimension = _with_value(dimension, "bpr_max")
        if name == "thresholds":
            dimension = _with_thresholds(dimension, log)
        usual = _value_of(base, name)
        placed = _placed(dimension, usual, widen=not is_stated)
        resolved = _resolved(placed, kept, base)
        if resolved is None:
            continue
        if isinstance(resolved, Choice) and len(resolved.values) < 2 and resolved.when is None:
            base = Space(base, (resolved,)).config({name: default_of(resolved)})  # of every trial
        else:
            kept[name] = resolved
    if not kept:
        raise ConfigError("nothing is left to search: every setting is fixed or left out")
    space = Space(base, tuple(kept.values()))
    _check(space, log, list(stated))
    return space


def _value_of(config: Config, name: str) -> Value | None:
    """A setting's value as a dimension holds it; None where the configuration says nothing."""
    if name in LOSS_OPTIONS:
        pairs = (part.partition("=")[::2] for part in config.training.loss_options.split(","))
        text = dict(pairs).get(name)
        return int(text) if text and name == "negatives" else text
    part = config.model if hasattr(config.model, name) else config.training
    value = getattr(part, name)
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def _with_value(dimension: Dimension, value: Value) -> Dimension:
    assert isinstance(dimension, Choice)
    return dataclasses.replace(dimension, values=(*dimension.values, value))


def _with_thresholds(dimension: Dimension, log: EventLog) -> Dimension:
    """Words for thresholds, such as "proposed:4", as seconds; equal ones once."""
    if not isinstance(dimension, Choice):
        raise ConfigError("thresholds: got a range, expected sets of seconds")
    found: list[Value] = []
    for value in dimension.values:
        text = str(value)
        if text == "log":
            text = ",".join(map(str, log.thresholds))
        elif text == "default":
            text = ",".join(map(str, DEFAULT_THRESHOLDS))
        elif text.startswith("proposed:"):
            levels = text.removeprefix("proposed:")
            if not levels.isdecimal():
                raise ConfigError(f"thresholds: got {text!r}, expected such as proposed:4")
            text = ",".join(map(str, propose_thresholds(partial(gap_parts, log), int(levels))))
        if text not in found:
            found.append(text)
    return dataclasses.replace(dimension, values=tuple(found))


def _placed(dimension: Dimension, usual: Value | None, *, widen: bool) -> Dimension:
    """A dimension that begins at the usual value, where it has that or may be widened to it."""
    if usual is None:
        return dimension
    if isinstance(dimension, Choice):
        values = dimension.values
        if usual not in values and widen:
            values = (*values, usual)
            if not isinstance(usual, (str, bool)):
                values = tuple(sorted(values))
        default = usual if usual in values else None
        return dataclasses.replace(dimension, values=values, default=default)
    number = float(usual)
    low, high = dimension.low, dimension.high
    if widen and (number > 0 or not dimension.log):
        low, high = min(low, number), max(high, number)
    inside = min(max(number, low), high)
    return dataclasses.replace(
        dimension, low=low, high=high, default=int(inside) if dimension.whole else inside
    )


def _resolved(
    dimension: Dimension, earlier: Mapping[str, Dimension], base: Config
) -> Dimension | None:
    """A dimension whose condition is on one that is searched; None where it can never hold."""
    if dimension.when is None:
        return dimension
    name, values = dimension.when
    parent = earlier.get(name)
    if isinstance(parent, Choice):
        return dimension if any(value in values for value in parent.values) else None
    return dataclasses.replace(dimension, when=None) if _value_of(base, name) in values else None


def _check(space: Space, log: EventLog, stated: Sequence[str]) -> None:
    """Tries every value of every dimension, with one that its condition asks for."""
    suited_config(space.base, log, stated)
    for dimension in space.dimensions:
        ends: tuple[Value, ...] = (
            dimension.values if isinstance(dimension, Choice) else (dimension.low, dimension.high)
        )
        for value in ends:
            when = {} if dimension.when is None else {dimension.when[0]: dimension.when[1][0]}
            config = space.config({**space.defaults, **when, dimension.name: value})
            suited_config(config, log, {dimension.name} & set(stated))
