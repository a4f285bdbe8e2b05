"""Terms of the columns in the matrices, and their changes from a reference to a row.

The matrix of a row is ``A = A_0 + Σ_c M_c(x_c) + Σ_q P_q(x_c, x_e)``: one term per column, and one per pair q
of columns c and e. If some columns take the row's values x and the others the values r of a reference, A is a
polynomial of degree two in the indicators s of the former,

    A(s) = A(r) + Σ_c s_c α_c + Σ_q s_c s_e β_q,
    α_c = M_c(x_c) − M_c(r_c) + Σ_{q of c} (P_q(x_c, r_e) − P_q(r_c, r_e)),
    β_q = P_q(x_c, x_e) − P_q(x_c, r_e) − P_q(r_c, x_e) + P_q(r_c, r_e).

The Shapley values of this game of matrices, ``Δ_c = α_c + ½ Σ_{q of c} β_q``, share every pair exactly
between its two columns: ``Σ_c Δ_c = A(x) − A(r)``. All methods use these change matrices, and :class:`Split`
adds up the contributions that they give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from ..eigen.compiling import compiled
from ..pencil import Neurons
from ..view import ModelView, Pair
from ..view.hats import MeanPair


@dataclass(frozen=True, eq=False, kw_only=True)
class Parts:
    """Results of a method for n rows and c columns; see :class:`.Attribution`."""

    values: FloatArray
    base_values: FloatArray
    prediction: FloatArray
    degenerate: npt.NDArray[np.bool_]
    diagonal: FloatArray | None = None
    coupling: FloatArray | None = None
    base_diagonal: FloatArray | None = None
    base_coupling: FloatArray | None = None
    standard_error: FloatArray | None = None
    refit_deviation: FloatArray | None = None
    of_members: FloatArray | None = None
    by_entry: FloatArray | None = None
    weights: FloatArray | None = None
    evaluations: int = 0

    def room(self, n: int) -> Parts:
        """Return empty arrays of the same kinds for n rows."""
        arrays = {name: own for name, own in vars(self).items() if isinstance(own, np.ndarray)}
        room: dict[str, Any] = {
            name: np.empty((n, *own.shape[1:]), own.dtype) for name, own in arrays.items()
        }
        return replace(self, **room)

    def put(self, some: slice, parts: Parts) -> None:
        """Write the results for some of the rows."""
        for name, own in vars(parts).items():
            if isinstance(own, np.ndarray) and (whole := getattr(self, name)) is not None:
                whole[some] = own


ENTRIES = 2**22
"""Maximum number of entries of change matrices held at a time."""


class Changes:
    """Change matrices between rows z (n, p) and reference rows (b, p) of one model.

    Matrices have the shape (N, E): one per neuron, as vectors of entries.
    """

    def __init__(self, view: ModelView, z: FloatArray, reference: FloatArray) -> None:
        self.view, self.neurons = view, view.function.neurons
        self.z, self.reference = z, reference
        self.columns, self.pairs = len(view.axes), len(view.pairs)

    @property
    def size(self) -> int:
        """Number of entries of the change matrices of a row and a reference."""
        _, count, entries = self.neurons.entries.shape
        return (self.columns + self.pairs) * count * entries

    @cached_property
    def at_reference(self) -> FloatArray:
        """A(r) of every reference row: shape (b, N, E)."""
        return self.neurons.at(self.reference)

    def polynomial(self, row: IntArray, ref: IntArray) -> FloatArray:
        """Return α of columns and β of pairs, (m, c + q, N, E), for rows and references, (m,) each."""
        z, row, found = self._without_pairs(row, ref, self.columns + self.pairs)
        for q, pair in enumerate(self.view.pairs):
            both, one, other, none = self._mixes(q, z, row, ref)
            own = self.view.pair_own[q]
            self.neurons.add_steps(one - none, own, found, pair.first)
            self.neurons.add_steps(other - none, own, found, pair.second)
            self.neurons.add_steps(both - one - other + none, own, found, self.columns + q)
        return found

    def shared(self, row: IntArray, ref: IntArray) -> FloatArray:
        """Return the change matrices Δ of the columns, (m, c, N, E), for rows and references, (m,) each."""
        z, row, found = self._without_pairs(row, ref, self.columns)
        for q, pair in enumerate(self.view.pairs):
            both, one, other, none = self._mixes(q, z, row, ref)
            own, whole, apart = self.view.pair_own[q], both - none, one - other
            self.neurons.add_steps((whole + apart) / 2, own, found, pair.first)
            self.neurons.add_steps((whole - apart) / 2, own, found, pair.second)
        return found

    def _without_pairs(
        self, row: IntArray, ref: IntArray, places: int
    ) -> tuple[FloatArray, IntArray, FloatArray]:
        """Return the part of z with the rows, their places in it, and changes (m, places, N, E).

        These are the columns' own changes, without pairs; they are zero in the remaining places.
        """
        found = np.zeros((len(row), places, *self.neurons.entries.shape[1:]))
        first = int(row.min(initial=0))
        z, row = self.z[first : int(row.max(initial=0)) + 1], row - first
        for at, name in enumerate(self.view.columns):
            own = self.view.own(name)
            self.neurons.add_steps(z[row, own] - self.reference[ref, own], own, found, at)
        return z, row, found

    def _mixes(self, q: int, z: FloatArray, row: IntArray, ref: IntArray) -> tuple[FloatArray, ...]:
        """Return the features of a pair, (m, K) each, if both columns, one, or none take the row's value.

        For one column, these are two arrays: for the first column and for the second.
        """
        pair, none = self.view.pairs[q], self._pairs_of_reference[q]
        x, r = (self._coordinates(rows, pair) for rows in (z, self.reference))
        one, other = pair.place(x[0][row], r[1][ref]), pair.place(r[0][ref], x[1][row])
        return pair.place(*x)[row], one, other, none[ref]

    def _coordinates(self, z: FloatArray, pair: Pair) -> tuple[FloatArray, FloatArray]:
        first, second = (self.view.positions(z, at) for at in pair.columns)
        return first, second

    @cached_property
    def _pairs_of_reference(self) -> list[FloatArray]:
        """The features of every pair at the reference rows."""
        return [pair.place(*self._coordinates(self.reference, pair)) for pair in self.view.pairs]


class MeanChanges:
    """Means, over reference rows (b, p), of the change matrices of rows of one model."""

    def __init__(self, view: ModelView, reference: FloatArray) -> None:
        self.view, self.neurons = view, view.function.neurons
        self.reference, self.columns = reference, len(view.axes)

    @property
    def together(self) -> int:
        """Number of rows whose change matrices and their copies a thread holds at a time."""
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
        """Yield every pair, its features, and the factors of their matrices in the Δ of its two columns.

        The factors, (n, K, 2), do not include half of the references' mean.
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


class Split:
    """Sums of contributions for n rows and c columns, with their split; see :class:`Attribution`."""

    neurons: Neurons
    diagonal: FloatArray
    coupling: FloatArray
    by_member: FloatArray
    by_entry: FloatArray | None

    @classmethod
    def zeros(cls, n: int, c: int, neurons: Neurons, *, detailed: bool = False) -> Self:
        """Return sums of zero; ``detailed`` ones keep the contribution of every entry, (n, c, N, E)."""
        split = cls()
        split.neurons = neurons
        split.diagonal, split.coupling = np.zeros((n, c)), np.zeros((n, c))
        split.by_member = np.zeros((n, c, neurons.n_members))
        split.by_entry = np.zeros((n, c, *neurons.entries.shape[1:])) if detailed else None
        return split

    def add(self, row: IntArray, change: FloatArray, products: FloatArray) -> None:
        """Add contributions of change matrices (m, c, N, E) with products (m, N, E) to rows (m,)."""
        sums = self.diagonal, self.coupling, self.by_member
        _add(row, change, products, self.neurons.structure.dim, self.neurons.member, *sums)
        if self.by_entry is not None:
            np.add.at(self.by_entry, row, change * products[:, None])

    def clear(self, rows: IntArray) -> None:
        """Set the sums of some rows back to zero."""
        self.diagonal[rows] = self.coupling[rows] = self.by_member[rows] = 0.0
        if self.by_entry is not None:
            self.by_entry[rows] = 0.0

    @property
    def refit_deviation(self) -> FloatArray | None:
        """Standard deviation of the contributions over the members, (n, c); None with one member."""
        return deviation_of(self.by_member)

    @property
    def of_members(self) -> FloatArray | None:
        """Contributions of the members, (n, c, M); None with one member."""
        return self.by_member if self.by_member.shape[2] > 1 else None


@compiled
def _add(
    row: IntArray,
    change: FloatArray,
    products: FloatArray,
    d: int,
    member: IntArray,
    diagonal: FloatArray,
    coupling: FloatArray,
    by_member: FloatArray,
) -> None:
    """Add contributions to ``diagonal`` (n, c), ``coupling`` (n, c) and ``by_member`` (n, c, M)."""
    m, columns, count, entries = change.shape
    members = by_member.shape[2]
    for i in range(m):
        for c in range(columns):
            for n in range(count):
                one, other = 0.0, 0.0
                for e in range(d):
                    one += change[i, c, n, e] * products[i, n, e]
                for e in range(d, entries):
                    other += change[i, c, n, e] * products[i, n, e]
                diagonal[row[i], c] += one
                coupling[row[i], c] += other
                by_member[row[i], c, member[n]] += members * (one + other)


def deviation_of(by_member: FloatArray) -> FloatArray | None:
    """Return the standard deviation over members, (n, c, M) to (n, c); None with one member."""
    if by_member.shape[-1] < 2:
        return None
    found = np.empty(by_member.shape[:2])
    _put_deviation(np.ascontiguousarray(by_member), found)
    return found


@compiled
def _put_deviation(samples: Any, into: Any) -> None:
    """Write standard deviations over a few samples like :func:`deviation`, (n, c, M) to (n, c)."""
    n, columns, count = samples.shape
    for i in range(n):
        for c in range(columns):
            largest, mean, square = 0.0, 0.0, 0.0
            for m in range(count):
                largest = max(largest, abs(samples[i, c, m]))
            _, exponent = math.frexp(largest)
            unit = math.ldexp(1.0, min(max(exponent, -1000), 1000))
            for m in range(count):
                mean += samples[i, c, m] / unit
            mean /= count
            for m in range(count):
                square += (samples[i, c, m] / unit - mean) ** 2
            into[i, c] = unit * math.sqrt(square / (count - 1))


def deviation(samples: FloatArray, axis: int) -> FloatArray:
    """Return the standard deviation along an axis, also for samples whose squares overflow or vanish."""
    _, exponent = np.frexp(np.abs(samples).max(axis=axis, keepdims=True, initial=0.0))
    scaled = np.ldexp(samples, -exponent).std(axis=axis, ddof=1, keepdims=True)
    return np.squeeze(np.ldexp(scaled, exponent), axis=axis)
