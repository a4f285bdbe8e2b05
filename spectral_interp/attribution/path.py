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

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.progress import progress
from ..pencil.tridiagonal import Pencil
from ..view.rows import Inputs
from .breakpoints import active_shares
from .result import Attribution
from .secants import Paths

ENTRIES = 2**14  # of the vectors of the paths that advance together
SECONDS_PER_PATH = 1e-4  # roughly, to decide whether progress is shown
LEAST_SPREAD = 1e-3


def path(inputs: Inputs, reference: FloatArray, *, tol: float = 1e-4) -> Attribution:
    """Return the contributions along straight paths from the background rows, averaged over them.

    Parameters
    ----------
    inputs : Inputs
    reference : ndarray, shape (b, p)
        Background rows. One row gives integrated gradients, several expected gradients.
    tol : float
        Bound on the error of every single contribution and of its parts, as a fraction of the spread of the
        predictions: the largest less the smallest over the rows and the background together, but at least
        1e-3 of the largest ``‖A(z) − A(r)‖₂``; rounding, 4e-15 of the terms of A(z), is not undercut. The
        sum is exact whatever the tolerance.

    Returns
    -------
    Attribution
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
    pencil, z = inputs.pencil, inputs.z
    n, b = len(z), len(reference)
    prediction, base = pencil.values(z), pencil.values(reference)
    error = tol * _spread(inputs, reference, np.concatenate([prediction, base]))
    total, evaluations = np.zeros((n, 2, len(inputs.columns))), n + b
    hard, lost = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    together = max(1, ENTRIES // max(pencil.dim, pencil.n_features))
    size = f"path: {n:,} rows × {b:,} background rows"
    with progress(n * b, seconds=SECONDS_PER_PATH * n * b, size=size, unit="path") as advance:
        for start in range(0, n * b, together):
            row, ref = np.divmod(np.arange(start, min(start + together, n * b)), b)
            parts, *paths, count = _integrate(inputs, reference[ref], z[row] - reference[ref], error)
            np.add.at(total, row, parts / b)
            for rows, found in zip((hard, lost), paths, strict=True):
                rows[row[found]] = True
            evaluations += count
            advance(len(row))
    if hard.any():
        _warn(int(hard.sum()), n)
    return Attribution(
        values=total.sum(axis=1),
        base_values=np.full(n, base.mean()),
        prediction=prediction,
        degenerate=pencil.degenerate(z) | lost,
        columns=inputs.columns,
        data=inputs.data,
        method="path",
        unit=inputs.unit,
        diagonal=total[:, 0],
        coupling=total[:, 1],
        evaluations=evaluations,
    )


def _spread(inputs: Inputs, reference: FloatArray, predictions: FloatArray) -> float:
    """Return what ``tol`` is a fraction of."""
    farthest = max(_largest_step(inputs, r) for r in reference) if len(inputs.z) else 0.0
    return max(float(np.ptp(predictions)), LEAST_SPREAD * farthest)


def _largest_step(inputs: Inputs, r: FloatArray) -> float:
    """Return the largest ``‖A(z) − A(r)‖₂`` over the rows."""
    low, high = inputs.pencil.step_range(inputs.z - r)
    return float(np.maximum(-low, high).max())


def _integrate(
    inputs: Inputs, origin: FloatArray, step: FloatArray, error: float
) -> tuple[FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_], int]:
    """Return both parts of the contributions (m, 2, c), hard and lost paths (m,) each, and the cost."""
    pencil, none = inputs.pencil, np.zeros(len(step), dtype=bool)
    if isinstance(pencil, Pencil) and pencil.structure == "diagonal":
        shares, pieces = active_shares(pencil.bands(origin)[0], step @ pencil.diag[1:], pencil.k)
        diagonal = inputs.per_column(step * (shares @ pencil.diag[1:].T))
        return np.stack([diagonal, np.zeros_like(diagonal)], axis=1), none, none, pieces
    paths = Paths(inputs, origin, step, error=error)
    return paths.integrate(), paths.hard, paths.lost, paths.evaluations


def _warn(hard: int, n: int) -> None:
    warnings.warn(
        f"the eigenvalue is multiple, or nearly so, along stretches of the paths to {hard} of {n} rows: "
        "contributions are one choice of several there (see Attribution.degenerate) or miss the tolerance",
        stacklevel=4,
    )
