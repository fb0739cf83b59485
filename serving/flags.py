"""The command line's flags; those that tensorflow_model_server has are called as there."""

import argparse
import threading
from collections.abc import Sequence
from pathlib import Path

from serving.app import MAX_BODY_BYTES
from serving.model_config import ModelConfig, read_model_config

WHAT_THIS_IS = (
    "Embedded REST server for SavedModels: a stand-in for development and tests that answers as "
    "tensorflow_model_server does. It is not TensorFlow Serving itself."
)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the flags; what cannot be meant exits with 2 and a message."""
    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description=WHAT_THIS_IS,
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_models(parser.add_argument_group("models"))
    _add_http(parser.add_argument_group("HTTP"))
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
    return flags


def model_configs(flags: argparse.Namespace) -> list[ModelConfig]:
    """The models to serve; the configuration file goes before a single model's flags.

    Raises:
      ConfigError: the configuration file cannot be used.
    """
    if flags.model_config_file is not None:
        return read_model_config(flags.model_config_file)
    return [ModelConfig(flags.model_name, flags.model_base_path)]


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
    add("--rest_api_port", type=_port, default=8501, help="0 takes any free port")
    add("--rest_api_host", "--host", default="127.0.0.1", help="address to listen on")
    add(
        "--rest_api_max_body_bytes",
        type=_count,
        default=MAX_BODY_BYTES,
        help="longest request body, also when unpacked; longer ones get 413",
    )


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
