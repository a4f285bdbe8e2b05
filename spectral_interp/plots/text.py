"""Names, values and numbers as text for figures, which show every character as the user typed it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import takewhile
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from .._common.text import number, row_text, visible
from .._common.text import value_text as value_text  # which figures use beside the names here

NAME, VALUE, UNIT = 24, 12, 34
"""Maximum number of characters of a column's name, of a value and of a unit in figures."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


LETTER = 0.58
"""Average width of a character, as a share of the font size."""

_LAST_RESORT = "Last Resort"
"""Prefix of the names of fonts whose glyphs are placeholders."""


def printable(text: str) -> str:
    r"""Return ``text`` with code points in place of characters that no installed font can draw.

    Invisible characters are replaced by their code points too, line ends by ↵ and tabs by ⇥.

    Examples
    --------
    >>> printable("price\t($)"), printable("a\u200bb")
    ('price⇥($)', 'a[U+200B]b')
    """
    return "".join(map(_drawable, visible(text)))


def _drawable(char: str) -> str:
    drawn = not _is_foreign(char) or ord(char) in _families()
    return char if drawn else f"[U+{ord(char):04X}]"


def _is_foreign(char: str) -> bool:
    """Return whether the default font of the figures has no glyph for a character."""
    if char.isascii():
        return False
    own = font_manager.findfont(font_manager.FontProperties(family=mpl.rcParams["font.family"]))
    return not font_manager.get_font(own).get_char_index(ord(char))


@cache
def _families() -> dict[int, str]:
    """Return, for every character, the alphabetically first family whose regular font can draw it."""
    families: dict[int, str] = {}
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.name, reverse=True):
        upright = (font.style, font.stretch) == ("normal", "normal")
        if upright and font.weight in (400, "normal", "regular") and not font.name.startswith(_LAST_RESORT):
            families |= dict.fromkeys(font_manager.get_font(font.fname).get_charmap(), font.name)
    return families


@contextmanager
def plain_text(ax: Axes) -> Iterator[None]:
    """Make all text drawn inside a ``with`` block plain, even outside the package's style.

    Dollar signs do not start formulas, every character has a font, thousands have separators, and the axes
    have no more numbers than fit.
    """
    others = set(ax.figure.axes) - {ax}
    yield
    for axes in set(ax.figure.axes) - others:
        for text in axes.findobj(Text):
            _make_plain(text)
        for axis in (axes.xaxis, axes.yaxis):
            if type(axis.get_major_formatter()) is ScalarFormatter:
                axis.set_major_formatter(_Thousands())
        _thin(axes)


def room(ax: Axes) -> float:
    """Return the approximate width of the Axes in points, without names of lines and colour bars."""
    points = 72 * ax.figure.bbox.width / ax.figure.dpi
    whole = points * min(1.0, ax.get_position().width / 0.775)
    beside = (len(label.get_text()) * LETTER * float(label.get_fontsize()) for label in ax.get_yticklabels())
    bars = sum(other.get_label() == "<colorbar>" for other in ax.figure.axes)
    return float(max(0.35 * whole, whole - max(beside, default=0.0) - 40 - 60 * bars))


def _thin(ax: Axes) -> None:
    """Reduce the number of ticks on the horizontal axis if their labels would overlap."""
    formatter, locator = ax.xaxis.get_major_formatter(), ax.xaxis.get_major_locator()
    if not isinstance(formatter, _Thousands) or not isinstance(locator, MaxNLocator):
        return
    low, high = sorted(ax.get_xlim())
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    size = float(ax.xaxis.get_ticklabels()[0].get_fontsize()) if ticks else 0.0
    needed = sum(len(text) + 2 for text in formatter.format_ticks(ticks)) * LETTER * size
    if needed > room(ax):
        locator.set_params(nbins=max(2, int(len(ticks) * room(ax) / needed)))


class _Thousands(ScalarFormatter):
    """The default formatter, with separators from 10,000, and in millions (M) from 1,000,000."""

    _millions = False

    def set_locs(self, locs: Any) -> None:
        """Set all numbers of the axis, which share one format."""
        super().set_locs(locs)
        self._millions = max(map(abs, locs), default=0) >= 1e6

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = super().__call__(x, pos)
        if self.get_offset():
            return text
        if self._millions:
            return f"{x / 1e6:.10g}M".replace("-", "−") if x else "0"
        whole = text == f"{x:.0f}".replace("-", "−")
        return f"{x:,.0f}".replace("-", "−") if whole and abs(x) >= 1e4 else text


def _make_plain(text: Any) -> None:
    text.set_parse_math(False)
    foreign = [ord(char) for char in text.get_text() if _is_foreign(char)]
    families = {_families()[code] for code in foreign if code in _families()}
    if families:  # matplotlib takes each character from the first family that has it
        text.set_fontfamily([*text.get_fontfamily(), *sorted(families)])


def shorten(text: str, width: int = NAME) -> str:
    """Return printable text of at most ``width`` characters, with an ellipsis in place of its middle.

    Examples
    --------
    >>> shorten("average number of bedrooms per household", 12)
    'average …old'
    """
    text = printable(text)
    tail = (width - 1) // 3
    return text if len(text) <= width else f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def unit_text(unit: str) -> str:
    """Return a unit for a label. Both sides of log-odds between two classes are shortened separately.

    Examples
    --------
    >>> unit_text("log-odds of kind = a against the mean of all classes")
    'log-odds of kind = a against the mean of all classes'
    >>> unit_text("log-odds of whether a customer will leave = yes")
    'log-odds of whether a …leave = yes'
    """
    return " against ".join(shorten(side, UNIT) for side in unit.split(" against "))


def shorten_value(text: str) -> str:
    """Return a value shortened as by :func:`shorten`. A date with a time is shown to the minute.

    Examples
    --------
    >>> shorten_value("a long name of a level"), shorten_value("2024-01-31T10:00:30")
    ('a long n…vel', '2024-01-31T10:00')
    """
    found = _MOMENT.match(text)
    return found[0] if found else shorten(text, VALUE)


def row_name(label: Any) -> str:
    """Return the user's label of a row, shortened for a title.

    Examples
    --------
    >>> row_name(123456), row_name("customer of the second branch, 41")
    ('123456', 'customer of the …nch, 41')
    """
    return shorten(row_text(label))


def shorten_all(names: Iterable[str], width: int = NAME) -> list[str]:
    """Return names shortened as by :func:`shorten`. Names that would become equal show where they differ.

    Examples
    --------
    >>> shorten_all(["rooms on the first floor, total", "rooms on the third floor, total"], 16)
    ['room… first flo…', 'room… third flo…']
    """
    full = list(map(printable, names))
    cut = [shorten(name, width) for name in full]
    alike = {text for text, count in Counter(cut).items() if count > 1}
    return [
        _distinct(name, [other for other, its in zip(full, cut, strict=True) if its == text], width)
        if text in alike
        else text
        for name, text in zip(full, cut, strict=True)
    ]


def _distinct(name: str, alike: Sequence[str], width: int) -> str:
    """Return the start of a name, and the part from the first difference to the most similar other name."""
    others = [other for other in alike if other != name]
    head = (width - 2) // 3
    first = max((_common(name, other) for other in others), default=len(name)) - 1
    first = max(min(first, len(name) - (width - head - 1)), head)
    part = name[first : first + width - head - 2]
    return f"{name[:head]}…{part}" + "…" * (first + len(part) < len(name))


def _common(one: str, other: str) -> int:
    """Return the length of the common prefix."""
    same = (a == b for a, b in zip(one, other, strict=False))
    return sum(1 for _ in takewhile(bool, same))


def with_unit(value: float, table: pd.DataFrame) -> str:
    """Return a number with the unit of a table, for a sentence.

    Examples
    --------
    >>> with_unit(2.5, pd.DataFrame({"unit": ["kg"]}))
    '2.5 (kg)'
    """
    return f"{number(float(value))} ({table['unit'].iloc[0]})"


def sentence(text: str) -> str:
    """Return text with a capital first letter and a period at the end.

    Examples
    --------
    >>> sentence("high values of a raise predictions")
    'High values of a raise predictions.'
    """
    return f"{text[:1].upper()}{text[1:]}."
