"""How numbers and lists are said in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with so many significant digits, as people write it; "undefined" for None and NaN.

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
    """Return whether a number is written with all its digits; others get three."""
    return 1e-3 <= size < 1e9


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
    """Return the next value that :func:`number` writes whole; near the smallest floats the value itself."""
    if not value or not math.isfinite(value):
        return value
    digits = 4 if _is_plain(abs(value)) else 3
    step = 10.0 ** (math.floor(math.log10(abs(value))) + 1 - digits)
    if not step:
        return value
    steps = value / step
    return math.ceil(steps - 1e-12 * abs(steps)) * step


def as_text(argument: str) -> str:
    r"""Return a file name or an argument as text, also where the locale does not know its characters.

    Examples
    --------
    >>> as_text("Größe"), as_text("Gr\udcc3\udcb6\udcc3\udc9fe"), as_text("Gr\udcff")
    ('Größe', 'Größe', 'Gr�')
    """
    return argument.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def listed(names: Sequence[str], joint: str = "and") -> str:
    """Return names as they stand in a sentence.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "or")
    ('a', 'a and b', 'a, b or c')
    """
    return f" {joint} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a number of things in words.

    Examples
    --------
    >>> counted(1, "row"), counted(1000, "row"), counted(2, "direction is", "directions are")
    ('1 row', '1,000 rows', '2 directions are')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
