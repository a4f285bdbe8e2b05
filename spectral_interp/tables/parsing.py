"""Values of a column as numbers or as levels, or the reason why they are neither."""

from __future__ import annotations

import datetime
import numbers
import re
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from .._common.arrays import FloatArray
from .._common.messages import shown
from ..view.axes import MISSING
from ..view.levels import text_of

TYPO_SHARE = 0.95
"""A text column of which at least this share looks like numbers or dates is refused."""

_DATES = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
    pd.Period,
)

_DATE_TEXT = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3\d{4})([ T].*)?")

_SIGNS_IN_NUMBERS = re.compile(r"[\s,%$€£']")


def check_values(column: pd.Series, name: str) -> pd.Series:
    """Return the column with blank text missing, or refuse what is neither number, text nor boolean.

    Raises
    ------
    ValueError
        Naming the column, the row and the value.
    """
    column = column.rename(name)
    dtype = column.dtype
    if is_numeric(dtype) or isinstance(dtype, pd.CategoricalDtype) or types.is_bool_dtype(dtype):
        return column
    values = column.to_numpy(dtype=object)
    if not isinstance(dtype, pd.StringDtype):
        known = [isinstance(value, str | bool | np.bool_ | numbers.Real | Decimal) for value in values]
        odd = np.flatnonzero(~np.array(known, dtype=bool) & column.notna().to_numpy(dtype=bool))
        if odd.size:
            refuse(column, odd[0], "numbers, text or booleans", _advice(column.iloc[odd[0]]))
    blank = np.array([isinstance(value, str) and not value.strip() for value in values], dtype=bool)
    return column.mask(blank) if blank.any() else column


def _advice(value: Any) -> str:
    if isinstance(value, _DATES):
        return "turn dates and times into numbers, such as days since a first day, or drop the column"
    if isinstance(value, numbers.Complex):
        return "split complex numbers into two columns of real numbers"
    kind = "list" if isinstance(value, np.ndarray) else type(value).__name__
    return f"turn {kind} values into numbers or text, or drop the column"


def is_numeric(dtype: Any) -> bool:
    """Tell whether a dtype is one of real numbers."""
    if isinstance(dtype, np.dtype):
        return dtype.kind in "iuf"
    return (
        types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype) and not types.is_complex_dtype(dtype)
    )


def _parse(column: pd.Series) -> FloatArray:
    """Return float64 (n,), NaN where a value is missing or not a number."""
    if is_numeric(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if isinstance(column.dtype, pd.CategoricalDtype) or types.is_bool_dtype(column.dtype):
        return np.full(len(column), np.nan)
    boolean = column.map(lambda value: isinstance(value, bool | np.bool_)).to_numpy(dtype=bool)
    return to_numbers(column.astype(object).mask(boolean))


def to_numbers(column: pd.Series) -> FloatArray:
    """Return numbers and text as float64 (n,), NaN where a value is missing or not a number."""
    try:
        parsed = pd.to_numeric(column, errors="coerce")
    except OverflowError as error:
        raise ValueError(
            f"expected numbers within ±1.8e308 in column {shown(column.name)}; got: {error}"
        ) from error
    return parsed.to_numpy(dtype=np.float64, na_value=np.nan)


def _not_numbers(column: pd.Series, values: FloatArray) -> npt.NDArray[np.intp]:
    """Return the rows whose value is present but, by its parsed ``values``, no number."""
    if is_numeric(column.dtype):
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(np.isnan(values) & column.notna().to_numpy(dtype=bool))


def numbers_of(column: pd.Series) -> FloatArray:
    """Return a numeric column as float64 (n,), NaN where missing, or name the row that is no number."""
    values = _parse(column)
    bad = _not_numbers(column, values)
    if bad.size:
        refuse(
            column,
            bad[0],
            "numbers",
            f"correct it or convert the {column.dtype} column to numbers, as in training",
        )
    return values


def numbers_or_none(column: pd.Series) -> FloatArray | None:
    """Return the numbers of a column to fit, None if it is categorical.

    Raises
    ------
    ValueError
        If most but not all values look like numbers, or if they look like dates; names column and row.
    """
    values = _parse(column)
    bad = _not_numbers(column, values)
    if not bad.size:
        return values
    if isinstance(column.dtype, pd.CategoricalDtype) or types.is_bool_dtype(column.dtype):
        return None
    needed = TYPO_SHARE * column.notna().sum()
    texts = column.astype(object).map(lambda value: value if isinstance(value, str) else "")
    if texts.map(lambda text: _DATE_TEXT.fullmatch(text.strip()) is not None).sum() >= needed:
        refuse(column, bad[0], "numbers, text or booleans", _advice(datetime.date.min))
    stripped = pd.to_numeric(texts.map(lambda text: _SIGNS_IN_NUMBERS.sub("", text)), errors="coerce")
    if (stripped.notna().to_numpy() | np.isfinite(values)).sum() >= needed:
        advice = "write every number of the column plainly, such as 1234.5, or leave it empty"
        refuse(column, bad[0], "numbers", advice)
    return None


def coded(column: pd.Series) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.object_]]:
    """Return codes (n,) and their texts; the last text is "missing", the code of a missing value -1."""
    if column.dtype == object:
        column = column.map(text_of, na_action="ignore")
    codes, values = pd.factorize(column)
    return codes, np.array([*map(text_of, values), MISSING], dtype=object)


def refuse(column: pd.Series, row: int | np.intp, expected: str, advice: str) -> NoReturn:
    """Raise ValueError for a value of a column: what was expected, what is there, and what to do."""
    raise ValueError(
        f"expected {expected} in column {shown(column.name)}; got {shown(column.iloc[int(row)])} in row "
        f"{column.index[int(row)]}; {advice}"
    )
