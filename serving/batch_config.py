"""How requests are batched: `BatchingParameters` in text protobuf, or its defaults."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from serving.text_proto import ConfigError, message_class, parse_file

# As in TensorFlow Serving's session_bundle_config.proto, which no Python package holds.
_MESSAGES = {
    "BatchingParameters": {
        "max_batch_size": (1, "Int64Value"),
        "batch_timeout_micros": (2, "Int64Value"),
        "max_enqueued_batches": (3, "Int64Value"),
        "num_batch_threads": (4, "Int64Value"),
        "thread_pool_name": (5, "StringValue"),
        "allowed_batch_sizes": (6, "repeated int64"),
        "pad_variable_length_inputs": (7, "bool"),
        "enable_large_batch_splitting": (8, "BoolValue"),
        "max_execution_batch_size": (9, "Int64Value"),
    }
}


@dataclass(frozen=True)
class BatchConfig:
    """Limits of a batch and of the queue before it.

    Attributes:
      max_rows: a batch holds no more rows than that.
      timeout_seconds: how long the first request of a batch waits for more.
      max_waiting_batches: how many full batches a queue holds; what comes then is refused.
      num_threads: how many batches are computed at a time.
      pads: whether inputs of different lengths share a batch, the shorter ones padded with the
        first element of their tensor. Else only inputs of one shape do.
    """

    max_rows: int = 1000
    timeout_seconds: float = 0.0
    max_waiting_batches: int = 10
    num_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    pads: bool = False


def read_batch_config(path: Path) -> BatchConfig:
    """Reads a file of batching parameters; what it leaves out keeps its default.

    Raises:
      ConfigError: the file cannot be used, a limit is too small, or it sets what is not supported.
    """
    message = parse_file(path, message_class("BatchingParameters", _MESSAGES))
    if message.enable_large_batch_splitting.value or message.HasField("max_execution_batch_size"):
        raise ConfigError(f"{path}: large batch splitting is not supported by this server")
    if message.allowed_batch_sizes:
        raise ConfigError(f"{path}: allowed_batch_sizes is not supported by this server")

    def number(name: str, default: int, least: int) -> int:
        given = int(getattr(message, name).value) if message.HasField(name) else default
        if given < least:
            raise ConfigError(f"{path}: got {name} {given}, expected at least {least}")
        return given

    defaults = BatchConfig()
    return BatchConfig(
        max_rows=number("max_batch_size", defaults.max_rows, 1),
        timeout_seconds=number("batch_timeout_micros", 0, 0) / 1e6,
        max_waiting_batches=number("max_enqueued_batches", defaults.max_waiting_batches, 1),
        num_threads=number("num_batch_threads", defaults.num_threads, 1),
        pads=message.pad_variable_length_inputs,
    )
