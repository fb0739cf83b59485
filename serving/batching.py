"""Requests that arrive at about the same time share one run of the graph.

A queue holds requests for one signature of one version whose inputs can be stacked along their
first dimension. A thread takes as many from a queue as fit a batch, once there are enough of them
or the oldest has waited for long enough, runs the graph, and deals the rows of the outputs out
again. What one request did wrong is its own affair: if a batch fails, each of it is run alone.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np

from serving.batch_config import BatchConfig
from serving.dtypes import Array
from serving.errors import ApiError, Code, Reply, invalid
from serving.metrics import Metrics
from serving.rest_api import Pending


@dataclass
class Task:
    """One request in a queue.

    Attributes:
      pending: the request.
      deadline: in `time.monotonic` seconds; a task that is taken later is refused with `late`.
      late: that refusal.
      done: is called with the reply, in one of the batcher's threads.
    """

    pending: Pending
    deadline: float
    late: ApiError
    done: Callable[[Reply], None]
    num_rows: int = 0
    queued_at: float = field(default_factory=time.monotonic)


@dataclass
class _Queue:
    tasks: deque[Task] = field(default_factory=deque)
    num_rows: int = 0


class Batcher:
    """Forms batches and runs them, in threads of its own, while its `with` block runs.

    Leaving the block answers what is still in the queues.
    """

    def __init__(self, config: BatchConfig, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._queues: dict[Hashable, _Queue] = {}
        self._changed = threading.Condition()
        self._is_stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"batch {number}", daemon=True)
            for number in range(config.num_threads)
        ]

    def __enter__(self) -> "Batcher":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def submit(self, task: Task) -> None:
        """Puts a request into its queue.

        Raises:
          ApiError: it has more rows than a batch may have, or the queue is full. The request is
            still to be refused then.
        """
        key, task.num_rows = self._place(task)
        most = self._config.max_rows
        if task.num_rows > most:
            raise invalid(
                f"Task size {task.num_rows} is larger than maximum input batch size {most}"
            )
        with self._changed:
            queue = self._queues.setdefault(key, _Queue())
            if queue.num_rows + task.num_rows > most * self._config.max_waiting_batches:
                raise ApiError(
                    Code.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is full; it holds "
                    f"{queue.num_rows} rows",
                )
            queue.tasks.append(task)
            queue.num_rows += task.num_rows
            self._changed.notify()

    def _place(self, task: Task) -> tuple[Hashable, int]:
        """Which requests this one may be stacked with, and its number of rows."""
        question = task.pending.question
        arrays = question.arrays.values()
        first = next(iter(arrays))
        num_rows = len(first) if first.ndim else 0
        if not num_rows or any(not a.ndim or len(a) != num_rows for a in arrays):
            return object(), 1  # nothing to stack along: it runs alone
        shapes = tuple(a.ndim if self._config.pads else a.shape[1:] for a in arrays)
        outputs = tuple(question.signature.fetches.values())
        return (id(question.bundle), outputs, tuple(question.arrays), shapes), num_rows

    def _work(self) -> None:
        while batch := self._next_batch():
            self._run(batch)

    def _next_batch(self) -> list[Task]:
        """Waits for a batch; empty when there is none left and none will come."""
        with self._changed:
            while True:
                now = time.monotonic()
                ready_at, key = self._next_ready()
                if key is not None and ready_at <= now:
                    return self._take(key)
                if key is None and self._is_stopped:
                    return []
                self._changed.wait(None if key is None else ready_at - now)

    def _next_ready(self) -> tuple[float, Hashable | None]:
        """The queue that is ready first, and when it is."""
        soonest, chosen = 0.0, None
        for key, queue in self._queues.items():
            ready_at = queue.tasks[0].queued_at
            if queue.num_rows < self._config.max_rows and not self._is_stopped:
                ready_at += self._config.timeout_seconds
            if chosen is None or ready_at < soonest:
                soonest, chosen = ready_at, key
        return soonest, chosen

    def _take(self, key: Hashable) -> list[Task]:
        queue = self._queues[key]
        batch: list[Task] = []
        room = self._config.max_rows
        while queue.tasks and queue.tasks[0].num_rows <= room:
            task = queue.tasks.popleft()
            room -= task.num_rows
            queue.num_rows -= task.num_rows
            batch.append(task)
        if not queue.tasks:
            del self._queues[key]
        return batch

    def _run(self, batch: list[Task]) -> None:
        now = time.monotonic()
        in_time = []
        for task in batch:
            self._metrics.time_queue(now - task.queued_at)
            if task.deadline < now:
                task.done(task.pending.refuse(task.late))
            else:
                in_time.append(task)
        if not in_time:
            return
        self._metrics.count_batch()
        started = time.perf_counter()
        try:
            outputs = self._outputs(in_time)
        except ApiError as error:
            if len(in_time) == 1:
                in_time[0].done(in_time[0].pending.refuse(error))
                return
            for task in in_time:
                is_late = task.deadline < time.monotonic()
                pending = task.pending
                task.done(pending.refuse(task.late) if is_late else pending.run())
            return
        except Exception as error:
            for task in in_time:
                task.done(task.pending.refuse(error))
            return
        seconds = time.perf_counter() - started
        for task, own in zip(in_time, outputs, strict=True):
            task.done(task.pending.reply(own, seconds))

    def _outputs(self, batch: list[Task]) -> list[dict[str, Array]]:
        """Runs the graph once; each task's own rows of every output."""
        question = batch[0].pending.question
        given = [task.pending.question.arrays for task in batch]
        if len(batch) == 1:
            return [question.bundle.run(question.signature, given[0])]
        stacked = {name: _stacked([arrays[name] for arrays in given]) for name in given[0]}
        outputs = question.bundle.run(question.signature, stacked)
        num_rows = sum(task.num_rows for task in batch)
        for values in outputs.values():
            if not values.ndim:
                raise ApiError(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
            if len(values) != num_rows:
                raise ApiError(
                    Code.FAILED_PRECONDITION,
                    "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                    "dimension sizes of the input tensors",
                )
        ends = np.cumsum([task.num_rows for task in batch]).tolist()
        return [
            {name: values[end - task.num_rows : end] for name, values in outputs.items()}
            for task, end in zip(batch, ends, strict=True)
        ]


def _stacked(arrays: list[Array]) -> Array:
    """Arrays one after another, padded to the longest in every dimension but the first."""
    shapes = np.array([array.shape[1:] for array in arrays])
    longest = shapes.max(axis=0)
    if (shapes == longest).all():
        return np.concatenate(arrays)
    return np.concatenate([_padded(array, longest) for array in arrays])


def _padded(array: Array, longest: Array) -> Array:
    """An array padded with its own first element, as TensorFlow Serving does it."""
    if not array.size:
        raise invalid("a tensor without elements cannot be padded")
    widths = [(0, 0), *((0, more) for more in longest - array.shape[1:])]
    padded = np.full(
        [size + more for size, (_, more) in zip(array.shape, widths, strict=True)],
        array.flat[0],
        array.dtype,
    )
    padded[tuple(slice(size) for size in array.shape)] = array
    return padded
