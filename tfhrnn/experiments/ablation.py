"""The ladder on ml-100k: the paper's parts one at a time, then each of ours, several seeds each.

Every rung is the one before with one thing more, trained and judged under the same protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tfhrnn.config import PRESETS, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.experiments.runs import run_all


@dataclass(frozen=True)
class Rung:
    """One step of the ladder.

    Attributes:
      name: what it adds, as the table shows it.
      settings: the fields that it changes, on top of all rungs before.
    """

    name: str
    settings: dict[str, object]


LADDER = (
    Rung("RNN", {"levels": False}),
    Rung("+ levels", {"levels": True}),
    Rung("+ item features", {"item_features": True, "epochs": 14}),
    Rung("+ feedback and user features", {"feedback": True, "user_features": True}),
    # Feedback and user features do not help on ml-100k, so ours go on from "+ item features".
    Rung(
        "item features + seen-item bias",
        {"feedback": False, "user_features": False, "seen_bias": True, "epochs": 12},
    ),
    Rung("+ tie shuffling", {"shuffle_ties": True}),
    Rung("+ tied items as targets", {"tied_targets": 8}),
    Rung(
        "+ gap, time and position inputs",
        {"gap_inputs": True, "time_bumps": 16, "position_input": True},
    ),
    Rung("+ item statistics", {"item_statistics": True}),
    Rung("+ item factors", {"item_factors": 32}),
    Rung("+ read-out", {"read_out": True}),
    Rung("+ two layers, 20 epochs (best)", dict(PRESETS["best"])),
)
QUICK_ROWS: Final = ("RNN", "+ levels", "item features + seen-item bias")


def settings_of(rung: int) -> dict[str, object]:
    """All settings of a rung over the preset `hrnn`, its own and those of the rungs before."""
    settings: dict[str, object] = {}
    for step in LADDER[: rung + 1]:
        settings |= step.settings
    return settings


def run(
    log: EventLog,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    quick: bool = False,
) -> dict[str, Any]:
    """The table of the ladder; see `tfhrnn.experiments.runs.run_all`."""
    configs = {rung.name: preset("hrnn", settings_of(at)) for at, rung in enumerate(LADDER)}
    return run_all(
        log,
        configs,
        out,
        seeds=seeds,
        jobs=jobs,
        say=say,
        quick=QUICK_ROWS if quick else None,
    )
