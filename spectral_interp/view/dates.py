"""Columns of dates: elapsed time, and the parts of the calendar that repeat."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, IntArray
from .axes import MISSING, Axis, Directions, extent

DAY = 86_400
"""Number of seconds in a day."""

FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""First and last possible date, the years 1 to 9999, in days since 1970-01-01."""

LEVELS = {
    "month": tuple(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]),
    "weekday": tuple(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
    "hour": tuple(map(str, range(24))),
}
"""Part of the calendar that repeats → names of its levels."""

MANY = 10
"""Maximum number of cycles of a legible line."""

CYCLES = {"month": 366.0, "weekday": 7.0, "hour": 1.0}
"""Part of the calendar → its cycle in days."""


def parts_of(days: FloatArray) -> dict[str, IntArray]:
    """Return month, weekday and hour of dates (m,) in days since 1970-01-01, as positions of their levels.

    Examples
    --------
    >>> {part: int(at[0]) for part, at in parts_of(np.array([19753.5])).items()}  # noon of 2024-01-31
    {'month': 0, 'weekday': 2, 'hour': 12}
    """
    seconds = _seconds(days)
    whole = seconds // DAY
    months = whole.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    found = {"month": months % 12, "weekday": (whole + 3) % 7, "hour": seconds // 3600 % 24}
    return {part: at.astype(np.intp) for part, at in found.items()}


@dataclass(frozen=True)
class DateAxis(Axis):
    """A column of dates: standardised elapsed days, and the parts of the calendar that repeat.

    The first feature is ``u = (days - mean) / scale``. Month, weekday and hour follow if they enter, with one
    feature per level that occurs in training: its centred indicator. A level that does not occur in training
    counts as the average training row; all features of its part are zero. A missing date has the elapsed days
    of the median and the average of every part. If training had gaps, the last feature is the centred
    indicator of a missing date, as in a numeric column.

    Attributes
    ----------
    name : str
    mean, scale : float
        Mean and population standard deviation of the training dates, in days since 1970-01-01 and in days.
    first, last : float
        Earliest and latest training date, in days since 1970-01-01.
    month, weekday, hour : tuple of float, length 12, 7 and 24
        Share of the training dates in every level; empty if the part does not enter.
    median : float or None
        Replacement of missing dates, in days since 1970-01-01. None if training had no gaps.
    missing : float
        Share of the training rows without a date.
    time : bool
        Whether training had times of day; otherwise only the date counts.
    utc : bool
        Whether training had time zones; dates are then in UTC.
    day_first : bool or None
        Whether 01/02/2024 is 1 February; None if training had no such text.
    gaps : tuple of str
        Texts that count as missing.

    Examples
    --------
    >>> day = DateAxis("day", mean=19723.0, scale=10.0, first=19700.0, last=19753.0)
    >>> day.encode(["2024-01-11", None]).tolist(), day.decode(np.eye(1)).tolist()
    ([[1.0], [0.0]], [datetime.date(2024, 1, 11)])
    """

    name: str
    mean: float
    scale: float
    first: float
    last: float
    month: tuple[float, ...] = ()
    weekday: tuple[float, ...] = ()
    hour: tuple[float, ...] = ()
    median: float | None = None
    missing: float = 0.0
    time: bool = False
    utc: bool = False
    day_first: bool | None = None
    gaps: tuple[str, ...] = ()

    @property
    @override
    def kind(self) -> str:
        return "date" if self.median is None else "date with gaps"

    @property
    @override
    def continuous(self) -> bool:
        return True

    @property
    @override
    def linear(self) -> bool:
        return not self.shares

    @property
    def shares(self) -> dict[str, FloatArray]:
        """Share of the training dates in every level of the parts that enter."""
        parts = {"month": self.month, "weekday": self.weekday, "hour": self.hour}
        return {part: np.array(shares) for part, shares in parts.items() if shares}

    @property
    def _parts(self) -> Iterator[tuple[str, IntArray]]:
        """The parts that enter, with the levels that are features."""
        return ((part, np.flatnonzero(shares)) for part, shares in self.shares.items())

    @property
    @override
    def feature_names(self) -> tuple[str, ...]:
        levels = (f"{part} = {LEVELS[part][at]}" for part, seen in self._parts for at in seen)
        gap = () if self.median is None else (MISSING,)
        return tuple(f"{self.name} {own}" for own in ("elapsed", *levels, *gap))

    @property
    @override
    def value_features(self) -> int:
        return self.n_features - (self.median is not None)

    @property
    @override
    def step(self) -> str:
        return "standard deviation" if self.linear else "step of a date"

    @override
    def directions(self) -> Directions:
        """Return a step of one standard deviation of elapsed time, and steps between all levels of a part.

        Each step changes one part only. Dates that differ in several parts differ by the sum of steps.
        """
        one = np.eye(self.n_features)
        if self.linear:
            label = f"standard deviation of {self.name}"
            return Directions((label,), one[:1], f"day of {self.name}", 1 / self.scale)
        days = f"{self.scale:,.4g} days"
        labels, steps = [f"elapsed time {sign}{days}" for sign in "+−"], [one[0], -one[0]]
        edges = np.cumsum([1, *(len(seen) for _, seen in self._parts)])
        for (part, seen), (start, _) in zip(self._parts, pairwise(edges), strict=True):
            for a, b in zip(*np.triu_indices(len(seen), k=1), strict=True):
                for source, target in ((a, b), (b, a)):
                    names = f"{LEVELS[part][seen[source]]} → {LEVELS[part][seen[target]]}"
                    labels.append(f"{part} {names}")
                    steps.append(one[start + target] - one[start + source])
        return Directions(tuple(labels), np.array(steps))

    @override
    def gap(self) -> Directions | None:
        """Return the step from the median date to a missing date, which has the average of every part."""
        if self.median is None:
            return None
        there = self.place(np.array([np.nan, (self.median - self.mean) / self.scale]))
        return Directions((f"median → {MISSING}",), there[:1] - there[1:])

    @override
    def checked(self, values: Any) -> npt.NDArray[np.datetime64]:
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore" if self.utc else "error", ".*timezone")
                dates = as_dates(values)
        except Warning:
            raise ValueError(
                f"expected dates of {self.name!r} without time zones, as in training; got one; leave it out"
            ) from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"expected dates of {self.name!r}, such as 2024-01-31; got: {error}") from error
        if self.median is None and np.isnat(dates).any():
            raise ValueError(f"expected dates in column {self.name!r}, which has no gaps; got a missing one")
        return dates

    @override
    def coordinates(self, values: npt.ArrayLike) -> FloatArray:
        days = days_of(as_dates(values))
        return ((days if self.time else np.floor(days)) - self.mean) / self.scale

    @override
    def values(self, u: FloatArray) -> npt.NDArray[np.datetime64]:
        return dates_of(self.drawn(u), time=self.time)

    @override
    def drawn(self, u: FloatArray) -> FloatArray:
        return self.mean + self.scale * u

    @override
    def place(self, u: FloatArray) -> FloatArray:
        gaps = np.isnan(u)
        days = np.where(gaps, self.mean, self.drawn(u))
        found = parts_of(days if self.time else np.rint(days))
        replaced = 0.0 if self.median is None else (self.median - self.mean) / self.scale
        blocks = [np.where(gaps, replaced, u)[:, None]]
        for part, shares in self.shares.items():
            block = (found[part][:, None] == np.arange(len(shares))) - shares
            block[gaps | (shares[found[part]] == 0)] = 0.0
            blocks.append(block[:, shares > 0])
        if self.median is not None:
            blocks.append((gaps - self.missing)[:, None])
        return np.hstack(blocks)

    @property
    @override
    def offset(self) -> FloatArray:
        blocks = [np.zeros(1), *(shares[shares > 0] for shares in self.shares.values())]
        return np.concatenate([*blocks, [] if self.median is None else [self.missing]])

    @override
    def locate(self, z: FloatArray) -> FloatArray:
        return np.where((z[:, self.value_features :] > 0).any(axis=1), np.nan, z[:, 0])

    @override
    def grid(self, u: FloatArray, points: int) -> FloatArray:
        """Return evenly spaced days (seconds if training had times), and up to 20 times as many of ``u``.

        The latter are added if parts of the calendar enter, because neighbouring dates then differ.
        """
        unit = 1.0 if not self.time else 1.0 / DAY
        low, high = np.rint(self.drawn(np.array(extent(u))) / unit)
        if low == high:
            low, high = low - 1, high + 1
        days = np.unique(np.rint(np.linspace(low, high, points))) * unit
        own = np.unique(u[~np.isnan(u)])
        even = (days - self.mean) / self.scale
        return even if self.linear or len(own) > 20 * points else np.union1d(even, own)

    @override
    def trace(self, u: FloatArray, points: int, here: float) -> tuple[FloatArray, str]:
        """Return dates on the same weekday at the same time if a line would have many such cycles.

        The text is then, for example, "every Wed" or "every day at 10:00".
        """
        low, high = self.drawn(np.array(extent(u)))
        start = low if np.isnan(here) else float(self.drawn(np.array(here)))
        cycles = [("weekday", self.weekday), ("hour", self.hour)]
        step = next((CYCLES[c] for c, own in cycles if own and high - low > MANY * CYCLES[c]), None)
        if step is None:
            return self.grid(u, points), ""
        same = "day" if step == 1 else LEVELS["weekday"][parts_of(np.array([start]))["weekday"][0]]
        at = f" at {str(dates_of(np.array([start]), time=True)[0])[11:16]}" if self.time else ""
        step *= np.ceil((high - low) / step / points)
        days = start + step * np.arange(np.ceil((low - start) / step), np.floor((high - start) / step) + 1)
        return (days - self.mean) / self.scale, f"every {same}{at}"


def as_dates(values: Any) -> npt.NDArray[np.datetime64]:
    """Return dates, datetimes and ISO text as datetime64[us], (m,), NaT where a date is missing.

    Examples
    --------
    >>> as_dates(["2024-01-31", None]).astype(str).tolist()
    ['2024-01-31T00:00:00.000000', 'NaT']
    """
    if getattr(values, "dtype", np.dtype(object)).kind == "M":
        return np.asarray(values).astype("datetime64[us]")
    objects = np.asarray(values, dtype=object).ravel()
    return np.array([_as_date(value) for value in objects], dtype="datetime64[us]")


def _as_date(value: Any) -> np.datetime64:
    if value is None or value != value:
        return np.datetime64("NaT", "us")
    if isinstance(value, float | int | np.number) or (isinstance(value, str) and "-" not in value):
        raise ValueError(f"expected a date; got {value!r}")
    return np.datetime64(value, "us")


def days_of(dates: npt.NDArray[np.datetime64]) -> FloatArray:
    """Return dates as days since 1970-01-01 (m,), NaN for NaT.

    Examples
    --------
    >>> days_of(np.array(["2024-01-31T12", "NaT"], dtype="datetime64[h]"))
    array([19753.5,     nan])
    """
    micro = dates.astype("datetime64[us]").astype(np.int64)
    return np.where(np.isnat(dates), np.nan, micro / (DAY * 1e6))


def dates_of(days: FloatArray, *, time: bool) -> npt.NDArray[np.datetime64]:
    """Return days since 1970-01-01 (m,) as dates, to the second if ``time``, otherwise to the day.

    Examples
    --------
    >>> dates_of(np.array([19753.5, np.nan]), time=True).astype(str).tolist()
    ['2024-01-31T12:00:00', 'NaT']
    """
    gaps = np.isnan(days)
    there = np.where(gaps, 0.0, days)
    if time:
        dates = _seconds(there).astype("datetime64[s]")
    else:
        dates = np.rint(there).astype(np.int64).astype("datetime64[D]")
    dates[gaps] = np.datetime64("NaT", "D")
    return dates


def _seconds(days: FloatArray) -> npt.NDArray[np.int64]:
    """Return whole seconds since 1970-01-01. A millisecond is added, more than the rounding error of days."""
    return np.floor(days * DAY + 1e-3).astype(np.int64)
