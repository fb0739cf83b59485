"""What `recommend`, `rank` and `similar` print and return."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn import cli
from tfhrnn.answer_options import AnswerOptions
from tfhrnn.recommender import HRNNRecommender


@pytest.fixture(scope="module")
def run_folder(trained: HRNNRecommender) -> Path:
    assert trained.run is not None
    return trained.run.path


def test_titles_with_brackets_are_printed_as_they_are(
    trained: HRNNRecommender,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def answer(*_: object, **__: object) -> pl.DataFrame:
        row = {"rank": 1, "item": "[/x]", "title": "In [red] Paradise", "log_probability": -1.5}
        return pl.DataFrame([{"user": "0", "level": 2, **row}])

    monkeypatch.setattr(HRNNRecommender, "recommend", answer)
    words = ["recommend", "--run", str(run_folder), "--history", "[/b],[bold]"]
    assert cli.main(words[:3]) == 0
    shown = capsys.readouterr().out
    assert "[/x]" in shown and "In [red] Paradise" in shown
    assert cli.main([*words[:3], "--history", ",[/b]"]) == 0
    assert 'read as unknown items: "[/b]"' in capsys.readouterr().out


def test_cold_and_promoted_items_are_marked_where_they_were_asked_for(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = {"cold": [False, True], "promoted": [True, False]}
    shown: dict[str, list[bool]] = {}

    def answer(*_: object, **__: object) -> pl.DataFrame:
        told = {"rank": [1, 2], "item": ["a", "b"], "title": ["A", "B"], "level": [2, 2]}
        return pl.DataFrame({**told, "log_probability": [-1.5, -2.0], **shown})

    monkeypatch.setattr(HRNNRecommender, "recommend", answer)

    def table() -> list[list[str]]:
        assert cli.main(["recommend", "--run", str(run_folder), "--history", ","]) == 0
        lines = capsys.readouterr().out.replace("┃", "│").splitlines()
        cells = [line.strip("│").split("│") for line in lines if "│" in line]
        return [[cell.strip() for cell in row] for row in cells]

    plain = [["rank", "item", "title", "log probability"], ["1", "a", "A", "-1.500"]]
    assert table()[:2] == plain
    shown.update(promoted=marks["promoted"])
    assert [row[4:] for row in table()] == [["promoted"], ["yes"], [""]]
    shown.update(marks)
    assert [sorted(row[4:]) for row in table()] == [["cold", "promoted"], ["", "yes"], ["", "yes"]]


def test_json_holds_what_is_printed_and_null_for_no_number(
    trained: HRNNRecommender,
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    items = [str(item) for item in trained.catalogue.ids[:3]]
    ask = ["rank", "--run", str(run_folder), "--history", json.dumps(items[:1]), "--gap", "90"]
    out = tmp_path / "out.json"
    given = ["--items", json.dumps([*items, "nowhere"]), "--json", str(out)]
    assert cli.main([*ask, *given]) == 0
    answer = json.loads(out.read_text())
    assert answer["level"] == 1 and answer["unknown"] == ["nowhere"]
    found = {row["item"]: row["log_probability"] for row in answer["items"]}
    wanted = trained.rank([[items[0]]], [[*items, "nowhere"]], gap=90)
    for item, log_p in wanted.select("item", "log_probability").iter_rows():
        if math.isfinite(log_p):
            assert found[item] == pytest.approx(log_p, abs=1e-5)
        else:
            assert found[item] is None
    assert found["nowhere"] is None
    shown = capsys.readouterr().out
    assert "gap level 1" in shown and all(item in shown for item in items)


def test_the_historys_feedback_means_the_same_on_the_command_line_in_python_and_served(
    trained: HRNNRecommender,
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    items, times = trained.catalogue.ids[:3], [1_000_000_000, 1_000_000_060, 1_000_000_500]
    out = tmp_path / "out.json"
    asked = ["--run", str(run_folder), "--history", json.dumps(items), "--gap", "90"]
    asked += ["--times", ",".join(map(str, times)), "--json", str(out)]
    assert cli.main(["recommend", *asked, "--feedback", "5,1,", "-k", "30"]) == 0
    typed = {row["item"]: row["log_probability"] for row in json.loads(out.read_text())["items"]}

    def called(feedback: list[float | None] | None) -> dict[str, float]:
        given = None if feedback is None else [feedback]
        found = trained.recommend([items], times=[times], feedback=given, gap=90, k=30)
        return dict(found.select("item", "log_probability").iter_rows())

    signature = tf.saved_model.load(str(trained.export(tmp_path / "model"))).signatures
    raw: dict[str, Any] = {
        **AnswerOptions(k=30).inputs(1, trained.predictor.item_specs),
        "history": [items],
        "times": [times],
        "feedback": [[5.0, 1.0, np.nan]],
        "user_age": [np.nan],
        "user_group": [""],
        "query_time": [times[-1] + 90],
    }
    specs = trained.predictor.signature()
    answer = signature["serving_default"](
        **{name: tf.constant(raw[name], spec.dtype) for name, spec in specs.items()}
    )
    ids = [item.decode() for item in answer["items"].numpy()[0]]
    served = dict(zip(ids, answer["log_probabilities"].numpy()[0].tolist(), strict=True))
    found = called([5.0, 1.0, None])
    assert len(found) == 30
    assert typed == pytest.approx(found, abs=1e-5) and served == pytest.approx(found, abs=1e-5)
    # It matters, and left out it is unknown.
    assert called(None) == called([None] * 3)
    assert max(abs(found[item] - log_p) for item, log_p in called(None).items()) > 1e-4

    rank = ["rank", *asked, "--items", json.dumps(items), "--feedback"]
    assert cli.main([*rank, "[5, 1, null]"]) == 0
    ranked = {row["item"]: row["log_probability"] for row in json.loads(out.read_text())["items"]}
    assert ranked == pytest.approx({item: found[item] for item in items}, abs=1e-5)
    capsys.readouterr()
    for text, message in (
        ("5,good,", "--feedback: got 'good', expected a number, or nothing where unknown"),
        ("5", "history, row 1, column feedback: got 1 values, expected 3"),
    ):
        assert cli.main([*rank, text]) == 2
        assert message in capsys.readouterr().err


def test_lists_new_items_and_exploration_from_the_command_line(
    trained: HRNNRecommender, run_folder: Path, tmp_path: Path
) -> None:
    films, out, new = trained.catalogue.ids, tmp_path / "out.json", tmp_path / "new.csv"
    new.write_text("movieId,title,genres\nnew,A [new] one,Drama\n")
    asked = ["recommend", "--run", str(run_folder), "--history", json.dumps(films[:3])]
    asked += ["--json", str(out)]

    def found(*words: str) -> list[dict[str, Any]]:
        assert cli.main([*asked, *words]) == 0
        items: list[dict[str, Any]] = json.loads(out.read_text())["items"]
        return items

    listed = found("--allow", json.dumps(films[4:8]), "--deny", json.dumps(films[5:6]))
    assert {row["item"] for row in listed} == {films[4], films[6], films[7]}
    cold = found("--cold-items", str(new), "-k", "40")
    assert [(row["item"], row["title"]) for row in cold if row["cold"]] == [("new", "A [new] one")]
    assert len(cold) == 31
    explored = found("--exploration", "1.5", "--seed", "3", "-k", "30")
    wanted = trained.recommend([films[:3]], k=30, exploration=1.5, seed=3)
    assert [row["item"] for row in explored] == wanted["item"].to_list()


def test_similar_items_from_the_command_line(
    trained: HRNNRecommender,
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    film, out = trained.catalogue.ids[3], tmp_path / "out.json"
    words = ["similar", "--run", str(run_folder), "--items", json.dumps([film, "none"])]
    assert cli.main([*words, "-k", "2", "--json", str(out)]) == 0
    assert 'not in the catalogue, similar to nothing: "none"' in capsys.readouterr().out
    told = json.loads(out.read_text())
    wanted = trained.similar([film], k=2)
    assert told["unknown"] == ["none"]
    assert [row["similar"] for row in told["items"]] == wanted["similar"].to_list()


def test_a_users_value_that_the_model_has_not_met_is_said(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["recommend", "--run", str(run_folder), "--user", "age=99", "--user"]
    assert cli.main([*words, "group=gold"]) == 0
    assert 'not among the values of group, read as unknown: "gold"\n' in capsys.readouterr().out
    assert cli.main([*words, "group=a"]) == 0
    assert "read as unknown" not in capsys.readouterr().out
