"""Directions of whole columns: numbers along which f never falls or never rises, and orders of levels.

If ``A_b − A_a`` is positive semidefinite for the levels a and b, f never falls as a column goes from a to b,
whatever the others are. A chain of such steps is an order of all its levels, since f falls in none. The
traces then ascend, ``tr A_a <= tr A_b``: there is no other order to try than theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._common.arrays import FloatArray
from ..view import Axis, LevelsAxis, ModelView
from ..view.axes import MISSING
from ..view.levels import OTHER
from .signs import proven_directions
from .slopes import bounds_of, pairs_of

CLEAR = 1e-12
"""Least eigenvalue of an increment that is positive beyond rounding, in units of the entries beside it."""


def keeps(view: ModelView, name: str, sign: int, levels: Sequence[int] = ()) -> bool:
    """Return whether f clearly never falls as a number rises (sign -1: never rises), or along some levels.

    It is enough that every increment of every neuron is positive semidefinite beyond rounding, or zero; of a
    number those of its pairs are among them. The time is in proportion to the number of coefficients, also
    for a file from a stranger, while :func:`~spectral_interp.certify` finds more, in exact arithmetic.
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
    """Return whether matrices (m, N, E) rise from each to the next, clearly or not at all."""
    rises, size = np.diff(nodes, axis=0), np.abs(nodes).max(axis=2)
    least, _ = view.function.neurons.extremes(rises)
    clear = least >= CLEAR * np.maximum(size[1:], size[:-1])
    return bool((clear | (rises == 0).all(axis=2)).all())


def ascending(view: ModelView, name: str, levels: Sequence[int]) -> bool:
    """Return whether f is proven never to fall from any level to a later one, given by their places."""
    one = np.eye(view.axis(name).n_features)
    steps = view.steps(name, np.diff(one[list(levels)], axis=0))
    bounds = bounds_of(view.function.neurons, view.function.neurons.steps(steps), [])
    return all(
        proven_directions(view.function, step[None], *map(float, ends))[0]
        for step, *ends in zip(steps, bounds.low, bounds.high, bounds.size, strict=True)
    )


def order_of_levels(view: ModelView, axis: Axis) -> dict[str, str]:
    """Return the "order" of a column's levels in which f is proven never to fall; nothing if there is none.

    "missing" and "other" are in it where they fit in; " = " stands between two levels that are equal.
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
