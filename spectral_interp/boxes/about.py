"""A function about a point: the matrices there, and the changes by columns that move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .limits import Region


@dataclass(frozen=True, eq=False)
class About:
    """A function of the free columns of a region, about a point.

    ``A(u') = A(u) + Σ_c (M_c(u'_c) − M_c(u_c))``, with one term for every column that moves, and a similar
    term for every pair with one of them. If few columns move, there are few terms.

    Attributes
    ----------
    region : Region
    u : ndarray, shape (free,)
        Coordinates of the point.
    z : ndarray, shape (1, p)
        Its features.
    matrices : ndarray, shape (1, N, E)
    """

    region: Region
    u: FloatArray
    z: FloatArray
    matrices: FloatArray

    @classmethod
    def at(cls, region: Region, u: FloatArray) -> Self:
        """Return the function of a region about a point (free,)."""
        z = region.view.placed(region.coordinates(u[None]))
        return cls(region, u.copy(), z, region.neurons.at(z))

    def to(self, u: FloatArray) -> About:
        """Return the function about a point (free,) that differs in few columns."""
        return About(self.region, u.copy(), *self._moved(u[None]))

    def values(self, points: FloatArray) -> FloatArray:
        """Return f at points (m, free) that differ in few columns: shape (m,).

        Examples
        --------
        >>> from spectral_interp import Pencil
        >>> from spectral_interp.boxes.limits import free_columns
        >>> from spectral_interp.view.model import view_of
        >>> view = view_of(Pencil(diag=[[0.0], [2.0], [3.0]], off=[[], [], []], k=0))
        >>> free = free_columns(view, {"z0": (-5, 5), "z1": (-5, 5)}, None)
        >>> about = About.at(Region(view, free, np.zeros(2)), np.ones(2))
        >>> about.values(np.array([[1.0, 1.0], [1.0, 2.0]]))
        array([5., 8.])
        """
        return self.region.neurons.values(self._moved(points)[1]).sum(axis=1)

    def _moved(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return features (m, p) and matrices (m, N, E) at points (m, free)."""
        view, neurons, free = self.region.view, self.region.neurons, self.region.free
        z = np.repeat(self.z, len(points), axis=0)
        found = np.repeat(self.matrices[:, None], len(points), axis=0)
        moved = np.flatnonzero(differs(points, self.u).any(axis=0)).tolist()
        for at in moved:
            own = view.own(free[at].axis.name)
            z[:, own] = free[at].axis.place(points[:, at])
            neurons.add_steps(z[:, own] - self.z[:, own], own, found, 0)
        places = {free[at].place for at in moved}
        for pair, own in self.region.pairs:
            if places & set(pair.columns):
                z[:, own] = pair.place(*(view.positions(z, place) for place in pair.columns))
                neurons.add_steps(z[:, own] - self.z[:, own], own, found, 0)
        return z, found[:, 0]


def differs(u: FloatArray, start: FloatArray | float) -> npt.NDArray[np.bool_]:
    """Return a mask of the coordinates that differ from the start; two gaps (NaN) are equal."""
    return (u != start) & ~(np.isnan(u) & np.isnan(start))
