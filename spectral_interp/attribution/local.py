"""Local, eigenvector-weighted contributions: one eigenpair a row, exact sum, exact split."""

from __future__ import annotations

import numpy as np

from .._common.arrays import FloatArray
from ..view import Rows
from .result import Parts


def local(rows: Rows, reference: FloatArray) -> Parts:
    """Return ``(z_i − r_i) vᵀA_i v`` per column, v the eigenvector at the row.

    A is affine, so ``A(z) = A(r) + Σ (z_i − r_i) A_i``; between v on both sides,

        f(z) = vᵀA(z)v = vᵀA(r)v + Σ_i (z_i − r_i) vᵀA_i v,

    and ``vᵀA_i v = ∂f/∂z_i`` (Hellmann–Feynman). Every quadratic form is a sum of terms with a diagonal and
    terms with an off-diagonal entry, hence the split. A sum of eigenvalues adds up term by term.

    Parameters
    ----------
    rows : Rows
    reference : ndarray, shape (b, p)
        Background rows; r is their mean.

    Returns
    -------
    Parts
        ``base_values`` is ``vᵀA(r)v`` and depends on the row.
    """
    z, r = rows.z, reference.mean(axis=0)
    n, c = len(z), len(rows.view.axes)
    prediction, diagonal, coupling = np.zeros(n), np.zeros((n, c)), np.zeros((n, c))
    base_diagonal, base_coupling = np.zeros(n), np.zeros(n)
    for weight, pencil in rows.view.function.terms:
        values, v = pencil.eigenpairs(z)
        prediction += weight * values
        diagonal_forms, coupling_forms = (weight * forms for forms in pencil.forms(v, v))
        diagonal += rows.view.per_column((z - r) * diagonal_forms[:, 1:])
        coupling += rows.view.per_column((z - r) * coupling_forms[:, 1:])
        base_diagonal += diagonal_forms[:, 0] + diagonal_forms[:, 1:] @ r
        base_coupling += coupling_forms[:, 0] + coupling_forms[:, 1:] @ r
    return Parts(
        values=diagonal + coupling,
        base_values=base_diagonal + base_coupling,
        prediction=prediction,
        degenerate=rows.view.function.degenerate(z),
        diagonal=diagonal,
        coupling=coupling,
        base_diagonal=base_diagonal,
        base_coupling=base_coupling,
        evaluations=n * len(rows.view.function.terms),
    )
