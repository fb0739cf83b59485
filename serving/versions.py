"""The versions of one served model: which are in memory, and what became of the others.

A base path holds a folder for each version, named by a number. Of these the largest is wanted. It
is loaded before any other is unloaded, an unloaded one finishes the requests it has, and a version
that cannot be loaded leaves the others alone; it is tried again when its folder has changed.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from serving.bundle import Bundle, SavedModelBundle
from serving.errors import ApiError, Code

_log = logging.getLogger(__name__)

# The files of a folder with their sizes and times of change: what a retry waits to see change.
Fingerprint: TypeAlias = frozenset[tuple[str, int, int]]


class State(Enum):
    """Where a version is in its life; the names are part of the status answer."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass
class Version:
    """One version: its state, its bundle while there is one, and how many requests are in it."""

    number: int
    state: State = State.START
    error: ApiError | None = None
    bundle: Bundle | None = None
    users: int = 0
    fingerprint: Fingerprint = frozenset()


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
      name: the name in the URL.
      base_path: the folder of version folders; it may appear later.
      load: makes a bundle of a version's folder.
    """

    def __init__(
        self, name: str, base_path: Path, load: Callable[[Path], Bundle] = SavedModelBundle
    ) -> None:
        self.name = name
        self.base_path = base_path
        self._load = load
        self._versions: dict[int, Version] = {}
        self._changed = threading.Condition()
        self._listing_error = ""

    def poll(self) -> None:
        """Brings what is in memory in line with what is in the base path now.

        A base path that cannot be listed changes nothing.
        """
        try:
            found = {
                int(child.name): child for child in self.base_path.iterdir() if _is_version(child)
            }
        except OSError as error:
            if str(error) != self._listing_error:
                _log.warning("cannot list the versions of %s: %s", self.name, error)
            self._listing_error = str(error)
            return
        self._listing_error = ""
        wanted = set(sorted(found)[-1:])
        for number in wanted:
            self._bring_up(number, found[number])
        if all(self._versions[number].state is State.AVAILABLE for number in wanted):
            self._retire(keep=wanted)

    def close(self) -> None:
        """Unloads every version, after the requests that are in it."""
        self._retire(keep=set())

    @contextmanager
    def using(self, number: int | None) -> Iterator[tuple[int, Bundle]]:
        """Lends a version's bundle, which stays loaded as long as the `with` block runs.

        Args:
          number: the version, or None for the latest that is available.

        Yields:
          The number of the version, and its bundle.

        Raises:
          ApiError: that version, or any, is not available.
        """
        with self._changed:
            available = [v.number for v in self._versions.values() if v.state is State.AVAILABLE]
            chosen = max(available, default=None) if number is None else number
            if chosen is None or chosen not in available:
                raise not_found(self.name, number)
            version = self._versions[chosen]
            version.users += 1
        try:
            assert version.bundle is not None, "an available version has a bundle"
            yield version.number, version.bundle
        finally:
            with self._changed:
                version.users -= 1
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

    def _bring_up(self, number: int, folder: Path) -> None:
        version = self._versions.get(number)
        if version is not None and version.state is State.AVAILABLE:
            return
        fingerprint = _fingerprint(folder)
        if version is not None and version.error and version.fingerprint == fingerprint:
            return
        version = Version(number, State.LOADING, fingerprint=fingerprint)
        with self._changed:
            self._versions[number] = version
        started = time.monotonic()
        try:
            bundle = self._load(folder)
        except ApiError as error:
            self._set(version, State.END, error=error)
            _log.error("cannot load %s version %d: %s", self.name, number, error)
        except Exception as error:
            told = ApiError(Code.UNKNOWN, f"{type(error).__name__}: {error}")
            self._set(version, State.END, error=told)
            _log.exception("cannot load %s version %d", self.name, number)
        else:
            self._set(version, State.AVAILABLE, bundle=bundle)
            seconds = time.monotonic() - started
            _log.info("loaded %s version %d in %.1f seconds", self.name, number, seconds)

    def _retire(self, keep: set[int]) -> None:
        for version in list(self._versions.values()):
            if version.number in keep or version.bundle is None:
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


def _is_version(path: Path) -> bool:
    return path.name.isascii() and path.name.isdigit() and int(path.name) < 2**63 and path.is_dir()


def _fingerprint(folder: Path) -> Fingerprint:
    seen = set()
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except OSError:
            continue  # gone since it was listed: the folder is being written to
        seen.add((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns))
    return frozenset(seen)
