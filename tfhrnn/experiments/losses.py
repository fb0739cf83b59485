"""Every training loss on ml-100k under the preset `best`, judged by the exact perplexity.

BPR-max and gBCE do not give probabilities, so their perplexity is that of scores as they stand;
their rank metrics are what to compare.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfhrnn.config import LOSS_NAMES, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.experiments.runs import run_all

# Losses that draw negatives take one target a step.
COMMON: dict[str, object] = {"layers": 1, "epochs": 14, "tied_targets": 1}


def run(
    log: EventLog, out: Path, *, seeds: int = 3, jobs: int = 1, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """The table of losses; see `tfhrnn.experiments.runs.run_all`."""
    configs = {name: preset("best", {**COMMON, "loss": name}) for name in LOSS_NAMES}
    return run_all(log, configs, out, seeds=seeds, jobs=jobs, say=say)
