"""Pencils of dense symmetric matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, IntArray, check_finite, check_index
from .._common.caching import cached_property
from .base import MatrixPencil

NEGLIGIBLE = 2.0**-200
"""Entries of A(z) that are smaller than this fraction of the largest one do not matter to its eigenvalues."""


@dataclass(frozen=True, eq=False)
class DensePencil(MatrixPencil):
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
        self._check_size()
        object.__setattr__(self, "k", check_index(self.k, self.dim))

    @property
    @override
    def structure(self) -> str:
        return "dense"

    @property
    @override
    def dim(self) -> int:
        return self.matrices.shape[1]

    @property
    @override
    def split_depends_on_basis(self) -> bool:
        return self.dim > 1

    @cached_property
    @override
    def row_sums(self) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.abs(self.matrices).sum(axis=2).max(axis=1)

    def _matrix(self, z: npt.ArrayLike) -> FloatArray:
        """Return A(z), (n, d, d), without entries negligible beside the largest.

        Eigenvalues do not notice, but LAPACK, which squares entries on its way, may fail to converge.
        """
        matrix = self.matrices[0] + np.tensordot(self.check_features(z), self.matrices[1:], axes=1)
        size = np.abs(matrix)
        matrix[size < NEGLIGIBLE * size.max(axis=(1, 2), keepdims=True)] = 0.0
        return matrix

    @override
    def spectra(self, z: npt.ArrayLike) -> FloatArray:
        return np.linalg.eigvalsh(self._matrix(z)).astype(np.float64, copy=False)

    @override
    def values(self, z: npt.ArrayLike) -> FloatArray:
        return self.spectra(z)[:, self.k]

    @override
    def eigenpairs(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        values, vectors = np.linalg.eigh(self._matrix(z))
        v = vectors[:, :, self.k]
        largest = np.take_along_axis(v, np.abs(v).argmax(axis=1, keepdims=True), axis=1)
        return values[:, self.k], v * np.sign(largest)

    @override
    def forms(self, u: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        diagonal = (u * w) @ np.diagonal(self.matrices, axis1=1, axis2=2).T
        total = np.einsum("nj,ijl,nl->ni", u, self.matrices, w, optimize=True)
        return diagonal, total - diagonal

    @override
    def chord_forms(
        self, vectors: FloatArray, chords: IntArray, weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        u, w = vectors[:, chords[:, 0]], vectors[:, chords[:, 1]]
        forms = self.forms(u.reshape(-1, self.dim), w.reshape(-1, self.dim))
        diagonal, coupling = (
            np.einsum("mq,mqi->mi", weights, form.reshape(*weights.shape, form.shape[1])) for form in forms
        )
        return diagonal, coupling

    @override
    def hessian(self, z: npt.ArrayLike) -> FloatArray:
        values, vectors = np.linalg.eigh(self._matrix(z))
        v = vectors[:, :, self.k]
        distance = values[:, [self.k]] - values
        far = np.abs(distance) > np.finfo(np.float64).eps * np.abs(values).max(axis=1, keepdims=True)
        inverse = np.divide(1.0, distance, out=np.zeros_like(distance), where=far)
        images = np.einsum("ijl,nl,njm->nim", self.matrices[1:], v, vectors, optimize=True)
        return 2 * np.einsum("nim,nm,nlm->nil", images, inverse, images, optimize=True)

    @override
    def gap(self, z: npt.ArrayLike) -> FloatArray:
        spectrum = self.spectra(z)
        others = np.delete(spectrum, self.k, axis=1)
        return np.abs(others - spectrum[:, [self.k]]).min(axis=1, initial=np.inf)

    @override
    def norms(self, z: npt.ArrayLike) -> FloatArray:
        return np.abs(self.spectra(z)).max(axis=1)

    @override
    def extremes(self) -> tuple[FloatArray, FloatArray]:
        spectra = np.linalg.eigvalsh(self.matrices).astype(np.float64, copy=False)
        return spectra[:, 0], spectra[:, -1]

    @override
    def step_range(self, s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        change = np.tensordot(self.check_features(s), self.matrices[1:], axes=1)
        spectra = np.linalg.eigvalsh(change).astype(np.float64, copy=False)
        return spectra[:, 0], spectra[:, -1]
