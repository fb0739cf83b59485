"""On what hardware a training runs, and how its steps are packed: nothing of what it computes.

A strategy's replicas split the lanes between them: each reads its share of every batch, carries the
state of its own lanes, and adds its part to one loss over the weight of all. So a run is the same
on one device and on several at the same `batch_size`, but for rounding and for what is drawn
(dropout, λ, negatives), which each replica draws for itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfhrnn.config import STRATEGY_NAMES
from tfhrnn.data.windows import Windows
from tfhrnn.errors import ConfigError, RunError


class Devices:
    """Where to train.

    Make it before anything else of TensorFlow is used: "multi_worker" waits for the other workers
    here, and "mirrored" takes the devices that there are by now.

    Args:
      strategy: a `tf.distribute.Strategy`; or by name "one_device" (the first GPU, or the CPU),
        "mirrored" (all GPUs of this machine, or all logical CPUs), "multi_worker" (the cluster that
        the environment variable TF_CONFIG describes) or "tpu" (the one named by TPU_NAME, or this
        machine's own); None for plain TensorFlow.
      jit_compile: compile the whole step by XLA. Draws then differ from those without.
      steps_per_execution: updates a call of the compiled function; callbacks see every so many.

    Raises:
      ConfigError: no such strategy or no hardware for it, `steps_per_execution` below 1, or
        `jit_compile` with several replicas.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy | str | None = None,
        *,
        jit_compile: bool = False,
        steps_per_execution: int = 1,
    ) -> None:
        if steps_per_execution < 1:
            raise ConfigError(f"steps_per_execution: got {steps_per_execution}, expected 1 or more")
        self.strategy: Any = _by_name(strategy) if isinstance(strategy, str) else strategy
        self.jit_compile, self.steps_per_execution = jit_compile, steps_per_execution
        if jit_compile and self.replicas > 1:
            # Replicas meet in the middle of a step, where a compiled function cannot stop.
            raise ConfigError(
                f"jit_compile: got a strategy of {self.replicas} replicas, expected one replica "
                "(a TPU compiles its steps anyway)"
            )

    @property
    def replicas(self) -> int:
        """Copies of the model that are trained in step."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run: of several workers the chief, or the first."""
        if not isinstance(self.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return True
        resolver = self.strategy.cluster_resolver
        if "chief" in resolver.cluster_spec().jobs:
            return bool(resolver.task_type == "chief")
        return bool(resolver.task_id == 0)

    @property
    def compile_options(self) -> dict[str, Any]:
        """Arguments of `Model.compile`."""
        return {
            "jit_compile": self.jit_compile or None,
            "steps_per_execution": self.steps_per_execution,
        }

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Where models and optimizers are made."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    def lanes_each(self, lanes: int) -> int:
        """Lanes of one replica.

        Raises:
          ConfigError: they cannot be split evenly.
        """
        if lanes % self.replicas:
            raise ConfigError(
                f"batch_size: got {lanes} lanes, expected a multiple of the strategy's "
                f"{self.replicas} replicas"
            )
        return lanes // self.replicas

    def batches(self, windows: Windows, first_epoch: int = 0) -> tuple[Any, int | None]:
        """What `fit` reads, and how many steps an epoch has, where it must be told."""
        if self.strategy is None:
            return windows.dataset(first_epoch), None

        def own(context: tf.distribute.InputContext) -> tf.data.Dataset:
            count = self.replicas // context.num_input_pipelines
            first = context.input_pipeline_id * count
            return windows.shares(self.replicas, range(first, first + count), first_epoch)

        return self.strategy.distribute_datasets_from_function(own), windows.num_batches

    def place_of_run(self, path: Path, scratch: Callable[[], Path], *, resume: bool) -> Path:
        """Where this process keeps the run: `path`, or a folder of its own if it is not the chief.

        All workers must save when one does, since saving reads what they hold together; only the
        chief's files count. To resume, every worker must see the chief's folder.

        Args:
          path: the run's.
          scratch: makes a folder that is thrown away in the end.
          resume: whether a run that stands in `path` is gone on with.
        """
        if self.is_chief:
            return path
        own = scratch() / "run"
        if resume and (path / "checkpoints").exists():
            shutil.copytree(path, own, ignore=shutil.ignore_patterns("tensorboard"))
        return own

    def require_same_start(self, epochs_done: int) -> None:
        """Refuses to train on where workers do not stand at the same epoch.

        Raises:
          RunError: they do not.
        """
        # The sum of squares is least where all are alike.
        total, squares = self._sum(epochs_done), self._sum(epochs_done**2)
        if total**2 != self.replicas * squares:
            raise RunError(
                f"resume: got {epochs_done} finished epochs here and another number on other "
                "workers, expected the chief's run folder to be on a disk that all of them see"
            )

    def wait_for_all(self) -> None:
        """Keeps workers together: one that ends takes what the others still need with it."""
        self._sum(0)

    def _sum(self, value: int) -> int:
        """The sum of every replica's value."""
        if self.replicas == 1:
            return value

        @tf.function
        def add_up() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(value, tf.int32))

        return int(self.strategy.experimental_local_results(self.strategy.run(add_up))[0])


def _by_name(name: str) -> tf.distribute.Strategy:
    if name not in STRATEGY_NAMES:
        raise ConfigError(f"no strategy named {name!r}; there are: {', '.join(STRATEGY_NAMES)}")
    if name == "multi_worker":
        if "TF_CONFIG" not in os.environ:
            raise ConfigError(
                "strategy: got 'multi_worker' without TF_CONFIG in the environment, expected it to "
                "describe the cluster and this worker's place in it"
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        return _tpu()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(devices[0].name)
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _tpu() -> tf.distribute.Strategy:
    place = os.environ.get("TPU_NAME", "local")
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(place)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"strategy: got 'tpu', but {place!r} gives none: {reason}") from error
