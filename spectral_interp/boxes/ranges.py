"""Proven ranges of f in a region of the table: branch and bound over boxes.

The boxes with the largest and the least bound are halved in the loosest column, until the proven range is
little wider than the range of values found at legal points inside. These points are the middles of boxes, the
nodes that the slopes point to, and the results of a search by columns from the best of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.markup import block, sentences, table
from .._common.messages import shown
from .._common.progress import progress
from .._common.text import at_least, at_most, counted, number
from ..view import LevelsAxis, ModelView, Rows
from ..view.levels import is_missing
from .about import About
from .bounds import ROUNDING, Bounds, bounds_in
from .limits import Box, Region, free_columns

if TYPE_CHECKING:
    import pandas as pd

TOGETHER = 24
"""Number of boxes halved together."""

NUMBERS = 2**23
"""Maximum number of matrix entries held at a time when boxes are bounded together."""

KNOTS, PIECES = 8, 64
"""Maximum number of nodes of a number in the first boxes, and of these boxes (takes precedence)."""

SAME = 1e-9
"""Relative difference below which two ends are printed as the same number."""

GAIN = 1e-3
"""Least growth of the attained width, as a share of it, for another search by columns."""

SECONDS = 1e-4
"""Rough time for a box and neuron; decides whether to show progress."""


@dataclass(frozen=True, eq=False)
class Range:
    """The range of predictions in a region: proven, and attained. It unpacks as ``low, high``.

    Attributes
    ----------
    low, high : float
        Bounds of all predictions in the region, in the prediction's unit.
    attained_low, attained_high : float
        The least and the largest prediction found in the region.
    points : ndarray, shape (2, c)
        The rows of the table at which they were found, in its units; moments are truncated to seconds.
    evaluations : int
        Number of boxes that were bounded.
    reached : bool
        Whether the proven range is at most ``1 + rtol`` times as wide as the attained one.
    columns : tuple of str, length c
    unit : str
    """

    low: float
    high: float
    attained_low: float
    attained_high: float
    points: npt.NDArray[np.object_]
    evaluations: int
    reached: bool
    columns: tuple[str, ...]
    unit: str

    def __iter__(self) -> Iterator[float]:
        return iter((self.low, self.high))

    @property
    def looseness(self) -> float:
        """Sum of the distances of the proven ends from the attained ones, in the prediction's unit."""
        return (self.high - self.attained_high) + (self.attained_low - self.low)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows at which the attained ends were found, as a table with the index "low", "high"."""
        import pandas as pd  # pandas is needed only for tables

        return pd.DataFrame(self.points, ["low", "high"], list(self.columns)).infer_objects()

    def _repr_html_(self) -> str:
        moved = [at for at, (low, high) in enumerate(self.points.T) if low != high]
        lines = ((self.columns[at], *self.points[:, at]) for at in moved)
        found = table(["column", "at the minimum", "at the maximum"], lines, len(moved), "columns")
        return block(sentences(str(self)), found if moved else "")

    def __str__(self) -> str:
        low, high = _plainly(self.low, self.attained_low), _plainly(self.high, self.attained_high)
        ends = f"{at_least(low)} and {at_most(high)} ({self.unit})"
        found = f"{number(self.attained_low)} and {number(self.attained_high)} are attained"
        stopped = f"; the search stopped after {counted(self.evaluations, 'box', 'boxes')}"
        return f"Every prediction in the region is between {ends}; {found}{'' if self.reached else stopped}."


def _plainly(proven: float, attained: float) -> float:
    """Return a proven end for printing: the attained one if they differ only by rounding."""
    return attained if math.isclose(proven, attained, rel_tol=SAME) else proven


def range_in(view: ModelView, limits: Any, rows: Rows | None, *, rtol: float, max_evaluations: int) -> Range:
    """Return the range of f while columns are within limits; see :meth:`Certificate.range`.

    Raises
    ------
    ValueError
        If limits or rows do not fit the model, or ``rtol`` or ``max_evaluations`` is not positive.
    """
    check_effort(rtol, max_evaluations)
    check_one(rows)
    region = Region(view, free_columns(view, limits, rows), coordinates(view, rows))
    slack = ROUNDING * float(region.size.sum())
    search = Search(region, partial(bounds_in, region), region.values)
    search.run(rtol, slack, max_evaluations)
    low, high = search.attained.tolist()
    return Range(
        low=min(float(search.low.min()), low) - slack,
        high=max(float(search.high.max()), high) + slack,
        attained_low=low,
        attained_high=high,
        points=region.points(search.found, None if rows is None else rows.data[0]),
        evaluations=search.evaluations,
        reached=search.reached(rtol, slack),
        columns=view.columns,
        unit=view.output.unit,
    )


def check_effort(rtol: float, max_evaluations: int) -> None:
    """Raise ValueError unless both are positive."""
    if not (isinstance(rtol, Real) and 0 < rtol < np.inf):
        raise ValueError(f"expected rtol > 0, as a share of the attained width; got {shown(rtol)}")
    if not (isinstance(max_evaluations, Real) and max_evaluations >= 1):
        raise ValueError(f"expected max_evaluations >= 1; got {shown(max_evaluations)}")


def check_one(rows: Rows | None) -> None:
    """Raise ValueError if rows are given but their number is not one."""
    if rows is not None and len(rows) != 1:
        raise ValueError(f"expected one row, for the columns without limits; got {len(rows)}")


def coordinates(view: ModelView, rows: Rows | None) -> FloatArray:
    """Return the coordinates (c,) of a row; without a row, arbitrary ones, as all columns move."""
    if rows is None:
        return np.zeros(len(view.axes))
    return view.coordinates(rows.z)[0]


def unknown_gap(rows: Rows, place: int) -> bool:
    """Return whether a row has a gap in a column of numbers or dates that had no gaps in training.

    The model reads it as the median.
    """
    axis = rows.view.axes[place]
    return is_missing(rows.data[0][place]) and axis.gap() is None and not isinstance(axis, LevelsAxis)


class Search:
    """Best-first halving of boxes, with the proven ends and the ends attained so far.

    The function is f or another function in a region: ``bounds`` bounds it in boxes, ``values`` computes it.
    Ends need not be tighter than ``enough``, for instance zero if only the sign matters.

    Attributes
    ----------
    low, high : ndarray, shape (n,)
        Proven ends of f in the boxes, which cover the region.
    attained : ndarray, shape (2,)
        The least and the largest value found.
    found : ndarray, shape (2, free)
        Points of these values, in coordinates of the free columns.
    """

    def __init__(
        self,
        region: Region,
        bounds: Callable[[Sequence[Box]], Bounds],
        values: Callable[[FloatArray], FloatArray],
        enough: tuple[float, float] = (np.inf, -np.inf),
    ) -> None:
        self.region, self.evaluations = region, 0
        self.bounds, self.values, self.enough = bounds, values, enough
        self.halves: list[list[Box]] = []
        self.low, self.high = np.empty(0), np.empty(0)
        self.attained = np.array([np.inf, -np.inf])
        self.found = np.empty((2, len(region.free)))
        pieces = region.pieces(KNOTS, PIECES)
        self._add(pieces, np.full(len(pieces), -np.inf), np.full(len(pieces), np.inf))
        self._climb()

    @property
    def width(self) -> float:
        """Distance between the attained ends."""
        return float(self.attained[1] - self.attained[0])

    @property
    def looseness(self) -> float:
        """Sum of the distances of the proven ends from the attained ends or from ``enough``."""
        return self._below + self._above

    @property
    def _needed(self) -> tuple[float, float]:
        """The ends that proofs need not surpass."""
        return min(self.attained[0], self.enough[0]), max(self.attained[1], self.enough[1])

    @property
    def _below(self) -> float:
        return max(float(self._needed[0] - self.low.min()), 0.0)

    @property
    def _above(self) -> float:
        return max(float(self.high.max() - self._needed[1]), 0.0)

    @property
    def refuted(self) -> bool:
        """Whether a value found is beyond ``enough``, so that it cannot be proven."""
        return bool(self.attained[0] < self.enough[0] < np.inf or self.attained[1] > self.enough[1] > -np.inf)

    def run(self, rtol: float, slack: float, max_evaluations: int) -> None:
        """Halve boxes until the ends are within ``rtol`` of the attained width, or one is refuted."""
        seconds = SECONDS * max_evaluations * len(self.region.neurons)
        size = f"at most {max_evaluations:,} boxes of {len(self.region.free)} columns"
        with progress(max_evaluations, seconds=seconds, size=size, unit="box") as advance:
            advance(self.evaluations)
            while not self.reached(rtol, slack) and self.evaluations < max_evaluations and not self.refuted:
                before = self.evaluations
                if not self.halve():
                    break
                advance(self.evaluations - before)

    def reached(self, rtol: float, slack: float) -> bool:
        """Return whether the ends are within ``rtol`` of the attained width and a slack."""
        return self.looseness <= rtol * self.width + slack

    def halve(self) -> bool:
        """Halve the boxes that hold the ends; return whether there were any to halve."""
        able = np.array([bool(halves) for halves in self.halves])
        least, most = self._needed
        up, down = np.flatnonzero(able & (self.high > most)), np.flatnonzero(able & (self.low < least))
        up = up[np.argsort(-self.high[up], kind="stable")[: self._share(self._above)]]
        down = down[np.argsort(self.low[down], kind="stable")[: self._share(self._below)]]
        chosen = np.union1d(up, down)
        if not len(chosen):
            return False
        boxes = [half for at in chosen for half in self.halves[at]]
        low, high = np.repeat(self.low[chosen], 2), np.repeat(self.high[chosen], 2)
        kept = np.setdiff1d(np.arange(len(self.halves)), chosen)
        self.halves = [self.halves[at] for at in kept]
        self.low, self.high = self.low[kept], self.high[kept]
        before = self.width
        self._add(boxes, low, high)
        if self.width - before > GAIN * self.width:
            self._climb()
        return True

    def _share(self, loose: float) -> int:
        """Return the number of boxes to halve for an end, by its share of the looseness."""
        return max(1, round(TOGETHER * loose / self.looseness)) if self.looseness > 0 else 1

    def _add(self, boxes: list[Box], low: FloatArray, high: FloatArray) -> None:
        """Bound boxes that are parts of others with the given bounds, some at a time."""
        neurons, nodes = self.region.neurons, max(map(self.region.count_nodes, boxes))
        each = nodes * len(neurons) * neurons.structure.dim**2
        together = max(1, NUMBERS // max(each, 1))
        for start in range(0, len(boxes), together):
            some = slice(start, start + together)
            self._add_some(boxes[some], low[some], high[some])

    def _add_some(self, boxes: list[Box], low: FloatArray, high: FloatArray) -> None:
        bounds = self.bounds(boxes)
        self.evaluations += len(boxes)
        self.low = np.concatenate([self.low, np.maximum(bounds.low, low)])
        self.high = np.concatenate([self.high, np.minimum(bounds.high, high)])
        self.halves += [self._halves(box, bounds, at) for at, box in enumerate(boxes)]
        corners = [self._pointed(boxes, bounds.scores, pick) for pick in (np.argmin, np.argmax)]
        self._try(np.concatenate([self._middles(boxes), *corners]))

    def _halves(self, box: Box, bounds: Bounds, at: int) -> list[Box]:
        """Return the two halves of a box along its loosest column; none if it is a point."""
        for place in np.argsort(-bounds.loss[at], kind="stable").tolist():
            halves = self.region.halves(box, place, bounds.scores[place][at])
            if halves:
                return halves
        return []

    def _middles(self, boxes: list[Box]) -> FloatArray:
        free = self.region.free
        return np.array([[one.middle(part) for one, part in zip(free, box, strict=True)] for box in boxes])

    def _pointed(self, boxes: list[Box], scores: Sequence[FloatArray], pick: Any) -> FloatArray:
        """Return the points (n, free) of boxes at the nodes whose scores are picked."""
        found = np.empty((len(boxes), len(self.region.free)))
        for at, (column, score) in enumerate(zip(self.region.free, scores, strict=True)):
            for row, box in enumerate(boxes):
                nodes = column.nodes(box[at])
                found[row, at] = nodes[pick(score[row, : len(nodes)])]
        return found

    def _try(self, u: FloatArray) -> bool:
        """Evaluate f at points (m, free); return whether an end moved."""
        return self._keep(u, self.values(u))

    def _keep(self, u: FloatArray, values: FloatArray) -> bool:
        """Keep the points (m, free) with the least and the largest value; return whether an end moved."""
        moved = False
        for end, at, sign in ((0, int(values.argmin()), -1), (1, int(values.argmax()), 1)):
            if sign * values[at] > sign * self.attained[end]:
                self.attained[end], self.found[end], moved = values[at], u[at], True
        return moved

    def _climb(self) -> None:
        """Search by columns from the points found, in decreasing steps."""
        of_f = self.values == self.region.values
        near = [About.at(self.region, point) for point in self.found] if of_f else []
        for reach in (1.0, 0.1, 0.01):
            sweeps = 4
            while sweeps and any([self._sweep(near, at, reach) for at in range(len(self.region.free))]):
                sweeps -= 1
        if near:
            self.attained[:] = self.values(self.found)

    def _sweep(self, near: list[About], at: int, reach: float) -> bool:
        """Try values of a column at the points of ``near``; return whether an end moved."""
        tried = [self.region.free[at].near(float(point[at]), reach) for point in self.found]
        u = np.repeat(self.found, [len(some) for some in tried], axis=0)
        u[:, at] = np.concatenate(tried)
        if not near:
            return self._keep(u, self.values(u))
        parts = np.split(u, [len(tried[0])])
        moved = self._keep(u, np.concatenate([about.values(v) for about, v in zip(near, parts, strict=True)]))
        if moved:
            near[:] = [about.to(point) for about, point in zip(near, self.found, strict=True)]
        return moved
