"""Search for near points that reach a target. Nothing here is proven; every point is evaluated.

*Linear steps*: a step makes the cheapest change within a trust region that reaches the target on the tangent
plane. Columns first return to the row's values; then the columns with the steepest slope per cost move as far
as necessary. A step is kept if it lowers the cost plus a penalty on the distance to the target. Levels and
gaps are tried one by one. Whole values are rounded, and the other columns are then moved again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from ..boxes.about import About, differs
from ..boxes.limits import YEAR, Free, FreeDate, FreeLevels
from .moves import FreeWhole, Norm, legal
from .stars import Stars

STEPS = 25
"""Maximum number of linear steps."""

TOGETHER = 32
"""Number of columns that return together, as long as the target stays reached."""

SLACK = 1e-2
"""Margin beyond the target that returning columns leave, as a share of the rounding of bounds."""

POLISHED = 1e-3
"""Fraction of the cost that a round must save for another one to follow."""


class Descent:
    """Searches from a row for points at which one or several functions are not negative.

    Parameters
    ----------
    conditions : sequence of Stars
        Stars of the same columns, one for each function.
    free : sequence of Free
    start : ndarray, shape (free,)
        Coordinates of the row.
    norm : Norm
    most : int
        Maximum number of columns that change.
    """

    def __init__(
        self, conditions: Sequence[Stars], free: Sequence[Free], start: FloatArray, norm: Norm, most: int
    ) -> None:
        self.conditions, self.free, self.start, self.norm, self.most = conditions, free, start, norm, most
        self.slack = SLACK * max(stars.size for stars in conditions)
        self.missing = -np.minimum(self.values(start[None])[0], 0.0)
        self.numbers = np.array(
            [
                not isinstance(c, FreeLevels) and c.whole.value and not np.isnan(u)
                for c, u in zip(free, start, strict=True)
            ],
            dtype=bool,
        )
        self.whole = np.array(
            [isinstance(c, FreeWhole) or (isinstance(c, FreeDate) and not c.axis.time) for c in free],
            dtype=bool,
        )
        ends = [
            (c.whole.low, c.whole.high) if n else (0.0, 0.0) for c, n in zip(free, self.numbers, strict=True)
        ]
        self.low, self.high = np.array(ends).reshape(-1, 2).T
        self.cost, self.found, self.margin = np.inf, start.copy(), 0.0

    def values(self, u: FloatArray) -> FloatArray:
        """Return the functions at points (m, free): shape (m, conditions)."""
        return np.column_stack([stars.region.values(u) for stars in self.conditions])

    def reached(self, u: FloatArray) -> FloatArray:
        """Return the least margin of all functions beyond the target at points (m, free): shape (m,)."""
        return self._least(self.values(u))

    def _beyond(self, near: Sequence[About], u: FloatArray) -> FloatArray:
        """Return the same for points (m, free) that differ in few columns from the point of ``near``."""
        return self._least(np.column_stack([about.values(u) for about in near]))

    def _least(self, values: FloatArray) -> FloatArray:
        return (values - self.margin * self.missing).min(axis=1)

    def costs(self, u: FloatArray) -> FloatArray:
        """Return the costs of points (m, free); with "columns", distances break ties."""
        cost = self.norm.total(self.norm.costs(self.free, self.start, u))
        return cost + (1e-6 * np.tanh(self.distances(u)) if self.norm.flat else 0.0)

    def distances(self, u: FloatArray) -> FloatArray:
        """Return the scaled l1 distances of points (m, free)."""
        return Norm("scaled l1").costs(self.free, self.start, u).sum(axis=1)

    def slopes(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the least function (m,) and its slopes (m, free) in numbers that are not missing."""
        values, slopes = [], []
        rows = self.conditions[0].region.coordinates(u)
        for stars in self.conditions:
            view = stars.view
            z = view.placed(rows)
            f, gradient = view.function.values_and_gradients(z)
            values.append(f)
            slopes.append(view.input_slopes(z, gradient)[:, view.input_firsts[[c.place for c in self.free]]])
        least = (np.array(values) - self.margin * self.missing[:, None]).argmin(axis=0)
        at = np.arange(len(u))
        f = np.array(values)[least, at] - self.margin * self.missing[least]
        return f, np.where(self.numbers & ~np.isnan(u), np.array(slopes)[least, at], 0.0)

    def run(self, points: FloatArray) -> bool:
        """Search from points (m, free); return whether a nearer point was found."""
        before = self.cost
        points = self._legal(points)
        self.keep(points)
        rough = self.descend(points, self._movable(points))
        self.keep(rough)
        if self.whole.any():
            for way in (np.rint, np.ceil):
                self._round(rough, way)
        return self.cost < before

    def polish(self) -> None:
        """Search from the found point with single columns reset to the row, while that lowers the cost."""
        while np.isfinite(self.cost):
            places = np.flatnonzero(self.changed(self.found[None])[0])
            points = np.repeat(self.found[None], len(places) + 2, axis=0)
            points[np.arange(len(places)), places] = self.start[places]
            shrunk = self.start + np.array([0.9, 0.7])[:, None] * (self.found - self.start)
            points[-2:] = np.where(self.numbers & ~np.isnan(self.found), shrunk, points[-2:])
            before = self.cost
            if not self.run(points) or self.cost > (1 - POLISHED) * before:
                break

    def move_beyond(self, margin: float) -> None:
        """Move the found point beyond the target by a margin, a share of the row's distance to it."""
        if margin <= self.margin:
            return
        self.margin = margin
        further = self.start + np.array([1.0, 1 + 10 * margin, 1 + 1e3 * margin])[:, None] * (
            self.found - self.start
        )
        point = np.where(self.numbers & ~np.isnan(self.found), further, self.found)
        self.cost = np.inf
        self.keep(np.concatenate([self.descend(point, self._movable(point)), point]))

    def keep(self, u: FloatArray) -> None:
        """Keep the cheapest of the legal points (m, free) that reach the target, after columns return."""
        u = self._legal(u)
        u = u[self.reached(u) >= 0]
        u = u[self.changed(u).sum(axis=1) <= self.most]
        if not len(u):
            return
        u = u[np.argsort(self.costs(u), kind="stable")[:4]]
        u = np.array([self._back(point) for point in u])
        costs = self.costs(u)
        at = int(np.argmin(costs))
        if costs[at] < self.cost:
            self.cost, self.found = float(costs[at]), u[at].copy()

    def changed(self, u: FloatArray) -> npt.NDArray[np.bool_]:
        """Return a mask of the columns that points (m, free) change."""
        return differs(u, self.start)

    def _legal(self, u: FloatArray) -> FloatArray:
        return np.column_stack([legal(c, own) for c, own in zip(self.free, u.T, strict=True)]).reshape(
            u.shape
        )

    def _movable(self, u: FloatArray) -> npt.NDArray[np.bool_]:
        """Return a mask of the columns that may change from points (m, free): the steepest permitted ones."""
        may = np.ones(u.shape, dtype=bool)
        if self.most < len(self.free):
            _, slopes = self.slopes(u)
            rank = np.where(self.changed(u), np.inf, np.abs(slopes))
            order = np.argsort(-rank, axis=1, kind="stable")
            may[:] = False
            np.put_along_axis(may, order[:, : self.most], True, axis=1)
        return may

    def descend(self, u: FloatArray, may: npt.NDArray[np.bool_]) -> FloatArray:
        """Return points (m, free) after linear steps in the columns that may move."""
        reach = np.full(len(u), 1.0)
        f, slopes = self.slopes(u)
        penalty = 2 / np.maximum(np.abs(slopes).max(axis=1, initial=0.0), 1e-12)
        merit = self._size(u) + penalty * np.maximum(-f, 0.0)
        best, best_cost = u.copy(), np.where(f >= 0, self._size(u), np.inf)
        for _ in range(STEPS):
            tried = self._step(u, f, np.where(may, slopes, 0.0), reach)
            new_f, new_slopes = self.slopes(tried)
            penalty = np.maximum(penalty, 2 / np.maximum(np.abs(new_slopes).max(axis=1, initial=0.0), 1e-12))
            penalty = np.minimum(penalty, 1e6)
            new = self._size(tried) + penalty * np.maximum(-new_f, 0.0)
            good = new < merit
            cheap = (new_f >= 0) & (self._size(tried) < best_cost)
            best[cheap], best_cost[cheap] = tried[cheap], self._size(tried)[cheap]
            u = np.where(good[:, None], tried, u)
            f, merit = np.where(good, new_f, f), np.where(good, new, merit)
            slopes = np.where(good[:, None], new_slopes, slopes)
            reach = np.where(good, reach * 1.5, reach * 0.4)
            if (reach < 1e-5).all():
                break
        ends = np.isinf(best_cost)
        best[ends] = u[ends]
        return best

    def _size(self, u: FloatArray) -> FloatArray:
        return (
            self.distances(u)
            if self.norm.flat
            else self.norm.total(self.norm.costs(self.free, self.start, u))
        )

    def _step(self, u: FloatArray, f: FloatArray, slopes: FloatArray, reach: FloatArray) -> FloatArray:
        """Return the cheapest points (m, free) that reach the target on tangent planes, within a reach."""
        here = np.where(np.isnan(self.start), 0.0, self.start)
        fixed = ~self.numbers | np.isnan(u)
        now = np.where(fixed, here, u)
        low = np.where(fixed, here, np.maximum(self.low, now - reach[:, None]))
        high = np.where(fixed, here, np.minimum(self.high, now + reach[:, None]))
        still = (slopes == 0) & ~fixed & (now == here)
        low, high = np.where(still, here, low), np.where(still, here, high)
        back = np.clip(here, low, high)
        missing = -(f + (slopes * (back - now)).sum(axis=1)) * (1 + 1e-3)
        end = np.where(slopes > 0, high, low)
        room = np.abs(end - back)
        if self.norm.name == "l2":
            moved = self._fill_evenly(back, here, end, slopes, missing)
        else:
            order = np.argsort(-np.abs(slopes), axis=1, kind="stable")
            gain = np.take_along_axis(np.abs(slopes) * room, order, axis=1)
            left = missing[:, None] - np.cumsum(gain, axis=1) + gain
            share = np.divide(left, gain, out=np.zeros_like(gain), where=gain > 0).clip(0.0, 1.0)
            by = np.empty_like(share)
            np.put_along_axis(by, order, share, axis=1)
            moved = back + by * (end - back)
        return np.where(fixed, u, moved)

    def _fill_evenly(
        self, back: FloatArray, here: FloatArray, end: FloatArray, slopes: FloatArray, missing: FloatArray
    ) -> FloatArray:
        """Return points whose change is proportional to the slopes, as far as necessary, within the ends."""
        low, high = np.minimum(back, end), np.maximum(back, end)
        least, most = np.zeros(len(back)), np.full(len(back), 1e6)
        for _ in range(60):
            middle = np.sqrt((least + 1e-9) * most)
            gain = (slopes * (np.clip(here + middle[:, None] * slopes, low, high) - back)).sum(axis=1)
            enough = gain >= missing
            least, most = np.where(enough, least, middle), np.where(enough, middle, most)
        return np.clip(here + most[:, None] * slopes, low, high)

    def _back(self, u: FloatArray) -> FloatArray:
        """Return a point (free,) after its columns, one by one, have returned as far as the target permits.

        Several columns are reset together as long as they can return entirely.
        """
        u, near = u.copy(), [About.at(stars.region, u) for stars in self.conditions]
        costs = self.norm.costs(self.free, self.start, u[None])[0]
        order = np.argsort(costs, kind="stable")
        left = order[costs[order] > 0]
        while len(left):
            some = left[:TOGETHER]
            whole = self._count_back(near, u, some)
            u[some[:whole]] = self.start[some[:whole]]
            near = [about.to(u) for about in near]
            if whole < len(some):
                u = self._as_far(near, u, int(some[whole]))
                near = [about.to(u) for about in near]
            left = left[whole + 1 :] if whole < len(some) else left[whole:]
        return u

    def _count_back(self, near: Sequence[About], u: FloatArray, order: npt.NDArray[np.intp]) -> int:
        """Return the number of columns of a point (free,), in order, that can all be reset to the row."""
        points = np.repeat(u[None], len(order) + 1, axis=0)
        points[1:, order] = np.where(np.tri(len(order), dtype=bool), self.start[order], u[order])
        beyond = self._beyond(near, points)
        stays = beyond[1:] >= min(self.slack, beyond[0])
        return len(order) if stays.all() else int(stays.argmin())

    def _as_far(self, near: Sequence[About], u: FloatArray, at: int) -> FloatArray:
        """Return a point (free,) with a column of numbers returned as far as the target permits."""
        there, low, high = u[at], 0.0, 1.0
        if not self.numbers[at] or np.isnan(there):
            return u
        while high - low > 1e-12:
            shares = low + (high - low) * np.arange(1, 16) / 16
            moved = legal(self.free[at], self.start[at] + shares * (there - self.start[at]))
            good = np.flatnonzero(self._beyond(near, _with(u, at, moved)) >= self.slack)
            first = int(good[0]) if len(good) else 15
            low, high = (low if first == 0 else shares[first - 1]), (high if first == 15 else shares[first])
        moved = legal(self.free[at], np.array([self.start[at] + high * (there - self.start[at])]))
        back = _with(u, at, moved)
        return back[0] if self._beyond(near, back)[0] >= self.slack else u

    def _round(self, u: FloatArray, way: np.ufunc) -> None:
        """Keep points with their whole columns rounded, by distance, and the other columns moved again."""
        u = u.copy()
        for at in np.flatnonzero(self.whole & self.numbers).tolist():
            column, own = self.free[at], ~np.isnan(u[:, at])
            if isinstance(column, FreeDate):
                unit = 1 / column.axis.scale
                steps = way(np.round(np.abs(u[own, at] - self.start[at]) / unit, 6)) * unit
                u[own, at] = self.start[at] + np.sign(u[own, at] - self.start[at]) * steps
            else:
                values, here = column.axis.values(u[own, at]), column.axis.values(self.start[at : at + 1])
                steps = way(np.round(np.abs(values - here), 6))
                u[own, at] = column.axis.coordinates(here + np.sign(values - here) * steps)
        u = self._legal(u)
        self.keep(u)
        self.keep(self.descend(u, self._movable(u) & ~self.whole))

    def singles(self) -> FloatArray:
        """Return points (m, free) with a single column changed, to some values or to all near days."""
        found = [np.empty((0, len(self.free)))]
        for at, (column, start) in enumerate(zip(self.free, self.start.tolist(), strict=True)):
            values = [column.near(start, reach) for reach in (1.0, 0.1)]
            if isinstance(column, FreeDate):
                values.append(legal(column, start + np.arange(-YEAR, YEAR + 1) / column.axis.scale))
            points = np.repeat(self.start[None], sum(map(len, values)), axis=0)
            points[:, at] = np.concatenate(values)
            found.append(points)
        points = np.concatenate(found)
        return points[self.changed(points).any(axis=1)]


def _with(u: FloatArray, at: int, values: FloatArray) -> FloatArray:
    """Return a point (free,) with a column at each of the values (m,): shape (m, free)."""
    points = np.repeat(u[None], len(values), axis=0)
    points[:, at] = values
    return points
