"""The folders of a base path that hold versions, and when one of them can be taken for whole.

A folder is whole once nothing in it has changed for a while: whoever copies a version in place file
by file is not overtaken. A folder that appears by a rename waits too, since its files are new. What
is still cut short then, TensorFlow's own readers refuse, and it is tried again when it has changed.
"""

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Snapshot:
    """What a folder held at one moment.

    Attributes:
      files: every path below it, with size and time of change.
      changed_at: the latest time of change of any of them or of the folder, in Unix seconds. This
        is the inode's, which a copy cannot set back.
    """

    files: frozenset[tuple[str, int, int]]
    changed_at: float


def version_folders(base_path: Path) -> dict[int, Path]:
    """Folders named by a number that an int64 holds, by that number.

    Raises:
      OSError: the base path cannot be listed.
    """
    return {int(child.name): child for child in base_path.iterdir() if _is_version(child)}


def snapshot(folder: Path) -> Snapshot:
    """Looks at everything in a folder; what goes away meanwhile is left out."""
    files = set()
    changed_at = 0.0
    for path in (folder, *folder.rglob("*")):
        try:
            status = path.stat()
        except OSError:
            continue
        files.add((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns))
        changed_at = max(changed_at, status.st_ctime)
    return Snapshot(frozenset(files), changed_at)


class Settling:
    """Tells whether a folder has been left alone for long enough.

    Args:
      seconds: how long nothing may have changed.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: Snapshot | None = None
        self._since = 0.0

    def is_over(self, seen: Snapshot) -> bool:
        """Whether a folder that looks like this now is as it has been all the while.

        Times of change are believed where they lie in the past; a file system whose clock is ahead
        is watched instead.
        """
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        age = max(now - self._since, time.time() - seen.changed_at)
        return age >= self._seconds


def _is_version(path: Path) -> bool:
    return path.name.isascii() and path.name.isdigit() and int(path.name) < 2**63 and path.is_dir()
