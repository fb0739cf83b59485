"""The benchmark of a search's memory weighs what it says, in small."""

from __future__ import annotations

from benchmarks import tuning


def test_the_searching_process_stays_flat_while_another_one_trains() -> None:
    (row,) = tuning.run(1, ["a process of the trials' own"], trials=6, warm=3)
    assert (row["what"], row["trials"]) == ("a process of the trials' own", 6)
    assert row["trials' process"] > 100  # TensorFlow at work
    assert row["a trial"] == (row["at the end"] - row["megabytes"]) / 3
    assert abs(row["at the end"] - row["megabytes"]) < 20  # it trains nothing itself
