"""Bodies packed by gzip, in and out."""

import gzip
import re
import zlib

from serving.errors import invalid, too_large

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 1  # answers are digits: higher levels cost more time than they save bytes
_SMALLEST = 1024  # below this, packing saves less than a packet
_ACCEPTED = re.compile(r"(?:^|,)\s*(?:gzip|x-gzip)\s*(?:;\s*q=([0-9.]+))?\s*(?:,|$)", re.IGNORECASE)


def unpacked(body: bytes, limit_bytes: int) -> bytes:
    """Unpacks a body, no further than the limit.

    Raises:
      ApiError: it is no gzip, ends too early, or is longer than the limit.
    """
    unzip = zlib.decompressobj(_GZIP)
    try:
        plain = unzip.decompress(body, limit_bytes)
    except zlib.error as error:
        raise invalid(f"Cannot decompress the gzip body: {error}") from None
    if unzip.unconsumed_tail:
        raise too_large(limit_bytes)
    if not unzip.eof:
        raise invalid("Cannot decompress the gzip body: it ends too early")
    return plain


def is_worth_packing(body: bytes, accept_encoding: str) -> bool:
    """Whether an answer is long enough, and its reader takes gzip.

    >>> [is_worth_packing(bytes(2000), accepted) for accepted in ("br, gzip", "gzip;q=0", "")]
    [True, False, False]
    """
    if len(body) < _SMALLEST or not accept_encoding:
        return False
    accepted = _ACCEPTED.search(accept_encoding)
    return accepted is not None and (accepted[1] is None or accepted[1].strip("0.") != "")


def packed(body: bytes) -> bytes:
    """Packs an answer."""
    return gzip.compress(body, _LEVEL, mtime=0)
