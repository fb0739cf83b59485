"""From scores that only rank to probabilities: a temperature and a popularity term, fitted.

log p_j = z_j − log Σ_i exp(z_i), z_j = scale · s_j + popularity · log share_j.

Losses over few negatives (BPR-max, gBCE) order items but leave their scores on a scale of their
own, and negatives drawn by popularity take popularity out of them. Two numbers, the ones with the
least −log p on validation targets, put both back. −log p is convex in them, so there is one best
value, which Newton's method finds in a few passes.

Source: temperature scaling, Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfhrnn.errors import DataError

Floats = npt.NDArray[np.floating]

_PASSES = 100  # separable targets have no best value: the scale grows until it no longer helps
_ENOUGH = 1e-10  # nats


class Judged(NamedTuple):
    """Scores of some validation targets.

    Attributes:
      scores: `[rows, items]`, up to a constant a row: log-probabilities will do.
      target: `[rows]` columns of the items that came.
      weight: `[rows]` what each counts.
    """

    scores: Floats
    target: npt.NDArray[np.integer]
    weight: Floats


@dataclass(frozen=True)
class Calibration:
    """How scores become log-probabilities; 1 and 0 leave a softmax as it is.

    Attributes:
      scale: what scores are multiplied by, one over the temperature.
      popularity: what the log of an item's share is multiplied by.
    """

    scale: float = 1.0
    popularity: float = 0.0

    @property
    def temperature(self) -> float:
        """What scores are divided by."""
        return 1 / self.scale

    def log_probabilities(self, scores: Floats, log_share: Floats) -> npt.NDArray[np.float64]:
        """Log p `[rows, items]` of scores `[rows, items]` and log shares `[items]`.

        >>> scores = np.log([[0.5, 0.25, 0.25]])
        >>> np.exp(Calibration(scale=2.0).log_probabilities(scores, np.zeros(3))).round(3).tolist()
        [[0.667, 0.167, 0.167]]
        """
        return _log_softmax(
            self.scale * np.asarray(scores, np.float64)
            + self.popularity * np.asarray(log_share, np.float64)
        )

    def folded(
        self, weights: Floats, bias: Floats, log_share: Floats, seen_bias: float | Floats = 0.0
    ) -> tuple[Floats, Floats, float | Floats]:
        """An item matrix whose plain softmax is calibrated, so that what serves need not change.

        Args:
          weights: `[items, units]`.
          bias: `[items]`.
          log_share: `[items]`.
          seen_bias: the seen-item bias, of any form.

        Returns:
          The same three for scores scale · s_j + popularity · log share_j.
        """
        moved = self.scale * bias + self.popularity * np.asarray(log_share, np.float64)
        return self.scale * weights, moved, self.scale * seen_bias


def calibrate(batches: Callable[[], Iterable[Judged]], log_share: Floats) -> Calibration:
    """Fits scale and popularity on validation targets.

    Args:
      batches: gives the validation targets, the same ones each time; it is called once a pass, so
        that they need not be held together.
      log_share: `[items]` log of each item's share of the training events, finite.

    Returns:
      The calibration with the least weighted mean −log p. A negative scale says that the scores
      order items the wrong way round. Where all items are equally popular `popularity` stays 0.

    Raises:
      DataError: a score or log share is not finite, or no target has a weight.
    """
    share = np.array(log_share, np.float64)
    if not np.all(np.isfinite(share)):
        raise DataError("log shares", found="one that is not finite", expected="finite numbers")
    share -= share.mean()
    at = np.array([1.0, 0.0])
    nats, slope, curvature = _measure(batches, share, at)
    for _ in range(_PASSES):
        # The pseudo-inverse leaves a direction alone in which nothing changes.
        step = np.linalg.pinv(curvature, rcond=1e-12, hermitian=True) @ slope
        gain = float(slope @ step)  # twice what a parabola promises
        if gain < _ENOUGH:
            break
        size = 1.0
        tried = _measure(batches, share, at - step)
        while tried[0] > nats - 1e-4 * size * gain and size > 1e-6:
            size /= 2
            tried = _measure(batches, share, at - size * step)
        if tried[0] >= nats:
            break
        at = at - size * step
        nats, slope, curvature = tried
    return Calibration(float(at[0]), float(at[1]))


def _log_softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _measure(
    batches: Callable[[], Iterable[Judged]],
    share: npt.NDArray[np.float64],
    at: npt.NDArray[np.float64],
) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean −log p, its gradient `[2]` and its Hessian `[2, 2]` in the coefficients."""
    nats, slope, curvature, total = 0.0, np.zeros(2), np.zeros((2, 2)), 0.0
    for scores, target, weight in batches():
        if not np.all(np.isfinite(scores)):
            raise DataError(
                "validation scores", found="one that is not finite", expected="finite scores"
            )
        # A constant a row changes nothing, and products of centred values keep their digits.
        s = np.asarray(scores, np.float64)
        s = s - s.mean(axis=1, keepdims=True)
        log_p = _log_softmax(at[0] * s + at[1] * share)
        rows, w, p = np.arange(len(target)), np.asarray(weight, np.float64), np.exp(log_p)
        p_s = p * s
        mean = np.stack([p_s.sum(axis=1), p @ share])
        came = np.stack([s[rows, target], share[target]])
        product = np.stack([(p_s * s).sum(axis=1), p_s @ share, p @ share**2]) @ w
        nats -= float(w @ log_p[rows, target])
        slope += (mean - came) @ w
        curvature += product[[[0, 1], [1, 2]]] - (mean * w) @ mean.T
        total += float(w.sum())
    if total <= 0:
        raise DataError("validation targets", found="no weight", expected="at least one target")
    return nats / total, slope / total, curvature / total
