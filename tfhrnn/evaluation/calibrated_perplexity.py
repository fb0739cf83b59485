"""The perplexity of a model whose scores are calibrated on other users first.

The fit needs every item's score at every target, which together may not fit in memory: windows of
at most 256 targets are scored, used and dropped, once for each pass of the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.config import Config
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.windows import Batch
from tfhrnn.evaluation.calibration import Calibration, Judged, calibrate
from tfhrnn.evaluation.evaluate import judging_windows, state_spec
from tfhrnn.evaluation.metrics import perplexity
from tfhrnn.models.hrnn import HRNN

_LANES, _WINDOW = 8, 32


def calibrated_perplexity(
    model: HRNN,
    log: EventLog,
    fitted_on: npt.NDArray[np.integer],
    judged_on: npt.NDArray[np.integer],
    config: Config,
) -> tuple[float, Calibration]:
    """Fits scale and popularity on some users' targets and judges other users' with them.

    Args:
      model: as it was trained; its weights stay as they are.
      log: the events.
      fitted_on: `[n]` user indices, validation users say.
      judged_on: `[m]` user indices, test users say; every event of theirs is a target.
      config: of the model.

    Returns:
      The perplexity over the whole catalogue, and the calibration. Popularity is the share of the
      training events, each item's count plus 1.

    Raises:
      DataError: a score is not finite, or there are no targets to fit on.
    """
    counts = model.facts.item_counts + 1.0
    log_share = np.log(counts / counts.sum())
    fitted = calibrate(_batches(model, log, fitted_on, config), log_share)
    log_p = [
        fitted.log_probabilities(scores, log_share)[np.arange(len(target)), target]
        for scores, target, _ in _batches(model, log, judged_on, config)()
    ]
    return perplexity(np.concatenate(log_p)), fitted


def _batches(
    model: HRNN, log: EventLog, users: npt.NDArray[np.integer], config: Config
) -> Callable[[], Iterator[Judged]]:
    """What gives the users' targets with the scores of all items, a window at a time."""
    windows = judging_windows(model, log, users, config, lanes=_LANES, window=_WINDOW)
    signature = [windows.signature(), state_spec(model, _LANES)]
    step = tf.function(model.log_probabilities, signature, autograph=False)

    def judged() -> Iterator[Judged]:
        state = model.tower.initial_state(_LANES)
        for batch in windows.batches():
            scores, state = step(Batch(*map(tf.constant, batch)), state)
            counts = batch.weight > 0
            yield Judged(
                scores.numpy()[counts],
                batch.targets[..., 0][counts] - FIRST_ITEM,
                batch.weight[counts],
            )

    return judged
