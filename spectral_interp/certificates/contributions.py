"""Bounds of the change of f, and of contributions, as one column changes, with proofs.

If column c goes from r to x, the matrix of every neuron changes by ``M(x) − M(r)`` for the column's own
features, and by ``P(x, e) − P(r, e)`` for every pair, where e is the value of the pair's other column.

- *Change*: the change of f lies between ``Σ_n λ_min`` and ``Σ_n λ_max`` of this change at the worst e (Weyl).
  With knots g, the difference of a pair's hats at ``a_x + s`` and ``a_r + s`` is a piecewise linear function
  of the shift s that e causes. Its breaks are where one of the two arguments is at a knot; beyond the
  outermost breaks, both are on the same end segment and the difference is constant. ``Σ_n λ_min`` is concave
  and ``Σ_n λ_max`` convex in the matrices, so the worst s is a break. If several pairs have more than
  :data:`JOINT` choices of breaks, their separate extremes are added (Weyl).
- *Step of one* from u to u + 1: the change of the matrix of the column's own features is a piecewise linear
  function of u. Its breaks are where u or u + 1 is at a knot, and it is constant beyond the outermost breaks.
  So the worst u is a break too. The term of a pair depends on u + s alone, and is taken at its own worst
  shift.
- *Contribution*: let Δ_b be the change matrix of the column from the background row b to the row (see
  :mod:`spectral_interp.attribution.changes`): the change from its own features, and half of
  ``P(x, r_e) − P(r_c, r_e)`` and of ``P(x, x_e) − P(r_c, x_e)``. A path contribution is a mean over b of
  means of ``Σ_n vᵀΔ_b v`` along the path, so it lies between the means of ``Σ_n λ_min(Δ_b)`` and
  ``Σ_n λ_max(Δ_b)`` (Rayleigh). A local contribution is ``Σ_n vᵀΔv`` with the mean Δ of all Δ_b. The row's
  x_e is unknown, so its half is taken at the worst shift, as above. A Shapley value is a mean over b of means
  of changes of f as the column changes, with each of the other columns from the row or the background. The
  bounds hold for each of these changes.
- *Between nodes*: for many values of a number, the bounds are computed at :data:`NODES` of them. From the
  nearest node on either side, at a distance h, the contribution moves by at least h times the least slope of
  the column and by at most h times the largest; half a pair's slope at each of two places is a mean of such
  slopes. The tighter of the two sides counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._common.arrays import FloatArray
from ..boxes.segments import choices, pairs_of
from ..view import ModelView
from ..view.hats import hats, mean_hats
from .slopes import Response

JOINT = 16
"""Maximum number of choices of breaks of several pairs tried together."""

NODES = 65
"""Number of values of a column with knots or pairs at which bounds are computed; slopes give the rest."""

ENTRIES = 2**22
"""Maximum number of matrix entries held at a time."""

HALVED = {"local": True, "path": True, "shapley": False}
"""Methods whose contributions are bounded here; whether they split every pair in halves."""


class Move:
    """Changes of a column from reference rows to values, and bounds of their effects on f.

    Parameters
    ----------
    view : ModelView
    column : str
    background : ndarray, shape (b, p)
        Reference rows. The bounds are those of the mean of the change matrices over all of them.
    halved : bool
        Whether half of a pair's change is taken at the reference's value of the other column, and half at any
        value; otherwise all of it is taken at any value.
    """

    def __init__(self, view: ModelView, column: str, background: FloatArray, *, halved: bool) -> None:
        self.view, self.column, self.halved = view, column, halved
        self.axis, self.own, self.background = view.axis(column), view.own(column), background
        self.pairs = list(pairs_of(view, view.columns.index(column)))

    def ranges(self, there: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the bounds of the change to features (m, f) of the column: two arrays of shape (m,)."""
        steps = self.view.steps(self.column, there - self.background[:, self.own].mean(axis=0))
        if not self.pairs:
            return self.view.function.step_range(steps)
        low, high = np.empty(len(there)), np.empty(len(there))
        for some in self._chunks(len(there)):
            low[some], high[some] = self._with_pairs(there[some], steps[some])
        return low, high

    def _chunks(self, count: int) -> Iterator[slice]:
        breaks = max(len(self.view.pairs[at].knots) for at, _ in self.pairs) * (len(self.background) + 1)
        _, neurons, entries = self.view.function.neurons.entries.shape
        together = max(1, ENTRIES // (neurons * entries * max(breaks, JOINT)))
        for start in range(0, count, together):
            yield slice(start, start + together)

    def _with_pairs(self, there: FloatArray, steps: FloatArray) -> tuple[FloatArray, FloatArray]:
        neurons, view = self.view.function.neurons, self.view
        u, r = (self.axis.positions(rows) for rows in (there, self.background[:, self.own]))
        parts, share = [], 0.5 if self.halved else 1.0
        for at, rate in self.pairs:
            own, knots = view.pair_own[at], view.pairs[at].knots
            change = _worst(rate * u, rate * r, knots)
            features = share * change.reshape(-1, len(knots))
            matrices = neurons.steps(features, own)
            parts.append(matrices.reshape(*change.shape[:2], *matrices.shape[1:]))
            if self.halved:
                steps[:, own] = share * self._at_reference(at, rate, u)
        joint, rest = choices(neurons.steps(steps), parts, JOINT)
        bottom, top = (ends.sum(axis=2) for ends in neurons.extremes(joint))
        low, high = bottom.min(axis=1), top.max(axis=1)
        for part in rest:
            bottom, top = (ends.sum(axis=2) for ends in neurons.extremes(part))
            low, high = low + bottom.min(axis=1), high + top.max(axis=1)
        return low, high

    def _at_reference(self, at: int, rate: float, u: FloatArray) -> FloatArray:
        """Return the mean change of a pair's features, (m, K), with its other column at the reference."""
        pair, view = self.view.pairs[at], self.view
        there = pair.coordinates(*(view.positions(self.background, place) for place in pair.columns))
        r = self.axis.positions(self.background[:, self.own])
        start = hats(there, pair.knots).mean(axis=0)
        return mean_hats(rate * u, there - rate * r, pair.knots) - start


def _worst(x: FloatArray, r: FloatArray, knots: tuple[float, ...]) -> FloatArray:
    """Return the mean change of a pair's hats from r (b,) to x (m,) at all breaks: shape (m, breaks, K)."""
    inner = np.array(knots[1:-1])
    if not len(inner):
        shifts = np.zeros((len(x), 1))
    else:
        fixed = np.unique(inner - r[:, None])
        shifts = np.hstack([inner - x[:, None], np.broadcast_to(fixed, (len(x), len(fixed)))])
    flat = shifts.ravel()
    ends = hats((x[:, None] + shifts).ravel(), knots), mean_hats(flat, r, knots)
    return (ends[0] - ends[1]).reshape(*shifts.shape, len(knots))


def contribution_range(
    view: ModelView, column: str, there: FloatArray, method: str, nodes: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of the contribution of a column at features (m, f): arrays of shape (m,).

    Nodes are ascending coordinates; by default they are spread over those of the features. Raises ValueError
    for a method without proven bounds.
    """
    if method not in HALVED:
        raise ValueError(f"expected method to be one of {', '.join(HALVED)}; got {method!r}")
    axis = view.axis(column)
    u = axis.locate(there)
    values = np.unique(u[~np.isnan(u)])
    bent = axis.knots or list(pairs_of(view, view.columns.index(column)))
    if not axis.sloped or not bent or len(values) <= NODES:
        return _exact(view, column, there, method)
    if nodes is None:
        nodes = values[np.linspace(0, len(values) - 1, NODES).round().astype(np.intp)]
    gap, known = np.flatnonzero(np.isnan(u)), np.flatnonzero(~np.isnan(u))
    ends = _exact(view, column, np.concatenate([axis.place(nodes), there[gap[:1]]]), method)
    at = np.searchsorted(nodes, u[known], side="right") - 1
    sides = np.stack([at, np.minimum(at + 1, len(nodes) - 1)])
    bounds = Response(view, axis).bounds
    ways = (u[known] - nodes[sides])[..., None] * [bounds.low.min(), bounds.high.max()]
    low, high = (np.repeat(end[-1:], len(u)) for end in ends)
    low[known] = (ends[0][sides] + ways.min(axis=2)).max(axis=0)
    high[known] = (ends[1][sides] + ways.max(axis=2)).min(axis=0)
    return low, high


def _exact(view: ModelView, column: str, there: FloatArray, method: str) -> tuple[FloatArray, FloatArray]:
    halved = HALVED[method]
    if method == "local":
        return Move(view, column, view.background, halved=halved).ranges(there)
    ends = [Move(view, column, row[None], halved=halved).ranges(there) for row in view.background]
    low, high = np.array(ends).transpose(1, 2, 0).copy().mean(axis=2)
    return low, high


def ranges_from(
    view: ModelView, column: str, start: FloatArray, there: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of the change of f from features (f,) of a column to others (m, f): (m,) each."""
    row = np.zeros((1, len(view.features)))
    row[:, view.own(column)] = start
    return Move(view, column, row, halved=False).ranges(there)


def change_range(
    view: ModelView, column: str, start: FloatArray, end: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of the change of f from features (m, f) of a column to others (m, f): (m,) each."""
    ends = [ranges_from(view, column, one, other[None]) for one, other in zip(start, end, strict=True)]
    low, high = np.array(ends).reshape(-1, 2).T
    return low, high


def step_range(view: ModelView, column: str) -> tuple[float, float]:
    """Return bounds of the change of f as the number of a column rises by 1, from any value."""
    axis = view.axis(column)
    inner = np.array(axis.knots[1:-1])
    start = np.concatenate([inner, inner - 1]) if len(inner) else np.zeros(1)
    low, high = change_range(view, column, axis.place(start), axis.place(start + 1))
    return float(low.min()), float(high.max())
