"""Times in every unit, and every way they can be wrong."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.cells import Problems, row_numbers
from tfhrnn.data.timestamps import END_OF_TIME, iso_seconds, parse_timestamps, read_dates
from tfhrnn.errors import ConfigError, DataError

NOON = 1_577_880_000  # 2020-01-01T12:00:00Z


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([NOON], "s"),
        ([float(NOON) + 0.9], "s"),
        ([str(NOON)], "s"),
        ([f" {NOON}.0 "], "s"),
        ([NOON * 1000 + 999], "ms"),
        ([str(NOON * 1000 + 1)], "ms"),
        (["2020-01-01T12:00:00Z"], "iso"),
        (["2020-01-01 12:00"], "iso"),
        (["2020-01-01T12:00:00.999"], "iso"),
        (["2020-01-01T14:00:00+02:00"], "iso"),
        (["2020-01-01T06:30:00-0530"], "iso"),
        ([datetime(2020, 1, 1, 12)], "iso"),
        ([datetime(2020, 1, 1, 12, tzinfo=timezone.utc)], "iso"),
    ],
)
def test_units_are_inferred(values: list[Any], unit: str) -> None:
    seconds, inferred = parse_timestamps(pl.Series(values))
    assert seconds.to_list() == [NOON]
    assert seconds.dtype == pl.Int64
    assert inferred == unit


def test_dates_are_their_midnight() -> None:
    assert parse_timestamps(pl.Series([date(2020, 1, 1)]))[0].to_list() == [NOON - 43_200]
    assert parse_timestamps(pl.Series(["2020-01-01"]))[0].to_list() == [NOON - 43_200]


def test_a_zone_of_its_own_is_converted() -> None:
    local = pl.Series([datetime(2020, 1, 1, 12)]).dt.replace_time_zone("Asia/Tokyo")
    assert parse_timestamps(local)[0].to_list() == [NOON - 9 * 3600]


def test_small_milliseconds_need_the_unit_stated() -> None:
    assert parse_timestamps(pl.Series([1500, 0]), "ms")[0].to_list() == [1, 0]
    assert parse_timestamps(pl.Series([1500, 0]))[0].to_list() == [1500, 0]


@given(
    st.integers(0, END_OF_TIME - 1),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["T", " "]),
)
def test_iso_text_agrees_with_datetime(seconds: int, minutes: int, between: str) -> None:
    zone = timezone(timedelta(minutes=minutes))
    text = datetime.fromtimestamp(seconds, zone).isoformat(between)
    assert iso_seconds(pl.Series([text])).to_list() == [seconds]


@given(st.lists(st.integers(10**11, END_OF_TIME * 1000 - 1), min_size=1))
def test_milliseconds_round_down(values: list[int]) -> None:
    seconds, unit = parse_timestamps(pl.Series(values))
    assert unit == "ms"
    assert seconds.to_list() == [value // 1000 for value in values]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2021-01-01", "2021-13-01", "x"], r"row 2.*got '2021-13-01'.*ISO 8601 \(1 more row"),
        (["2021-02-30"], "got '2021-02-30'"),
        (["2021-01-01T25:00"], "got '2021-01-01T25:00'"),
        (["yesterday"], "got 'yesterday'"),
        ([1.0, float("nan")], "row 2, column timestamp: got nan"),
        ([1.0, float("inf")], "row 2, column timestamp: got inf"),
        ([5, None], "row 2, column timestamp: got nothing"),
        (["5", ""], "row 2, column timestamp: got ''"),
        ([5, -1], "row 2.*got -1, expected a time from 1970 on"),
        ([END_OF_TIME], "got 4102444800, expected a time before the year 2100"),
        (["2100-01-01"], "got '2100-01-01', expected a time before the year 2100"),
        ([10**15], "got 1000000000000000, expected a time before the year 2100"),
        ([True], "got True.*not a column of Boolean"),
        ([NOON, "2020-01-01"], "got '2020-01-01'"),
    ],
)
def test_bad_times_are_named(values: list[Any], message: str) -> None:
    series = pl.Series("timestamp", values, strict=False)
    if any(isinstance(value, str) for value in values):
        series = pl.Series("timestamp", [None if v is None else str(v) for v in values])
    with pytest.raises(DataError, match=message):
        parse_timestamps(series)


def test_a_mix_of_units_names_a_row_of_each() -> None:
    values = pl.Series([NOON, NOON + 1, NOON * 1000, NOON * 1000])
    message = (
        rf"row 3, .*{NOON}000 \(milliseconds\), expected seconds as in row 1 \({NOON}\).*1 more"
    )
    with pytest.raises(DataError, match=message):
        parse_timestamps(values)
    with pytest.raises(DataError, match=r"row 2, .*\(seconds\), expected milliseconds as in row 1"):
        parse_timestamps(pl.Series([NOON * 1000, NOON]))


@pytest.mark.parametrize(("unit", "value"), [("iso", "5"), ("s", "2020-01-01"), ("iso", 5)])
def test_a_stated_unit_is_kept(unit: Literal["s", "iso"], value: str | int) -> None:
    with pytest.raises(DataError, match=f"got {value!r}"):
        parse_timestamps(pl.Series([value]), unit)


def test_unknown_unit() -> None:
    with pytest.raises(ConfigError, match="got 'us', expected s, ms or iso"):
        parse_timestamps(pl.Series([1]), "us")  # type: ignore[arg-type]  # what is tested


DAY = 20_514 * 86_400  # 2026-03-02


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([date(2026, 3, 2), None]),
        pl.Series([datetime(2026, 3, 2), None]),
        pl.Series([datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=1))), None]),
        pl.Series(["2026-03-02", ""]),
        pl.Series([" 2026-03-02T01:00:00+01:00", "nan"]),
    ],
)
def test_dates_of_a_feature_are_unix_seconds(values: pl.Series) -> None:
    problems = Problems("t")
    assert read_dates(values, problems, "c", row_numbers(1, 2)).to_list() == [DAY, None]  # type: ignore[union-attr]  # a failure is an error as well
    assert not problems


@pytest.mark.parametrize(
    "values",
    [pl.Series([1.5]), pl.Series(["7", "2026-03-02"]), pl.Series(["", None]), pl.Series([True])],
)
def test_what_does_not_begin_with_a_date_is_none(values: pl.Series) -> None:
    assert read_dates(values, Problems("t"), "c", row_numbers(1, len(values))) is None
