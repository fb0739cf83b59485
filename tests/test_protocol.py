"""The evaluation protocol: a record, its hash, and the refusal to compare unlike ones."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from tfhrnn.errors import ProtocolError
from tfhrnn.protocol import Protocol, require_same

TOY = Protocol("toy", "f00", split_seed=0, test_users=1, test_targets=2, catalogue_items=3)


def test_the_hash_is_that_of_the_sorted_fields() -> None:
    text = json.dumps(dict(sorted(dataclasses.asdict(TOY).items())))
    assert TOY.hash == hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Protocol)])
def test_every_field_is_hashed_and_named_where_it_differs(name: str) -> None:
    value: Any = getattr(TOY, name)
    changed: Any = not value if isinstance(value, bool) else value * 2 + type(value)(1)
    other = dataclasses.replace(TOY, **{name: changed})
    assert other.hash != TOY.hash
    with pytest.raises(ProtocolError) as caught:
        require_same(TOY, other)
    assert str(caught.value).endswith(f"differ in {name} ({value!r} and {changed!r})")


def test_like_protocols_may_be_compared() -> None:
    require_same(TOY, dataclasses.replace(TOY))


def test_a_record_comes_back_as_it_was() -> None:
    assert Protocol.from_dict(json.loads(json.dumps(TOY.to_dict()))) == TOY


def test_a_changed_record_is_refused() -> None:
    record = {**TOY.to_dict(), "k": 5}
    with pytest.raises(ProtocolError, match=f"got hash {TOY.hash}, expected .* was changed after"):
        Protocol.from_dict(record)


@pytest.mark.parametrize("record", [{**TOY.to_dict(), "colour": "red"}, {"dataset": "toy"}])
def test_other_fields_than_ours_are_refused(record: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match=r"protocol: got the fields dataset.*, expected datas"):
        Protocol.from_dict(record)


def test_a_protocol_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TOY.k = 3  # type: ignore[misc]  # the point of the test
