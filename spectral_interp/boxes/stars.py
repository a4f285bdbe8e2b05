"""The least cost at which f may reach zero in a cell, and the proof.

A *cell* has a set of every free column. With the directions of :mod:`.moves`, its matrices are
``A = B + Σ_i t_i R_i``: B at a point of least cost, ``t_i >= 0`` what is spent in a direction, and ``Σ_i t_i <=
r`` what is spent beyond that least cost. Hence A lies in the hull of B and of the *rays'* ends ``B + r R_i``: of
all changes within a budget, however many columns they share, only those that spend all in one direction matter
to a convex bound. That is far less than a box, which has all columns at their ends at once.

*Bound* (Courant–Fischer): let the columns of S be orthonormal, k + 1 for every neuron. Then ``f(A) <= g(A) =
Σ_n λ_max(S_nᵀ A_n S_n)``, whatever S is, and g is convex. On a ray g is convex in r and negative at its start,
so it is negative up to one crossing; f is negative in the cell as long as no ray has crossed. The chord from a
point below zero to one above crosses before g does, so that the crossing is bracketed from both sides and the
lower end is proven.

*Caps*: a direction ends at its cap c_i. Beyond it the ray is no part of the cell, and where ``Σ t <= r`` and
``t_i <= c_i``, A lies in the hull of the other rays and of those that start at ``B + c_i R_i`` with what is
left: proof: with ``t_i = c_i s``, A is ``(1 − s)`` times a point of the first and s times one of the second. A
ray that would cross beyond its cap is replaced by these. The argument repeats.

*The choice of S*: S from the eigenvectors of A at the row is tight there, and where g crosses first it is not.
It is taken at points in between, which move towards the ray that crosses first, and the best bound counts.

*Pairs*: about B, a pair is linear in its columns up to the next knot. What it bends away beyond that is at most
``|q − q_0|`` times the largest slope of the bend, at a knot or at an end; on either side ``|q − q_0|`` is at most
what its columns spend towards that side. That, and parts of dates, are added by their own largest eigenvalues (Weyl).

*Euclidean budgets* ``Σ_c t_c² <= r²``: for weights w with sum 1, g convex gives ``g(B + Σ_c t_c R_c) <= g(B) + Σ_c
w_c [g(B + (t_c / w_c) R_c) − g(B)]`` (Jensen), at most ``g(B) + Σ_c t_c q_c`` with the slope q_c of the chord to
the end of t_c, and linear in t.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray
from ..view import DateAxis, ModelView
from ..view.hats import hats
from .bounds import ROUNDING, _extreme
from .limits import Box, Free, Region
from .moves import Moves, Norm, moves

TRIES = 6
"""Choices of S."""

BRACKETS = 7
"""Steps in which a crossing is bracketed."""

SHORT_OF, CLOSE = 1e-9, 1e-4
"""Share by which a chord is cut short for rounding, and by which the least crossing must rise to go on."""

SATURATED = 24
"""Directions that are followed to their caps."""

BASES = 16
"""Points of least cost of a cell that are tried one by one."""


class Star(NamedTuple):
    """A cell as points of least cost and directions, all matrices in full.

    Attributes
    ----------
    cost : float
        Least cost of the cell.
    changed : ndarray of bool, shape (free,)
        Which columns have changed at that cost.
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
        Of every pair, one of its columns, matrices per unit of its input, and how many units a unit of cost is
        at most.
    loose : list of (int, ndarray, shape (q, N, d, d))
        What else is added to A: something in the hull of q matrices and zero, and the column that adds it.
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
    """Cells of a region seen from a row, for one function.

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
        self._at = {column.place: at for at, column in enumerate(free)}
        self._features = self._full(self.neurons.entries[1:])
        still = view.placed(u[None])
        self._positions = {place: float(view.positions(still, place)[0]) for place in self._paired()}
        self._pairs = [
            (pair, own)
            for pair, own in zip(view.pairs, view.pair_own, strict=True)
            if self._at.keys() & set(pair.columns)
        ]
        for own in (*(view.own(column.axis.name) for column in free), *(own for _, own in self._pairs)):
            still[:, own] = 0.0
        self._still = self._full(self.neurons.at(still))[0]
        self._columns: dict[Any, _Column] = {}

    def _paired(self) -> set[int]:
        return {place for pair in self.view.pairs for place in pair.columns}

    def _full(self, entries: FloatArray) -> FloatArray:
        structure = self.neurons.structure
        full = structure.full(entries.reshape(-1, structure.n_entries))
        return full.reshape(*entries.shape[:-1], structure.dim, structure.dim)

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
        for pair, own in self._pairs:
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
        if column.place in self._positions:
            positions = column.axis.positions(column.axis.place(u))
        others = matrices[:count] - matrices[0]
        return _Column(found, matrices[0], others, rays, positions[:count], positions[count:], loose)

    def _matrices(self, z: FloatArray, own: slice) -> FloatArray:
        return np.tensordot(z, self._features[own], axes=1)


def _joined(
    base: FloatArray, others: Sequence[FloatArray], loose: list[tuple[int, FloatArray]]
) -> tuple[FloatArray, list[tuple[int, FloatArray]]]:
    """Return all sums of a base and one other matrix of every column, as long as they are few."""
    bases, rest = base[None], list(loose)
    for place, more in enumerate(others):
        if len(bases) * len(more) <= BASES:
            bases = (bases[:, None] + more).reshape(-1, *base.shape)
        elif len(more) > 1:
            rest.append((place, more))
    return bases, rest


class _Bent:
    """What a pair adds to a star: linear about the base, and a bend beyond the next knots."""

    def __init__(
        self, stars: Stars, pair: Any, own: slice, parts: Sequence[_Column], at: IntArray, caps: FloatArray
    ) -> None:
        matrices = stars._features[own]
        places = [(stars._at.get(place), place) for place in pair.columns]
        rates = [1 / pair.scale, pair.sign / pair.scale]
        q0, low, high, free = -pair.mean / pair.scale, 0.0, 0.0, []
        self.rays, self.others, several = np.zeros(len(at)), [], False
        for (column, place), rate in zip(places, rates, strict=True):
            if column is None:
                q0 += rate * stars._positions[place]
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
        side = q0 + 1e-9 * (1.0 if high >= -low else -1.0)
        segment = int(np.clip(np.searchsorted(knots, side, side="right") - 1, 0, len(knots) - 2))
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


class Crossing(NamedTuple):
    """Where a bound of f first crosses zero.

    Attributes
    ----------
    cost : float
        No point of the cell with a lower cost reaches zero; inf if none does.
    spent : ndarray, shape (m,)
        What is spent in every direction where it crosses.
    base : int
        The point of least cost from which they start.
    loose : ndarray, shape (free,)
        By column, what parts that are only added by their norms make of the bound there.
    point : ndarray, shape (N, d, d)
        The matrices whose eigenvectors S has.
    """

    cost: float
    spent: FloatArray
    base: int
    loose: FloatArray
    point: FloatArray | None = None


class _Sides:
    """A star seen through S: g is the sum of the largest eigenvalues of ``SᵀAS``, and of what is loose.

    Parameters
    ----------
    kept : list of (index, ndarray, shape (N', d, k + 1))
        Neurons of the same k, and S.
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
        ends = sum(_extreme(part, 1).sum(axis=1) for part in self._turned(matrices))
        return max(0.0, float(np.max(ends)))

    def start(self, base: int) -> list[FloatArray]:
        """Return ``SᵀAS`` of one of the points of least cost, by index k."""
        return [inner[base] for inner in self.bases]

    def g(self, origin: list[FloatArray], some: IntArray, t: FloatArray, constant: float) -> FloatArray:
        """Return g where ``t`` (m,) is spent in some directions from an origin with a constant beside it."""
        found = constant + t * self.slopes[some]
        for inner, rays in zip(origin, self.rays, strict=True):
            found += _extreme(inner + t[:, None, None, None] * rays[some], 1).sum(axis=1)
        return found

    def loose(self, star: Star, spent: FloatArray) -> FloatArray:
        """Return what is loose where ``spent`` (m,), by column: shape (free,)."""
        found = np.zeros(len(star.u))
        for (column, *_), slopes in zip(star.bends, self.by_bend, strict=True):
            found[column] += slopes @ spent
        for (column, _), size in zip(star.loose, self.by_loose, strict=True):
            found[column] += size
        return found


def first_crossing(
    stars: Stars, star: Star, top: float, most: int, enough: float = np.inf, point: FloatArray | None = None
) -> Crossing:
    """Return where f may first reach zero in a cell, at costs up to ``top`` and with ``most`` columns changed.

    Where nothing crosses below ``top`` the cost is infinite. S is chosen from about ``point``, by default a point of
    least cost, until the cost is ``enough``.
    """
    room = float(stars.norm.rest(star.cost, top))
    find = _euclidean if stars.norm.name == "l2" else _along_rays
    best, tried = None, star.bases[0]
    for step, inherited in [*([] if point is None else [(0, True)]), *((step, False) for step in range(TRIES))]:
        at = point if inherited else tried
        assert at is not None
        sides = _Sides(star, _subspaces(stars, at))
        found = find(sides, star, room, most, stars.size)
        found = found._replace(cost=float(stars.norm.joined(star.cost, found.cost)), point=at)
        if best is None or found.cost > best.cost:
            best = found
        if best.cost >= enough:
            break
        if not inherited:
            there = star.bases[found.base] + np.tensordot(found.spent, star.rays, axes=1)
            tried = tried + (there - tried) / (step + 1 if step else 2)
    assert best is not None
    return best


def _subspaces(stars: Stars, point: FloatArray) -> list[tuple[Any, FloatArray]]:
    """Return the eigenvectors (N', d, k + 1) of matrices (N, d, d) up to λ_k, by index k."""
    _, vectors = np.linalg.eigh(point)
    return [(own, vectors[own][:, :, : k + 1]) for k, own in stars.neurons.indices]


def _allowed(star: Star, most: int, spent: Sequence[int]) -> IntArray:
    """Return the directions that can follow: if enough columns have changed, only theirs."""
    changed = star.changed.copy()
    changed[star.at[list(spent)]] = True
    some = np.ones(len(star.at), dtype=bool)
    if changed.sum() >= most:
        some = changed[star.at]
    some[list(spent)] = False
    return np.flatnonzero(some)


def _along_rays(sides: _Sides, star: Star, room: float, most: int, size: float) -> Crossing:
    """Return the first crossing of a budget of l1: rays in order, those beyond their caps replaced."""
    order: list[tuple[float, int, int, int]] = []
    origins: list[tuple[list[FloatArray], float, float, list[int], int]] = []

    def add(origin: list[FloatArray], begun: float, constant: float, spent: list[int], base: int) -> None:
        origins.append((origin, begun, constant, spent, base))
        some = _allowed(star, most, spent)
        costs = _crossings(sides, origin, some, room - begun, constant, size)
        for cost, i in zip(np.maximum(costs, star.least[some]), some, strict=True):
            if cost < room - begun:
                heapq.heappush(order, (begun + cost, len(origins), int(i), len(origins) - 1))

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
    return float(sum(_extreme(part, 1).sum() for part in inner))


def _crossings(
    sides: _Sides, origin: list[FloatArray], some: IntArray, top: float, constant: float, size: float
) -> FloatArray:
    """Return costs (m,) up to which g is below zero on some rays: ``top`` where it does not cross."""
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
        values = [_largest_in_ball(sides, star, sides.start(base), some, r) for base in range(len(star.bases))]
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
    """Return the t (free,) with the largest ``slopes · t`` where ``0 <= t <= caps`` and ``‖t‖₂ <= r``.

    It is in proportion to the slopes but for those at their caps, which take from r first.
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
    """Return a bound of g in a Euclidean budget, and about where it is (m,)."""
    begin, spent = _at(origin) + sides.constant, np.zeros(len(star.at))
    some = some[star.least[some] <= r]
    if not len(some):
        return begin, spent
    caps, columns = np.minimum(star.caps[some], r), star.at[some]
    weights, slopes = np.ones(len(star.u)), np.zeros(0)
    value = np.inf
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
