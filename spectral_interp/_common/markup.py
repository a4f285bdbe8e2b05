"""HTML of results for notebooks: sentences and tables with escaped text, cut to a readable length."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import islice
from numbers import Integral, Real
from typing import Any

from .text import number, signed, value_text, visible

LINES = 10
"""Maximum number of lines of a table, and of sentences."""

CELL, SENTENCE = 40, 600
"""Maximum number of characters of a cell, and of a sentence."""

_RIGHT, _LEFT = ' style="text-align: right"', ' style="text-align: left"'

_TRACK = "position: relative; width: 16em; height: 0.9em"
_BAR = "position: absolute; left: {:.2f}%; width: {:.2f}%; height: 100%; background: {}"
_RAISES, _LOWERS = "#a6adb4", "#5c646c"
"""Colours of the report."""


def escaped(words: str, most: int = CELL) -> str:
    """Return text escaped for HTML, with every character visible and an ellipsis where it is cut.

    Examples
    --------
    >>> escaped("<b>price</b>"), escaped("a" * 9, 5)
    ('&lt;b&gt;price&lt;/b&gt;', 'aaaa…')
    """
    words = visible(words)
    return html.escape(words if len(words) <= most else f"{words[: most - 1]}…")


def block(*parts: str) -> str:
    """Join parts of HTML to one block."""
    return f"<div>{''.join(parts)}</div>"


def sentences(*texts: str) -> str:
    """Return a paragraph for each of the first ten sentences, and the number of further ones.

    Examples
    --------
    >>> sentences("a < b.")
    '<p>a &lt; b.</p>'
    """
    shown = [f"<p>{escaped(one, SENTENCE)}</p>" for one in texts[:LINES]]
    return "".join(shown) + _more(len(texts) - LINES, "sentences")


def table(headers: Sequence[str], lines: Iterable[Sequence[Any]], total: int, things: str = "rows") -> str:
    """Return the first ten lines as a table, and the number of further ones.

    Parameters
    ----------
    headers : sequence of str
    lines : iterable of sequence
        Cells. Numbers get four significant digits; None and NaN are empty.
    total : int
        Total number of lines, which may exceed the number given.
    things : str
        Plural noun for the lines.

    Examples
    --------
    >>> found = table(["price"], [[0.5], ["<i>"], [2]], 12)
    >>> "0.5</td>" in found, "&lt;i&gt;" in found, "… 9 more rows" in found
    (True, True, True)
    """
    shown = list(islice(lines, LINES))
    sides = [_side(value) for value in shown[0]] if shown else [_LEFT] * len(headers)
    head = "".join(f"<th{side}>{escaped(name)}</th>" for name, side in zip(headers, sides, strict=True))
    body = "".join(f"<tr>{''.join(map(_cell, line))}</tr>" for line in shown)
    whole = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return whole + _more(total - len(shown), things)


def waterfall(base: float, lines: Sequence[tuple[str, str, float]], prediction: float) -> str:
    """Return a waterfall from a base value to a prediction, with a bar for every contribution.

    Parameters
    ----------
    base : float
    lines : sequence of (column, value, contribution)
        In the order of the bars, the largest first. With more than ten, the smallest are summed in one line.
    prediction : float

    Examples
    --------
    >>> "left: 25.00%; width: 75.00%" in waterfall(1.0, [("a", "2", 3.0)], 4.0)
    True
    """
    shown = list(lines)
    if len(shown) > LINES:
        rest = shown[LINES - 1 :]
        shown[LINES - 1 :] = [(f"{len(rest)} others", "", sum(line[2] for line in rest))]
    starts = [base]
    for _, _, contribution in shown:
        starts.append(starts[-1] + contribution)
    low, high = min(0.0, *starts), max(0.0, *starts)
    body = [_step("base value", "", "", number(base))]
    for (column, value, contribution), start in zip(shown, starts, strict=False):
        bar = _bar(min(start, start + contribution) - low, contribution, high - low)
        body.append(_step(escaped(column), escaped(value), bar, signed(contribution)))
    body.append(_step("prediction", "", "", number(prediction)))
    return f"<table><tbody>{''.join(body)}</tbody></table>"


def _step(column: str, value: str, bar: str, amount: str) -> str:
    return f"<tr><td{_LEFT}>{column}</td><td{_RIGHT}>{value}</td><td>{bar}</td><td{_RIGHT}>{amount}</td></tr>"


def _bar(left: float, contribution: float, width: float) -> str:
    share = 100 / width if width else 0.0
    colour = _RAISES if contribution > 0 else _LOWERS
    bar = _BAR.format(left * share, abs(contribution) * share, colour)
    return f'<div style="{_TRACK}"><div style="{bar}"></div></div>'


def _side(value: Any) -> str:
    return _RIGHT if isinstance(value, Real) and not isinstance(value, bool) else _LEFT


def _cell(value: Any) -> str:
    return f"<td{_side(value)}>{escaped(_cell_text(value))}</td>"


def _cell_text(value: Any) -> str:
    if value is None or (isinstance(value, Real) and value != value):
        return ""
    return f"{value:,}" if isinstance(value, Integral) and not isinstance(value, bool) else value_text(value)


def _more(count: int, things: str) -> str:
    return f"<p>… {count:,} more {things}</p>" if count > 0 else ""
