"""Path (Aumann–Shapley) contributions: exact sums, each number to a tolerance.

On the segment from a reference r to a row z, with v(t) the eigenvector of ``A(r + t (z − r))``, the
contribution of feature i is ``(z_i − r_i) ∫ v(t)ᵀ A_i v(t) dt``. A quadrature rule for this integral misses
the prediction. The secant identity does not: for eigenpairs (α, u) of A(s) and (β, w) of A(t), ``uᵀw ≠ 0``,

    β − α = wᵀ(A(t) − A(s)) u / (uᵀw) = (t − s) Σ_i (z_i − r_i) wᵀA_i u / (uᵀw),

so that the terms of the last sum, added up over the cells of any subdivision, sum to ``f(z) − f(r)``. They
are symmetric in s and t; so their error has an expansion in even powers of the width, and each cell can be
cut into 1, 2 and 4 equal parts and extrapolated (Romberg 1955), with weights that add up to one and keep the
sum. Cells are bisected until two orders of extrapolation agree *and* no crossing can hide between nodes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.progress import progress
from ..pencil import MatrixPencil, Pencil
from ..view import ModelView, Rows
from .breakpoints import active_shares
from .result import Parts
from .secants import Paths

VECTOR_ENTRIES = 2**14  # of the vectors of the paths that advance together
SECONDS_PER_PATH = 1e-4  # roughly, to decide whether progress is shown
LEAST_SPREAD = 1e-3


def path(rows: Rows, reference: FloatArray, *, tol: float = 1e-4) -> Parts:
    """Return the contributions along straight paths from the background rows, averaged over them.

    Parameters
    ----------
    rows : Rows
    reference : ndarray, shape (b, p)
        Background rows. One row gives integrated gradients, several expected gradients.
    tol : float
        Bound on the error of every single contribution and of its parts, as a fraction of the spread of the
        predictions: the largest less the smallest over the rows and the background together, but at least
        1e-3 of the largest ``‖A(z) − A(r)‖₂``; rounding, 4e-15 of the terms of A(z), is not undercut. The
        sum is exact whatever the tolerance.

    Returns
    -------
    Parts
        ``base_values`` is the mean prediction of the background.

    Raises
    ------
    ValueError
        If ``tol`` is not between 1e-10 and 1.

    Warns
    -----
    UserWarning
        If the eigenvalue is multiple along a stretch of a path: the contributions are then one choice of
        several, and the row is flagged degenerate. If it is nearly so: a crossing that was missed may cost
        the tolerance.
    """
    if not 1e-10 <= tol <= 1:
        raise ValueError(f"expected tol between 1e-10 and 1; got {tol!r}")
    function, z = rows.view.function, rows.z
    n, b = len(z), len(reference)
    prediction, base = function.values(z), function.values(reference)
    error = tol * _spread(rows, reference, np.concatenate([prediction, base]))
    found = _Sum(
        np.zeros((n, 2, len(rows.view.axes))), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), n + b
    )
    size = f"path: {n:,} rows × {b:,} background rows"
    paths = n * b * len(function.terms)
    with progress(paths, seconds=SECONDS_PER_PATH * paths, size=size, unit="path") as advance:
        for weight, pencil in function.terms:
            share = error / (abs(weight) * len(function.terms))
            _add_term(found, weight, pencil, rows, reference, share, advance)
    if found.hard.any():
        _warn(int(found.hard.sum()), n)
    return Parts(
        values=found.total.sum(axis=1),
        base_values=np.full(n, base.mean()),
        prediction=prediction,
        degenerate=function.degenerate(z) | found.lost,
        diagonal=found.total[:, 0],
        coupling=found.total[:, 1],
        evaluations=found.evaluations,
    )


@dataclass
class _Sum:
    """What has been found: both parts of the contributions (n, 2, c), hard and lost rows (n,), the cost."""

    total: FloatArray
    hard: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]
    evaluations: int


def _add_term(
    found: _Sum,
    weight: float,
    pencil: MatrixPencil,
    rows: Rows,
    reference: FloatArray,
    error: float,
    advance: Callable[[int], object],
) -> None:
    """Add the contributions of one eigenvalue, every path to within ``error``."""
    n, b = len(rows), len(reference)
    together = max(1, VECTOR_ENTRIES // max(pencil.dim, pencil.n_features))
    for start in range(0, n * b, together):
        row, ref = np.divmod(np.arange(start, min(start + together, n * b)), b)
        step = rows.z[row] - reference[ref]
        parts, *paths, count = _integrate(pencil, rows.view, reference[ref], step, error)
        np.add.at(found.total, row, weight * parts / b)
        for flagged, which in zip((found.hard, found.lost), paths, strict=True):
            flagged[row[which]] = True
        found.evaluations += count
        advance(len(row))


def _spread(rows: Rows, reference: FloatArray, predictions: FloatArray) -> float:
    """Return what ``tol`` is a fraction of."""
    farthest = max(_largest_step(rows, r) for r in reference) if len(rows) else 0.0
    return max(float(np.ptp(predictions)), LEAST_SPREAD * farthest)


def _largest_step(rows: Rows, r: FloatArray) -> float:
    """Return the largest ``‖A(z) − A(r)‖₂`` over the rows."""
    low, high = rows.view.function.step_range(rows.z - r)
    return float(np.maximum(-low, high).max())


def _integrate(
    pencil: MatrixPencil, view: ModelView, origin: FloatArray, step: FloatArray, error: float
) -> tuple[FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_], int]:
    """Return both parts of the contributions (m, 2, c), hard and lost paths (m,) each, and the cost."""
    none = np.zeros(len(step), dtype=bool)
    if isinstance(pencil, Pencil) and pencil.structure == "diagonal":
        shares, pieces = active_shares(pencil.bands(origin)[0], step @ pencil.diag[1:], pencil.k)
        diagonal = view.per_column(step * (shares @ pencil.diag[1:].T))
        return np.stack([diagonal, np.zeros_like(diagonal)], axis=1), none, none, pieces
    paths = Paths(pencil, view, origin, step, error=error)
    return paths.integrate(), paths.hard, paths.lost, paths.evaluations


def _warn(hard: int, n: int) -> None:
    warnings.warn(
        f"the eigenvalue is multiple, or nearly so, along stretches of the paths to {hard} of {n} rows: "
        "contributions are one choice of several there (see Attribution.degenerate) or miss the tolerance",
        stacklevel=4,
    )
