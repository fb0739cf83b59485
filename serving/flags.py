"""The command line's flags; those that tensorflow_model_server has are called as there."""

import argparse
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path

from serving.app import Options
from serving.batch_config import BatchConfig, read_batch_config
from serving.limits import Limits
from serving.model_config import ModelConfig, read_model_config
from serving.monitoring_config import read_metrics_path
from serving.request_log import log_nowhere, log_to_stdout

WHAT_THIS_IS = (
    "Embedded REST server for SavedModels: a stand-in for development and tests that answers as "
    "tensorflow_model_server does. It is not TensorFlow Serving itself."
)


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Tells defaults, and leaves the example in one line."""


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description=textwrap.fill(WHAT_THIS_IS, 79),
        epilog="example: python -m serving --model_name=tfhrnn --model_base_path=models/tfhrnn "
        "--rest_api_port=8501",
        allow_abbrev=False,
        formatter_class=_Help,
    )
    _add_models(parser.add_argument_group("models"))
    _add_http(parser.add_argument_group("HTTP"))
    _add_running(parser.add_argument_group("batching, metrics, log, explorer"))
    return parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the flags; what cannot be meant exits with 2 and a message."""
    parser = build_parser()
    flags = parser.parse_args(arguments)
    if flags.model_config_file is None:
        missing = [
            f"--{name}" for name in ("model_name", "model_base_path") if not vars(flags)[name]
        ]
        if missing:
            parser.error(
                f"the following arguments are required: {', '.join(missing)}, or "
                "--model_config_file in their place"
            )
    if flags.batching_parameters_file is not None and not flags.enable_batching:
        parser.error("--batching_parameters_file needs --enable_batching")
    return flags


def model_configs(flags: argparse.Namespace) -> list[ModelConfig]:
    """The models to serve; the configuration file goes before a single model's flags.

    Raises:
      ConfigError: the configuration file cannot be used.
    """
    if flags.model_config_file is not None:
        return read_model_config(flags.model_config_file)
    return [ModelConfig(flags.model_name, flags.model_base_path)]


def server_options(flags: argparse.Namespace) -> Options:
    """What the server does beside answering.

    Raises:
      ConfigError: one of the configuration files cannot be used.
    """
    batching = None
    if flags.enable_batching:
        path = flags.batching_parameters_file
        batching = BatchConfig() if path is None else read_batch_config(path)
    monitoring = flags.monitoring_config_file
    return Options(
        limits=Limits(
            max_body_bytes=flags.rest_api_max_body_bytes,
            timeout_seconds=flags.rest_api_timeout_in_ms / 1000,
            num_threads=flags.rest_api_num_threads,
            max_waiting=flags.rest_api_max_waiting,
        ),
        batching=batching,
        metrics_path=None if monitoring is None else read_metrics_path(monitoring),
        log=log_to_stdout if flags.log_requests else log_nowhere,
        explorer=flags.explorer,
    )


def _add_models(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--model_name", help="the model's name in URLs")
    add(
        "--model_base_path",
        type=Path,
        help="folder with a numbered folder for each version; the largest number is served",
    )
    add(
        "--model_config_file",
        type=Path,
        help="ModelServerConfig in text protobuf: several models, version policies, labels; used "
        "in place of --model_name and --model_base_path",
    )
    add(
        "--model_config_file_poll_wait_seconds",
        type=_seconds_or_never,
        default=0.0,
        help="pause between two looks at that file; 0 reads it once",
    )
    add(
        "--file_system_poll_wait_seconds",
        type=_seconds,
        default=1.0,
        help="pause between two looks for new versions; one is loaded once its folder has not "
        "changed for as long",
    )


def _add_http(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    limits = Limits()
    add("--rest_api_port", type=_port, default=8501, help="0 takes any free port")
    add("--rest_api_host", "--host", default="127.0.0.1", help="address to listen on")
    add(
        "--rest_api_num_threads",
        type=_count,
        default=limits.num_threads,
        help="how many requests are worked on at a time",
    )
    add(
        "--rest_api_max_waiting",
        type=_count,
        default=limits.max_waiting,
        help="how many more may wait; what comes then gets 503 with Retry-After",
    )
    add(
        "--rest_api_timeout_in_ms",
        type=_count,
        default=round(1000 * limits.timeout_seconds),
        help="how long a request may take",
    )
    add(
        "--rest_api_max_body_bytes",
        type=_count,
        default=limits.max_body_bytes,
        help="longest request body, also when unpacked; longer ones get 413",
    )
    add(
        "--drain_seconds",
        type=_seconds_or_never,
        default=0.0,
        help="how long requests are still taken after SIGTERM, while /readyz says 503",
    )


def _add_running(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    _add_switch(group, "--enable_batching", False, "run predict requests together")
    add(
        "--batching_parameters_file",
        type=Path,
        help="BatchingParameters in text protobuf; needs --enable_batching",
    )
    add(
        "--monitoring_config_file",
        type=Path,
        help="MonitoringConfig in text protobuf: whether and where metrics for Prometheus are",
    )
    _add_switch(group, "--log_requests", True, "print a line of JSON for each request")
    _add_switch(group, "--explorer", False, "show a page at /explore to see models at work")


def _add_switch(group: argparse._ArgumentGroup, name: str, default: bool, meaning: str) -> None:
    group.add_argument(
        name, nargs="?", type=_truth, const=True, default=default, metavar="BOOL", help=meaning
    )


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"got {text}, expected true or false")
    return text.lower() == "true"


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"got {port}, expected 0 to 65535")
    return port


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"got {number}, expected at least 1")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"got {text}, expected a positive number of seconds")
    return seconds


def _seconds_or_never(text: str) -> float:
    return float(text) and _seconds(text)
