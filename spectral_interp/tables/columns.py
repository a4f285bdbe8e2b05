"""Columns of a table as axes of the model: fitting them and reading their values."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray, weighted_median
from .._common.messages import Found, Notes, row_name, shown, truncated_list, with_counts
from .._common.text import counted
from ..view import Axis, DateAxis, LevelsAxis, NumberAxis
from ..view.axes import MISSING
from ..view.dates import as_dates
from ..view.levels import CAPITALS, OTHER, UNKNOWN
from ..view.spelling import nearest
from .dates import dates_as_text, fit_dates, read_coordinates, read_dates, shown_dates
from .levels import levels_of, note_mixed
from .parsing import (
    check_values,
    coded,
    counts_of,
    is_numeric,
    numbers_of,
    numbers_or_none,
    refuse,
    without,
)

DROPPED = "columns that do not vary over the training rows are left out of the model"
IDENTIFIERS = (
    "columns in which every value is rare, such as names and identifiers, are left out of the model (list "
    "them in drop, --drop)"
)
GAPS = (
    "columns of numbers in which text counts as a missing value (list them in categorical, --categorical, to "
    "keep the text)"
)
COUNTERS = (
    "columns with a different whole number in every row, such as identifiers, are used as numbers (list them "
    "in drop, --drop, to leave them out)"
)

COUNTED_ROWS = 100
"""Minimum number of rows for this note; in fewer rows, measured whole numbers may all differ."""

LARGEST_VALUE = 1e300
"""Maximum magnitude of a number; it leaves room for differences and for the margins of a figure."""

FAR = 1e100
"""Maximum distance of a number from the training mean, in standard deviations; larger squares overflow."""


SKEWED, LEAST_SKEWED = 2.0, 10
"""Minimum skewness and minimum number of different values for the choice of a logarithm."""

NAMED = 3
"""Maximum number of values that a warning names."""

ADVICE = (
    ', or list the column in categorical, or texts that mean "missing" in na_values '
    "(--categorical, --na-values)"
)

_IDENTIFIER = re.compile(r"(?i:(.*[\W_])?(id|uuid|guid))|.*[a-z](Id|ID)")


@dataclass(frozen=True)
class DroppedColumn:
    """A column that the model does not use, with the reason and the kind of note."""

    name: str
    why: str
    kind: str = DROPPED


def fit_column(
    column: pd.Series,
    notes: Notes | None = None,
    *,
    log: bool | None = False,
    weight: FloatArray | None = None,
    categorical: bool = False,
    na_values: Collection[str] = (),
) -> Axis | DroppedColumn:
    """Fit the encoding of a column on all rows of the training table.

    Dates become an axis of dates (:func:`~spectral_interp.tables.dates.read_dates`). Numbers, and text that
    is a number or a placeholder such as "?" in every row, are numeric; placeholders are missing. Booleans,
    pandas categories and other text are categorical. Blank text is missing. A column without two different
    values is dropped.

    Parameters
    ----------
    column : Series, shape (n,)
        Its name is used in messages and feature names.
    notes : Notes, optional
        Receives notes on values that are reinterpreted, folded or joined.
    log : bool or None, default False
        Whether to standardise log x instead of x; the numbers must be positive. With None, the logarithm is
        used if all numbers are positive, and x is skewed and log x much less so.
    weight : ndarray, shape (n,), optional
        Positive weights; one by default. A weight of two counts the row twice.
    categorical : bool, default False
        Whether to read all values as levels.
    na_values : collection of str
        Texts that count as missing; numbers by value.

    Raises
    ------
    ValueError
        If the column holds infinity, complex numbers or other objects, if it is text that mostly looks like
        numbers or dates, or if ``log`` is true and it holds dates, text or numbers <= 0. The message names
        the column, the row and the value.

    Examples
    --------
    >>> fit_column(pd.Series(["1", "3", "?"], name="bmi")).encode([2.0])
    array([[ 0.        , -0.33333333]])
    """
    gaps, notes = tuple(na_values), Notes() if notes is None else notes
    weight = np.ones(len(column)) if weight is None else weight
    dates = None if categorical else read_dates(column := without(column.rename(str(column.name)), gaps))
    if dates is not None:
        axis = fit_dates(column, dates, notes, log=bool(log), weight=weight, gaps=gaps)
        return DroppedColumn(str(column.name), axis) if isinstance(axis, str) else axis
    column = without(check_values(dates_as_text(column) if categorical else column, str(column.name)), gaps)
    read = None if categorical and column.notna().any() else numbers_or_none(column, advice=ADVICE)
    if read is None:
        if log:
            row = int(column.notna().to_numpy().argmax())
            refuse(column, row, "positive numbers for log", "leave the column out of log")
        chosen = categorical or isinstance(column.dtype, pd.CategoricalDtype)
        levels = _fit_levels(column, weight, notes, chosen=chosen)
        return replace(levels, gaps=gaps) if isinstance(levels, LevelsAxis) else levels
    if np.isnan(read.values).all():
        return DroppedColumn(str(column.name), "no values")
    if read.gaps:
        notes.add(GAPS, str(column.name), with_counts(read.gaps))
        gaps = tuple(dict.fromkeys((*gaps, *read.gaps)))
        column = without(column, gaps)
    fitted = _fit_numbers(column, read.values, weight, log)
    if isinstance(fitted, NumberAxis):
        _note_identifier(fitted.name, read.values, notes)
        low, high = float(np.nanmin(read.values)), float(np.nanmax(read.values))
        return replace(fitted, low=low, high=high, gaps=gaps)
    return replace(fitted, gaps=gaps) if isinstance(fitted, LevelsAxis) else fitted


def _note_identifier(name: str, values: FloatArray, notes: Notes) -> None:
    """Note whole numbers that differ in every row, if they number the rows or the name suggests ids."""
    n = len(values)
    if n < COUNTED_ROWS or np.isnan(values).any() or (values != np.round(values)).any():
        return
    width = float(values.max() / n - values.min() / n)
    if (width <= 2 or _IDENTIFIER.fullmatch(name)) and len(np.unique(values)) == n:
        notes.add(COUNTERS, name, f"{values.min():,.15g} to {values.max():,.15g} in {n:,} rows")


def _fit_numbers(
    column: pd.Series, values: FloatArray, weight: FloatArray, log: bool | None
) -> Axis | DroppedColumn:
    """Fit an axis to ``values`` (n,), NaN where missing.

    A constant is dropped. A constant with gaps has two levels.
    """
    name = str(column.name)
    _refuse_unusable(column, values)
    gaps = np.isnan(values)
    present = values[~gaps]
    mean, scale, median = _moments(present, weight[~gaps])
    if not scale > max(1e-12 * np.abs(present).max(), 1e-300):
        return _fit_levels(column, weight) if gaps.any() else DroppedColumn(name, f"always {present[0]:.6g}")
    chosen = log is None and _is_skewed(present, weight[~gaps])
    if log:
        _refuse_without_logarithm(column, values)
    if log or chosen:
        mean, scale, _ = _moments(np.log(present), weight[~gaps])
    axis = NumberAxis(name, mean, scale, log or chosen, floor=float(present.min()) if chosen else None)
    if not gaps.any():
        return axis
    return replace(axis, median=median, missing=float(np.average(gaps, weights=weight)))


def _is_skewed(values: FloatArray, weight: FloatArray) -> bool:
    """Return whether positive numbers (n,) are right-skewed and their logarithms less than half as skewed."""
    if values.min() <= 0 or len(np.unique(values)) < LEAST_SKEWED:
        return False
    skew = _skewness(values, weight)
    return skew > SKEWED and abs(_skewness(np.log(values), weight)) < skew / 2


def _skewness(values: FloatArray, weight: FloatArray) -> float:
    mean, scale, _ = _moments(values, weight)
    return float(np.average(((values - mean) / scale) ** 3, weights=weight))


def _fit_levels(
    column: pd.Series, weight: FloatArray, notes: Notes | None = None, *, chosen: bool = True
) -> LevelsAxis | DroppedColumn:
    """Fit the levels of a column; a column with a single level is dropped.

    Values become text, and missing values the level "missing"; see
    :func:`~spectral_interp.tables.levels.levels_of`. Unless the user chose levels for the column, a note is
    added if most of its values are numbers.
    """
    notes = Notes() if notes is None else notes
    codes, texts = coded(column)
    counts, rows = counts_of(codes, texts, weight), counts_of(codes, texts)
    axis = levels_of(str(column.name), counts, rows, notes)
    if len(axis.levels) > 1:
        if not chosen:
            note_mixed(axis, counts, notes)
        return axis
    if axis.own or len(counts) == 1:
        return DroppedColumn(axis.name, f"always {shown((*axis.own, *counts)[0])}")
    why = f"{len(counts):,} values in {len(column):,} rows, such as {shown(next(iter(counts)))}"
    return DroppedColumn(axis.name, why, kind=IDENTIFIERS)


def column_coordinates(axis: Axis, column: pd.Series, notes: list[Found]) -> FloatArray:
    """Map a column (n,) to coordinates along its axis (n,), NaN where a value is missing or unknown.

    Parameters
    ----------
    axis : Axis
    column : Series, shape (n,)
    notes : list of Found
        Receives a sentence for every kind of value that the model does not know.

    Raises
    ------
    ValueError
        If the column holds numbers where training had text, or the reverse, or an unusable number. The
        message names the column, the row and the value.

    Examples
    --------
    >>> age = fit_column(pd.Series([20.0, 40.0, np.nan, 30.0], name="age"))
    >>> column_coordinates(age, pd.Series([30.0, np.nan]), [])
    array([ 0., nan])
    """
    if isinstance(axis, DateAxis):
        return read_coordinates(axis, without(column.rename(axis.name), axis.gaps), notes)
    column = check_values(dates_as_text(column) if isinstance(axis, LevelsAxis) else column, axis.name)
    if isinstance(axis, LevelsAxis):
        return _read_levels(axis, without(column, axis.gaps), notes)
    if isinstance(axis, NumberAxis):
        return _read_numbers(axis, without(column, axis.gaps), notes)
    raise TypeError(f"expected a column of numbers or levels; got {type(axis).__name__} {shown(axis.name)}")


def values_as_read(axis: Axis, values: Any) -> pd.Series:
    """Return values (n,) of a column as the model reads them.

    Numbers are float64, NaN where missing. Dates are datetime64. Levels are text; None stands for a value
    that is missing or unknown, if the model has no level for it.

    Examples
    --------
    >>> flag = fit_column(pd.Series([0, 1, 1], name="flag"))
    >>> values_as_read(flag, ["yes", 0.0, "?"]).tolist()
    [1.0, 0.0, nan]
    """
    if isinstance(axis, DateAxis):
        return pd.Series(as_dates(shown_dates(axis, without(pd.Series(values, name=axis.name), axis.gaps))))
    given = dates_as_text(pd.Series(values)) if isinstance(axis, LevelsAxis) else pd.Series(values)
    column = without(check_values(given, axis.name), getattr(axis, "gaps", ()))
    if isinstance(axis, NumberAxis):
        return pd.Series(numbers_of(column, boolean=axis.boolean)[0])
    codes, texts = coded(column)
    return pd.Series(axis.values(axis.coordinates(texts)[codes]))


def _read_numbers(axis: NumberAxis, column: pd.Series, notes: list[Found]) -> FloatArray:
    """Return the coordinates of a numeric column, (n,), NaN where missing."""
    values, texts = numbers_of(column, boolean=axis.boolean)
    gaps = np.isnan(values)
    if gaps.any() and axis.median is None:
        read = f" ({with_counts(texts)} read as missing)" if texts else ""
        notes.append(
            Found(
                f"column {shown(axis.name)} has {counted(int(gaps.sum()), 'missing value')}{read}, the first "
                f"in {row_name(column.index, int(gaps.argmax()))}, but had none in training; they count as "
                "average",
                axis.name,
                "missing values (none in training)",
                gaps.sum(),
            )
        )
    elif texts:
        notes.append(
            Found(
                f"column {shown(axis.name)} has text that is read as missing: {with_counts(texts)}",
                axis.name,
                "text that is read as missing",
                sum(texts.values()),
            )
        )
    _refuse_unusable(column, values)
    if axis.log and axis.floor is None:
        _refuse_without_logarithm(column, values)
    elif axis.floor is not None and (small := np.flatnonzero(values < axis.floor)).size:
        notes.append(
            Found(
                f"column {shown(axis.name)}, which enters by its logarithm, has "
                f"{counted(small.size, 'value')} below the training minimum {axis.floor:.6g}, the first "
                f"{values[small[0]]:.6g} in {row_name(column.index, small[0])}; they count as that minimum",
                axis.name,
                "values below the training minimum (the column enters by its logarithm)",
                small.size,
            )
        )
    u = axis.coordinates(values)
    far = np.flatnonzero(np.abs(u) > FAR)
    if far.size:
        expected = f"numbers within {FAR:.0e} standard deviations of the training mean {axis.mean:.6g}"
        refuse(column, far[0], expected, "correct it or change the unit of the column")
    low, high = axis.reach
    outside = np.flatnonzero((u < low) | (u > high))
    if outside.size:
        where = (
            f"range {axis.low:.6g} to {axis.high:.6g}" if axis.low is not None else f"mean {axis.mean:.6g}"
        )
        notes.append(
            Found(
                f"column {shown(axis.name)} has {counted(outside.size, 'value')} far outside the training "
                f"{where}, the first {values[outside[0]]:.6g} in {row_name(column.index, outside[0])}; "
                "predictions there are extrapolated",
                axis.name,
                "values far outside the training range",
                outside.size,
            )
        )
    return u


def _read_levels(axis: LevelsAxis, column: pd.Series, notes: list[Found]) -> FloatArray:
    """Return the coordinates of a column of levels, (n,), NaN where unknown."""
    _refuse_numbers(axis, column)
    codes, texts = coded(column)
    found = [axis.find(text) for text in texts]
    counts = counts_of(codes, texts)
    ways = {text: way for text, (_, way) in zip(texts, found, strict=True) if text in counts}
    name, unknown = shown(axis.name), {t: counts[t] for t, way in ways.items() if way == UNKNOWN}
    fate = 'count as "other"' if OTHER in axis.levels else "count as average"
    if missing := unknown.pop(MISSING, 0):
        gaps = counted(int(missing), "missing value")
        notes.append(
            Found(
                f"column {name} has {gaps}, but had none in training; they {fate}",
                axis.name,
                "missing values (none in training)",
                missing,
            )
        )
    if unknown:
        most = sorted(unknown, key=lambda text: (-unknown[text], text))[:NAMED]
        near = {text: nearest(text, axis.own) for text in most}
        hints = [f"is {shown(text)} {shown(level)}?" for text, level in near.items() if level]
        notes.append(
            Found(
                f"column {name} has values that are not levels of the model: "
                f"{with_counts(unknown, most=NAMED)}; they {fate}{'; ' if hints else ''}{' '.join(hints)}",
                axis.name,
                "values that are not levels of the model",
                sum(unknown.values()),
            )
        )
    capitals = {text: counts[text] for text, way in ways.items() if way == CAPITALS}
    if capitals:
        known = [f"{shown(text)} as {shown(axis.levels[int(axis.find(text)[0])])}" for text in capitals]
        notes.append(
            Found(
                f"column {name} has values with other capitals than in training in {sum(capitals.values())} "
                f"rows: read {truncated_list(known)}",
                axis.name,
                "values with other capitals than in training",
                sum(capitals.values()),
            )
        )
    return np.array([u for u, _ in found], dtype=np.float64)[codes]


def _refuse_numbers(axis: LevelsAxis, column: pd.Series) -> None:
    """Refuse numbers where training had text; 0 and 1 count as booleans if the levels are booleans."""
    if not is_numeric(column.dtype) or not axis.own:
        return
    if pd.to_numeric(pd.Series(axis.own), errors="coerce").notna().any():
        return
    known = column.isna() | (column.isin([0, 1]) if axis.truths else False)
    if not known.all():
        advice = f"convert the {column.dtype} column to its type in training"
        refuse(column, int((~known).to_numpy().argmax()), f"values such as {shown(axis.own[0])}", advice)


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
    """Return weighted mean, population standard deviation and median (n >= 1) without over- or underflow.

    Multiplication by a power of two is exact, so the result is that of plain sums unless these overflow.
    """
    exponent = int(np.frexp(np.abs(values).max())[1])
    scaled = np.ldexp(values, -exponent)
    mean = np.average(scaled, weights=weight)
    variance = np.average((scaled - mean) ** 2, weights=weight)
    found = (mean, np.sqrt(variance), weighted_median(scaled, weight))
    mean, scale, median = (float(np.ldexp(x, exponent)) for x in found)
    return mean, scale, median
