"""What every analysis may ask of a model, whatever its form, and what pencils of any structure share."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, IntArray, check_finite

DEGENERATE = 1e-8
"""Rows whose gap is at most this fraction of ‖A(z)‖ are reported as degenerate."""

LARGEST_NORM = 1e300
"""Bound of ‖A_i‖ and of the terms of A(z): sums and differences of a few such numbers do not overflow."""


class SpectralFunction(ABC):
    """A function f of p features, built from eigenvalues of matrices that are affine in them.

    Features are arrays ``z`` of shape (n, p), one row of the table each; everything is float64.
    """

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number p of features."""

    @property
    @abstractmethod
    def structure(self) -> str:
        """Name of the structure of the matrices: "tridiagonal", "diagonal" or "dense"."""

    @property
    @abstractmethod
    def terms(self) -> tuple[tuple[float, MatrixPencil], ...]:
        """Weights and pencils whose weighted sum is f; what is linear in f adds up over them."""

    @abstractmethod
    def check_features(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``z`` as a float64 array (n, p); ValueError unless it and A(z) are finite, to 1e300."""

    @abstractmethod
    def values(self, z: npt.ArrayLike) -> FloatArray:
        """Return f at every row of ``z``: shape (n,)."""

    @abstractmethod
    def gradients(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return f (n,) and the diagonal and the coupling part of ``∂f/∂z_i = vᵀA_i v``, (n, p) each.

        Hellmann–Feynman. Where λ_k is multiple the gradient is one of Clarke's subgradients.
        """

    @abstractmethod
    def hessian(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``∂²f/∂z_i∂z_l = 2 (A_i v)ᵀ (λI − A)⁺ (A_l v)`` at every row: shape (n, p, p)."""

    @abstractmethod
    def degenerate(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which rows have a gap of at most 1e-8 ‖A(z)‖₂: shape (n,)."""

    @abstractmethod
    def step_range(self, s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return bounds of ``f(z + s) − f(z)`` over all z for every step (m, p): two arrays of shape (m,).

        By Weyl's inequality these are λ_min and λ_max of ``Σ s_i A_i``.
        """

    def values_and_gradients(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return f (n,) and its gradient (n, p) at every row of ``z``.

        Examples
        --------
        >>> from spectral_interp import Pencil
        >>> Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0).values_and_gradients([[3.0]])
        (array([6.]), array([[2.]]))
        """
        values, diagonal, coupling = self.gradients(z)
        return values, diagonal + coupling


class MatrixPencil(SpectralFunction):
    """One eigenvalue, ``f(z) = λ_k(A_0 + Σ z_i A_i)``, of matrices of any structure."""

    k: int
    """0-based index of the eigenvalue, ascending."""

    matrices: FloatArray
    """A_0 … A_p in full, shape (p + 1, d, d)."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Order d of the matrices."""

    @property
    @abstractmethod
    def row_sums(self) -> FloatArray:
        """Largest sum of absolute values in a row of A_0 … A_p, which bounds ‖A_i‖₂: shape (p + 1,)."""

    @property
    @abstractmethod
    def split_depends_on_basis(self) -> bool:
        """Whether matrices of the same structure in another basis give the same f and another split.

        The split is that of quantities into what comes from the diagonals and what from the couplings.
        Reversing the latents and changing their signs never matters.
        """

    @abstractmethod
    def eigenpairs(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ (n,) and v (n, d), of unit norm with its largest entry positive."""

    @abstractmethod
    def spectra(self, z: npt.ArrayLike) -> FloatArray:
        """Return all eigenvalues of A(z), ascending, at every row of ``z``: shape (n, d)."""

    @abstractmethod
    def norms(self, z: npt.ArrayLike) -> FloatArray:
        """Return ‖A(z)‖₂ at every row of ``z``: shape (n,)."""

    @abstractmethod
    def gap(self, z: npt.ArrayLike) -> FloatArray:
        """Return the distance from λ_k to its nearest neighbour at every row: shape (n,), inf where d = 1."""

    @abstractmethod
    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Return (λ_min(A_i), λ_max(A_i)) for i = 0 … p: two arrays of shape (p + 1,)."""

    @abstractmethod
    def forms(self, u: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the parts of ``uᵀ A_i w`` with entries on and off the diagonal, for i = 0 … p.

        Parameters
        ----------
        u, w : ndarray, shape (n, d)

        Returns
        -------
        diagonal, coupling : ndarray, shape (n, p + 1)
        """

    @abstractmethod
    def chord_forms(
        self, vectors: FloatArray, chords: IntArray, weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return ``Σ_q weight_q u_qᵀ A_i w_q`` for i = 0 … p, in the parts of :meth:`forms`.

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

    @property
    @override
    def terms(self) -> tuple[tuple[float, MatrixPencil], ...]:
        return ((1.0, self),)

    @property
    @override
    def n_features(self) -> int:
        return len(self.row_sums) - 1

    @override
    def check_features(self, z: npt.ArrayLike) -> FloatArray:
        array = np.asarray(z, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != self.n_features:
            raise ValueError(f"expected features of shape (n, {self.n_features}); got {array.shape}")
        with np.errstate(over="ignore", invalid="ignore"):
            size = self.row_sums[0] + np.abs(array) @ self.row_sums[1:]
        if not size.max(initial=0) <= LARGEST_NORM:  # nor is a NaN
            check_finite("the features", array)
            i = int(size.argmax())
            raise ValueError(
                f"expected features for which A(z) stays below {LARGEST_NORM:g}; got {size[i]:.3g} in row {i}"
            )
        return array

    @override
    def gradients(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        values, v = self.eigenpairs(z)
        diagonal, coupling = self.forms(v, v)
        return values, diagonal[:, 1:], coupling[:, 1:]

    @override
    def degenerate(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        return self.gap(z) <= DEGENERATE * self.norms(z)

    def _check_size(self) -> None:
        """Raise ValueError if a matrix is larger than 1e300."""
        if not self.row_sums.max() <= LARGEST_NORM:
            i = int(self.row_sums.argmax())
            raise ValueError(
                f"expected matrices up to {LARGEST_NORM:g}; got {self.row_sums[i]:.3g} in row {i} of the "
                "pencil"
            )
