"""Command line: `python -m serving --model_name=NAME --model_base_path=DIR --rest_api_port=8501`.

Flags are called as tensorflow_model_server's are, where it has them.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from serving.app import MAX_BODY_BYTES
from serving.server import Watcher, bound_socket, http_server, url_of
from serving.versions import ServedModel

_WHAT_THIS_IS = (
    "Embedded REST server for SavedModels: a stand-in for development and tests that answers as "
    "tensorflow_model_server does. It is not TensorFlow Serving itself."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code, 0 or 130."""
    flags = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # as the first model brings TensorFlow
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    print(_WHAT_THIS_IS, flush=True)
    try:
        bound = bound_socket(flags.rest_api_host, flags.rest_api_port)
    except OSError as error:
        print(
            f"Cannot listen on {flags.rest_api_host}:{flags.rest_api_port}: {error}. "
            "Choose another --rest_api_port; 0 takes any free one.",
            file=sys.stderr,
        )
        return 1
    stopped = threading.Event()
    code = 0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal code
        code = 130 if number == signal.SIGINT else 0
        stopped.set()
        server.should_exit = True

    model = ServedModel(flags.model_name, flags.model_base_path)
    server = http_server(model, max_body_bytes=flags.rest_api_max_body_bytes)
    # uvicorn stops on both signals by itself, then sends them on to these.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with bound, Watcher(model, flags.file_system_poll_wait_seconds):
        print(f"Waiting for a version under {flags.model_base_path} ...", flush=True)
        while not stopped.is_set() and not model.await_available(0.2):
            pass
        if not stopped.is_set():
            bound.listen()  # who reads the next line may connect at once
            print(f"Serving {model.name} at {url_of(bound)}/v1/models/{model.name}", flush=True)
            server.run(sockets=[bound])
    print("Stopped.", flush=True)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description=_WHAT_THIS_IS,
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--model_name", required=True, help="the model's name in URLs")
    add(
        "--model_base_path",
        required=True,
        type=Path,
        help="folder with a numbered folder for each version; the largest number is served",
    )
    add("--rest_api_port", type=_port, default=8501, help="0 takes any free port")
    add("--rest_api_host", "--host", default="127.0.0.1", help="address to listen on")
    add(
        "--file_system_poll_wait_seconds",
        type=_seconds,
        default=1.0,
        help="pause between two looks for new versions",
    )
    add(
        "--rest_api_max_body_bytes",
        type=int,
        default=MAX_BODY_BYTES,
        help="longest request body; longer ones get 413",
    )
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"got {port}, expected 0 to 65535")
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"got {text}, expected a positive number of seconds")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
