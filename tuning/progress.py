"""What the terminal shows of a search: a line a trial, what runs now, and a table at the end."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from tuning.best import judged_on
from tuning.found import Found
from tuning.importance import shown
from tuning.oracles import ObjectiveName
from tuning.page import changes, command, figure
from tuning.trial import Record
from tuning.tuner import Watcher

_SHOWN = 10  # trials in the table at the end


class Progress(Watcher):
    """Prints trials as they end, with a bar below on a terminal; use it as a context.

    Args:
      console: where to.
      objective: of the search.
      max_trials: of the search.
    """

    def __init__(self, console: Console, objective: ObjectiveName, max_trials: int) -> None:
        self.console, self.objective = console, objective
        self.ended = 0
        self._values: dict[str, Any] = {}
        self._epochs = 0
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task("starting", total=max_trials)

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begins(self, name: str, values: dict[str, Any], epochs: int) -> None:
        """Shows that a trial runs."""
        self._values, self._epochs = values, epochs
        self._bars.update(self._task, description=_titled(name))

    def epoch(self, name: str, epoch: int, figures: dict[str, float]) -> None:
        """Shows how far it is."""
        now = figures.get(self.objective)
        known = "" if now is None else f", {figure(now, self.objective)}"
        text = f"{_titled(name)}: epoch {epoch} of {self._epochs}{known}"
        self._bars.update(self._task, description=text)

    def ends(self, name: str, record: Record) -> None:
        """Prints a trial's line."""
        if name == "best":
            return
        self.ended += 1
        try:
            self._bars.update(self._task, completed=int(name) + 1)
        except ValueError:  # not one of the oracle's
            self._bars.advance(self._task)
        values = [f"{n} {shown(v)}" for n, v in self._values.items() if not n.startswith("tuner/")]
        score = figure(record.get(self.objective), self.objective)
        what = f"failed: {record['failed']}" if "failed" in record else f"{self.objective} {score}"
        line = f"trial {name}: {what} ({', '.join(values)})"
        self.console.print(line, highlight=False, soft_wrap=True)


def _titled(name: str) -> str:
    return "the best, trained anew" if name == "best" else f"trial {name}"


def print_found(found: Found, console: Console) -> None:
    """The best trials as a table, what the best came to, and what to type next."""
    table = Table(title=f"{len(found.rows)} trials, the best first")
    for column in ("trial", found.objective, "judged on", "what differs from the first"):
        table.add_column(column, justify="right" if column == found.objective else "left")
    first = found.space.defaults
    if found.result is not None:
        value = list(found.result["perplexity"].values())[-1]
        table.add_row(
            "best, trained anew", "", judged_on(found.result), f"perplexity {value:.1f} there"
        )
    for row in found.rows[:_SHOWN]:
        differs = ", ".join(f"{name} {value}" for name, value in changes(row, first))
        said = "the preset" if row.is_base else differs
        score = figure(row.score, found.objective) or row.status
        table.add_row(row.trial, score, row.judged_on, row.reason or said)
    console.print(table)
    lines = [f"results: {found.page}"]
    if found.export_dir is not None:
        lines.append(f"run: {found.out / 'best'}; version: {found.export_dir}")
    else:
        lines.append(f"train it: {command(found.asked, found.best)}")
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
