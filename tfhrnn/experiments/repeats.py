"""Is the seen-item bias a property of the data? Where repeats are common it must come out positive.

The same model is trained on a simulated log, of whose events 60 % repeat one of the user's recent
items (`tfhrnn.data.simulate`), and on ml-100k, where nobody rates a film twice: without the bias,
with one β for all, one a gap level, and one an item. The perplexities of the two logs are of
different data and are not to be compared with each other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.simulate import simulate_repeats
from tfhrnn.experiments.runs import run_all
from tfhrnn.recommender import HRNNRecommender

FORMS: Final[dict[str, dict[str, object]]] = {
    "hrnn": {},
    "+ one β": {"seen_bias": True},
    "+ β per level": {"seen_bias": True, "seen_bias_form": "level"},
    "+ β per item": {"seen_bias": True, "seen_bias_form": "item"},
}
QUICK_ROWS: Final = ("hrnn", "+ one β")
EPOCHS: Final = 10
SIMULATED: Final = "repeats"


def configs() -> dict[str, Config]:
    """A row's name to its configuration."""
    return {name: preset("hrnn", {**form, "epochs": EPOCHS}) for name, form in FORMS.items()}


def learned_bias(recommender: HRNNRecommender, log: EventLog) -> dict[str, float]:
    """What a model has learned of seen items.

    Returns:
      `seen_bias`, the scalar, or the mean over gap levels or over the training events' items;
      `seen_bias_deviation` over the same, `seen_bias_start`, where all began, and each level's.
      Nothing of a model without the bias.
    """
    run, model = recommender.run, recommender.model
    assert run is not None and model is not None
    beta, config = model.decoder.seen_bias, recommender.config.model
    if beta is None:
        return {}
    values = np.atleast_1d(beta.numpy()).astype(np.float64)
    weight: npt.NDArray[np.float64] = np.ones(len(values))
    found: dict[str, float] = {}
    if config.seen_bias_form == "level":
        weight[config.start_level] = 0  # at the start nothing is seen
        values_ = values[: config.start_level].tolist()
        found = {f"seen_bias, level {level}": value for level, value in enumerate(values_)}
    elif config.seen_bias_form == "item":
        weight = run.facts.item_counts.astype(np.float64)
    mean = float(np.average(values, weights=weight))
    return {
        "seen_bias": mean,
        "seen_bias_deviation": float(np.average((values - mean) ** 2, weights=weight) ** 0.5),
        "seen_bias_start": run.facts.seen_bias,
        **found,
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
    """The table of both logs, each under its own protocol; see `tfhrnn.experiments.runs.run_all`.

    Returns:
      `rows`, named by log and model; `protocol`, of `log`; and `protocol_of_simulated`.
    """
    simulated = write_event_log(simulate_repeats(), out / "data", name=SIMULATED)
    rows, protocols = [], []
    for one in (simulated, log):
        found = run_all(
            one,
            configs(),
            out / one.name,
            seeds=seeds,
            jobs=jobs,
            say=say,
            extra=learned_bias,
            quick=QUICK_ROWS if quick else None,
        )
        rows += [{**row, "name": f"{one.name}: {row['name']}"} for row in found["rows"]]
        protocols.append(found["protocol"])
    return {"rows": rows, "protocol": protocols[1], "protocol_of_simulated": protocols[0]}
