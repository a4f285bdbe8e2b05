"""Weighted sums of the products of vectors that a tridiagonal bilinear form consists of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..eigen.compiling import compiled

Reals = npt.NDArray[np.float64]


def chord_products(vectors: Reals, chords: npt.NDArray[np.intp], weights: Reals) -> tuple[Reals, Reals]:
    """Return what Σ_q weight_q u_qᵀ T w_q multiplies the diagonal and the off-diagonal of T with.

    Parameters
    ----------
    vectors : ndarray, shape (m, s, d)
    chords : ndarray of int, shape (q, 2)
        Which of the s vectors are u and w.
    weights : ndarray, shape (m, q)

    Returns
    -------
    diag, off : ndarray, shapes (m, d) and (m, d - 1)
        ``Σ_q weight_q u_j w_j`` and ``Σ_q weight_q (u_j w_{j+1} + u_{j+1} w_j)``.
    """
    m, _, d = vectors.shape
    diag, off = np.zeros((m, d)), np.zeros((m, d - 1))
    _accumulate(vectors, chords, weights, diag, off)
    return diag, off


@compiled
def _accumulate(vectors: Any, chords: Any, weights: Any, diag: Any, off: Any) -> None:
    m, _, d = vectors.shape
    for i in range(m):
        for q in range(len(chords)):
            u, w, weight = vectors[i, chords[q, 0]], vectors[i, chords[q, 1]], weights[i, q]
            for j in range(d):
                diag[i, j] += weight * u[j] * w[j]
            for j in range(d - 1):
                off[i, j] += weight * (u[j] * w[j + 1] + u[j + 1] * w[j])
