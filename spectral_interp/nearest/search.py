"""The nearest point of a region that reaches a target, by best-first branch and bound over cells.

The cell with the least proven cost is halved, in the column in which the bound is weakest, until that cost is
within a ratio of the nearest point found.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from .._common.arrays import FloatArray
from ..boxes.bounds import bounds_in
from ..boxes.limits import Box, Free, FreeLevels, Span
from ..boxes.ranges import Search as RangeSearch
from .crossings import Crossing, first_crossing
from .descent import Descent
from .moves import Norm, clipped, contains, near
from .stars import Star, Stars

RANGED = 300
"""Maximum number of boxes for the proof that a target cannot be reached at all."""

RANDOM = 30
"""Number of random points from which a search starts."""

EVERY = 8
"""Number of cells per search from the crossing of a bound at any distance from the target."""

SLIGHT = 1e-9
"""Share by which proven costs are lowered to allow for rounding of sums of costs."""


@dataclass(order=True)
class _Cell:
    cost: float
    count: int
    box: Box = field(compare=False)
    star: Star = field(compare=False)
    crossing: Crossing = field(compare=False)
    stars: Stars = field(compare=False)


class Nearest:
    """The search for the nearest point, and the proof of a least cost.

    Parameters
    ----------
    conditions : sequence of Stars
        Stars of the same columns, each with a function that must not be negative.
    free : sequence of Free
    norm : Norm
    most : int
        Maximum number of columns that change.

    Attributes
    ----------
    descent : Descent
        Holds the nearest point found.
    evaluations : int
        Number of cells that were bounded.
    """

    def __init__(self, conditions: Sequence[Stars], free: Sequence[Free], norm: Norm, most: int) -> None:
        self.conditions, self.free, self.norm, self.most = list(conditions), list(free), norm, most
        self.start = conditions[0].start
        self.descent = Descent(conditions, free, self.start, norm, most)
        self.evaluations, self._count = 0, 0
        self._open: list[_Cell] = []
        self._closed = np.inf

    @property
    def cost(self) -> float:
        """Cost of the nearest point found."""
        u = self.descent.found[None]
        if np.isinf(self.descent.cost):
            return np.inf
        return float(self.norm.total(self.norm.costs(self.free, self.start, u))[0])

    @property
    def lower(self) -> float:
        """Proven least cost, never above the cost of the point found."""
        least = min(self._closed, self._open[0].cost if self._open else np.inf)
        if self.norm.flat and np.isfinite(least):
            least = np.ceil(least - 1e-6)
        elif np.isfinite(least):
            least *= 1 - SLIGHT
        return float(min(least, self.cost))

    def run(self, rtol: float, max_evaluations: int, advance: Callable[[int], object]) -> None:
        """Search until the cost found is at most ``1 + rtol`` times the proven cost."""
        self._begin()
        box = self.conditions[0].region.root
        if np.isinf(self.cost) and self._impossible(box):
            return
        self._add(box, rtol)
        while self._open and self.lower * (1 + rtol) < self.cost and self.evaluations < max_evaluations:
            before = self.evaluations
            cell = heapq.heappop(self._open)
            halves = self._halves(cell)
            if not halves:
                self._closed = min(self._closed, cell.cost)
                continue
            for half in halves:
                self._add(half, rtol, cell)
            advance(self.evaluations - before)

    def placed(self) -> FloatArray:
        """Return the coordinates of all columns, (c,), at the point found."""
        return self.conditions[0].region.coordinates(self.descent.found[None])[0]

    def _begin(self) -> None:
        """Search from the row, from single changes, and from changes of several levels."""
        descent = self.descent
        singles = descent.singles()
        if not len(singles):
            return
        values = descent.reached(singles)
        gain = (values - descent.reached(self.start[None])[0]) / np.maximum(descent.distances(singles), 1e-9)
        best = singles[np.argsort(-gain, kind="stable")[:12]]
        greedy = self._greedy(singles, gain)
        descent.run(np.concatenate([self.start[None], best, greedy, self._anywhere()]))
        descent.polish()

    def _greedy(self, singles: FloatArray, gain: FloatArray) -> FloatArray:
        """Return points (m, free) with a growing number of columns at their best single change."""
        point, found, changed = self.start.copy(), [], 0
        for at in np.argsort(-gain, kind="stable"):
            column = int(np.flatnonzero(self.descent.changed(singles[at : at + 1])[0])[0])
            if point[column] != self.start[column] or changed >= min(self.most, 8):
                continue
            point[column], changed = singles[at, column], changed + 1
            found.append(point.copy())
        return np.array(found).reshape(-1, len(self.free))

    def _anywhere(self) -> FloatArray:
        """Return random points (m, free): some around the row, some anywhere in the limits."""
        rng, points = np.random.default_rng(0), np.repeat(self.start[None], RANDOM, axis=0)
        descent = self.descent
        shares = rng.random(points.shape)
        around = self.start + rng.normal(size=points.shape)
        anywhere = descent.low + shares * (descent.high - descent.low)
        moved = np.where(np.arange(RANDOM)[:, None] % 2 == 0, anywhere, around)
        moved = moved.clip(descent.low, descent.high)
        return np.where(descent.numbers, moved, points)

    def _impossible(self, box: Box) -> bool:
        """Return whether the range of f proves that no point reaches the target; search from its ends."""
        for stars in self.conditions:
            region, enough = stars.region, (-np.inf, -stars.size)
            search = RangeSearch(region, partial(bounds_in, region), region.values, enough)
            search.run(0.0, 0.0, RANGED)
            self.evaluations += search.evaluations
            self.descent.run(search.found[1:])
            if search.high.max() <= -stars.size:
                self._closed = np.inf
                return True
        return False

    def _add(self, box: Box, rtol: float, outer: _Cell | None = None) -> None:
        """Bound a cell, which may be part of another, and search from the crossing of its bound."""
        self.evaluations += 1
        least = 0.0 if outer is None else outer.cost
        box = self._trimmed(box)
        best: _Cell | None = None
        top = self._top(box)
        for stars in self._violated(box):
            star = stars.star(box)
            if star.changed.sum() > self.most or star.cost >= top:
                return
            point = outer.crossing.point if outer is not None and outer.stars is stars else None
            crossing = first_crossing(stars, star, top, self.most, self.cost / (1 + rtol) * (1 + 1e-6), point)
            cost = max(crossing.cost, least)
            if best is None or cost > best.cost:
                best = _Cell(cost, self._count, box, star, crossing, stars)
        if best is None:  # the target is reached at the cheapest point of the cell
            stars = self.conditions[0]
            star = stars.star(box)
            nothing = Crossing(star.cost, np.zeros(len(star.at)), 0, np.zeros(len(star.u)))
            best = _Cell(max(star.cost, least), self._count, box, star, nothing, stars)
        self._count += 1
        if np.isinf(best.crossing.cost) or best.cost >= self.cost:
            return
        if np.isinf(self.cost) and self._missed(best):
            return
        self._try(best)
        heapq.heappush(self._open, best)

    def _trimmed(self, box: Box) -> Box:
        """Return a cell without numbers that alone cost more than the point found."""
        if np.isinf(self.cost) or self.norm.flat:
            return box
        u = [clipped(part, float(start)) for part, start in zip(box, self.start, strict=True)]
        costs = self.norm.costs(self.free, self.start, np.where(np.isnan(u), self.start, u)[None])
        rest = self.norm.rest(float(self.norm.total(costs)[0]), self.cost) * (1 + SLIGHT)
        parts = zip(self.free, box, u, strict=True)
        return tuple(part if np.isnan(at) else near(column, part, at, rest) for column, part, at in parts)

    def _top(self, box: Box) -> float:
        """Return the cost up to which a cell matters: that of the point found, or the cell's largest cost."""
        if np.isfinite(self.cost):
            return self.cost
        star = self.conditions[0].star(box)
        most = np.zeros(len(star.u))
        np.maximum.at(most, star.at, star.caps)
        return 2.0 * float(self.norm.joined(star.cost, self.norm.total(most))) + 1.0

    def _violated(self, box: Box) -> list[Stars]:
        """Return the functions, at most two, that are most negative at the cheapest point of a cell."""
        if len(self.conditions) == 1:
            return self.conditions
        u = self.conditions[0].star(box).u
        values = self.descent.values(u[None])[0]
        return [self.conditions[at] for at in np.argsort(values, kind="stable")[:2] if values[at] < 0]

    def _missed(self, cell: _Cell) -> bool:
        bounds = bounds_in(cell.stars.region, [cell.box])
        return bool(bounds.high[0] + cell.stars.size < 0)

    def _try(self, cell: _Cell) -> None:
        """Search from the crossing of a bound, if it reaches the target or for one cell in ``EVERY``."""
        point = self.point(cell)[None]
        reaches = self.descent.reached(point)[0] >= 0
        if (reaches or self._count % EVERY == 1) and self.descent.run(point):
            self.descent.polish()

    def point(self, cell: _Cell) -> FloatArray:
        """Return the approximate coordinates (free,) of the crossing of a cell's bound."""
        star, u = cell.star, cell.star.u.copy()
        for i in np.flatnonzero(cell.crossing.spent):
            at, share = star.at[i], cell.crossing.spent[i] / star.caps[i]
            jump = np.isnan(star.ends[i] - star.u[at]) or isinstance(self.free[at], FreeLevels)
            u[at] = star.ends[i] if jump else u[at] + share * (star.ends[i] - star.u[at])
        return u

    def _halves(self, cell: _Cell) -> list[Box]:
        """Return the parts of a cell, halved in the column in which its bound is weakest."""
        star, crossing = cell.star, cell.crossing
        widths = np.zeros(len(self.free))
        np.add.at(widths, star.at, np.minimum(crossing.spent, star.caps))
        for at, (column, part) in enumerate(zip(self.free, cell.box, strict=True)):
            if not contains(part, float(self.start[at])) and self._jumps(at):
                widths[at] = self._spread(column, part)
        if crossing.loose.sum() > self._tight(cell):
            widths = np.where(crossing.loose > 0, crossing.loose + 1e3, widths)
        wide = np.array([self._extent(part) for part in cell.box])
        for at in np.lexsort((-wide, -widths)):
            halves = self._split(cell, int(at))
            if halves:
                return [(*cell.box[:at], half, *cell.box[at + 1 :]) for half in halves]
        return []

    def _jumps(self, at: int) -> bool:
        return self.norm.flat or bool(np.isnan(self.start[at])) or isinstance(self.free[at], FreeLevels)

    @staticmethod
    def _extent(part: Span | tuple[float, ...]) -> float:
        return part.high - part.low + part.gap if isinstance(part, Span) else float(len(part) - 1)

    def _spread(self, column: Free, part: Span | tuple[float, ...]) -> float:
        whole = self._extent(column.whole)
        return self._extent(part) / whole if whole > 0 else 0.0

    def _tight(self, cell: _Cell) -> float:
        """Return the distance of f from zero at the crossing of the bound, without the loose terms."""
        value = -float(cell.stars.region.values(self.point(cell)[None])[0])
        return max(value - cell.crossing.loose.sum(), 0.0)

    def _split(self, cell: _Cell, at: int) -> Sequence[Span | tuple[float, ...]]:
        """Return the parts of a column's set: cut before the crossing of the bound, or at the level there."""
        column, part, start = self.free[at], cell.box[at], float(self.start[at])
        here, there = cell.star.u[at], self.point(cell)[at]
        if isinstance(part, Span):
            if part.gap or np.isnan(here) or here == there or self._jumps(at):
                return list(column.halves(part, np.empty(0)))
            return self._cut(column, part, here, there)
        if len(part) < 2:
            return []
        others = [level for level in part if level != start]
        one = there if there in others else others[0]
        return [(one,), tuple(level for level in part if level != one)]

    def _cut(self, column: Free, part: Span, here: float, there: float) -> list[Span]:
        """Return an interval cut between two of its values, at a knot or between whole values if required."""
        low, high = min(here, there), max(here, there)
        between = part._replace(low=low, high=high)
        halves = column.halves(between, np.empty(0))
        if not halves:
            return list(column.halves(part, np.empty(0)))
        return [part._replace(high=halves[0].high), part._replace(low=halves[1].low)]
