"""Columns of dates: detection, reading and fitting as an axis."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from .._common.arrays import FloatArray, IntArray, weighted_median
from .._common.messages import Found, Notes, row_name, shown, with_counts
from .._common.text import counted
from ..view import DateAxis
from ..view.dates import CYCLES, FIRST_DAY, LAST_DAY, LEVELS, dates_of, days_of, parts_of
from ..view.spelling import Spelled, has_short_year, spelled
from .parsing import DATE_SHARE, check_values, distinct, is_numeric, is_placeholder, refuse, types_of

NO_DATES = {"nat", "0000-00-00", "00.00.0000", "00/00/0000"}
"""Placeholders for a missing date, in addition to those for a missing number."""

GAPS = (
    "columns of dates in which text counts as a missing date (list them in categorical, --categorical, to "
    "keep the text)"
)
ZONES = "columns of dates in UTC (convert their time zones to local time if hours or weekdays matter)"

BEYOND = 0.05
"""Distance outside the training dates from which a warning is given, as a share of their time span."""

SMALLEST = 1e-12
"""Least standard deviation of dates, in days; different dates of a column are further apart."""

_DATES = (datetime.date, np.datetime64, pd.Period)

WRITE = "write dates as 2024-01-31"


@dataclass(frozen=True, eq=False)
class Dates:
    """Contents of a column of n dates.

    Attributes
    ----------
    days : ndarray, shape (n,)
        Days since 1970-01-01, in UTC if there are time zones; NaN where a date is missing.
    day_first : bool or None
        Whether 01/02/2024 is 1 February; None if no date has this form.
    zones : bool
        Whether there are time zones.
    moved : bool
        Whether a time zone is not UTC.
    gaps : dict of str to int
        Placeholders for missing dates → number of their rows.
    """

    days: FloatArray
    day_first: bool | None = None
    zones: bool = False
    moved: bool = False
    gaps: dict[str, float] = field(default_factory=dict)

    @property
    def time(self) -> bool:
        """Whether there are times of day."""
        there = self.days[~np.isnan(self.days)]
        return bool((there != np.floor(there)).any())


def read_dates(column: pd.Series, axis: DateAxis | None = None) -> Dates | None:
    """Read a column of dates; None for a column that does not hold dates.

    Dates are datetime64 of any unit, dates, datetimes and periods of Python and pandas, and text in the usual
    forms: 2024-01-31, 2024/01/31, 31.01.2024, 01/31/2024, 31 Jan 2024, January 31, 2024, 2024-01, each with
    or without a time. The column as a whole decides whether the day or the month comes first. Numbers,
    including years, are not dates; neither are times without a date, durations and categories.

    Parameters
    ----------
    column : Series, shape (n,)
    axis : DateAxis, optional
        Axis of the training column. If given, every value must be a date or missing.

    Raises
    ------
    ValueError
        If the order of day and month is ambiguous, years have two digits, only some times have a zone, a year
        is not in 1 to 9999, or most but not all values are dates. The message names column, row and value.

    Examples
    --------
    >>> read_dates(pd.Series(["31/01/2024", "01/02/2024", None])).days
    array([19753., 19754.,    nan])
    """
    dtype = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        plain = column.dt.tz_convert("UTC").dt.tz_localize(None)
        dates = Dates(days_of(plain.to_numpy()), zones=True, moved=str(dtype.tz) != "UTC")
    elif isinstance(dtype, np.dtype) and dtype.kind == "M":
        dates = Dates(days_of(column.to_numpy()))
    elif axis is None and (
        is_numeric(dtype) or types.is_bool_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype)
    ):
        return None
    else:
        values = _Values.of(column)
        if not (values.are_dates() if axis is None else values.must_be_dates()):
            return None
        dates = values.read(None if axis is None else axis.day_first)
    outside = np.flatnonzero((dates.days < FIRST_DAY) | (dates.days >= LAST_DAY + 1))
    if outside.size:
        refuse(column, outside[0], "years from 1 to 9999", "correct it or leave it empty")
    return dates


def comparable(column: pd.Series, name: str) -> pd.Series:
    """Return a training column as values that can be compared and hashed.

    Raises
    ------
    ValueError
        If it holds anything but numbers, dates, text and booleans. The message names the column.

    Examples
    --------
    >>> comparable(pd.Series([datetime.date(2024, 1, 31), None]), "day").tolist()
    [19753.0, nan]
    """
    column = column.rename(name)
    with suppress(ValueError):  # the encoder reports errors in the dates that it uses
        dates = read_dates(column)
        if dates is not None:
            return pd.Series(dates.days, index=column.index, name=name)
    return check_values(dates_as_text(column), name)


def alone(column: pd.Series, name: str) -> pd.Series:
    """Return a part of a training column as values that do not depend on the other rows of the part.

    Text is unchanged, because only the whole column can show which text is a date.

    Raises
    ------
    ValueError
        If it holds anything but numbers, dates, text and booleans. The message names the column.

    Examples
    --------
    >>> alone(pd.Series([datetime.date(2024, 1, 31), "1/2/2024", None]), "day").tolist()
    ['2024-01-31', '1/2/2024', None]
    """
    if types.is_datetime64_any_dtype(column.dtype):
        return comparable(column, name)
    if column.dtype == object or isinstance(column.dtype, pd.PeriodDtype):
        codes, values = distinct(column)
        texts = [str(value) if isinstance(value, _DATES) else value for value in values]
        column = pd.Series(np.array([*texts, None], dtype=object)[codes], index=column.index, dtype=object)
    return check_values(column, name)


def dates_as_text(column: pd.Series) -> pd.Series:
    """Return a column in which dates of any type are ISO text; other values are unchanged.

    Examples
    --------
    >>> dates_as_text(pd.Series(pd.to_datetime(["2024-01-31", None]))).tolist()
    ['2024-01-31', None]
    """
    objects = types.is_object_dtype(column.dtype) or isinstance(column.dtype, pd.PeriodDtype | pd.ArrowDtype)
    if not objects and not types.is_datetime64_any_dtype(column.dtype):
        return column
    of_type, kinds = types_of(column)
    date = np.array([issubclass(kind, _DATES) for kind in kinds] + [False])[of_type]
    if not date.any():
        return column
    with suppress(ValueError):
        dates = read_dates(column)
        if dates is not None:
            texts = [None if np.isnan(day) else _iso(day, dates) for day in dates.days]
            return pd.Series(texts, index=column.index, name=column.name, dtype=object)
    return column.astype(object).mask(date, column.map(str))


@dataclass(frozen=True, eq=False)
class _Values:
    """Distinct values of a column of objects or text, and their dates.

    Attributes
    ----------
    column : Series, shape (n,)
    codes : ndarray of int, shape (n,)
        Position of every row's value among the distinct ones, -1 where it is missing.
    values : list, length m
    dates : list of Spelled or None, length m
    """

    column: pd.Series
    codes: IntArray
    values: list[Any]
    dates: list[Spelled | None]

    @classmethod
    def of(cls, column: pd.Series) -> _Values:
        places: dict[Any, int] = {}
        codes, cells = distinct(column)
        found = np.full(len(cells) + 1, -1, dtype=np.intp)  # the last entry is for a missing value
        for at, cell in enumerate(cells):
            value = cell.strip() if isinstance(cell, str) else cell
            if not isinstance(value, str) or value:
                key = value if isinstance(value, (str, *_DATES)) else None
                found[at] = places.setdefault((type(key), key), len(places))
        values = [value for _, value in places]
        return cls(column, found[codes], values, [_date(value) for value in values])

    @property
    def counts(self) -> IntArray:
        """Numbers of rows of the values, shape (m,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    @property
    def gaps(self) -> list[bool]:
        """Whether each value is a placeholder for a missing date."""
        return [_is_gap(value) for value in self.values]

    @property
    def others(self) -> npt.NDArray[np.bool_]:
        """Whether each value is neither a date nor a placeholder, shape (m,)."""
        none = np.array([date is None for date in self.dates], dtype=bool)
        return none & ~np.array(self.gaps, dtype=bool)

    def are_dates(self) -> bool:
        """Return whether a training column holds dates; refuse a column in which most values are dates."""
        counts, total = self.counts, self.counts.sum()
        dates = counts[[date is not None for date in self.dates]].sum()
        others = counts[self.others].sum()
        short = [isinstance(value, str) and has_short_year(value) for value in self.values]
        if total and counts[short].sum() >= DATE_SHARE * total:
            self.refuse(short.index(True), "years of four digits", WRITE)
        if others and dates >= DATE_SHARE * total:
            return self.must_be_dates()
        return not others and dates > total / 2

    def must_be_dates(self) -> bool:
        """Refuse a value that is not a date."""
        if self.others.any():
            self.refuse(int(self.others.argmax()), "dates", f"{WRITE}, correct it or leave it empty")
        return True

    def read(self, day_first: bool | None) -> Dates:
        """Return the dates, with the given order of day and month or that of the column."""
        found = [date for date in self.dates if date is not None]
        zones = {date.offset is not None for date in found}
        if len(zones) > 1:
            at = next(i for i, date in enumerate(self.dates) if date and date.offset is None)
            self.refuse(at, "a time zone in every time or in none", f"add the zone, or {WRITE}")
        day_first = self._order() if day_first is None else day_first
        days = np.full(len(self.values) + 1, np.nan)  # the last entry is for a missing value
        for at, date in enumerate(self.dates):
            if date is not None:
                turned = date.turned() if date.mark and not day_first else date
                if not turned.is_date:
                    order = "day" if day_first else "month"
                    self.refuse(at, f"dates with the {order} first, as in training", WRITE)
                days[at] = turned.days
        rows = zip(self.values, self.counts.tolist(), self.gaps, strict=True)
        moved = any(date.offset for date in found)
        gaps = {value: count for value, count, gap in rows if gap}
        return Dates(days[self.codes], day_first, True in zones, moved, gaps)

    def _order(self) -> bool | None:
        """Return whether the day comes first if day and month are numbers; None without such dates."""
        both = [(at, date) for at, date in enumerate(self.dates) if date and date.mark]
        day = [at for at, date in both if not date.turned().is_date]
        month = [at for at, date in both if not date.is_date]
        if day and month:
            other = f"one order of day and month, as in {shown(self.values[day[0]])}"
            self.refuse(month[0], other, WRITE)
        if day or month:
            return bool(day)
        open_ = [at for at, date in both if date.mark != "." and date.day != date.month]
        if open_:
            self.refuse(open_[0], "at least one date that shows whether day or month comes first", WRITE)
        return True if both else None

    def refuse(self, place: int, expected: str, advice: str) -> NoReturn:
        """Raise ValueError for one of the values."""
        refuse(self.column, int(np.flatnonzero(self.codes == place)[0]), expected, advice)


def _date(value: Any) -> Spelled | None:
    """Return a value as a date; None if it is not one."""
    if isinstance(value, str):
        return spelled(value)
    if isinstance(value, pd.Period):
        value = value.start_time
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if not isinstance(value, datetime.date):
        return None
    if not isinstance(value, datetime.datetime):
        return Spelled(value.year, value.month, value.day, 0.0, None, "")
    ahead = value.utcoffset()
    midnight = value.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    seconds = (value.replace(tzinfo=None) - midnight).total_seconds()
    offset = None if ahead is None else ahead.total_seconds()
    return Spelled(value.year, value.month, value.day, seconds, offset, "")


def fit_dates(
    column: pd.Series,
    dates: Dates,
    notes: Notes | None = None,
    *,
    log: bool = False,
    weight: FloatArray | None = None,
    gaps: tuple[str, ...] = (),
) -> DateAxis | str:
    """Fit the encoding of a column of dates, or return the reason why the column is not used.

    A part of the calendar enters if it varies and the dates span at least one of its cycles. Within a single
    year, elapsed time contains all information of the month. Years never repeat, so elapsed time replaces
    them. The weekday does not enter if every date is the first of a month.

    Parameters
    ----------
    column : Series, shape (n,)
    dates : Dates
        Dates of the column.
    notes : Notes, optional
        Receives notes on placeholders for missing dates and on dates converted to UTC.
    log : bool
        An error if true: dates have no logarithm.
    weight : ndarray, shape (n,), optional
        Positive weights; one by default. A weight of two counts the row twice.
    gaps : tuple of str
        Further texts that count as missing; in ``column`` they are missing already.

    Examples
    --------
    >>> days = pd.Series(pd.date_range("2024-01-01", periods=14), name="day")
    >>> fit_dates(days, read_dates(days)).feature_names[:3]
    ('day elapsed', 'day weekday = Mon', 'day weekday = Tue')
    """
    name, missing = str(column.name), np.isnan(dates.days)
    row = int((~missing).argmax()) if len(missing) else 0
    if log:
        refuse(column, row, "numbers for log", "leave dates out of log")
    if notes is not None and dates.gaps:
        notes.add(GAPS, name, with_counts(dates.gaps))
    if notes is not None and dates.moved:
        notes.add(ZONES, name, f"{column.iloc[row]} as {_iso(dates.days[row], dates)}")
    weight = np.ones(len(dates.days)) if weight is None else weight
    days, own = dates.days[~missing], weight[~missing]
    if not days.size:
        return "no values"
    first, last = float(days.min()), float(days.max())
    if first == last and not missing.any():
        return f"always {_iso(first, dates)}"
    mean = float(np.clip(np.average(days, weights=own), first, last))
    scale = float(np.sqrt(np.average((days - mean) ** 2, weights=own)))
    shares = {
        part: tuple(map(float, np.bincount(at, own, len(LEVELS[part])) / own.sum()))
        for part, at in parts_of(days).items()
        if last - first >= CYCLES[part] and np.ptp(at) and not _is_meaningless(part, days)
    }
    return DateAxis(
        name,
        mean=mean,
        scale=max(scale, SMALLEST) if first < last else 1.0,
        first=first,
        last=last,
        **shares,
        median=weighted_median(days, own) if missing.any() else None,
        missing=float(np.average(missing, weights=weight)),
        time=dates.time,
        utc=dates.zones,
        day_first=dates.day_first,
        gaps=tuple(dict.fromkeys((*gaps, *dates.gaps))),
    )


def _is_meaningless(part: str, days: FloatArray) -> bool:
    """Return whether a part of the dates is meaningless: the weekday if the dates stand for months."""
    dates = dates_of(days, time=False)
    return part == "weekday" and bool((dates == dates.astype("datetime64[M]")).all())


def read_coordinates(axis: DateAxis, column: pd.Series, notes: list[Found]) -> FloatArray:
    """Return the coordinates of a column of dates, (n,), NaN where missing.

    ``notes`` receives one sentence on everything that differs from training: gaps, parts of the calendar,
    dates far outside the training dates, times of day and time zones.

    Raises
    ------
    ValueError
        If a value is not a date. The message names the column, the row and the value.

    Examples
    --------
    >>> day = DateAxis("day", mean=19723.0, scale=10.0, first=19700.0, last=19753.0)
    >>> read_coordinates(day, pd.Series(["2024-01-11"]), [])
    array([1.])
    """
    dates = _read(axis, column)
    if found := list(_unlike_training(axis, dates, column)):
        rows, parts = zip(*found, strict=True)
        sentence = f"column {shown(axis.name)} has {'. It has '.join(parts)}"
        notes.append(Found(sentence, axis.name, "dates unlike those of training", np.any(rows, axis=0).sum()))
    return (_counted_days(axis, dates) - axis.mean) / axis.scale


def shown_dates(axis: DateAxis, column: pd.Series) -> npt.NDArray[np.object_]:
    """Return the dates of a column for display in explanations: datetime64 as objects, (n,).

    They have no time of day if training had none.

    Examples
    --------
    >>> day = DateAxis("day", mean=19723.0, scale=10.0, first=19700.0, last=19753.0)
    >>> shown_dates(day, pd.Series(["11.01.2024"])).astype(str).tolist()
    ['2024-01-11']
    """
    found = np.empty(len(column), dtype=object)
    found[:] = list(dates_of(_counted_days(axis, _read(axis, column)), time=axis.time))
    return found


def _read(axis: DateAxis, column: pd.Series) -> Dates:
    dates = read_dates(column, axis)
    if dates is None:
        raise TypeError(f"expected dates in column {shown(axis.name)}; got {column.dtype}")
    return dates


def _counted_days(axis: DateAxis, dates: Dates) -> FloatArray:
    return dates.days if axis.time else np.floor(dates.days)


def _unlike_training(
    axis: DateAxis, dates: Dates, column: pd.Series
) -> Iterator[tuple[npt.NDArray[np.bool_], str]]:
    """Yield the rows and a description of everything in a column that differs from training."""
    gaps = np.isnan(dates.days)

    def example(rows: npt.NDArray[np.bool_]) -> str:
        row = int(rows.argmax())
        return f"such as {_iso(dates.days[row], dates)} in {row_name(column.index, row)}"

    if gaps.any() and axis.median is None:
        where = row_name(column.index, int(gaps.argmax()))
        read = f" ({with_counts(dates.gaps)} read as missing)" if dates.gaps else ""
        yield (
            gaps,
            f"{counted(int(gaps.sum()), 'missing date')}{read}, the first in {where}, but had none in "
            "training; they count as average",
        )
    elif dates.gaps:
        yield gaps, f"text that is read as missing: {with_counts(dates.gaps)}"
    days = _counted_days(axis, dates)
    if not axis.time and dates.time:
        timed = ~gaps & (days != dates.days)
        times = counted(int(timed.sum()), "time")
        yield timed, f"{times} of day, {example(timed)}; training had none; only the dates count"
    if axis.utc != dates.zones and not gaps.all():
        zone = "no time zone, unlike training; times count as UTC"
        yield ~gaps, zone if axis.utc else "a time zone, unlike training; times count in UTC"
    slack = BEYOND * (axis.last - axis.first)
    outside = ~gaps & ((days < axis.first - slack) | (days > axis.last + slack))
    if outside.any():
        span = f"{_iso(axis.first, dates)} to {_iso(axis.last, dates)}"
        yield (
            outside,
            f"{counted(int(outside.sum()), 'date')} outside the training dates ({span}), {example(outside)}; "
            "elapsed time is extrapolated",
        )
    found = parts_of(np.where(gaps, axis.mean, days))
    for part, shares in axis.shares.items():
        new = ~gaps & (shares[found[part]] == 0)
        if new.any():
            yield (
                new,
                f"{counted(int(new.sum()), 'date')} of a {part} that does not occur in training, "
                f"{example(new)}; they count as the average {part}",
            )


def _iso(days: float, dates: Dates) -> str:
    return str(dates_of(np.array([days]), time=dates.time)[0])


def _is_gap(value: Any) -> bool:
    return isinstance(value, str) and (is_placeholder(value) or value.casefold() in NO_DATES)
