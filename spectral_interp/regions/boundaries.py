"""Exact boundaries between active latents, on segments and in planes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from ..pencil.tridiagonal import Pencil


def line_boundaries(pencil: Pencil, start: npt.ArrayLike, end: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
    """Return the exact points on the segment from ``start`` to ``end`` at which the active latent changes.

    On the segment, the diagonal entries are d affine functions of t in [0, 1]. Their order changes only where
    two of them cross, so the active latent between two neighbouring crossings is the one at their middle.

    Parameters
    ----------
    pencil : Pencil
        If it is not diagonal, the boundaries are those of its skeleton.
    start, end : array_like, shape (p,)

    Returns
    -------
    t : ndarray, shape (m,)
        Ascending, strictly between 0 and 1; the boundaries are at ``start + t (end - start)``.
    latents : ndarray of int, shape (m + 1,)
        Active latent of every part of the segment.

    Examples
    --------
    >>> line_boundaries(Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.0], [0.0]], k=1), [-1.0], [3.0])
    (array([0.25]), array([1, 0]))
    """
    (a, b), _ = pencil.bands(np.array([start, end], dtype=np.float64))
    i, j = np.triu_indices(pencil.dim, k=1)
    cuts = _parts(a[i] - a[j], (b - a)[i] - (b - a)[j], 0.0, 1.0)
    middles = (cuts[:-1] + cuts[1:]) / 2
    order = np.argsort(a + middles[:, None] * (b - a), axis=1, kind="stable")
    latents = order[:, pencil.k]
    changes = np.flatnonzero(latents[1:] != latents[:-1])
    return cuts[1 + changes], latents[np.concatenate([[0], changes + 1])]


def _parts(offset: FloatArray, slope: FloatArray, low: float, high: float) -> FloatArray:
    """Return low, high, and the zeros of the functions ``offset + slope · t`` between them, ascending."""
    crossing = slope != 0
    with np.errstate(over="ignore"):
        zeros = -offset[crossing] / slope[crossing]
    return np.unique(np.concatenate([[low, high], zeros[(zeros > low) & (zeros < high)]]))


def plane_boundaries(offset: FloatArray, slopes: FloatArray, k: int) -> FloatArray:
    """Return the boundaries on the unit square at which the k-th smallest of d affine functions changes.

    Functions i and j are equal on a line. Its parts on which the tie has rank k are boundaries. The rank of
    the tie is constant between two crossings with the other functions.

    Parameters
    ----------
    offset : ndarray, shape (d,)
    slopes : ndarray, shape (2, d)
        The functions are ``offset + x · slopes``, x in the unit square.
    k : int

    Returns
    -------
    ndarray, shape (m, 2, 2)
        Ends of straight segments.

    Examples
    --------
    >>> plane_boundaries(np.array([0.0, 0.5]), np.array([[1.0, 0.0], [0.0, 0.0]]), k=0).tolist()
    [[[0.5, 0.0], [0.5, 1.0]]]
    """
    segments = []
    for i, j in zip(*np.triu_indices(len(offset), k=1), strict=True):
        line = _clip(offset[i] - offset[j], slopes[:, i] - slopes[:, j])
        if line is None:
            continue
        start, step = line
        others = np.delete(np.arange(len(offset)), [i, j])
        above = offset[others] + start @ slopes[:, others] - (offset[i] + start @ slopes[:, i])
        turn = step @ slopes[:, others] - step @ slopes[:, i]
        cuts = _parts(above, turn, 0.0, 1.0)
        middles = above + (cuts[:-1, None] + cuts[1:, None]) / 2 * turn
        tied = ((middles < 0).sum(axis=1) <= k) & (k <= 1 + (middles <= 0).sum(axis=1))
        ends = start + cuts[:, None] * step
        segments += [ends[m : m + 2] for m in np.flatnonzero(tied)]
    return np.array(segments).reshape(-1, 2, 2)


def _clip(offset: float, slope: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return start and step of the line ``offset + slope · x = 0`` in the unit square; None if outside."""
    norm2 = float(slope @ slope)
    if not norm2 > 0:
        return None
    foot, along = -offset * slope / norm2, np.array([-slope[1], slope[0]]) / np.sqrt(norm2)
    low, high = -np.inf, np.inf
    for x, direction in zip(foot, along, strict=True):
        if direction == 0:
            if not 0 <= x <= 1:
                return None
            continue
        ends = sorted([-x / direction, (1 - x) / direction])
        low, high = max(low, ends[0]), min(high, ends[1])
    if not low < high:
        return None
    ends = np.clip(foot + np.array([[low], [high]]) * along, 0.0, 1.0)
    ends = ends[np.lexsort(ends.T[::-1])]
    return ends[0], ends[1] - ends[0]
