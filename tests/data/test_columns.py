"""Known names are found, anything doubtful is an error with its cure."""

from __future__ import annotations

import pytest

from tfhrnn.data.columns import map_columns, remembered_columns
from tfhrnn.errors import ConfigError, DataError


@pytest.mark.parametrize(
    "names",
    [
        ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_VALUE"],
        ["userId", "movieId", "timestamp", "rating"],
        ["user_id:token", "item_id:token", "timestamp:float", "rating:float"],
        ["user", "item", "ts", "feedback"],
        ["user_id", "item_id", "time", "value"],
    ],
)
def test_known_names_map_to_roles(names: list[str]) -> None:
    user, item, time, feedback = names
    expected = {"user_id": user, "item_id": item, "timestamp": time, "feedback": feedback}
    assert map_columns(names) == expected


def test_given_columns_win_over_known_names() -> None:
    names = ["user_id", "account", "item_id", "timestamp", "rating", "stars"]
    mapping = map_columns(names, columns={"user_id": "account", "feedback": "stars"})
    assert mapping["user_id"] == "account"
    assert mapping["feedback"] == "stars"


@pytest.mark.parametrize("name", ["EVENT_TYPE", "eventType", "event_type:token"])
def test_event_types_have_known_names(name: str) -> None:
    mapping = map_columns(["user", "item", "time", name, "what"])
    assert mapping["event_type"] == name
    mapping = map_columns(["user", "item", "time", "what"], columns={"event_type": "what"})
    assert mapping["event_type"] == "what"


def test_a_mapped_column_plays_no_second_role() -> None:
    names = ["user", "item", "timestamp", "value"]
    mapping = map_columns(names, columns={"weight": "value"})
    assert mapping["weight"] == "value"
    assert "feedback" not in mapping


def test_two_claims_name_both_columns_and_the_cure() -> None:
    names = ["user_id", "userId", "item_id", "timestamp"]
    with pytest.raises(DataError, match=r"user_id and userId.*--map user_id=user_id"):
        map_columns(names)


def test_missing_column_lists_what_is_there() -> None:
    with pytest.raises(DataError, match=r"x\.csv: got no column for item_id \(there are: user, b"):
        map_columns(["user", "b", "time"], source="x.csv")


def test_mapped_column_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"no column 'who' \(there are: user, item, time\)"):
        map_columns(["user", "item", "time"], columns={"user_id": "who"})


def test_unknown_role() -> None:
    with pytest.raises(ConfigError, match="got the role 'rating', expected one of user_id"):
        map_columns(["user", "item", "time"], columns={"rating": "time"})


def test_item_and_user_tables() -> None:
    names = ["movieId", "movie_title:token_seq", "genres"]
    assert map_columns(names, "items") == {"item_id": "movieId", "title": "movie_title:token_seq"}
    assert map_columns(["USER_ID", "age"], "users") == {"user_id": "USER_ID"}


def test_remembered_columns_yield_to_what_is_stated_and_to_what_is_not_there() -> None:
    before = {"user_id": "who", "item_id": "what", "timestamp": "at", "feedback": "price"}
    assert remembered_columns(["who", "what", "at", "price", "x"], None, before) == before
    # One role is stated anew, one column is gone, one has another role now.
    names = ["client", "who", "what", "at"]
    found = remembered_columns(names, {"user_id": "client", "item_id": "at"}, before)
    assert found == {"user_id": "client", "item_id": "at"}


def test_a_role_that_was_nearly_written_is_proposed() -> None:
    with pytest.raises(ConfigError, match=r"role 'user' \(did you mean 'user_id'\?\), expected"):
        map_columns(["a"], columns={"user": "a"})
