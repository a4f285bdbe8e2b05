"""Columns of a table as axes of the model: how each is fitted, and how its values are read."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray
from .._common.messages import shown
from ..view import Axis, LevelsAxis, NumberAxis
from ..view.axes import MISSING
from ..view.levels import OTHER
from .parsing import check_values, coded, is_numeric, numbers_of, numbers_or_none, refuse

RARE_ROWS, RARE_SHARE = 5, 0.05
"""A level is rare, and counts as "other", in fewer than 5 training rows that are less than 5 % of them.

A row of weight w counts as w rows, and as one at least.
"""

MAX_LEVELS = 50
"""Levels of a column that are features of their own, the most frequent first; further ones are "other"."""

LARGEST_VALUE = 1e300
"""Larger numbers are refused: there is no room left for differences and for the edges of a figure."""

FAR = 1e100
"""Numbers further from the training mean, in standard deviations, are refused: their squares overflow."""


@dataclass(frozen=True)
class DroppedColumn:
    """A column that training could not learn from, and why."""

    name: str
    why: str


def fit_column(
    column: pd.Series, *, log: bool = False, weight: FloatArray | None = None
) -> Axis | DroppedColumn:
    """Learn how to encode a column, from all rows of the training table.

    Numbers, and text that is a number in every row, are numeric. Booleans, pandas categories and other text
    are categorical. Blank text is missing. A column without two different values is dropped.

    Parameters
    ----------
    column : Series, shape (n,)
        Its name goes into messages and feature names.
    log : bool, default False
        Whether to standardise log x instead of x; the numbers must be positive.
    weight : ndarray, shape (n,), optional
        Positive. A weight of two is the row twice; one by default.

    Raises
    ------
    ValueError
        If the column holds infinity, dates, complex numbers or other objects, is text of which most looks
        like numbers or dates, or is to enter as a logarithm and holds text or numbers <= 0. Names the column,
        the row and the value.

    Examples
    --------
    >>> fit_column(pd.Series([1.0, 3.0], name="bmi"))
    NumberAxis(name='bmi', mean=2.0, scale=1.0, log=False, median=None, missing=0.0)
    """
    column = check_values(column, str(column.name))
    weight = np.ones(len(column)) if weight is None else weight
    values = numbers_or_none(column)
    if values is not None:
        if np.isnan(values).all():
            return DroppedColumn(str(column.name), "no values")
        return _fit_numbers(column, values, weight, log)
    if log:
        row = int(column.notna().to_numpy().argmax())
        refuse(column, row, "positive numbers for log", "leave the column out of log")
    return _fit_levels(column, weight)


def _fit_numbers(
    column: pd.Series, values: FloatArray, weight: FloatArray, log: bool
) -> Axis | DroppedColumn:
    """Learn from ``values`` (n,), NaN where missing.

    A constant is dropped; a constant with gaps has two levels.
    """
    name = str(column.name)
    _refuse_unusable(column, values)
    gaps = np.isnan(values)
    present = values[~gaps]
    mean, scale, median = _moments(present, weight[~gaps])
    if not scale > max(1e-12 * np.abs(present).max(), 1e-300):
        return _fit_levels(column, weight) if gaps.any() else DroppedColumn(name, f"always {present[0]:.6g}")
    if log:
        _refuse_without_logarithm(column, values)
        mean, scale, _ = _moments(np.log(present), weight[~gaps])
    if not gaps.any():
        return NumberAxis(name, mean, scale, log)
    return NumberAxis(name, mean, scale, log, median, float(np.average(gaps, weights=weight)))


def _fit_levels(column: pd.Series, weight: FloatArray) -> LevelsAxis | DroppedColumn:
    """Learn the levels of a column; one with a single level is dropped.

    Values become text, and missing ones the level "missing". Rare levels (:data:`RARE_ROWS`,
    :data:`RARE_SHARE`) and those beyond :data:`MAX_LEVELS` count as "other". The texts "other" and "missing"
    mean these levels.
    """
    codes, texts = coded(column)
    by_level = pd.Series(weight).groupby(texts[codes])
    counts, total = by_level.sum(), float(weight.sum())
    frequent = (np.maximum(counts, by_level.size()) >= RARE_ROWS) | (counts / total >= RARE_SHARE)
    own = [text for text in counts.index[frequent] if text not in (OTHER, MISSING)]
    own = sorted(own, key=lambda text: (-counts[text], text))[:MAX_LEVELS]
    sizes = {text: float(counts[text]) for text in own}
    sizes[OTHER] = float(counts.drop([*own, MISSING], errors="ignore").sum())
    sizes[MISSING] = float(counts.get(MISSING, 0.0))
    sizes = {text: size for text, size in sizes.items() if size}
    if len(sizes) == 1:
        why = f"always {shown(counts.index[0])}" if len(counts) == 1 else "every value is rare"
        return DroppedColumn(str(column.name), why)
    return LevelsAxis(str(column.name), tuple(sizes), tuple(size / total for size in sizes.values()))


def encode_column(axis: Axis, column: pd.Series) -> FloatArray:
    """Map a column (n,) to the features of its axis, (n, f).

    Raises
    ------
    ValueError
        If the column holds numbers where training had text, or the reverse, or a number that cannot be used;
        names the column, the row and the value.

    Warns
    -----
    UserWarning
        If values are missing in a numeric column that had none missing in training.

    Examples
    --------
    >>> age = fit_column(pd.Series([20.0, 40.0, np.nan, 30.0], name="age"))
    >>> encode_column(age, pd.Series([30.0, np.nan]))
    array([[ 0.  , -0.25],
           [ 0.  ,  0.75]])
    """
    column = check_values(column, axis.name)
    u = _read_levels(axis, column) if isinstance(axis, LevelsAxis) else _read_numbers(axis, column)
    return axis.place(u)


def _read_numbers(axis: Any, column: pd.Series) -> FloatArray:
    """Return the coordinates of a numeric column, (n,), NaN where missing."""
    values = numbers_of(column)
    gaps = np.isnan(values)
    if gaps.any() and axis.median is None:
        warnings.warn(
            f"column {shown(axis.name)} has {int(gaps.sum())} missing values, the first in row "
            f"{column.index[int(gaps.argmax())]}, but had none in training; they count as average",
            stacklevel=2,
        )
    _refuse_unusable(column, values)
    if axis.log:
        _refuse_without_logarithm(column, values)
    u = axis.coordinates(values)
    far = np.flatnonzero(np.abs(u) > FAR)
    if far.size:
        expected = f"numbers within {FAR:.0e} standard deviations of the training mean {axis.mean:.6g}"
        refuse(column, far[0], expected, "correct it or change the unit of the column")
    return u


def _read_levels(axis: LevelsAxis, column: pd.Series) -> FloatArray:
    """Return the coordinates of a column of levels, (n,), NaN where unknown."""
    _refuse_numbers(axis, column)
    codes, texts = coded(column)
    return axis.coordinates(texts)[codes]


def _refuse_numbers(axis: LevelsAxis, column: pd.Series) -> None:
    """Refuse numbers where training had text."""
    if not is_numeric(column.dtype) or not column.notna().any():
        return
    own = [level for level in axis.levels if level not in (OTHER, MISSING)]
    if own and pd.to_numeric(pd.Series(own), errors="coerce").isna().all():
        advice = f"convert the {column.dtype} column to what it was in training"
        first = int(column.notna().to_numpy().argmax())
        refuse(column, first, f"values such as {shown(own[0])}", advice)


def _refuse_unusable(column: pd.Series, values: FloatArray) -> None:
    bad = np.flatnonzero(np.abs(values) > LARGEST_VALUE)
    if bad.size:
        advice = "correct it, leave it empty or change the unit of the column"
        refuse(column, bad[0], f"finite numbers of at most {LARGEST_VALUE:.0e}", advice)


def _refuse_without_logarithm(column: pd.Series, values: FloatArray) -> None:
    bad = np.flatnonzero(values <= 0)
    if bad.size:
        refuse(column, bad[0], "positive numbers for log", "correct it or leave the column out of log")


def _moments(values: FloatArray, weight: FloatArray) -> tuple[float, float, float]:
    """Return weighted mean, population standard deviation and median (n >= 1), safe from over- and underflow.

    Multiplying by a power of two is exact: where nothing overflows the result is that of plain sums.
    """
    exponent = int(np.frexp(np.abs(values).max())[1])
    scaled = np.ldexp(values, -exponent)
    mean = np.average(scaled, weights=weight)
    variance = np.average((scaled - mean) ** 2, weights=weight)
    found = (mean, np.sqrt(variance), _median(scaled, weight))
    mean, scale, median = (float(np.ldexp(x, exponent)) for x in found)
    return mean, scale, median


def _median(values: FloatArray, weight: FloatArray) -> float:
    """Return the weighted median: the middle of the values with at most half of the weight on either side.

    Whole weights are exact below 10¹¹ rows; of others, sums that equal half up to rounding are half.
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order])
    half, slack = below[-1] / 2, 1e-12 * below[-1]
    low, high = np.searchsorted(below, [half - slack, half + slack])
    return float((values[order[low]] + values[order[high]]) / 2)
