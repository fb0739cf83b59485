"""An event log with some of its items made cold: no event of theirs is left, their features are.

For judging cold starts. Users keep their places, and so their part in a split; the catalogue is
whole, and so are columns and softmax.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.encoding import ARRAYS, EVENT_TYPE, fingerprint
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.files import whole_folder
from tfhrnn.errors import ConfigError


def draw_cold(num_items: int, share: float = 0.5, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Which items are to be cold: a share of them, rounded down, drawn evenly.

    Args:
      num_items: items of the catalogue.
      share: between 0 and 1.
      seed: of the draw.

    Returns:
      `[items]` bool.

    Raises:
      ConfigError: the share leaves no item cold, or none warm.

    >>> cold = draw_cold(11)
    >>> int(cold.sum()), bool((cold == draw_cold(11)).all())
    (5, True)
    """
    count = int(share * num_items)
    if not 0 < count < num_items:
        raise ConfigError(
            f"cold share: got {share} of {num_items} items, expected some cold and some warm"
        )
    cold = np.zeros(num_items, bool)
    cold[np.random.default_rng(seed).permutation(num_items)[:count]] = True
    return cold


def is_of(log: EventLog, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which events are of some items, `[items]` bool, as `[events]` bool."""
    return chosen[np.asarray(log.item) - FIRST_ITEM]


def write_without_items(log: EventLog, cold: npt.NDArray[np.bool_], out: str | Path) -> EventLog:
    """Writes an event log without the events of some items.

    Args:
      log: the events.
      cold: `[items]` bool, whose events are left out, of all users.
      out: the folder to write; an earlier one is replaced.

    Returns:
      The log, opened: the same users, some perhaps without events, and the same catalogue.

    Raises:
      RunError: it can't be written.
    """
    kept = ~is_of(log, cold)
    before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)  # kept events before each
    types = log.meta.get("event_types") or ()
    arrays: dict[str, npt.NDArray[Any]] = {"offsets": before[np.asarray(log.offsets)]}
    for name in (*ARRAYS[1:], *([EVENT_TYPE] if types else [])):
        arrays[name] = np.asarray(getattr(log, name))[kept]
    meta = {
        **log.meta,
        "name": f"{log.name}, {int(cold.sum())} items cold",
        "events": int(kept.sum()),
        "has_feedback": bool(np.isfinite(arrays["feedback"]).any()),
        "fingerprint": fingerprint(arrays, log.user_ids, log.catalogue.ids, types),
    }
    with whole_folder(Path(out)) as folder:
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        for name in ("users.parquet", "items.parquet"):
            shutil.copyfile(log.directory / name, folder / name)
        text = json.dumps(meta, indent=2, ensure_ascii=False)
        (folder / "meta.json").write_text(text, encoding="utf-8")
    return EventLog.open(out)
