"""The page of a diagnosis: everything inside it, every text escaped, whole or not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tfhrnn import cli
from tfhrnn.data.diagnosis import diagnose
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.sessions import gaps
from tfhrnn.evaluation import diagnosis_page
from tfhrnn.evaluation.advice import Advice, advise
from tfhrnn.evaluation.diagnosis_page import write_diagnosis

EVIL = """<script>alert("1")</script> & 'Co'"""


def test_the_page_holds_pictures_figures_and_advice(tiny_log: EventLog, tmp_path: Path) -> None:
    found = diagnose(tiny_log)
    advice = [*advise(found), Advice("gaps", True, "do `--x <1>` & see")]
    path = write_diagnosis(tmp_path / "new" / "d.html", found, advice, gaps(tiny_log))
    page = path.read_text()
    assert page.count("data:image/png;base64,") == 3 + 2 * bool(found["popularity"]["ages"])
    assert 'do <code class="whole">--x &lt;1&gt;</code> &amp; see' in page
    assert not re.search(r'(src|href)="(?!data:)', page) and "url(" not in page
    for piece in advice:
        assert piece.text.split("`")[0].replace("'", "&#39;")[:40] in page
    assert f"{found['sessions']['sessions']:,}" in page


def test_names_are_escaped_and_what_is_missing_is_left_out(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    found = {**diagnose(tiny_log), "name": EVIL}
    found["popularity"] = {"period_seconds": None, "ages": [], "drift": [], "windows": []}
    found["gaps"] = {**found["gaps"], "gaps": 0}
    found["items"]["power_law"] = {"points": [[3, 3]], "slope": None, "rmse": None}
    none = np.zeros(0, np.int64)
    page = write_diagnosis(tmp_path / "d.html", found, advise(found), none).read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert page.count("data:image/png;base64,") == 2


def test_an_older_page_stays_where_a_new_one_fails(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "d.html").write_text("old")
    found = diagnose(tiny_log)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(diagnosis_page, "_pictures", fail)
    with pytest.raises(KeyboardInterrupt):
        write_diagnosis(tmp_path / "d.html", found, [], gaps(tiny_log))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("d.html", "old")]


def test_the_command_writes_page_and_json(
    tiny_log: EventLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, target = tmp_path / "d.html", tmp_path / "d.json"
    words = ["diagnose", "--data", str(tiny_log.directory), "--out", str(page)]
    assert cli.main([*words, "--json", str(target)]) == 0
    written = json.loads(target.read_text())
    assert written["fingerprint"] == tiny_log.fingerprint and written["report"] == str(page)
    assert [piece["topic"] for piece in written["advice"]]
    assert f"report: {page}" in capsys.readouterr().out
    assert cli.main([*words[:3], "--out", str(tmp_path)]) == 2
    assert "--out: got the folder" in capsys.readouterr().err
    assert cli.main(["diagnose", "--data", str(tmp_path / "none")]) == 2
    assert "got no such folder, expected an event log" in capsys.readouterr().err
