"""The matrices of one or several eigenvalues of the same features, as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from ..eigen.compiling import compiled
from .structures import Structure

DEGENERATE = 1e-8
"""Largest gap, as a fraction of ‖A(z)‖, at which a row is reported as degenerate."""

WIDE, SPARSE = 64, 1 / 4
"""Number of features, and share of non-zero ones, from which BLAS multiplies rows faster."""


@dataclass(frozen=True, eq=False)
class Neurons:
    """N eigenvalues ``λ_k(A_0 + Σ z_i A_i)`` over the same p features, whose sum is a function.

    Attributes
    ----------
    structure : Structure
        Structure of all matrices: order d, E entries each.
    entries : ndarray, shape (p + 1, N, E)
        A_0 … A_p of every neuron.
    k : ndarray of int, shape (N,)
    member : ndarray of int, shape (N,)
        Member, of M, of every neuron; M times the sum over a member is that member's function.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> neurons = Pencil(diag=[[0.0, 1.0], [1.0, -1.0]], off=[[0.0], [0.0]], k=1).neurons
    >>> neurons.values(neurons.at(np.array([[3.0]])))
    array([[3.]])
    """

    structure: Structure
    entries: FloatArray
    k: IntArray
    member: IntArray

    def __len__(self) -> int:
        return len(self.k)

    @property
    def n_members(self) -> int:
        """Number M of members."""
        return int(self.member[-1]) + 1

    def at(self, z: FloatArray) -> FloatArray:
        """Return A(z) of every neuron at rows (n, p): shape (n, N, E)."""
        found = np.repeat(self.entries[None, :1], len(z), axis=0)
        self.add_steps(z, None, found, 0)
        return found[:, 0]

    def steps(self, s: FloatArray, own: slice | None = None) -> FloatArray:
        """Return ``Σ s_i A_i`` for changes of the features ``own``, by default all: shape (n, N, E)."""
        found = np.zeros((len(s), 1, *self.entries.shape[1:]))
        self.add_steps(s, own, found, 0)
        return found[:, 0]

    def add_steps(self, s: FloatArray, own: slice | None, found: FloatArray, place: int) -> None:
        """Add ``Σ s_i A_i`` to one place of rows (n, places, N, E), which are contiguous."""
        entries = self.entries[1:] if own is None else self.entries[1 + own.start : 1 + own.stop]
        each = entries.shape[1] * entries.shape[2]
        flat, rows = entries.reshape(len(entries), each), found.reshape(*found.shape[:2], each)
        if s.shape[1] < WIDE or np.count_nonzero(s) <= SPARSE * s.size:
            _add_products(s, flat, rows, place)
        else:
            rows[:, place] += s @ flat

    def values(self, matrices: FloatArray) -> FloatArray:
        """Return λ_k of matrices (n, N, E): shape (n, N)."""
        found = np.empty(matrices.shape[:2])
        for k, own, part in self._by_index(matrices):
            found[:, own] = self.structure.values(_flat(part), k).reshape(part.shape[:2])
        return found

    def pairs(self, matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return λ_k (n, N) and v (n, N, d) of matrices (n, N, E)."""
        d = self.structure.dim
        values, vectors = np.empty(matrices.shape[:2]), np.empty((*matrices.shape[:2], d))
        for k, own, part in self._by_index(matrices):
            lam, v = self.structure.pairs(_flat(part), k)
            values[:, own], vectors[:, own] = lam.reshape(part.shape[:2]), v.reshape(*part.shape[:2], d)
        return values, vectors

    def gaps(self, matrices: FloatArray) -> FloatArray:
        """Return the distance from every λ_k to its nearest neighbour, (n, N), for matrices (n, N, E)."""
        found = np.empty(matrices.shape[:2])
        for k, own, part in self._by_index(matrices):
            found[:, own] = self.structure.gaps(_flat(part), k).reshape(part.shape[:2])
        return found

    def degenerate(self, matrices: FloatArray) -> npt.NDArray[np.bool_]:
        """Return a mask (n,) of the sets of matrices (n, N, E) in which a gap is at most 1e-8 of the norm."""
        small = self.gaps(matrices) <= DEGENERATE * self.norms(matrices)
        return np.logical_or.reduce(small, axis=1)

    def form_ranges(self, matrices: FloatArray, changes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the least and the largest ``Σ_n v_nᵀ Δ_n v_n`` over all unit eigenvectors of λ_k.

        With V a basis of the eigenspace these are the sums of λ_min and of λ_max of ``Vᵀ Δ V`` (Rayleigh).
        Eigenvalues count as equal if they differ by at most 1e-8 of the norm.

        Parameters
        ----------
        matrices : ndarray, shape (n, N, E)
        changes : ndarray, shape (n, c, N, E)

        Returns
        -------
        low, high : ndarray, shape (n, c)
        """
        found = np.zeros((2, *changes.shape[:2]))
        for n, k in enumerate(self.k.tolist()):
            values, vectors = self.structure.systems(matrices[:, n])
            near = np.abs(values - values[:, [k]]) <= DEGENERATE * np.abs(values).max(axis=1, keepdims=True)
            spaces = np.column_stack([near.argmax(axis=1), near.sum(axis=1)])
            for first, order in np.unique(spaces, axis=0).tolist():
                at = np.flatnonzero((spaces == (first, order)).all(axis=1))
                basis = vectors[at, None, :, first : first + order]
                forms = basis.swapaxes(-1, -2) @ self.structure.full(changes[at, :, n]) @ basis
                found[:, at] += np.moveaxis(np.linalg.eigvalsh(forms)[..., [0, -1]], -1, 0)
        return found[0], found[1]

    def _by_index(self, matrices: FloatArray) -> Iterator[tuple[int, Any, FloatArray]]:
        """Yield every index k, its neurons, and their matrices, (n, neurons, E)."""
        for k, own in self.indices:
            yield k, own, matrices[:, own]

    @cached_property
    def indices(self) -> list[tuple[int, Any]]:
        """The indices k in ascending order, each with its neurons."""
        different = np.unique(self.k).tolist()
        return [(k, slice(None) if len(different) == 1 else np.flatnonzero(self.k == k)) for k in different]

    @cached_property
    def sizes(self) -> FloatArray:
        """Spectral norms of A_0 … A_p of every neuron: shape (p + 1, N)."""
        return self.norms(self.entries)

    def terms(self, z: FloatArray) -> FloatArray:
        """Return ``‖A_0‖ + Σ |z_i| ‖A_i‖`` of every neuron at rows (n, p): shape (n, N)."""
        found = np.repeat(self.sizes[None, :1], len(z), axis=0)
        _add_products(np.abs(z), self.sizes[1:], found, 0)
        return found[:, 0]

    def norms(self, matrices: FloatArray) -> FloatArray:
        """Return the spectral norms of matrices (…, N, E): shape (…, N)."""
        low, high = self.extremes(matrices)
        return np.maximum(-low, high)

    def extremes(self, matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return λ_min and λ_max of matrices (…, N, E): two arrays of shape (…, N)."""
        shape = matrices.shape[:-1]
        low, high = self.structure.extremes(_flat(matrices))
        return low.reshape(shape), high.reshape(shape)

    def products(self, v: FloatArray) -> FloatArray:
        """Return the factors of A's entries in ``vᵀ A v``, (n, N, E), for vectors (n, N, d)."""
        flat = _flat(v)
        return self.structure.products(flat, flat).reshape(*v.shape[:-1], self.structure.n_entries)

    def by_member(self, per_neuron: FloatArray) -> FloatArray:
        """Return M times the sums over the neurons of every member: (…, N) to (…, M)."""
        if len(self) == self.n_members:
            return self.n_members * per_neuron
        starts = np.searchsorted(self.member, np.arange(self.n_members))
        sums: FloatArray = np.add.reduceat(per_neuron, starts, axis=-1)
        return self.n_members * sums


@compiled
def _add_products(s: Any, flat: Any, into: Any, place: int) -> None:
    """Add ``s @ flat`` to one place of ``into``, (n, places, E), skipping zeros."""
    for i in range(s.shape[0]):
        for j in range(s.shape[1]):
            share = s[i, j]
            if share != 0.0:
                for e in range(flat.shape[1]):
                    into[i, place, e] += share * flat[j, e]


def _flat(matrices: FloatArray) -> FloatArray:
    """Return matrices (…, N, E) as one list, (m, E)."""
    return matrices.reshape(math.prod(matrices.shape[:-1]), matrices.shape[-1])
