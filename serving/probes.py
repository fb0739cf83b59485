"""What an orchestrator asks: `/healthz`, does the process answer, and `/readyz`, is it to be asked.

A server is ready while every configured model has a version that answers and it has not been told
to stop. TensorFlow Serving has neither path; its probes are a model's status.
"""

import orjson

from serving.errors import Reply
from serving.models import Models


class Probes:
    """Answers for one server.

    Attributes:
      is_stopping: whether the server has been told to stop; it goes on answering for a while.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self.is_stopping = False

    def reply(self, path: str) -> Reply | None:
        """The answer to a probe; nothing if the path is none."""
        if path == "/healthz":
            return Reply(200, b'{"status":"ok"}')
        if path != "/readyz":
            return None
        reason = "stopping" if self.is_stopping else self._models.why_unavailable()
        if reason:
            return Reply(503, orjson.dumps({"status": "not ready", "reason": reason}))
        return Reply(200, b'{"status":"ready"}')
