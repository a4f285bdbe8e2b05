"""Straight paths through diagonal pencils, where λ_k is the k-th smallest of d affine functions of t."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Stretches:
    """Parts of paths on which one line is the k-th smallest; all arrays have shape (q,).

    Attributes
    ----------
    path, active : ndarray of int
        Indices of the path and of the line that is the k-th smallest there.
    start, length : ndarray
        The stretches of a path follow one another from 0 to 1; some have length zero.
    """

    path: IntArray
    active: IntArray
    start: FloatArray
    length: FloatArray

    def ties(self, values: FloatArray, speeds: FloatArray, rounding: FloatArray) -> tuple[IntArray, IntArray]:
        """Return stretches and the lines that equal the active line along all of them, (ties,) each.

        Lines of path i count as equal up to ``rounding[i]``.
        """
        a, b = values[self.path], speeds[self.path]
        column, rounding = self.active[:, None], rounding[self.path, None]
        distance, closing = (x - np.take_along_axis(x, column, axis=1) for x in (a, b))
        ends = (np.abs(distance + t[:, None] * closing) for t in (self.start, self.start + self.length))
        tied = np.logical_and(*(end <= rounding for end in ends)) & (self.length[:, None] > 0)
        tied[np.arange(len(tied)), self.active] = False
        stretch, line = np.nonzero(tied)
        return stretch, line


def active_stretches(values: FloatArray, speeds: FloatArray, k: int) -> Stretches:
    """Return the parts of 0 ≤ t ≤ 1 on which each of d lines is the k-th smallest.

    The active line is followed to the first line that meets it. That line becomes active, and the two change
    sides. Lines that meet at one point exchange places in steps of length zero. Each of these steps puts the
    steeper of two lines above the other, so their number is finite.

    Parameters
    ----------
    values, speeds : ndarray, shape (m, d)
        Line j of path i is ``values[i, j] + t · speeds[i, j]``.
    k : int
        0-based rank.

    Returns
    -------
    Stretches
        The stretches of all paths. Where lines are equal along a whole stretch, one of them is active.
    """
    m, _ = values.shape
    order = np.argpartition(values, k, axis=1)
    side = np.zeros(values.shape)  # of the active line: -1 below, 1 above
    np.put_along_axis(side, order, np.sign(np.arange(values.shape[1]) - k)[None].astype(float), axis=1)
    active, t = order[:, k], np.zeros(m)
    path, found = np.arange(m), []
    while path.size:
        meeting = _meetings(values[path], speeds[path], side[path], active[path])
        other = meeting.argmin(axis=1)
        then = np.clip(meeting[np.arange(len(path)), other], t[path], 1)
        found.append((path, active[path], t[path], then - t[path]))
        path, other, then = (array[then < 1] for array in (path, other, then))
        side[path, active[path]] = side[path, other]
        side[path, other] = 0
        active[path], t[path] = other, then
    none = np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), np.empty(0), np.empty(0)
    return Stretches(*(np.concatenate(parts) for parts in zip(none, *found, strict=True)))


def _meetings(
    values: FloatArray, speeds: FloatArray, side: FloatArray, active: npt.NDArray[np.intp]
) -> FloatArray:
    """Return the t at which each line meets the active one, (m, d); inf for lines that do not approach it."""
    column = active[:, None]
    distance = side * (values - np.take_along_axis(values, column, axis=1))
    closing = side * (np.take_along_axis(speeds, column, axis=1) - speeds)
    with np.errstate(over="ignore"):
        return np.divide(distance, closing, out=np.full(values.shape, np.inf), where=closing > 0)
