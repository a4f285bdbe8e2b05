"""Local, eigenvector-weighted contributions: one eigenpair a row, exact sum, exact split."""

from __future__ import annotations

from .._common.arrays import FloatArray
from ..view.rows import Inputs
from .result import Attribution


def local(inputs: Inputs, reference: FloatArray) -> Attribution:
    """Return ``(z_i − r_i) vᵀA_i v`` per column, v the eigenvector at the row.

    A is affine, so ``A(z) = A(r) + Σ (z_i − r_i) A_i``; between v on both sides,

        f(z) = vᵀA(z)v = vᵀA(r)v + Σ_i (z_i − r_i) vᵀA_i v,

    and ``vᵀA_i v = ∂f/∂z_i`` (Hellmann–Feynman). Every quadratic form is a sum of terms with a diagonal and
    terms with an off-diagonal entry, hence the split.

    Parameters
    ----------
    inputs : Inputs
    reference : ndarray, shape (b, p)
        Background rows; r is their mean.

    Returns
    -------
    Attribution
        ``base_values`` is ``vᵀA(r)v`` and depends on the row.
    """
    pencil, z = inputs.pencil, inputs.z
    r = reference.mean(axis=0)
    prediction, v = pencil.eigenpairs(z)
    diagonal_forms, coupling_forms = pencil.forms(v, v)
    diagonal = inputs.per_column((z - r) * diagonal_forms[:, 1:])
    coupling = inputs.per_column((z - r) * coupling_forms[:, 1:])
    base_diagonal = diagonal_forms[:, 0] + diagonal_forms[:, 1:] @ r
    base_coupling = coupling_forms[:, 0] + coupling_forms[:, 1:] @ r
    return Attribution(
        values=diagonal + coupling,
        base_values=base_diagonal + base_coupling,
        prediction=prediction,
        degenerate=pencil.degenerate(z),
        columns=inputs.columns,
        data=inputs.data,
        method="local",
        unit=inputs.unit,
        diagonal=diagonal,
        coupling=coupling,
        base_diagonal=base_diagonal,
        base_coupling=base_coupling,
        evaluations=len(z),
    )
