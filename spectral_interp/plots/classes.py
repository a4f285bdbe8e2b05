"""Shared functions of the figures of several classes: contributions, heat maps, typical values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from .._common.text import class_text
from ..attribution.result import Attribution
from .beeswarm import STEADY
from .style import DIAGONAL
from .text import LETTER, NAME, VALUE, room, shorten_all, value_text

Contributions = Mapping[Any, Attribution]
"""Contributions to the log-odds of every class against the mean of all classes, at the same rows."""

HIGH, LOW = "high values", "low values"
"""Values that raise the log-odds of a class if its contributions increase, or decrease, with the value."""

SIZES_MAP = sns.light_palette(DIAGONAL, as_cmap=True)
"""Colour map for nonnegative numbers."""

MOST_DRAWN = 12
"""Maximum number of classes in a figure of contributions."""


def check_classes(contributions: Contributions) -> None:
    """Raise ValueError unless there are contributions of at least two classes, at the same rows.

    Examples
    --------
    >>> check_classes({})
    Traceback (most recent call last):
    ValueError: expected contributions of at least 2 classes; got 0
    """
    if len(contributions) < 2:
        raise ValueError(f"expected contributions of at least 2 classes; got {len(contributions)}")
    shapes = {attribution.values.shape for attribution in contributions.values()}
    if len(shapes) > 1:
        raise ValueError(f"expected contributions at the same rows; got shapes {sorted(shapes)}")


def predicted_places(contributions: Contributions) -> npt.NDArray[np.intp]:
    """Return the position of the class with the highest log-odds in every row, shape (n,)."""
    return np.stack([attribution.prediction for attribution in contributions.values()]).argmax(axis=0)


def contrast(one: Attribution, other: Attribution) -> Attribution:
    """Return contributions to the log-odds between two classes, from those against the mean of all classes.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> parts = [explain(Pencil([[0.0], [w]], [[], []], k=0), [[1.0], [3.0]]) for w in (1.0, -2.0)]
    >>> contrast(*parts).prediction
    array([3., 9.])
    """
    return replace(
        one,
        values=one.values - other.values,
        base_values=one.base_values - other.base_values,
        prediction=one.prediction - other.prediction,
        diagonal=None,
        coupling=None,
        base_diagonal=None,
        base_coupling=None,
        refit_deviation=None,
        of_members=None,
        detail=None,
    )


def by_frequency(rows: npt.ArrayLike, most: int = MOST_DRAWN) -> list[int]:
    """Return the positions of the classes with the most rows, in ascending order, from row counts (classes,).

    Examples
    --------
    >>> by_frequency([1, 0, 7, 3], 2)
    [2, 3]
    """
    return sorted(np.argsort(-np.asarray(rows), kind="stable")[:most].tolist())


def raised_by(attribution: Attribution, at: int) -> str:
    """Return the values of a column that raise the prediction: high values, low values, or a level.

    A column of numbers has a direction if the |rank correlation| of values and contributions is at least 0.6;
    otherwise the result is empty. For a column of levels it is the level with the largest mean contribution,
    if that is positive.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> raised_by(explain(Pencil([[0.0], [-1.0]], [[], []], k=0), [[1.0], [2.0], [4.0]]), 0)
    'low values'
    """
    contribution = attribution.values[:, at]
    if not contribution.any():
        return ""
    if attribution.leveled[at]:
        means = pd.Series(contribution).groupby([value_text(v) for v in attribution.data[:, at]]).mean()
        return str(means.idxmax()) if means.max() > 0 else ""
    ranks = pd.DataFrame({"value": attribution.numbers(at), "contribution": contribution}).dropna().rank()
    if ranks["value"].nunique() < 2 or ranks["contribution"].nunique() < 2:
        return ""
    steady = ranks["value"].corr(ranks["contribution"])
    return "" if abs(steady) < STEADY else HIGH if steady > 0 else LOW


def typical(attribution: Attribution, at: int, rows: npt.NDArray[np.bool_]) -> str:
    """Return the median of a column over selected rows (n,), or the most frequent level with its share.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> att = explain(Pencil([[0.0], [-1.0]], [[], []], k=0), [[1.0], [2.0], [4.0]])
    >>> typical(att, 0, np.array([True, True, False]))
    '1.5'
    """
    values = attribution.data[rows, at]
    if not len(values):
        return ""
    if attribution.leveled[at]:
        counts = pd.Series([value_text(value) for value in values]).value_counts()
        return f"{counts.index[0]} ({counts.iloc[0] / len(values):.0%})"
    numbers = attribution.numbers(at)[rows]
    known = np.flatnonzero(~np.isnan(numbers))
    if not len(known):
        return value_text(None)
    if attribution.axes and not isinstance(values[known[0]], float | int | np.number):
        middle = known[np.argsort(numbers[known], kind="stable")[(len(known) - 1) // 2]]
        return value_text(values[middle])  # a date, or a number written as text
    return value_text(float(np.median(numbers[known])))


def typical_of_two(
    attribution: Attribution, at: int, one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]
) -> tuple[str, str]:
    """Return medians of a column in two sets of rows, (n,) each, or shares of the level that differs most.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> att = explain(Pencil([[0.0], [-1.0]], [[], []], k=0), [[1.0], [2.0], [4.0]])
    >>> typical_of_two(att, 0, np.array([True, True, False]), np.array([False, False, True]))
    ('1.5', '4')
    """
    if not (attribution.leveled[at] and one.any() and other.any()):
        return typical(attribution, at, one), typical(attribution, at, other)
    texts = pd.Series([value_text(value) for value in attribution.data[:, at]])
    shares = pd.DataFrame(
        {side: texts[rows].value_counts(normalize=True) for side, rows in enumerate((one, other))}
    )
    shares = shares.fillna(0.0).sort_index()
    place = int((shares[0] - shares[1]).abs().to_numpy().argmax())
    level, (own, others) = shares.index[place], shares.iloc[place]
    return f"{level} ({own:.0%})", f"{level} ({others:.0%})"


def names_of(labels: Sequence[Any]) -> list[str]:
    """Return the classes as text."""
    return [class_text(label) for label in labels]


def heat_map(
    matrix: FloatArray, texts: Sequence[Sequence[str]], lines: Sequence[str], classes: Sequence[str], ax: Axes
) -> None:
    """Draw nonnegative numbers as colours with their texts. Classes are on the horizontal axis."""
    shown = shorten_all(lines, NAME)
    ax.set_yticks(range(len(lines)), shown)
    longest = max((len(text) for line in texts for text in line), default=1) + 1
    width = room(ax) / len(classes)
    sns.heatmap(
        matrix,
        vmin=0,
        vmax=max(float(np.nanmax(matrix, initial=0.0)), 1e-300),
        cmap=SIZES_MAP,
        annot=np.array(texts, dtype=object),
        fmt="",
        annot_kws={"fontsize": float(np.clip(width / (longest * LETTER), 4.5, 12))},
        linewidths=0.6,
        cbar=False,
        ax=ax,
    )
    below = shorten_all(classes, VALUE + 4)
    upright = max(map(len, below)) * LETTER * 12 > width
    ax.set_xticks(np.arange(len(classes)) + 0.5, below, rotation=90 if upright else 0)
    ax.set_yticks(np.arange(len(lines)) + 0.5, shown, rotation=0)
    ax.tick_params(length=0)
