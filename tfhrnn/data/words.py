"""Words of a text, hashed into a fixed number of buckets.

A word is a run of Unicode letters, marks and digits, in lower case. Its bucket is its UTF-8 bytes
b_0, b_1, … read as a polynomial, (Σ b_i · BASE^i mod PRIME) mod buckets, over its first
`WORD_BYTES` bytes: the same on every machine and in every process, and a graph of standard
operations can repeat it (`Predictor` does). The hashing trick: Weinberger et al. 2009.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

# Rust's regular expressions and RE2 agree on these classes, but for scripts newer than Unicode 13.
NO_WORD: Final = r"[^\p{L}\p{M}\p{N}]+"
WORD_BYTES: Final = 64  # of a word; what follows does not count
PRIME: Final = 2**31 - 1
BASE: Final = 48_271  # a primitive root of PRIME (Park, Miller and Stockmeyer 1993)

# A byte times a power is below 2^39, the sum of 64 of them below 2^45: no int64 overflows.
POWERS: Final[tuple[int, ...]] = tuple(pow(BASE, at, PRIME) for at in range(WORD_BYTES))


def words_of(texts: pl.Series) -> pl.Series:
    """Lists the words of each text.

    Args:
      texts: `[rows]` of any type that can be read as text; lists of texts are joined.

    Returns:
      `[rows]` lists of words in order, null where the text is null.

    >>> words_of(pl.Series(["Amélie (2001): le FABULEUX destin", "—"])).to_list()
    [['amélie', '2001', 'le', 'fabuleux', 'destin'], []]
    """
    if isinstance(texts.dtype, pl.List):
        texts = texts.cast(pl.List(pl.String)).list.join(" ")
    spaced = texts.cast(pl.String).str.to_lowercase().str.replace_all(NO_WORD, " ")
    return spaced.str.split(" ").list.eval(pl.element().filter(pl.element() != ""))


def word_buckets(words: pl.Series, buckets: int) -> NDArray[np.int64]:
    """Hashes words.

    Args:
      words: `[n]` without nulls.
      buckets: how many there are.

    Returns:
      int64 `[n]`, from 0 to `buckets` − 1.

    >>> word_buckets(pl.Series(["a", "ab"]), 512).tolist()  # 97, then 97 + 98 · 48,271
    [97, 287]
    """
    padded = np.zeros((len(words), WORD_BYTES), np.uint8)
    for row, word in enumerate(words.to_list()):
        encoded = word.encode()[:WORD_BYTES]
        padded[row, : len(encoded)] = np.frombuffer(encoded, np.uint8)
    found: NDArray[np.int64] = padded.astype(np.int64) @ np.array(POWERS, np.int64)
    return found % PRIME % buckets
