"""An embedded REST server for SavedModels that answers as tensorflow_model_server does; a client.

The server is a stand-in for development and tests, not TensorFlow Serving itself: one Python
process with the same routes, bodies, status codes, configuration files and metrics. `python -m
serving --help` lists its flags; `serving.running` starts it inside a test or a script. TensorFlow
is imported with the first model. `serving.Client` and `serving.AsyncClient` ask either of the two.
"""

from serving.client.clients import AsyncClient, Client
from serving.client.errors import (
    ServingConnectionError,
    ServingError,
    ServingTimeoutError,
    StaleStateError,
)
from serving.client.retries import Retries
from serving.server import running

__all__ = [
    "AsyncClient",
    "Client",
    "Retries",
    "ServingConnectionError",
    "ServingError",
    "ServingTimeoutError",
    "StaleStateError",
    "running",
]
