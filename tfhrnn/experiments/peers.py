"""Two systems on the same targets: a run beside another run, or beside any system's ranked lists.

Both are judged anew under the run's protocol; unlike protocols are refused. Users are what is
drawn, for the intervals and for the tests (`tfhrnn.evaluation.statistics`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.evaluation.comparison import compare, mean_figures
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.evaluation.list_reader import read_lists
from tfhrnn.evaluation.statistics import SAMPLES
from tfhrnn.protocol import Protocol, require_same
from tfhrnn.recommender import HRNNRecommender


def compare_runs(
    first: str | Path,
    second: str | Path,
    *,
    data: str | Path | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Two trained runs beside each other.

    Args:
      first: a run's folder.
      second: another one's, of the same data and split.
      data: their event log, if it was moved.
      samples: draws of intervals and tests.
      seed: of the draws.

    Returns:
      `rows`, a record a system with its figures; `paired`, see `comparison.compare`; `protocol`.

    Raises:
      ProtocolError: they are judged under unlike protocols.
      RunError: no such run, or another one's event log.
    """
    _, protocol, judged = judged_run(first, data)
    _, other_protocol, other = judged_run(second, data)
    require_same(protocol, other_protocol)
    systems = {str(first): judged, str(second): other}
    return _comparison(systems, protocol, samples, seed)


def compare_with_lists(
    run: str | Path,
    lists: str | Path,
    *,
    stated_hash: str | None = None,
    data: str | Path | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """A trained run beside another system's ranked lists; as `compare_runs`.

    Args:
      run: the run's folder.
      lists: a Parquet file, see `tfhrnn.evaluation.ranked_lists`.
      stated_hash: of the protocol, where the file doesn't say it.
      data: the run's event log, if it was moved.
      samples: draws of intervals and tests.
      seed: of the draws.

    Raises:
      DataError: lists that can't be read, told by row and column.
      ProtocolError: lists of another protocol.
      RunError: no such run or file.
    """
    log, protocol, judged = judged_run(run, data)
    other = read_lists(Path(lists), log, judged, protocol, stated_hash)
    return _comparison({str(run): judged, str(lists): other}, protocol, samples, seed)


def judged_run(
    path: str | Path, data: str | Path | None = None
) -> tuple[EventLog, Protocol, pl.DataFrame]:
    """A run's event log, its protocol, and the judged rows of its test events."""
    recommender = HRNNRecommender.load(path, data=data)
    run, model = recommender.run, recommender.model
    assert run is not None and model is not None
    log = recommender.log or run.open_log()
    division = run.division(log)
    test = division.users(Part.TEST)
    judged = judge(model, log, test, run.config)
    return log, run.protocol(log), judged.filter(division.judged(test))


def _comparison(
    systems: dict[str, pl.DataFrame], protocol: Protocol, samples: int, seed: int
) -> dict[str, Any]:
    first, second = systems.values()
    return {
        "rows": [
            {"name": name, **mean_figures(judged, protocol.k)} for name, judged in systems.items()
        ],
        "paired": compare(first, second, k=protocol.k, samples=samples, seed=seed),
        "samples": samples,
        "seed": seed,
        "protocol": protocol.to_dict(),
    }
