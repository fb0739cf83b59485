"""Results of an experiment, a JSON file each: read back where they stand, else worked out.

A file is written when its result is whole, so a stopped experiment goes on where it was. Several
can be worked out side by side, each in a process of one thread, which gets more out of a few cores
than one training does.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tfhrnn.data.files import whole_file
from tfhrnn.startup import start_worker

Record = dict[str, Any]
Name = TypeVar("Name")


class Task(NamedTuple):
    """One result.

    Attributes:
      path: where it stands or will stand.
      read: from the path to the record; raises where it is of other settings.
      work: writes it; a function of a module, since it goes to other processes.
      arguments: what `work` is given, for the same reason no open files or models.
    """

    path: Path
    read: Callable[[Path], Record]
    work: Callable[..., None]
    arguments: tuple[Any, ...]


def gather(
    tasks: Mapping[Name, Task], *, jobs: int, say: Callable[[Name, Record], None]
) -> dict[Name, Record]:
    """Reads back what is done, and does what is not.

    Args:
      tasks: by name, in the order of work.
      jobs: how many side by side; one works in this process.
      say: is told of each result as it is found.

    Raises:
      Exception: what `read` raises, before any work begins, or `work`.
    """
    found = {name: task.read(task.path) for name, task in tasks.items() if task.path.is_file()}
    for name, record in found.items():
        say(name, record)
    for name in _work({name: tasks[name] for name in tasks if name not in found}, jobs):
        found[name] = tasks[name].read(tasks[name].path)
        say(name, found[name])
    return found


def write_record(path: Path, record: Record) -> None:
    """Writes a result whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n")


def _work(tasks: Mapping[Name, Task], jobs: int) -> Iterator[Name]:
    """Does each task and yields its name when its result stands."""
    if jobs == 1 or len(tasks) < 2:
        for name, task in tasks.items():
            task.work(*task.arguments)
            yield name
        return
    spawn = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=start_worker) as pool:
        running = {pool.submit(task.work, *task.arguments): name for name, task in tasks.items()}
        try:
            for future in as_completed(running):
                future.result()
                yield running[future]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
