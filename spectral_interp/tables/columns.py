"""Columns of a table as features of the pencil: one encoder per kind of column, and how the kind is found."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray
from .._common.messages import shown
from ..view.axes import Axis
from .parsing import MISSING, OTHER, check_values, coded, is_numeric, numbers_of, numbers_or_none, refuse

RARE_ROWS, RARE_SHARE = 5, 0.05
"""A level is rare, and counts as "other", in fewer than 5 training rows that are less than 5 % of them."""

MAX_LEVELS = 50
"""Levels of a column that are features of their own, the most frequent first; further ones are "other"."""

LARGEST = 1e300
"""Larger numbers are refused: there is no room left for differences and for the edges of a figure."""

FAR = 1e100
"""Numbers further from the training mean, in standard deviations, are refused: their squares overflow."""


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
        values = numbers_of(column)
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
            refuse(column, bad[0], expected, "correct it or change the unit of the column")
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
        codes, texts = coded(column)
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
        codes, texts = coded(column)
        place_of = {text: place for place, text in enumerate(self.levels)}
        unseen = place_of.get(OTHER, -1)
        level = np.array([place_of.get(text, unseen) for text in texts], dtype=np.intp)[codes]
        z = (level[:, None] == np.arange(self.n_features)) - np.array(self.shares)
        z[level < 0] = 0.0
        return z

    def _refuse_numbers(self, column: pd.Series) -> None:
        if not is_numeric(column.dtype) or not column.notna().any():
            return
        own = [level for level in self.levels if level not in (OTHER, MISSING)]
        if own and pd.to_numeric(pd.Series(own), errors="coerce").isna().all():
            advice = f"convert the {column.dtype} column to what it was in training"
            first = int(column.notna().to_numpy().argmax())
            refuse(column, first, f"values such as {shown(own[0])}", advice)


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
        refuse(column, row, "positive numbers for log", "leave the column out of log")
    return CategoricalColumn.fit(column)


def _refuse_unusable(column: pd.Series, values: FloatArray) -> None:
    bad = np.flatnonzero(np.abs(values) > LARGEST)
    if bad.size:
        advice = "correct it, leave it empty or change the unit of the column"
        refuse(column, bad[0], f"finite numbers of at most {LARGEST:.0e}", advice)


def _log(column: pd.Series, values: FloatArray) -> FloatArray:
    bad = np.flatnonzero(values <= 0)
    if bad.size:
        advice = "correct it or leave the column out of log"
        refuse(column, bad[0], "positive numbers for log", advice)
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
