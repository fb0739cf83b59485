"""One line of JSON for every request, for whatever reads logs.

{"time": "2026-01-31T12:00:00.123+00:00", "client": "10.0.0.7", "method": "POST", "path":
 "/v1/models/m:predict", "model": "m", "verb": "predict", "status": 200, "code": "OK",
 "bytes_in": 468, "bytes_out": 310, "milliseconds": 2.31}
"""

import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeAlias

import orjson

RequestLog: TypeAlias = Callable[[dict[str, Any]], None]


def log_to_stdout(fields: dict[str, Any]) -> None:
    """Writes one line; a reader that has gone away does not stop the server."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    line = orjson.dumps({"time": now, **fields}, default=str)
    try:
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        pass


def log_nowhere(fields: dict[str, Any]) -> None:
    """Writes nothing."""
