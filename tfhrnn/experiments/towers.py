"""Every tower on ml-100k under the preset `best`, with the levels of gaps and without.

Without levels a model hears no gap at all, neither as a level nor as a number. Rows for the choices
inside a tower follow: the HGRU whose user state is read at every step, the GRU and TCN side by side
instead of stacked, and the preset as it stands, with two layers, also trained on the validation
users once they have said for how many epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tfhrnn.config import SEQUENCE_TOWER_NAMES, Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.experiments.runs import run_all

# What a tower needs beside its name to do its best here, found on the validation users of seed 0:
# deep and parallel ones want a lower rate, and less dropout inside than the outputs get.
_GENTLER: dict[str, object] = {"learning_rate": 3e-3, "tower_options": "dropout=0.1"}
_GENTLY_TRAINED = ("tcn", "transformer", "linear_recurrence")
SETTINGS: dict[str, dict[str, object]] = {
    name: {"tower": name, "layers": 1, "epochs": 14} | (_GENTLER if name in _GENTLY_TRAINED else {})
    for name in SEQUENCE_TOWER_NAMES
}
WITHOUT_LEVELS: dict[str, object] = {"levels": False, "gap_inputs": False}
VARIANTS: dict[str, dict[str, object]] = {
    "hgru, propagation=all": {**SETTINGS["hgru"], "tower_options": "propagation=all"},
    "rnn_tcn, combine=parallel": {**SETTINGS["rnn_tcn"], "tower_options": "combine=parallel"},
    "gru, two layers, 20 epochs (best)": {},
    "best, trained on the validation users too": {"train_on_validation": True},
}
HOUR: Final = {"seeds": 1, "levels_only": True}
QUICK_ROWS: Final = ("gru", "gru, without levels", "transformer")


def configs() -> dict[str, Config]:
    """A row's name to its configuration."""
    found = {}
    for name, settings in SETTINGS.items():
        found[name] = preset("best", settings)
        found[f"{name}, without levels"] = preset("best", {**settings, **WITHOUT_LEVELS})
    return found | {name: preset("best", settings) for name, settings in VARIANTS.items()}


def run(
    log: EventLog,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    quick: bool = False,
    levels_only: bool = False,
) -> dict[str, Any]:
    """The table of towers, or its first row a tower; see `tfhrnn.experiments.runs.run_all`."""
    rows = configs()
    if levels_only:
        rows = {name: rows[name] for name in SETTINGS}
    return run_all(
        log,
        rows,
        out,
        seeds=seeds,
        jobs=jobs,
        say=say,
        quick=QUICK_ROWS if quick else None,
    )
