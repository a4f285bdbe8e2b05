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
from ..view import ModelView, Pair
from ..view.hats import mean_hats

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

    def chunks(self) -> Iterator[slice]:
        """Yield slices of the rows whose change matrices fit into memory together."""
        together = max(1, ENTRIES // self.size)
        for start in range(0, len(self.z), together):
            yield slice(start, min(start + together, len(self.z)))

    @cached_property
    def at_reference(self) -> FloatArray:
        """A(r) of every reference row: shape (b, N, E)."""
        return self.neurons.at(self.reference)

    def polynomial(self, row: IntArray, ref: IntArray) -> FloatArray:
        """Return α of columns and β of pairs, (m, c + q, N, E), for rows and references, (m,) each."""
        found = np.empty((len(row), self.columns + self.pairs, *self.neurons.entries.shape[1:]))
        first = int(row.min(initial=0))
        z, row = self.z[first : int(row.max(initial=0)) + 1], row - first
        for at, axis in enumerate(self.view.axes):
            if axis.knots:
                found[:, at] = self._own(z, at)[row] - self._own_of_reference[at][ref]
            else:  # of close values, differences of features are more exact than those of matrices
                found[:, at] = self._own(z[row] - self.reference[ref], at)
        for q, pair in enumerate(self.view.pairs):
            x, r = (self._coordinates(rows, pair) for rows in (z, self.reference))
            one, other = pair.place(x[0][row], r[1][ref]), pair.place(r[0][ref], x[1][row])
            none, own = self._pairs_of_reference[q][ref], self.view.pair_own[q]
            self.neurons.add_steps(one - none, own, found, pair.first)
            self.neurons.add_steps(other - none, own, found, pair.second)
            found[:, self.columns + q] = 0.0
            self.neurons.add_steps(pair.place(*x)[row] - one - other + none, own, found, self.columns + q)
        return found

    def shared(self, polynomial: FloatArray) -> FloatArray:
        """Return the change matrices Δ of the columns, (m, c, N, E), from α and β."""
        found = polynomial[:, : self.columns]
        for q, pair in enumerate(self.view.pairs, start=self.columns):
            half = polynomial[:, q] / 2
            found[:, pair.first] += half
            found[:, pair.second] += half
        return found

    def means(self, rows: slice) -> FloatArray:
        """Return the means of Δ over all reference rows, for some rows: shape (m, c, N, E)."""
        z = self.z[rows]
        found = np.empty((len(z), self.columns, *self.neurons.entries.shape[1:]))
        for at in range(self.columns):
            found[:, at] = self._own(z - self.reference.mean(axis=0), at)
        for q, pair in enumerate(self.view.pairs, start=self.columns):
            x, r = self._coordinates(z, pair), self._coordinates(self.reference, pair)
            both, none = pair.place(*x), pair.place(*r).mean(axis=0)
            first, second = _mean_places(pair, x, r)
            found[:, pair.first] += self._pair(q, (both - second + first - none) / 2)
            found[:, pair.second] += self._pair(q, (both - first + second - none) / 2)
        return found

    def _own(self, z: FloatArray, at: int) -> FloatArray:
        """Return what a column adds to the matrices of rows: shape (n, N, E)."""
        own = self.view.own(self.view.columns[at])
        return self.neurons.steps(z[:, own], own)

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
        """The features of every pair at the reference rows."""
        return [pair.place(*self._coordinates(self.reference, pair)) for pair in self.view.pairs]


def _mean_places(
    pair: Pair, x: tuple[FloatArray, FloatArray], r: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return the mean features over the references where the first, or the second, column is the row's."""
    zero = np.zeros(1)
    own = pair.coordinates(x[0], zero), pair.coordinates(zero, x[1])
    shifts = pair.sign * r[1] / pair.scale, r[0] / pair.scale
    first, second = (mean_hats(u, shift, pair.knots) for u, shift in zip(own, shifts, strict=True))
    return first, second
