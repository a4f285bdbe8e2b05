"""Proven slopes and directions of f along a column, in a region of the table.

If slopes are proven never to be negative in two adjacent intervals of a column, f never falls in their union,
since f is continuous. The interval of a direction grows from the data in this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from typing_extensions import override

from .._common.markup import block, sentences
from .._common.messages import shown
from .._common.text import at_least, at_most, counted, number, percent
from ..view import Axis, LevelsAxis, ModelView, NumberAxis, Rows
from ..view.axes import MISSING
from .bounds import ROUNDING
from .limits import Free, Region, free_columns
from .ranges import Range, Search, check_effort, check_one, coordinates, unknown_gap
from .slopes import Derivative, Slope, Step

CELLS = 16
"""Number of parts of a column's interval in which a direction is proven before its ends are refined."""

REFINED = 6
"""Number of times a part is halved to find the end of a direction."""


@dataclass(frozen=True, eq=False)
class Slopes(Range):
    """The range of slopes along a column in a region: proven, and attained.

    It unpacks as ``low, high``. For a column of levels, a slope is the change of the prediction from one
    level to another. The attributes are those of :class:`.Range`, for slopes per ``step``, and the following.

    Attributes
    ----------
    column : str
    step : str
        A standard deviation of the column, or of its logarithm; or the two levels.
    own_step : str
        A unit of the column or of its logarithm; empty for levels.
    per_own : float
        Number of steps in one ``own_step``; NaN for levels.
    monotone : int
        1 if f is proven never to fall in the region, −1 if never to rise, 0 if neither or if nothing changes.
    """

    column: str
    step: str
    own_step: str
    per_own: float
    monotone: int

    @property
    def low_per_unit(self) -> float:
        """The lower end per ``own_step``; NaN for levels."""
        return self.low * self.per_own

    @property
    def high_per_unit(self) -> float:
        """The upper end per ``own_step``; NaN for levels."""
        return self.high * self.per_own

    @override
    def __str__(self) -> str:
        way = f"As {self.column} rises" if self.own_step else f"When {self.column} changes ({self.step})"
        never = {1: " never fall: they", -1: " never rise: they"}.get(self.monotone, "")
        per = f" per {self.step}" if self.own_step else ""
        ends = f"{at_least(self.low)} and {at_most(self.high)} ({self.unit}){per}"
        found = f"{number(self.attained_low)} and {number(self.attained_high)} are attained"
        stopped = f"; the search stopped after {counted(self.evaluations, 'box', 'boxes')}"
        change = f"{way}, predictions in the region{never} change by between {ends}"
        return f"{change}; {found}{'' if self.reached else stopped}."


Along = Callable[[float, float], tuple[bool, bool]]
"""Whether f is proven never to fall, and never to rise, between two coordinates or levels of a column."""


def slopes_in(
    view: ModelView,
    name: str,
    within: Any,
    rows: Rows | None,
    along: Along,
    *,
    rtol: float,
    max_evaluations: int,
) -> Slopes:
    """Return the range of slopes in a region; see :meth:`Certificate.slopes`.

    Raises
    ------
    ValueError
        If column, limits or rows do not fit, or ``rtol`` or ``max_evaluations`` is not positive.
    """
    check_effort(rtol, max_evaluations)
    slope, step = slope_in(view, name, within, rows)
    search, slack = Search(slope.region, slope.bounds, slope.values), ROUNDING * slope.size
    search.run(rtol, slack, max_evaluations)
    attained = search.attained.tolist()
    low = min(float(search.low.min()), attained[0]) - slack
    high = max(float(search.high.max()), attained[1]) + slack
    evaluations = search.evaluations
    sign = int(attained[0] > 0 > low) - int(attained[1] < 0 < high)
    if sign:  # only one end remains to be proven
        proven, _, more = is_proven(slope, sign, max_evaluations)
        evaluations += more
        if proven:
            low, high = (0.0, high) if sign > 0 else (low, 0.0)
    monotone = int(low >= 0 and high > 0) - int(high <= 0 and low < 0)
    if not monotone:  # slopes of zero are within the rounding of the bounds
        up, down = along(*slope.ends)
        monotone = int(up) - int(down)
        low = max(low, min(attained[0], 0.0)) if monotone > 0 else low
        high = min(high, max(attained[1], 0.0)) if monotone < 0 else high
    directions = view.axis(name).plain.directions()
    return Slopes(
        low=low,
        high=high,
        attained_low=attained[0],
        attained_high=attained[1],
        points=_points(slope, search, rows),
        evaluations=evaluations,
        reached=search.reached(rtol, slack),
        columns=view.columns,
        unit=view.output.unit,
        column=name,
        step=step or directions.labels[0],
        own_step="" if step else directions.own_label,
        per_own=directions.per_own,
        monotone=monotone,
    )


def _points(slope: Slope, search: Search, rows: Rows | None) -> Any:
    """Return the rows (2, c) of the table at which the ends were found; for a step, its starting rows."""
    points = slope.region.points(search.found, None if rows is None else rows.data[0])
    if isinstance(slope, Step):
        (level,) = slope.region.view.axes[slope.place].values(np.array(slope.ends[:1], dtype=np.float64))
        points[:, slope.place] = None if level == MISSING else level
    return points


def slope_in(view: ModelView, name: str, within: Any, rows: Rows | None) -> tuple[Slope, str]:
    """Return the slope along a column as a function in a region, and a description of its step.

    Raises
    ------
    ValueError
        As :func:`slopes_in`.
    """
    check_one(rows)
    axis, place = view.axis(name), view.columns.index(name)
    within = {} if within is None else within
    if isinstance(axis, LevelsAxis):
        start, end = _two_levels(axis, within)
        rest = {other: limit for other, limit in within.items() if other != name}
        free = [column for column in free_columns(view, rest, rows) if column.place != place]
        u = coordinates(view, rows)
        u[place] = start
        return Step(Region(view, free, u), place, start, end), f"{axis.levels[start]} → {axis.levels[end]}"
    if not axis.sloped:
        raise ValueError(
            f"expected a column of numbers or levels for slopes; got {name!r}, which has months, weekdays or "
            "hours"
        )
    free = free_columns(view, within, rows)
    if rows is not None and name not in within:
        free += _standing(view, axis, place, rows)
    free = [_without_gap(column, within) if column.place == place else column for column in free]
    return Derivative(Region(view, free, coordinates(view, rows)), place), ""


def _two_levels(axis: LevelsAxis, within: Any) -> tuple[int, int]:
    """Return the first and the second level of a step: those of the limits, or the column's only two."""
    limit = within.get(axis.name) if isinstance(within, Mapping) else None
    if limit is None and len(axis.levels) == 2:
        return 0, 1
    levels = list(limit) if isinstance(limit, list | tuple) else []
    found = axis.coordinates(axis.checked(levels)).astype(int).tolist() if levels else []
    if len(set(found)) != 2 or len(levels) != 2:
        raise ValueError(
            f"expected two levels of {axis.name!r} in within, from and to, such as "
            f"{shown(list(axis.levels[:2]))}; got {shown(limit)}"
        )
    return found[0], found[1]


def _standing(view: ModelView, axis: Axis, place: int, rows: Rows) -> list[Free]:
    """Return a column fixed at its value in the row."""
    if np.isnan(coordinates(view, rows)[place]) or unknown_gap(rows, place):
        raise ValueError(f"expected a value of {axis.name!r} in the row, or limits of it; got a gap")
    return free_columns(view, {axis.name: rows.data[0][place]}, rows)


def _without_gap(column: Free, within: Mapping[str, Any]) -> Free:
    """Return the column of the slope, with its values but without its gap."""
    if column.whole.gap and column.axis.name in within:
        raise ValueError(
            f"expected limits of {column.axis.name!r} without None, as slopes are between values; got "
            f"{shown(within[column.axis.name])}"
        )
    return replace(column, whole=column.whole._replace(gap=False))


def is_proven(slope: Slope, sign: int, max_evaluations: int) -> tuple[bool, bool, int]:
    """Return whether f is proven never to fall (sign −1: rise), whether it is refuted, and the box count."""
    slack = ROUNDING * slope.size
    enough = (slack, np.inf) if sign > 0 else (-np.inf, -slack)
    search = Search(slope.region, slope.bounds, slope.values, enough)
    search.run(0.0, 0.0, max_evaluations)
    end = search.low.min() if sign > 0 else -search.high.max()
    return bool(end >= slack), search.refuted, search.evaluations


@dataclass(frozen=True, eq=False)
class Direction:
    """The interval of a column around the data in which predictions are proven never to fall, or to rise.

    Attributes
    ----------
    column : str
    sign : int
        1: never fall; −1: never rise.
    low, high : float or None
        Ends in the column's unit; None if nothing is proven.
    limits : tuple of float
        Interval searched: the column's limits, or its range in training.
    share : float
        Share of the background rows with a value that are in the interval.
    evaluations : int
        Number of boxes that were bounded.
    """

    column: str
    sign: int
    low: float | None
    high: float | None
    limits: tuple[float, float]
    share: float
    evaluations: int

    def _repr_html_(self) -> str:
        return block(sentences(str(self)))

    def __str__(self) -> str:
        never = f"predictions never {'fall' if self.sign > 0 else 'rise'} as {self.column} rises"
        if self.low is None or self.high is None:
            return f"Around the median of {self.column} it is not proven that {never}."
        ends = f"from {number(self.low)} to {number(self.high)}"
        where = f"{percent(self.share)} of the background rows are in this interval"
        return f"In the region, {never} {ends}; {where}."


def direction_in(
    view: ModelView,
    name: str,
    sign: int,
    within: Any,
    rows: Rows | None,
    along: Along,
    *,
    max_evaluations: int,
) -> Direction:
    """Return the interval of a direction around the background's median; see :meth:`Certificate.direction`.

    Raises
    ------
    ValueError
        As for :func:`slopes_in`; also if the column has no numbers or ``sign`` is neither 1 nor −1.
    """
    check_effort(1.0, max_evaluations)
    if sign not in (1, -1):
        raise ValueError(f"expected sign to be 1 (never falls) or -1 (never rises); got {sign!r}")
    axis = view.axis(name)
    if not isinstance(axis, NumberAxis):
        raise ValueError(f"expected a column of numbers for an interval; got {name!r}, which has {axis.kind}")
    proofs = _Proofs(_free(view, axis, within, rows), sign, along, max_evaluations)
    whole = proofs.column.whole
    u = axis.locate(view.background[:, view.own(name)])
    u = u[~np.isnan(u)]
    middle = float(np.clip(np.median(u) if len(u) else 0.0, whole.low, whole.high))
    cuts = _cuts(axis, whole.low, whole.high, middle)
    at = cuts.index(middle)
    low = proofs.reach(cuts[at::-1])
    high = proofs.reach(cuts[at:])
    found = low < high
    ends = np.asarray(axis.values(np.array([low, high, whole.low, whole.high])), dtype=np.float64).tolist()
    return Direction(
        column=name,
        sign=sign,
        low=ends[0] if found else None,
        high=ends[1] if found else None,
        limits=(ends[2], ends[3]),
        share=float(((u >= low) & (u <= high)).mean()) if found and len(u) else 0.0,
        evaluations=proofs.evaluations,
    )


def _cuts(axis: Axis, low: float, high: float, middle: float) -> list[float]:
    """Return the ascending ends of the parts in which a direction is tested, knots included."""
    inside = [knot for knot in axis.knots[1:-1] if low < knot < high]
    return sorted({*np.linspace(low, high, CELLS + 1).tolist(), *inside, middle})


def _free(view: ModelView, axis: NumberAxis, within: Any, rows: Rows | None) -> Slope:
    """Return the slope along a column that moves within its limits, or its range in training."""
    if within is None or (isinstance(within, Mapping) and axis.name not in within):
        if axis.low is None or axis.high is None:
            raise ValueError(
                f"expected limits of {axis.name!r}, as its range in training is unknown; got none"
            )
        within = {**(within or {}), axis.name: (axis.low, axis.high)}
    return slope_in(view, axis.name, within, rows)[0]


class _Proofs:
    """Proofs of a direction in parts of a column's interval."""

    def __init__(self, slope: Slope, sign: int, along: Along, max_evaluations: int) -> None:
        self.slope, self.sign, self.along = slope, sign, along
        self.max_evaluations, self.evaluations = max_evaluations, 0

    @property
    def column(self) -> Free:
        """The column with its whole interval."""
        return next(column for column in self.slope.region.free if column.place == self.slope.place)

    def reach(self, cuts: list[float]) -> float:
        """Return the last coordinate, up or down, to which a direction holds from the first one."""
        here = cuts[0]
        for end in cuts[1:]:
            if not self._holds(here, end):
                return self._refined(here, end)
            here = end
        return here

    def _refined(self, here: float, end: float) -> float:
        for _ in range(REFINED):
            middle = (here + end) / 2
            if self._holds(here, middle):
                here = middle
            else:
                end = middle
        return here

    def _holds(self, one: float, other: float) -> bool:
        region, place = self.slope.region, self.slope.place
        low, high = sorted((one, other))
        if self.along(low, high)[0 if self.sign > 0 else 1]:
            return True
        part = replace(self.column, whole=self.column.whole._replace(low=low, high=high))
        free = [part if column.place == place else column for column in region.free]
        slope = Derivative(Region(region.view, free, region.u), place)
        proven, _, evaluations = is_proven(slope, self.sign, self.max_evaluations)
        self.evaluations += evaluations
        return proven


def usual_limits(view: ModelView, share: float) -> dict[str, Any]:
    """Return limits of every column that contain the background; see :meth:`Certificate.usual`."""
    if not (isinstance(share, Real) and 0 < share <= 1):
        raise ValueError(f"expected share of the background in (0, 1]; got {shown(share)}")
    found: dict[str, Any] = {}
    for axis in view.axes:
        u = axis.locate(view.background[:, view.own(axis.name)])
        known, gap = u[~np.isnan(u)], np.isnan(u).any()
        if isinstance(axis, LevelsAxis):
            values = axis.values(np.unique(known))
            found[axis.name] = [None if value == MISSING else value for value in values]
        elif isinstance(axis, NumberAxis) and len(known):
            ends = np.quantile(known, [(1 - share) / 2, (1 + share) / 2])
            limits = tuple(np.asarray(axis.values(ends), dtype=np.float64).tolist())
            found[axis.name] = (*limits, None) if gap else limits
    return found
