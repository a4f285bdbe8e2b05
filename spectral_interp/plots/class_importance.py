"""What drives every class: mean size of the contributions to its log-odds, by column."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.text import counted, listed, number
from .classes import (
    HIGH,
    LOW,
    Contributions,
    by_frequency,
    check_classes,
    heat_map,
    names_of,
    predicted_places,
    raised_by,
)
from .figure import Figure
from .importance import deviation_of_sizes
from .style import height
from .text import shorten

COLUMNS, NAMED_CLASSES, NAMED = 15, 6, 2
"""Columns that are drawn; classes, and columns of each, that a sentence names."""

LEVEL, WITH_LEVELS, WITH_DEVIATIONS = 9, 6, 4
"""Characters of a level, and classes up to which levels are named, and refit deviations shown."""

ARROWS = {HIGH: " ↑", LOW: " ↓"}


def class_importance_table(contributions: Contributions) -> pd.DataFrame:
    """Return mean |contribution| per class and column; the columns with the largest over all classes first.

    ``raised_by`` tells which values of the column raise the log-odds of the class: "high values" or "low
    values" where the rank correlation of values and contributions is at least 0.6, else nothing; of levels,
    the one with the largest mean contribution. ``predicted`` counts the rows predicted as the class. Of a
    model of several fits ``refit_deviation`` is the standard deviation of the mean size over the fits.

    Parameters
    ----------
    contributions : mapping of class to Attribution
        To the log-odds of each class against the mean of all: ``{label: explain(est, X, output=label)}``.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or the rows differ.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> parts = {name: explain(Pencil([[0.0], [w]], [[], []], k=0), [[1.0], [3.0]]) for name, w in
    ...          (("a", 1.0), ("b", -2.0))}
    >>> class_importance_table(parts)[["output", "mean_abs_contribution", "raised_by"]].values.tolist()
    [['a', 2.0, 'high values'], ['b', 4.0, 'low values']]
    """
    check_classes(contributions)
    found, names = list(contributions.values()), names_of(list(contributions))
    sizes = np.stack([np.abs(attribution.values).mean(axis=0) for attribution in found])
    order = np.argsort(-sizes.sum(axis=0), kind="stable")
    deviations = [deviation_of_sizes(attribution) for attribution in found]
    predicted = np.bincount(predicted_places(contributions), minlength=len(found))
    return pd.DataFrame(
        [
            {
                "output": name,
                "column": attribution.columns[at],
                "mean_abs_contribution": own[at],
                **({} if deviation is None else {"refit_deviation": deviation[at]}),
                "raised_by": raised_by(attribution, at),
                "predicted": count,
                "rows": len(attribution),
                "unit": attribution.unit,
                "method": attribution.method,
            }
            for name, attribution, own, deviation, count in zip(
                names, found, sizes, deviations, predicted.tolist(), strict=True
            )
            for at in order
        ]
    )


def _by_class(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the lines of every class; names of classes may repeat, columns may not."""
    columns = table["column"].nunique()
    return [table.iloc[first : first + columns] for first in range(0, len(table), columns)]


def _drawn(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the lines of the classes that are drawn, the most frequent."""
    parts = _by_class(table)
    return [parts[at] for at in by_frequency([part["predicted"].iloc[0] for part in parts])]


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the mean sizes as a heat map; an arrow tells whether high or low values raise the log-odds.

    Of up to four classes the refit deviation stands behind the mean size.

    The fifteen columns with the largest sizes are drawn, of the twelve most frequent classes.

    Parameters
    ----------
    table : DataFrame
        From :func:`class_importance_table`.
    ax : Axes
    """
    parts, every = [part.head(COLUMNS) for part in _drawn(table)], _by_class(table)
    sizes = np.column_stack([part["mean_abs_contribution"] for part in parts])
    arrows = np.column_stack([part["raised_by"].map(_mark) for part in parts])
    if len(parts) > WITH_LEVELS:
        arrows = np.where(np.isin(arrows, list(ARROWS.values())), arrows, "")
    shown = np.vectorize(lambda size: number(size, 2), otypes=[object])(sizes)
    if "refit_deviation" in table and len(parts) <= WITH_DEVIATIONS:
        deviations = np.column_stack([part["refit_deviation"] for part in parts])
        shown = shown + np.vectorize(lambda size: f" ± {number(size, 1)}", otypes=[object])(deviations)
    texts = (shown + arrows.astype(object)).tolist()
    names = [str(part["output"].iloc[0]) for part in parts]
    heat_map(sizes, texts, list(parts[0]["column"]), names, ax)
    notes = [
        f"{shown} of {count} {what}"
        for shown, count, what in (
            (len(parts[0]), len(every[0]), "columns"),
            (len(parts), len(every), "classes"),
        )
        if shown < count
    ]
    ax.set_xlabel(
        "mean |contribution| to the log-odds of the class\n↑ high values raise them, ↓ low values do"
    )
    ax.set_title("What drives every class" + (f" ({', '.join(notes)})" if notes else ""))


def _mark(by: str) -> str:
    """Return an arrow, or a level in parentheses, behind a number."""
    return ARROWS.get(by) or (f" ({shorten(by, LEVEL)})" if by else "")


def driver_sentences(table: pd.DataFrame, most: int = NAMED_CLASSES) -> list[str]:
    """Return a sentence per class: its strongest columns, and which of their values raise its log-odds.

    Of many classes the most frequent come.

    Examples
    --------
    >>> line = {"output": "a", "column": "x", "mean_abs_contribution": 2.0, "raised_by": "low values"}
    >>> driver_sentences(pd.DataFrame([line | {"predicted": 7}]))
    ['a: low values of x raise its log-odds.']
    """
    parts = _by_class(table)
    return [_drivers(parts[at]) for at in by_frequency([part["predicted"].iloc[0] for part in parts], most)]


def _drivers(part: pd.DataFrame) -> str:
    name = part["output"].iloc[0]
    top = part.sort_values("mean_abs_contribution", ascending=False, kind="stable").head(NAMED)
    top = top[top["mean_abs_contribution"] > 0]
    if top.empty:
        return f"{name}: no column contributes anything."
    clear = _values(top)
    vague = top.loc[top["raised_by"] == "", "column"].tolist()
    raise_them = "raises" if len(clear) == 1 and not clear[0].startswith((HIGH, LOW)) else "raise"
    parts = [f"{listed(clear)} {raise_them} its log-odds"] if clear else []
    if vague:
        parts.append(
            f"{listed(vague)} {'matters' if len(vague) == 1 else 'matter'}, but in no single direction"
        )
    return f"{name}: {'; '.join(parts)}."


def _values(top: pd.DataFrame) -> list[str]:
    """Return which values raise the log-odds, columns with the same direction together."""
    columns: dict[str, list[str]] = {}
    for column, by in zip(top["column"], top["raised_by"], strict=True):
        if by in ARROWS:
            columns.setdefault(by, []).append(str(column))
        elif by:
            columns[f"{column} = {by}"] = []
    return [f"{by} of {listed(names)}" if names else by for by, names in columns.items()]


def finding(table: pd.DataFrame) -> str:
    """State for every class what drives it most; of many classes, for the most frequent."""
    sentences = driver_sentences(table)
    rest = len(_by_class(table)) - len(sentences)
    more = [f"The table has the {counted(rest, 'other class', 'other classes')}."] if rest else []
    return " ".join([*sentences, *more])


def reading(table: pd.DataFrame) -> str:
    """Return how to read it."""
    text = (
        "The darker, the more a column moves the log-odds of the class against the mean of all classes. "
        "An upward arrow: high values of the column raise them; a downward arrow: low values do. Without one "
        "there is no single direction. For levels, the one that raises them most is named where it fits."
    )
    if "refit_deviation" not in table or len(_drawn(table)) > WITH_DEVIATIONS:
        return text
    return (
        f"{text} Behind ± stands the refit deviation: the standard deviation of the mean size over the fits "
        "that the model is the average of."
    )


class_importance = Figure(
    name="class_importance",
    title="What drives every class ({method}, {rows:,} rows)",
    kind="Heat map",
    reading=reading,
    table=class_importance_table,
    draw=draw,
    height=lambda table: height(min(table["column"].nunique(), COLUMNS) + 4),
    finding=finding,
    headers={
        "output": "class",
        "mean_abs_contribution": "mean |contribution|",
        "refit_deviation": "refit deviation",
        "raised_by": "raised by",
        "predicted": "rows predicted",
    },
    once=("method", "rows"),
)
