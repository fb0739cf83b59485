"""Words and their buckets, against Python's own arithmetic and the arithmetic in sight."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.data.words import word_buckets, words_of

# Letters, digits, marks and signs of several scripts, none of them newer than Unicode 13.
TEXTS = st.text(alphabet="aZéßİΣς09ё中ह\u093f\u0301-–'|(: \t\n", max_size=20)


def is_word_letter(letter: str) -> bool:
    """Whether Python's tables call it a letter, mark or number."""
    return unicodedata.category(letter)[0] in "LMN"


@settings(max_examples=100)
@given(st.lists(st.none() | TEXTS, min_size=1, max_size=6))
def test_words_are_runs_of_letters_marks_and_digits_in_lower_case(texts: list[str | None]) -> None:
    expected = [
        None
        if text is None
        else "".join(c if is_word_letter(c) else " " for c in text.lower()).split(" ")
        for text in texts
    ]
    found = words_of(pl.Series(texts, dtype=pl.String)).to_list()
    assert found == [row and [word for word in row if word] for row in expected]


def test_lists_and_numbers_are_read_as_text() -> None:
    assert words_of(pl.Series([["To be", None], ["or"], None])).to_list() == [
        ["to", "be"],
        ["or"],
        None,
    ]
    assert words_of(pl.Series([12, None])).to_list() == [["12"], None]


@settings(max_examples=100)
@given(st.lists(TEXTS, max_size=5), st.sampled_from([2, 7, 512, 2**20]))
def test_a_bucket_is_a_polynomial_in_the_bytes(words: list[str], buckets: int) -> None:
    # Horner's rule in Python's whole numbers, highest power first.
    def value(word: str) -> int:
        total = 0
        for byte in reversed(word.encode()[:64]):
            total = total * 48_271 + byte
        return total % 2_147_483_647 % buckets

    found = word_buckets(pl.Series(words, dtype=pl.String), buckets)
    assert found.tolist() == [value(word) for word in words]


def test_bytes_past_the_64th_do_not_count() -> None:
    long = "x" * 64
    one, other, shorter = word_buckets(pl.Series([long, long + "yz", long[:-1]]), 2**20)
    assert one == other != shorter


def test_buckets_fill_as_by_chance() -> None:
    words = pl.Series([f"{a}{b}{c}" for a in "aeiou" for b in "bcdfgh" for c in range(100)])
    counts = np.bincount(word_buckets(words, 512), minlength=512)
    # 3,000 words in 512 buckets by chance: chi square 511 with a standard deviation of 32.
    chi_square = float(((counts - 3000 / 512) ** 2).sum() / (3000 / 512))
    assert abs(chi_square - 511) < 5 * 32


def test_another_process_hashes_alike() -> None:
    code = (
        "import polars as pl; from tfhrnn.data.words import word_buckets; "
        "print(word_buckets(pl.Series(['toy', 'story', 'amélie']), 512).tolist())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    # In Python: sum(b * 48271**i for i, b in enumerate("toy".encode())) % (2**31 - 1) % 512, ...
    words = ("toy", "story", "amélie")
    expected = [
        sum(b * 48_271**i for i, b in enumerate(word.encode())) % (2**31 - 1) % 512
        for word in words
    ]
    assert found.stdout.strip() == str(expected)
