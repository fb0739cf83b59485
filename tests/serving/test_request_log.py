import json
import sys
from datetime import datetime, timezone

import pytest

from serving.request_log import log_nowhere, log_to_stdout


def test_a_request_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stdout({"path": "/v1/\n", "milliseconds": 1.5})
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    told = json.loads(line)
    assert (told["path"], told["milliseconds"]) == ("/v1/\n", 1.5)
    age = datetime.now(timezone.utc) - datetime.fromisoformat(told["time"])
    assert 0 <= age.total_seconds() < 60


def test_a_reader_that_went_away_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    log_to_stdout({})


def test_the_log_can_be_switched_off(capsys: pytest.CaptureFixture[str]) -> None:
    log_nowhere({"path": "/"})
    assert capsys.readouterr().out == ""
