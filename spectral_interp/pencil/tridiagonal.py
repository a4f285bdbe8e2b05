"""Tridiagonal and diagonal pencils."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, check_bands, check_finite, check_index
from .._common.caching import cached_property
from ..eigen import eigenpairs, eigenvalues, neighbours
from ..eigen.engine import resolvent
from ..eigen.products import chord_products
from .base import DEGENERATE, check_features, check_size


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
        check_size(self._row_sums)
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
        return check_features(z, self._row_sums)

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
