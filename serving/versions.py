"""The versions of one served model: which are in memory, and what became of the others.

A base path holds a folder for each version, named by a number; a policy says which are wanted.
These are loaded before any other is unloaded, an unloaded one finishes the requests it has, and a
version that cannot be loaded leaves the others alone; it is tried again when its folder has
changed. A folder that is still being written to waits. Labels point to versions that are available.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from serving.bundle import Bundle, SavedModelBundle
from serving.errors import ApiError, Code, invalid
from serving.model_config import ModelConfig
from serving.version_folder import Settling, Snapshot, snapshot, version_folders

_log = logging.getLogger(__name__)


class State(Enum):
    """Where a version is in its life; the names are part of the status answer."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass
class Version:
    """One version: its state, its bundle while there is one, and how many requests are in it.

    Attributes:
      settling: watches the folder until it is whole.
      tried: the folder as it was when loading was last tried.
    """

    number: int
    settling: Settling
    state: State = State.START
    error: ApiError | None = None
    bundle: Bundle | None = None
    users: int = 0
    tried: Snapshot | None = field(default=None, repr=False)


@dataclass(frozen=True)
class VersionStatus:
    """What a status answer tells of a version."""

    number: int
    state: State
    error: ApiError | None


class ServedModel:
    """A model by name, with the versions found under its base path.

    `poll` is to be called from one thread at a time; everything else from any.

    Args:
      config: the model's name, base path (which may appear later), policy and labels.
      load: makes a bundle of a version's folder.
      settle_seconds: how long a folder must have been left alone before it is loaded.
    """

    def __init__(
        self,
        config: ModelConfig,
        load: Callable[[Path], Bundle] = SavedModelBundle,
        *,
        settle_seconds: float = 0.0,
    ) -> None:
        self.name = config.name
        self.config = config
        self._load = load
        self._settle_seconds = settle_seconds
        self._versions: dict[int, Version] = {}
        self._labels: dict[str, int] = {}
        self._dangling: set[tuple[str, int]] = set()
        self._changed = threading.Condition()
        self._last_complaint = ""

    def poll(self) -> None:
        """Brings what is in memory in line with the configuration and the base path now.

        A base path that cannot be listed changes nothing.
        """
        config = self.config
        try:
            found = {} if config.is_withdrawn else version_folders(config.base_path)
        except OSError as error:
            self._complain(f"cannot list the versions of {self.name}: {error}")
            return
        wanted = config.policy(found)
        for number in sorted(wanted, reverse=True):
            self._bring_up(number, found[number])
        self._move_labels(config)
        if not wanted or any(self._is_available(number) for number in wanted):
            self._retire(keep=wanted)
        if not config.is_withdrawn:
            self._tell_dangling()

    def close(self) -> None:
        """Unloads every version, after the requests that are in it."""
        self._retire(keep=set())

    @contextmanager
    def using(self, number: int | None, label: str | None = None) -> Iterator[tuple[int, Bundle]]:
        """Lends a version's bundle, which stays loaded as long as the `with` block runs.

        Args:
          number: the version, or None for the latest that is available.
          label: the version's label, in place of its number.

        Yields:
          The number of the version, and its bundle.

        Raises:
          ApiError: that version, or any, is not available, or there is no such label.
        """
        version = self.borrow(number, label)
        try:
            assert version.bundle is not None, "an available version has a bundle"
            yield version.number, version.bundle
        finally:
            self.give_back(version)

    def borrow(self, number: int | None, label: str | None = None) -> Version:
        """A version that stays loaded until `give_back`; see `using`."""
        with self._changed:
            if label is not None:
                if label not in self._labels:
                    raise unknown_label(label)
                number = self._labels[label]
            available = [v.number for v in self._versions.values() if v.state is State.AVAILABLE]
            chosen = max(available, default=None) if number is None else number
            if chosen is None or chosen not in available:
                raise not_found(self.name, number)
            version = self._versions[chosen]
            version.users += 1
            return version

    def give_back(self, version: Version) -> None:
        """Ends what `borrow` began."""
        with self._changed:
            version.users -= 1
            if version.state is not State.AVAILABLE:
                self._changed.notify_all()

    def statuses(self) -> list[VersionStatus]:
        """Every version ever wanted, newest first."""
        with self._changed:
            newest_first = sorted(self._versions.values(), key=lambda v: v.number, reverse=True)
            return [VersionStatus(v.number, v.state, v.error) for v in newest_first]

    def await_available(self, timeout_seconds: float | None = None) -> bool:
        """Waits until some version is available; false if none was within the time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: any(v.state is State.AVAILABLE for v in self._versions.values()),
                timeout_seconds,
            )

    def _is_available(self, number: int) -> bool:
        return self._versions[number].state is State.AVAILABLE

    def _complain(self, text: str) -> None:
        """Logs a lasting trouble once."""
        if text != self._last_complaint:
            _log.warning("%s", text)
        self._last_complaint = text

    def _bring_up(self, number: int, folder: Path) -> None:
        version = self._versions.get(number)
        if version is not None and version.state is State.AVAILABLE:
            return
        seen = snapshot(folder)
        is_over = version is not None and version.state is State.END
        if version is None or (is_over and (version.error is None or version.tried != seen)):
            version = Version(number, Settling(self._settle_seconds))
            with self._changed:
                self._versions[number] = version
        if version.state is State.START and version.settling.is_over(seen):
            version.tried = seen
            self._set(version, State.LOADING)
            self._load_into(version, folder)

    def _load_into(self, version: Version, folder: Path) -> None:
        started = time.monotonic()
        _log.info("loading %s version %d", self.name, version.number)
        try:
            bundle = self._load(folder)
        except ApiError as error:
            self._set(version, State.END, error=error)
            _log.error("cannot load %s version %d: %s", self.name, version.number, error)
        except Exception as error:
            told = ApiError(Code.UNKNOWN, f"{type(error).__name__}: {error}")
            self._set(version, State.END, error=told)
            _log.exception("cannot load %s version %d", self.name, version.number)
        else:
            self._set(version, State.AVAILABLE, bundle=bundle)
            seconds = time.monotonic() - started
            _log.info("loaded %s version %d in %.1f seconds", self.name, version.number, seconds)

    def _move_labels(self, config: ModelConfig) -> None:
        """Points labels to their versions; where one is not available the old mapping stays."""
        labels = {}
        with self._changed:
            for label, number in config.labels.items():
                if number in self._versions and self._is_available(number):
                    labels[label] = number
                elif label in self._labels:
                    labels[label] = self._labels[label]
            waiting = [label for label, n in config.labels.items() if labels.get(label) != n]
            self._labels = labels
        if waiting:
            self._complain(f"{self.name}: labels wait for their versions to load: {waiting}")

    def _tell_dangling(self) -> None:
        """Logs once of a label that its version is unloaded; who asks by it gets a 404."""
        served = {n for n, version in self._versions.items() if version.state is State.AVAILABLE}
        now = {(label, number) for label, number in self._labels.items() if number not in served}
        for label, number in sorted(now - self._dangling):
            _log.warning(
                "label %s of %s points to version %d, which is not served any more",
                label,
                self.name,
                number,
            )
        self._dangling = now

    def _retire(self, keep: set[int]) -> None:
        for version in list(self._versions.values()):
            if version.number in keep:
                continue
            if version.state is State.START:  # went away before it was whole
                with self._changed:
                    del self._versions[version.number]
            if version.bundle is None:
                continue
            self._await_idle(version)
            version.bundle.close()
            self._set(version, State.END)
            _log.info("unloaded %s version %d", self.name, version.number)

    def _await_idle(self, version: Version) -> None:
        """Lets no new request into a version, and waits for those that are in it."""
        with self._changed:
            version.state = State.UNLOADING
            self._changed.wait_for(lambda: version.users == 0)

    def _set(
        self,
        version: Version,
        state: State,
        *,
        bundle: Bundle | None = None,
        error: ApiError | None = None,
    ) -> None:
        with self._changed:
            version.state, version.bundle, version.error = state, bundle, error
            self._changed.notify_all()


def not_found(name: str, number: int | None) -> ApiError:
    """The refusal of a model, or of one version of it, that is not available.

    >>> not_found("m", 3).message
    'Servable not found for request: Specific(m, 3)'
    """
    wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
    return ApiError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")


def unknown_label(label: str) -> ApiError:
    """The refusal of a label that points to no version."""
    return invalid(f"Unrecognized servable version label: {label}")
