"""Mean |contribution| to the log-odds of each class, by column."""

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
"""Maximum number of columns drawn, of classes named, and of columns named per class."""

LEVEL, WITH_LEVELS, WITH_DEVIATIONS = 9, 6, 4
"""Characters of a level; maximum number of classes for names of levels, and for refit deviations."""

ARROWS = {HIGH: " ↑", LOW: " ↓"}


def class_importance_table(contributions: Contributions) -> pd.DataFrame:
    """Return mean |contribution| per class and column, in decreasing order of its sum over classes.

    ``raised_by`` states which values of the column raise the log-odds of the class: "high values" or "low
    values" if the |rank correlation| of values and contributions is at least 0.6, and an empty string
    otherwise. For a column of levels it is the level with the largest mean contribution. ``predicted`` counts
    the rows predicted as the class. For a model with several fits, ``refit_deviation`` is the standard
    deviation of the mean |contribution| over the fits.

    Parameters
    ----------
    contributions : mapping of class to Attribution
        Contributions to the log-odds of each class against the mean of all classes:
        ``{label: explain(est, X, output=label)}``.

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
    """Return the lines of every class. Names of classes may repeat; columns may not."""
    columns = table["column"].nunique()
    return [table.iloc[first : first + columns] for first in range(0, len(table), columns)]


def _drawn(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the lines of the classes that are drawn: the most frequent ones."""
    parts = _by_class(table)
    return [parts[at] for at in by_frequency([part["predicted"].iloc[0] for part in parts])]


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw mean |contribution| as a heat map. Arrows show whether high or low values raise the log-odds.

    With up to four classes, the refit deviation follows the mean |contribution|. At most the fifteen
    strongest columns and the twelve most frequent classes are drawn.

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
        "mean |contribution| to the log-odds of the class\n↑ high values raise them, ↓ low values raise them"
    )
    ax.set_title("Contributions by class" + (f" ({', '.join(notes)})" if notes else ""))


def _mark(by: str) -> str:
    """Return the arrow, or the level in parentheses, that follows a number."""
    return ARROWS.get(by) or (f" ({shorten(by, LEVEL)})" if by else "")


def driver_sentences(table: pd.DataFrame, most: int = NAMED_CLASSES) -> list[str]:
    """Return a sentence per class with its strongest columns and the values that raise its log-odds.

    If there are many classes, only the most frequent have a sentence.

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
            f"{listed(vague)} {'has' if len(vague) == 1 else 'have'} an effect without a single direction"
        )
    return f"{name}: {'; '.join(parts)}."


def _values(top: pd.DataFrame) -> list[str]:
    """Return the values that raise the log-odds, with columns of the same direction grouped."""
    columns: dict[str, list[str]] = {}
    for column, by in zip(top["column"], top["raised_by"], strict=True):
        if by in ARROWS:
            columns.setdefault(by, []).append(str(column))
        elif by:
            columns[f"{column} = {by}"] = []
    return [f"{by} of {listed(names)}" if names else by for by, names in columns.items()]


def finding(table: pd.DataFrame) -> str:
    """Name the strongest columns of every class, or of the most frequent ones if there are many."""
    sentences = driver_sentences(table)
    rest = len(_by_class(table)) - len(sentences)
    more = [f"The table lists {counted(rest, 'other class', 'other classes')}."] if rest else []
    return " ".join([*sentences, *more])


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    text = (
        "Darker cells mean a larger effect of the column on the log-odds of the class against the mean of "
        "all classes. An upward arrow means that high values of the column raise them; a downward arrow "
        "means that low values raise them. Without an arrow there is no single direction. For a column of "
        "levels, the level that raises them most is named if there is room."
    )
    if "refit_deviation" not in table or len(_drawn(table)) > WITH_DEVIATIONS:
        return text
    return (
        f"{text} The number after ± is the refit deviation: the standard deviation of the mean "
        "|contribution| over the fits that the model averages."
    )


class_importance = Figure(
    name="class_importance",
    title="Contributions by class ({method}, {rows:,} rows)",
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
