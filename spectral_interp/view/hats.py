"""Inputs made piecewise linear: hat functions, numbers with knots, and pairs of numbers.

With knots ``g_0 < … < g_{K−1}`` the hats are the functions B_m that are linear between knots, one at g_m and
zero at every other knot: ``Σ_m B_m(u) c_m`` interpolates the numbers c_m linearly. Beyond the end knots the
two end segments go on. Everywhere ``Σ_m B_m(u) = 1`` and ``Σ_m B_m(u) g_m = u``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, IntArray
from .axes import MISSING, Axis, Directions, NumberAxis, extent

SAME = 1e-9
"""Points of a grid that are closer, as a share of its width, are the same."""


def segments(u: npt.ArrayLike, knots: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Return the segment of coordinates (m,) between K knots, 0 to K − 2, and the share of it that is passed.

    The share is below 0 before the first knot and above 1 beyond the last one.

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
    place, share = segments(u, knots)
    found, rows = np.zeros((len(place), np.size(knots))), np.arange(len(place))
    found[rows, place], found[rows, place + 1] = 1 - share, share
    return found


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

    A hat is linear on a segment, so its mean follows from how many shifts end in the segment, and their sum.

    Examples
    --------
    >>> mean_hats(np.array([0.5]), np.array([0.0, 0.5]), [0.0, 1.0, 2.0])
    array([[0.25, 0.75, 0.  ]])
    """
    knots, ordered = np.asarray(knots, dtype=np.float64), np.sort(shifts)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    ends = np.searchsorted(ordered, knots[1:-1] - u[:, None], side="left")
    ends = np.column_stack([np.zeros(len(u), np.intp), ends, np.full(len(u), len(ordered))])
    count, total = np.diff(ends, axis=1), np.diff(sums[ends], axis=1)
    share = (count * (u[:, None] - knots[:-1]) + total) / np.diff(knots)
    found = np.zeros((len(u), len(knots)))
    found[:, :-1] += count - share
    found[:, 1:] += share
    return found / len(ordered)


def check_knots(knots: Sequence[float], name: str) -> None:
    """Raise ValueError unless there are at least two finite knots, ascending."""
    steps = np.diff(np.asarray(knots, dtype=np.float64))
    if not len(steps) or not (np.isfinite(knots).all() and (steps > 0).all()):
        raise ValueError(f"expected at least 2 ascending knots for {name!r}; got {tuple(knots)}")


@dataclass(frozen=True)
class HatsAxis(NumberAxis):
    """A numeric column made piecewise linear: the hat functions of its knots are its features.

    If the training table had gaps, the indicator of a missing value less its mean follows, as in
    :class:`NumberAxis`; a missing value is placed at the median.

    Attributes
    ----------
    knots : tuple of float, length K >= 2
        Ascending coordinates: standard deviations from the mean, of the logarithm if ``log``.

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
        """Return a numeric column with knots at some of its coordinates."""
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
        inputs = self.plain.place(u)
        return np.column_stack([hats(inputs[:, 0], self.knots), inputs[:, 1:]])

    @override
    def positions(self, z: FloatArray) -> FloatArray:
        return z[:, : len(self.knots)] @ np.array(self.knots)

    @override
    def inputs(self, z: FloatArray) -> FloatArray:
        return np.column_stack([self.positions(z), z[:, len(self.knots) :]])

    @override
    def from_inputs(self, x: FloatArray) -> FloatArray:
        return np.column_stack([hats(x[:, 0], self.knots), x[:, 1:]])

    @override
    def input_slopes(self, z: FloatArray, per_feature: FloatArray) -> FloatArray:
        along = slopes(self.positions(z), self.knots)
        value = np.einsum("nm,n...m->n...", along, per_feature[..., : len(self.knots)])
        return np.concatenate([value[..., None], per_feature[..., len(self.knots) :]], axis=-1)

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
        apart = np.diff(grid) > SAME * (high - low)  # two that are one in the column's unit are one
        return grid[np.concatenate([[True], apart])]


@dataclass(frozen=True)
class Pair:
    """An input of two numeric columns: the sum or difference of their coordinates, piecewise linear.

    Attributes
    ----------
    first, second : int
        Places of the columns among the axes.
    sign : float
        1 for the sum, -1 for the difference.
    mean, scale : float
        Of the sum or difference over the training rows.
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
        """Places of the two columns."""
        return self.first, self.second

    def feature_names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the features, length K, from those of all columns."""
        joined = f"{columns[self.first]} {'+' if self.sign > 0 else '−'} {columns[self.second]}"
        return tuple(f"{joined} at {knot:.4g}" for knot in self.knots)

    def coordinates(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the input's coordinates for those of its two columns, which broadcast."""
        return (first + self.sign * second - self.mean) / self.scale

    def place(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the features (m, K) for the coordinates of the two columns, (m,) each."""
        return hats(self.coordinates(first, second), self.knots)


def positions(axes: Sequence[Axis], z: FloatArray, place: int) -> FloatArray:
    """Return the coordinates (n,) of a number, given by its place among the axes, at features z (n, …)."""
    first = sum(axis.n_features for axis in axes[:place])
    return axes[place].positions(z[:, first : first + axes[place].n_features])


def with_pairs(axes: Sequence[Axis], pairs: Sequence[Pair], own: FloatArray) -> FloatArray:
    """Return the features of axes and pairs, (n, p), from those of the axes."""
    if not pairs:
        return own
    blocks = [pair.place(*(positions(axes, own, place) for place in pair.columns)) for pair in pairs]
    return np.hstack([own, *blocks])
