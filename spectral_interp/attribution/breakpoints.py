"""Straight paths through diagonal pencils, where λ_k is the k-th smallest of d affine functions of t."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray


def active_shares(values: FloatArray, speeds: FloatArray, k: int) -> tuple[FloatArray, int]:
    """Return for which share of 0 ≤ t ≤ 1 each of d lines is the k-th smallest.

    The active line is followed to the first line that meets it; that one takes over, and the two change
    sides. Lines that meet at one point exchange places in steps of no length, each of which moves greater
    speeds below less and above more, so that they come to an end.

    Parameters
    ----------
    values, speeds : ndarray, shape (m, d)
        Line j of path i is ``values[i, j] + t · speeds[i, j]``.
    k : int
        0-based rank.

    Returns
    -------
    shares : ndarray, shape (m, d)
        Each row adds up to one.
    pieces : int
        Number of linear pieces of all paths together.
    """
    m, _ = values.shape
    order = np.argpartition(values, k, axis=1)
    side = np.zeros(values.shape)  # of the active line: -1 below, 1 above
    np.put_along_axis(side, order, np.sign(np.arange(values.shape[1]) - k)[None].astype(float), axis=1)
    active, t = order[:, k], np.zeros(m)
    shares, pieces, path = np.zeros(values.shape), 0, np.arange(m)
    while path.size:
        meeting = _meetings(values[path], speeds[path], side[path], active[path])
        other = meeting.argmin(axis=1)
        then = np.clip(meeting[np.arange(len(path)), other], t[path], 1)
        shares[path, active[path]] += then - t[path]
        pieces += len(path)
        path, other, then = (array[then < 1] for array in (path, other, then))
        side[path, active[path]] = side[path, other]
        side[path, other] = 0
        active[path], t[path] = other, then
    return shares, pieces


def _meetings(
    values: FloatArray, speeds: FloatArray, side: FloatArray, active: npt.NDArray[np.intp]
) -> FloatArray:
    """Return when each line meets the active one, (m, d); inf for lines that do not approach it."""
    column = active[:, None]
    distance = side * (values - np.take_along_axis(values, column, axis=1))
    closing = side * (np.take_along_axis(speeds, column, axis=1) - speeds)
    with np.errstate(over="ignore"):
        return np.divide(distance, closing, out=np.full(values.shape, np.inf), where=closing > 0)
