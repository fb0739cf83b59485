"""The best items for many users, as a file: what `recommend` answers each, a row a user.

Users are answered in parts of a fixed size, each a file of its own until the last one is there
(`tfhrnn.data.parts_file`), so that memory does not grow with them, but for the table of their ids,
and a program that was killed goes on. Within a part, histories of about one length share a run of
the graph.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.answers import ask
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import TrainingFacts
from tfhrnn.data.parts_file import PartsFile
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor, texts
from tfhrnn.refusals import in_words

PART_USERS: Final = 4096
_BATCH_USERS: Final = 512
_BATCH_STEPS: Final = 2**16  # events of a batch, padded: what the towers hold at once
_BATCH_SCORES: Final = 2**25  # scores of a batch over the whole catalogue
_FORMAT: Final = 1
_KINDS: Final[dict[str, Any]] = {
    "user": pl.String,
    "query_time": pl.Int64,
    "level": pl.Int32,
    "seed": pl.Int64,
    "items": pl.List(pl.String),
    "log_probabilities": pl.List(pl.Float32),
    "cold": pl.List(pl.Boolean),
    "promoted": pl.List(pl.Boolean),
}


class Written(NamedTuple):
    """What became of a file of answers.

    Attributes:
      path: the file.
      users: rows in it.
      new_users: ids without an event in the log, answered as users without a history.
      answered: users that this call answered; the others were there already.
      with_fewer: users with fewer items than were asked for.
      with_none: those of them with none at all.
    """

    path: Path
    users: int
    new_users: list[str]
    answered: int
    with_fewer: int
    with_none: int


def recommend_all(
    predictor: Predictor,
    facts: TrainingFacts,
    log: EventLog,
    out: str | Path,
    *,
    users: Sequence[str] | None = None,
    options: AnswerOptions | None = None,
    query_time: int | None = None,
    gap: int | None = None,
    part_users: int = PART_USERS,
    told: Callable[[int, int], None] = lambda done, users: None,
) -> Written:
    """Answers `recommend` for every user of a list and writes a Parquet file.

    A row a user, in the order of the list: `user`; `query_time`, Unix seconds; `level`, of the gap
    before it; `items` and `log_probabilities`, lists as long as there are answers, best first;
    `cold` and `promoted`, lists of flags, where cold items or a promotion were asked for; and
    `seed`, where answers explore: each user's own, made of the options' and the id. A call that is
    stopped, however abruptly, leaves nothing under the file's name; the same call again goes on,
    to the same file.

    Args:
      predictor: answers.
      facts: of the training users.
      log: the events that the histories are read from.
      out: the file; one of another plan is replaced, one of the same plan stays.
      users: ids, each once; all users of the log if left out.
      options: what is wanted of each answer.
      query_time: Unix seconds at which answers are wanted.
      gap: seconds after each user's last event instead; 0 if both are left out.
      part_users: users in a row group.
      told: hears how many of how many users are answered.

    Raises:
      ConfigError: options that the model has not, or a time that can't be.
      RunError: the file cannot be written, or another program is making it.
    """
    options, asked_for = options or AnswerOptions(), _Users(log, users)
    count = len(asked_for)
    parts = [slice(begin, begin + part_users) for begin in range(0, count, part_users)]
    plan = {
        "format": _FORMAT,
        "model": predictor.state_bytes.fingerprint,
        "retrieval": predictor.answering.retrieval.way,
        "rules": predictor.rules.told,
        "log": log.fingerprint,
        "users": _fingerprint(map(asked_for.ids, parts)),
        "part_users": part_users,
        "options": json.loads(json.dumps(dataclasses.asdict(options), default=str)),
        "query_time": query_time,
        "gap": gap,
    }
    rows_of = [len(range(*part.indices(count))) for part in parts]
    file = PartsFile(out, plan, rows_of)
    new = asked_for.new()
    if file.is_complete:
        told(count, count)
        return Written(file.path, count, new, 0, *_short(file.path, options.k))

    def answers(ids: Sequence[str], index: Sequence[int | None]) -> pl.DataFrame:
        """The rows of some users, by their ids and indices in the log."""
        histories = _histories(log, ids, index)
        asked = ask(
            predictor,
            facts,
            histories,
            times=None,
            user_columns=None,
            query_time=query_time,
            gap=gap,
        )
        request = predictor.inputs(asked.histories, options, query_time=asked.query_time)
        rows: dict[str, Any] = {
            "user": histories.names,
            "query_time": asked.query_time,
            "level": asked.levels,
        }
        if options.exploration:
            seeds = np.array([_seed(options.seed, user) for user in histories.names], np.int64)
            request["seed"] = rows["seed"] = seeds
        with in_words():
            found = predictor.ask("recommend", request)
        items = texts(found["items"])
        counts = (items != "").sum(axis=1).tolist()
        columns = {"items": items, "log_probabilities": found["log_probabilities"]}
        if options.cold_items is not None:
            columns["cold"] = found["cold"]
        if options.promotion:
            columns["promoted"] = found["promoted"]
        lists = {
            name: [row[:count].tolist() for row, count in zip(values, counts, strict=True)]
            for name, values in columns.items()
        }
        return pl.DataFrame({**rows, **lists}, schema={n: _KINDS[n] for n in (*rows, *lists)})

    answered = 0
    with file.making() as missing:
        done = count - sum(rows_of[number] for number in missing)
        told(done, count)
        for number in missing:
            ids, index = asked_for.ids(parts[number]), asked_for.index(parts[number])
            lengths = {at: _length(log, user) for at, user in enumerate(index)}
            frames = []
            for batch in _batches(lengths, predictor.num_items):
                found = answers([ids[at] for at in batch], [index[at] for at in batch])
                frames.append(found.with_columns(place=pl.Series(batch, dtype=pl.Int64)))
                answered += len(batch)
                told(done + answered, count)
            file.write(number, pl.concat(frames).sort("place").drop("place"))
        file.finish()
    return Written(file.path, count, new, answered, *_short(file.path, options.k))


def _short(path: Path, k: int) -> tuple[int, int]:
    """How many rows of a file have fewer items than k, and how many of them none."""
    items = pl.col("items").list.len()
    counts = pl.scan_parquet(path).select(fewer=(items < k).sum(), none=(items == 0).sum())
    fewer, none = counts.collect(engine="streaming").row(0)
    return int(fewer), int(none)


class _Users:
    """Who is answered, a part at a time: all users of a log are never held as text."""

    def __init__(self, log: EventLog, users: Sequence[str] | None) -> None:
        self._log, self._users = log, users

    def __len__(self) -> int:
        return self._log.num_users if self._users is None else len(self._users)

    def ids(self, part: slice) -> Sequence[str]:
        """The ids of a part."""
        if self._users is None:
            return self._log.user_frame["user_id"][part].to_list()
        return self._users[part]

    def index(self, part: slice) -> Sequence[int | None]:
        """Their indices in the log, None for an id without events."""
        if self._users is None:
            return range(*part.indices(len(self)))
        return [self._log.user_index(user) for user in self._users[part]]

    def new(self) -> list[str]:
        """The ids without events."""
        return [user for user in self._users or () if self._log.user_index(user) is None]


def _fingerprint(parts: Iterable[Sequence[str]]) -> str:
    """The SHA-256 of the list that the parts make up, as JSON."""
    digest = hashlib.sha256(b"[")
    for number, ids in enumerate(parts):
        digest.update((", " if number else "").encode() + json.dumps(ids)[1:-1].encode())
    digest.update(b"]")
    return digest.hexdigest()


def _seed(seed: int, user: str) -> int:
    """A user's own seed of exploration; one for all would show all of them the same items."""
    digest = hashlib.blake2b(f"{seed} {user}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _length(log: EventLog, user: int | None) -> int:
    return 0 if user is None else int(log.offsets[user + 1] - log.offsets[user])


def _batches(lengths: dict[int, int], num_items: int) -> Iterator[list[int]]:
    """Positions in batches of about one length, within the limits of what is held at once."""
    most = max(1, min(_BATCH_USERS, _BATCH_SCORES // num_items))
    batch: list[int] = []
    for at in sorted(lengths, key=lambda at: (lengths[at], at)):
        full = len(batch) == most or (len(batch) + 1) * (lengths[at] + 1) > _BATCH_STEPS
        if batch and full:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def _histories(log: EventLog, ids: Sequence[str], users: Sequence[int | None]) -> Histories:
    """Users' whole histories; an empty one, without features, where there is no such user."""
    known = [user for user in users if user is not None]
    found = Histories.from_log(log, known)
    if len(known) == len(users):
        return found
    place = iter(range(len(known)))
    row_of = [None if user is None else next(place) for user in users]

    def spread(values: Sequence[Any], nothing: Any) -> list[Any]:
        return [nothing if row is None else values[row] for row in row_of]

    return Histories(
        list(ids),
        spread(found.items, []),
        spread(found.times, []),
        spread(found.feedback, []),
        {name: spread(values, None) for name, values in found.user_columns.items()},
        None if found.event_types is None else spread(found.event_types, []),
    )
