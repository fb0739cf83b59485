"""What a search found: in memory, as JSON and as a page in its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfhrnn.config import Config
from tfhrnn.data.files import whole_file
from tuning.best import BEST, judged_on
from tuning.oracles import ObjectiveName
from tuning.page import write_page
from tuning.space import Space
from tuning.trials import Row


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
      out: its folder.
      objective: what the trials were judged by.
      rows: the trials, the best first.
      space: what was searched.
      asked: what the search was asked for, by name.
      result: of the best, trained anew, on the test part; None where it is not.
      export_dir: the exported version; None likewise.
    """

    out: Path
    objective: ObjectiveName
    rows: list[Row]
    space: Space
    asked: dict[str, Any]
    result: dict[str, Any] | None = None
    export_dir: Path | None = None

    @property
    def page(self) -> Path:
        """The page of everything."""
        return self.out / "results.html"

    @property
    def best(self) -> Row:
        """The best trial."""
        return self.rows[0]

    @property
    def config(self) -> Config:
        """The best trial's configuration."""
        return self.space.config(self.best.settings)

    @property
    def recommender(self) -> Any:
        """The best model, an `HRNNRecommender`, trained anew.

        Raises:
          RunError: it was not trained anew.
        """
        from tfhrnn.recommender import HRNNRecommender

        return HRNNRecommender.load(self.out / BEST)


def _plain(found: Found) -> dict[str, Any]:
    """Everything found, as plain values."""
    best = None
    if found.result is not None:
        rates = ("hit_rate_at_10", "ndcg_at_10", "mrr_at_10")
        figures = ("perplexity", "weighted_perplexity", *rates, "protocol")
        best = {name: found.result[name] for name in figures if name in found.result}
        best |= {"judged_on": judged_on(found.result), "run": str(found.out / BEST)}
        best |= {"export_dir": str(found.export_dir)}
    return {
        "search": found.asked,
        "trials": [row._asdict() for row in found.rows],
        "best": best,
        "page": str(found.page),
    }


def write_found(found: Found) -> None:
    """Writes results.html and results.json, each whole or not at all."""
    write_page(
        found.page,
        space=found.space,
        rows=found.rows,
        objective=found.objective,
        asked=found.asked,
        result=found.result,
        judged_on="" if found.result is None else judged_on(found.result),
    )
    with whole_file(found.out / "results.json") as temporary:
        text = json.dumps(_plain(found), indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
