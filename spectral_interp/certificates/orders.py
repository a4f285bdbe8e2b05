"""Directions of whole columns: numbers along which f never falls or never rises, and orders of levels.

If ``A_b − A_a`` is positive semidefinite for the levels a and b, f never falls as a column goes from a to b,
whatever the others are. A chain of such steps is an order of all its levels, since f falls in none. The
traces then ascend, ``tr A_a <= tr A_b``: there is no other order to try than theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..view import Axis, LevelsAxis, ModelView
from ..view.levels import OTHER
from .signs import proven_directions
from .slopes import Response, bounds_of


def never_falls(view: ModelView, name: str, sign: int = 1) -> bool:
    """Return whether f is proven never to fall as a number rises, or with the sign -1 never to rise."""
    response = Response(view, view.axis(name))
    place = 0 if sign > 0 else 1
    return all(response.directions(at)[place] for at in range(len(response.bounds.low)))


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

    All levels but "missing" are in it, and "other" where it fits in; " = " stands between two that are equal.
    """
    if not isinstance(axis, LevelsAxis):
        return {}
    own = view.own(axis.name)
    neurons = view.function.neurons
    entries = neurons.entries[1 + own.start : 1 + own.stop]
    traces = entries[..., : neurons.structure.dim].sum(axis=(1, 2))
    for names in ((*axis.own, OTHER) if OTHER in axis.levels else axis.own, axis.own):
        places = sorted((axis.levels.index(name) for name in names), key=lambda place: traces[place])
        apart = len(places) > 1 and bool((entries[places] != entries[places[0]]).any())
        if apart and ascending(view, axis.name, places):
            same = (np.diff(entries[places], axis=0) == 0).all(axis=(1, 2))
            signs = [" = " if equal else " ≤ " for equal in same.tolist()]
            names = [axis.levels[place] for place in places]
            return {"order": "".join(map("".join, zip(names, [*signs, ""], strict=True)))}
    return {}
