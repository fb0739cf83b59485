"""Pictures: of one width, without global state, and with marks that can be read."""

from __future__ import annotations

import struct

import pytest

from tfhrnn.evaluation.canvas import mark_log, new_figure, png, set_title, tidy


def test_a_picture_is_5_inches_wide_and_always_the_same_bytes() -> None:
    def drawn() -> bytes:
        figure = new_figure(2.5)
        figure.subplots().plot([1, 2, 3])
        set_title(figure, "Three points")
        return png(figure)

    first = drawn()
    width, height = struct.unpack(">II", first[16:24])  # PNG: of the header chunk
    assert (width, height) == (5 * 200, 500)
    assert first == drawn()


def test_no_figure_is_kept_by_matplotlib() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    new_figure(2)
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("low", "high"), [(1, 8), (0.03, 0.9), (1, 90), (3, 5000), (1e-4, 1e5), (95, 110)]
)
def test_a_logarithmic_axis_has_few_round_marks_inside_its_range(low: float, high: float) -> None:
    axes = new_figure(2).subplots()
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    mark_log(axes.xaxis, low, high)
    ticks = axes.get_xticks()
    assert 1 <= len(ticks) <= 12
    assert all(low <= tick <= high for tick in ticks)
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert [float(name.replace(",", "")) for name in names] == pytest.approx(list(ticks))
    assert not len(axes.get_xticks(minor=True))


def test_every_letter_is_8_points_and_the_frame_is_open() -> None:
    axes = new_figure(2).subplots()
    axes.plot([1, 2], label="a model")
    axes.set(xlabel="epoch", ylabel="perplexity")
    axes.text(0, 1, "a note", fontsize=20)
    axes.legend(fontsize=14)
    tidy(axes)
    legend = axes.get_legend()
    assert legend is not None
    texts = [axes.xaxis.label, axes.yaxis.label, *axes.texts, *legend.texts]
    assert {text.get_fontsize() for text in texts} == {8}
    assert not axes.spines["top"].get_visible() and axes.spines["left"].get_visible()
