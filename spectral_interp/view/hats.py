"""Piecewise-linear inputs: hat functions, numbers with knots, and pairs of numbers.

For knots ``g_0 < … < g_{K−1}``, the hat B_m is linear between knots, one at g_m and zero at every other knot,
so ``Σ_m B_m(u) c_m`` interpolates the numbers c_m linearly. Beyond the end knots, the two end segments are
extended. Everywhere ``Σ_m B_m(u) = 1`` and ``Σ_m B_m(u) g_m = u``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from typing_extensions import override

from .._common.arrays import FloatArray, IntArray
from ..eigen.compiling import HELPER, compiled
from .axes import MISSING, Axis, Directions, NumberAxis, extent

SAME = 1e-9
"""Distance of grid points below which they are the same, as a share of the width of the grid."""


def segments(u: npt.ArrayLike, knots: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Return the segments, 0 to K − 2, of coordinates (m,) between K knots, and the positions within them.

    A position is 0 at the left knot and 1 at the right one, below 0 before the first knot and above 1 beyond
    the last one.

    Examples
    --------
    >>> segments([-1.0, 0.5, 3.0], [0.0, 1.0, 2.0])
    (array([0, 0, 1]), array([-1. ,  0.5,  2. ]))
    """
    u, knots = np.asarray(u, dtype=np.float64), np.asarray(knots, dtype=np.float64)
    place = np.clip(np.searchsorted(knots, u, side="right") - 1, 0, len(knots) - 2)
    return place, (u - knots[place]) / (knots[place + 1] - knots[place])


def hats(u: npt.ArrayLike, knots: npt.ArrayLike) -> FloatArray:
    """Return the hat functions of K knots at coordinates (m,): shape (m, K).

    Examples
    --------
    >>> hats([0.5, 3.0], [0.0, 1.0, 2.0])
    array([[ 0.5,  0.5,  0. ],
           [ 0. , -1. ,  2. ]])
    """
    found = np.zeros((np.size(u), np.size(knots)))
    put_hats(u, knots, found)
    return found


def put_hats(u: npt.ArrayLike, knots: npt.ArrayLike, into: FloatArray) -> None:
    """Write the hat functions of K knots at coordinates (m,) into zeros (m, K)."""
    _put_hats(np.asarray(u, dtype=np.float64), np.asarray(knots, dtype=np.float64), into)


@compiled
def _put_hats(u: Any, knots: Any, into: Any) -> None:
    for i in range(len(u)):
        place, share = _segment(u[i], knots)
        into[i, place], into[i, place + 1] = 1 - share, share


@njit(**HELPER)
def _segment(u: float, knots: Any) -> Any:
    """Return the segment of a coordinate and its position in it; see :func:`segments`."""
    place, end = 0, len(knots) - 1
    while end - place > 1:
        middle = (place + end) >> 1
        if u < knots[middle]:
            end = middle
        else:
            place = middle
    return place, (u - knots[place]) / (knots[place + 1] - knots[place])


@compiled
def _put_slopes(u: Any, knots: Any, per_feature: Any, into: Any) -> None:
    """Write slopes by a coordinate from those by its hats, (n, r, f), and copy those by later features."""
    for i in range(len(into)):
        place, _ = _segment(u[i], knots)
        width = knots[place + 1] - knots[place]
        for r in range(into.shape[1]):
            into[i, r, 0] = (per_feature[i, r, place + 1] - per_feature[i, r, place]) / width
            for rest in range(1, into.shape[2]):
                into[i, r, rest] = per_feature[i, r, len(knots) + rest - 1]


@compiled
def _put_positions(z: Any, knots: Any, into: Any) -> None:
    """Write ``Σ_m z_m g_m``; the result of a row does not depend on other rows."""
    for i in range(len(into)):
        found = 0.0
        for m in range(len(knots)):
            if z[i, m] != 0.0:
                found += z[i, m] * knots[m]
        into[i] = found


def slopes(u: npt.ArrayLike, knots: npt.ArrayLike) -> FloatArray:
    """Return the derivatives of the hat functions at coordinates (m,), from the right at a knot: (m, K).

    Examples
    --------
    >>> slopes([0.5], [0.0, 2.0, 3.0])
    array([[-0.5,  0.5,  0. ]])
    """
    place, _ = segments(u, knots)
    width = np.diff(np.asarray(knots, dtype=np.float64))[place]
    found, rows = np.zeros((len(place), np.size(knots))), np.arange(len(place))
    found[rows, place], found[rows, place + 1] = -1 / width, 1 / width
    return found


def mean_hats(u: FloatArray, shifts: FloatArray, knots: npt.ArrayLike) -> FloatArray:
    """Return the means over shifts (b,) of the hat functions at ``u + shift``: (m,) to (m, K).

    A hat is linear on a segment, so its mean follows from the number and the sum of the shifts that end in
    the segment.

    Examples
    --------
    >>> mean_hats(np.array([0.5]), np.array([0.0, 0.5]), [0.0, 1.0, 2.0])
    array([[0.25, 0.75, 0.  ]])
    """
    knots, ordered = np.asarray(knots, dtype=np.float64), np.sort(shifts)
    found = np.zeros((len(u), len(knots)))
    _put_mean_hats(u, ordered, np.concatenate([[0.0], np.cumsum(ordered)]), knots, found)
    return found


@compiled
def _put_mean_hats(u: Any, ordered: Any, sums: Any, knots: Any, into: Any) -> None:
    for i in range(len(u)):
        _add_mean_hats(u[i], ordered, sums, knots, 1.0, into[i])


@njit(**HELPER)
def _add_mean_hats(u: float, ordered: Any, sums: Any, knots: Any, factor: float, into: Any) -> None:
    """Add a multiple of the means over ascending shifts (b,); ``sums`` (b + 1,) are their cumulative sums."""
    start, b = 0, len(ordered)
    factor = factor / b
    for m in range(len(knots) - 1):
        end = b if m == len(knots) - 2 else _first_from(ordered, knots[m + 1] - u, start)
        if end > start:
            count, total = end - start, sums[end] - sums[start]
            share = (count * (u - knots[m]) + total) / (knots[m + 1] - knots[m])
            into[m] += factor * (count - share)
            into[m + 1] += factor * share
        start = end
        if start == b:
            break


@njit(**HELPER)
def _first_from(ordered: Any, x: float, start: int) -> int:
    """Return the first position from ``start`` of a number >= x, which is probably near."""
    step, end = 1, len(ordered)
    while start + step <= end and ordered[start + step - 1] < x:
        start += step
        step *= 2
    end = min(start + step - 1, end)
    while start < end:
        middle = (start + end) >> 1
        if ordered[middle] < x:
            start = middle + 1
        else:
            end = middle
    return start


def check_knots(knots: Sequence[float], name: str) -> None:
    """Raise ValueError unless there are at least two finite ascending knots."""
    steps = np.diff(np.asarray(knots, dtype=np.float64))
    if not len(steps) or not (np.isfinite(knots).all() and (steps > 0).all()):
        raise ValueError(f"expected at least 2 ascending knots for {name!r}; got {tuple(knots)}")


@dataclass(frozen=True)
class HatsAxis(NumberAxis):
    """A piecewise-linear numeric column, whose features are the hat functions of its knots.

    If the training table had gaps, the centred indicator of a missing value follows, as in
    :class:`NumberAxis`; a missing value is placed at the median.

    Attributes
    ----------
    knots : tuple of float, length K >= 2
        Ascending coordinates: standard deviations from the mean, for the logarithm if ``log``.

    Examples
    --------
    >>> age = HatsAxis("age", mean=50.0, scale=10.0, knots=(-1.0, 0.0, 2.0))
    >>> age.encode([45.0, 70.0])
    array([[0.5, 0.5, 0. ],
           [0. , 0. , 1. ]])
    >>> age.decode(age.encode([45.0, 90.0])), age.feature_names
    (array([45., 90.]), ('age at 40', 'age at 50', 'age at 70'))
    """

    knots: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_knots(self.knots, self.name)

    @classmethod
    def of(cls, axis: NumberAxis, knots: Sequence[float]) -> HatsAxis:
        """Return a numeric column with knots at the given coordinates."""
        return cls(
            **{f.name: getattr(axis, f.name) for f in fields(NumberAxis)}, knots=tuple(map(float, knots))
        )

    @property
    @override
    def plain(self) -> NumberAxis:
        return NumberAxis(**{field.name: getattr(self, field.name) for field in fields(NumberAxis)})

    @property
    @override
    def linear(self) -> bool:
        return False

    @property
    @override
    def feature_names(self) -> tuple[str, ...]:
        own = tuple(f"{self.name} at {value:.4g}" for value in self.values(np.array(self.knots)))
        return own if self.median is None else (*own, f"{self.name} {MISSING}")

    @property
    @override
    def n_features(self) -> int:
        return len(self.knots) + (self.median is not None)

    @property
    @override
    def value_features(self) -> int:
        return len(self.knots)

    @override
    def directions(self) -> Directions:
        """Return a step of one coordinate within every segment."""
        quantity = f"log {self.name}" if self.log else self.name
        ends = self.values(np.array(self.knots))
        steps = np.zeros((len(self.knots) - 1, self.n_features))
        steps[:, : len(self.knots)] = slopes(np.array(self.knots)[:-1], self.knots)
        labels = (f"{self.step} of {quantity} from {low:.4g} to {high:.4g}" for low, high in pairwise(ends))
        return Directions(tuple(labels), steps, f"unit of {quantity}", 1 / self.scale)

    @override
    def place(self, u: FloatArray) -> FloatArray:
        found = np.zeros((len(u), self.n_features))
        self.put(u, found)
        return found

    @override
    def put(self, u: FloatArray, into: FloatArray) -> None:
        inputs = super().place(u)
        put_hats(inputs[:, 0], self.knots, into)
        into[:, len(self.knots) :] = inputs[:, 1:]

    @override
    def positions(self, z: FloatArray) -> FloatArray:
        found = np.empty(len(z))
        _put_positions(z, np.array(self.knots), found)
        return found

    @override
    def inputs(self, z: FloatArray) -> FloatArray:
        return np.column_stack([self.positions(z), z[:, len(self.knots) :]])

    @override
    def from_inputs(self, x: FloatArray) -> FloatArray:
        return np.column_stack([hats(x[:, 0], self.knots), x[:, 1:]])

    @override
    def input_slopes(self, z: FloatArray, per_feature: FloatArray) -> FloatArray:
        shape, K = per_feature.shape, len(self.knots)
        between = per_feature.reshape(len(z), math.prod(shape[1:-1]), shape[-1])
        found = np.empty((*between.shape[:2], 1 + shape[-1] - K))
        _put_slopes(self.positions(z), np.array(self.knots), between, found)
        return found.reshape(*shape[:-1], found.shape[-1])

    @override
    def along(self, z: FloatArray) -> FloatArray:
        found = np.ones_like(z)
        found[:, : len(self.knots)] = slopes(self.positions(z), self.knots)
        return found

    @override
    def locate(self, z: FloatArray) -> FloatArray:
        return np.where((z[:, len(self.knots) :] > 0).any(axis=1), np.nan, self.positions(z))

    @override
    def grid(self, u: FloatArray, points: int) -> FloatArray:
        low, high = extent(u)
        inside = [knot for knot in self.knots if low < knot < high]
        grid = np.union1d(np.linspace(low, high, points), inside)
        apart = np.diff(grid) > SAME * (high - low)  # merge points that are equal in the column's unit
        return grid[np.concatenate([[True], apart])]


@dataclass(frozen=True)
class Pair:
    """A piecewise-linear input from the sum or difference of the coordinates of two numeric columns.

    Attributes
    ----------
    first, second : int
        Positions of the columns among the axes.
    sign : float
        1 for the sum, -1 for the difference.
    mean, scale : float
        Mean and standard deviation of the sum or difference over the training rows.
    knots : tuple of float, length K >= 2
        Ascending, in units of ``scale`` from ``mean``.

    Examples
    --------
    >>> pair = Pair(0, 1, sign=-1.0, mean=0.0, scale=2.0, knots=(-1.0, 1.0))
    >>> pair.place(np.array([3.0]), np.array([1.0]))
    array([[0., 1.]])
    """

    first: int
    second: int
    sign: float
    mean: float
    scale: float
    knots: tuple[float, ...]

    def __post_init__(self) -> None:
        check_knots(self.knots, f"pair of columns {self.first} and {self.second}")

    @property
    def columns(self) -> tuple[int, int]:
        """Positions of the two columns."""
        return self.first, self.second

    def feature_names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the features, length K, from the names of all columns."""
        joined = f"{columns[self.first]} {'+' if self.sign > 0 else '−'} {columns[self.second]}"
        return tuple(f"{joined} at {knot:.4g}" for knot in self.knots)

    def coordinates(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the input's coordinates from those of its two columns, which broadcast."""
        return (first + self.sign * second - self.mean) / self.scale

    def place(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the features (m, K) at coordinates of the two columns, (m,) each."""
        return hats(self.coordinates(first, second), self.knots)


@dataclass(frozen=True, eq=False)
class MeanPair:
    """A pair in which one column has the values of reference rows.

    Attributes
    ----------
    pair : Pair
    shifts : tuple of two ndarrays, shape (b,)
        Ascending shifts of the coordinate by the references' values of the second and of the first column.
    sums : tuple of two ndarrays, shape (b + 1,)
        Cumulative sums of the shifts, from 0.
    """

    pair: Pair
    shifts: tuple[FloatArray, FloatArray]
    sums: tuple[FloatArray, FloatArray]

    @classmethod
    def of(cls, pair: Pair, first: FloatArray, second: FloatArray) -> MeanPair:
        """Build it from a pair and the coordinates (b,) of the references' columns."""
        shifts = np.sort(pair.sign * second / pair.scale), np.sort(first / pair.scale)
        ahead, behind = (np.concatenate([[0.0], np.cumsum(shift)]) for shift in shifts)
        return cls(pair, shifts, (ahead, behind))

    def shares(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the factors of the pair's matrices in the change of either column, without the references'.

        Let B be the features at both coordinates (m,) of a row, and B̄ their means if the other column has the
        references' values. The factors are ``½ (B + B̄_first − B̄_second)`` and ``½ (B + B̄_second − B̄_first)``,
        shape (m, K, 2).
        """
        pair, none = self.pair, np.zeros(1)
        found = np.empty((len(first), len(pair.knots), 2))
        u = pair.coordinates(first, none), pair.coordinates(none, second), pair.coordinates(first, second)
        _put_shares(u, self.shifts, self.sums, np.array(pair.knots), found)
        return found


@compiled
def _put_shares(u: Any, shifts: Any, sums: Any, knots: Any, into: Any) -> None:
    difference = np.empty(len(knots))
    for i in range(len(into)):
        difference[:] = 0.0
        _add_mean_hats(u[0][i], shifts[0], sums[0], knots, 0.5, difference)
        _add_mean_hats(u[1][i], shifts[1], sums[1], knots, -0.5, difference)
        for m in range(len(knots)):
            into[i, m, 0], into[i, m, 1] = difference[m], -difference[m]
        place, share = _segment(u[2][i], knots)
        for side in range(2):
            into[i, place, side] += 0.5 * (1 - share)
            into[i, place + 1, side] += 0.5 * share


def with_pairs(axes: Sequence[Axis], pairs: Sequence[Pair], own: FloatArray) -> FloatArray:
    """Return the features (n, p) of axes and pairs from those of the axes."""
    if not pairs:
        return own
    z = np.zeros((len(own), own.shape[1] + sum(len(pair.knots) for pair in pairs)))
    z[:, : own.shape[1]] = own
    _put_pairs(axes, pairs, z)
    return z


def features(axes: Sequence[Axis], pairs: Sequence[Pair], u: Iterable[FloatArray], n: int) -> FloatArray:
    """Return the features (n, p) of axes and pairs at coordinates (n,) of every column, taken in turn."""
    own = sum(axis.n_features for axis in axes)
    z = np.zeros((n, own + sum(len(pair.knots) for pair in pairs)))
    first = 0
    for axis, coordinates in zip(axes, u, strict=True):
        axis.put(coordinates, z[:, first : first + axis.n_features])
        first += axis.n_features
    _put_pairs(axes, pairs, z)
    return z


def _put_pairs(axes: Sequence[Axis], pairs: Sequence[Pair], z: FloatArray) -> None:
    """Write the features of pairs, which are zero before, after those of the axes."""
    firsts = [0, *accumulate(axis.n_features for axis in axes)]
    columns = sorted({place for pair in pairs for place in pair.columns})
    along = {place: axes[place].positions(z[:, firsts[place] : firsts[place + 1]]) for place in columns}
    first = firsts[-1]
    for pair in pairs:
        u = pair.coordinates(*(along[place] for place in pair.columns))
        put_hats(u, pair.knots, z[:, first : first + len(pair.knots)])
        first += len(pair.knots)
