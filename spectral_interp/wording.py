"""How numbers and lists are said in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence


def number(value: float | None) -> str:
    """Return a number with four significant digits, as people write it; "undefined" for None and NaN.

    Examples
    --------
    >>> number(0.123456), number(-579512.3), number(8.5e-14), number(1.5e12), number(None)
    ('0.1235', '−579,500', '8.5e−14', '1.5e12', 'undefined')
    """
    if value is None or math.isnan(value):
        return "undefined"
    size = abs(value)
    if math.isinf(value):
        text = "∞"
    elif size == 0 or 1e-3 <= size < 1e9:
        digits = 3 - math.floor(math.log10(size)) if size else 0
        text = f"{round(size, digits):,.{max(digits, 0)}f}"
        text = text.rstrip("0").rstrip(".") if digits > 0 else text
    else:
        text = f"{size:.3g}".replace("e+", "e").replace("e-0", "e-").replace("-", "−")
    return f"−{text}" if value < 0 else text


def at_most(value: float) -> str:
    """Return an upper bound with four significant digits, rounded up so that it stays a bound.

    Examples
    --------
    >>> at_most(28.2043), at_most(0.5), at_most(463500.0)
    ('28.21', '0.5', '463,500')
    """
    if not math.isfinite(value) or value <= 0:
        return number(value)
    step = 10.0 ** (math.floor(math.log10(value)) - 3)
    rounded = math.ceil(value / step * (1 - 1e-12)) * step
    return number(rounded)


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
