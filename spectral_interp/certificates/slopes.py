"""Slopes along the columns: bounds for every input, with proofs.

Along the number u of a column, with the other columns fixed, the matrix of every neuron n is piecewise
linear. On segment s of the column, and on segment t_q of every pair q that the column is in, its slope is

    S_s + Σ_q κ_q T_{q,t} / scale_q,    S_s = (A_{m+1} − A_m) / (g_{m+1} − g_m),

with the matrices A and knots g of the column's hats; T is the same for a pair's hats, and κ is the sign of
the column in the pair's input (1 if the column comes first). A number without knots has one segment, S = A_i.

- *Interval of a slope* (Hellmann–Feynman, Rayleigh): ``∂f/∂u = Σ_n v_nᵀ(S_s + Σ_q …)v_n`` lies between the
  sums over the neurons of λ_min and of λ_max of the matrices; the interval of a segment of the column is the
  least and the largest of these over all choices of the pairs' segments. All these choices are possible,
  since a pair's input takes every value as its other column does. If there are many pairs, their separate
  extremes are added, since ``λ_min(X + Y) >= λ_min(X) + λ_min(Y)`` (Weyl).
- *Steps*: if u rises by h, the change of the matrix is h times a mean of slopes along the step, and λ_min of
  a mean is at least the mean of λ_min, as λ_min is concave. So a step of h changes f by at least h times the
  least slope along the step, and by at most h times the largest.
- *Other changes* (Weyl): a change of a level, or of a part of a date, adds the same matrix D to A for any
  values of the other columns, and changes f by at least ``Σ_n λ_min(D)`` and at most ``Σ_n λ_max(D)``. A
  missing value replaces the median, so pairs do not change, and D is the matrix of its indicator.
- *Directions*: f never falls along u if no segment's interval contains a negative number. A sign within the
  rounding of the interval is tested exactly (see :mod:`.signs`): if S and every T are positive semidefinite,
  so are all their sums.
- *Orders of levels*: if ``A_b − A_a`` is positive semidefinite for the levels a and b, f never falls as a
  column goes from a to b, for any values of the other columns. A chain of these steps through all levels is
  an order in which f never falls. The traces ascend along it, ``tr A_a <= tr A_b``, so only the order of the
  traces has to be tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._common.arrays import FloatArray
from .._common.caching import cached_property
from ..boxes.segments import Forms, bounds_of, covered, pair_slopes, pairs_of, slope_matrices
from ..pencil.neurons import Neurons
from ..view import Axis, LevelsAxis, ModelView
from ..view.axes import MISSING
from ..view.hats import segments
from ..view.levels import OTHER
from .signs import proven_directions

CLEAR = 1e-12
"""Least eigenvalue of an increment that is positive beyond rounding, relative to its entries."""


def input_slopes(view: ModelView) -> list[tuple[FloatArray, list[FloatArray]]]:
    """Return the slope matrices (m, N, E) of every input, one per segment, and those of its pairs."""
    neurons, found = view.function.neurons, []
    for place, axis in enumerate(view.axes):
        own = view.own(axis.name)
        values = max(len(axis.knots), 1)
        value = slope_matrices(neurons, own, axis.knots) if axis.knots else _rows(neurons, own.start)
        found.append((value, pair_slopes(view, place)))
        found += [(_rows(neurons, i), []) for i in range(own.start + values, own.stop)]
    return found


def _rows(neurons: Neurons, feature: int) -> FloatArray:
    return neurons.entries[1 + feature : 2 + feature]


@dataclass(frozen=True, eq=False)
class Response:
    """Proven bounds for m changes of a column: a unit of its number on every segment, or named changes."""

    view: ModelView
    axis: Axis

    @cached_property
    def bounds(self) -> Forms:
        """Bounds of the change of f."""
        neurons, axis = self.view.function.neurons, self.axis
        if axis.knots:
            own = slope_matrices(neurons, self.view.own(axis.name), axis.knots)
        else:
            own = neurons.steps(self.view.steps(axis.name, self._steps))
        rate = self._rates[:, None, None, None]
        return bounds_of(neurons, own, [rate * part for part in pair_slopes(self.view, self._place)])

    def directions(self, at: int) -> tuple[bool, bool]:
        """Return whether f is proven never to fall in a change, and never to rise."""
        bounds, view = self.bounds, self.view
        own = view.steps(self.axis.name, self._steps[[at]])
        rate = self._rates[at]
        pairs = [_up(view, view.pair_own[q], np.sign(rate * by)) for q, by in pairs_of(view, self._place)]
        parts = np.concatenate([own, *pairs]) if rate else own
        ends = float(bounds.low[at]), float(bounds.high[at])
        return proven_directions(view.function, parts, *ends, float(bounds.size[at]))

    def monotone(self, at: int) -> int:
        """Return 1 or −1 if the direction of f in a change is proven; 0 if not, or if nothing changes."""
        return _verdict([self.directions(at)])

    @property
    def monotone_in_all(self) -> int:
        """The same for all changes together."""
        return _verdict([self.directions(at) for at in range(len(self._steps))])

    def along(self, start: float, end: float) -> tuple[bool, bool]:
        """Return whether f is proven never to fall, and never to rise, from ``start`` to ``end``."""
        if isinstance(self.axis, LevelsAxis):
            levels = [int(start), int(end)]
            up, down = (ascending(self.view, self.axis.name, order) for order in (levels, levels[::-1]))
            return up, down
        low, high = np.array([start]), np.array([end])
        some = np.flatnonzero(covered(self.axis.knots, low, high, low == high)[0]).tolist()
        up, down = (all(way) for way in zip(*map(self.directions, some), strict=True))
        return up, down

    @cached_property
    def _steps(self) -> FloatArray:
        """Steps of the column's own features, (m, f), on the scale of the bounds."""
        if not self.axis.knots:
            return self.axis.directions().steps
        count = len(self.axis.knots)
        return np.eye(count - 1, self.axis.n_features, 1) - np.eye(count - 1, self.axis.n_features)

    @property
    def _rates(self) -> FloatArray:
        """Change of the column's number in every step, (m,)."""
        if self.axis.knots:
            return np.ones(len(self.axis.knots) - 1)
        return self._steps[:, 0] * self.axis.continuous

    @property
    def _place(self) -> int:
        return self.view.columns.index(self.axis.name)


def _up(view: ModelView, own: slice, sign: float) -> FloatArray:
    """Return the steps from every knot of a pair to the next, times a sign, as changes of all features."""
    count = own.stop - own.start
    steps = np.zeros((count - 1, len(view.features)))
    steps[:, own] = sign * (np.eye(count - 1, count, 1) - np.eye(count - 1, count))
    return steps


def _verdict(directions: Sequence[tuple[bool, bool]]) -> int:
    """Return 1 if f never falls in any change and rises in one, −1 if the reverse is true, 0 otherwise."""
    up, down = (all(way) for way in zip(*directions, strict=True))
    return int(up) - int(down)


def observed_in_segments(slopes: FloatArray, u: FloatArray, knots: Sequence[float]) -> dict[str, list[Any]]:
    """Return the number of rows in every segment of a column, and the range of their slopes, as lists.

    Parameters
    ----------
    slopes, u : ndarray, shape (n,)
        Derivatives and coordinates of the column; NaN if it has no value.
    knots : sequence of float
        Empty for one segment.
    """
    there = ~np.isnan(u)
    place = segments(u[there], knots)[0] if len(knots) else np.zeros(there.sum(), dtype=np.intp)
    groups = [slopes[there][place == at] for at in range(max(len(knots) - 1, 1))]
    return {"rows": [len(group) for group in groups]} | {
        f"observed_{f.__name__}": [float(f(group)) if len(group) else float("nan") for group in groups]
        for f in (np.min, np.median, np.max)
    }


def keeps(view: ModelView, name: str, sign: int, levels: Sequence[int] = ()) -> bool:
    """Return whether f clearly never falls as a number rises (sign -1: never rises), or along some levels.

    It is sufficient that every increment of every neuron is positive semidefinite beyond rounding, or zero;
    for a number, the increments of its pairs are included. The time is proportional to the number of
    coefficients, also for an untrusted file. :func:`~spectral_interp.certify` proves more directions, in
    exact arithmetic.
    """
    axis, entries = view.axis(name), view.function.neurons.entries[1:]
    own = view.own(name)
    if levels:
        return _climb(view, entries[[own.start + place for place in levels]])
    if not axis.sloped:
        return False
    zero = np.zeros_like(entries[:1])
    knots = entries[own.start : own.start + len(axis.knots)]
    parts = [(sign, knots if axis.knots else np.concatenate([zero, entries[own.start : own.start + 1]]))]
    for at, rate in pairs_of(view, view.columns.index(name)):
        parts.append((int(sign * np.sign(rate)), entries[view.pair_own[at]]))
    return all(_climb(view, own_sign * nodes) for own_sign, nodes in parts)


def _climb(view: ModelView, nodes: FloatArray) -> bool:
    """Return whether every increment of the matrices (m, N, E) is clearly positive semidefinite or zero."""
    rises, size = np.diff(nodes, axis=0), np.abs(nodes).max(axis=2)
    least, _ = view.function.neurons.extremes(rises)
    clear = least >= CLEAR * np.maximum(size[1:], size[:-1])
    return bool((clear | (rises == 0).all(axis=2)).all())


def ascending(view: ModelView, name: str, levels: Sequence[int]) -> bool:
    """Return whether f is proven never to fall from any level to a later one; levels are given by index."""
    one = np.eye(view.axis(name).n_features)
    steps = view.steps(name, np.diff(one[list(levels)], axis=0))
    bounds = bounds_of(view.function.neurons, view.function.neurons.steps(steps), [])
    return all(
        proven_directions(view.function, step[None], *map(float, ends))[0]
        for step, *ends in zip(steps, bounds.low, bounds.high, bounds.size, strict=True)
    )


def order_of_levels(view: ModelView, axis: Axis) -> dict[str, str]:
    """Return the "order" of a column's levels in which f is proven never to fall; empty if there is none.

    It includes "missing" and "other" if the order can be proven with them; " = " separates two equal levels.
    """
    if not isinstance(axis, LevelsAxis):
        return {}
    own = view.own(axis.name)
    neurons = view.function.neurons
    entries = neurons.entries[1 + own.start : 1 + own.stop]
    traces = entries[..., : neurons.structure.dim].sum(axis=(1, 2))
    for left_out in ((), (MISSING,), (OTHER,), (MISSING, OTHER)):
        names = [name for name in axis.levels if name not in left_out]
        places = sorted((axis.levels.index(name) for name in names), key=lambda place: traces[place])
        apart = len(places) > 1 and bool((entries[places] != entries[places[0]]).any())
        if apart and ascending(view, axis.name, places):
            same = (np.diff(entries[places], axis=0) == 0).all(axis=(1, 2))
            signs = [" = " if equal else " ≤ " for equal in same.tolist()]
            ordered = [axis.levels[place] for place in places]
            return {"order": "".join(map("".join, zip(ordered, [*signs, ""], strict=True)))}
    return {}
