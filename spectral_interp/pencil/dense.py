"""Pencils of dense symmetric matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, check_finite, check_index
from .._common.caching import cached_property
from .base import DEGENERATE, check_features, check_size

NOTHING = 2.0**-200
"""Entries of A(z) that are smaller than this fraction of the largest one do not matter to its eigenvalues."""


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
        check_size(self._row_sums)
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
        return check_features(z, self._row_sums)

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
