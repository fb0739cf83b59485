"""The best that any predictor can do, known exactly where the process that makes the events is.

A predictor that is told a context c of each event and nothing else does best with p(next | c). From
the expected number of (c, next) a sequence, J, that is J over the sum of its row, and the lowest
perplexity that can be reached is exp(−Σ J log p / Σ J) over the targets that are judged. Whoever
scores below it, by more than the drawn sample explains, was told more than c: a leak.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tfhrnn.errors import RunError
from tfhrnn.evaluation.metrics import Floats, Ints, standard_error

DEVIATIONS: Final = 4.0  # of the mean gain over the bound that are called a leak
_ROUNDING: Final = 1e-5  # nats that float32 scores may gain


class Best(NamedTuple):
    """The best predictor of a context.

    Attributes:
      log_p: `[contexts, items]` log p(next | context), −inf for what cannot be.
      perplexity: what it is to be expected to score.
    """

    log_p: npt.NDArray[np.float64]
    perplexity: float


def best_predictor(joint: Floats, judged: npt.NDArray[np.bool_] | None = None) -> Best:
    """From how often each item follows each context to the best prediction.

    Args:
      joint: `[contexts, items]` expected counts of targets a sequence; need not sum to 1.
      judged: `[contexts, items]` which of them are judged; by default all. The predictor itself is
        that of all targets: it is not told which are judged.

    >>> best = best_predictor(np.array([[1.0, 1.0], [0.0, 6.0]]))  # 2 of 8 targets are a fair coin
    >>> round(best.perplexity, 6) == round(2 ** (2 / 8), 6)
    True
    """
    joint = np.asarray(joint, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = np.log(joint / joint.sum(axis=1, keepdims=True))
    counted = joint if judged is None else joint * judged
    nats = -np.sum(counted[counted > 0] * log_p[counted > 0]) / counted.sum()
    return Best(log_p, float(np.exp(nats)))


class Comparison(NamedTuple):
    """A model beside the best predictor on the same targets, in nats a target.

    Attributes:
      excess: mean of log p of the best predictor less log p of the model.
      standard_error: of that mean, sequences being the unit that is drawn.
    """

    excess: float
    standard_error: float


def compare(log_p: Floats, best: Floats, sequences: Ints) -> Comparison:
    """Compares log-probabilities `[targets]` of a model with the best predictor's.

    Args:
      log_p: the model's.
      best: the best predictor's.
      sequences: `[targets]` whose target each is.
    """
    gain = np.asarray(log_p, np.float64) - np.asarray(best, np.float64)
    return Comparison(float(-gain.mean()), standard_error(gain, sequences))


def require_no_leak(name: str, found: Comparison) -> None:
    """Refuses a result that is better than the best there can be.

    Args:
      name: of the row, for the message.
      found: on the judged targets.

    Raises:
      RunError: the model gains more than `DEVIATIONS` standard errors over the best predictor.
    """
    if -found.excess > DEVIATIONS * found.standard_error + _ROUNDING:
        raise RunError(
            f"{name}: got {-found.excess:.4f} nats a target less than the best predictor of what "
            f"it may know, with a standard error of {found.standard_error:.4f}, expected none: "
            "something tells it the targets"
        )
