"""Text of numbers, lists and labels in sentences."""

from __future__ import annotations

import datetime
import math
import unicodedata
from collections.abc import Sequence
from numbers import Integral, Number
from typing import Any

_SIGNS = {"\n": "↵", "\t": "⇥"}
_JOINERS = "\u200c\u200d"
_INVISIBLE = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def visible(text: str) -> str:
    r"""Return text for display, with the code point in place of every invisible character.

    A name may come from an untrusted table. Control characters in it could control a terminal, and
    bidirectional ones could reorder the text around it. A line feed becomes ↵ and a tab ⇥.

    Examples
    --------
    >>> visible("price\t($)"), visible("a\u200bb"), visible("\x1b[2J"), visible("Größe 😀")
    ('price⇥($)', 'a[U+200B]b', '[U+001B][2J', 'Größe 😀')
    """
    return text if text.isprintable() else "".join(map(_seen, text))


def _seen(char: str) -> str:
    if char in _SIGNS:
        return _SIGNS[char]
    hidden = unicodedata.category(char) in _INVISIBLE and char not in _JOINERS
    return f"[U+{ord(char):04X}]" if hidden else char


def row_text(label: Any) -> str:
    """Return the user's label of a row as text, with all its digits.

    Examples
    --------
    >>> row_text(123456), row_text(7.0), row_text("cust41")
    ('123456', '7', 'cust41')
    """
    if hasattr(label, "dtype") and label.dtype.kind == "M":
        label = label.astype("datetime64[s]").item()
    text = str(int(label) if isinstance(label, float) and label.is_integer() else label)
    return visible(text.removesuffix(" 00:00:00") if hasattr(label, "isoformat") else text)


def plain_label(label: Any) -> int | str:
    """Return the user's label of a row as a value that every file format can hold.

    Examples
    --------
    >>> plain_label(7), plain_label("7"), plain_label(7.5)
    (7, '7', '7.5')
    """
    if isinstance(label, str):
        return label
    whole = isinstance(label, Integral) and not isinstance(label, bool)
    return int(label) if whole and -(2**63) <= label < 2**63 else row_text(label)


def class_text(label: Any) -> str:
    """Return a class as text, in quotes if it is blank.

    Examples
    --------
    >>> class_text("yes"), class_text(0), class_text("")
    ('yes', '0', "''")
    """
    text = str(label)
    return text if text.strip() else repr(text)


def number(value: float | None, digits: int = 4) -> str:
    """Return a number as readable text with ``digits`` significant digits; "undefined" for None and NaN.

    Examples
    --------
    >>> number(0.123456), number(2014.0), number(-579512.3), number(8.5e-14), number(1.5e12), number(None)
    ('0.1235', '2014', '−579,500', '8.5e−14', '1.5e12', 'undefined')
    """
    if value is None or math.isnan(value):
        return "undefined"
    size = abs(value)
    if math.isinf(value):
        text = "∞"
    elif size == 0 or _is_plain(size):
        places = digits - 1 - math.floor(math.log10(size)) if size else 0
        rounded = round(size, places)
        text = f"{rounded:{',' if rounded >= 1e4 else ''}.{max(places, 0)}f}"
        text = text.rstrip("0").rstrip(".") if places > 0 else text
    else:
        text = f"{size:.3g}".replace("e+", "e").replace("e-0", "e-").replace("-", "−")
    return f"−{text}" if value < 0 else text


def _is_plain(size: float) -> bool:
    """Return whether a number is written without an exponent; numbers with an exponent get three digits."""
    return 1e-3 <= size < 1e9


def value_text(value: Any) -> str:
    """Return a value of a table as text.

    Examples
    --------
    >>> import numpy as np
    >>> value_text(21.6), value_text(None), value_text("Oslo"), value_text(np.datetime64("2024-01-31"))
    ('21.6', 'missing', 'Oslo', '2024-01-31')
    """
    if value is None or str(value == value) != "True":  # pandas.NA: == gives NA
        return "missing"
    if hasattr(value, "dtype") and value.dtype.kind == "M":
        return _moment(str(value.astype("datetime64[s]")))
    if isinstance(value, datetime.datetime):
        return _moment(value.isoformat(timespec="seconds"))
    if isinstance(value, bool) or not isinstance(value, Number):
        return str(value)
    return number(float(value))  # type: ignore[arg-type]


def _moment(text: str) -> str:
    """Return a date and time without zero seconds, and without the time if it is midnight."""
    return text.removesuffix(":00").removesuffix("T00:00")


def signed(value: float) -> str:
    """Return a number with its sign and three significant digits.

    Examples
    --------
    >>> signed(3.14159), signed(-12345.6), signed(0.0)
    ('+3.14', '−12,300', '0')
    """
    return ("+" if value > 0 else "") + number(value, 3)


def at_most(value: float) -> str:
    """Return an upper bound with four significant digits, rounded up so that it stays a bound.

    Examples
    --------
    >>> at_most(28.2043), at_most(0.5), at_most(463500.0), at_most(-28.2043), at_most(1.231e-5)
    ('28.21', '0.5', '463,500', '−28.2', '1.24e−5')
    """
    return number(_rounded_up(value))


def at_least(value: float) -> str:
    """Return a lower bound with four significant digits, rounded down so that it stays a bound.

    Examples
    --------
    >>> at_least(28.2047), at_least(-28.2043), at_least(0.0), at_least(1.239e12), at_least(5e-324)
    ('28.2', '−28.21', '0', '1.23e12', '4.94e−324')
    """
    return number(-_rounded_up(-value))


def _rounded_up(value: float) -> float:
    """Round up to a value that :func:`number` writes exactly; near the smallest floats return the value."""
    if not value or not math.isfinite(value):
        return value
    digits = 4 if _is_plain(abs(value)) else 3
    step = 10.0 ** (math.floor(math.log10(abs(value))) + 1 - digits)
    if not step:
        return value
    steps = value / step
    return math.ceil(steps - 1e-12 * abs(steps)) * step


def as_text(argument: str) -> str:
    r"""Return a file name or an argument as text, even if the locale lacks its characters.

    Examples
    --------
    >>> as_text("Größe"), as_text("Gr\udcc3\udcb6\udcc3\udc9fe"), as_text("Gr\udcff")
    ('Größe', 'Größe', 'Gr�')
    """
    return argument.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def listed(names: Sequence[str], joint: str = "and") -> str:
    """Join names for a sentence.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "or")
    ('a', 'a and b', 'a, b or c')
    """
    return f" {joint} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun in the singular or plural.

    Examples
    --------
    >>> counted(1, "row"), counted(1000, "row"), counted(2, "direction is", "directions are")
    ('1 row', '1,000 rows', '2 directions are')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """Return a share in percent. A share above zero is never written as 0 %.

    Examples
    --------
    >>> percent(0.123), percent(0.00001), percent(0.0), percent(1.0), percent(0.9996)
    ('12 %', '0.001 %', '0 %', '100 %', '99.96 %')
    """
    size = 100 * share
    if 0 < size < 1:
        return f"{number(size, 1)} %"
    return f"{number(size, 2 if size <= 99 else 4)} %"
