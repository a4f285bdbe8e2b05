"""Cells of a region as stars of directions from their cheapest points.

A *cell* has a set for every free column. With the directions of :mod:`.moves`, its matrices are
``A = B + Σ_i t_i R_i``. Here B is the matrix at a point of least cost, ``t_i >= 0`` is the cost spent in a
direction, and ``Σ_i t_i <= r`` is the total cost beyond the least cost. Hence A is in the hull of B and of
the ends ``B + r R_i`` of the *rays*: for a convex bound, only those changes matter that spend the whole
budget in one direction. The hull is far smaller than a box, which has all columns at their ends at once.

*Pairs*: about B, a pair is linear in its columns up to the next knot. Its deviation (*bend*) beyond that knot
is at most ``|q − q_0|`` times the largest slope of the bend, at a knot or at an end. On either side,
``|q − q_0|`` is at most the cost that its columns spend towards that side. Bends, and the parts of dates, are
added by their own largest eigenvalues (Weyl).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from ..boxes.bounds import ROUNDING
from ..boxes.limits import Box, Free, Region
from ..view import DateAxis, ModelView
from ..view.hats import hats
from .moves import Moves, Norm, moves

BASES = 16
"""Maximum number of points of least cost of a cell from which rays start."""


class Star(NamedTuple):
    """A cell as points of least cost and directions, with full matrices.

    Attributes
    ----------
    cost : float
        Least cost of the cell.
    changed : ndarray of bool, shape (free,)
        Mask of the columns that have changed at that cost.
    u : ndarray, shape (free,)
        A point of that cost.
    bases : ndarray, shape (b, N, d, d)
        The matrices at all points of that cost, u first.
    rays : ndarray, shape (m, N, d, d)
        Matrices per unit of cost in every direction.
    at : ndarray of int, shape (m,)
        The free column of every direction.
    ends, caps, least : ndarray, shape (m,)
        As in :class:`.moves.Moves`.
    bends : list of (int, ndarray, shape (q, N, d, d), ndarray, shape (m,))
        For every pair: one of its columns, matrices per unit of its input, and the maximum number of units
        per unit of cost.
    loose : list of (int, ndarray, shape (q, N, d, d))
        Further terms of A, each with its column: a matrix in the hull of q matrices and zero.
    """

    cost: float
    changed: npt.NDArray[np.bool_]
    u: FloatArray
    bases: FloatArray
    rays: FloatArray
    at: IntArray
    ends: FloatArray
    caps: FloatArray
    least: FloatArray
    bends: list[tuple[int, FloatArray, FloatArray]]
    loose: list[tuple[int, FloatArray]]


class _Column(NamedTuple):
    moves: Moves
    base: FloatArray
    others: FloatArray
    rays: FloatArray
    positions: FloatArray
    ends: FloatArray
    loose: list[FloatArray]


class Stars:
    """Cells of a region as stars from a row, for one function.

    Parameters
    ----------
    view : ModelView
        Its function is negative at the row.
    free : sequence of Free
    u : ndarray, shape (c,)
        Coordinates of the row, of all columns.
    norm : Norm
    """

    def __init__(self, view: ModelView, free: Sequence[Free], u: FloatArray, norm: Norm) -> None:
        self.region = Region(view, free, u)
        self.view, self.free, self.norm = view, list(free), norm
        self.start = u[[column.place for column in free]]
        self.neurons = view.function.neurons
        self.size = ROUNDING * float(self.region.size.sum())
        self._paired = {place for pair, _ in self.region.pairs for place in pair.columns}
        self._features = self.neurons.structure.full(self.neurons.entries[1:])
        self._still = self.neurons.structure.full(self.region.base)
        self._columns: dict[Any, _Column] = {}

    def star(self, box: Box) -> Star:
        """Return a cell as a star."""
        parts = [self._column(at, part) for at, part in enumerate(box)]
        base = self._still + sum(part.base for part in parts)
        rays = np.concatenate([self._features[:0], *(part.rays for part in parts)])
        at = np.repeat(np.arange(len(parts)), [len(part.rays) for part in parts])
        others = [part.others for part in parts]
        loose = [(place, nodes) for place, part in enumerate(parts) for nodes in part.loose]
        caps = np.concatenate([np.empty(0), *(part.moves.caps for part in parts)])
        bends = []
        for pair, own in self.region.pairs:
            added = _Bent(self, pair, own, parts, at, caps)
            base = base + added.base
            if added.loose is not None:
                loose.append(added.loose)
            bends += added.bends
            rays = rays + added.rays[:, None, None, None] * added.slope
            for place, more in added.others:
                others[place] = others[place] + more[:, None, None, None] * added.slope
        bases, loose = _joined(base, others, loose)
        costs = np.array([part.moves.cost for part in parts])
        return Star(
            float(self.norm.total(costs)),
            costs > 0,
            np.array([part.moves.u[0] for part in parts]),
            bases,
            rays,
            at,
            np.concatenate([np.empty(0), *(part.moves.ends for part in parts)]),
            caps,
            np.concatenate([np.empty(0), *(part.moves.least for part in parts)]),
            bends,
            loose,
        )

    def _column(self, at: int, part: Any) -> _Column:
        if (at, part) not in self._columns:
            self._columns[at, part] = self._new_column(at, part)
        return self._columns[at, part]

    def _new_column(self, at: int, part: Any) -> _Column:
        column = self.free[at]
        found = moves(column, part, float(self.start[at]), flat=self.norm.flat)
        nodes = self.view.own(column.axis.name)
        u = np.concatenate([found.u, found.ends])
        z, loose = column.axis.place(u), []
        if isinstance(column.axis, DateAxis) and column.axis.shares:
            z[:, 1 : column.axis.value_features] = 0.0
            here = column.axis.place(found.u[:1] if part.kind is None else np.array([part.kind]))[0]
            for summand in column.features([part])[1:]:
                own = summand[0].any(axis=0)
                z[:, own] = here[own]
                rest = np.where(own, summand[0] - here, 0.0)
                if rest.any():
                    loose.append(self._matrices(rest, nodes))
        matrices = self._matrices(z, nodes)
        count = len(found.u)
        rays = (matrices[count:] - matrices[0]) / found.caps[:, None, None, None]
        positions = np.zeros(len(u))
        if column.place in self._paired:
            positions = column.axis.positions(column.axis.place(u))
        others = matrices[:count] - matrices[0]
        return _Column(found, matrices[0], others, rays, positions[:count], positions[count:], loose)

    def _matrices(self, z: FloatArray, own: slice) -> FloatArray:
        return np.tensordot(z, self._features[own], axes=1)


def _joined(
    base: FloatArray, others: Sequence[FloatArray], loose: list[tuple[int, FloatArray]]
) -> tuple[FloatArray, list[tuple[int, FloatArray]]]:
    """Return all sums of a base and one other matrix of every column, up to a maximum number."""
    bases, rest = base[None], list(loose)
    for place, more in enumerate(others):
        if len(bases) * len(more) <= BASES:
            bases = (bases[:, None] + more).reshape(-1, *base.shape)
        elif len(more) > 1:
            rest.append((place, more))
    return bases, rest


class _Bent:
    """The terms of a pair in a star: linear about the base, and a bend beyond the next knots."""

    def __init__(
        self, stars: Stars, pair: Any, own: slice, parts: Sequence[_Column], at: IntArray, caps: FloatArray
    ) -> None:
        matrices = stars._features[own]
        places = [(stars.region.at.get(place), place) for place in pair.columns]
        rates = [1 / pair.scale, pair.sign / pair.scale]
        q0, low, high, free = -pair.mean / pair.scale, 0.0, 0.0, []
        self.rays, self.others, several = np.zeros(len(at)), [], False
        for (column, place), rate in zip(places, rates, strict=True):
            if column is None:
                q0 += rate * float(stars.region.positions[place][0, 0])
                continue
            part = parts[column]
            q0 += rate * part.positions[0]
            moved = rate * (np.concatenate([part.positions, part.ends]) - part.positions[0])
            low, high = low + moved.min(), high + moved.max()
            self.rays[at == column] = moved[len(part.positions) :] / part.moves.caps
            if len(part.positions) > 1:
                self.others.append((column, moved[: len(part.positions)]))
                several = True
            free.append(column)
        knots = np.array(pair.knots)
        at_left = int(np.searchsorted(knots, q0, side="right" if high >= -low else "left")) - 1
        segment = min(max(at_left, 0), len(knots) - 2)
        self.slope = (matrices[segment + 1] - matrices[segment]) / (knots[segment + 1] - knots[segment])
        self.base = np.tensordot(hats([q0], knots)[0], matrices, axes=1)
        q = np.concatenate([knots[(knots > q0 + low) & (knots < q0 + high)], [q0 + low, q0 + high]])
        q = q[(q < knots[segment]) | (q > knots[segment + 1])]
        q = q[q != q0]
        away = (q - q0)[:, None, None, None]
        bend = np.tensordot(hats(q, knots), matrices, axes=1) - self.base - away * self.slope
        self.loose = (free[0], bend) if several and len(q) else None
        spans = [np.ptp(parts[column].ends) if len(parts[column].ends) else 0.0 for column in free]
        wide = free[int(np.argmax(spans))]
        self.bends = [
            (wide, (bend / np.abs(away))[own], np.maximum(side * self.rays, 0.0))
            for side, own in ((1.0, q > q0), (-1.0, q < q0))
            if own.any() and not several
        ]
