"""Columns of a table as features of the pencil: one encoder per kind of column, and how the kind is found."""

from __future__ import annotations

import datetime
import math
import numbers
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from .eigen.checks import FloatArray
from .inputs import Axis

RARE_ROWS, RARE_SHARE = 5, 0.05
"""A level is rare, and counts as "other", in fewer than 5 training rows that are less than 5 % of them."""

MAX_LEVELS = 50
"""Levels of a column that are features of their own, the most frequent first; further ones are "other"."""

TYPO_SHARE = 0.95
"""A text column of which at least this share looks like numbers or dates is refused."""

LARGEST = 1e300
"""Larger numbers are refused: there is no room left for differences and for the edges of a figure."""

FAR = 1e100
"""Numbers further from the training mean, in standard deviations, are refused: their squares overflow."""

LISTED = 300
"""Characters of a list in a message."""

OTHER, MISSING = "other", "missing"

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


@dataclass(frozen=True)
class NumericColumn:
    """One numeric column, standardised: ``z = (x - mean) / scale``, or of ``log x``.

    Build it with :func:`fit_column`. If the training table had gaps there is a second feature, the indicator
    of a missing value less its mean: ``1 - missing`` where the value is missing, and ``-missing`` elsewhere.
    It stays within [-1, 1] however rare the gaps are, and its mean over the training table is zero.

    Attributes
    ----------
    name : str
    mean, scale : float
        Mean and population standard deviation of the training values that are not missing, of their
        logarithm if ``log``.
    log : bool
    median : float or None
        What missing values are replaced with, in the column's unit. None if training had none: missing values
        then count as average, z = 0, with a warning.
    missing : float
        Share of the training rows that have no value.

    Examples
    --------
    >>> age = fit_column(pd.Series([20.0, 40.0, np.nan, 30.0], name="age"))
    >>> age.feature_names
    ('age', 'age missing')
    >>> age.encode(pd.Series([30.0, np.nan]))
    array([[ 0.  , -0.25],
           [ 0.  ,  0.75]])
    """

    name: str
    mean: float
    scale: float
    log: bool = False
    median: float | None = None
    missing: float = 0.0

    @classmethod
    def fit(
        cls, column: pd.Series, values: FloatArray, log: bool
    ) -> NumericColumn | CategoricalColumn | DroppedColumn:
        """Learn the encoding of ``column`` from its ``values`` (n,), NaN where missing.

        A constant is dropped; a constant with gaps is encoded as the two levels that it has.
        """
        _refuse_unusable(column, values)
        gaps = np.isnan(values)
        present = values[~gaps]
        mean, scale, median = _moments(present)
        if not scale > max(1e-12 * np.abs(present).max(), 1e-300):
            if gaps.any():
                return CategoricalColumn.fit(column)
            return DroppedColumn(str(column.name), f"always {present[0]:.6g}")
        if log:
            mean, scale, _ = _moments(_log(column, values)[~gaps])
        if not gaps.any():
            return cls(str(column.name), mean, scale, log)
        return cls(str(column.name), mean, scale, log, median, float(gaps.mean()))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features."""
        return (self.name,) if self.median is None else (self.name, f"{self.name} {MISSING}")

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.feature_names)

    @property
    def unit_scale(self) -> float | None:
        """Change of the first feature per unit of the column, ``1 / scale``; None under a logarithm."""
        return None if self.log else 1 / self.scale

    def axis(self, first: int) -> Axis:
        """Return the column as an axis of the features, the ``first`` of which is its value."""
        rest = () if self.median is None else (-self.missing,)
        return Axis(self.name, first, self.mean, self.scale, self.log, rest)

    def encode(self, column: pd.Series) -> FloatArray:
        """Map a column (n,) to features (n, n_features); ValueError names the row of an unusable value."""
        column = check_values(column, self.name)
        values = _numbers(column)
        gaps = np.isnan(values)
        if self.median is not None:
            z = self._standardise(column, np.where(gaps, self.median, values))
            return np.column_stack([z, gaps - self.missing])
        if gaps.any():
            warnings.warn(
                f"column {shown(self.name)} has {int(gaps.sum())} missing values, the first in row "
                f"{column.index[int(gaps.argmax())]}, but had none in training; they count as average",
                stacklevel=2,
            )
        average = math.exp(self.mean) if self.log else self.mean
        z = self._standardise(column, np.where(gaps, average, values))
        return np.where(gaps, 0.0, z)[:, None]

    def _standardise(self, column: pd.Series, values: FloatArray) -> FloatArray:
        _refuse_unusable(column, values)
        x = _log(column, values) if self.log else values
        with np.errstate(over="ignore"):
            z = (x - self.mean) / self.scale
        bad = np.flatnonzero(np.abs(z) > FAR)
        if bad.size:
            expected = f"numbers within {FAR:.0e} standard deviations of the training mean {self.mean:.6g}"
            _refuse(column, bad[0], expected, "correct it or change the unit of the column")
        return z


@dataclass(frozen=True)
class CategoricalColumn:
    """One column of text, categories or booleans: a feature per level, the indicator less its training mean.

    Build it with :func:`fit_column`. Values become text, and missing ones the level "missing". Rare levels
    (:data:`RARE_ROWS`, :data:`RARE_SHARE`), those beyond :data:`MAX_LEVELS` and values unseen in training
    count as "other". Where training saw nothing to learn "other" from, it is no level: an unseen value
    then counts as the average training row, z = 0. The texts "other" and "missing" mean these levels.

    Attributes
    ----------
    name : str
    levels : tuple of str
        The most frequent first, then "other" and "missing" where training saw them.
    shares : tuple of float
        Share of the training rows in every level, the mean of its indicator.

    Examples
    --------
    >>> city = fit_column(pd.Series(["Oslo", "Bergen", "Oslo", None], name="city"))
    >>> city.feature_names
    ('city = Oslo', 'city = Bergen', 'city = missing')
    >>> city.encode(pd.Series(["Bergen", "Rome"]))
    array([[-0.5 ,  0.75, -0.25],
           [ 0.  ,  0.  ,  0.  ]])
    """

    name: str
    levels: tuple[str, ...]
    shares: tuple[float, ...]

    @classmethod
    def fit(cls, column: pd.Series) -> CategoricalColumn | DroppedColumn:
        """Learn the levels of ``column``; a column with a single one is dropped."""
        codes, texts = _coded(column)
        counts = pd.Series(texts[codes]).value_counts()
        frequent = (counts >= RARE_ROWS) | (counts / len(column) >= RARE_SHARE)
        own = [text for text in counts.index[frequent] if text not in (OTHER, MISSING)]
        own = sorted(own, key=lambda text: (-counts[text], text))[:MAX_LEVELS]
        sizes = {text: int(counts[text]) for text in own}
        sizes[OTHER] = len(column) - sum(sizes.values()) - int(counts.get(MISSING, 0))
        sizes[MISSING] = int(counts.get(MISSING, 0))
        sizes = {text: size for text, size in sizes.items() if size}
        if len(sizes) == 1:
            why = f"always {shown(counts.index[0])}" if len(counts) == 1 else "every value is rare"
            return DroppedColumn(str(column.name), why)
        return cls(str(column.name), tuple(sizes), tuple(size / len(column) for size in sizes.values()))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(f"{self.name} = {level}" for level in self.levels)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.levels)

    @property
    def unit_scale(self) -> float | None:
        """None: the column has no unit."""
        return None

    def axis(self, first: int) -> Axis:
        """Return the column as an axis of the features, one a level from the ``first`` on."""
        return Axis(self.name, first, levels=self.levels, shares=self.shares)

    def encode(self, column: pd.Series) -> FloatArray:
        """Map a column (n,) to features (n, n_features); ValueError if it holds numbers now, but did not."""
        column = check_values(column, self.name)
        self._refuse_numbers(column)
        codes, texts = _coded(column)
        place_of = {text: place for place, text in enumerate(self.levels)}
        unseen = place_of.get(OTHER, -1)
        level = np.array([place_of.get(text, unseen) for text in texts], dtype=np.intp)[codes]
        z = (level[:, None] == np.arange(self.n_features)) - np.array(self.shares)
        z[level < 0] = 0.0
        return z

    def _refuse_numbers(self, column: pd.Series) -> None:
        if not _is_numeric(column.dtype) or not column.notna().any():
            return
        own = [level for level in self.levels if level not in (OTHER, MISSING)]
        if own and pd.to_numeric(pd.Series(own), errors="coerce").isna().all():
            advice = f"convert the {column.dtype} column to what it was in training"
            first = int(column.notna().to_numpy().argmax())
            _refuse(column, first, f"values such as {shown(own[0])}", advice)


@dataclass(frozen=True)
class DroppedColumn:
    """A column that training could not learn from, and why."""

    name: str
    why: str


Column = NumericColumn | CategoricalColumn


def fit_column(column: pd.Series, *, log: bool = False) -> Column | DroppedColumn:
    """Learn how to encode a column, from all rows of the training table.

    Numbers, and text that is a number in every row, are numeric. Booleans, pandas categories and other text
    are categorical. Blank text is missing. A column without two different values is dropped.

    Parameters
    ----------
    column : Series, shape (n,)
        Its name goes into messages and feature names.
    log : bool, default False
        Whether to standardise log x instead of x; the numbers must be positive.

    Raises
    ------
    ValueError
        If the column holds infinity, dates, complex numbers or other objects, is text of which most looks
        like numbers or dates, or is to enter as a logarithm and holds text or numbers <= 0. Names the column,
        the row and the value.

    Examples
    --------
    >>> fit_column(pd.Series([1.0, 3.0], name="bmi"))
    NumericColumn(name='bmi', mean=2.0, scale=1.0, log=False, median=None, missing=0.0)
    """
    column = check_values(column, str(column.name))
    values = numbers_or_none(column)
    if values is not None:
        if np.isnan(values).all():
            return DroppedColumn(str(column.name), "no values")
        return NumericColumn.fit(column, values, log)
    if log:
        row = int(column.notna().to_numpy().argmax())
        _refuse(column, row, "positive numbers for log", "leave the column out of log")
    return CategoricalColumn.fit(column)


def check_values(column: pd.Series, name: str) -> pd.Series:
    """Return the column with blank text missing, or refuse what is neither number, text nor boolean.

    Raises
    ------
    ValueError
        Naming the column, the row and the value.
    """
    column = column.rename(name)
    dtype = column.dtype
    if _is_numeric(dtype) or isinstance(dtype, pd.CategoricalDtype) or types.is_bool_dtype(dtype):
        return column
    values = column.to_numpy(dtype=object)
    if not isinstance(dtype, pd.StringDtype):
        known = [isinstance(value, str | bool | np.bool_ | numbers.Real | Decimal) for value in values]
        odd = np.flatnonzero(~np.array(known, dtype=bool) & column.notna().to_numpy(dtype=bool))
        if odd.size:
            _refuse(column, odd[0], "numbers, text or booleans", _advice(column.iloc[odd[0]]))
    blank = np.array([isinstance(value, str) and not value.strip() for value in values], dtype=bool)
    return column.mask(blank) if blank.any() else column


def _advice(value: Any) -> str:
    if isinstance(value, _DATES):
        return "turn dates and times into numbers, such as days since a first day, or drop the column"
    if isinstance(value, numbers.Complex):
        return "split complex numbers into two columns of real numbers"
    kind = "list" if isinstance(value, np.ndarray) else type(value).__name__
    return f"turn {kind} values into numbers or text, or drop the column"


def _is_numeric(dtype: Any) -> bool:
    if isinstance(dtype, np.dtype):
        return dtype.kind in "iuf"
    return (
        types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype) and not types.is_complex_dtype(dtype)
    )


def _parse(column: pd.Series) -> FloatArray:
    """Return float64 (n,), NaN where a value is missing or not a number."""
    if _is_numeric(column.dtype):
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
    if _is_numeric(column.dtype):
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(np.isnan(values) & column.notna().to_numpy(dtype=bool))


def _numbers(column: pd.Series) -> FloatArray:
    """Return a numeric column as float64 (n,), NaN where missing, or name the row that is no number."""
    values = _parse(column)
    bad = _not_numbers(column, values)
    if bad.size:
        _refuse(
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
        _refuse(column, bad[0], "numbers, text or booleans", _advice(datetime.date.min))
    stripped = pd.to_numeric(texts.map(lambda text: _SIGNS_IN_NUMBERS.sub("", text)), errors="coerce")
    if (stripped.notna().to_numpy() | np.isfinite(values)).sum() >= needed:
        advice = "write every number of the column plainly, such as 1234.5, or leave it empty"
        _refuse(column, bad[0], "numbers", advice)
    return None


def _refuse_unusable(column: pd.Series, values: FloatArray) -> None:
    bad = np.flatnonzero(np.abs(values) > LARGEST)
    if bad.size:
        advice = "correct it, leave it empty or change the unit of the column"
        _refuse(column, bad[0], f"finite numbers of at most {LARGEST:.0e}", advice)


def _log(column: pd.Series, values: FloatArray) -> FloatArray:
    bad = np.flatnonzero(values <= 0)
    if bad.size:
        advice = "correct it or leave the column out of log"
        _refuse(column, bad[0], "positive numbers for log", advice)
    return np.log(values)


def _moments(values: FloatArray) -> tuple[float, float, float]:
    """Return mean, population standard deviation and median (n >= 1), safe from overflow and underflow.

    Multiplying by a power of two is exact: where nothing overflows the result is that of plain sums.
    """
    exponent = int(np.frexp(np.abs(values).max())[1])
    scaled = np.ldexp(values, -exponent)
    mean, scale, median = (
        float(np.ldexp(x, exponent)) for x in (scaled.mean(), scaled.std(), np.median(scaled))
    )
    return mean, scale, median


def _coded(column: pd.Series) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.object_]]:
    """Return codes (n,) and their texts; the last text is "missing", the code of a missing value -1."""
    if column.dtype == object:
        column = column.map(text_of, na_action="ignore")
    codes, values = pd.factorize(column)
    return codes, np.array([*map(text_of, values), MISSING], dtype=object)


def text_of(value: Any) -> str:
    """Return a value as text; whole numbers look the same whether a gap made their column float or not.

    Examples
    --------
    >>> text_of(2.0), text_of(2), text_of("x")
    ('2', '2', 'x')
    """
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)


def shown(value: Any) -> str:
    """Return a value or name as it goes into a message, cut to 60 characters."""
    text = repr(value.tolist() if isinstance(value, np.generic | np.ndarray) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def listed(texts: Iterable[str]) -> str:
    """Return as many texts as fit into a message, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b"])
    'a, b'
    """
    texts = list(texts)
    ends = np.cumsum([len(text) + 2 for text in texts])
    most = max(1, int((ends <= LISTED).sum()))
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _refuse(column: pd.Series, row: int | np.intp, expected: str, advice: str) -> NoReturn:
    raise ValueError(
        f"expected {expected} in column {shown(column.name)}; got {shown(column.iloc[int(row)])} in row "
        f"{column.index[int(row)]}; {advice}"
    )
