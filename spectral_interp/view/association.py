"""Association of whole columns.

The measure for two numbers is Pearson's signed correlation r of the values that enter the model, which may be
logarithms. For two columns of levels it is Cramér's V. For a number and levels it is the correlation ratio η,
whose square is the share of the number's variance between the levels. With few rows and many levels, V and η
are large by chance; both are corrected for this bias (Bergsma 2013; Kelley 1935, ε²). Every pair is measured
at the rows that have both values; the level "missing" is a value. If two numbers both have gaps and Cramér's
V of the gaps is larger than |r|, that V is the measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from .axes import Axis

MEASURES = ("r", "V", "η", "V of gaps")
"""Measures for two numbers, for two columns of levels, for one of each, and for the gaps of two numbers."""

CONSTANT = 1e-12
"""Variance up to which a number counts as constant, relative to its mean square."""


@dataclass(frozen=True, eq=False)
class Association:
    """Association of c columns.

    Attributes
    ----------
    values : ndarray, shape (c, c)
        From -1 to 1 for r, otherwise from 0 to 1; 0 where a column is constant.
    measures : ndarray of int, shape (c, c)
        Position in :data:`MEASURES` of the measure of each pair.
    """

    values: FloatArray
    measures: IntArray

    def text(self, i: int, j: int) -> str:
        """Return the measure and value of a pair as text.

        Examples
        --------
        >>> Association(np.array([[1, -0.9], [-0.9, 1]]), np.zeros((2, 2), dtype=int)).text(0, 1)
        'r = −0.90'
        """
        value, measure = self.values[i, j], int(self.measures[i, j])
        number = f"{value:+.2f}" if measure == 0 else f"{value:.2f}"
        return f"{MEASURES[measure]} = {number}".replace("-", "−")


def association(axes: Sequence[Axis], coordinates: FloatArray) -> Association:
    """Return the association of the columns over rows.

    Parameters
    ----------
    axes : sequence of Axis, length c
    coordinates : ndarray, shape (n, c)
        Coordinates along the axes, NaN where a value is missing or unknown.

    Examples
    --------
    >>> from spectral_interp.view import LevelsAxis, NumberAxis
    >>> axes = NumberAxis("a"), NumberAxis("b"), LevelsAxis("c", ("x", "y"), (0.5, 0.5))
    >>> u = np.array([[1.0, -1.0, 0.0], [2.0, -2.0, 0.0], [5.0, np.nan, 1.0], [6.0, -6.0, 1.0]])
    >>> found = association(axes, u)
    >>> [found.text(*pair) for pair in ((0, 1), (0, 2), (1, 2))]
    ['r = −1.00', 'η = 0.95', 'η = 0.96']
    """
    numeric = np.array([axis.continuous for axis in axes], dtype=bool)
    counts = [axis.value_features for axis in axes if not axis.continuous]
    numbers = _Numbers.of(coordinates[:, numeric])
    levels = _Levels.of(coordinates[:, ~numeric], counts)
    values = np.zeros((len(axes), len(axes)))
    measures = np.where(numeric[:, None] == numeric, ~numeric, 2)
    values[np.ix_(numeric, numeric)] = _pearson(numbers)
    gaps = np.flatnonzero(numeric & np.isnan(coordinates).any(axis=0))
    if len(gaps):
        pairs = np.ix_(gaps, gaps)
        together = _cramer(_Levels.of(np.isnan(coordinates[:, gaps]).astype(np.float64), [2] * len(gaps)))
        larger = together > np.abs(values[pairs])
        values[pairs] = np.where(larger, together, values[pairs])
        measures[pairs] = np.where(larger, 3, 0)
    if counts:
        values[np.ix_(~numeric, ~numeric)] = _cramer(levels)
        mixed = _ratio(numbers, levels)
        values[np.ix_(numeric, ~numeric)], values[np.ix_(~numeric, numeric)] = mixed, mixed.T
    return Association(values, measures)


@dataclass(frozen=True, eq=False)
class _Numbers:
    """Centred and scaled numbers x (n, q), 0 where missing, and indicators of their presence."""

    x: FloatArray
    present: FloatArray

    @classmethod
    def of(cls, u: FloatArray) -> _Numbers:
        present = ~np.isnan(u)
        x = np.where(present, u, 0.0)
        x = x / np.abs(x).max(axis=0, initial=np.finfo(np.float64).tiny)  # squares may overflow
        x = np.where(present, x - x.sum(axis=0) / np.maximum(present.sum(axis=0), 1), 0.0)
        return cls(x, present.astype(np.float64))


@dataclass(frozen=True, eq=False)
class _Levels:
    """Indicators (n, K) of the levels of all columns, and the first level of each column (l,)."""

    indicators: FloatArray
    firsts: npt.NDArray[np.intp]

    @classmethod
    def of(cls, u: FloatArray, counts: list[int]) -> _Levels:
        parts = [column[:, None] == np.arange(count) for column, count in zip(u.T, counts, strict=True)]
        firsts = np.cumsum([0, *counts])[:-1].astype(np.intp)
        return cls(np.concatenate([np.empty((len(u), 0)), *parts], axis=1), firsts)

    def per_column(self, array: FloatArray, axis: int) -> FloatArray:
        """Sum over the levels of each column."""
        return np.add.reduceat(array, self.firsts, axis=axis)


def _pearson(numbers: _Numbers) -> FloatArray:
    """Return r for every two numbers, (q, q), at the rows that have both."""
    x, present = numbers.x, numbers.present
    rows = np.maximum(present.T @ present, 1)
    sums, squares = x.T @ present, (x**2).T @ present
    variance = squares - sums**2 / rows
    variance[variance <= CONSTANT * squares] = 0.0
    covariance = x.T @ x - sums * sums.T / rows
    scale = np.sqrt(variance) * np.sqrt(variance).T
    return np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0).clip(-1, 1)


def _cramer(levels: _Levels) -> FloatArray:
    """Return V for every two columns of levels, (l, l), from ``φ² = Σ n_ij² / (n_i n_j) − 1``."""
    g = levels.indicators
    together = g.T @ g
    margins = levels.per_column(together, axis=1)  # (K, l): rows of a level that have the other column
    columns = np.repeat(np.arange(len(levels.firsts)), np.diff([*levels.firsts, len(together)]))
    expected = margins[:, columns] * margins[:, columns].T
    shares = np.divide(together**2, expected, out=np.zeros_like(together), where=expected > 0)
    phi2 = levels.per_column(levels.per_column(shares, axis=0), axis=1) - 1
    rows = np.maximum(levels.per_column(margins, axis=0) - 1, 1)
    kinds = levels.per_column((margins > 0).astype(np.float64), axis=0)  # levels that occur with the other
    phi2 = phi2 - (kinds - 1) * (kinds.T - 1) / rows
    kinds = kinds - (kinds - 1) ** 2 / rows
    least = np.minimum(kinds, kinds.T) - 1
    return np.sqrt(np.divide(phi2, least, out=np.zeros_like(phi2), where=least > CONSTANT).clip(0, 1))


def _ratio(numbers: _Numbers, levels: _Levels) -> FloatArray:
    """Return η for every number and every column of levels, (q, l), corrected for its bias."""
    g = levels.indicators
    rows, sums, squares = numbers.present.T @ g, numbers.x.T @ g, (numbers.x**2).T @ g
    between = np.divide(sums**2, rows, out=np.zeros_like(sums), where=rows > 0)
    n, total, second, between, kinds = (
        levels.per_column(array, axis=1)
        for array in (rows, sums, squares, between, (rows > 0).astype(np.float64))
    )
    variance = second - total**2 / np.maximum(n, 1)
    within = (second - between).clip(0)
    free = n - kinds
    usable = (variance > CONSTANT * second) & (free > 0) & (kinds > 1)
    left = np.divide(within * (n - 1), variance * free, out=np.ones_like(n), where=usable)
    return np.sqrt((1 - left).clip(0, 1))
