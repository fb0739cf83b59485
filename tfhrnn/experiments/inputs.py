"""What a step may read, on ml-100k: the paper's choices beside `hrnn-metadata`, one at a time.

The paper concatenates feedback and user features with the other inputs, and reports that negated
items and deep-cross networks did about as well (section 2); its user features on ml-20m were those
of the user's first item (section 3). The last leak the first target, so each row also has the
perplexity of the targets after the first event, where all rows can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from tfhrnn.config import Config, preset
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.split import Part
from tfhrnn.evaluation.evaluate import after_first, figures, judge
from tfhrnn.experiments.runs import run_all
from tfhrnn.recommender import HRNNRecommender

PLAIN: Final = "hrnn-metadata (feedback concatenated)"
SETTINGS: dict[str, dict[str, object]] = {
    PLAIN: {},
    "items negated below the mean feedback": {"feedback": False, "negate_below": "mean"},
    "deep-cross network of two layers": {"input_cross": 2},
    "features of the first item for user features": {
        "user_features": False,
        "first_item_features": True,
    },
    "the same, first targets not trained on": {
        "user_features": False,
        "first_item_features": True,
        "first_targets": False,
    },
    "untied": {"tied": False},
}
TITLES = "words of the title too"  # the first row's settings, on items with one feature more
QUICK_ROWS: Final = (PLAIN,)  # and the words of titles


def configs() -> dict[str, Config]:
    """A row's name to its configuration."""
    return {name: preset("hrnn-metadata", settings) for name, settings in SETTINGS.items()}


def with_titles(log: EventLog, out: Path) -> EventLog:
    """The same events with the words of titles among the item features.

    Args:
      log: events whose items have titles.
      out: folder of the new log.

    Returns:
      The log, opened; its fingerprint, and so the protocol of what is judged on it, is that of
      `log`.
    """
    items, users = log.catalogue.frame, log.user_frame
    user = np.repeat(np.arange(log.num_users), np.diff(log.offsets))
    events = pl.DataFrame(
        {
            "user_id": users["user_id"].gather(user),
            "item_id": items["item_id"].gather(np.asarray(log.item, np.int64) - FIRST_ITEM),
            "timestamp": np.asarray(log.time),
            "feedback": pl.Series(np.asarray(log.feedback)).fill_nan(None),
            "weight": np.asarray(log.weight),
        }
    )
    item_features, user_features = (
        [f"{spec.name}:{spec.kind}" for spec in features.specs] if features else []
        for features in (log.catalogue.features, log.user_features)
    )
    return write_event_log(
        events,
        out,
        items=items,
        users=users,
        item_features=[*item_features, "title:text"],
        user_features=user_features,
        timestamp_unit="s",
        name=log.name,
        thresholds=log.thresholds,
        keep_duplicates=True,
    )


def later(recommender: HRNNRecommender, log: EventLog) -> dict[str, float]:
    """A trained model's perplexity on the test users' targets after their first."""
    assert recommender.run is not None and recommender.model is not None
    test = recommender.run.users(log, Part.TEST)
    judged = after_first(judge(recommender.model, log, test, recommender.config))
    return {"perplexity_after_first": figures(judged)["perplexity"]}


def run(
    log: EventLog,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    quick: bool = False,
) -> dict[str, Any]:
    """The table of inputs, words of titles last; see `tfhrnn.experiments.runs.run_all`."""
    rows = configs()
    found = run_all(
        log,
        rows,
        out,
        seeds=seeds,
        jobs=jobs,
        say=say,
        extra=later,
        quick=QUICK_ROWS if quick else None,
    )
    titled = with_titles(log, out / "titles-data")
    last = run_all(
        titled,
        {TITLES: next(iter(rows.values()))},
        out / "titles",
        seeds=seeds,
        jobs=jobs,
        say=say,
        extra=later,
        quick=(TITLES,) if quick else None,
    )
    return {**found, "rows": [*found["rows"], last["rows"][-1]]}
