"""Quadratic forms ``vᵀ Δ v`` of many small neurons at many rows, without storing their matrices.

The neurons are arranged in blocks of sixteen lanes. At every row, the kernel adds the matrices of a block for
the features that are not zero, solves for λ_k, and writes the factors of A's entries in ``vᵀ A v``. With P_j
the leading and Q_j the trailing minors of λ_k − A and s = Σ_j P_j Q_{j+1}, these are

    v_j² = P_j Q_{j+1} / s,    2 v_j v_{j+1} = 2 b_j P_j Q_{j+2} / s.

As ``|s| = Π_{i≠k} |λ_k − λ_i|``, and a product is bounded by a power of the mean square, the gap is at least

    |s| ((d − 2) / ‖λ_k − A‖²_F)^{(d−2)/2}.

If this bound is not far above rounding errors, the eigenpair comes from the general solver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from numba import njit

from .._common.arrays import FloatArray, IntArray
from ..eigen.compiling import HELPER, compiled
from ..eigen.engine import spread
from ..eigen.lanes import LANES, fill, larger, load, scratch, sqrt, store, total, where
from ..eigen.small import UNROLLED, order_of, scale_lanes, solve
from .neurons import DEGENERATE, Neurons
from .structures import Tridiagonal

FULL = 1 / 2
"""Least share of lanes with a neuron at which the kernel is used."""

CLEAR = 2.0**-10
"""Least proven gap, as a fraction of the norm: minors then lose at most three digits."""


class SparseFeatures(NamedTuple):
    """The non-zero features of n rows: their indices and values, row by row.

    Those of row i are from ``ends[i]`` to ``ends[i + 1]``.
    """

    ends: IntArray
    places: npt.NDArray[np.int32]
    shares: FloatArray

    @classmethod
    def of(cls, z: FloatArray, origin: FloatArray) -> Self:
        """Return the non-zero differences of features of rows (n, p) from an origin (p,)."""
        count = _count(z, origin)
        ends = np.zeros(len(z) + 1, dtype=np.intp)
        places, shares = np.empty(count, dtype=np.int32), np.empty(count)
        _compress(z, origin, ends, places, shares)
        return cls(ends, places, shares)


class Forms(NamedTuple):
    """Sums of quadratic forms of n rows and c columns over the neurons.

    They are the parts from entries on and off the diagonal, (n, c), and the sum over every member, (n, c, M).
    """

    diagonal: FloatArray
    coupling: FloatArray
    by_member: FloatArray

    @classmethod
    def zeros(cls, n: int, c: int, members: int) -> Self:
        """Return sums of zero."""
        return cls(np.zeros((n, c)), np.zeros((n, c)), np.zeros((n, c, members)))


@dataclass(frozen=True, eq=False)
class Blocks:
    """Neurons of one structure in B blocks of sixteen lanes; each block has one index k and one member.

    Attributes
    ----------
    neurons : Neurons
    entries : ndarray, shape (B, p + 1, E, LANES)
        Lanes without a neuron repeat another lane.
    k, member : ndarray of int, shape (B,)
    lane : ndarray of int, shape (N,)
        Index of every neuron among all lanes.
    used : ndarray, shape (B, LANES)
        1 for lanes with a neuron, 0 for others.
    """

    neurons: Neurons
    entries: FloatArray
    k: IntArray
    member: IntArray
    lane: IntArray
    used: FloatArray

    @classmethod
    def of(cls, neurons: Neurons) -> Self | None:
        """Return the neurons in blocks; None without a kernel for them, or if most lanes would be empty."""
        if not isinstance(neurons.structure, Tridiagonal) or not 2 <= neurons.structure.dim <= UNROLLED:
            return None
        groups = np.unique(np.column_stack([neurons.member, neurons.k]), axis=0)
        alike = [np.flatnonzero((neurons.member == member) & (neurons.k == k)) for member, k in groups]
        places = [own[start : start + LANES] for own in alike for start in range(0, len(own), LANES)]
        if len(neurons) < FULL * LANES * len(places):
            return None
        lane, used = np.empty(len(neurons), dtype=np.intp), np.zeros((len(places), LANES))
        for b, own in enumerate(places):
            lane[own] = LANES * b + np.arange(len(own))
            used[b, : len(own)] = 1
        first = np.array([own[0] for own in places])
        padded = np.array([np.resize(own, LANES) for own in places])
        entries = np.ascontiguousarray(neurons.entries[:, padded].transpose(1, 0, 3, 2))
        return cls(neurons, entries, neurons.k[first], neurons.member[first], lane, used)

    @property
    def order(self) -> Any:
        """The order of the matrices in the kernels' form: a tuple of d zeros."""
        return order_of(self.neurons.structure.dim)

    def arranged(self, matrices: FloatArray) -> FloatArray:
        """Return matrices (m, N, E) in blocks, (B, m, E, LANES), with zeros in lanes without a neuron."""
        m, _, count = matrices.shape
        found = np.zeros((m, len(self.k) * LANES, count))
        found[:, self.lane] = matrices
        return np.ascontiguousarray(found.reshape(m, -1, LANES, count).transpose(1, 0, 3, 2))

    def moved(self, origin: FloatArray) -> Self:
        """Return the same functions of the differences from an origin (p,): A_0 is the matrix there."""
        entries = self.entries.copy()
        entries[:, 0] += np.tensordot(entries[:, 1:], origin, axes=(1, 0))
        return replace(self, entries=entries)

    def values(self, z: FloatArray) -> FloatArray:
        """Return λ_k of every neuron at rows (n, p): shape (n, N)."""
        found, origin = np.empty((len(z), len(self.k), LANES)), np.zeros(z.shape[1])

        def part(first: int, last: int) -> int:
            sparse = SparseFeatures.of(z[first:last], origin)
            return int(_values(self.order, self.k, self.entries, sparse, found[first:last]))

        unsolved = spread(part, len(z), found[..., 0].size * self.entries.shape[2] * LANES)
        values = found.reshape(len(z), len(self.k) * LANES)[:, self.lane]
        if unsolved:
            rows = np.isnan(values).any(axis=1)
            values[rows] = self.neurons.values(self.neurons.at(z[rows]))
        return values

    def solved(self, sparse: SparseFeatures) -> Solved:
        """Return λ_k of every neuron at rows, and the factors of A's entries in ``vᵀ A v``."""
        n, count = len(sparse.ends) - 1, self.entries.shape[2]
        values, products = np.empty((n, len(self.k), LANES)), np.empty((n, len(self.k), count, LANES))
        _solve(self.order, self.k, self.entries, self.used, sparse, values, products)
        values = values.reshape(n, len(self.k) * LANES)[:, self.lane]
        found = Solved(self, values, products, np.zeros(n, dtype=bool))
        row, neuron = np.nonzero(np.isnan(values))
        for k in np.unique(self.neurons.k[neuron]).tolist():
            own = self.neurons.k[neuron] == k
            found.solve_apart(row[own], neuron[own], k)
        return found


@dataclass(frozen=True, eq=False)
class Solved:
    """Solutions of all neurons at n rows.

    Attributes
    ----------
    blocks : Blocks
    values : ndarray, shape (n, N)
        λ_k.
    products : ndarray, shape (n, B, E, LANES)
    degenerate : ndarray of bool, shape (n,)
        Rows where a gap is at most 1e-8 of the norm.
    """

    blocks: Blocks
    values: FloatArray
    products: FloatArray
    degenerate: npt.NDArray[np.bool_]

    def solve_apart(self, row: IntArray, neuron: IntArray, k: int) -> None:
        """Solve neurons of index k at rows, (m,), whose products still hold their matrices."""
        structure = self.blocks.neurons.structure
        block, place = np.divmod(self.blocks.lane[neuron], LANES)
        matrices = self.products[row, block, :, place]
        self.values[row, neuron], v = structure.pairs(matrices, k)
        self.products[row, block, :, place] = structure.products(v, v)
        low, high = structure.extremes(matrices)
        small = structure.gaps(matrices, k) <= DEGENERATE * np.maximum(-low, high)
        self.degenerate[row[small]] = True

    def add_columns(self, sparse: SparseFeatures, firsts: IntArray, less: FloatArray, forms: Forms) -> None:
        """Add the forms of every column: those of the matrices of its features less the column's own matrix.

        Parameters
        ----------
        sparse : SparseFeatures
            Features of the rows; those from ``firsts[-1]`` on are ignored.
        firsts : ndarray of int, shape (c + 1,)
            First feature of every column, and the end of the last column.
        less : ndarray, shape (B, c, E, LANES)
        forms : Forms
            Forms of c columns.
        """
        blocks = self.blocks
        _add_columns(
            *(blocks.order, blocks.entries, less, firsts, sparse, blocks.member, self.products, forms)
        )

    def add_pair(self, own: slice, shares: FloatArray, columns: tuple[int, int], forms: Forms) -> None:
        """Add the forms of K features, with shares (n, K, 2) in two columns."""
        blocks = self.blocks
        _add_pair(
            *(blocks.order, blocks.entries, own.start, shares, columns, blocks.member, self.products, forms)
        )


@compiled
def _count(z: Any, origin: Any) -> int:
    """Return the number of features of rows (n, p) that differ from an origin (p,)."""
    found = 0
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            found += int(z[i, j] != origin[j])
    return found


@compiled
def _compress(z: Any, origin: Any, ends: Any, places: Any, shares: Any) -> None:
    """Write the non-zero differences of features of rows (n, p) from an origin (p,), in sequence."""
    last = 0
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            if z[i, j] != origin[j]:
                places[last], shares[last] = j, z[i, j] - origin[j]
                last += 1
        ends[i + 1] = last


@njit(**HELPER)
def _gather(entries: Any, base: int, sparse: Any, i: int, bands: Any, order: Any) -> None:
    """Write the matrices of row i: A_0 and those of its features."""
    count = 2 * len(order) - 1
    for e in range(count):
        store(bands, e * LANES, load(entries, base + e * LANES))
    for q in range(sparse.ends[i], sparse.ends[i + 1]):
        at, share = base + (sparse.places[q] + 1) * count * LANES, sparse.shares[q]
        for e in range(count):
            store(bands, e * LANES, load(bands, e * LANES) + share * load(entries, at + e * LANES))


@njit(**HELPER)
def _scaled_apart(shifts: Any) -> bool:
    """Return whether a lane was huge, tiny or not a number."""
    found = 0
    for lane in range(LANES):
        found |= shifts[0, lane] | shifts[1, lane]
    return found != 0


@compiled
def _values(order: Any, ks: Any, entries: Any, sparse: Any, values: Any) -> int:
    """Write λ_k of every row and lane, (n, B, LANES); return the number of unsolved ones, which are NaN.

    Parameters
    ----------
    order : tuple of d zeros
    ks : int array, shape (B,)
    entries : array, shape (B, p + 1, 2 d - 1, LANES)
    sparse : SparseFeatures
    """
    n, blocks, unsolved = len(sparse.ends) - 1, len(ks), 0
    size = entries.shape[1] * (2 * len(order) - 1) * LANES
    bands = scratch(entries, order)
    shifts = np.zeros((2, LANES), np.int64)
    for b in range(blocks):
        for i in range(n):
            _gather(entries, b * size, sparse, i, bands, order)
            undo = scale_lanes(bands, order, shifts)
            x = undo * solve(bands, order, ks[b], fill(bands, math.nan))
            if _scaled_apart(shifts):
                x = fill(bands, math.nan)
                unsolved += 1
            store(values, (i * blocks + b) * LANES, x)
    return unsolved


@compiled
def _solve(order: Any, ks: Any, entries: Any, used: Any, sparse: Any, values: Any, products: Any) -> None:
    """Write λ_k and products, (n, B, 2 d - 1, LANES); NaN and the matrix where gaps are not clear.

    Unused lanes get products of zero. The other parameters are those of :func:`_values`.
    """
    n, blocks, count = len(sparse.ends) - 1, len(ks), 2 * len(order) - 1
    size = entries.shape[1] * count * LANES
    bands = scratch(entries, order)
    leading, trailing = scratch(entries, order), scratch(entries, order)
    shifts = np.zeros((2, LANES), np.int64)
    for b in range(blocks):
        for i in range(n):
            _gather(entries, b * size, sparse, i, bands, order)
            into = (i * blocks + b) * count * LANES
            for e in range(count):
                store(products, into + e * LANES, load(bands, e * LANES))
            undo = scale_lanes(bands, order, shifts)
            x = solve(bands, order, ks[b], fill(bands, math.nan))
            clear = _products(bands, order, x, leading, trailing)
            if _scaled_apart(shifts):
                clear = fill(bands, 0.0)
            store(values, (i * blocks + b) * LANES, where(clear > CLEAR, undo * x, math.nan))
            for e in range(count):
                found = where(clear > CLEAR, load(bands, e * LANES), load(products, into + e * LANES))
                store(products, into + e * LANES, found * load(used, b * LANES))


@njit(**HELPER)
def _products(bands: Any, order: Any, x: Any, leading: Any, trailing: Any) -> Any:
    """Replace matrices by v_j² and 2 v_j v_{j+1}; return a lower bound of the gap, relative to the norm."""
    d = len(order)
    one, zero = fill(bands, 1.0), fill(bands, 0.0)
    norm, square, before = zero, zero, zero
    p, p1 = one, zero
    for j in range(d):
        b = load(bands, (d + j) * LANES) if j < d - 1 else zero
        a = load(bands, j * LANES)
        t = x - a
        store(leading, j * LANES, p)
        p, p1 = t * p - before * before * p1, p
        norm = larger(norm, abs(a) + (abs(before) + abs(b)))
        square = square + (t * t + 2.0 * (b * b))
        before = b
    store(trailing, (d + 1) * LANES, zero)
    s, b, p, p1 = zero, zero, one, zero
    for m in range(d):
        j = d - 1 - m
        store(trailing, (j + 1) * LANES, p)
        s = s + load(leading, j * LANES) * p
        p, p1 = (x - load(bands, j * LANES)) * p - b * b * p1, p
        b = load(bands, (d + j - 1) * LANES) if j > 0 else zero
    r = 1.0 / s
    for j in range(d):
        store(bands, j * LANES, r * load(leading, j * LANES) * load(trailing, (j + 1) * LANES))
    r = 2.0 * r
    for j in range(d - 1):
        product = load(leading, j * LANES) * load(trailing, (j + 2) * LANES)
        store(bands, (d + j) * LANES, r * load(bands, (d + j) * LANES) * product)
    gap, r = abs(s), (d - 2.0) / square
    for _ in range((d - 2) // 2):
        gap = gap * r
    if d % 2:
        gap = gap * sqrt(r)
    return gap / norm


@njit(**HELPER)
def _add(forms: Any, i: int, column: int, member: int, on: Any, off: Any) -> None:
    """Add the parts of forms, in lanes, to a row and column."""
    diagonal, coupling = total(on), total(off)
    forms.diagonal[i, column] += diagonal
    forms.coupling[i, column] += coupling
    forms.by_member[i, column, member] += diagonal + coupling


@compiled
def _add_columns(
    order: Any, entries: Any, less: Any, firsts: Any, sparse: Any, member: Any, products: Any, forms: Any
) -> None:
    """Add the forms of every column: see :meth:`Solved.add_columns`."""
    d, columns = len(order), len(firsts) - 1
    n, blocks, count = len(sparse.ends) - 1, len(member), 2 * d - 1
    size = entries.shape[1] * count * LANES
    bands = scratch(entries, order)
    for b in range(blocks):
        for i in range(n):
            q, last, own = sparse.ends[i], sparse.ends[i + 1], (i * blocks + b) * count * LANES
            for c in range(columns):
                for e in range(count):
                    store(bands, e * LANES, -1.0 * load(less, ((b * columns + c) * count + e) * LANES))
                while q < last and sparse.places[q] < firsts[c + 1]:
                    at, share = b * size + (sparse.places[q] + 1) * count * LANES, sparse.shares[q]
                    for e in range(count):
                        store(
                            bands, e * LANES, load(bands, e * LANES) + share * load(entries, at + e * LANES)
                        )
                    q += 1
                on, off = fill(bands, 0.0), fill(bands, 0.0)
                for e in range(d):
                    on = on + load(bands, e * LANES) * load(products, own + e * LANES)
                for e in range(d, count):
                    off = off + load(bands, e * LANES) * load(products, own + e * LANES)
                _add(forms, i, c, member[b], on, off)


@compiled
def _add_pair(
    order: Any, entries: Any, first: int, shares: Any, columns: Any, member: Any, products: Any, forms: Any
) -> None:
    """Add the forms of features from ``first`` on to two columns: see :meth:`Solved.add_pair`."""
    n, features, _ = shares.shape
    d, blocks, zero = len(order), len(member), fill(entries, 0.0)
    count = 2 * d - 1
    size = entries.shape[1] * count * LANES
    own = scratch(entries, order)
    for b in range(blocks):
        for i in range(n):
            for e in range(count):
                store(own, e * LANES, load(products, ((i * blocks + b) * count + e) * LANES))
            on, off, other_on, other_off = zero, zero, zero, zero
            for m in range(features):
                one, other = shares[i, m, 0], shares[i, m, 1]
                if one == 0.0 and other == 0.0:
                    continue
                at = b * size + (first + m + 1) * count * LANES
                x, y = zero, zero
                for e in range(d):
                    x = x + load(own, e * LANES) * load(entries, at + e * LANES)
                for e in range(d, count):
                    y = y + load(own, e * LANES) * load(entries, at + e * LANES)
                on, off = on + one * x, off + one * y
                other_on, other_off = other_on + other * x, other_off + other * y
            _add(forms, i, columns[0], member[b], on, off)
            _add(forms, i, columns[1], member[b], other_on, other_off)
