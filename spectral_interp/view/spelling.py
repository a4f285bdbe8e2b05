"""Meaning of texts: words, numbers, booleans and dates in their usual spellings.

Dates are in ISO format, day first, month first, or with the name of the month.
"""

from __future__ import annotations

import calendar
import datetime
import difflib
import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from .dates import DAY, LEVELS

BOOLEANS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("1", "0"), ("on", "off"))
"""Usual spellings of true and false; capitals do not matter."""

_TRUTHS = {word: word == yes for yes, no in BOOLEANS for word in (yes, no)}

_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?")


def spelling(text: str) -> str:
    """Return the normalised spelling of a text: without blanks around it, decimal numbers in shortest form.

    Examples
    --------
    >>> spelling(" Oslo "), spelling("01"), spelling("1.0"), spelling("-0.50"), spelling("1e3")
    ('Oslo', '1', '1', '-0.5', '1e3')
    """
    text = unicodedata.normalize("NFC", text.strip())
    found = _NUMBER.fullmatch(text)
    if not found:
        return text
    sign, whole, part = found.groups(default="")
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    digits = f"{whole}.{part}" if part else whole
    return f"-{digits}" if sign == "-" and digits != "0" else digits


def truth(text: str) -> bool | None:
    """Return the boolean that a text spells; None for other texts.

    Examples
    --------
    >>> truth("TRUE"), truth("1.0"), truth(" no"), truth("maybe")
    (True, True, False, None)
    """
    return _TRUTHS.get(spelling(text).casefold())


def is_boolean(texts: Collection[str]) -> bool:
    """Return whether all texts spell booleans and include both words of one pair of :data:`BOOLEANS`.

    Examples
    --------
    >>> is_boolean(["yes", "No"]), is_boolean(["y", "f"]), is_boolean(["True", "False", "0"])
    (True, False, True)
    """
    words = {spelling(text).casefold() for text in texts}
    return words <= _TRUTHS.keys() and any(words.issuperset(pair) for pair in BOOLEANS)


def nearest(text: str, known: Collection[str]) -> str | None:
    """Return the known text most similar to another one; None if no known text is similar.

    Examples
    --------
    >>> nearest("Bregen", ["Oslo", "Bergen"]), nearest("Rome", ["Oslo", "Bergen"])
    ('Bergen', None)
    """
    folded = {other.casefold(): other for other in known}
    found = difflib.get_close_matches(text.strip().casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


_MONTHS = {name.lower(): at for at, name in enumerate(LEVELS["month"], start=1)}
_FULL_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

_WEEKDAY = rf"(?:(?:{'|'.join(LEVELS['weekday'])})[a-z]*\.?,?\s+)?"
_TIME = (
    r"(?:(?:T|,?\s+)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d(?:[.,]\d{1,9})?))?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?(?:\s*(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?)?"
)
_NAME, _DAY = r"(?P<name>[a-z]{3,9})\.?", r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_SPELLINGS = [
    re.compile(_WEEKDAY + date + _TIME, re.ASCII | re.IGNORECASE)
    for date in (
        r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
        r"(?P<one>\d{1,2})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})",
        r"(?P<year>\d{4})-(?P<month>\d\d)",
        rf"{_DAY}[-./\s]\s*{_NAME},?[-./\s]\s*(?P<year>\d{{4}})",
        rf"{_NAME}\s+{_DAY},?\s+(?P<year>\d{{4}})",
        rf"{_NAME},?[-\s]\s*(?P<year>\d{{4}})",
        rf"(?P<year>\d{{4}})[-/\s]{_NAME}[-/\s]{_DAY}",
    )
]
"""Patterns of an optional weekday, a date and an optional time. A month without a day means its first day."""

_SHORT = re.compile(r"\d{1,2}/\d{1,2}/\d\d|\d\d([.-])\d\d\1\d\d", re.ASCII)


EPOCH = datetime.date(1970, 1, 1).toordinal()


class Spelled(NamedTuple):
    """A date with its spelling.

    Attributes
    ----------
    year, month, day : int
        If the order of day and month is ambiguous, they are read with the day first.
    seconds : float
        Seconds since midnight.
    offset : float or None
        Seconds by which the time zone is ahead of UTC; None without a time zone.
    mark : str
        Separator of day and month if both are numbers and the year comes last; otherwise empty.
    """

    year: int
    month: int
    day: int
    seconds: float
    offset: float | None
    mark: str

    def turned(self) -> Spelled:
        """Return the date with the month first."""
        return self._replace(month=self.day, day=self.month)

    @property
    def is_date(self) -> bool:
        """Whether the calendar has such a day."""
        if not (1 <= self.month <= 12 and 1 <= self.year <= 9999):
            return False
        return 1 <= self.day <= calendar.monthrange(self.year, self.month)[1]

    @property
    def days(self) -> float:
        """Days since 1970-01-01, in UTC if there is a time zone; the date must be valid."""
        whole = datetime.date(self.year, self.month, self.day).toordinal() - EPOCH
        micros = whole * DAY * 10**6 + round((self.seconds - (self.offset or 0.0)) * 1e6)
        return micros / (DAY * 1e6)


def spelled(text: str) -> Spelled | None:
    """Return the date that a text spells; None for other texts.

    Examples
    --------
    >>> spelled("31.01.2024")
    Spelled(year=2024, month=1, day=31, seconds=0.0, offset=None, mark='.')
    >>> spelled("Jan 31, 2024 6:30 pm")
    Spelled(year=2024, month=1, day=31, seconds=66600.0, offset=None, mark='')
    >>> spelled("2024"), spelled("12:30"), spelled("20240131")
    (None, None, None)
    """
    found = next(filter(None, (spelling.fullmatch(text) for spelling in _SPELLINGS)), None)
    if found is None:
        return None
    part = found.groupdict()
    seconds = _seconds(part)
    month = _month(part["name"]) if part.get("name") else int(part.get("month") or part.get("two") or 1)
    if seconds is None or month is None:
        return None
    day = int(part.get("day") or part.get("one") or 1)
    mark = part["mark"] if part.get("one") else ""
    date = Spelled(int(part["year"]), month, day, seconds, _offset(part["zone"]), mark)
    return date if date.is_date or (mark and date.turned().is_date) else None


def has_short_year(text: str) -> bool:
    """Return whether a text looks like a date whose year has two digits.

    In that case the position and the century of the year could only be guessed.

    Examples
    --------
    >>> has_short_year("1/31/24"), has_short_year("31.01.24"), has_short_year("1.2.10")
    (True, True, False)
    """
    if not _SHORT.fullmatch(text):
        return False
    low, high = sorted(int(number) for number in re.findall(r"\d+", text)[:2])
    return 1 <= low <= 12 and high <= 31


def _month(name: str) -> int | None:
    full = name.lower()
    known = full in _FULL_MONTHS or full in _MONTHS or full == "sept"
    return _MONTHS[full[:3]] if known else None


def _seconds(part: dict[str, str]) -> float | None:
    """Return the seconds since midnight, 0 without a time; None for an invalid time."""
    if not part["hour"]:
        return 0.0
    hour, minute = int(part["hour"]), int(part["minute"])
    second = float((part["second"] or "0").replace(",", "."))
    if part["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (part["half"].lower() == "p")
    return 3600.0 * hour + 60 * minute + second if hour < 24 and minute < 60 and second < 60 else None


def _offset(zone: str | None) -> float | None:
    if not zone:
        return None
    if zone[0] not in "+-":
        return 0.0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (-1.0 if zone[0] == "-" else 1.0) * (3600 * int(digits[:2]) + 60 * int(digits[2:]))
