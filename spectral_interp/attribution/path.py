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

from .._common.arrays import FloatArray
from .._common.progress import progress
from ..pencil import MatrixPencil, Pencil
from ..view import ModelView, Rows
from .breakpoints import active_stretches
from .result import Parts
from .secants import Paths, rounding

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
        If the eigenvalue is multiple along a stretch of a path and contributions are one choice of several
        there that differ by more than the tolerance; or nearly so, and a crossing that was missed may cost as
        much. The row is flagged degenerate.
    """
    if not 1e-10 <= tol <= 1:
        raise ValueError(f"expected tol between 1e-10 and 1; got {tol!r}")
    function, z = rows.view.function, rows.z
    n, b = len(z), len(reference)
    prediction, base = function.values(z), function.values(reference)
    error = tol * _spread(rows, reference, np.concatenate([prediction, base]))
    found = _Sum(np.zeros((n, 2, len(rows.view.axes))), np.zeros(n), n + b)
    size = f"path: {n:,} rows × {b:,} background rows"
    paths = n * b * len(function.terms)
    with progress(paths, seconds=SECONDS_PER_PATH * paths, size=size, unit="path") as advance:
        for weight, pencil in function.terms:
            _add_term(found, weight, pencil, rows, reference, error, advance)
    unsure = found.doubt > error
    if unsure.any():
        _warn(int(unsure.sum()), n)
    return Parts(
        values=found.total.sum(axis=1),
        base_values=np.full(n, base.mean()),
        prediction=prediction,
        degenerate=function.degenerate(z) | unsure,
        diagonal=found.total[:, 0],
        coupling=found.total[:, 1],
        evaluations=found.evaluations,
    )


@dataclass
class _Sum:
    """What has been found of n rows, and the cost.

    Both parts of the contributions (n, 2, c), and how far other choices of them may be (n,).
    """

    total: FloatArray
    doubt: FloatArray
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
    """Add the contributions of one eigenvalue, every path to within its share of ``error``."""
    n, b = len(rows), len(reference)
    share = error / (abs(weight) * len(rows.view.function.terms))
    enough = error * b / abs(weight)  # doubt of one path that is too much for its row
    together = max(1, VECTOR_ENTRIES // max(pencil.dim, pencil.n_features))
    for start in range(0, n * b, together):
        row, ref = np.divmod(np.arange(start, min(start + together, n * b)), b)
        step = rows.z[row] - reference[ref]
        parts, doubt, count = _integrate(pencil, rows.view, reference[ref], step, share, enough)
        np.add.at(found.total, row, weight * parts / b)
        np.add.at(found.doubt, row, abs(weight) * doubt / b)
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
    pencil: MatrixPencil,
    view: ModelView,
    origin: FloatArray,
    step: FloatArray,
    error: float,
    enough: float,
) -> tuple[FloatArray, FloatArray, int]:
    """Return both parts of the contributions (m, 2, c), the doubt (m,) and the cost."""
    if isinstance(pencil, Pencil) and pencil.structure == "diagonal":
        return _follow(pencil, view, origin, step)
    paths = Paths(pencil, view, origin, step, error=error, enough=enough)
    return paths.integrate(), paths.doubt, paths.evaluations


def _follow(
    pencil: Pencil, view: ModelView, origin: FloatArray, step: FloatArray
) -> tuple[FloatArray, FloatArray, int]:
    """Return the same of a diagonal pencil, exactly, from its active lines.

    Where two lines are equal all along, either may count. The doubt is how much that matters.
    """
    values, speeds = pencil.bands(origin)[0], step @ pencil.diag[1:]
    found = active_stretches(values, speeds, pencil.k)
    shares = np.zeros(values.shape)
    np.add.at(shares, (found.path, found.active), found.length)
    diagonal = view.per_column(step * (shares @ pencil.diag[1:].T))
    stretch, line = found.ties(values, speeds, rounding(pencil, origin, step))
    other = pencil.diag[1:, line] - pencil.diag[1:, found.active[stretch]]
    apart = np.zeros(len(found.path))
    np.maximum.at(apart, stretch, np.abs(view.per_column(step[found.path[stretch]] * other.T)).max(axis=1))
    doubt = np.zeros(len(step))
    np.add.at(doubt, found.path, found.length * apart)
    parts = np.stack([diagonal, np.zeros_like(diagonal)], axis=1)
    return parts, doubt, len(found.path)


def _warn(unsure: int, n: int) -> None:
    warnings.warn(
        f"the eigenvalue is multiple, or nearly so, along stretches of the paths to {unsure} of {n} rows: "
        "contributions are one choice of several there (see Attribution.degenerate) or miss the tolerance",
        stacklevel=4,
    )
