"""What carrying a user's state costs on ml-100k: after how many events, and under which preset.

An update reads one event more of one user, from the state's bytes to the new state's bytes, in the
served graph. Rows of `best` come first, each as a multiple of the first one: updates after 10 and
after 10,000 events, then ten answers from the state and from histories of 10 and 1,000 events. Then
an update of each preset. `bytes` is the length of a state, whatever the user has done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.epoch import movielens
from benchmarks.timing import side_by_side
from tfhrnn.answer_options import AnswerOptions
from tfhrnn.config import PRESETS, Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.data.split import Part, split_users
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor
from tfhrnn.training import build_model, create_variables

_CALLS = 20  # a round
_EVENTS = ("history", "times", "feedback", "event_types")


def run(rounds: int) -> list[dict[str, Any]]:
    """The rows; models are untrained, which costs as much."""
    with movielens() as log:
        return costs(log, {name: preset(name) for name in PRESETS}, rounds)


def costs(
    log: EventLog,
    configs: Mapping[str, Config],
    rounds: int,
    *,
    events: tuple[int, int] = (10, 10_000),
    histories: tuple[int, int] = (10, 1000),
) -> list[dict[str, Any]]:
    """Rows of `best`, which is among the configurations, then one a configuration.

    Args:
      log: the events that facts and ids are of.
      configs: by preset.
      rounds: timed rounds of each.
      events: after how many events a state is updated.
      histories: how many events a whole history holds.
    """
    made = {name: _User(log, config) for name, config in configs.items()}
    best = made["best"]
    of_best = {f"best: update after {count:,} events": best.updating(count) for count in events}
    of_best["best: 10 answers from a state"] = best.answering_state(events[1])
    of_best |= {
        f"best: 10 answers from {count:,} events": best.answering_history(count)
        for count in histories
    }
    rows = side_by_side(of_best, rounds)
    rows += side_by_side(
        {f"{name}: update": one.updating(10) for name, one in made.items()}, rounds
    )
    lengths = {name: one.predictor.state_bytes.length for name, one in made.items()}
    return [
        {
            "what": row["what"],
            "milliseconds": row["milliseconds"] / _CALLS,
            "ratio": row["ratio"],
            "bytes": lengths[row["what"].partition(":")[0]],
        }
        for row in rows
    ]


class _User:
    """One user of a model, who meets random items a minute apart."""

    def __init__(self, log: EventLog, config: Config) -> None:
        users = np.flatnonzero(split_users(log.num_users) == Part.TRAIN)
        model = build_model(config, training_facts(log, users, config.model))
        create_variables(model)
        self.ids = log.catalogue.ids
        self.predictor = Predictor(model, log.catalogue, log.user_features)

    def history(self, count: int) -> Histories:
        items = np.random.default_rng(0).choice(self.ids, count).tolist()
        times = (10**9 + 60 * np.arange(count)).tolist()
        return Histories(["0"], [items], [times], [[4.0] * count])

    def state(self, count: int) -> Any:
        arrays = self.predictor.user_inputs(self.history(count), query_time=np.array([0]))
        begun = self.predictor.ask("start", {**arrays, "rows": [0]})
        # In parts, as they would come: one window of all would hold the whole history.
        for at in range(0, count, 1000):
            part = {name: arrays[name][:, at : at + 1000] for name in _EVENTS if name in arrays}
            begun = self.predictor.ask("update", {**begun, **part, "items": part["history"]})
        return begun["state_bytes"]

    def updating(self, count: int) -> Callable[[], None]:
        arrays = self.predictor.user_inputs(self.history(1), query_time=np.array([0]))
        asked = {**arrays, "items": arrays["history"], "state_bytes": self.state(count)}
        return partial(self._repeat, "update", asked)

    def answering_state(self, count: int) -> Callable[[], None]:
        asked = {**self._question(1), "state_bytes": self.state(count)}
        return partial(self._repeat, "recommend_from_state", asked)

    def answering_history(self, count: int) -> Callable[[], None]:
        return partial(self._repeat, "recommend", self._question(count))

    def _question(self, count: int) -> dict[str, Any]:
        when = np.array([2 * 10**9])
        return self.predictor.inputs(self.history(count), AnswerOptions(), query_time=when)

    def _repeat(self, name: str, asked: Mapping[str, Any]) -> None:
        for _ in range(_CALLS):
            self.predictor.ask(name, asked)
