"""Starting and stopping: the folder watcher, the socket, and uvicorn around the application."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import uvicorn

from serving.app import MAX_BODY_BYTES, RestApp
from serving.rest_api import RestApi
from serving.versions import ServedModel

_log = logging.getLogger(__name__)
_GRACE_SECONDS = 30


class Watcher:
    """Polls a model's base path in a thread of its own for as long as its `with` block runs.

    Leaving the block unloads the model.
    """

    def __init__(self, model: ServedModel, poll_seconds: float) -> None:
        self._model = model
        self._poll_seconds = poll_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watch {model.name}", daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self._model.close()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                self._model.poll()
            except Exception:
                _log.exception("cannot poll %s", self._model.base_path)
            self._stopped.wait(self._poll_seconds)


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


def http_server(model: ServedModel, *, max_body_bytes: int = MAX_BODY_BYTES) -> uvicorn.Server:
    """An HTTP server for one model, to be run on sockets already bound."""
    app = RestApp(RestApi({model.name: model}), max_body_bytes=max_body_bytes)
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
    model = ServedModel(name, Path(base_path))
    with bound_socket(host, port) as bound, Watcher(model, poll_seconds):
        if not model.await_available(timeout_seconds):
            raise TimeoutError(_why_unavailable(model, timeout_seconds))
        server = http_server(model, max_body_bytes=max_body_bytes)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [bound]}, name=f"serve {name}", daemon=True
        )
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield url_of(bound)
        finally:
            server.should_exit = True
            thread.join()


def _why_unavailable(model: ServedModel, timeout_seconds: float) -> str:
    errors = [f"version {s.number}: {s.error}" for s in model.statuses() if s.error is not None]
    return (
        f"no version of {model.name} under {model.base_path} was available after "
        f"{timeout_seconds:g} seconds ({'; '.join(errors) or 'no version was found'})"
    )
