"""Certificates of a model: statements that are proven from its matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.memory import check_memory
from ..pencil import SpectralFunction
from ..view import Rows, output_rows
from .bounds import Certificate
from .everywhere import Margins
from .radii import Balls
from .signs import proven_directions


def certify(model: Any, X: Any = None, *, output: Any = None, against: Any = None) -> Certificate:
    """Return certificates of ``model``: statements that are proven from its matrices.

    Parameters
    ----------
    model : fitted SpectralRegressor or SpectralClassifier, Pencil or DensePencil
    X : DataFrame or array_like, shape (n, columns), optional
        Rows for gaps, radii, and the observed derivatives in :meth:`Certificate.columns`.
    output, against : label, optional
        The class to explain, and the class that its log-odds are measured against, as in :func:`explain`. A
        model of more than two classes needs ``output``.

    Returns
    -------
    Certificate
        The theorems and their proofs are at the top of the modules of this package.

    Raises
    ------
    TypeError
        If ``model`` is neither an estimator nor a pencil.
    ValueError
        If ``X`` does not fit the model.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> cert = certify(Pencil(diag=[[0.0, 0.0], [0.0, 0.0]], off=[[0.0], [3.0]], k=1))
    >>> cert.feature_norm, cert.lipschitz, cert.curvature
    (array([3.]), 3.0, 'convex')
    """
    rows = output_rows(model, X, output, against)
    view, function = rows.view, rows.view.function
    neurons = function.neurons
    low, high = (ends[1:].sum(axis=1) for ends in neurons.extremes(neurons.entries))
    balls = Balls(view)
    return Certificate(
        feature_norm=np.maximum(-low, high),
        gradient_low=low,
        gradient_high=high,
        monotone=_signs(function, low, high),
        lipschitz=balls.lipschitz,
        bend=float(balls.radii.sum()),
        curvature=_curvature(function) if balls.affine else None,
        rows=rows,
        margins=None if X is None else _margins(rows),
        model=model,
    )


def certify_rows(certificate: Certificate, rows: Rows) -> Certificate:
    """Return the certificate of the same model at other rows; global statements are not proven again."""
    found = replace(certificate, rows=rows, margins=_margins(rows))
    vars(found)["_balls"] = certificate._balls
    return found


def _signs(function: SpectralFunction, low: FloatArray, high: FloatArray) -> npt.NDArray[np.int_]:
    """Return the proven direction of every feature, (p,)."""
    sizes, steps = function.neurons.sizes[1:].sum(axis=1), np.eye(len(low))
    found = [
        proven_directions(function, step[None], *map(float, ends))
        for step, *ends in zip(steps, low, high, sizes, strict=True)
    ]
    return np.array([int(up) - int(down) for up, down in found], dtype=np.int_)


def _margins(rows: Rows) -> Margins:
    view, neurons = rows.view, rows.view.function.neurons
    n, numbers = len(rows), len(view.features) + len(view.input_column_of) + len(neurons)
    work = f"gradients and gaps at {n:,} rows × {len(view.features):,} features"
    check_memory(8 * n * numbers, work, "certify fewer rows at a time, or with explain_batches")

    def of(some: Rows) -> tuple[FloatArray, ...]:
        prediction, gradient = view.function.values_and_gradients(some.z)
        slopes = view.input_slopes(some.z, gradient)
        return prediction, gradient, neurons.gaps(neurons.at(some.z)), slopes

    return Margins(*rows.in_chunks(of))


def _curvature(function: SpectralFunction) -> str | None:
    k = function.neurons.k
    if (k == function.dim - 1).all():
        return "convex"
    return "concave" if (k == 0).all() else None
