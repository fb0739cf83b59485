"""Command line: `python -m serving --model_name=NAME --model_base_path=DIR --rest_api_port=8501`.

Flags are called as tensorflow_model_server's are, where it has them: `serving.flags`.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from serving.explorer import PATH as EXPLORER_PATH
from serving.flags import WHAT_THIS_IS, model_configs, parse, server_options
from serving.models import following
from serving.server import bound_socket, http_server, served_models, url_of
from serving.text_proto import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code: 0, 130, or 2 for bad input."""
    flags = parse(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # as the first model brings TensorFlow
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    print(WHAT_THIS_IS, flush=True)
    try:
        configs, options = model_configs(flags), server_options(flags)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
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

    models = served_models(configs, flags.file_system_poll_wait_seconds, options.limits)
    server = http_server(models, options, drain_seconds=flags.drain_seconds)
    # uvicorn stops on both signals by itself, then sends them on to these.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with (
        bound,
        models.watched(),
        following(models, lambda: model_configs(flags), flags.model_config_file_poll_wait_seconds),
    ):
        for config in configs:
            print(f"Waiting for a version under {config.base_path} ...", flush=True)
        while not stopped.is_set() and not models.await_available(0.2):
            pass
        if not stopped.is_set():
            bound.listen()  # who reads the next line may connect at once
            for config in configs:
                url = f"{url_of(bound)}/v1/models/{config.name}"
                print(f"Serving {config.name} at {url}", flush=True)
            if options.explorer:
                print(f"Explore at {url_of(bound)}{EXPLORER_PATH}", flush=True)
            server.run(sockets=[bound])
    print("Stopped.", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
