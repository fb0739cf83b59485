"""What a method and a path ask for.

A path is matched whole, in its percent-encoded form and with its query, letters in any case; model
name and label are decoded afterwards. The verb is compared exactly, as TensorFlow Serving does, so
`:PREDICT` is refused though it matches.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote

from serving.errors import ApiError, Code, invalid

Verb: TypeAlias = Literal["status", "metadata", "predict", "classify", "regress"]

_VERSION_OR_LABEL = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_ASKED = re.compile(
    rf"/v1/models/(?P<model>[^/:]+){_VERSION_OR_LABEL}:(?P<verb>classify|regress|predict)",
    re.IGNORECASE | re.ASCII,
)
_LOOKED_AT = re.compile(
    rf"/v1/models(?:/(?P<model>[^/:]+))?{_VERSION_OR_LABEL}(?:/(?P<verb>metadata))?",
    re.IGNORECASE | re.ASCII,
)
_VERBS: dict[str, Verb] = {"classify": "classify", "regress": "regress", "predict": "predict"}


class VersionOverflow(ApiError):
    """A version past the largest int64: a refusal that goes out without a body."""


@dataclass(frozen=True)
class Route:
    """What is asked, and of which version of which model."""

    verb: Verb
    model: str
    version: int | None = None
    label: str | None = None


def is_served(path: str) -> bool:
    """Whether a path is the REST API's at all; every other one is an HTML 404."""
    return path[:4].lower() == "/v1/"


def route_of(method: str, path: str) -> Route:
    """Reads a request line.

    Raises:
      ApiError: method and path do not belong together, or no model is named.

    >>> route_of("POST", "/v1/models/d%65nse/versions/3:predict")
    Route(verb='predict', model='dense', version=3, label=None)
    """
    patterns = {"GET": _LOOKED_AT, "POST": _ASKED}
    match = patterns[method].fullmatch(path) if method in patterns else None
    if match is None:
        raise invalid(f"Malformed request: {method} {path}")
    version = None if match["version"] is None else int(match["version"].lstrip("0")[:20] or 0)
    if version is not None and version >= 2**63:
        message = f"Failed to convert version: {match['version']} to numeric."
        raise VersionOverflow(Code.INVALID_ARGUMENT, message)
    label = None if match["label"] is None else unquote(match["label"])
    if method == "POST" and match["verb"] not in _VERBS:
        raise invalid(f"Malformed request: {method} {path}")
    if match["model"] is None:
        raise invalid("Missing model name in request.")
    verb: Verb = "metadata" if match["verb"] == "metadata" else "status"
    if method == "POST":
        verb = _VERBS[match["verb"]]
    return Route(verb, unquote(match["model"]), version, label)
