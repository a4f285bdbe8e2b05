"""Regions of a table: a set of permitted values for every column, and the matrices there.

A *set* of a column is an interval of its coordinate, the gap, or both; or some levels. Sets can be halved.
The features of a set are in the convex hull of those at its *nodes*: the ends, the knots between them and the
gap, or the levels. A date is the sum of elapsed time and the parts of the calendar, each in the hull of its
own nodes. A *box* has a set of every free column.

The input of a pair moves with its two columns. Its matrix is the sum of a secant and a bend. The secant is
linear in the two columns and is added to their nodes. The bend, the deviation from the secant at the knots
inside, is a part with its own nodes, and is zero at the ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, padded
from .._common.messages import shown
from ..view import Axis, DateAxis, LevelsAxis, ModelView, NumberAxis, Pair, Rows
from ..view.axes import MISSING
from ..view.dates import DAY
from ..view.hats import hats

YEAR = 366
"""Number of days that contain every month, weekday and hour."""

SHORT = 1 / 48
"""Length, in days, of an interval in which at most one hour begins, so the calendar changes at most once."""

EARLY = 2e-3 / DAY
"""Time, in days, before a full hour at which rounding may already give that hour."""

STEPS = np.array([-1.0, -0.3, -0.1, -0.03, -0.01, 0.01, 0.03, 0.1, 0.3, 1.0])
"""Steps of a number that a search tries, as fractions of its interval."""

Box = tuple[Any, ...]


class Span(NamedTuple):
    """Coordinates from low to high, unless ``value`` is false, plus the gap if ``gap`` is true.

    For dates, ``kind`` is the coordinate of one of them, if all of them have its month, weekday and hour.
    """

    low: float
    high: float
    gap: bool = False
    value: bool = True
    kind: float | None = None


@dataclass(frozen=True)
class Free(ABC):
    """A column that moves.

    Attributes
    ----------
    place : int
        Index of the column among the axes.
    axis : Axis
    whole : Span or tuple of int
        The set of its permitted values.
    ends : tuple
        Its least and largest value in the table's unit; empty for levels and gaps alone.
    """

    place: int
    axis: Axis
    whole: Any
    ends: tuple[Any, ...] = ()

    @abstractmethod
    def nodes(self, part: Any) -> FloatArray:
        """Return the coordinates of the nodes of a set, (a,); NaN for the gap."""

    @abstractmethod
    def halves(self, part: Any, scores: FloatArray) -> list[Any]:
        """Return the two halves of a set, by scores (a,) of its nodes; none if it cannot be halved."""

    @abstractmethod
    def middle(self, part: Any) -> float:
        """Return the coordinate of a legal value in the middle of a set."""

    @abstractmethod
    def near(self, u: float, reach: float) -> FloatArray:
        """Return coordinates of legal values (m,) near ``u``; ``reach`` is a share of the interval."""

    @abstractmethod
    def values(self, u: FloatArray) -> list[Any]:
        """Return the values at coordinates (m,) in the table's unit, never beyond the limits."""

    def features(self, parts: Sequence[Any]) -> list[FloatArray]:
        """Return the features of the nodes of n sets, (n, a, f), of every summand; nodes may repeat.

        The first summand has the coordinate, and its nodes are those of :meth:`nodes`.
        """
        u = padded([self.nodes(part) for part in parts])
        return [self.axis.place(u.ravel()).reshape(*u.shape, -1)]


class FreeNumber(Free):
    """A number: a :class:`Span`, halved at a knot if there is one inside."""

    @override
    def nodes(self, part: Span) -> FloatArray:
        found = [part.low, *self._inside(part), part.high] if part.value else []
        return np.array([*found, np.nan] if part.gap else found)

    def _inside(self, part: Span) -> list[float]:
        return [knot for knot in self.axis.knots[1:-1] if part.low < knot < part.high]

    @override
    def halves(self, part: Span, scores: FloatArray) -> list[Span]:
        if part.gap and part.value:
            return [part._replace(gap=False), part._replace(value=False)]
        middle = (part.low + part.high) / 2
        if not part.value or not part.low < middle < part.high:
            return []
        middle = min(self._inside(part), key=lambda knot: abs(knot - middle), default=middle)
        return [part._replace(high=middle), part._replace(low=middle)]

    @override
    def middle(self, part: Span) -> float:
        return (part.low + part.high) / 2 if part.value else np.nan

    @override
    def near(self, u: float, reach: float) -> FloatArray:
        low, high, gap, value, _ = self.whole
        if not value:
            return np.array([np.nan])
        start = (low + high) / 2 if np.isnan(u) else u
        found = np.clip(start + reach * (high - low) * STEPS, low, high)
        return np.array([*found, np.nan] if gap else found)

    @override
    def values(self, u: FloatArray) -> list[Any]:
        values = np.asarray(self.axis.values(u), dtype=np.float64)
        return (np.clip(values, *self.ends) if self.ends else values).tolist()


class FreeDate(FreeNumber):
    """A date: a :class:`Span` of whole days, or of moments if the model has times of day."""

    axis: DateAxis

    @override
    def features(self, parts: Sequence[Span]) -> list[FloatArray]:
        found, start = super().features(parts), 1
        found[0][..., 1 : self.axis.value_features] = 0.0
        calendars = [self._calendar(part) for part in parts] if self.axis.shares else []
        for shares in self.axis.shares.values():
            own = slice(start, start + int(np.count_nonzero(shares)))
            kinds = padded([np.unique(rows[:, own], axis=0) for rows in calendars])
            block = np.zeros((*kinds.shape[:2], self.axis.n_features))
            block[..., own] = kinds
            found.append(block)
            start = own.stop
        return found

    def _calendar(self, part: Span) -> FloatArray:
        """Return the features at all days, or hours, of a set, up to a year: (m, f)."""
        u = [np.nan] if part.gap else []
        if part.kind is not None:
            u = [part.kind, *u]
        elif part.value:
            low, high = self._days(part).tolist()
            high, unit = min(high, low + YEAR), 1 / 24 if self.axis.time else 1.0
            days = [low, *np.arange(np.floor(low / unit) + 1, np.ceil(high / unit)) * unit, high]
            u = [*self._coordinates(np.array(days)), *u]
        return self.axis.place(np.array(u))

    def _days(self, part: Span) -> FloatArray:
        days = self.axis.drawn(np.array([part.low, part.high]))
        return days if self.axis.time else np.rint(days)

    def _coordinates(self, days: FloatArray) -> FloatArray:
        return (days - self.axis.mean) / self.axis.scale

    @override
    def halves(self, part: Span, scores: FloatArray) -> list[Span]:
        if part.gap or not part.value:
            return super().halves(part, scores)
        low, high = self._days(part)
        if self.axis.time:
            ends = self.axis.place(np.array([part.low, part.high]))[:, 1 : self.axis.value_features]
            if part.kind is None and high - low <= SHORT and (ends[0] != ends[1]).any():
                hour = self._coordinates(np.ceil(24 * low) / 24 - np.array([0.0, EARLY]))
                before, after = np.clip(hour, part.low, part.high).tolist()
                return [part._replace(high=before, kind=part.low), part._replace(low=after, kind=part.high)]
            return super().halves(part, scores)
        if low == high:
            return []
        days = self._coordinates(np.floor((low + high) / 2) + np.arange(2)).tolist()
        return [part._replace(high=days[0]), part._replace(low=days[1])]

    @override
    def middle(self, part: Span) -> float:
        return float(self.legal(np.array([super().middle(part)]))[0])

    @override
    def near(self, u: float, reach: float) -> FloatArray:
        return self.legal(super().near(u, reach))

    @override
    def values(self, u: FloatArray) -> list[Any]:
        return list(self.axis.values(u))

    def legal(self, u: FloatArray) -> FloatArray:
        """Return the coordinates (m,) of whole days, unless the model has times of day."""
        if self.axis.time:
            return u
        return np.clip(self._coordinates(np.rint(self.axis.drawn(u))), self.whole.low, self.whole.high)


class FreeLevels(Free):
    """Levels: a tuple of their indices, halved by scores."""

    @override
    def nodes(self, part: tuple[int, ...]) -> FloatArray:
        return np.array(part, dtype=np.float64)

    @override
    def halves(self, part: tuple[int, ...], scores: FloatArray) -> list[tuple[int, ...]]:
        if len(part) < 2:
            return []
        order = [part[at] for at in np.argsort(scores[: len(part)], kind="stable")]
        return [tuple(order[: len(part) // 2]), tuple(order[len(part) // 2 :])]

    @override
    def middle(self, part: tuple[int, ...]) -> float:
        return float(part[len(part) // 2])

    @override
    def near(self, u: float, reach: float) -> FloatArray:
        return np.array(self.whole, dtype=np.float64)

    @override
    def values(self, u: FloatArray) -> list[Any]:
        return [None if value == MISSING else value for value in self.axis.values(u)]


def free_columns(view: ModelView, limits: Any, rows: Rows | None) -> list[Free]:
    """Return the columns that move: those with limits and, if there is no row, all others in their range.

    Raises
    ------
    ValueError
        If a column does not exist, its limits are empty or contain no legal values, or its range in training
        is needed but unknown.
    """
    if not isinstance(limits, Mapping):
        raise ValueError(f"expected limits by column, such as {{'income': (3, 5)}}; got {shown(limits)}")
    given = {view.axis(name).name: limit for name, limit in limits.items()}
    found = []
    for place, axis in enumerate(view.axes):
        if axis.name in given:
            found.append(limited(place, axis, given[axis.name]))
        elif rows is None:
            found.append(anywhere(place, axis))
    return found


def limited(place: int, axis: Axis, limit: Any) -> Free:
    """Return a column within limits in its own unit; a single value fixes it."""
    if getattr(limit, "ndim", 0) > 1:
        raise ValueError(f"expected limits of {axis.name!r} as a list; got an array of shape {limit.shape}")
    many = isinstance(limit, list | tuple | set | frozenset) or getattr(limit, "ndim", 0) == 1
    values = list(limit) if many else [limit]
    if not values:
        raise ValueError(f"expected limits of {axis.name!r}; got none")
    if isinstance(axis, LevelsAxis):
        u = axis.coordinates(axis.checked(values))
        return FreeLevels(place, axis, tuple(dict.fromkeys(int(at) for at in u)))
    ends = [value for value in values if value is not None]
    gap = len(ends) < len(values)
    if gap and axis.gap() is None:
        raise ValueError(f"expected no None for {axis.name!r}, which has no gaps; got {shown(limit)}")
    if len(ends) == 1 and not many:
        ends *= 2
    legal = object if isinstance(axis, DateAxis) else Real
    legible = not isinstance(limit, set | frozenset) and all(isinstance(end, legal) for end in ends)
    u = axis.coordinates(axis.checked(ends)) if ends and legible else np.empty(0)
    if len(u) != len(ends) or len(ends) not in (0, 2) or not np.isfinite(u).all() or (u[1:] < u[:-1]).any():
        raise ValueError(
            f"expected one value of {axis.name!r}, or (low, high) with low <= high, both finite, "
            f"followed by None for a gap; got {shown(limit)}"
        )
    return _number(place, axis, u, tuple(ends), gap=gap)


def anywhere(place: int, axis: Axis) -> Free:
    """Return a column within its range in the training table, with a gap only if training had gaps."""
    if isinstance(axis, LevelsAxis):
        return FreeLevels(place, axis, tuple(range(len(axis.levels))))
    gap = axis.gap() is not None
    if isinstance(axis, DateAxis):
        days = np.array([axis.first, axis.last])
        u = ((days if axis.time else np.floor(days)) - axis.mean) / axis.scale
        return _number(place, axis, u, tuple(axis.values(u)), gap=gap)
    if not isinstance(axis, NumberAxis) or axis.low is None or axis.high is None:
        raise ValueError(
            f"expected limits of {axis.name!r}, or a row, as its range in training is unknown; got neither"
        )
    ends = axis.low, axis.high
    return _number(place, axis, axis.coordinates(ends), ends, gap=gap)


def _number(place: int, axis: Axis, u: FloatArray, ends: tuple[Any, ...], *, gap: bool) -> Free:
    """Return a number or date with the coordinates ``u`` of its ends; without ends, only the gap."""
    kind = FreeDate if isinstance(axis, DateAxis) else FreeNumber
    if len(u):
        return kind(place, axis, Span(float(u[0]), float(u[1]), gap), ends)
    median = float(axis.positions(axis.place(np.array([np.nan])))[0])
    return kind(place, axis, Span(median, median, gap=True, value=False))


class Part(NamedTuple):
    """Terms of nodes that are added to C, (n, a, N, E), and the free columns' shares in them, (n, free)."""

    nodes: FloatArray
    share: FloatArray


class Region:
    """The free columns of a model, and the coordinates of its other columns.

    Coordinates are given for all columns, (c,); those of the free ones are ignored.

    Attributes
    ----------
    at : dict of int to int
        Maps the index of a free column among all columns to its index among the free ones.
    pairs, positions : list of (Pair, slice), dict of int to ndarray, shape (1, 1)
        Pairs with a free column, and their features; the coordinates of their other columns, by index.
    base, size : ndarray, shape (N, E), (N,)
        Matrices without the free columns and these pairs; bound of the terms of every matrix in the region.
    """

    def __init__(self, view: ModelView, free: Sequence[Free], u: FloatArray) -> None:
        self.view, self.free, self.u = view, list(free), u
        self.neurons = view.function.neurons
        self.at = {column.place: at for at, column in enumerate(free)}
        self.pairs = [
            (pair, own)
            for pair, own in zip(view.pairs, view.pair_own, strict=True)
            if self.at.keys() & set(pair.columns)
        ]
        still = view.placed(u[None])
        others = {place for pair, _ in self.pairs for place in pair.columns} - self.at.keys()
        self.positions = {place: view.positions(still, place)[:, None] for place in others}
        for own in (*(view.own(column.axis.name) for column in free), *(own for _, own in self.pairs)):
            still[:, own] = 0.0
        self.base = self.neurons.at(still)[0]
        self.size = self.neurons.terms(self._largest(still))[0]

    @property
    def root(self) -> Box:
        """The whole region as a box."""
        return tuple(column.whole for column in self.free)

    def _largest(self, still: FloatArray) -> FloatArray:
        """Return bounds of the absolute features, (1, p), from those of the columns that do not move."""
        most, nodes = np.abs(still), self._node_positions([self.root])
        for column in self.free:
            own = self.view.own(column.axis.name)
            most[0, own] = sum(np.abs(summand[0]).max(axis=0) for summand in column.features([column.whole]))
        for pair, own in self.pairs:
            low, high, _ = _interval(pair, [nodes[place] for place in pair.columns])
            most[0, own] = np.abs(hats([low[0], high[0]], pair.knots)).max(axis=0).clip(1.0)
        return most

    def pieces(self, nodes: int, most: int) -> list[Box]:
        """Return at most ``most`` boxes that cover the region, halved where numbers have more nodes."""
        found = [self.root]
        for at, column in enumerate(self.free):
            wide = [0] if column.axis.knots else []
            while wide and len(found) < most:
                wide = [i for i, box in enumerate(found) if len(column.nodes(box[at])) > nodes]
                if wide:
                    found += self.halves(found.pop(wide[0]), at, np.empty(0))
        return found

    def halves(self, box: Box, at: int, scores: FloatArray) -> list[Box]:
        """Return the two halves of a box along a column; none if it cannot be halved."""
        halves = self.free[at].halves(box[at], scores)
        return [(*box[:at], half, *box[at + 1 :]) for half in halves]

    def count_nodes(self, box: Box) -> int:
        """Return the number of nodes of all columns, a rough measure of the work for a box."""
        return sum(len(column.nodes(part)) for column, part in zip(self.free, box, strict=True))

    def coordinates(self, u: FloatArray) -> FloatArray:
        """Return the coordinates of all columns, (m, c), from those of the free ones, (m, free)."""
        rows = np.repeat(self.u[None], len(u), axis=0)
        rows[:, [column.place for column in self.free]] = u
        return rows

    def values(self, u: FloatArray) -> FloatArray:
        """Return f at coordinates (m, free) of the free columns: shape (m,)."""
        rows = self.coordinates(u)
        return self.view.values_in_chunks(len(rows), lambda some: self.view.placed(rows[some]))

    def points(self, u: FloatArray, row: npt.NDArray[Any] | None) -> npt.NDArray[np.object_]:
        """Return rows (m, c) in the table's units with the free columns at coordinates (m, free)."""
        found = np.empty((len(u), len(self.view.axes)), dtype=object)
        if row is not None:
            found[:] = row
        for column, own in zip(self.free, u.T, strict=True):
            found[:, column.place] = column.values(own)
        return found

    def pair_ends(self, place: int, boxes: Sequence[Box]) -> list[tuple[FloatArray, FloatArray]]:
        """Return the ends (n,) of the input of every pair that contains a free column, given by its index."""
        nodes = self._node_positions(boxes)
        own = (pair for pair, _ in self.pairs if place in pair.columns)
        return [_interval(pair, [nodes[at] for at in pair.columns])[:2] for pair in own]

    def parts(self, boxes: Sequence[Box]) -> tuple[FloatArray, list[Part]]:
        """Return C (n, N, E) of boxes and its parts, the free columns first."""
        n, eye = len(boxes), np.eye(len(self.free))
        centre = np.repeat(self.base[None], n, axis=0)
        own, calendars = [], []
        for at, column in enumerate(self.free):
            first, *rest = column.features([box[at] for box in boxes])
            features = self.view.own(column.axis.name)
            own.append(self._matrices(first, features))
            calendars += [Part(self._matrices(part, features), np.tile(eye[at], (n, 1))) for part in rest]
        nodes = self._node_positions(boxes)
        bends = [self._add_secant(pair, features, nodes, own, centre) for pair, features in self.pairs]
        columns = [Part(part, np.tile(row, (n, 1))) for part, row in zip(own, eye, strict=True)]
        found = [*columns, *calendars, *(bend for bend in bends if bend is not None)]
        for part in found:
            middle = (part.nodes.max(axis=1) + part.nodes.min(axis=1)) / 2
            centre += middle
            part.nodes[...] -= middle[:, None]
        return centre, found

    def _matrices(self, features: FloatArray, own: slice) -> FloatArray:
        return np.tensordot(features, self.neurons.entries[1 + own.start : 1 + own.stop], axes=1)

    def _node_positions(self, boxes: Sequence[Box]) -> dict[int, FloatArray]:
        """Return the coordinates of the nodes, (n, a) or (1, 1), of all columns that are in pairs."""
        found = dict(self.positions)
        for place in {place for pair, _ in self.pairs for place in pair.columns} - found.keys():
            column = self.free[self.at[place]]
            z = column.features([box[self.at[place]] for box in boxes])[0]
            found[place] = column.axis.positions(z.reshape(-1, z.shape[2])).reshape(z.shape[:2])
        return found

    def _add_secant(
        self,
        pair: Pair,
        own: slice,
        nodes: dict[int, FloatArray],
        columns: list[FloatArray],
        centre: FloatArray,
    ) -> Part | None:
        """Add the secant of a pair to C and to its columns; return the bend, or None."""
        ends = [nodes[place] for place in pair.columns]
        low, high, middles = _interval(pair, ends)
        u = np.column_stack([low, np.clip(np.array(pair.knots[1:-1]), low[:, None], high[:, None]), high])
        matrices = self._matrices(hats(u.ravel(), pair.knots).reshape(*u.shape, -1), own)
        width = (high - low)[:, None, None]
        rise = matrices[:, -1] - matrices[:, 0]
        slope = np.divide(rise, width, out=np.zeros_like(rise), where=width > 0)
        middle = (matrices[:, 0] + matrices[:, -1]) / 2
        centre += middle
        share = np.zeros((len(centre), len(self.free)))
        for place, sign, end, mid in zip(pair.columns, (1.0, pair.sign), ends, middles, strict=True):
            if place in self.at:
                way = sign / pair.scale * (end - mid[:, None])
                columns[self.at[place]] += way[..., None, None] * slope[:, None]
                share[:, self.at[place]] = np.ptp(way, axis=1)
        inner = u[:, 1:-1]
        inside = (inner > low[:, None]) & (inner < high[:, None])
        some = inside.any(axis=0)
        if not some.any():
            return None
        along = (inner - (low + high)[:, None] / 2)[:, some, None, None] * slope[:, None]
        bend = (matrices[:, 1:-1][:, some] - middle[:, None] - along) * inside[:, some, None, None]
        total = share.sum(axis=1, keepdims=True)
        share = np.divide(share, total, out=np.zeros_like(share), where=total > 0)
        return Part(np.concatenate([np.zeros_like(bend[:, :1]), bend], axis=1), share)


def _interval(pair: Pair, ends: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray, list[FloatArray]]:
    """Return the ends of a pair's input, (n,) each, and the middles of its columns, from their nodes."""
    first, second = ((u.min(axis=1), u.max(axis=1)) for u in ends)
    low, high = (pair.coordinates(a, b) for a, b in zip(first, second[:: int(pair.sign)], strict=True))
    return low, high, [(a + b) / 2 for a, b in (first, second)]
