"""The pencil: coefficients of an eigenvalue model, and everything that analysis asks of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .caching import cached_property
from .eigen import eigenpairs, eigenvalues, neighbours
from .eigen.checks import FloatArray, check_bands, check_finite, check_index
from .eigen.engine import resolvent
from .eigen.products import chord_products

DEGENERATE = 1e-8
"""Rows whose gap is at most this fraction of ‖A(z)‖ are reported as degenerate."""

NOTHING = 2.0**-200
"""Entries of A(z) that are smaller than this fraction of the largest one do not matter to its eigenvalues."""

LARGEST = 1e300
"""Bound of ‖A_i‖ and of the terms of A(z): sums and differences of a few such numbers do not overflow."""


class AnyPencil(Protocol):
    """What analyses need of a model ``f(z) = λ_k(A_0 + Σ z_i A_i)``, whatever its structure."""

    @property
    def k(self) -> int:
        """0-based index of the eigenvalue, ascending."""

    @property
    def structure(self) -> str:
        """Name of the structure: "tridiagonal", "diagonal" or "dense"."""

    @property
    def n_features(self) -> int:
        """Number p of features."""

    @property
    def dim(self) -> int:
        """Order d of the matrices."""

    def check_features(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``z`` as a float64 array (n, p); ValueError unless it and A(z) are finite, to 1e300."""

    def values(self, z: npt.ArrayLike) -> FloatArray:
        """Return f at every row of ``z``: shape (n,)."""

    def eigenpairs(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return (λ, v) at every row of ``z``: shapes (n,) and (n, d)."""

    def forms(self, u: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the diagonal and the coupling part of ``uᵀ A_i w``: two arrays of shape (n, p + 1)."""

    def chord_forms(
        self, vectors: FloatArray, chords: npt.NDArray[np.intp], weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return both parts of ``Σ_q weight_q u_qᵀ A_i w_q``, u_q and w_q two of the vectors: (m, p + 1)."""

    def hessian(self, z: npt.ArrayLike) -> FloatArray:
        """Return the second derivatives of f at every row: shape (n, p, p)."""

    def gap(self, z: npt.ArrayLike) -> FloatArray:
        """Return the distance from λ_k to its nearest neighbour at every row: shape (n,), inf where d = 1."""

    def degenerate(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which rows have a gap of at most 1e-8 ‖A(z)‖: shape (n,)."""

    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Return (λ_min(A_i), λ_max(A_i)) for i = 0 … p: two arrays of shape (p + 1,)."""

    @property
    def matrices(self) -> FloatArray:
        """A_0 … A_p in full, shape (p + 1, d, d)."""

    def spectra(self, z: npt.ArrayLike) -> FloatArray:
        """Return all eigenvalues of A(z), ascending, at every row of ``z``: shape (n, d)."""

    def step_range(self, s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return (λ_min, λ_max) of ``Σ s_i A_i`` for every row of ``s``: two arrays of shape (m,)."""


@dataclass(frozen=True, eq=False)
class Pencil:
    """Tridiagonal (or diagonal) matrix pencil with a selected eigenvalue, ``f(z) = λ_k(A_0 + Σ z_i A_i)``.

    Parameters
    ----------
    diag : array_like, shape (p + 1, d)
        Diagonals of A_0 (the intercept) … A_p.
    off : array_like, shape (p + 1, d - 1)
        Off-diagonals. All zero: the pencil is diagonal and f piecewise linear.
    k : int
        0-based index of the eigenvalue in ascending order; negative counts from the top.

    Raises
    ------
    ValueError
        If shapes do not match, ``k`` is out of range, or a matrix is not finite or larger than 1e300.

    Examples
    --------
    The larger eigenvalue of [[0, z], [z, 0]] is |z|:

    >>> pencil = Pencil(diag=[[0.0, 0.0], [0.0, 0.0]], off=[[0.0], [1.0]], k=1)
    >>> pencil.values([[-2.0], [3.0]])
    array([2., 3.])
    """

    diag: FloatArray
    off: FloatArray
    k: int

    def __post_init__(self) -> None:
        for name in ("diag", "off"):
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            if array.ndim != 2:
                raise ValueError(f"expected {name} with 2 axes (p + 1, entries); got shape {array.shape}")
            check_finite(name, array)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        check_bands(self.diag.shape, self.off.shape)
        if len(self.diag) < 2:
            raise ValueError("expected diag with at least 2 rows, the intercept and one feature; got 1")
        _check_size(self._row_sums)
        object.__setattr__(self, "k", check_index(self.k, self.dim))

    @property
    def structure(self) -> str:
        """Name of the structure: "tridiagonal", or "diagonal" when every coupling is zero."""
        return "tridiagonal" if self.off.any() else "diagonal"

    @property
    def n_features(self) -> int:
        """Number p of features."""
        return len(self.diag) - 1

    @property
    def dim(self) -> int:
        """Order d of the matrices."""
        return self.diag.shape[1]

    def check_features(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``z`` as a float64 array (n, p); ValueError unless it and A(z) are finite, to 1e300."""
        return _check_features(z, self._row_sums)

    @cached_property
    def _row_sums(self) -> FloatArray:
        """Largest sum of absolute values in a row of A_0 … A_p, which bounds ‖A_i‖₂: shape (p + 1,)."""
        sums, off = np.abs(self.diag), np.abs(self.off)
        with np.errstate(over="ignore"):
            sums[:, 1:] += off
            sums[:, :-1] += off
        return sums.max(axis=1)

    def bands(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the diagonals (n, d) and off-diagonals (n, d - 1) of A(z)."""
        z = self.check_features(z)
        return self.diag[0] + z @ self.diag[1:], self.off[0] + z @ self.off[1:]

    def values(self, z: npt.ArrayLike) -> FloatArray:
        """Return f at every row of ``z``, shape (n, p): shape (n,)."""
        return eigenvalues(*self.bands(z), self.k)

    def eigenpairs(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ (n,) and v (n, d), of unit norm with its largest entry positive."""
        return eigenpairs(*self.bands(z), self.k)

    def forms(self, u: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ``uᵀ A_i w`` for i = 0 … p, split into terms with ``diag`` and with ``off``.

        Parameters
        ----------
        u, w : ndarray, shape (n, d)

        Returns
        -------
        diagonal, coupling : ndarray, shape (n, p + 1)
        """
        coupling = u[:, :-1] * w[:, 1:] + u[:, 1:] * w[:, :-1]
        return (u * w) @ self.diag.T, coupling @ self.off.T

    def chord_forms(
        self, vectors: FloatArray, chords: npt.NDArray[np.intp], weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return ``Σ_q weight_q u_qᵀ A_i w_q`` for i = 0 … p, split like :meth:`forms`.

        Parameters
        ----------
        vectors : ndarray, shape (m, s, d)
        chords : ndarray of int, shape (q, 2)
            Which of the s vectors are u_q and w_q.
        weights : ndarray, shape (m, q)

        Returns
        -------
        diagonal, coupling : ndarray, shape (m, p + 1)
        """
        diagonal, coupling = chord_products(vectors, chords, weights)
        return diagonal @ self.diag.T, coupling @ self.off.T

    def hessian(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``∂²f/∂z_i∂z_l = 2 (A_i v)ᵀ (λI − A)⁺ (A_l v)``: shape (n, p, p)."""
        a, b = self.bands(z)
        value, v = eigenpairs(a, b, self.k)
        images = self.diag[1:, None] * v
        images[:, :, 1:] += self.off[1:, None] * v[:, :-1]
        images[:, :, :-1] += self.off[1:, None] * v[:, 1:]
        solved = np.array([resolvent(a, b, value, v, image) for image in images])
        return 2 * np.einsum("inj,lnj->nil", images, solved, optimize=True)

    def gap(self, z: npt.ArrayLike) -> FloatArray:
        """Return the distance from λ_k to its nearest neighbour: shape (n,), inf where d = 1."""
        below, value, above = neighbours(*self.bands(z), self.k)
        return np.minimum(value - below, above - value)

    def degenerate(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which rows have ``gap <= 1e-8 ‖A(z)‖₂``: shape (n,)."""
        a, b = self.bands(z)
        norm = np.maximum(-eigenvalues(a, b, 0), eigenvalues(a, b, -1))
        return self.gap(z) <= DEGENERATE * norm

    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Return λ_min(A_i) and λ_max(A_i) for i = 0 … p: shapes (p + 1,)."""
        return eigenvalues(self.diag, self.off, 0), eigenvalues(self.diag, self.off, -1)

    @property
    def matrices(self) -> FloatArray:
        """A_0 … A_p in full, shape (p + 1, d, d)."""
        full = np.zeros((self.n_features + 1, self.dim, self.dim))
        j = np.arange(self.dim)
        full[:, j, j] = self.diag
        full[:, j[:-1], j[1:]] = full[:, j[1:], j[:-1]] = self.off
        return full

    def spectra(self, z: npt.ArrayLike) -> FloatArray:
        """Return all eigenvalues of A(z), ascending: shape (n, d)."""
        bands = self.bands(z)
        found = np.stack([eigenvalues(*bands, k) for k in range(self.dim)], axis=1)
        return np.sort(found, axis=1)  # rounding may swap close ones

    def step_range(self, s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ_min and λ_max of ``Σ s_i A_i``, s (m, p): shapes (m,). A step s changes f within it."""
        s = self.check_features(s)
        bands = s @ self.diag[1:], s @ self.off[1:]
        return eigenvalues(*bands, 0), eigenvalues(*bands, -1)


@dataclass(frozen=True, eq=False)
class DensePencil:
    """Pencil of dense symmetric matrices, for the analyses that need no tridiagonal structure.

    Parameters
    ----------
    matrices : array_like, shape (p + 1, d, d)
        Symmetric matrices A_0 … A_p.
    k : int
        0-based index in ascending order; negative counts from the top.

    Examples
    --------
    >>> pencil = DensePencil([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]], k=-1)
    >>> pencil.values([[-2.0]])
    array([2.])
    """

    matrices: FloatArray
    k: int

    def __post_init__(self) -> None:
        array = np.array(self.matrices, dtype=np.float64)
        if array.ndim != 3 or array.shape[1] != array.shape[2] or len(array) < 2 or not array.shape[1]:
            raise ValueError(f"expected matrices of shape (p + 1, d, d), p and d >= 1; got {array.shape}")
        check_finite("matrices", array)
        if not np.array_equal(array, array.transpose(0, 2, 1)):
            raise ValueError("expected symmetric matrices; got some that differ from their transpose")
        array.setflags(write=False)
        object.__setattr__(self, "matrices", array)
        _check_size(self._row_sums)
        object.__setattr__(self, "k", check_index(self.k, self.dim))

    @property
    def structure(self) -> str:
        """Name of the structure, "dense"."""
        return "dense"

    @property
    def n_features(self) -> int:
        """Number p of features."""
        return len(self.matrices) - 1

    @property
    def dim(self) -> int:
        """Order d of the matrices."""
        return self.matrices.shape[1]

    def check_features(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``z`` as a float64 array (n, p); ValueError unless it and A(z) are finite, to 1e300."""
        return _check_features(z, self._row_sums)

    @cached_property
    def _row_sums(self) -> FloatArray:
        """Largest sum of absolute values in a row of A_0 … A_p, which bounds ‖A_i‖₂: shape (p + 1,)."""
        with np.errstate(over="ignore"):
            return np.abs(self.matrices).sum(axis=2).max(axis=1)

    def _matrix(self, z: npt.ArrayLike) -> FloatArray:
        """Return A(z), (n, d, d), without the entries that are nothing beside the largest.

        Eigenvalues do not notice, but LAPACK, which squares entries on its way, may fail to converge.
        """
        matrix = self.matrices[0] + np.tensordot(self.check_features(z), self.matrices[1:], axes=1)
        size = np.abs(matrix)
        matrix[size < NOTHING * size.max(axis=(1, 2), keepdims=True)] = 0.0
        return matrix

    def spectra(self, z: npt.ArrayLike) -> FloatArray:
        """Return all eigenvalues of A(z), ascending: shape (n, d)."""
        return np.linalg.eigvalsh(self._matrix(z)).astype(np.float64, copy=False)

    def values(self, z: npt.ArrayLike) -> FloatArray:
        """Return f at every row of ``z``, shape (n, p): shape (n,)."""
        return self.spectra(z)[:, self.k]

    def eigenpairs(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ (n,) and v (n, d), of unit norm with its largest entry positive."""
        values, vectors = np.linalg.eigh(self._matrix(z))
        v = vectors[:, :, self.k]
        largest = np.take_along_axis(v, np.abs(v).argmax(axis=1, keepdims=True), axis=1)
        return values[:, self.k], v * np.sign(largest)

    def forms(self, u: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ``uᵀ A_i w`` split into diagonal and off-diagonal entries of A_i: shapes (n, p + 1)."""
        diagonal = (u * w) @ np.diagonal(self.matrices, axis1=1, axis2=2).T
        total = np.einsum("nj,ijl,nl->ni", u, self.matrices, w, optimize=True)
        return diagonal, total - diagonal

    def chord_forms(
        self, vectors: FloatArray, chords: npt.NDArray[np.intp], weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return what :meth:`Pencil.chord_forms` returns, split into entries on and off the diagonal."""
        u, w = vectors[:, chords[:, 0]], vectors[:, chords[:, 1]]
        forms = self.forms(u.reshape(-1, self.dim), w.reshape(-1, self.dim))
        diagonal, coupling = (
            np.einsum("mq,mqi->mi", weights, form.reshape(*weights.shape, form.shape[1])) for form in forms
        )
        return diagonal, coupling

    def hessian(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``∂²f/∂z_i∂z_l = 2 (A_i v)ᵀ (λI − A)⁺ (A_l v)``: shape (n, p, p)."""
        values, vectors = np.linalg.eigh(self._matrix(z))
        v = vectors[:, :, self.k]
        distance = values[:, [self.k]] - values
        far = np.abs(distance) > np.finfo(np.float64).eps * np.abs(values).max(axis=1, keepdims=True)
        inverse = np.divide(1.0, distance, out=np.zeros_like(distance), where=far)
        images = np.einsum("ijl,nl,njm->nim", self.matrices[1:], v, vectors, optimize=True)
        return 2 * np.einsum("nim,nm,nlm->nil", images, inverse, images, optimize=True)

    def gap(self, z: npt.ArrayLike) -> FloatArray:
        """Return the distance from λ_k to its nearest neighbour: shape (n,), inf where d = 1."""
        spectrum = self.spectra(z)
        others = np.delete(spectrum, self.k, axis=1)
        return np.abs(others - spectrum[:, [self.k]]).min(axis=1, initial=np.inf)

    def degenerate(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which rows have ``gap <= 1e-8 ‖A(z)‖₂``: shape (n,)."""
        norm = np.abs(self.spectra(z)).max(axis=1)
        return self.gap(z) <= DEGENERATE * norm

    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Return λ_min(A_i) and λ_max(A_i) for i = 0 … p: shapes (p + 1,)."""
        spectra = np.linalg.eigvalsh(self.matrices).astype(np.float64, copy=False)
        return spectra[:, 0], spectra[:, -1]

    def step_range(self, s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ_min and λ_max of ``Σ s_i A_i``, s (m, p): shapes (m,). A step s changes f within it."""
        change = np.tensordot(self.check_features(s), self.matrices[1:], axes=1)
        spectra = np.linalg.eigvalsh(change).astype(np.float64, copy=False)
        return spectra[:, 0], spectra[:, -1]


def values_and_gradients(pencil: AnyPencil, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return f (n,) and ``∂f/∂z_i = vᵀA_i v`` (n, p) at every row of ``z`` (Hellmann–Feynman).

    Where λ_k is multiple the gradient is one of Clarke's subgradients.

    Examples
    --------
    >>> values_and_gradients(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0), [[3.0]])
    (array([6.]), array([[2.]]))
    """
    values, v = pencil.eigenpairs(z)
    diagonal, coupling = pencil.forms(v, v)
    return values, (diagonal + coupling)[:, 1:]


def _check_size(row_sums: FloatArray) -> None:
    if not row_sums.max() <= LARGEST:
        i = int(row_sums.argmax())
        raise ValueError(
            f"expected matrices up to {LARGEST:g}; got {row_sums[i]:.3g} in row {i} of the pencil"
        )


def _check_features(z: npt.ArrayLike, row_sums: FloatArray) -> FloatArray:
    array = np.asarray(z, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != len(row_sums) - 1:
        raise ValueError(f"expected features of shape (n, {len(row_sums) - 1}); got {array.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        size = row_sums[0] + np.abs(array) @ row_sums[1:]
    if not size.max(initial=0) <= LARGEST:  # nor is a NaN
        check_finite("the features", array)
        i = int(size.argmax())
        raise ValueError(
            f"expected features for which A(z) stays below {LARGEST:g}; got {size[i]:.3g} in row {i}"
        )
    return array
