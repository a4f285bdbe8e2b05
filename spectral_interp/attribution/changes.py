"""What columns add to the matrices, and how they change them from a reference to a row.

The matrix of a row is ``A = A_0 + Σ_c M_c(x_c) + Σ_q P_q(x_c, x_e)``: one term a column, and one a pair q of
columns c and e. If some columns take the row's values x and the others those r of a reference, it is a
polynomial of degree two in the indicators s of the columns that do,

    A(s) = A(r) + Σ_c s_c α_c + Σ_q s_c s_e β_q,
    α_c = M_c(x_c) − M_c(r_c) + Σ_{q of c} (P_q(x_c, r_e) − P_q(r_c, r_e)),
    β_q = P_q(x_c, x_e) − P_q(x_c, r_e) − P_q(r_c, x_e) + P_q(r_c, r_e).

The Shapley values of this game of matrices, ``Δ_c = α_c + ½ Σ_{q of c} β_q``, share every pair exactly
between its two columns: ``Σ_c Δ_c = A(x) − A(r)``. They are the change matrices that all methods see.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from ..eigen.compiling import compiled
from ..view import ModelView, Pair
from ..view.hats import MeanPair, segments

ENTRIES = 2**22
"""Entries of change matrices that are held at a time."""


class Changes:
    """Change matrices between rows z (n, p) and reference rows (b, p) of one model.

    Matrices have the shape (N, E): one a neuron, as vectors of entries.
    """

    def __init__(self, view: ModelView, z: FloatArray, reference: FloatArray) -> None:
        self.view, self.neurons = view, view.function.neurons
        self.z, self.reference = z, reference
        self.columns, self.pairs = len(view.axes), len(view.pairs)

    @property
    def size(self) -> int:
        """Entries of the change matrices of a row and a reference."""
        _, count, entries = self.neurons.entries.shape
        return (self.columns + self.pairs) * count * entries

    @cached_property
    def at_reference(self) -> FloatArray:
        """A(r) of every reference row: shape (b, N, E)."""
        return self.neurons.at(self.reference)

    def polynomial(self, row: IntArray, ref: IntArray) -> FloatArray:
        """Return α of columns and β of pairs, (m, c + q, N, E), for rows and references, (m,) each."""
        found = np.empty((len(row), self.columns + self.pairs, *self.neurons.entries.shape[1:]))
        z, row = self._rows(row)
        self._write_own(found, z, row, ref)
        for q, pair in enumerate(self.view.pairs, start=self.columns):
            x, r = (self._coordinates(rows, pair) for rows in (z, self.reference))
            one = self._pair(q, pair.place(x[0][row], r[1][ref]))
            other = self._pair(q, pair.place(r[0][ref], x[1][row]))
            none = self._pairs_of_reference[q - self.columns][ref]
            found[:, pair.first] += one - none
            found[:, pair.second] += other - none
            found[:, q] = self._pair(q, pair.place(*x))[row] - one - other + none
        return found

    def shared(self, row: IntArray, ref: IntArray) -> FloatArray:
        """Return the change matrices Δ of the columns, (m, c, N, E), for rows and references, (m,) each."""
        found = np.empty((len(row), self.columns, *self.neurons.entries.shape[1:]))
        z, row = self._rows(row)
        self._write_own(found, z, row, ref)
        for q, pair in enumerate(self.view.pairs, start=self.columns):
            x, r = (self._coordinates(rows, pair) for rows in (z, self.reference))
            one = segments(pair.coordinates(x[0][row], r[1][ref]), pair.knots)
            other = segments(pair.coordinates(r[0][ref], x[1][row]), pair.knots)
            ends = self._pair(q, pair.place(*x)), self._pairs_of_reference[q - self.columns]
            knots = self._entries(self.view.pair_own[q - self.columns])
            _share(found, pair.first, pair.second, knots, ends, (row, ref), one, other)
        return found

    def _rows(self, row: IntArray) -> tuple[FloatArray, IntArray]:
        """Return the part of z that holds the rows, and their places in it."""
        first = int(row.min(initial=0))
        return self.z[first : int(row.max(initial=0)) + 1], row - first

    def _write_own(self, found: FloatArray, z: FloatArray, row: IntArray, ref: IntArray) -> None:
        """Write what the columns change by themselves, pairs apart."""
        for at, axis in enumerate(self.view.axes):
            if axis.knots:
                np.subtract(self._own(z, at)[row], self._own_of_reference[at][ref], out=found[:, at])
            else:  # of close values, differences of features are more exact than those of matrices
                found[:, at] = self._own(z[row] - self.reference[ref], at)

    def _own(self, z: FloatArray, at: int) -> FloatArray:
        """Return what a column adds to the matrices of rows: shape (n, N, E)."""
        own = self.view.own(self.view.columns[at])
        return self.neurons.steps(z[:, own], own)

    def _entries(self, own: slice) -> FloatArray:
        """Return the entries of all neurons for some features: shape (K, N, E)."""
        return self.neurons.entries[1 + own.start : 1 + own.stop]

    def _pair(self, q: int, features: FloatArray) -> FloatArray:
        """Return what a pair adds to the matrices for its features (m, K): shape (m, N, E)."""
        return self.neurons.steps(features, self.view.pair_own[q - self.columns])

    def _coordinates(self, z: FloatArray, pair: Pair) -> tuple[FloatArray, FloatArray]:
        first, second = (self.view.positions(z, at) for at in pair.columns)
        return first, second

    @cached_property
    def _own_of_reference(self) -> list[FloatArray]:
        return [self._own(self.reference, at) for at in range(self.columns)]

    @cached_property
    def _pairs_of_reference(self) -> list[FloatArray]:
        return [
            self._pair(q, pair.place(*self._coordinates(self.reference, pair)))
            for q, pair in enumerate(self.view.pairs, start=self.columns)
        ]


@compiled
def _share(
    found: FloatArray,
    first: int,
    second: int,
    knots: FloatArray,
    ends: tuple[FloatArray, FloatArray],
    places: tuple[IntArray, IntArray],
    one: tuple[IntArray, FloatArray],
    other: tuple[IntArray, FloatArray],
) -> None:
    """Add to its two columns what a pair changes, found (m, c, N, E), half of each column's α and β.

    ``knots``, (K, N, E), are the matrices at the pair's knots; ``ends`` those of the rows, both columns
    changed, and of the references, none changed, at ``places``; ``one`` and ``other`` the segments between
    the knots, and the shares of them, where the first column alone, or the second, takes the row's value.
    """
    _, count, entries = knots.shape
    for m in range(len(found)):
        at, ref = places[0][m], places[1][m]
        i, j, s, t = one[0][m], other[0][m], one[1][m], other[1][m]
        for n in range(count):
            for e in range(entries):
                whole = ends[0][at, n, e] - ends[1][ref, n, e]
                apart = (1 - s) * knots[i, n, e] + s * knots[i + 1, n, e]
                apart -= (1 - t) * knots[j, n, e] + t * knots[j + 1, n, e]
                found[m, first, n, e] += 0.5 * (whole + apart)
                found[m, second, n, e] += 0.5 * (whole - apart)


class MeanChanges:
    """Means over reference rows (b, p) of the change matrices of any rows of one model."""

    def __init__(self, view: ModelView, reference: FloatArray) -> None:
        self.view, self.neurons = view, view.function.neurons
        self.reference, self.columns = reference, len(view.axes)

    @property
    def together(self) -> int:
        """Number of rows whose change matrices a thread holds at a time, with copies of them."""
        return max(1, ENTRIES // 16 // (self.columns * self.neurons.entries[0].size))

    @cached_property
    def start(self) -> FloatArray:
        """The mean of A(r), shape (N, E)."""
        return self.neurons.at(self.reference).mean(axis=0)

    def matrices(self, z: FloatArray) -> FloatArray:
        """Return the means of Δ for rows z (n, p): shape (n, c, N, E)."""
        found = np.empty((len(z), self.columns, *self.neurons.entries.shape[1:]))
        for at, name in enumerate(self.view.columns):
            own = self.view.own(name)
            found[:, at] = self.neurons.steps(z[:, own] - self.centre[own], own)
        for pair, own, shares in self.shares(z):
            for side, column in enumerate(pair.columns):
                found[:, column] += self.neurons.steps(shares[..., side] - self.centre[own] / 2, own)
        return found

    @cached_property
    def centre(self) -> FloatArray:
        """The mean features of the reference rows, shape (p,)."""
        return self.reference.mean(axis=0)

    def shares(self, z: FloatArray) -> Iterator[tuple[Pair, slice, FloatArray]]:
        """Yield every pair, its features, and what multiplies their matrices in the Δ of its two columns.

        That is (n, K, 2), apart from half of the references' mean.
        """
        u = self._positions(z)
        for mean, own in zip(self._means, self.view.pair_own, strict=True):
            yield mean.pair, own, mean.shares(u[mean.pair.first], u[mean.pair.second])

    @cached_property
    def _means(self) -> list[MeanPair]:
        u = self._positions(self.reference)
        return [MeanPair.of(pair, u[pair.first], u[pair.second]) for pair in self.view.pairs]

    def _positions(self, z: FloatArray) -> dict[int, FloatArray]:
        """Return the coordinates (n,) of every column of a pair."""
        columns = sorted({column for pair in self.view.pairs for column in pair.columns})
        return {column: self.view.positions(z, column) for column in columns}
