"""The inputs of the sum form: plain columns, numbers with knots, and pairs of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from .._common.memory import chunks
from ..view import Axis, HatsAxis, Pair, Promise
from ..view.hats import segments
from .chains import Chain, Chains
from .neurons import SparseRows
from .run import Rows

LEAST_DISTANCE = 1e-3
"""Minimum distance between two knots, in standard deviations."""

FACTOR = 4
"""Number of segments into which finer knots divide a segment."""

LEAST_WEIGHT = 1e-30
"""Minimum weight of a row, relative to the mean; smaller weights would vanish in float32."""


@dataclass(frozen=True)
class Inputs:
    """Inputs of a model: its axes, some with knots, and its pairs.

    Attributes
    ----------
    axes : tuple of Axis
    pairs : tuple of Pair
    promises : tuple of Promise
        A pair with a promised column keeps the promise too, so the promise must not contradict that of its
        other column: see :meth:`signs`.
    """

    axes: tuple[Axis, ...]
    pairs: tuple[Pair, ...] = ()
    promises: tuple[Promise, ...] = ()

    def signs(self, first: int, second: int, sign: float) -> set[int]:
        """Return the directions that promises require of the coordinate of a pair: none, one or both.

        A column raises or lowers the coordinate ``u = (x_first + sign · x_second − mean) / scale`` of its
        pair.
        """
        asked = {promise.place: promise.sign for promise in self.promises}
        found = {asked.get(first, 0), int(sign) * asked.get(second, 0)}
        return found - {0}

    @cached_property
    def directions(self) -> dict[int, int]:
        """Direction that promises require of an axis or pair, by place; without orders of levels."""
        found = {promise.place: promise.sign for promise in self.promises if not promise.levels}
        for q, pair in enumerate(self.pairs, len(self.axes)):
            if asked := self.signs(pair.first, pair.second, pair.sign):
                found[q] = asked.pop()
        return found

    @cached_property
    def chains(self) -> Chains:
        """Chains of features that keep the promises."""
        lines = {first: self.n_features + q for q, first in enumerate(self.runs[:, 0].tolist())}

        found = []
        for q, sign in self.directions.items():
            start, knots = self.starts[q], self._knots[q]
            if knots:
                found.append(Chain(tuple(range(start, start + len(knots))), sign, knots, lines[start]))
            else:
                found.append(Chain((start,), sign, (1.0,), start))
        for promise in self.promises:
            if promise.levels:
                places = tuple(map(float, range(len(promise.levels))))
                found.append(Chain(promise.features(self.starts[promise.place]), promise.sign, places))
        return Chains(tuple(found))

    @cached_property
    def starts(self) -> list[int]:
        """First feature of every axis and every pair, then the number of features; 0 is the intercept."""
        sizes = [axis.n_features for axis in self.axes] + [len(pair.knots) for pair in self.pairs]
        return np.cumsum([1, *sizes]).tolist()

    @property
    def n_features(self) -> int:
        """Number of features, the intercept included."""
        return self.starts[-1]

    @property
    def _knots(self) -> list[tuple[float, ...]]:
        """Knots of every axis and pair; empty for an axis without knots."""
        return [getattr(part, "knots", ()) for part in (*self.axes, *self.pairs)]

    @cached_property
    def runs(self) -> npt.NDArray[np.int64]:
        """First feature, and the one after the last, of every piecewise linear input, (r, 2)."""
        found = [(a, a + len(g)) for a, g in zip(self.starts, self._knots, strict=False) if g]
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def knots(self) -> npt.NDArray[np.float32]:
        """Knot of every feature, 0 if it has none, (features,)."""
        found = np.zeros(self.n_features, dtype=np.float32)
        for start, own in zip(self.starts, self._knots, strict=False):
            found[start : start + len(own)] = own
        return found

    @cached_property
    def owners(self) -> IntArray:
        """Axis or pair of every feature except the intercept, then of every run, (features - 1 + r,)."""
        starts = np.array(self.starts)
        own = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        return np.concatenate([own, np.searchsorted(starts, self.runs[:, 0], side="right") - 1])

    @cached_property
    def offsets(self) -> FloatArray:
        """Offsets subtracted from the features, (features - 1,); training omits them to keep rows sparse."""
        return np.concatenate(
            [*(axis.offset for axis in self.axes), *(np.zeros(len(p.knots)) for p in self.pairs)]
        )

    def sparse(self, rows: Rows) -> SparseRows:
        """Return the sparse form of rows with the features of the plain axes, converted in chunks."""
        n = rows.shape[0]
        widths = np.max([self._widths(rows.take(some).z) for some in chunks(n)], axis=0)
        segments = len(self.runs)
        kind = np.uint16 if self.n_features < 2**16 else np.int32
        shape = n, segments + int(widths.sum())
        places, shares = np.empty(shape, dtype=kind), np.empty(shape, dtype=np.float32)
        for some in chunks(n):
            own = rows.take(some).z
            columns = chain(self._segments(own), self._entries(own, widths))
            for q, (place, share) in enumerate(columns):
                places[some, q], shares[some, q] = place, share
        return SparseRows(places, shares, segments)

    def _segments(self, z: FloatArray) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield places and shares of the segments of numbers with knots and of pairs."""
        value = {q: z[:, first] for q, first in enumerate(self._edges[:-1])}
        for q, axis in enumerate(self.axes):
            if isinstance(axis, HatsAxis):
                yield _moved(self.starts[q], segments(value[q], axis.knots))
        for q, pair in enumerate(self.pairs, len(self.axes)):
            u = pair.coordinates(value[pair.first], value[pair.second])
            yield _moved(self.starts[q], segments(u, pair.knots))

    def _entries(self, z: FloatArray, widths: IntArray) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield places and values of the other features, in ``widths`` columns per axis."""
        for (end, block), width in zip(self._blocks(z), widths, strict=True):
            yield from _compressed(block, end - block.shape[1], width)

    def _widths(self, z: FloatArray) -> list[int]:
        """Return the maximum number of nonzero other features per row, for every axis."""
        return [np.count_nonzero(block, axis=1).max(initial=0) for _, block in self._blocks(z)]

    def _blocks(self, z: FloatArray) -> Iterator[tuple[int, FloatArray]]:
        """Yield, for every axis, where its features end, and those that are not segments, without offsets."""
        for q, (axis, (first, last)) in enumerate(zip(self.axes, pairwise(self._edges), strict=True)):
            own = 1 if isinstance(axis, HatsAxis) else 0
            yield self.starts[q + 1], z[:, first + own : last] + axis.plain.offset[own:]

    @property
    def _edges(self) -> list[int]:
        """First feature of every plain axis, then the number of features."""
        return np.cumsum([0, *(axis.plain.n_features for axis in self.axes)]).tolist()

    def folded(self, weights: npt.NDArray[Any], *, rounded: bool = True) -> FloatArray:
        """Return trained weights as coefficients of the features: (features, neurons, 2 d - 1), float64.

        In rows, the means of indicators are subtracted from the features, and the intercept is adjusted for
        this. If ``rounded``, the coefficients are float32 numbers.
        """
        rows = weights[:, : self.n_features].astype(np.float64)
        entries = np.moveaxis(rows, 3, 1).reshape(-1, self.n_features, rows.shape[2])
        entries = entries.transpose(1, 0, 2).copy()
        entries[0] += np.tensordot(self.offsets, entries[1:], axes=1)
        return entries.astype(np.float32).astype(np.float64) if rounded else entries


@dataclass(frozen=True, eq=False)
class SparseTable:
    """Rows for training or validation: sparse features, targets (n,), weights (n,)."""

    rows: SparseRows
    y: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, inputs: Inputs, rows: Rows) -> SparseTable:
        """Return the table of rows with the features of the plain axes, for the given inputs."""
        return cls(inputs.sparse(rows), rows.y, rows.weight)

    def take(self, places: Any) -> SparseTable:
        """Return some of the rows."""
        return SparseTable(self.rows.take(places), self.y[places], self.weight[places])

    @cached_property
    def targets(self) -> npt.NDArray[np.float32]:
        """Targets for the kernels, shared by all fits on these rows."""
        return self.y.astype(np.float32)

    @cached_property
    def row_weights(self) -> npt.NDArray[np.float32]:
        """Weights with a mean of 1, for the kernels."""
        share = self.weight / self.weight.mean()
        return np.maximum(share, LEAST_WEIGHT, out=share).astype(np.float32)


def _moved(start: int, found: tuple[IntArray, FloatArray]) -> tuple[IntArray, FloatArray]:
    """Return places and shares of segments, with places among all features."""
    return start + found[0], found[1]


def _compressed(block: FloatArray, start: int, width: int) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield the nonzero entries of a block (n, f) as ``width`` columns of places and values."""
    row, column = np.nonzero(block)
    counts = np.bincount(row, minlength=len(block))
    nth = np.arange(len(row)) - (np.cumsum(counts) - counts)[row]
    for m in range(width):
        chosen = nth == m
        place, value = np.full(len(block), start, dtype=np.intp), np.zeros(len(block))
        place[row[chosen]] = start + column[chosen]
        value[row[chosen]] = block[row[chosen], column[chosen]]
        yield place, value


def knots_of(u: FloatArray, weight: FloatArray, count: int) -> FloatArray:
    """Return at most ``count`` knots at quantiles of coordinates (n,), or at all distinct values if few.

    Examples
    --------
    >>> knots_of(np.array([0.0, 1.0, 2.0, 3.0, 9.0]), np.ones(5), 3)
    array([0., 2., 9.])
    """
    values, inverse = np.unique(u, return_inverse=True)
    if len(values) <= count:
        return _apart(values)
    shares = np.bincount(inverse, weights=weight)
    knots = _quantiles(values, shares, np.linspace(0, 1, count))
    if len(knots) < count // 2:  # many rows share a value: add quantiles of the distinct values
        knots = np.union1d(knots, _quantiles(values, np.ones(len(values)), np.linspace(0, 1, count // 2)))
    return _apart(knots)


def _quantiles(values: FloatArray, weight: npt.NDArray[Any], shares: FloatArray) -> FloatArray:
    """Return the distinct weighted quantiles of ascending values."""
    below = np.cumsum(weight)
    places = np.searchsorted(below, shares * below[-1] * (1 - 1e-12))
    return np.unique(values[np.minimum(places, len(values) - 1)])


def _apart(knots: FloatArray) -> FloatArray:
    """Return the knots without those that are too close to their lower neighbour."""
    return knots[np.concatenate([[True], np.diff(knots) > LEAST_DISTANCE])]


def finer(knots: FloatArray, u: FloatArray) -> FloatArray:
    """Return knots with up to FACTOR times the segments: new knots are quantiles of the distinct values."""
    values = np.unique(u)
    parts = [knots]
    for low, high in pairwise(knots):
        inside = values[(values > low) & (values < high)]
        if len(inside):
            parts.append(_quantiles(inside, np.ones(len(inside)), np.arange(1, FACTOR) / FACTOR))
    found = np.unique(np.concatenate(parts))
    keep = np.concatenate([[True], np.diff(found) > LEAST_DISTANCE]) | np.isin(found, knots)
    return found[keep]
