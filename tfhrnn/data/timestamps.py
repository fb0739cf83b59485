"""Times as int64 Unix seconds.

In go seconds, milliseconds or ISO 8601 text (with a zone, or without one for UTC; dates alone too),
as numbers, text or date columns; out go whole seconds, milliseconds rounded down. The unit is
stated, or inferred from the first row and reported. Numbers from 1e11 on are taken for
milliseconds: as seconds they would lie after the year 5138, and as milliseconds anything below lies
before March 1973. Times before 1970 or from the year 2100 on are errors; the limit is fixed, so
that what can be read doesn't depend on the day of reading.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import polars as pl

from tfhrnn.data.cells import Problems, row_numbers, show_value
from tfhrnn.errors import ConfigError

TimestampUnit = Literal["s", "ms", "iso"]

END_OF_TIME: Final = 4_102_444_800  # 2100-01-01T00:00:00Z
_LEAST_MILLISECONDS: Final = 10**11
_READABLE: Final = "Unix seconds, Unix milliseconds or ISO 8601"
_ISO: Final = (
    r"^(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r" ?(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?$"
)


class TimestampParser:
    """Reads one table's times chunk by chunk, and remembers their unit.

    Args:
      unit: "s", "ms" or "iso"; None infers it from the first readable value.
      problems: where unreadable rows are noted.
      column: the column's name in the caller's table.

    Attributes:
      unit: the unit in use, None before the first value was seen.
      inferred: whether the unit was inferred.

    Raises:
      ConfigError: `unit` is none of these.
    """

    def __init__(
        self, unit: TimestampUnit | None, problems: Problems, column: str = "timestamp"
    ) -> None:
        if unit is not None and unit not in get_args(TimestampUnit):
            raise ConfigError(f"timestamp unit: got {unit!r}, expected s, ms or iso")
        self.unit: TimestampUnit | None = unit
        self.inferred = unit is None
        self._problems = problems
        self._column = column
        self._first: tuple[int, str] | None = None  # row and value the unit was inferred from

    def parse(self, values: pl.Series, rows: pl.Series) -> pl.Series:
        """Reads one chunk.

        Args:
          values: `[rows]`, numbers, text or dates.
          rows: the rows' 1-based numbers in the table, `[rows]`.

        Returns:
          Int64 Unix seconds, `[rows]`; null where the row was noted as a problem.
        """
        dtype = values.dtype
        if is_date(dtype):
            self.unit = self.unit if self.unit is not None else "iso"
            seconds = _date_seconds(values)
            return self._within_time(seconds, values, rows)
        if dtype == pl.String:
            text = values.str.strip_chars()
            number = text.cast(pl.Int64, strict=False)
            floats = text.cast(pl.Float64, strict=False)
        elif dtype.is_numeric():
            text = None
            floats = values.cast(pl.Float64, strict=False)
            number = (values if dtype.is_integer() else floats).cast(pl.Int64, strict=False)
        else:
            everything = pl.Series([True]).new_from_index(0, len(values))
            self._bad(everything, values, rows, f"{_READABLE}, not a column of {dtype}")
            return pl.Series([None], dtype=pl.Int64).new_from_index(0, len(values))
        floor = floats.floor().cast(pl.Int64, strict=False)
        number = number.zip_with(number.is_not_null(), floor)
        if self.unit is None:
            self._infer(values, number, text, rows)
        if self.unit == "iso":
            if text is None:
                self._bad(number.is_not_null(), values, rows, "ISO 8601, as stated")
                seconds = number
            else:
                seconds = iso_seconds(text)
        elif self.unit == "ms":
            seconds = number // 1000
        else:
            seconds = number
        if self._first is not None and self.unit in ("s", "ms"):
            seconds = self._one_unit(seconds, number, values, rows)
        return self._within_time(seconds, values, rows)

    def _infer(
        self, values: pl.Series, number: pl.Series, text: pl.Series | None, rows: pl.Series
    ) -> None:
        iso = iso_seconds(text) if text is not None else number.clear(len(number))
        readable = (number.is_not_null() | iso.is_not_null()).arg_true()
        if len(readable) == 0:
            return
        at = int(readable[0])
        if number[at] is None:
            self.unit = "iso"
        else:
            self.unit = "ms" if number[at] >= _LEAST_MILLISECONDS else "s"
        self._first = (int(rows[at]), show_value(values[at]))

    def _one_unit(
        self, seconds: pl.Series, number: pl.Series, values: pl.Series, rows: pl.Series
    ) -> pl.Series:
        """Notes rows of the other unit than the one inferred from the first row."""
        assert self._first is not None
        row, first = self._first
        words = {"s": "seconds", "ms": "milliseconds"}
        is_ms = (number >= _LEAST_MILLISECONDS) & (number < END_OF_TIME * 1000)
        other = is_ms if self.unit == "s" else (number >= 0) & (number < _LEAST_MILLISECONDS)
        mine, theirs = ("s", "ms") if self.unit == "s" else ("ms", "s")
        self._bad(
            other,
            values,
            rows,
            f"{words[mine]} as in row {row} ({first}): one unit in all rows, "
            "or the unit stated as timestamp_unit (--timestamp-unit)",
            beside=f" ({words[theirs]})",
        )
        return seconds.set(other.fill_null(False), 0)

    def _within_time(self, seconds: pl.Series, values: pl.Series, rows: pl.Series) -> pl.Series:
        expected = {"s": "Unix seconds", "ms": "Unix milliseconds", "iso": "ISO 8601"}
        stated = _READABLE if self.inferred or self.unit is None else expected[self.unit]
        self._bad(seconds.is_null(), values, rows, stated)
        self._bad(seconds < 0, values, rows, "a time from 1970 on")
        self._bad(
            seconds >= END_OF_TIME,
            values,
            rows,
            "a time before the year 2100, in seconds, milliseconds or ISO 8601",
        )
        return seconds

    def _bad(
        self, bad: pl.Series, values: pl.Series, rows: pl.Series, expected: str, beside: str = ""
    ) -> None:
        self._problems.add(self._column, expected, bad=bad, values=values, rows=rows, beside=beside)


def iso_seconds(text: pl.Series) -> pl.Series:
    """Reads ISO 8601 text as Unix seconds, fractions dropped.

    Args:
      text: `[rows]` of strings; a time without a zone is UTC, a date alone is its midnight.

    Returns:
      Int64 seconds, `[rows]`; null where the text is none.

    >>> iso_seconds(pl.Series(["1970-01-02", "1970-01-01T02:00:01.5+02:00", "1970-13-1"])).to_list()
    [86400, 1, None]
    """
    groups = text.alias("text").str.extract_groups(_ISO)
    part = {field: groups.struct.field(field) for field in ("date", "hour", "minute", "second")}
    days = part["date"].str.to_date("%Y-%m-%d", strict=False).cast(pl.Int64)
    hour, minute, second = (
        part[name].cast(pl.Int64, strict=False).fill_null(0)
        for name in ("hour", "minute", "second")
    )
    zone = groups.struct.field("zone").str.replace_all(":", "", literal=True)
    sign = zone.str.starts_with("-").cast(pl.Int64) * -2 + 1
    zone_hour = zone.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    zone_minute = zone.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    offset = (sign * (zone_hour * 3600 + zone_minute * 60)).fill_null(0)
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    fine = (hour < 24) & (minute < 60) & (second < 60) & (zone_hour < 24) & (zone_minute < 60)
    return pl.select(pl.when(fine).then(seconds)).to_series().alias("seconds")


def is_date(dtype: pl.DataType) -> bool:
    """Whether a column of that type holds dates or times of dates."""
    return dtype == pl.Date or isinstance(dtype, pl.Datetime)


def _date_seconds(values: pl.Series) -> pl.Series:
    """A date column's Unix seconds, fractions rounded down; null where missing."""
    times = values.cast(pl.Datetime("ms")) if values.dtype == pl.Date else values
    return times.dt.epoch("ms") // 1000


def read_dates(
    values: pl.Series, problems: Problems, column: str, rows: pl.Series
) -> pl.Series | None:
    """Reads a column of dates, such as a feature's, as Unix seconds.

    Args:
      values: `[rows]`, a date column, or text whose first value is ISO 8601.
      problems: where other values of such a text are noted.
      column: the column's name in the caller's table.
      rows: the rows' 1-based numbers in the table, `[rows]`.

    Returns:
      Int64 `[rows]`, null where missing; None where these are no dates.
    """
    if is_date(values.dtype):
        return _date_seconds(values)
    if values.dtype != pl.String:
        return None
    text = values.str.strip_chars()
    missing = text.is_null() | (text == "") | (text.str.to_lowercase() == "nan")
    seconds = iso_seconds(text)
    told = (~missing).arg_true()
    if len(told) == 0 or seconds[first := int(told[0])] is None:
        return None
    expected = f"ISO 8601 as in row {rows[first]} ({show_value(values[first])}), or nothing"
    problems.add(column, expected, bad=seconds.is_null() & ~missing, values=values, rows=rows)
    return seconds


def parse_timestamps(
    values: pl.Series, unit: TimestampUnit | None = None, *, source: str = "timestamps"
) -> tuple[pl.Series, TimestampUnit]:
    """Reads a whole column of times.

    Args:
      values: `[rows]`, numbers, text or dates.
      unit: "s", "ms", "iso", or None to infer it.
      source: the file, for messages.

    Returns:
      Int64 Unix seconds, `[rows]`, and the unit they were in.

    Raises:
      ConfigError: no such unit.
      DataError: a time that is missing, unreadable, negative, from 2100 on, or of another unit
        than the first.

    >>> seconds, unit = parse_timestamps(pl.Series([881250949999, 881250950000]))
    >>> seconds.to_list(), unit
    ([881250949, 881250950], 'ms')
    """
    problems = Problems(source)
    parser = TimestampParser(unit, problems, values.name or "timestamp")
    seconds = parser.parse(values, row_numbers(1, len(values)))
    problems.raise_first()
    return seconds, parser.unit or "s"
