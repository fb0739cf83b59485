"""The memory benchmark sees what is held: all scores at once cost their own size."""

from __future__ import annotations

from benchmarks import memory


def test_all_scores_held_cost_their_size_and_chunks_much_less() -> None:
    whole, chunked = "softmax, all scores held", "softmax in chunks"
    rows = memory.run(1, (whole, chunked), tokens=4096, items=20_000)
    assert [row["what"] for row in rows] == [whole, chunked]
    scores = 4096 * 20_000 * 4 / 1e6  # 328 MB
    assert scores < rows[0]["megabytes"] < 4 * scores
    # A sixteenth of them at once, a few times over, and a gradient of 10 MB.
    assert rows[1]["megabytes"] < scores / 2
    assert rows[1]["ratio"] == rows[1]["megabytes"] / rows[0]["megabytes"]
