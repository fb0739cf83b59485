"""How λ is drawn in training, and which λ is best at inference (paper, section 2: "randomizing λ").

A row a rule, under the inputs of the preset `hrnn-metadata`. Below the rule of one λ an item stand
its figures at other λ of inference, of the same trained model: only `Decoder.inference_mix` is set
anew. Items without training events keep their 1 throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.evaluation.evaluate import figures, judge
from tfhrnn.experiments.runs import run_all, shown_figures
from tfhrnn.recommender import HRNNRecommender

MIXES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
BY_ITEM: Final = "λ per item"
RULES: Final[dict[str, dict[str, object]]] = {
    BY_ITEM: {"mix_rule": "item"},
    "λ per update": {"mix_rule": "update"},
    "λ per item, Beta(½, ½)": {"mix_rule": "beta"},
    "λ per item, 0 or 1": {"mix_rule": "bernoulli"},
    "λ = 0.5": {"mix_rule": "fixed", "mix": 0.5},
    "λ = 0, no features": {"mix_rule": "fixed", "mix": 0.0},
    "λ = 1, features alone": {"mix_rule": "fixed", "mix": 1.0},
}
EPOCHS: Final = 10
QUICK_ROWS: Final = (BY_ITEM, "λ = 1, features alone")


def configs() -> dict[str, Config]:
    """A rule's name to its configuration."""
    return {
        name: preset("hrnn-metadata", {**rule, "epochs": EPOCHS}) for name, rule in RULES.items()
    }


def by_mix(recommender: HRNNRecommender, log: EventLog) -> dict[str, float]:
    """A model's figures on the test users at each λ of inference; it is left as it was.

    Returns:
      Figures named `perplexity, λ = 0.25` and so on; none of a model whose λ was not drawn per
      item.
    """
    run, model = recommender.run, recommender.model
    assert run is not None and model is not None
    if recommender.config.model.mix_rule != "item":
        return {}
    test, used = run.users(log, Part.TEST), model.decoder.inference_mix.numpy()
    cold = run.facts.item_counts == 0
    found: dict[str, float] = {}
    for mix in MIXES:
        model.decoder.inference_mix.assign(np.where(cold, 1.0, mix))
        judged = shown_figures(figures(judge(model, log, test, recommender.config)))
        found |= {_key(name, mix): value for name, value in judged.items()}
    model.decoder.inference_mix.assign(used)
    return found


def run(
    log: EventLog,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    quick: bool = False,
) -> dict[str, Any]:
    """The table of rules; see `tfhrnn.experiments.runs.run_all`."""
    found = run_all(
        log,
        configs(),
        out,
        seeds=seeds,
        jobs=jobs,
        say=say,
        extra=by_mix,
        quick=QUICK_ROWS if quick else None,
    )
    rows: list[dict[str, Any]] = []
    for row in found["rows"]:
        rows.append(row)
        if row["name"] == BY_ITEM:
            rows += [
                {
                    "name": f"{BY_ITEM}, {mix:g} at inference",
                    "seeds": row["seeds"],
                    **{key: row.pop(_key(key, mix)) for key in list(row) if _key(key, mix) in row},
                }
                for mix in MIXES
            ]
    return {**found, "rows": rows}


def _key(figure: str, mix: float) -> str:
    return f"{figure}, λ = {mix:g}"
