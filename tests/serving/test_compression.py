import gzip

import pytest

from serving.compression import is_worth_packing, packed, unpacked
from serving.errors import ApiError


def test_what_is_packed_unpacks() -> None:
    assert unpacked(packed(b"abc" * 1000), 3000) == b"abc" * 1000
    assert gzip.decompress(packed(b"abc")) == b"abc"


def test_unpacking_stops_at_the_limit() -> None:
    with pytest.raises(ApiError) as raised:
        unpacked(gzip.compress(b" " * 101), 100)
    assert raised.value.http_status == 413


@pytest.mark.parametrize("body", [b"", b"no gzip", gzip.compress(b"{}", mtime=0)[:-9]])
def test_bodies_have_to_be_whole(body: bytes) -> None:
    with pytest.raises(ApiError, match="Cannot decompress the gzip body: "):
        unpacked(body, 100)


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5, br", True),
        ("x-gzip", True),
        ("gzip;q=1.0", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("notgzip", False),
        ("", False),
    ],
)
def test_answers_are_packed_for_those_who_take_gzip(accepted: str, is_packed: bool) -> None:
    assert is_worth_packing(bytes(1024), accepted) == is_packed
    assert not is_worth_packing(bytes(1023), accepted)
