"""The least cost at which f may reach zero in a cell, with the proof.

A cell is a star; see :mod:`.stars` for the symbols.

*Bound* (Courant–Fischer): let the columns of S be orthonormal, k + 1 for every neuron. Then
``f(A) <= g(A) = Σ_n λ_max(S_nᵀ A_n S_n)``, for any S, and g is convex. On a ray, g is convex in r and
negative at its start, so it is negative up to a single crossing. f is negative in the cell for all budgets r
below the first crossing. The chord from a point below zero to a point above zero crosses before g does, so
the crossing is bracketed from both sides, and the lower end is proven.

*Caps*: a direction ends at its cap c_i, and a ray beyond its cap is not part of the cell. A ray that would
cross there may be replaced by rays that start at ``B + c_i R_i`` with the remaining budget, in all other
directions. Proof: at a corner of ``Σ t <= r, 0 <= t_i <= c_i`` all directions in use except one, j, are at
their caps. If one of the directions at their caps is replaced, the corner belongs to the rays from its cap,
and the argument repeats with fewer directions. If only j is replaced, let ``t_j = c_j s``. Then t is
``(1 − s) p + s q``. Here p has ``r / (r − c_j s)`` times the other t and is in the hull of the remaining
rays; q has c_j and ``(r − c_j) / (r − c_j s) <= 1`` times the others and is in the hull of the rays from the
cap of j. A change that cannot be divided, of levels or whole numbers, has no direction for budgets below its
least cost.

*The choice of S*: S from the eigenvectors of A at the row is tight there, but not where g crosses first. S is
therefore taken at points in between, which move towards the ray that crosses first, and the best bound is
used.

*Euclidean budgets* ``Σ_c t_c² <= r²``: for weights w with sum 1, g convex gives ``g(B + Σ_c t_c R_c) <= g(B)
+ Σ_c w_c [g(B + (t_c / w_c) R_c) − g(B)]`` (Jensen), at most ``g(B) + Σ_c t_c q_c`` with the slope q_c of the
chord to the end of t_c. This bound is linear in t.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._common.arrays import FloatArray, IntArray
from ..boxes.bounds import extreme
from .stars import Star, Stars

TRIES = 6
"""Number of choices of S."""

BRACKETS = 7
"""Number of steps that bracket a crossing: up to twice as many on rays, three more in a Euclidean ball."""

SHORT_OF, CLOSE = 1e-9, 1e-4
"""Fraction by which chords are shortened for rounding, and least rise of a crossing to continue."""

SATURATED = 24
"""Maximum number of origins of rays, at points of least cost and at caps."""


class Crossing(NamedTuple):
    """First zero of a bound of f.

    Attributes
    ----------
    cost : float
        No point of the cell with a lower cost reaches zero; inf if none does.
    spent : ndarray, shape (m,)
        Cost spent in every direction at the crossing.
    base : int
        Index of the point of least cost from which the directions start.
    loose : ndarray, shape (free,)
        The part of the bound there, by column, that comes from terms added by their norms.
    point : ndarray, shape (N, d, d)
        The matrices whose eigenvectors form S.
    """

    cost: float
    spent: FloatArray
    base: int
    loose: FloatArray
    point: FloatArray | None = None


class _Sides:
    """A star projected by S: g is the sum of the largest eigenvalues of ``SᵀAS`` and of the loose terms.

    Parameters
    ----------
    kept : list of (index, ndarray, shape (N', d, k + 1))
        Neurons with the same k, and their S.
    """

    def __init__(self, star: Star, kept: list[tuple[Any, FloatArray]]) -> None:
        self.kept = kept
        self.bases, self.rays = self._turned(star.bases), self._turned(star.rays)
        self.by_bend = np.array([rate * self._largest(bend) for _, bend, rate in star.bends])
        self.by_loose = np.array([self._largest(nodes) for _, nodes in star.loose])
        self.slopes = self.by_bend.sum(axis=0) if len(star.bends) else np.zeros(len(star.at))
        self.constant = float(self.by_loose.sum())

    def _turned(self, matrices: FloatArray) -> list[FloatArray]:
        return [s.swapaxes(1, 2) @ matrices[:, own] @ s for own, s in self.kept]

    def _largest(self, matrices: FloatArray) -> float:
        ends = sum(extreme(part, 1).sum(axis=1) for part in self._turned(matrices))
        return max(0.0, float(np.max(ends)))

    def start(self, base: int) -> list[FloatArray]:
        """Return ``SᵀAS`` at one of the points of least cost, by index k."""
        return [inner[base] for inner in self.bases]

    def g(self, origin: list[FloatArray], some: IntArray, t: FloatArray, constant: float) -> FloatArray:
        """Return g if ``t`` (m,) is spent in some directions from an origin, plus a constant."""
        found = constant + t * self.slopes[some]
        for inner, rays in zip(origin, self.rays, strict=True):
            found += extreme(inner + t[:, None, None, None] * rays[some], 1).sum(axis=1)
        return found

    def loose(self, star: Star, spent: FloatArray) -> FloatArray:
        """Return the loose terms for the costs ``spent`` (m,), by column: shape (free,)."""
        found = np.zeros(len(star.u))
        for (column, *_), slopes in zip(star.bends, self.by_bend, strict=True):
            found[column] += slopes @ spent
        for (column, _), size in zip(star.loose, self.by_loose, strict=True):
            found[column] += size
        return found


def first_crossing(
    stars: Stars, star: Star, top: float, most: int, enough: float = np.inf, point: FloatArray | None = None
) -> Crossing:
    """Return the first possible zero of f in a cell, at costs up to ``top``, with ``most`` columns.

    The cost is infinite if nothing crosses below ``top``. S is chosen near ``point``, by default a point of
    least cost, until the cost is ``enough``.
    """
    room = float(stars.norm.rest(star.cost, top))
    find = _euclidean if stars.norm.name == "l2" else _along_rays
    best, tried = Crossing(-1.0, np.zeros(len(star.at)), 0, np.zeros(len(star.u))), star.bases[0]
    for step, inherited in [
        *([] if point is None else [(0, True)]),
        *((step, False) for step in range(TRIES)),
    ]:
        at = tried if point is None or not inherited else point
        sides = _Sides(star, _subspaces(stars, at))
        found = find(sides, star, room, most, stars.size)
        found = found._replace(cost=float(stars.norm.joined(star.cost, found.cost)), point=at)
        if found.cost > best.cost:
            best = found
        if best.cost >= enough:
            break
        if not inherited:
            there = star.bases[found.base] + np.tensordot(found.spent, star.rays, axes=1)
            tried = tried + (there - tried) / max(step + 1, 2)
    return best


def _subspaces(stars: Stars, point: FloatArray) -> list[tuple[Any, FloatArray]]:
    """Return the eigenvectors (N', d, k + 1) of matrices (N, d, d) up to λ_k, by index k."""
    _, vectors = np.linalg.eigh(point)
    return [(own, vectors[own][:, :, : k + 1]) for k, own in stars.neurons.indices]


def _allowed(star: Star, most: int, spent: Sequence[int]) -> IntArray:
    """Return the directions that can follow: only those of changed columns if no more may change."""
    changed = star.changed.copy()
    changed[star.at[list(spent)]] = True
    some = np.ones(len(star.at), dtype=bool)
    if changed.sum() >= most:
        some = changed[star.at]
    some[list(spent)] = False
    return np.flatnonzero(some)


def _along_rays(sides: _Sides, star: Star, room: float, most: int, size: float) -> Crossing:
    """Return the first crossing of an l1 budget: rays in order, replaced beyond their caps."""
    order: list[tuple[float, int, int, int]] = []
    origins: list[tuple[list[FloatArray], float, float, list[int], int]] = []

    def add(origin: list[FloatArray], begun: float, constant: float, spent: list[int], base: int) -> None:
        origins.append((origin, begun, constant, spent, base))
        some = _allowed(star, most, spent)
        costs = begun + _crossings(sides, origin, some, room - begun, constant, size)
        for cost, i in zip(np.maximum(costs, star.least[some]), some, strict=True):
            if cost < room:
                heapq.heappush(order, (cost, len(origins), int(i), len(origins) - 1))

    for base in range(len(star.bases)):
        start = sides.start(base)
        if _at(start) + sides.constant > -size:
            return Crossing(0.0, np.zeros(len(star.at)), base, sides.loose(star, np.zeros(len(star.at))))
        add(start, 0.0, sides.constant, [], base)
    while order:
        cost, _, i, place = heapq.heappop(order)
        origin, begun, constant, spent, base = origins[place]
        if cost <= begun + star.caps[i] or len(origins) > SATURATED:
            by = np.zeros(len(star.at))
            by[spent] = star.caps[spent]
            by[i] = min(cost - begun, star.caps[i])
            return Crossing(cost, by, base, sides.loose(star, by))
        cap = star.caps[i]
        further = [inner + cap * rays[i] for inner, rays in zip(origin, sides.rays, strict=True)]
        add(further, begun + cap, constant + cap * sides.slopes[i], [*spent, i], base)
    return Crossing(np.inf, np.zeros(len(star.at)), 0, np.zeros(len(star.u)))


def _at(inner: list[FloatArray]) -> float:
    return float(sum(extreme(part, 1).sum() for part in inner))


def _crossings(
    sides: _Sides, origin: list[FloatArray], some: IntArray, top: float, constant: float, size: float
) -> FloatArray:
    """Return costs (m,) up to which g is below zero on some rays; ``top`` if it does not cross."""
    found = np.full(len(some), max(top, 0.0))
    if top <= 0 or not len(some):
        return found
    at_top = sides.g(origin, some, found, constant) + size
    hot = np.flatnonzero(at_top > 0)
    low, high, above = np.zeros(len(hot)), found[hot], at_top[hot]
    below = np.full(len(hot), _at(origin) + constant + size)
    for step in range(2 * BRACKETS if len(hot) else 0):
        before = low.min()
        tried = low + (high - low) * (below / (below - above) * (1 - SHORT_OF) if step % 2 == 0 else 0.5)
        g = sides.g(origin, some[hot], tried, constant) + size
        up = g > 0
        high, above = np.where(up, tried, high), np.where(up, g, above)
        low, below = np.where(up, low, tried), np.where(up, below, g)
        if step >= 2 and step % 2 == 0 and low.min() - before <= CLOSE * before:
            break
    found[hot] = low
    return found


def _euclidean(sides: _Sides, star: Star, room: float, most: int, size: float) -> Crossing:
    """Return the first crossing of a Euclidean budget, by halving it."""
    some = _allowed(star, most, [])
    nothing, low, high = np.zeros(len(star.at)), 0.0, room
    best = Crossing(0.0, nothing, 0, sides.loose(star, nothing))
    if not room > 0:
        return best._replace(cost=np.inf)
    for step in range(BRACKETS + 3):
        r = high if step == 0 else (low + high) / 2
        values = [
            _largest_in_ball(sides, star, sides.start(base), some, r) for base in range(len(star.bases))
        ]
        base = int(np.argmax([value for value, _ in values]))
        value, spent = values[base]
        if value + size <= 0:
            low = r
            if step == 0:
                return best._replace(cost=np.inf)
        else:
            high = r
            best = best._replace(spent=spent, base=base, loose=sides.loose(star, spent))
    return best._replace(cost=low)


def _within_ball(slopes: FloatArray, caps: FloatArray, r: float) -> FloatArray:
    """Return the t (free,) with the largest ``slopes · t`` such that ``0 <= t <= caps`` and ``‖t‖₂ <= r``.

    It is proportional to the slopes except at caps; their share of r is subtracted first.
    """
    full = np.zeros(len(slopes), dtype=bool)
    while True:
        rest = np.sqrt(max(r**2 - float((caps[full] ** 2).sum()), 0.0))
        size = float(np.linalg.norm(slopes[~full]))
        t = np.where(full, caps, slopes * (rest / size if size > 0 else 0.0))
        beyond = ~full & (t > caps)
        if not beyond.any():
            return t
        full |= beyond


def _largest_in_ball(
    sides: _Sides, star: Star, origin: list[FloatArray], some: IntArray, r: float
) -> tuple[float, FloatArray]:
    """Return a bound of g in a Euclidean budget, and the approximate place of it (m,)."""
    begin, spent = _at(origin) + sides.constant, np.zeros(len(star.at))
    some = some[star.least[some] <= r]
    if not len(some):
        return begin, spent
    caps, columns = np.minimum(star.caps[some], r), star.at[some]
    weights, value = np.ones(len(star.u)), np.inf
    for _ in range(3):
        own = (weights / weights[np.unique(columns)].sum())[columns]
        slopes = own / caps * (sides.g(origin, some, caps / own, sides.constant) - begin)
        best, most = np.zeros(len(star.u)), np.zeros(len(star.u))
        np.maximum.at(best, columns, slopes)
        np.maximum.at(most, columns, caps)
        by_column = _within_ball(best, most, r)
        found = begin + float(best @ by_column) * (1 + SHORT_OF)
        if found < value:
            value, spent = found, np.zeros(len(star.at))
            chosen = slopes >= best[columns]
            spent[some[chosen]] = np.minimum(by_column[columns[chosen]], caps[chosen])
        weights = best + 0.02 * best.max() + 1e-300
    return value, spent
