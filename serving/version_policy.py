"""Which of the versions found under a base path are to be served.

A policy is a function of the numbers found. The three of TensorFlow Serving's model configuration:
the latest few, all, or specific ones; of these only versions that exist are ever wanted.
"""

from collections.abc import Callable, Collection
from typing import TypeAlias

VersionPolicy: TypeAlias = Callable[[Collection[int]], set[int]]


def latest(num_versions: int = 1) -> VersionPolicy:
    """The largest numbers, as many as that.

    >>> sorted(latest(2)({3, 10, 7}))
    [7, 10]
    """
    return lambda found: set(sorted(found)[-num_versions:])


def every_version() -> VersionPolicy:
    """Whatever is found."""
    return set


def specific(versions: Collection[int]) -> VersionPolicy:
    """Those numbers, as far as they are found.

    >>> specific([1, 4])({1, 2, 3})
    {1}
    """
    chosen = frozenset(versions)
    return lambda found: set(chosen.intersection(found))
