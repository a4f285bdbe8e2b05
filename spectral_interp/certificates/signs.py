"""The proven sign of a change of f: beyond the rounding of its bounds, or else in exact arithmetic.

If D is the change of the matrix of every term, f changes by at least ``Σ λ_min(D)`` and at most
``Σ λ_max(D)`` (Weyl). The errors of these bounds are a few units of 1e-16 of the norms, so the sign of a
bound of that size is uncertain. D is then tested in exact rational arithmetic, since floats are rational
numbers. f never falls if every D is positive semidefinite, that is, if the elimination ``D = L diag(q) Lᵀ``
meets no negative pivot q, and every zero pivot has only zeros in its row.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .._common.arrays import FloatArray
from ..pencil import MatrixPencil, Pencil, SpectralFunction

ROUNDING = 1e-12
"""Permitted error of a bound, as a fraction of the larger bound: a thousand times the solver's error."""


def proven_sign(function: SpectralFunction, step: FloatArray, low: float, high: float) -> int:
    """Return 1 if ``f(z + step) − f(z)`` is proven never to be negative, −1 if never positive, 0 if neither.

    Parameters
    ----------
    function : SpectralFunction
    step : ndarray, shape (p,)
        A single feature, or the difference of two; its entries are 1, −1 and 0.
    low, high : float
        The computed bounds of ``function.step_range``.

    Returns
    -------
    int
        0 also if the step has no effect at all.

    Examples
    --------
    A matrix whose smallest eigenvalue is zero, and one whose smallest eigenvalue is below zero by 1e-20:

    >>> from spectral_interp import Pencil
    >>> zero, below = (Pencil([[0.0, 0.0], [1.0, entry]], [[0.0], [0.0]], 1) for entry in (0.0, -1e-20))
    >>> proven_sign(zero, np.ones(1), 0.0, 1.0), proven_sign(below, np.ones(1), 0.0, 1.0)
    (1, 0)
    """
    up, down = proven_directions(function, step[None], low, high, max(-low, high))
    return int(up) - int(down)


def proven_directions(
    function: SpectralFunction, parts: FloatArray, low: float, high: float, size: float
) -> tuple[bool, bool]:
    """Return whether a change of f is proven never to be negative, and never to be positive.

    Parameters
    ----------
    function : SpectralFunction
    parts : ndarray, shape (m, p)
        Steps. The change of the matrices is that of the first step plus positive multiples of those of the
        others.
    low, high : float
        Computed bounds of the change.
    size : float
        Sum over the neurons of the largest norm that the change can have.

    Returns
    -------
    never_falls, never_rises : bool
        Both if there is no change.
    """
    margin = ROUNDING * size
    if not margin:
        return True, True

    def proven(sign: int, bound: float) -> bool:
        if abs(bound) > margin:
            return bound > 0
        return all(_is_semidefinite(term, part, sign) for part in parts for term in function.terms)

    return proven(1, low), proven(-1, -high)


def _is_semidefinite(pencil: MatrixPencil, step: FloatArray, sign: int) -> bool:
    """Return whether ``sign Σ step_i A_i`` is positive semidefinite, exactly."""
    moved = np.flatnonzero(step)
    weights = [Fraction(float(step[i])) * sign for i in moved]
    if isinstance(pencil, Pencil):
        return _is_tridiagonal_semidefinite(
            *(_exact_sum(weights, bands[1 + moved]) for bands in (pencil.diag, pencil.off))
        )
    rows = pencil.matrices[1 + moved]
    return _is_dense_semidefinite([_exact_sum(weights, rows[:, j]) for j in range(pencil.dim)])


def _exact_sum(weights: list[Fraction], rows: FloatArray) -> list[Fraction]:
    """Return the weighted sum of rows (m, d) as d rational numbers."""
    return [
        sum((w * Fraction(x) for w, x in zip(weights, column, strict=True)), Fraction(0))
        for column in rows.T.tolist()
    ]


def _is_tridiagonal_semidefinite(diag: list[Fraction], off: list[Fraction]) -> bool:
    """Return whether no pivot ``q_j = a_j − b²_{j−1} / q_{j−1}`` is negative, or zero with a coupling."""
    taken = Fraction(0)
    for a, b in zip(diag, [*off, Fraction(0)], strict=True):
        pivot = a - taken
        if pivot < 0 or (not pivot and b):
            return False
        taken = b * b / pivot if b else Fraction(0)
    return True


def _is_dense_semidefinite(rows: list[list[Fraction]]) -> bool:
    """Return whether elimination meets no negative pivot, and no zero pivot with other entries in its row."""
    while rows:
        (pivot, *rest), *below = rows
        if pivot < 0 or (not pivot and any(rest)):
            return False
        if pivot:
            below = [
                [row[0], *(x - row[0] * y / pivot for x, y in zip(row[1:], rest, strict=True))]
                for row in below
            ]
        rows = [row[1:] for row in below]
    return True
