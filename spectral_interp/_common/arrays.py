"""Array types, checks of matrix arguments for NumPy and torch, a weighted median, and positions of rows."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


def check_bands(diag_shape: Sequence[int], off_shape: Sequence[int]) -> None:
    """Raise unless the shapes are (..., d) and (..., d - 1) with equal leading dimensions and d >= 1."""
    if not diag_shape or diag_shape[-1] < 1:
        raise ValueError(f"expected diag of shape (..., d) with d >= 1; got {tuple(diag_shape)}")
    expected = (*diag_shape[:-1], diag_shape[-1] - 1)
    if tuple(off_shape) != expected:
        raise ValueError(f"expected off of shape {expected} to go with diag; got {tuple(off_shape)}")


def check_index(k: SupportsIndex, dim: int) -> int:
    """Return ``k`` as an index in [0, dim); negative values count from the top."""
    try:
        index = operator.index(k)
    except TypeError:
        raise TypeError(f"expected k to be an integer; got {type(k).__name__}") from None
    if not -dim <= index < dim:
        raise ValueError(f"expected k in [{-dim}, {dim}) for matrices of order {dim}; got {index}")
    return index % dim


def check_finite(name: str, values: npt.NDArray[np.floating]) -> None:
    """Raise ValueError with the first row (leading index) that holds NaN or an infinite number."""
    finite = np.isfinite(values)
    if finite.all():
        return
    where = tuple(int(i) for i in np.argwhere(~finite)[0])
    row = where[:-1] if len(where) > 1 else ()
    place = f"row {row[0] if len(row) == 1 else row}" if row else f"entry {where[-1]}"
    raise ValueError(f"expected finite numbers in {name}; got {values[where]} in {place}")


def weighted_median(values: FloatArray, weight: FloatArray) -> float:
    """Return the weighted median: the middle of the values with at most half of the weight on either side.

    Integer weights are exact below 10¹¹ rows. Sums of other weights count as half if they equal it up to
    rounding.

    Examples
    --------
    >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([2.0, 1.0, 1.0]))
    2.5
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order])
    half, slack = below[-1] / 2, 1e-12 * below[-1]
    low, high = np.searchsorted(below, [half - slack, half + slack])
    return float((values[order[low]] + values[order[high]]) / 2)


def spread(n: int, most: int) -> IntArray:
    """Return the positions of at most ``most`` of n rows, evenly spread.

    Examples
    --------
    >>> spread(9, 3)
    array([0, 4, 8])
    """
    return np.linspace(0, n - 1, min(most, n)).astype(np.intp)


def padded(rows: Sequence[FloatArray]) -> FloatArray:
    """Stack arrays (a, …) of different lengths to (n, a, …); the last entry of a shorter array is repeated.

    Examples
    --------
    >>> padded([np.array([1.0, 2.0]), np.array([3.0])]).tolist()
    [[1.0, 2.0], [3.0, 3.0]]
    """
    most = max(map(len, rows))
    return np.stack([row[np.minimum(np.arange(most), len(row) - 1)] for row in rows])
