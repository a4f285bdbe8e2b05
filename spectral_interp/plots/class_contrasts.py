"""Differences between classes: mean |contribution| to the log-odds between two classes, by column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from .._common.text import class_text, counted, listed
from ..attribution.result import Attribution
from ..view.levels import class_place
from ..view.model import log_odds
from .classes import Contributions, check_classes, contrast, predicted_places, typical_of_two
from .figure import Figure
from .lines import Colours, add_squares, label_x
from .style import DIAGONAL, NEUTRAL, height
from .text import LETTER, NAME, VALUE, room, shorten, shorten_all

PAIRS, DRAWN, COLUMNS, NAMED = 10, 4, 4, 2
"""Maximum number of pairs of classes in the table and in the drawing, and of columns drawn and named."""

Places = npt.NDArray[np.intp]


def places_of(contributions: Contributions, truth: Sequence[Any] | None) -> Places:
    """Return the true class of every row (n,), or the predicted class where the true one is unknown."""
    found, labels = predicted_places(contributions), list(contributions)
    for at, label in enumerate(() if truth is None else truth):
        if not pd.isna(label):
            found[at] = class_place(label, labels)
            if found[at] < 0:
                raise ValueError(f"expected true classes that have contributions; got {label!r}")
    return found


def class_contrasts_table(contributions: Contributions, truth: Sequence[Any] | None = None) -> pd.DataFrame:
    """Return the mean |contribution| by column for the pairs of classes that are confused most often.

    Contributions to the log-odds between two classes are the differences of the contributions to the log-odds
    of each class against the mean of all classes. ``mean_abs_contribution`` is their mean absolute value over
    the rows of both classes, by true class or, where it is unknown, by predicted class. ``labelled`` counts
    the rows of both classes with a known true class, and ``confused`` counts those predicted as the other
    class. Pairs with equal counts are in increasing order of the mean |log-odds| between them at their rows.
    ``typical_output`` and ``typical_against`` are the medians of the column in the rows of each class. For a
    column of levels they give the level whose share differs most between the classes, with its share in each.

    Parameters
    ----------
    contributions : mapping of class to Attribution
        Contributions to the log-odds of each class against the mean of all classes:
        ``{label: explain(est, X, output=label)}``.
    truth : sequence of labels, length n, optional
        True classes of the rows; missing where unknown.

    Raises
    ------
    ValueError
        If there are fewer than two classes, the rows differ, or a true class has no contributions.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> parts = {name: explain(Pencil([[0.0], [w]], [[], []], k=0), [[1.0], [3.0]]) for name, w in
    ...          (("a", 1.0), ("b", -2.0))}
    >>> table = class_contrasts_table(parts, ["a", "b"])
    >>> table[["output", "against", "confused", "column", "mean_abs_contribution"]].values.tolist()
    [['a', 'b', 1, 'z0', 6.0]]
    """
    check_classes(contributions)
    own = places_of(contributions, truth)
    known = np.zeros(len(own), dtype=bool) if truth is None else ~pd.isna(np.array(truth, dtype=object))
    predicted = predicted_places(contributions)
    found = list(contributions.values())
    ranked = []
    for a, b in combinations(range(len(found)), 2):
        rows = (own == a) | (own == b)
        if (own == a).any() and (own == b).any():
            confused = int((known & rows & np.isin(predicted, (a, b)) & (predicted != own)).sum())
            apart = float(np.abs(found[a].prediction - found[b].prediction)[rows].mean())
            ranked.append((-confused, apart, a, b))
    labels = list(contributions)
    parts = [
        _pair((found[a], found[b]), (labels[a], labels[b]), (own == a, own == b)).assign(
            confused=-confused, labelled=int((known & ((own == a) | (own == b))).sum())
        )
        for confused, _, a, b in sorted(ranked)[:PAIRS]
    ]
    names = ["output", "against", "confused", "labelled", "rows", "column", "mean_abs_contribution"]
    names += ["typical_output", "typical_against", "unit", "method"]
    return pd.concat(parts, ignore_index=True)[names] if parts else pd.DataFrame(columns=names)


def _pair(
    found: tuple[Attribution, Attribution],
    labels: tuple[Any, Any],
    rows: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
) -> pd.DataFrame:
    """Return the lines of one pair of classes, with the rows of each as masks (n,)."""
    one, other = found
    sizes = np.abs(contrast(one, other).values[rows[0] | rows[1]]).mean(axis=0)
    order = np.argsort(-sizes, kind="stable")
    typical_output, typical_against = zip(*(typical_of_two(one, at, *rows) for at in order), strict=True)
    return pd.DataFrame(
        {
            "output": class_text(labels[0]),
            "against": class_text(labels[1]),
            "rows": int((rows[0] | rows[1]).sum()),
            "column": [one.columns[at] for at in order],
            "mean_abs_contribution": sizes[order],
            "typical_output": typical_output,
            "typical_against": typical_against,
            "unit": log_odds(one.target, *labels).unit,
            "method": one.method,
        }
    )


def _pairs(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the lines of every pair."""
    columns = max(table["column"].nunique(), 1)
    return [table.iloc[first : first + columns] for first in range(0, len(table), columns)]


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw the four strongest columns, with their typical values, for up to four pairs of classes.

    Parameters
    ----------
    table : DataFrame
        From :func:`class_contrasts_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
    """
    longest = table["mean_abs_contribution"].max() or 1.0
    ticks: dict[float, str] = {}
    texts: list[tuple[float, int, str]] = []
    y = 0
    for pair in _pairs(table)[:DRAWN]:
        first, top = pair.iloc[0], pair.head(COLUMNS)
        both = shorten_all([first["output"], first["against"]], VALUE + 8)
        of = f"{first['confused']:,} of {counted(first['labelled'], 'row')} confused"
        title = f"{both[0]} | {both[1]}" + (f"  ({of})" if first["labelled"] else "")
        ax.text(0, y, title, va="center", weight="bold", color=NEUTRAL)
        at = y + 1 + np.arange(len(top))
        ax.barh(at, top["mean_abs_contribution"], 0.7, color=DIAGONAL)
        for place, (_, line) in zip(at.tolist(), top.iterrows(), strict=True):
            values = " | ".join(
                shorten(line[name], VALUE + 4) for name in ("typical_output", "typical_against")
            )
            texts.append((line["mean_abs_contribution"], place, values))
            ticks[place] = line["column"]
        y += len(top) + 1
    columns = list(dict.fromkeys(ticks.values()))
    names = dict(zip(columns, shorten_all(columns, NAME), strict=True))
    ax.set_yticks(list(ticks), [names[column] for column in ticks.values()])
    ax.set_ylim(y - 0.4, -0.7)
    add_squares(ax, ticks, colours)
    _add_values(texts, longest, ax)
    label_x(ax, "mean |contribution| (log-odds between the two)\nbeside a bar: typical value in each class")
    pairs = len(_pairs(table))
    ax.set_title("Differences between classes" + (", most confused pairs" if pairs > DRAWN else ""))


def _add_values(texts: list[tuple[float, int, str]], longest: float, ax: Axes) -> None:
    """Write texts beside the ends of the bars and extend the axis so that all of them fit."""
    size, wide = 11.0, room(ax)
    shares = [min((LETTER * size * len(text) + 12) / wide, 0.8) for _, _, text in texts]
    ends = [length / (1 - share) for (length, _, _), share in zip(texts, shares, strict=True)]
    ax.set_xlim(0, max([1.02 * longest, *ends]))
    for length, line, text in texts:
        ax.annotate(
            text,
            (length, line),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=size,
            color=NEUTRAL,
        )


def contrast_sentences(table: pd.DataFrame, most: int = DRAWN) -> list[str]:
    """Return a sentence per pair that names its strongest columns, with their typical values.

    Examples
    --------
    >>> line = {"output": "a", "against": "b", "column": "x", "mean_abs_contribution": 2.0}
    >>> line |= {"typical_output": "1.5", "typical_against": "7", "confused": 3, "labelled": 40, "rows": 40}
    >>> contrast_sentences(pd.DataFrame([line]))
    ['a and b differ most in x (typically 1.5 and 7); 3 of their 40 rows are confused.']
    """
    lines = []
    for pair in _pairs(table)[:most]:
        first = pair.iloc[0]
        a, b, confused, rows = (first[name] for name in ("output", "against", "confused", "labelled"))
        top = [
            f"{line['column']} ({_both(line['typical_output'], line['typical_against'])})"
            for _, line in pair.head(NAMED).iterrows()
            if line["mean_abs_contribution"] > 0
        ]
        if not top:
            lines.append(f"No column distinguishes {a} from {b}.")
            continue
        some = "" if rows == first["rows"] else "labelled "
        of = f"{'none' if not confused else format(confused, ',')} of their {counted(rows, f'{some}row')}"
        are = "is" if confused in (0, 1) else "are"
        counts = f"; {of} {are} confused" if rows else ""
        lines.append(f"{a} and {b} differ most in {listed(top)}{counts}.")
    return lines


def _both(one: str, other: str) -> str:
    """Return the typical values of two classes in words: medians, or a level with its share in each.

    Examples
    --------
    >>> _both("1.5", "7"), _both("red (46%)", "red (12%)")
    ('typically 1.5 and 7', 'red in 46% and 12%')
    """
    level, _, share = one.rpartition(" (")
    again, _, shared = other.rpartition(" (")
    if level and level == again and share.endswith("%)"):
        return f"{level} in {share[:-1]} and {shared[:-1]}"
    return f"typically {one} and {other}"


def finding(table: pd.DataFrame) -> str:
    """Name the strongest columns for the two pairs that are confused most often."""
    sentences = contrast_sentences(table, 2)
    return " ".join(sentences) if sentences else "All rows belong to one class."


class_contrasts = Figure(
    name="class_contrasts",
    title="Differences between classes",
    kind="Bar chart",
    reading="The bars show the mean |contribution| to the log-odds of one class against the other, over the "
    "rows of both. The text beside a bar gives the column's typical value in each class: the median, or the "
    "level whose share differs most between the two, with its share in each.",
    table=class_contrasts_table,
    draw=draw,
    height=lambda table: height(
        min(len(_pairs(table)), DRAWN) * (1 + min(max(table["column"].nunique(), 1), COLUMNS)) + 1
    ),
    finding=finding,
    headers={
        "output": "class",
        "mean_abs_contribution": "mean |contribution|",
        "typical_output": "typical in the class",
        "typical_against": "typical in the other class",
    },
    once=("method",),
)
