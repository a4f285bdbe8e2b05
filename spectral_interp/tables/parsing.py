"""Parsing of a column as numbers or levels, and errors for values that are neither."""

from __future__ import annotations

import datetime
import numbers
import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from .._common.arrays import FloatArray
from .._common.messages import row_name, shown, with_counts
from ..view.axes import MISSING
from ..view.levels import text_of
from ..view.spelling import is_boolean, spelling, truth

_NO_VALUE = (
    "?,??,-,--,---,–,—,.,..,...,*,n/a,n.a.,na,nan,<na>,#n/a,#na,none,null,nil,nd,n.d.,unk,unknown,missing,"
    "not available,not applicable,not known,no data"
)
PLACEHOLDERS = frozenset(_NO_VALUE.split(","))
"""Placeholders for a missing number, in any capitals. They are gaps in a column of numbers."""

DATE_SHARE = 0.95
"""Share of values that look like dates from which a text column is refused."""

NUMBER_SHARE, TYPO_SHARE = 0.5, 0.95
"""Share of values that look like numbers from which a text column is refused, unless all do.

The larger share holds for up to :data:`FEW_NUMBERS` different numbers.
"""

FEW_NUMBERS = 10
"""Maximum number of different numbers that may be levels, with other text or a unit, such as 1st, 2nd."""

_DATES = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
    pd.Period,
)

_VALUES = str, bool, np.bool_, numbers.Real, Decimal
"""Types of values that a column of numbers, text or booleans may hold."""

_PLAIN = str, bool, int, float, np.bool_, np.integer, np.floating
"""Types whose equal values have equal texts."""

_DATE_TEXT = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3\d{4})([ T].*)?")

MIDNIGHT = " 00:00:00"
"""Ending of the text of a date without a time in a column that can hold times."""

_SIGNS_IN_NUMBERS = re.compile(r"[\s,%$€£']")

_COMMA_IN_NUMBER = re.compile(r"\s*[+-]?[0-9]*,[0-9]+\s*")

_CENSORED = re.compile(r"([<>≤≥~≈]=?\s*[+-]?[0-9][0-9.,]*|[+-]?[0-9][0-9.,]*\s*\+)\s*")

_WITH_UNIT = re.compile(r"[+-]?[0-9][0-9.,]*\s*([^\W\d_][^\d]*)")

_CODE = re.compile(r".*[^\W\d_].*[0-9].*", re.DOTALL)


def check_values(column: pd.Series, name: str) -> pd.Series:
    """Return the column with blank text missing, or refuse values that are not numbers, text or booleans.

    Raises
    ------
    ValueError
        The message names the column, the row and the value.
    """
    column = column.rename(name)
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        blank = [value for value in dtype.categories if isinstance(value, str) and not value.strip()]
        return column.mask(column.isin(blank)) if blank else column
    if is_numeric(dtype) or types.is_bool_dtype(dtype):
        return column
    if not isinstance(dtype, pd.StringDtype):
        of_type, kinds = types_of(column)
        odd = np.array([not issubclass(kind, _VALUES) for kind in kinds] + [False])[of_type]
        if odd.any():
            refuse(column, odd.argmax(), "numbers, text or booleans", _advice(column.iloc[odd.argmax()]))
    codes, values = distinct(column)
    empty = np.array([isinstance(value, str) and not value.strip() for value in values] + [False])[codes]
    return column.mask(empty) if empty.any() else column


def _advice(value: Any) -> str:
    if isinstance(value, _DATES):
        return "turn dates and times into numbers, such as days since a fixed day, or drop the column"
    if isinstance(value, numbers.Complex):
        return "split complex numbers into two columns of real numbers"
    kind = "list" if isinstance(value, np.ndarray) else type(value).__name__
    return f"turn {kind} values into numbers or text, or drop the column"


def is_numeric(dtype: Any) -> bool:
    """Return whether a dtype is for real numbers."""
    if isinstance(dtype, np.dtype):
        return dtype.kind in "iuf"
    return (
        types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype) and not types.is_complex_dtype(dtype)
    )


def _parse(column: pd.Series) -> FloatArray:
    """Return float64 (n,), NaN where a value is missing or not a number."""
    if is_numeric(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if types.is_bool_dtype(column.dtype):
        return np.full(len(column), np.nan)
    codes, values = distinct(column)
    plain = [np.nan if isinstance(value, bool | np.bool_) else value for value in values]
    found = to_numbers(pd.Series(plain, dtype=object, name=column.name))
    return np.append(found, np.nan)[codes]


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
    """Return the rows whose value is present but not a number according to the parsed ``values``."""
    if is_numeric(column.dtype):
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(np.isnan(values) & column.notna().to_numpy(dtype=bool))


def numbers_of(column: pd.Series, *, boolean: bool = False) -> tuple[FloatArray, dict[str, float]]:
    """Return a numeric column as float64 (n,), NaN where missing, and its placeholders with their counts.

    Parameters
    ----------
    column : Series, shape (n,)
    boolean : bool
        Whether spellings of true and false are read as 1 and 0.

    Raises
    ------
    ValueError
        If a value is neither a number nor a placeholder. The message names the row.
    """
    values = _parse(column)
    rows = _not_numbers(column, values)
    if not rows.size:
        return values, {}
    codes, texts = coded(column.iloc[rows])
    truths = [truth(text) if boolean else None for text in texts]
    gaps = np.array([is_placeholder(text) for text in texts])
    bad = np.flatnonzero(
        ~np.array([gap or t is not None for gap, t in zip(gaps, truths, strict=True)])[codes]
    )
    if bad.size:
        what = f"convert the {column.dtype} column to numbers, as in training"
        refuse(column, rows[bad[0]], "numbers", f"correct it or {what}")
    values = values.copy()
    values[rows] = np.array([np.nan if t is None else float(t) for t in truths])[codes]
    return values, {text: n for text, n in counts_of(codes, texts).items() if is_placeholder(text)}


def is_placeholder(text: str) -> bool:
    """Return whether a text is a placeholder for a missing value."""
    return text.strip().casefold() in PLACEHOLDERS


def counts_of(
    codes: npt.NDArray[np.intp], texts: npt.NDArray[np.object_], weight: FloatArray | None = None
) -> dict[str, float]:
    """Return the number of rows, or the weight, of each text that occurs."""
    found: dict[str, float] = {}
    sizes = np.bincount(codes % len(texts), weight, minlength=len(texts)).tolist()
    for text, n in zip(texts, sizes, strict=True):
        if n:
            found[text] = found.get(text, 0) + n
    return found


class Numbers(NamedTuple):
    """A numeric column: float64 (n,), NaN where missing, and its placeholders with their counts."""

    values: FloatArray
    gaps: dict[str, float]


def numbers_or_none(column: pd.Series, *, advice: str = "") -> Numbers | None:
    """Return the numbers of a training column; None if it is categorical.

    A column is numeric if every value is a number, or text that is a number or one of :data:`PLACEHOLDERS`.
    Booleans, pandas categories and columns without numbers are categorical. Text that looks like numbers is
    refused (:func:`is_hidden_number`).

    Parameters
    ----------
    column : Series, shape (n,)
    advice : str
        Further advice about values that are not numbers.

    Raises
    ------
    ValueError
        If most but not all values look like numbers, or if they look like dates. The message names the column
        and the row.
    """
    if isinstance(column.dtype, pd.CategoricalDtype) and column.notna().any():
        return None
    values = _parse(column)
    rows = _not_numbers(column, values)
    if not rows.size:
        return Numbers(values, {})
    if types.is_bool_dtype(column.dtype):
        return None
    codes, texts = coded(column.iloc[rows])
    counts = counts_of(codes, texts)
    numeric = len(values) - int(np.isnan(values).sum())
    if numeric and all(map(is_placeholder, counts)):
        return Numbers(values, counts)
    if sum(n for t, n in counts.items() if _DATE_TEXT.fullmatch(t)) >= DATE_SHARE * column.notna().sum():
        refuse(column, rows[0], "numbers, text or booleans", _advice(datetime.date.min))
    others = {text: n for text, n in counts.items() if not is_placeholder(text)}
    if is_hidden_number(values, others):
        first = rows[np.isin(codes, np.flatnonzero([text in others for text in texts]))][0]
        plainly = "write every number of the column plainly, such as 1234.5, or leave it empty"
        if all(map(_COMMA_IN_NUMBER.fullmatch, others)):
            plainly += "; if its commas are decimal marks, read the file with --decimal ,"
        share = f"{sum(others.values()):,} of {int(column.notna().sum()):,} values are not plain numbers"
        refuse(column, first, "numbers", f"{plainly}{advice}; {share}: {with_counts(others)}")
    return None


def is_hidden_number(values: FloatArray, others: dict[str, float]) -> bool:
    """Return whether a column of numbers ``values`` (n,) and other texts is meant to be numeric.

    This is the case if at least half of its values look like numbers: numbers themselves, numbers with signs,
    bounds such as "<0.5" or "4+", and more than :data:`FEW_NUMBERS` numbers with the same unit. The share is
    95 % if there are few different numbers, or if most other values are codes of letters and digits.
    Spellings of booleans are levels.
    """
    plain = values[~np.isnan(values)]
    if is_boolean([*others, *map(text_of, np.unique(plain)[:3])]):
        return False
    signed = {text for text in others if _is_signed(text)}
    bounds = {text for text in others if text not in signed and _CENSORED.fullmatch(text)}
    units = _with_one_unit(set(others) - signed - bounds)
    different = len(np.unique(plain)) + len(signed) + len(units)
    if not different:
        return False
    few = different <= FEW_NUMBERS and not (bounds and different > 1)
    alike = len(plain) + sum(others[text] for text in signed | bounds | units)
    rest = {text: n for text, n in others.items() if text not in signed | bounds | units}
    codes = sum(n for text, n in rest.items() if _CODE.fullmatch(text))
    total = len(plain) + sum(others.values())
    if few or codes > 0.5 * sum(others.values()):
        return alike >= TYPO_SHARE * total
    return alike >= NUMBER_SHARE * total


def _is_signed(text: str) -> bool:
    return bool(np.isfinite(pd.to_numeric(_SIGNS_IN_NUMBERS.sub("", text) or "x", errors="coerce")))


def _with_one_unit(texts: set[str]) -> set[str]:
    """Return the texts that are numbers with the most common unit; none if they may be levels."""
    units: dict[str, set[str]] = {}
    for text in texts:
        if found := _WITH_UNIT.fullmatch(text):
            units.setdefault(found[1].strip().casefold(), set()).add(text)
    most = max(units.values(), key=len, default=set())
    return most if len(most) > FEW_NUMBERS else set()


def without(column: pd.Series, gaps: Collection[str]) -> pd.Series:
    """Return the column with the texts ``gaps`` missing; numbers match by value, dates as 2024-01-31."""
    if not gaps:
        return column
    known = {spelling(text) for text in gaps}
    if is_numeric(column.dtype):
        numeric = pd.to_numeric(pd.Series(sorted(known), dtype=object), errors="coerce").dropna()
        hit = np.isin(_parse(column), numeric.to_numpy(dtype=np.float64))
    else:
        codes, texts = coded(column)
        spelled = [spelling(text).removesuffix(MIDNIGHT) for text in texts]
        hit = np.array([text in known for text in spelled])[codes] & column.notna().to_numpy()
    return column.mask(hit) if hit.any() else column


def coded(column: pd.Series) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.object_]]:
    """Return codes (n,) and their trimmed texts; a missing value has code -1, the last text "missing"."""
    codes, values = distinct(column)
    places: dict[str, int] = {}
    place = [places.setdefault(text_of(value), len(places)) for value in values]
    texts = np.array([*(text.strip() for text in places), MISSING], dtype=object)
    return np.array([*place, -1])[codes], texts


def distinct(column: pd.Series) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.object_]]:
    """Return codes (n,), -1 where a value is missing, and the different values in order of appearance.

    Texts, numbers and booleans are the same if they are equal and of the same type. Objects of other types
    all count as different, because equal ones may have different texts.

    Examples
    --------
    >>> codes, values = distinct(pd.Series([1, True, None, "a", 1, "a"], dtype=object))
    >>> codes.tolist(), values.tolist()
    ([0, 1, -1, 2, 0, 2], [1, True, 'a'])
    """
    if column.dtype != object:
        codes, found = pd.factorize(column)
        return codes, np.array([*found, None], dtype=object)[:-1]
    cells = column.to_numpy()
    if types.infer_dtype(cells, skipna=True) == "string":
        return pd.factorize(cells)
    of_type, kinds = types_of(column)
    codes, values = np.full(len(cells), -1, dtype=np.intp), list[Any]()
    for place, kind in enumerate(kinds):
        rows = np.flatnonzero(of_type == place)
        own = cells[rows]
        own_codes, own_values = pd.factorize(own) if issubclass(kind, _PLAIN) else (range(len(own)), own)
        codes[rows] = len(values) + np.asarray(own_codes)
        values.extend(own_values)
    present = codes >= 0
    codes[present], order = pd.factorize(codes[present])
    return codes, np.array([*values, None], dtype=object)[order]


def types_of(column: pd.Series) -> tuple[npt.NDArray[np.intp], list[type]]:
    """Return codes (n,), -1 where a value is missing, and the different types of the values."""
    cells, present = column.to_numpy(dtype=object), column.notna().to_numpy(dtype=bool)
    by_id = {id(kind): kind for kind in set(map(type, cells))}
    ids = np.fromiter(map(id, map(type, cells)), dtype=np.int64, count=len(cells))
    codes = np.full(len(cells), -1, dtype=np.intp)
    codes[present], kinds = pd.factorize(ids[present])
    return codes, [by_id[kind] for kind in kinds.tolist()]


def refuse(column: pd.Series, row: int | np.intp, expected: str, advice: str) -> NoReturn:
    """Raise ValueError for a value of a column, with the expected values and advice."""
    raise ValueError(
        f"expected {expected} in column {shown(column.name)}; got {shown(column.iloc[int(row)])} in "
        f"{row_name(column.index, row)}; {advice}"
    )
