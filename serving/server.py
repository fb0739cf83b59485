"""Starting and stopping: the socket, and uvicorn around the application."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from serving.app import Options, RestApp
from serving.bundle import SavedModelBundle
from serving.explorer import Explorer
from serving.http_protocol import LimitedProtocol
from serving.limits import Limits
from serving.metrics import Metrics
from serving.model_config import ModelConfig
from serving.models import Models
from serving.probes import Probes
from serving.rest_api import RestApi

_GRACE_SECONDS = 30
_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75  # longer than load balancers keep theirs, so that they close first


class Server(uvicorn.Server):
    """uvicorn's server, which finishes what it has begun before it stops.

    On SIGTERM it first says that it is not ready any more, goes on answering for a while, so that
    whoever sends requests here can notice, and then takes no more. On SIGINT, or a second SIGTERM,
    it skips the while. Requests in flight are answered either way.

    Args:
      config: uvicorn's.
      app: what is served.
      probes: what is told of the stop.
      drain_seconds: how long the while is.
    """

    def __init__(
        self, config: uvicorn.Config, app: RestApp, probes: Probes, drain_seconds: float
    ) -> None:
        super().__init__(config)
        self._app = app
        self._probes = probes
        self._drain_seconds = drain_seconds

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves until it is told to stop."""
        with self._app:
            super().run(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Takes a signal."""
        if sig != signal.SIGTERM or self._probes.is_stopping or not self._drain_seconds:
            self._probes.is_stopping = True
            super().handle_exit(sig, frame)
            return
        self._probes.is_stopping = True
        timer = threading.Timer(self._drain_seconds, super().handle_exit, (sig, frame))
        timer.daemon = True
        timer.start()


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


def http_server(
    models: Models, options: Options | None = None, *, drain_seconds: float = 0.0
) -> Server:
    """An HTTP server for models, to be run on sockets already bound."""
    metrics, probes = Metrics(), Probes(models)
    explorer = Explorer(models) if options is not None and options.explorer else None
    app = RestApp(RestApi(models, metrics), probes, metrics, options, explorer)
    config = uvicorn.Config(
        app,
        http=LimitedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return Server(config, app, probes, drain_seconds)


@contextmanager
def running(
    name: str,
    base_path: str | Path,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    poll_seconds: float = 1.0,
    timeout_seconds: float = 120.0,
    options: Options | None = None,
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
      options: limits, batching, metrics, log and explorer.

    Yields:
      The start of every URL, such as `http://127.0.0.1:41234`, once the model is available.

    Raises:
      OSError: the port is taken.
      TimeoutError: no version became available in time; the message tells why, if it is known.
    """
    limits = (options or Options()).limits
    models = served_models([ModelConfig(name, Path(base_path))], poll_seconds, limits)
    with bound_socket(host, port) as bound, models.watched():
        if not models.await_available(timeout_seconds):
            raise TimeoutError(
                f"not available after {timeout_seconds:g} seconds: {models.why_unavailable()}"
            )
        with serving_on(bound, models, options):
            yield url_of(bound)


def served_models(configs: list[ModelConfig], poll_seconds: float, limits: Limits) -> Models:
    """Models whose graphs are given up after the time that a request has."""
    return Models(
        configs,
        poll_seconds=poll_seconds,
        load=lambda folder: SavedModelBundle(folder, timeout_seconds=limits.timeout_seconds),
    )


@contextmanager
def serving_on(
    bound: socket.socket, models: Models, options: Options | None = None
) -> Iterator[None]:
    """Answers for models on a socket, in a thread, for as long as the `with` block runs."""
    server = http_server(models, options)
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
