"""A user's events, shown as models read them and as requests tell them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tfhrnn import cli
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.event_rules import EventRules
from tfhrnn.recommender import HRNNRecommender


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Sessions, thresholds and weights change what a table's rows mean."""
    rows = [
        ("ann", "s1", "[mug]", 60, "buy", 12.0),
        (None, "s1", "é, plate", 0, "view", None),
        ("ann", None, "bowl", 90, "buy", 2.0),  # too cheap
        ("ann", None, "bowl", 86_400, None, 3.5),
        ("bob", None, "bowl", 5, "view", None),
    ]
    names = ["user_id", "session_id", "item_id", "timestamp", "event_type", "feedback"]
    return write_event_log(
        pl.DataFrame(rows, schema=names, orient="row"),
        tmp_path_factory.mktemp("shop") / "log",
        items=pl.DataFrame({"item_id": ["bowl", "[mug]"], "title": ["A bowl", "A [b]mug[/b]"]}),
        users=pl.DataFrame({"user_id": ["ann", "bob"], "plan": ["gold", None]}),
        user_features=["plan:categorical"],
        name="shop",
        rules=EventRules(weights={"view": 0.2}, thresholds={"buy": 10.0}),
    )


def test_events_are_those_of_the_log_in_its_order(
    shop: EventLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = tmp_path / "told.json"
    words = ["history", "--data", str(shop.directory), "--user", "ann"]
    assert cli.main([*words, "--json", str(told)]) == 0
    lines = [
        [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]
        for line in capsys.readouterr().out.splitlines()
        if "│" in line or "┃" in line
    ]
    assert lines == [
        ["time (UTC)", "Unix seconds", "item", "title", "type", "feedback", "weight"],
        ["1970-01-01 00:00:00", "0", "é, plate", "", "view", "", "0.2"],
        ["1970-01-01 00:01:00", "60", "[mug]", "A [b]mug[/b]", "buy", "12", "1"],
        ["1970-01-02 00:00:00", "86400", "bowl", "A bowl", "", "3.5", "1"],
    ]
    found = json.loads(told.read_text())
    assert str(found["inputs"].pop("feedback")) == "[[nan, 12.0, 3.5]]"
    assert found == {
        "user": "ann",
        "features": {"plan": "gold"},
        "inputs": {
            "history": [["é, plate", "[mug]", "bowl"]],
            "times": [[0, 60, 86_400]],
            "event_types": [["view", "buy", ""]],
        },
    }
    assert cli.main([*words, "--last", "1"]) == 0
    shown = capsys.readouterr().out
    body = '{"history": [["bowl"]], "times": [[86400]], "feedback": [[3.5]], "event_types": [[""]]}'
    assert "features: plan gold\nin a request, by columns:\n" + body in shown


def test_what_it_tells_asks_what_the_log_asks(
    trained: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    told, out = tmp_path / "told.json", tmp_path / "recs.parquet"
    words = ["history", "--data", str(tiny_log.directory), "--user", "u7", "--json", str(told)]
    assert cli.main(words) == 0
    found = json.loads(told.read_text())
    assert "event_types" not in found["inputs"] and found["features"] == {"age": 27, "group": "a"}
    lists = {name: found["inputs"][name] for name in ("times", "feedback")}
    columns = {name: [value] for name, value in found["features"].items()}
    history = found["inputs"]["history"]
    answer = trained.recommend(history, k=5, gap=60, user_columns=columns, **lists)
    trained.recommend_all(out, users=["u7"], k=5, gap=60)
    assert pl.read_parquet(out)["items"][0].to_list() == answer["item"].to_list()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--user", "cid"], "--user: got 'cid', expected one of the 2 users, such as 'ann'"),
        (["--user", "ann", "--last", "0"], "--last: got 0, expected 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(
    shop: EventLog, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["history", "--data", str(shop.directory), *words]) == 2
    assert message in capsys.readouterr().err
