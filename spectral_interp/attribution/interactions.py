"""Interactions between columns: the exact Hessian, and Shapley interaction values."""

from __future__ import annotations

import warnings
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.memory import check_memory
from ..view import Rows, output_rows
from ..view.rows import background_of
from .changes import ENTRIES
from .shapley import MOST_PLAYERS, all_masks, coalition_values, member_values, shapley_weights


def interactions(
    model: Any,
    X: Any,
    *,
    method: str = "hessian",
    background: Any = None,
    output: Any = None,
    against: Any = None,
) -> FloatArray:
    """Return the interactions between columns, for every row.

    Parameters
    ----------
    model : SpectralRegressor, SpectralClassifier, Pencil or DensePencil
    X : DataFrame or array_like, shape (n, columns)
    method : {"hessian", "shapley"}
        "hessian": the second derivatives ``Σ 2 (A_i v)ᵀ (λI − A)⁺ (A_l v)``, in the unit of the
        prediction per unit of each input (standardised number, indicator of a level or a gap), summed over
        the inputs of both columns. Zero between kinks for diagonal pencils.

        "shapley": Shapley interaction values, in the unit of the prediction, up to 14 columns. The
        interaction index (Grabisch and Roubens 1999)

            I_ij = Σ_{S ∌ i, j} |S|! (c − |S| − 2)! / (c − 1)! · (v(S ∪ ij) − v(S ∪ i) − v(S ∪ j) + v(S))

        of the game ``v(S) = mean over background rows b of f(z_S, b_{not S})`` is split in half, I_ij / 2 on
        either side of the diagonal, and the diagonal holds the rest of the Shapley value: rows add up to the
        Shapley values, and all entries to the prediction less the base value (the convention of
        ``shap.TreeExplainer``, Lundberg et al. 2020; ``shap.ExactExplainer`` has Shapley–Taylor values).
    background : DataFrame or array_like, shape (b, columns), optional
        For "shapley", as in :func:`explain`.
    output, against : label, optional
        The class to explain, and the class that its log-odds are measured against, as in :func:`explain`. A
        model of more than two classes needs ``output``.

    Returns
    -------
    ndarray, shape (n, columns, columns)
        Symmetric in the last two axes.

    Raises
    ------
    TypeError
        If ``model`` is neither an estimator nor a pencil.
    ValueError
        If ``method`` is unknown, there are more than 14 columns for "shapley", ``X`` or ``background`` does
        not fit the model, ``background`` has no rows, or a background is given for "hessian"; if a number
        exceeds 1.8e308.

    Warns
    -----
    UserWarning
        If rows are degenerate: f may have no unique slope there, and then no second derivative.

    Examples
    --------
    The larger eigenvalue of [[0, z], [z, 1]] is 1/2 + sqrt(1/4 + z²):

    >>> from spectral_interp import Pencil
    >>> pencil = Pencil(diag=[[0.0, 1.0], [0.0, 0.0]], off=[[0.0], [1.0]], k=1)
    >>> interactions(pencil, [[0.0]])
    array([[[2.]]])
    """
    if method not in INTERACTIONS:
        raise ValueError(f"expected method to be one of {', '.join(INTERACTIONS)}; got {method!r}")
    if method == "hessian" and background is not None:
        raise ValueError(
            "expected no background with method='hessian'; got one; it is a derivative at the row"
        )
    rows = output_rows(model, X, output, against)
    reference, _ = background_of(model, rows, background)
    n, c = len(rows), len(rows.view.axes)
    work = f"interactions in {n:,} rows × {c:,} columns"
    check_memory(9 * n * c * c, work, "take fewer rows at a time")
    with np.errstate(over="ignore", invalid="ignore"):
        found = INTERACTIONS[method](rows, reference)
    overflow = ~np.isfinite(found).all(axis=(1, 2))
    if overflow.any():
        raise ValueError(
            f"expected interactions below 1.8e308; got larger ones in row {int(overflow.argmax())}; express "
            "the columns in other units"
        )
    return found


def _hessian(rows: Rows, _: FloatArray) -> FloatArray:
    function, view, c = rows.view.function, rows.view, len(rows.view.axes)

    def bends(some: Rows) -> tuple[npt.NDArray[Any], ...]:
        along = view.along(some.z)
        slopes = function.neurons.steps(along.reshape(-1, along.shape[2]))
        found = function.bend(some.z, slopes.reshape(-1, c, *slopes.shape[1:]))
        return found, function.degenerate(some.z)

    found, degenerate = rows.in_chunks(bends, max(1, ENTRIES // 4 // (c * function.neurons.entries[0].size)))
    if degenerate.any():
        warnings.warn(
            f"{int(degenerate.sum())} of {len(rows)} rows are degenerate: the eigenvalue is multiple "
            "there and may have no second derivative",
            stacklevel=3,
        )
    return found


def _shapley(rows: Rows, reference: FloatArray) -> FloatArray:
    """Return the interaction index as a weighted sum over all coalitions S.

    With ``s`` players besides i and j, S has the weight ``± s! (c − s − 2)! / (c − 1)!``, positive if it
    holds both or neither of them. The Shapley values come from the same table.
    """
    n, c = len(rows), len(rows.view.axes)
    if c > MOST_PLAYERS:
        raise ValueError(f"expected at most {MOST_PLAYERS} columns for Shapley interactions; got {c}")
    masks = all_masks(c)
    first, second = np.triu_indices(c, k=1)
    one, other = masks[:, first], masks[:, second]
    others = masks.sum(axis=1, keepdims=True) - one - other
    weight = np.array([factorial(s) * factorial(c - s - 2) / factorial(c - 1) for s in range(c - 1)])
    pairs = np.where(one == other, 1.0, -1.0) * weight[others] if c > 1 else np.empty((2, 0))
    single = shapley_weights(masks)
    result = np.zeros((n, c, c))
    game = rows.view.function.neurons.by_member
    base = member_values(rows, reference, game).mean(axis=0)
    for group, by_member in coalition_values(rows, reference, masks, base, game):
        table = by_member.mean(axis=2)
        half = table @ pairs / 2
        block = result[group]
        block[:, first, second] = block[:, second, first] = half
        block[:, np.arange(c), np.arange(c)] = table @ single - block.sum(axis=2)
    return result


INTERACTIONS = {"hessian": _hessian, "shapley": _shapley}
