"""Attributions: numbers per (row, column) that explain predictions, one file per method."""

from __future__ import annotations

import warnings
from typing import Any

from ..pencil import as_inputs
from .local import local
from .result import Attribution

__all__ = ["METHODS", "Attribution", "explain"]

METHODS = {"local": local}


def explain(model: Any, X: Any, *, method: str = "local", background: Any = None) -> Attribution:
    """Explain the predictions of ``model`` on the rows ``X``, column by column.

    Parameters
    ----------
    model : SpectralRegressor, SpectralClassifier, Pencil or DensePencil
    X : DataFrame or array_like, shape (n, columns)
    method : {"local"}
        "local": eigenvector-weighted contributions, exact, one eigenpair a row.
    background : DataFrame or array_like, shape (b, columns), optional
        Rows that contributions are measured against ("local" takes their mean, in features). By default the
        estimator's ``background_``; the origin for a pencil.

    Returns
    -------
    Attribution

    Raises
    ------
    TypeError
        If ``model`` is neither an estimator nor a pencil.
    ValueError
        If ``method`` is unknown, ``X`` or ``background`` do not fit the model, or ``background`` has no rows.

    Warns
    -----
    UserWarning
        If rows are degenerate: λ_k is multiple there and the contributions are one choice of several.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> att = explain(Pencil(diag=[[0.0], [2.0], [-1.0]], off=[[], [], []], k=0), [[3.0, 4.0]])
    >>> att.values, att.base_values
    (array([[ 6., -4.]]), array([0.]))
    """
    if method not in METHODS:
        raise ValueError(f"expected method to be one of {', '.join(METHODS)}; got {method!r}")
    inputs = as_inputs(model, X)
    reference = inputs.reference if background is None else as_inputs(model, background).z
    if not len(reference):
        raise ValueError("expected a background with at least one row; got none")
    attribution = METHODS[method](inputs, reference)
    if attribution.degenerate.any():
        warnings.warn(
            f"{int(attribution.degenerate.sum())} of {len(inputs.z)} rows are degenerate: the eigenvalue is "
            "multiple there and contributions are one choice of several (see Attribution.degenerate)",
            stacklevel=2,
        )
    return attribution
