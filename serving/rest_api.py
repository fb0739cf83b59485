"""The REST API without HTTP: a method, a path and a body in, a reply out.

Every refusal from below ends here, as the one place that turns errors into replies.
"""

import logging

import orjson

from serving.classify_regress import judge, judged_by
from serving.errors import ApiError, Code, Reply, reply_to
from serving.examples import serialised_examples
from serving.json_reader import read_object
from serving.metadata import metadata_body
from serving.models import Models
from serving.predict import predict, signature_key
from serving.routes import Route, VersionOverflow, route_of
from serving.versions import VersionStatus

_log = logging.getLogger(__name__)


class RestApi:
    """Answers for a set of models, by their names."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """Answers one request; whatever goes wrong is in the reply.

        Args:
          method: as it was sent.
          path: as it was sent, percent-encoded, with its query.
          body: not compressed any more.
        """
        try:
            return Reply(200, self._answer(method, path, body))
        except VersionOverflow as error:
            return Reply(error.http_status, b"")
        except ApiError as error:
            return reply_to(error)
        except Exception as error:
            _log.exception("%s %s failed", method, path)
            return reply_to(ApiError(Code.INTERNAL, f"{type(error).__name__}: {error}"))

    def _answer(self, method: str, path: str, body: bytes) -> bytes:
        route = route_of(method, path)
        if route.verb == "status":
            return self._status(route)
        if route.verb == "metadata":
            model = self._models.find(route.model, route.version, route.label)
            with model.using(route.version, route.label) as (number, bundle):
                return metadata_body(model.name, number, bundle.metadata)
        # The body is read before the model is looked up, and the signature before the values.
        request = read_object(body)
        key = signature_key(request)
        examples = serialised_examples(request) if route.verb != "predict" else []
        model = self._models.find(route.model, route.version, route.label)
        with model.using(route.version, route.label) as (_, bundle):
            if route.verb != "predict":
                return judge(route.verb, examples, bundle, judged_by(route.verb, bundle, key))
            return predict(request, bundle, bundle.signature(key))

    def _status(self, route: Route) -> bytes:
        """The states of a model's versions; a label in the path makes no difference."""
        model = self._models.get(route.model)
        statuses = [] if model is None else model.statuses()
        if not statuses:
            message = f"Could not find any versions of model {route.model}"
            raise ApiError(Code.NOT_FOUND, message)
        if route.version is not None:
            statuses = [status for status in statuses if status.number == route.version]
            if not statuses:
                message = f"Could not find version {route.version} of model {route.model}"
                raise ApiError(Code.NOT_FOUND, message)
        told = {"model_version_status": [_told(status) for status in statuses]}
        return orjson.dumps(told, option=orjson.OPT_INDENT_2)


def _told(status: VersionStatus) -> dict[str, object]:
    error = status.error
    return {
        "version": str(status.number),
        "state": status.state.value,
        "status": {
            "error_code": Code.OK.name if error is None else error.code.name,
            "error_message": "" if error is None else error.message,
        },
    }
