"""Segments of the columns: the slopes of the matrices, and bounds of their quadratic forms.

The theorems are at the top of :mod:`..certificates.slopes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from ..pencil.neurons import Neurons
from ..view import ModelView

JOINT = 256
"""Maximum number of choices of pairs' segments tried together; Weyl's inequality adds further pairs."""


def slope_matrices(neurons: Neurons, own: slice, knots: Sequence[float]) -> FloatArray:
    """Return the slopes of the matrices between K knots, (K − 1, N, E); ``own`` starts with their hats."""
    hats = neurons.entries[1 + own.start : 1 + own.start + len(knots)]
    return np.diff(hats, axis=0) / np.diff(np.asarray(knots, dtype=np.float64))[:, None, None]


def covered(
    knots: Sequence[float], low: FloatArray, high: FloatArray, points: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return a mask (n, segments) of the segments that intervals cover; a knot belongs to both."""
    start = np.array([-np.inf, *knots[1:-1]])
    end = np.array([*knots[1:-1], np.inf])
    low, high = low[:, None], high[:, None]
    return np.where(points[:, None], (start <= high) & (low <= end), (start < high) & (low < end))


def pairs_of(view: ModelView, place: int) -> Iterator[tuple[int, float]]:
    """Yield the pairs of a column, given by its index, each with the derivative ∂(its input)/∂u."""
    for at, pair in enumerate(view.pairs):
        if place in pair.columns:
            yield at, (1.0 if place == pair.first else pair.sign) / pair.scale


def pair_slopes(view: ModelView, place: int) -> list[FloatArray]:
    """Return the slopes in u of every pair of a column on its segments, (t, N, E) each."""
    neurons = view.function.neurons
    return [
        rate * slope_matrices(neurons, view.pair_own[at], view.pairs[at].knots)
        for at, rate in pairs_of(view, place)
    ]


def choices(
    own: FloatArray, parts: Sequence[FloatArray], most: int = JOINT
) -> tuple[FloatArray, list[FloatArray]]:
    """Return the sums of matrices (m, N, E) and one of each part, (m, J, N, E), and the parts left out.

    A part has the shape (m, V, N, E), or (1, V, N, E). The first part is always included, the others only if
    this gives at most ``most`` sums each.
    """
    joint, rest = own[:, None], []
    for part in parts:
        if joint.shape[1] == 1 or joint.shape[1] * part.shape[1] <= most:
            joint = (joint[:, :, None] + part[:, None]).reshape(len(own), -1, *own.shape[1:])
        else:
            rest.append(part)
    return joint, rest


@dataclass(frozen=True, eq=False)
class Forms:
    """Bounds over all choices of one matrix of every part, for the sums over neurons and for each neuron.

    Attributes
    ----------
    low, high : ndarray, shape (m,)
        Bounds of ``Σ_n λ_min`` and ``Σ_n λ_max``.
    least, largest : ndarray, shape (m, N)
        Bounds of λ_min and λ_max.
    """

    low: FloatArray
    high: FloatArray
    least: FloatArray
    largest: FloatArray

    @property
    def size(self) -> FloatArray:
        """Bound of the sum of the norms, (m,); the rounding of the other bounds is proportional to it."""
        return np.maximum(-self.least, self.largest).sum(axis=1)


def bounds_of(neurons: Neurons, own: FloatArray, parts: Sequence[FloatArray], most: int = JOINT) -> Forms:
    """Return the bounds of matrices (m, N, E) plus one of each part; see :func:`choices`."""
    joint, rest = choices(own, parts, most)
    bottom, top = neurons.extremes(joint)
    found = Forms(
        bottom.sum(axis=2).min(axis=1), top.sum(axis=2).max(axis=1), bottom.min(axis=1), top.max(axis=1)
    )
    for part in rest:
        bottom, top = neurons.extremes(part)
        found = Forms(
            found.low + bottom.sum(axis=2).min(axis=1),
            found.high + top.sum(axis=2).max(axis=1),
            found.least + bottom.min(axis=1),
            found.largest + top.max(axis=1),
        )
    return found
