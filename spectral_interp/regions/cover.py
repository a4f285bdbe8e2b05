"""Covers: few tangent planes that approximate f at all rows within a tolerance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from .._common.memory import check_memory

RUNGS, PER_OCTAVE = 64, 4
"""Number of tolerances at which covers are computed, and number of them per factor of two."""

MOST_ROWS = 10_000
"""Maximum number of rows, at which the errors of every plane at every row, and copies, take 2.4 GB."""

FLAT = 1e-12
"""Errors of a tangent plane up to this fraction of its terms count as rounding."""


@dataclass(frozen=True, eq=False)
class Cover:
    """Tangent planes that hold to ``eps`` at all rows: ``anchors`` (m,), and the piece of every row (n,)."""

    eps: float
    anchors: IntArray
    labels: IntArray


def linear_cover(
    z: npt.ArrayLike, values: npt.ArrayLike, gradients: npt.ArrayLike, eps: float
) -> tuple[IntArray, IntArray]:
    """Return few tangent planes such that the plane of every row's piece has an error up to ``eps`` there.

    The model only has to give values and gradients. The smallest number of planes is a set cover, which is
    NP-hard. The greedy cover repeatedly takes the plane that covers the most uncovered rows, and is within a
    factor ``1 + ln n`` of the smallest (Chvátal). A greedy cover may grow with ``eps``. Covers are therefore
    computed at fixed tolerances, 4 per factor of 2, downwards from the tolerance at which a single plane is
    enough. The smallest cover with a tolerance up to ``eps`` is returned, so the number of pieces never grows
    with ``eps``.

    Parameters
    ----------
    z : array_like, shape (n, p)
        Features, 1 <= n <= 10,000. Memory grows as n²; 1,000 rows take a fraction of a second.
    values : array_like, shape (n,)
    gradients : array_like, shape (n, p)
    eps : float, >= 0
        In the unit of the values; rounding errors count as zero.

    Returns
    -------
    anchors : ndarray of int, shape (m,)
        Rows whose tangent planes are the pieces, in descending order of their number of rows.
    labels : ndarray of int, shape (n,)
        Piece of every row, 0 to m - 1: the plane of least error.

    Raises
    ------
    ValueError
        If shapes do not match, there are no rows or too many, or ``eps`` is negative or not a number.

    Examples
    --------
    >>> z = np.array([[-2.0], [-1.0], [1.0]])
    >>> linear_cover(z, np.abs(z[:, 0]), np.sign(z), eps=0.5)
    (array([0, 2]), array([0, 0, 1]))
    """
    return pick(cover_ladder(tangent_errors(z, values, gradients), eps), eps)


def tangent_errors(z: npt.ArrayLike, values: npt.ArrayLike, gradients: npt.ArrayLike) -> FloatArray:
    """Return ``|f_i - f_j - g_j·(z_i - z_j)|``, row i against the tangent plane of row j: shape (n, n)."""
    z, f, g = (np.asarray(array, dtype=np.float64) for array in (z, values, gradients))
    if z.ndim != 2 or not len(z) or f.shape != z.shape[:1] or g.shape != z.shape:
        raise ValueError(
            "expected z (n, p), values (n,) and gradients (n, p), n >= 1; "
            f"got {z.shape}, {f.shape}, {g.shape}"
        )
    if len(z) > MOST_ROWS:
        raise ValueError(
            f"expected at most {MOST_ROWS:,} rows; got {len(z):,}, for which errors of "
            f"every plane at every row take {8 * len(z) ** 2 / 2**30:,.3g} GiB; pass a sample of the rows"
        )
    check_memory(
        32 * len(z) ** 2,
        f"the errors of {len(z):,} tangent planes at {len(z):,} rows",
        "take a sample of the rows",
    )
    slopes = z @ g.T
    errors = np.abs(f[:, None] - f - slopes + np.diagonal(slopes))
    errors[errors <= FLAT * (np.abs(f).max() + np.abs(slopes).max())] = 0.0
    return errors


def cover_ladder(errors: FloatArray, eps: float = np.inf) -> list[Cover]:
    """Return the covers at the fixed tolerances up to ``eps``, in ascending order of tolerance."""
    one_plane = float(errors.max(axis=0).min())
    rungs = one_plane * 2.0 ** (-np.arange(RUNGS)[::-1] / PER_OCTAVE) if one_plane > 0 else np.empty(0)
    return [_greedy_cover(errors, float(rung)) for rung in (0.0, *rungs[rungs <= eps])]


def _greedy_cover(errors: FloatArray, eps: float) -> Cover:
    covers = errors <= eps
    open_rows = np.ones(len(errors), dtype=bool)
    gains = covers.sum(axis=0)
    anchors = []
    while open_rows.any():
        anchors.append(int(gains.argmax()))
        new = open_rows & covers[:, anchors[-1]]
        gains -= covers[new].sum(axis=0)
        open_rows &= ~new
    nearest = np.array(anchors)[errors[:, anchors].argmin(axis=1)]
    kept, rows = np.unique(nearest, return_counts=True)
    kept = kept[np.argsort(-rows, kind="stable")]
    place = np.empty(len(errors), dtype=np.intp)
    place[kept] = np.arange(len(kept))
    return Cover(eps, kept, place[nearest])


def pick(ladder: list[Cover], eps: float) -> tuple[IntArray, IntArray]:
    """Return the smallest cover with a tolerance up to ``eps``; among equals, the one of least tolerance."""
    if not eps >= 0:
        raise ValueError(f"expected eps >= 0, in the unit of the predictions; got {eps!r}")
    best = min((cover for cover in ladder if cover.eps <= eps), key=lambda cover: len(cover.anchors))
    return best.anchors, best.labels


def counts(ladder: list[Cover]) -> tuple[FloatArray, IntArray]:
    """Return the tolerances (m,) of the covers, ascending, and their numbers of pieces (m,)."""
    sizes = np.minimum.accumulate([len(cover.anchors) for cover in ladder])
    return np.array([cover.eps for cover in ladder]), np.asarray(sizes, dtype=np.intp)
