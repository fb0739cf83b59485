"""Starting and stopping: the socket, and uvicorn around the application."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from serving.app import MAX_BODY_BYTES, RestApp
from serving.model_config import ModelConfig
from serving.models import Models
from serving.rest_api import RestApi

_GRACE_SECONDS = 30


def bound_socket(host: str, port: int) -> socket.socket:
    """Takes an address without listening on it yet; port 0 takes any free port.

    Raises:
      OSError: the address is taken, or not one of this machine's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def url_of(bound: socket.socket) -> str:
    """The address of a socket as the start of a URL."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def http_server(models: Models, *, max_body_bytes: int = MAX_BODY_BYTES) -> uvicorn.Server:
    """An HTTP server for models, to be run on sockets already bound."""
    app = RestApp(RestApi(models), max_body_bytes=max_body_bytes)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


@contextmanager
def running(
    name: str,
    base_path: str | Path,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    poll_seconds: float = 1.0,
    timeout_seconds: float = 120.0,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Iterator[str]:
    """Serves a model from this process for as long as the `with` block runs.

        with serving.running("hrnn", "exported/hrnn") as url:
            requests.post(f"{url}/v1/models/hrnn:predict", json={"instances": [...]})

    Args:
      name: the model's name in URLs.
      base_path: the folder that holds a numbered folder for each version.
      port: 0 takes any free port.
      host: the address to listen on.
      poll_seconds: how often the base path is looked at for a new version.
      timeout_seconds: how long to wait for the first version to be available.
      max_body_bytes: the longest request body taken.

    Yields:
      The start of every URL, such as `http://127.0.0.1:41234`, once the model is available.

    Raises:
      OSError: the port is taken.
      TimeoutError: no version became available in time; the message tells why, if it is known.
    """
    models = Models([ModelConfig(name, Path(base_path))], poll_seconds=poll_seconds)
    with bound_socket(host, port) as bound, models.watched():
        if not models.await_available(timeout_seconds):
            raise TimeoutError(
                f"not available after {timeout_seconds:g} seconds: {models.why_unavailable()}"
            )
        with serving_on(bound, models, max_body_bytes=max_body_bytes):
            yield url_of(bound)


@contextmanager
def serving_on(
    bound: socket.socket, models: Models, *, max_body_bytes: int = MAX_BODY_BYTES
) -> Iterator[None]:
    """Answers for models on a socket, in a thread, for as long as the `with` block runs."""
    server = http_server(models, max_body_bytes=max_body_bytes)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [bound]}, name="serve", daemon=True
    )
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()
