"""The picture is written for any gaps, none included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfhrnn.data.gap_plot import plot_gap_histogram
from tfhrnn.errors import ConfigError


@pytest.mark.parametrize("gaps", [[], [0, 0], [1], [0, 5, 70, 4000, 10**6, 10**9]])
def test_a_picture_is_written(tmp_path: Path, gaps: list[int]) -> None:
    plot_gap_histogram(np.array(gaps), (60, 3600, 86_400), tmp_path / "gaps.png", title="t")
    assert (tmp_path / "gaps.png").read_bytes().startswith(b"\x89PNG")


def test_labels_name_thresholds_and_shares(tmp_path: Path) -> None:
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        plot_gap_histogram([0, 0, 0, 10, 7200], (60, 3600), tmp_path / "gaps.svg")
    text = (tmp_path / "gaps.svg").read_text()
    for label in ("60.0 %", "80.0 %", "20 %", "1 min", "1 h"):
        assert label in text


def test_thresholds_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got 60, 5"):
        plot_gap_histogram([1], (60, 5), tmp_path / "gaps.png")
    assert not (tmp_path / "gaps.png").exists()
