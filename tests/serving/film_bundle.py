"""A model of 24 films by hand, with the signatures of a recommender, for tests of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.bundle import Signature
from serving.dtypes import Array, Dtype
from serving.errors import invalid

FILMS = [f"f{n}" for n in range(24)]
TITLES = [f"<b>Film</b> & {n}" for n in range(24)]
GENRES = ["Drama|Crime" if n % 2 else "Comedy" for n in range(24)]
STATE_BYTES = 100
THRESHOLDS = [60, 3600]
LAST_TIME = 1_000_000_000
_HISTORY = {"history": "s2", "times": "i2"}
_EXTRA = {"feedback": "f2", "event_types": "s2", "user_age": "f1"}
_QUESTION = {"query_time": "i1", "k": "n1", "exclude_seen": "b1", "deny": "s2", "exploration": "f1"}
_ANSWER = {"items": "s2", "log_probabilities": "f2", "cold": "b2"}
_TOLD = {"items": "s2", "titles": "s2", "popularity": "f2", "item_genres": "s2", "item_year": "f2"}
# The first letter of a kind is its type, what follows its rank.
_TYPES = {"s": "string", "i": "int64", "n": "int32", "f": "float", "b": "bool"}
_LETTERS = {"s": "DT_STRING", "i": "DT_INT64", "n": "DT_INT32", "f": "DT_FLOAT", "b": "DT_BOOL"}


class FilmBundle:
    """Answers film n by the distance of n from what was seen last and the level of the gap.

    At level 0 the films behind the last one come first, at level 1 those behind film 8, at level 2
    those behind film 16. What was asked is kept.

    Args:
      plain: whether it lacks titles, states, feedback, types and user features.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        extra = {} if plain else _EXTRA
        events = {name: kind for name, kind in extra.items() if name != "user_age"}
        self._tensors: dict[str, tuple[dict[str, str], dict[str, str]]] = {
            "recommend": ({**_HISTORY, **extra, **_QUESTION}, _ANSWER),
            "model_info": (
                {"rows": "n1"},
                {
                    **dict.fromkeys(("preset", "card"), "s1"),
                    "catalogue_items": "n1",
                    "thresholds": "i2",
                },
            ),
        }
        if not plain:
            state = {"state_bytes": "s1"}
            self._tensors |= {
                "start": ({"rows": "n1", "user_age": "f1"}, state),
                "update": ({**state, "items": "s2", "times": "i2", **events}, state),
                "recommend_from_state": ({**state, **_QUESTION}, _ANSWER),
                "similar_items": (
                    {"items": "s1", "k": "n1"},
                    {"items": "s2", "similarities": "f2"},
                ),
                "describe_items": ({"items": "s2"}, {**_TOLD, "known": "b2"}),
                "search_items": (
                    {"text": "s1", "offset": "n1", "k": "n1"},
                    {**_TOLD, "found": "n1"},
                ),
            }
        self.metadata: dict[str, Any] = {
            name: {"inputs": _infos(inputs), "outputs": _infos(outputs)}
            for name, (inputs, outputs) in self._tensors.items()
        }

    def signature(self, key: str) -> Signature:
        if key not in self._tensors:
            raise invalid(f"no signature {key}")
        inputs, outputs = self._tensors[key]
        types = {name: Dtype(_TYPES[kind[0]]) for name, kind in inputs.items()}
        return Signature({"signature": key}, {name: name for name in outputs}, types)

    def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
        name = signature.feeds["signature"]
        asked = {key: _plain(value) for key, value in arrays.items()}
        self.asked.append((name, asked))
        answer = getattr(self, f"_{name}")(asked)
        kinds = self._tensors[name][1]
        return {
            key: np.array(value, object if kinds[key][0] == "s" else None)
            for key, value in answer.items()
            if key in kinds
        }

    def close(self) -> None:
        pass

    def _model_info(self, asked: dict[str, Any]) -> dict[str, Any]:
        data = {"name": "films", "event_types": ["buy", "view"], "last_time": LAST_TIME}
        card = {"data": data, "version": 1}
        return {
            "preset": [b"best"],
            "card": [json.dumps(card).encode()],
            "catalogue_items": np.array([24], np.int32),
            "thresholds": [THRESHOLDS],
        }

    def _recommend(self, asked: dict[str, Any]) -> dict[str, Any]:
        rows = []
        for row, (history, times) in enumerate(zip(asked["history"], asked["times"], strict=True)):
            items = [item for item in history if item]
            last = times[len(items) - 1] if items else asked["query_time"][row]
            rows.append((items, last))
        return _answers(rows, asked)

    def _start(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"state_bytes": [_state([], 0)]}

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        items, _ = _read(asked["state_bytes"][0])
        return {"state_bytes": [_state([*items, *asked["items"][0]], asked["times"][0][-1])]}

    def _recommend_from_state(self, asked: dict[str, Any]) -> dict[str, Any]:
        items, time = _read(asked["state_bytes"][0])
        return _answers([(items, time or asked["query_time"][0])], asked)

    def _similar_items(self, asked: dict[str, Any]) -> dict[str, Any]:
        at = FILMS.index(asked["items"][0])
        near = [FILMS[(at + step) % 24].encode() for step in range(1, asked["k"][0] + 1)]
        return {"items": [near], "similarities": [[1.0] * len(near)]}

    def _describe_items(self, asked: dict[str, Any]) -> dict[str, Any]:
        (items,) = asked["items"]
        return {**_told(items), "known": [[item in FILMS for item in items]]}

    def _search_items(self, asked: dict[str, Any]) -> dict[str, Any]:
        text, offset, k = (asked[name][0] for name in ("text", "offset", "k"))
        found = [FILMS[n] for n in range(24) if text.lower() in f"{TITLES[n]} {FILMS[n]}".lower()]
        page = found[offset : offset + k]
        told = _told([*page, *[""] * (k - len(page))])
        return {**told, "found": np.array([len(found)], np.int32)}


def _answers(rows: list[tuple[list[str], int]], asked: dict[str, Any]) -> dict[str, Any]:
    width = max(asked["k"])
    items: list[list[bytes]] = []
    log_p: list[list[float]] = []
    for row, (history, last) in enumerate(rows):
        gap = asked["query_time"][row] - last
        level = sum(gap >= threshold for threshold in THRESHOLDS)
        last_film = FILMS.index(history[-1]) if history and history[-1] in FILMS else 0
        origin = (last_film, 8, 16)[level]
        order = [FILMS[(origin + step) % 24] for step in range(1, 25)]
        left = [one for one in order if not (asked["exclude_seen"][row] and one in history)]
        left = left[: asked["k"][row]]
        blanks = width - len(left)
        items.append([one.encode() for one in left] + [b""] * blanks)
        log_p.append([-1.0 - step for step in range(len(left))] + [-np.inf] * blanks)
    cold = [[False] * width for _ in rows]
    return {"items": items, "log_probabilities": np.array(log_p, np.float32), "cold": cold}


def _told(items: list[str]) -> dict[str, Any]:
    at = [FILMS.index(item) if item in FILMS else None for item in items]
    pairs = list(zip(at, items, strict=True))
    return {
        "items": [[item.encode() for item in items]],
        "titles": [[(item if n is None else TITLES[n]).encode() for n, item in pairs]],
        "popularity": np.array([[0.0 if n is None else (24 - n) / 300 for n in at]], np.float32),
        "item_genres": [[b"" if n is None else GENRES[n].encode() for n in at]],
        "item_year": np.array([[np.nan if n in (None, 3) else 1970 + n for n in at]], np.float32),
    }


def _state(items: list[str], time: int) -> bytes:
    told = json.dumps([items[-5:], time]).encode()
    return b"\xff" + told.ljust(STATE_BYTES - 1)


def _read(state: bytes | str) -> tuple[list[str], int]:
    assert isinstance(state, bytes) and len(state) == STATE_BYTES
    items, time = json.loads(state[1:])
    return items, time


def _infos(tensors: dict[str, str]) -> dict[str, Any]:
    return {
        name: {
            "dtype": _LETTERS[kind[0]],
            "tensor_shape": {
                "dim": [{"size": "-1", "name": ""}] * int(kind[1]),
                "unknown_rank": False,
            },
            "name": name,
        }
        for name, kind in tensors.items()
    }


def _plain(value: Any) -> Any:
    """An array as lists, bytes that are text as text."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, bytes) and not value.startswith(b"\xff"):
        return value.decode()
    return value
