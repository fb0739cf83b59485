"""A search's trials as rows, for the terminal, the page and JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tuning.oracles import OBJECTIVES, ObjectiveName
from tuning.space import Space
from tuning.tuner import TrialTuner, read_record


class Row(NamedTuple):
    """A trial.

    Attributes:
      trial: its name.
      status: "completed", "failed", or "unfinished" where the search was stopped in it.
      score: the objective's figure of its best epoch; None where there is none.
      epoch: which epoch that was.
      epochs: how many it was trained for, those of the trial that it goes on from included.
      seconds: in training, likewise.
      settings: the values of the dimensions that are active in it.
      parent: the trial that it goes on from; "".
      is_base: whether it is the preset as it is, with what was fixed.
      judged_on: what its score was judged on.
      reason: why it failed; "".
    """

    trial: str
    status: str
    score: float | None
    epoch: int | None
    epochs: int | None
    seconds: float | None
    settings: dict[str, Any]
    parent: str
    is_base: bool
    judged_on: str
    reason: str


def rows_of(tuner: TrialTuner) -> list[Row]:
    """All trials of a search, the best first, those without a score last."""
    objective = tuner.oracle.objective.name
    found = [_row(tuner, trial, objective) for trial in tuner.oracle.trials.values()]
    return in_order(found, objective)


def in_order(rows: list[Row], objective: ObjectiveName) -> list[Row]:
    """Rows by score, the best first; those of one score by name, those without one last."""
    sign = 1 if OBJECTIVES[objective] == "min" else -1
    return sorted(rows, key=lambda row: (row.score is None, sign * (row.score or 0), row.trial))


def _row(tuner: TrialTuner, trial: Any, objective: str) -> Row:
    record, values = read_record(tuner.folder(trial.trial_id)), trial.hyperparameters.values
    ended = trial.status in ("COMPLETED", "FAILED")
    completed = trial.status == "COMPLETED" and objective in record
    settings = active(tuner.space, values)
    return Row(
        trial=trial.trial_id,
        status="completed" if completed else "failed" if ended else "unfinished",
        score=record[objective] if completed else None,
        epoch=record.get("epoch"),
        epochs=record.get("epochs"),
        seconds=record.get("seconds"),
        settings=settings,
        parent=values.get("tuner/trial_id", ""),
        is_base=tuner.space.config(settings) == tuner.space.base,
        judged_on=(
            f"validation: {record['users']:,} users, {record['targets']:,} targets"
            if completed
            else ""
        ),
        reason=record.get("failed", "") if ended else "",
    )


def active(space: Space, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a space's dimensions that have a say, in the space's order."""
    return {d.name: values[d.name] for d in space.dimensions if d.name in values}


def standing(rows: list[Row], objective: ObjectiveName) -> npt.NDArray[np.float64]:
    """How each row with a score stands among those trained for as many epochs, `[rows]`.

    From 0, the best, to 1, the worst, equal scores alike; ½ where it is alone. Rows of unlike
    budgets, as Hyperband has, can only be compared so.
    """
    sign = 1 if OBJECTIVES[objective] == "min" else -1
    scores = np.array([sign * row.score for row in rows if row.score is not None])
    epochs = np.array([row.epochs for row in rows if row.score is not None])
    placed = np.full(len(scores), 0.5)
    for budget in np.unique(epochs):
        own = np.flatnonzero(epochs == budget)
        if len(own) > 1:
            below = (scores[own][:, None] > scores[own]).sum(1)
            equal = (scores[own][:, None] == scores[own]).sum(1) - 1
            placed[own] = (below + equal / 2) / (len(own) - 1)
    return placed
