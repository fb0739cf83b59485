"""The REST API without HTTP: a method, a path and a body in, a reply out.

Every refusal from below ends here, as the one place that turns errors into replies. A predict
request can be taken in two steps, so that several share one run of the graph: `RestApi.begin` reads
it, and what it returns makes the reply of the outputs.
"""

import logging
import time
from collections.abc import Callable, Mapping

import orjson

from serving.classify_regress import judge, judged_by
from serving.dtypes import Array
from serving.errors import ApiError, Code, Reply, reply_to
from serving.examples import serialised_examples
from serving.json_reader import read_object
from serving.metadata import metadata_body
from serving.metrics import Metrics
from serving.models import Models
from serving.predict import Question, read_question, signature_key
from serving.routes import Route, VersionOverflow, route_of
from serving.versions import VersionStatus

_log = logging.getLogger(__name__)


class Pending:
    """A predict request that has been read and not yet answered.

    It keeps its version loaded until one of its methods has made the reply; each is to be called at
    most once.

    Attributes:
      question: what to run.
    """

    def __init__(
        self, question: Question, route: Route, metrics: Metrics, give_back: Callable[[], None]
    ) -> None:
        self.question = question
        self._route = route
        self._metrics = metrics
        self._give_back = give_back

    def run(self) -> Reply:
        """Runs the graph for this request alone."""
        question = self.question
        started = time.perf_counter()
        try:
            outputs = question.bundle.run(question.signature, question.arrays)
        except Exception as error:
            return self.refuse(error)
        return self.reply(outputs, time.perf_counter() - started)

    def reply(self, outputs: Mapping[str, Array], seconds: float) -> Reply:
        """Answers with outputs that took so long."""
        self._metrics.time_run(self._route.model, self._route.verb, seconds)
        try:
            body = self.question.body(outputs)
        except Exception as error:
            return self.refuse(error)
        self._give_back()
        return Reply(200, body, model=self._route.model, verb=self._route.verb)

    def refuse(self, error: Exception) -> Reply:
        """Answers with an error."""
        self._give_back()
        return _refusal(error, self._route.model, self._route.verb)


class RestApi:
    """Answers for a set of models, by their names.

    Args:
      models: what is asked.
      metrics: what is told how long graphs took.
    """

    def __init__(self, models: Models, metrics: Metrics | None = None) -> None:
        self._models = models
        self._metrics = metrics or Metrics()

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """Answers one request; whatever goes wrong is in the reply.

        Args:
          method: as it was sent.
          path: as it was sent, percent-encoded, with its query.
          body: not compressed any more.
        """
        begun = self.begin(method, path, body)
        return begun if isinstance(begun, Reply) else begun.run()

    def begin(self, method: str, path: str, body: bytes) -> Reply | Pending:
        """Answers one request, but of a predict request that is in order only reads it."""
        model = verb = ""
        try:
            route = route_of(method, path)
            # Of a model that nobody serves the name is no label of metrics: there is no end of it.
            model = route.model if self._models.get(route.model) else ""
            verb = route.verb
            if route.verb == "predict":
                return self._begin_predict(route, body)
            return Reply(200, self._answer(route, body), model=model, verb=verb)
        except Exception as error:
            return _refusal(error, model, verb)

    def _begin_predict(self, route: Route, body: bytes) -> Pending:
        # The body is read before the model is looked up, and the signature before the values.
        request = read_object(body)
        key = signature_key(request)
        model = self._models.find(route.model, route.version, route.label)
        version = model.borrow(route.version, route.label)
        try:
            assert version.bundle is not None, "an available version has a bundle"
            question = read_question(request, version.bundle, key)
        except BaseException:
            model.give_back(version)
            raise
        return Pending(question, route, self._metrics, lambda: model.give_back(version))

    def _answer(self, route: Route, body: bytes) -> bytes:
        if route.verb == "status":
            return self._status(route)
        if route.verb == "metadata":
            model = self._models.find(route.model, route.version, route.label)
            with model.using(route.version, route.label) as (number, bundle):
                return metadata_body(model.name, number, bundle.metadata)
        assert route.verb != "predict", "predict requests are begun"
        request = read_object(body)
        key = signature_key(request)
        examples = serialised_examples(request)
        model = self._models.find(route.model, route.version, route.label)
        with model.using(route.version, route.label) as (_, bundle):
            return judge(route.verb, examples, bundle, judged_by(route.verb, bundle, key))

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


def _refusal(error: Exception, model: str, verb: str) -> Reply:
    if isinstance(error, VersionOverflow):
        return Reply(error.http_status, b"", code=error.code)
    if not isinstance(error, ApiError):
        _log.error("a request failed: model %r, verb %r", model, verb, exc_info=error)
        error = ApiError(Code.INTERNAL, f"{type(error).__name__}: {error}")
    return reply_to(error, model, verb)


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
