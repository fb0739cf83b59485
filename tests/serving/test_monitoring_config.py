from pathlib import Path

import pytest

from serving.monitoring_config import read_metrics_path
from serving.text_proto import ConfigError


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ("prometheus_config {}", None),
        ('prometheus_config { path: "/m" }', None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/m" }', "/m"),
    ],
)
def test_metrics_are_shown_where_they_are_switched_on(
    tmp_path: Path, text: str, path: str | None
) -> None:
    (tmp_path / "m.config").write_text(text)
    assert read_metrics_path(tmp_path / "m.config") == path


@pytest.mark.parametrize(
    "text", ['prometheus_config { enable: true path: "m" }', "prometheus_config { on: true }"]
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.config").write_text(text)
    with pytest.raises(ConfigError, match=r"m\.config: "):
        read_metrics_path(tmp_path / "m.config")
