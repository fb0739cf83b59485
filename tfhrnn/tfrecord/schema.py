"""How events, items and users stand in `tf.train.Example`s, and the file that says so.

A folder holds events-NNNNN-of-NNNNN.tfrecord, items.tfrecord, users.tfrecord (where there are
features of users) and schema.json. An Example of events is one user with lists as long as the
events; read, it may also be one event, or any part of a user's. Only `user_id`, `item_id` and
`timestamp` have to be there, and schema.json may be missing:

    user_id            bytes   1       the user
    item_id            bytes   n       the items, oldest first
    timestamp          int64   n       Unix seconds
    feedback           float   n       NaN where unknown
    weight             float   n       what an event counts as a target
    event_type         bytes   n       empty where unknown
    impressions        bytes   any     items shown beside the chosen ones, event after event
    impressions_count  int64   n       how many of them are each event's

An Example of items (users) holds `item_id` (`user_id`) and its columns: a multi-hot one as a list
of bytes, categorical, text and title as one bytes value, numbers as one int64 or float; what is
missing is an empty list. Text is UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tfhrnn.data.features import FeatureSpec
from tfhrnn.errors import RunError

FORMAT: Final = "tfhrnn examples"
VERSION: Final = 1
SCHEMA: Final = "schema.json"
EVENTS: Final = "events-*.tfrecord"
ITEMS: Final = "items.tfrecord"
USERS: Final = "users.tfrecord"

# column → kind of its list
EVENT_COLUMNS: Final = {
    "user_id": "bytes",
    "item_id": "bytes",
    "timestamp": "int64",
    "feedback": "float",
    "weight": "float",
    "event_type": "bytes",
    "impressions": "bytes",
    "impressions_count": "int64",
}


class Schema(NamedTuple):
    """What schema.json says.

    Attributes:
      name: of the data set.
      thresholds: gap thresholds in seconds; empty where not said.
      item_features: as "genres:multi-hot".
      user_features: likewise.
    """

    name: str = ""
    thresholds: tuple[int, ...] = ()
    item_features: tuple[str, ...] = ()
    user_features: tuple[str, ...] = ()


def stated(specs: Sequence[FeatureSpec]) -> list[str]:
    """Features as they are written on the command line.

    >>> stated([FeatureSpec("title", "text", buckets=64), FeatureSpec("year", "numeric")])
    ['title:text:64', 'year:numeric']
    """
    return [
        f"{spec.name}:{spec.kind}" + (f":{spec.buckets}" if spec.kind == "text" else "")
        for spec in specs
    ]


def write_schema(folder: Path, schema: Schema, facts: Mapping[str, Any]) -> None:
    """Writes schema.json.

    Args:
      folder: where to.
      schema: what is read back.
      facts: what else the reader should know, such as the kinds of columns.
    """
    values = {"format": FORMAT, "version": VERSION, **schema._asdict(), **facts}
    (folder / SCHEMA).write_text(
        json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def read_schema(folder: Path) -> Schema | None:
    """What a folder's schema.json says, None where it has none.

    Raises:
      RunError: it is damaged, another program's or of a later version.
    """
    path = folder / SCHEMA
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise ValueError(values["format"])
        version = values["version"]
        schema = Schema(
            str(values["name"]),
            *(tuple(values[key]) for key in ("thresholds", "item_features", "user_features")),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: got no schema of ours, expected what export-examples wrote") from (
            error
        )
    if version != VERSION:
        raise RunError(f"{path}: got version {version}, expected {VERSION}")
    return schema
