"""The command line: what it prints and leaves, and one clear line for bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfhrnn.data.event_log import EventLog
from tuning.__main__ import build_parser, main

FIX = ["units=4", "batch_size=4", "bptt=8"]


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a search that must fail with exit code 2; returns its one line."""

    def run(*words: object) -> str:
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as left:  # argparse's way
            code = left.code  # type: ignore[assignment]  # always a number there
        error = capsys.readouterr().err
        assert code == 2 and error.count("\n") == 1 and error.startswith("tuning: "), error
        return error.removeprefix("tuning: ").rstrip("\n")

    return run


def test_a_search_prints_its_trials_and_writes_json(
    tiny_log: EventLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(tiny_log.directory), "--out", str(tmp_path / "out")]
    words += ["--preset", "hrnn", "--tuner", "random", "--max_trials", "2", "--epochs", "1"]
    words += ["--objective", "val_ndcg", "--only", "output_dropout", "--search", "tied=true,false"]
    words += [word for fix in FIX for word in ("--fix", fix)]
    words += ["--in-process", "--search-only", "--seed", "2", "--split", "last"]
    target = tmp_path / "json" / "found.json"
    assert main([*words, "--json", str(target)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(target.read_text(encoding="utf-8"))
    assert found["search"]["tuner"] == "random" and found["search"]["seed"] == 2
    assert found["search"]["split"]["by"] == "last" and found["best"] is None
    scores = [row["score"] for row in found["trials"]]
    assert scores == sorted(scores, reverse=True)  # the higher the better
    for row in found["trials"]:
        assert f"trial {row['trial']}: val_ndcg {row['score']:.4f} (" in printed
        assert set(row["settings"]) == {"tied", "output_dropout"}
    assert f"results: {tmp_path / 'out' / 'results.html'}" in printed
    assert "train it: python -m tfhrnn train --data " in printed
    assert "Reloading Tuner" not in printed and "Search: Running" not in printed


def test_help_tells_every_option_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    for option in build_parser()._option_string_actions:
        assert option in shown
    assert "python -m tuning --data data --tuner hyperband --max_trials 30 --out tuned" in shown


def test_both_spellings_of_the_number_of_trials_are_taken() -> None:
    for option in ("--max_trials", "--max-trials"):
        parsed = build_parser().parse_args(["--data", "d", "--out", "o", option, "7"])
        assert parsed.max_trials == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tuner", "grid"], "tuner: got 'grid', expected one of random, bayesian, hyperband"),
        (["--max_trials", "0"], "max_trials: got 0, expected a whole number of at least 1"),
        (["--objective", "val_loss"], "objective: got 'val_loss', expected one of"),
        (["--only", "unit"], "--only: got 'unit' (did you mean 'units'?)"),
        (["--fix", "units"], "--fix: got 'units', expected NAME=VALUE"),
        (["--search", "units=x"], "--search units: got 'x', expected a whole number"),
        (["--split-share", "0.2"], "--split-share: got no --split beside it"),
        (["--epochs", "0"], "epochs: got 0, expected a whole number of at least 1"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    words: list[str], message: str, tiny_log: EventLog, tmp_path: Path, fails: Callable[..., str]
) -> None:
    out = tmp_path / "out"
    assert message in fails("--data", tiny_log.directory, "--out", out, *words)
    assert not out.exists()


def test_missing_options_and_data_are_one_line(tmp_path: Path, fails: Callable[..., str]) -> None:
    assert "the following arguments are required: --data, --out" in fails()
    missing = fails("--data", tmp_path / "none", "--out", tmp_path / "out")
    assert missing == f"{tmp_path / 'none'}: got no such folder, expected an event log"


def test_ctrl_c_is_130_and_says_how_to_go_on(
    tiny_log: EventLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tuning.search.run_search", stop)
    assert main(["--data", str(tiny_log.directory), "--out", str(tmp_path)]) == 130
    error = capsys.readouterr().err
    assert (
        error == "\ntuning: stopped; finished epochs and files are kept; the same command goes on\n"
    )
