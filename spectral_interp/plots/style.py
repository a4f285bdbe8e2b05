"""One look for every figure: sizes, fonts and a palette that survives colour blindness and grey print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

DIAGONAL, COUPLING, NEUTRAL = "#0072B2", "#E69F00", "#333333"

WHOLE = "#7A7A7A"
"""Of a contribution that has no parts."""

COLOURS = (DIAGONAL, COUPLING, "#009E73", "#CC79A7", NEUTRAL)
"""Categories, from the palette of Okabe and Ito."""

VALUE_MAP = "cividis"
"""Colours of low to high column values."""

TOP = 20
"""Columns drawn one by one; the rest are counted in the figure's title."""

_RC: dict[Any, Any] = {
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.formatter.limits": (-4, 8),
    "legend.frameon": False,
    "text.parse_math": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the package's matplotlib settings inside a ``with`` block."""
    with mpl.rc_context(_RC):
        yield


def label_log(axis: Axis) -> None:
    """Label a logarithmic axis, its limits set, with a few plain numbers, also over less than a decade."""
    low, high = axis.get_view_interval()
    decades = high / low
    steps = (1.0,) if decades > 1e3 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=steps, numticks=9) if decades > 4 else MaxNLocator(5))
    axis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axis.set_minor_formatter(NullFormatter())


def bar_height(n: int) -> float:
    """Return the height of each of ``n`` bars, as thick for one bar as for four.

    Examples
    --------
    >>> bar_height(1), bar_height(20)
    (0.2, 0.8)
    """
    return min(0.8, 0.2 * n)


def count_rows(n: int) -> str:
    """Return ``n`` rows in words.

    Examples
    --------
    >>> count_rows(1), count_rows(1000)
    ('1 row', '1,000 rows')
    """
    return "1 row" if n == 1 else f"{n:,} rows"


UNIT = 40
"""Characters of a unit that labels of axes show."""


def shorten(name: str, width: int = 28) -> str:
    """Return ``name`` cut to ``width`` characters, the cut marked by an ellipsis.

    Examples
    --------
    >>> shorten("average number of bedrooms per household", 12)
    'average num…'
    """
    return name if len(name) <= width else name[: width - 1] + "…"
