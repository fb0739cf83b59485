"""Every training loss on ml-100k under the preset `best`: perplexity, calibrated or not, and ranks.

BPR-max and gBCE do not give probabilities, and negatives drawn by popularity may leave the scores
of other losses off too: beside the perplexity of the scores as they stand there is one after a
temperature and a popularity term are fitted on the validation users
(`tfhrnn.evaluation.calibration`). What is left between losses then is how well they order items.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tfhrnn.config import LOSS_NAMES, Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.evaluation.calibrated_perplexity import calibrated_perplexity
from tfhrnn.experiments.runs import run_all
from tfhrnn.recommender import HRNNRecommender

# Losses that draw negatives take one target a step.
COMMON: dict[str, object] = {"layers": 1, "epochs": 14, "tied_targets": 1}
# Score regularisation pulls to 0 what starts at the log of an item's share, and the bias of seen
# items with it: at 1 BPR-max learns nothing here, at 0.01 half. Drawn by popularity, negatives take
# popularity out of its order of items, which even draws keep.
OPTIONS: dict[str, str] = {
    "sampled_softmax": "negatives=1024",
    "bpr_max": "negatives=1024,sampler=uniform,regularization=0",
    "gbce": "negatives=1024",
}
HOUR: Final = {"seeds": 1}
QUICK_ROWS: Final = ("full_softmax", "sampled_softmax", "gbce")


def configs() -> dict[str, Config]:
    """A loss's name to its configuration."""
    return {
        name: preset("best", {**COMMON, "loss": name, "loss_options": OPTIONS.get(name, "")})
        for name in LOSS_NAMES
    }


def calibrated(recommender: HRNNRecommender, log: EventLog) -> dict[str, float]:
    """A trained model's calibrated perplexity on the test users, and the two numbers fitted."""
    run, model = recommender.run, recommender.model
    assert run is not None and model is not None
    validation, test = run.users(log, Part.VALIDATION), run.users(log, Part.TEST)
    value, fitted = calibrated_perplexity(model, log, validation, test, recommender.config)
    return {
        "calibrated_perplexity": value,
        "calibration_scale": fitted.scale,
        "calibration_popularity": fitted.popularity,
    }


def run(
    log: EventLog,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    quick: bool = False,
) -> dict[str, Any]:
    """The table of losses; see `tfhrnn.experiments.runs.run_all`."""
    return run_all(
        log,
        configs(),
        out,
        seeds=seeds,
        jobs=jobs,
        say=say,
        extra=calibrated,
        quick=QUICK_ROWS if quick else None,
    )
