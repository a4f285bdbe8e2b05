"""Structures of symmetric matrices: their entries, eigenvalues and quadratic forms.

A matrix of order d is stored as a vector of its free entries, so operations that are linear in matrices are
linear algebra on vectors for any structure. A structure solves for eigenvalues, and gives the factors of the
entries in a quadratic form.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import override

from .._common.arrays import FloatArray, IntArray
from ..eigen import eigenpairs, neighbours
from ..eigen.arrays import eigenvalues_of
from ..eigen.compiling import compiled
from ..eigen.engine import resolvent

NEGLIGIBLE = 2.0**-200
"""Entries smaller than this fraction of the largest one do not affect the eigenvalues."""


@dataclass(frozen=True)
class Structure(ABC):
    """Symmetric matrices of order ``dim``, as vectors of E entries, with the diagonal first."""

    dim: int

    @property
    @abstractmethod
    def n_entries(self) -> int:
        """Number E of entries."""

    @abstractmethod
    def values(self, entries: FloatArray, k: int) -> FloatArray:
        """Return λ_k of matrices (m, E): shape (m,)."""

    @abstractmethod
    def pairs(self, entries: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
        """Return λ_k (m,) and v (m, d), of unit norm with its largest entry positive."""

    @abstractmethod
    def gaps(self, entries: FloatArray, k: int) -> FloatArray:
        """Return the distance from λ_k to its nearest neighbour, shape (m,): inf if d = 1."""

    @abstractmethod
    def full(self, entries: FloatArray) -> FloatArray:
        """Return full matrices for (…, E): shape (…, d, d)."""

    @abstractmethod
    def products(self, u: FloatArray, w: FloatArray) -> FloatArray:
        """Return the factors of A's entries in ``uᵀ A w``: u, w (m, d), result (m, E)."""

    @abstractmethod
    def chord_products(self, vectors: FloatArray, chords: IntArray, weights: FloatArray) -> FloatArray:
        """Return the factors of A's entries in ``Σ_q weight_q u_qᵀ A w_q``: shape (m, E).

        Parameters
        ----------
        vectors : ndarray, shape (m, s, d)
        chords : ndarray of int, shape (q, 2)
            Indices of u_q and w_q among the s vectors.
        weights : ndarray, shape (m, q)
        """

    @abstractmethod
    def resolvent(self, entries: FloatArray, k: int, rhs: FloatArray) -> FloatArray:
        """Return ``(λ_k I − A)⁺ b`` for matrices (m, E) and b (m, r, d): shape (m, r, d)."""

    def _solvable(self, entries: FloatArray) -> FloatArray:
        """Return full matrices without entries that are negligible compared with the largest one.

        They do not affect the eigenvalues, but LAPACK squares entries and may fail to converge with them.
        """
        size = np.abs(entries)
        largest = size.max(axis=1, keepdims=True, initial=0)
        return self.full(np.where(size < NEGLIGIBLE * largest, 0.0, entries))

    def systems(self, entries: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return all eigenvalues (m, d), ascending, and eigenvectors (m, d, d) as columns, by LAPACK."""
        values, vectors = np.linalg.eigh(self._solvable(entries))
        return values, vectors

    def extremes(self, entries: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return λ_min and λ_max of matrices (m, E): two arrays of shape (m,)."""
        return self.values(entries, 0), self.values(entries, self.dim - 1)

    def spreads(self, entries: FloatArray) -> FloatArray:
        """Return bounds of ``λ_max − λ_min`` of matrices (…, E), by their Frobenius norm: shape (…).

        ``λ_max − λ_min <= √2 ‖A − (tr A / d) I‖_F`` (Mirsky, *The Spread of a Matrix*, 1956).
        """
        diag, off = entries[..., : self.dim], entries[..., self.dim :]
        centred = diag - diag.mean(axis=-1, keepdims=True)
        norms = [np.hypot.reduce(part, axis=-1) for part in (centred, off)]
        return np.sqrt(2) * np.hypot(norms[0], np.sqrt(2) * norms[1])

    def row_sums(self, entries: FloatArray) -> FloatArray:
        """Return the largest sum of absolute values in a row, which bounds the norm: shape (m,)."""
        with np.errstate(over="ignore"):
            return np.abs(self.full(entries)).sum(axis=2).max(axis=1)


class Tridiagonal(Structure):
    """Tridiagonal matrices: the d entries of the diagonal, then the d − 1 of the off-diagonal."""

    @property
    @override
    def n_entries(self) -> int:
        return 2 * self.dim - 1

    def bands(self, entries: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return diagonals (m, d) and off-diagonals (m, d − 1)."""
        return np.ascontiguousarray(entries[..., : self.dim]), np.ascontiguousarray(entries[..., self.dim :])

    @override
    def values(self, entries: FloatArray, k: int) -> FloatArray:
        return eigenvalues_of(entries, k)

    @override
    def pairs(self, entries: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
        return eigenpairs(*self.bands(entries), k)

    @override
    def gaps(self, entries: FloatArray, k: int) -> FloatArray:
        below, value, above = neighbours(*self.bands(entries), k)
        return np.minimum(value - below, above - value)

    @override
    def full(self, entries: FloatArray) -> FloatArray:
        full, j = np.zeros((*entries.shape[:-1], self.dim, self.dim)), np.arange(self.dim)
        full[..., j, j] = entries[..., : self.dim]
        full[..., j[:-1], j[1:]] = full[..., j[1:], j[:-1]] = entries[..., self.dim :]
        return full

    @override
    def products(self, u: FloatArray, w: FloatArray) -> FloatArray:
        return np.hstack([u * w, u[:, :-1] * w[:, 1:] + u[:, 1:] * w[:, :-1]])

    @override
    def chord_products(self, vectors: FloatArray, chords: IntArray, weights: FloatArray) -> FloatArray:
        m, d = len(vectors), self.dim
        diag, off = np.zeros((m, d)), np.zeros((m, d - 1))
        _add_chord_products(vectors, chords, weights, diag, off)
        return np.hstack([diag, off])

    @override
    def resolvent(self, entries: FloatArray, k: int, rhs: FloatArray) -> FloatArray:
        (a, b), (value, v) = self.bands(entries), self.pairs(entries, k)
        sides = np.ascontiguousarray(rhs.transpose(1, 0, 2))
        return np.array([resolvent(a, b, value, v, side) for side in sides]).transpose(1, 0, 2)

    @override
    def row_sums(self, entries: FloatArray) -> FloatArray:
        diag, off = (np.abs(band) for band in self.bands(entries))
        with np.errstate(over="ignore"):
            diag[:, 1:] += off
            diag[:, :-1] += off
        return diag.max(axis=1)


@compiled
def _add_chord_products(vectors: Any, chords: Any, weights: Any, diag: Any, off: Any) -> None:
    """Add ``Σ_q weight_q u_j w_j`` and ``Σ_q weight_q (u_j w_{j+1} + u_{j+1} w_j)``."""
    m, _, d = vectors.shape
    for i in range(m):
        for q in range(len(chords)):
            u, w, weight = vectors[i, chords[q, 0]], vectors[i, chords[q, 1]], weights[i, q]
            for j in range(d):
                diag[i, j] += weight * u[j] * w[j]
            for j in range(d - 1):
                off[i, j] += weight * (u[j] * w[j + 1] + u[j + 1] * w[j])


class Dense(Structure):
    """Full symmetric matrices: the d entries of the diagonal, then the d (d − 1) / 2 above it, row by row."""

    @property
    @override
    def n_entries(self) -> int:
        return self.dim * (self.dim + 1) // 2

    def entries(self, matrices: FloatArray) -> FloatArray:
        """Return full matrices (m, d, d) as vectors (m, E)."""
        i, j = np.triu_indices(self.dim, k=1)
        return np.hstack([np.diagonal(matrices, axis1=1, axis2=2), matrices[:, i, j]])

    @override
    def full(self, entries: FloatArray) -> FloatArray:
        full, at = np.zeros((*entries.shape[:-1], self.dim, self.dim)), np.arange(self.dim)
        i, j = np.triu_indices(self.dim, k=1)
        full[..., at, at] = entries[..., : self.dim]
        full[..., i, j] = full[..., j, i] = entries[..., self.dim :]
        return full

    def spectra(self, entries: FloatArray) -> FloatArray:
        """Return all eigenvalues, ascending, shape (m, d)."""
        return np.linalg.eigvalsh(self._solvable(entries)).astype(np.float64, copy=False)

    @override
    def values(self, entries: FloatArray, k: int) -> FloatArray:
        return self.spectra(entries)[:, k]

    @override
    def pairs(self, entries: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
        values, vectors = self.systems(entries)
        v = vectors[:, :, k]
        largest = np.take_along_axis(v, np.abs(v).argmax(axis=1, keepdims=True), axis=1)
        return values[:, k], v * np.sign(largest)

    @override
    def gaps(self, entries: FloatArray, k: int) -> FloatArray:
        spectrum = self.spectra(entries)
        others = np.delete(spectrum, k, axis=1)
        return np.abs(others - spectrum[:, [k]]).min(axis=1, initial=np.inf)

    @override
    def products(self, u: FloatArray, w: FloatArray) -> FloatArray:
        i, j = np.triu_indices(self.dim, k=1)
        return np.hstack([u * w, u[:, i] * w[:, j] + u[:, j] * w[:, i]])

    @override
    def chord_products(self, vectors: FloatArray, chords: IntArray, weights: FloatArray) -> FloatArray:
        u, w = (vectors[:, end].reshape(-1, self.dim) for end in chords.T)
        products = self.products(u, w).reshape(*weights.shape, self.n_entries)
        return np.einsum("mq,mqe->me", weights, products)

    @override
    def resolvent(self, entries: FloatArray, k: int, rhs: FloatArray) -> FloatArray:
        values, vectors = self.systems(entries)
        distance = values[:, [k]] - values
        far = np.abs(distance) > np.finfo(np.float64).eps * np.abs(values).max(axis=1, keepdims=True)
        inverse = np.divide(1.0, distance, out=np.zeros_like(distance), where=far)
        return ((rhs @ vectors) * inverse[:, None]) @ vectors.transpose(0, 2, 1)

    @override
    def extremes(self, entries: FloatArray) -> tuple[FloatArray, FloatArray]:
        spectra = self.spectra(entries)
        return spectra[:, 0], spectra[:, -1]
