"""Targets: detection of numbers or labels, conversion, and errors for unusable targets."""

from __future__ import annotations

import datetime
import numbers
import re
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray
from .._common.messages import row_name, shown, truncated_list
from ..view.levels import class_place
from .parsing import numbers_or_none, to_numbers

LARGEST_TARGET = 1e100
"""Maximum magnitude of a target; its inverse is the minimum variation. Beyond, squares over- or underflow."""


_DATE_TEXT = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}([ T].*)?|\d{1,2}([-/.])\d{1,2}\3\d{4}([ T].*)?")

_DATES = datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64, pd.Period

_DATE_ADVICE = "Turn dates and times into numbers, such as days since a fixed day"

_COMPLEX_ADVICE = "Complex data not supported: predict the real part, the imaginary part or the magnitude"

DATE_SHARE = 0.95
"""Share of dates from which a target of text is refused."""


def refuse_dates(y: Any, name: str) -> None:
    """Raise ValueError for targets (n,) that are dates, times, durations, periods or complex numbers.

    Dates are not numbers: predictions would have the arbitrary unit in which their type stores them.

    Examples
    --------
    >>> refuse_dates(["2024-01-03"], "sold")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: expected numbers or labels in the target 'sold'; got '2024-01-03' in row 0. Turn dates and ...
    """
    values = np.asarray(y)
    column = y if isinstance(y, pd.Series) else pd.Series(values.ravel() if values.ndim < 2 else [])
    dtype = column.cat.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    kind = getattr(dtype, "kind", "O")
    if kind in "iufb":
        return
    present = np.flatnonzero(column.notna().to_numpy(dtype=bool))
    cells = (
        [column.iloc[place] for place in present] if kind in "mMc" else column.to_numpy(dtype=object)[present]
    )
    texts = 0
    for place, value in zip(present, cells, strict=True):
        if isinstance(value, str):
            texts += _DATE_TEXT.fullmatch(value.strip()) is not None
        elif isinstance(value, _DATES):
            _refuse(column, place, name, _DATE_ADVICE)
        elif isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real):
            _refuse(
                column,
                place,
                name,
                _COMPLEX_ADVICE,
            )
    if texts and texts >= DATE_SHARE * len(cells):
        first = next(i for i, value in enumerate(cells) if _DATE_TEXT.fullmatch(str(value).strip()))
        _refuse(column, present[first], name, _DATE_ADVICE)


def _refuse(column: pd.Series, place: int | np.intp, name: str, advice: str) -> NoReturn:
    raise ValueError(
        f"expected numbers or labels in the target {name!r}; got {shown(column.iloc[int(place)])} in "
        f"{row_name(column.index, place)}. {advice}"
    )


def holds_numbers(y: pd.Series) -> bool:
    """Return whether a target is numeric; False for labels.

    Numbers, and text that is a number in every row, are numeric. Exactly two whole numbers, such as 0 and 1,
    are labels.

    Raises
    ------
    ValueError
        If there are fewer than two different values, or if most but not all values look like numbers, or if
        they look like dates.

    Examples
    --------
    >>> holds_numbers(pd.Series([0.5, 1.0, 2.0])), holds_numbers(pd.Series([0, 1, 0]))
    (True, False)
    """
    read = numbers_or_none(y)
    distinct = y.nunique()
    if distinct < 2:
        raise ValueError(
            f"expected a target with at least two different values in {str(y.name)!r}; got {distinct}: "
            f"{truncated_list(map(shown, y.unique()))}; name another column"
        )
    return read is not None and (distinct > 2 or bool((read.values != read.values.round()).any()))


def strata(y: pd.Series, source: str) -> pd.Series | None:
    """Return the classes by which training and held-out rows are stratified; None for a numeric target.

    Raises
    ------
    ValueError
        If a class has a single row.

    Examples
    --------
    >>> strata(pd.Series([0.5, 1.0, 2.0]), "prices.csv") is None
    True
    """
    counts = y.value_counts()
    counts = counts[counts > 0]  # an unused category has a count of zero
    if holds_numbers(y):
        return None
    if counts.min() < 2:
        which = "both classes" if len(counts) == 2 else "every class"
        raise ValueError(
            f"expected at least 2 rows of {which} of {str(y.name)!r} in {source}; got 1 of "
            f"{shown(counts.idxmin())}; add rows"
        )
    return y


def target_numbers(y: Any, name: str) -> FloatArray:
    """Return targets (n,) as float64.

    Raises
    ------
    ValueError
        If a target is not a number, such as a date, is not finite or is larger than :data:`LARGEST_TARGET`.

    Examples
    --------
    >>> target_numbers(["1", 2.5], "price")
    array([1. , 2.5])
    """
    refuse_dates(y, name)
    column = pd.Series(y).rename(name)
    values = to_numbers(column)
    bad = np.flatnonzero(np.isnan(values))
    if bad.size:
        raise ValueError(
            f"expected numbers in the target {name!r}; got {shown(column.iloc[bad[0]])} in "
            f"{row_name(column.index, bad[0])}; correct it; labels need a SpectralClassifier"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite targets in {name!r}; got infinity")
    largest = np.abs(values).max(initial=0.0)
    if largest > LARGEST_TARGET:
        raise ValueError(
            f"expected targets of at most {LARGEST_TARGET:.0e} in {name!r}; got one of size {largest:.3g}; "
            "change their unit"
        )
    return values


def class_codes(y: Any, classes: list[Any], name: str) -> FloatArray:
    """Return the positions of labels among the classes, matched by value or as text: float64 (n,).

    Raises
    ------
    ValueError
        If there are other labels. The message shows some of them.

    Examples
    --------
    >>> class_codes(["True", False], [False, True], "sold")
    array([1., 0.])
    """
    codes, labels = pd.factorize(pd.Series(y), use_na_sentinel=False)
    places = [class_place(label, classes) for label in labels]
    unknown = [shown(label) for label, place in zip(labels, places, strict=True) if place < 0]
    if unknown:
        raise ValueError(
            f"expected labels {truncated_list(map(shown, classes))} in {name!r}; got "
            f"{truncated_list(unknown)}; correct them or leave the column out"
        )
    return np.array(places, dtype=np.float64)[codes]


def target_scale(targets: FloatArray, weight: FloatArray, name: str) -> tuple[float, float]:
    """Return weighted mean and standard deviation of targets (n,); the latter is 1 for constant targets.

    Raises
    ------
    ValueError
        If targets vary by less than the inverse of :data:`LARGEST_TARGET`.

    Examples
    --------
    >>> target_scale(np.array([1.0, 5.0]), np.ones(2), "price")
    (3.0, 2.0)
    """
    center = float(np.average(targets, weights=weight))
    spread = float(np.abs(targets - center).max())
    if 0 < spread < 1 / LARGEST_TARGET:
        raise ValueError(
            f"expected targets that vary by at least {1 / LARGEST_TARGET:.0e} in {name!r}; got {spread:.3g}; "
            "change their unit"
        )
    return center, float(np.sqrt(np.average((targets - center) ** 2, weights=weight))) or 1.0
