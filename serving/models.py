"""The models of one server by name, each watched by a thread of its own.

Which there are can change while they are served: new ones are added, and one that has left the
configuration is unloaded, after the requests that are in it.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from serving.bundle import Bundle, SavedModelBundle
from serving.model_config import ModelConfig
from serving.text_proto import ConfigError
from serving.versions import ServedModel, State, not_found, unknown_label

_log = logging.getLogger(__name__)


class Models:
    """Every model a server knows.

    Args:
      configs: what is served at first.
      poll_seconds: the pause between two looks at a base path; a version folder is loaded once
        nothing in it has changed for as long.
      load: makes a bundle of a version's folder.
    """

    def __init__(
        self,
        configs: Sequence[ModelConfig],
        *,
        poll_seconds: float = 1.0,
        load: Callable[[Path], Bundle] = SavedModelBundle,
    ) -> None:
        self._poll_seconds = poll_seconds
        self._load = load
        self._models: dict[str, ServedModel] = {}
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._is_running = False
        self.configure(configs)

    def configure(self, configs: Sequence[ModelConfig]) -> None:
        """Serves these models from now on, at the next look at their base paths."""
        named = {config.name: config for config in configs}
        models = dict(self._models)
        for name, model in models.items():
            model.config = named.get(name) or replace(model.config, is_withdrawn=True)
        added = [
            ServedModel(config, self._load, settle_seconds=self._poll_seconds)
            for name, config in named.items()
            if name not in models
        ]
        self._models = {**models, **{model.name: model for model in added}}
        if self._is_running:
            self._watch(added)

    def find(self, name: str, number: int | None, label: str | None) -> ServedModel:
        """The model of a name.

        Raises:
          ApiError: there is none; of an unknown model every label is an unknown label.
        """
        model = self._models.get(name)
        if model is None:
            raise not_found(name, number) if label is None else unknown_label(label)
        return model

    def get(self, name: str) -> ServedModel | None:
        """The model of a name, if there is one."""
        return self._models.get(name)

    @property
    def names(self) -> list[str]:
        """The models that are configured, by name."""
        return sorted(name for name, model in self._models.items() if not model.config.is_withdrawn)

    def is_available(self) -> bool:
        """Whether every model that is configured has a version that answers."""
        return not self._unavailable()

    def why_unavailable(self) -> str:
        """What is known of the models that do not answer."""
        return "; ".join(
            f"model {model.name} under {model.config.base_path}: {_trouble(model)}"
            for model in self._unavailable()
        )

    def await_available(self, timeout_seconds: float) -> bool:
        """Waits until every model answers; false if one did not within the time."""
        return all(
            model.await_available(timeout_seconds)
            for model in self._models.values()
            if not model.config.is_withdrawn
        )

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Polls base paths for as long as the `with` block runs, then unloads every model."""
        self._is_running = True
        self._watch(list(self._models.values()))
        try:
            yield
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join()
            self.close()

    def poll(self) -> None:
        """Looks at every base path once."""
        for model in self._models.values():
            model.poll()

    def close(self) -> None:
        """Unloads every model, after the requests that are in it."""
        for model in self._models.values():
            model.close()

    def _unavailable(self) -> list[ServedModel]:
        return [
            model
            for model in self._models.values()
            if not model.config.is_withdrawn
            and all(status.state is not State.AVAILABLE for status in model.statuses())
        ]

    def _watch(self, models: Sequence[ServedModel]) -> None:
        for model in models:
            thread = threading.Thread(
                target=self._keep_polling, args=(model,), name=f"watch {model.name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _keep_polling(self, model: ServedModel) -> None:
        while not self._stopped.is_set():
            try:
                model.poll()
            except Exception:
                _log.exception("cannot poll %s", model.config.base_path)
            self._stopped.wait(self._poll_seconds)


@contextmanager
def following(
    models: Models, read: Callable[[], Sequence[ModelConfig]], poll_seconds: float
) -> Iterator[None]:
    """Reads the configuration again and again; one that cannot be used leaves all as it was.

    Args:
      models: what is configured.
      read: reads the configuration anew.
      poll_seconds: the pause between two looks; 0 never looks again.
    """
    stopped = threading.Event()

    def follow() -> None:
        complaint = ""
        while not stopped.wait(poll_seconds):
            try:
                models.configure(read())
                complaint = ""
            except ConfigError as error:
                if str(error) != complaint:
                    _log.error("the configuration stays as it was: %s", error)
                complaint = str(error)

    thread = threading.Thread(target=follow, name="follow configuration", daemon=True)
    if poll_seconds:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        if poll_seconds:
            thread.join()


def _trouble(model: ServedModel) -> str:
    told = [f"version {s.number}: {s.error or s.state.value}" for s in model.statuses()]
    return ", ".join(told) or "no version was found"
