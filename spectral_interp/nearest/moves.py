"""The cost of a change of a column, and the directions of a column from its cheapest value.

From the cheapest value u of a set (see :mod:`..boxes.limits`), a column moves towards its *ends*: the knots
and ends of its interval, the gap, or other levels. Its matrix at any value of the set is
``D(u) + Σ_i t_i R_i`` with the matrices ``R_i = (D(end_i) − D(u)) / cost_i`` per unit of cost,
``0 <= t_i <= cost_i``, and ``Σ_i t_i`` the cost of the change, since D and the cost are affine between two
knots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from typing_extensions import override

from .._common.arrays import FloatArray
from ..boxes.about import differs
from ..boxes.limits import Free, FreeDate, FreeLevels, FreeNumber, Span
from ..view import DateAxis

NORMS = ("scaled l1", "l2", "columns")


@dataclass(frozen=True)
class Norm:
    """The cost of changes: one of :data:`NORMS`.

    A change of a number or date costs the distance of its coordinates, in standard deviations; a change of
    level, or from or to a gap, costs 1. With "columns" every change costs 1.
    """

    name: str

    @property
    def flat(self) -> bool:
        """Whether every change of a column costs 1."""
        return self.name == "columns"

    def costs(self, columns: Sequence[Free], start: FloatArray, u: FloatArray) -> FloatArray:
        """Return the columns' costs, (m, free), of changes from ``start`` (free,) to ``u`` (m, free)."""
        moved = differs(u, start)
        if self.flat:
            return moved.astype(np.float64)
        plain = np.array([not isinstance(column, FreeLevels) for column in columns], dtype=bool)
        return np.where(plain & ~np.isnan(u - start), np.abs(u - start), moved)

    def total(self, costs: FloatArray) -> FloatArray:
        """Return the totals of the columns' costs (…, free)."""
        return np.linalg.norm(costs, axis=-1) if self.name == "l2" else costs.sum(axis=-1)

    def joined(self, cost: float, more: FloatArray | float) -> FloatArray | float:
        """Return the least total of a cost and of an addition in other columns, or beyond it."""
        return np.hypot(cost, more) if self.name == "l2" else cost + more

    def rest(self, cost: float, total: float) -> float:
        """Return the rest of a total after a cost: the inverse of :meth:`joined`."""
        return np.sqrt(max(total**2 - cost**2, 0.0)) if self.name == "l2" else max(total - cost, 0.0)


class Moves(NamedTuple):
    """The changes of a column within a set.

    Attributes
    ----------
    cost : float
        Least cost of a value of the set.
    u : ndarray, shape (b,)
        The node of that cost; several if all nodes cost the same.
    ends : ndarray, shape (m,)
        Ends of the directions from ``u[0]``.
    caps, least : ndarray, shape (m,)
        Cost of a change to the end, and least cost of any change in that direction.
    """

    cost: float
    u: FloatArray
    ends: FloatArray
    caps: FloatArray
    least: FloatArray


def moves(column: Free, part: Span | tuple[float, ...], start: float, *, flat: bool) -> Moves:
    """Return the changes of a column within a set, from its value ``start``."""
    nodes, none = column.nodes(part), np.empty(0)
    if flat or np.isnan(start) or not isinstance(part, Span):
        if not contains(part, start):
            return Moves(1.0, nodes, none, none, none)
        ends = nodes[differs(nodes, start)]
        return Moves(0.0, np.array([start]), ends, np.ones(len(ends)), np.ones(len(ends)))
    if not part.value:
        return Moves(1.0, nodes, none, none, none)
    base = min(max(start, part.low), part.high)
    ends = nodes[~np.isnan(nodes) & (nodes != base)]
    caps = np.abs(ends - base)
    least = np.minimum(first_steps(column, base, ends), caps)
    if part.gap:
        ends, caps, least = np.append(ends, np.nan), np.append(caps, 1.0), np.append(least, 1.0)
    return Moves(abs(base - start), np.array([base]), ends, caps, least)


def contains(part: Span | tuple[float, ...], u: float) -> bool:
    """Return whether a set contains a coordinate."""
    if isinstance(part, Span):
        return part.gap if np.isnan(u) else part.value and part.low <= u <= part.high
    return not differs(np.array(part, dtype=np.float64), u).all()


def clipped(part: Span | tuple[float, ...], u: float) -> float:
    """Return the coordinate in an interval nearest to ``u``; NaN for levels and for the gap alone."""
    if not isinstance(part, Span) or not part.value or np.isnan(u):
        return np.nan
    return min(max(u, part.low), part.high)


def near(column: Free, part: Span | tuple[float, ...], u: float, reach: float) -> Span | tuple[float, ...]:
    """Return the part of an interval within a distance of a coordinate; whole ends stay whole."""
    if not isinstance(part, Span) or isinstance(column.axis, DateAxis):
        return part
    low, high = u - reach, u + reach
    if isinstance(column, FreeWhole):
        values = np.asarray(column.axis.values(np.array([low, high])), dtype=np.float64)
        ends = np.array([np.floor(values[0]), np.ceil(values[1])])
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = np.where(np.isfinite(ends), column.axis.coordinates(ends), [low, high]).tolist()
    return part._replace(low=max(part.low, low), high=min(part.high, high))


def first_steps(column: Free, base: float, ends: FloatArray) -> FloatArray:
    """Return the least cost of a change from a base towards ends (m,): 0 unless values are whole."""
    if isinstance(column, FreeWhole):
        value = np.rint(column.axis.values(np.array([base])))
        steps = np.abs(column.axis.coordinates(value + np.array([-1.0, 1.0])) - base)
        return np.where(ends < base, *np.nan_to_num(steps, nan=0.0, posinf=0.0))
    if isinstance(column.axis, DateAxis) and not column.axis.time:
        return np.full(len(ends), (1 - 1e-9) / column.axis.scale)
    return np.zeros(len(ends))


class FreeWhole(FreeNumber):
    """A whole number: a :class:`Span` between two of them."""

    def _whole(self, part: Span) -> FloatArray:
        return np.rint(self.axis.values(np.array([part.low, part.high])))

    @override
    def halves(self, part: Span, scores: FloatArray) -> list[Span]:
        if part.gap or not part.value:
            return super().halves(part, scores)
        low, high = self._whole(part)
        if low == high:
            return []
        ends = self.axis.coordinates(np.floor((low + high) / 2) + np.arange(2)).tolist()
        return [part._replace(high=ends[0]), part._replace(low=ends[1])]

    @override
    def middle(self, part: Span) -> float:
        return float(legal(self, np.array([super().middle(part)]))[0])

    @override
    def near(self, u: float, reach: float) -> FloatArray:
        return legal(self, super().near(u, reach))

    @override
    def values(self, u: FloatArray) -> list[float]:
        return np.rint(super().values(u)).tolist()


def legal(column: Free, u: FloatArray) -> FloatArray:
    """Return the coordinates (m,) of the nearest legal values: within the interval, whole if required."""
    if isinstance(column, FreeLevels):
        return u
    low, high = column.whole.low, column.whole.high
    if isinstance(column, FreeWhole):
        u = column.axis.coordinates(np.rint(column.axis.values(u)))
    elif isinstance(column, FreeDate):
        u = column.legal(u)
    return np.clip(u, low, high)
