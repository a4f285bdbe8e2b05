"""The pencil: coefficients of an eigenvalue model, and everything that analysis asks of the model."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, check_finite

DEGENERATE = 1e-8
"""Rows whose gap is at most this fraction of ‖A(z)‖ are reported as degenerate."""

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


def values_and_gradients(pencil: AnyPencil, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return f (n,) and ``∂f/∂z_i = vᵀA_i v`` (n, p) at every row of ``z`` (Hellmann–Feynman).

    Where λ_k is multiple the gradient is one of Clarke's subgradients.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> values_and_gradients(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0), [[3.0]])
    (array([6.]), array([[2.]]))
    """
    values, v = pencil.eigenpairs(z)
    diagonal, coupling = pencil.forms(v, v)
    return values, (diagonal + coupling)[:, 1:]


def check_size(row_sums: FloatArray) -> None:
    """Raise ValueError for a pencil with a matrix whose rows, (p + 1,) sums, are larger than 1e300."""
    if not row_sums.max() <= LARGEST:
        i = int(row_sums.argmax())
        raise ValueError(
            f"expected matrices up to {LARGEST:g}; got {row_sums[i]:.3g} in row {i} of the pencil"
        )


def check_features(z: npt.ArrayLike, row_sums: FloatArray) -> FloatArray:
    """Return ``z`` as a float64 array (n, p); ValueError unless it and A(z) are finite, to 1e300."""
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
