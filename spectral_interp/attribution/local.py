"""Local, eigenvector-weighted contributions: one eigenpair a row and neuron, exact sum, exact split."""

from __future__ import annotations

import numpy as np

from .._common.arrays import FloatArray
from ..view import Rows
from .changes import Changes
from .result import Parts, Split


def local(rows: Rows, reference: FloatArray, *, detailed: bool = False) -> Parts:
    """Return ``vᵀ Δ_c v`` per column, v the eigenvector at the row.

    ``Σ_c Δ_c = A(z) − A(r)`` (see :mod:`.changes`); so, between v on both sides,

        f(z) = vᵀA(z)v = vᵀA(r)v + Σ_c vᵀΔ_c v,

    and for a column of one feature ``vᵀΔ_c v = (z_i − r_i) ∂f/∂z_i`` (Hellmann–Feynman). Every quadratic form
    is a sum of terms with a diagonal and terms with an off-diagonal entry, hence the split. A sum of
    eigenvalues adds up neuron by neuron.

    Parameters
    ----------
    rows : Rows
    reference : ndarray, shape (b, p)
        Background rows; A(r) and Δ_c are means over them.
    detailed : bool
        Whether to keep the contributions of every entry of the matrices.

    Returns
    -------
    Parts
        ``base_values`` is ``vᵀA(r)v`` and depends on the row.
    """
    changes = Changes(rows.view, rows.z, reference)
    neurons, n = changes.neurons, len(rows)
    split = Split.zeros(n, changes.columns, neurons, detailed=detailed)
    prediction, base, degenerate = np.empty(n), np.empty((n, 2)), np.zeros(n, dtype=bool)
    start = changes.at_reference.mean(axis=0)
    d = neurons.structure.dim
    for some in changes.chunks():
        matrices = neurons.at(rows.z[some])
        values, v = neurons.pairs(matrices)
        products = neurons.products(v)
        split.add(np.arange(n)[some], changes.means(some), products)
        prediction[some], degenerate[some] = values.sum(axis=1), neurons.degenerate(matrices)
        forms = start * products
        base[some] = np.column_stack([forms[..., :d].sum(axis=(1, 2)), forms[..., d:].sum(axis=(1, 2))])
    return Parts(
        values=split.diagonal + split.coupling,
        base_values=base.sum(axis=1),
        prediction=prediction,
        degenerate=degenerate,
        diagonal=split.diagonal,
        coupling=split.coupling,
        base_diagonal=base[:, 0],
        base_coupling=base[:, 1],
        refit_deviation=split.refit_deviation,
        by_entry=split.by_entry,
        evaluations=n * len(neurons),
    )
