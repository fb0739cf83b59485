"""How a result was judged, as one frozen record with a hash.

Two results may be compared only where their hashes agree; `require_same` refuses otherwise and
names what differs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tfhrnn.errors import ProtocolError


@dataclass(frozen=True)
class Protocol:
    """The rules of an evaluation.

    Attributes:
      dataset: name of the data set.
      fingerprint: hash of the encoded event log.
      split: rule by which users were parted.
      split_seed: its seed.
      test_users: how many users are judged.
      targets: which events of a test user are targets.
      test_targets: how many those are.
      candidates: what a target competes with.
      catalogue_items: how many those are.
      seen_filter: whether items that the user had before are taken out.
      tie_rule: how equal scores are ranked.
      event_ties: how equal timestamps are ordered.
      k: cut-off of the rank metrics.
    """

    dataset: str
    fingerprint: str
    split_seed: int
    test_users: int
    test_targets: int
    catalogue_items: int
    split: str = "users: 20 % test, 10 % of the rest validation"
    targets: str = "every event of a test user, the first included"
    candidates: str = "every item of the catalogue"
    seen_filter: bool = False
    tie_rule: str = "catalogue order"
    event_ties: str = "input order"
    k: int = 10

    @property
    def hash(self) -> str:
        """The first 16 hex digits of SHA-256 over the fields.

        >>> a = Protocol("toy", "f", split_seed=0, test_users=1, test_targets=2, catalogue_items=3)
        >>> a.hash == dataclasses.replace(a).hash, a.hash == dataclasses.replace(a, k=5).hash
        (True, False)
        """
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """The fields and the hash."""
        return {**dataclasses.asdict(self), "hash": self.hash}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Protocol:
        """The inverse of `to_dict`.

        Raises:
          ProtocolError: other fields than ours, or the stored hash is not that of the fields.
        """
        fields = {key: value for key, value in record.items() if key != "hash"}
        try:
            protocol = cls(**fields)
        except TypeError as error:
            known = ", ".join(field.name for field in dataclasses.fields(cls))
            found = ", ".join(fields)
            raise ProtocolError(f"protocol: got the fields {found}, expected {known}") from error
        if "hash" in record and record["hash"] != protocol.hash:
            raise ProtocolError(
                f"protocol: got hash {record['hash']}, expected {protocol.hash} of its fields: "
                "the record was changed after it was written"
            )
        return protocol


def require_same(first: Protocol, second: Protocol) -> None:
    """Refuses to go on unless two results were judged alike.

    Raises:
      ProtocolError: they were not; the message names each field that differs.
    """
    if first.hash == second.hash:
        return
    a, b = first.to_dict(), second.to_dict()
    differing = [
        f"{key} ({a[key]!r} and {b[key]!r})" for key in a if key != "hash" and a[key] != b[key]
    ]
    raise ProtocolError(
        "these results cannot be compared, their protocols differ in " + ", ".join(differing)
    )
