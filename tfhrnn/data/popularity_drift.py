"""How fast popularity changes, and how fast a model that only knows popularity ages.

Events are cut into periods of one length. Every figure is a mean over periods, weighted by events,
and all ages and all windows are judged on the same events, so that they may be compared.

Source: the retrain frequency and temporal shift analyses of Amazon Personalize's diagnose tool
(amazon-personalize-samples, next_steps/data_science/diagnose), which compare a period's items with
those of the period before by total variation, beside a bootstrap of the period itself. The loss by
age is a cross-entropy, which is what models are trained on.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

UNITS: Final = (3600, 21_600, 86_400, 604_800, 2_592_000, 7_776_000)  # an hour to 90 days
MOST_PERIODS: Final = 300
FEWEST_PERIODS: Final = 8
_KNOWN: Final = 0.2  # share of events that the oldest model has seen, at least
_JUDGED: Final = 0.2  # share of events that are judged, at least


def choose_period(span: int) -> int | None:
    """The shortest of `UNITS` that cuts a span into at most `MOST_PERIODS`.

    Args:
      span: seconds from the first event to the last.

    Returns:
      Seconds; None where there would be fewer than `FEWEST_PERIODS`.

    >>> choose_period(214 * 86_400), choose_period(20 * 365 * 86_400), choose_period(3600)
    (86400, 2592000, None)
    """
    fitting = (unit for unit in UNITS if span // unit + 1 <= MOST_PERIODS)
    unit = next(fitting, UNITS[-1])
    return unit if span // unit + 1 >= FEWEST_PERIODS else None


def popularity_drift(item: Ints, time: Ints, num_items: int, *, seed: int = 0) -> dict[str, Any]:
    """Measures drift and ageing.

    Args:
      item: `[events]` from 0, in any order.
      time: `[events]` Unix seconds.
      num_items: of the catalogue, over which perplexity is.
      seed: of the bootstrap.

    Returns:
      Plain values: `period_seconds`, None where the events' span is too short and the lists are
      empty; `ages`, `drift` and `windows`, see `loss_by_age`, `drift_by_period` and
      `loss_by_window`.
    """
    order = np.argsort(time, kind="stable")
    item, time = np.asarray(item)[order], np.asarray(time)[order]
    period = choose_period(int(time[-1] - time[0])) if len(time) else None
    found: dict[str, Any] = {"period_seconds": period, "ages": [], "drift": [], "windows": []}
    if period is None:
        return found
    number = (time - time[0]) // period
    bounds = np.searchsorted(number, np.arange(number[-1] + 2))
    blocks = [item[bounds[at] : bounds[at + 1]] for at in range(len(bounds) - 1)]
    ages = [0, *(2**power for power in range(20) if 4 * 2**power <= len(blocks))]
    found["ages"] = loss_by_age(blocks, num_items, ages, period)
    found["drift"] = drift_by_period(blocks, num_items, period, np.random.default_rng(seed))
    found["windows"] = loss_by_window(blocks, num_items, ages[1:], period)
    return found


def loss_by_age(
    blocks: list[Ints], num_items: int, ages: list[int], period: int
) -> list[dict[str, float]]:
    """Loss of popularity that was counted some periods ago, on the same events at every age.

    At age a, a period's events are predicted by p_j = (c_j + 1) / (C + items), where c_j counts all
    events up to a periods before the period begins. Judged are the periods from the first on at
    which the oldest model has seen a fifth of all events; ages that leave less than a fifth of all
    events to judge are left out.

    Args:
      blocks: the periods' items, in order.
      num_items: of the catalogue.
      ages: periods, rising from 0.
      period: seconds.

    Returns:
      An entry an age: `age_seconds`, `cross_entropy` in nats, `perplexity`, its `change` relative
      to age 0 with its standard error over periods, `change_error` (periods being what is drawn:
      the events of one are alike), and `events`, how many were judged. Empty where no age can be
      judged.
    """
    sizes = np.array([len(block) for block in blocks])
    before = np.concatenate([[0], np.cumsum(sizes)])  # events before each period
    known = int(np.searchsorted(before, _KNOWN * before[-1]))  # the oldest model's first end
    fitting = [age for age in ages if before[-1] - _at(before, known + age) >= _JUDGED * before[-1]]
    if len(fitting) < 2:
        return []
    first = known + fitting[-1]
    counts = {age: np.zeros(num_items, np.int64) for age in fitting}
    nats: dict[int, list[float]] = {age: [] for age in fitting}  # of each period judged
    for at, block in enumerate(blocks):
        for age in fitting:
            if at >= first and len(block):
                own = counts[age]
                chance = np.log(own[block] + 1.0) - np.log(before[at - age] + float(num_items))
                nats[age].append(-float(chance.sum()))
            if at >= age:
                np.add.at(counts[age], blocks[at - age], 1)
    events = int(before[-1] - before[first])
    counted = np.array([len(block) for block in blocks[first:] if len(block)])
    found = []
    for age in fitting:
        loss = sum(nats[age]) / events
        more = np.array(nats[age]) - np.array(nats[0])
        apart = more - counted * more.sum() / events  # a ratio's error, by its linearisation
        error = float(np.sqrt((apart**2).sum() * len(apart) / max(len(apart) - 1, 1))) / events
        ratio = float(np.exp(more.sum() / events))
        found.append(
            {
                "age_seconds": age * period,
                "cross_entropy": loss,
                "perplexity": float(np.exp(loss)),
                "change": ratio - 1,
                "change_error": ratio * error,
                "events": events,
            }
        )
    return found


def drift_by_period(
    blocks: list[Ints], num_items: int, period: int, rng: np.random.Generator
) -> list[dict[str, float]]:
    """Total variation between each period's items and those of the one before.

    Args:
      blocks: the shortest periods' items, in order; longer ones are 2, 4, 8, … of them.
      num_items: of the catalogue.
      period: seconds of the shortest.
      rng: of the bootstrap.

    Returns:
      An entry a length: `period_seconds`; `before`, the mean total variation (0 to 1) to the period
      before; `bootstrap`, that to a sample of the period itself of the size of the one before, what
      chance alone makes; `new_items`, the share of events of items without any event before the
      period; and `periods`.
    """
    found = []
    length = 1
    while len(blocks) // length >= 4:
        joined = [
            np.concatenate(blocks[start : start + length])
            for start in range(0, len(blocks) - length + 1, length)
        ]
        met = np.zeros(num_items, np.bool_)
        sums = np.zeros(4)  # events, variation to the one before, to the bootstrap, new events
        last: Ints = np.zeros(0, np.int64)
        for block in joined:
            if len(last) and len(block):
                share = np.bincount(block, minlength=num_items) / len(block)
                past = np.bincount(last, minlength=num_items) / len(last)
                there = np.flatnonzero(share)
                drawn = rng.multinomial(len(last), share[there] / share[there].sum()) / len(last)
                sums += len(block) * np.array(
                    [
                        1.0,
                        np.abs(share - past).sum() / 2,
                        np.abs(share[there] - drawn).sum() / 2,
                        np.mean(~met[block]),
                    ]
                )
            met[block] = True
            last = block
        if sums[0]:
            means = sums / sums[0]
            found.append(
                {
                    "period_seconds": length * period,
                    "before": float(means[1]),
                    "bootstrap": float(means[2]),
                    "new_items": float(means[3]),
                    "periods": len(joined),
                }
            )
        length *= 2
    return found


def loss_by_window(
    blocks: list[Ints], num_items: int, windows: list[int], period: int
) -> list[dict[str, float | None]]:
    """Total variation between each period's items and those of the last periods before it.

    Args:
      blocks: the periods' items, in order.
      num_items: of the catalogue.
      windows: periods, rising.
      period: seconds.

    Returns:
      An entry a window, and one of all the past with `window_seconds` None: `variation`, the mean
      over the periods before which every window is full.
    """
    if not windows:
        return []
    lagging = {window: np.zeros(num_items, np.int64) for window in windows}
    past = np.zeros(num_items, np.int64)
    sums = dict.fromkeys([*windows, None], 0.0)
    events = 0
    for at, block in enumerate(blocks):
        if at >= windows[-1] and len(block):
            share = np.bincount(block, minlength=num_items) / len(block)
            events += len(block)
            for window in sums:
                count = past if window is None else past - lagging[window]
                # nothing in a window predicts nothing
                apart = np.abs(share - count / max(1, count.sum())).sum() / 2 if count.any() else 1
                sums[window] += len(block) * float(apart)
        np.add.at(past, block, 1)
        for window in windows:
            if at >= window:
                np.add.at(lagging[window], blocks[at - window], 1)
    return [
        {
            "window_seconds": None if window is None else float(window * period),
            "variation": total / events,
        }
        for window, total in sums.items()
        if events
    ]


def _at(before: Ints, period: int) -> int:
    return int(before[min(period, len(before) - 1)])
