"""Shapley values of columns (interventional): exact up to 14 columns, sampled with standard errors beyond.

The game of a row z against background rows b is ``v(S) = mean_b f(z_S, b_{not S})``, and with c players

    φ_i = Σ_{S ∌ i} |S|! (c − |S| − 1)! / c! · (v(S ∪ i) − v(S)),

the mean over all orders of the columns of what i adds to those before it (Shapley 1953). Σ φ_i telescopes to
``v(all) − v(none)``, for all orders and for any sample of them. The table holds ``v(S) − v(none)``, because
the weights of 2^c values cancel a common offset only up to rounding. The matrices of all coalitions are sums
of a few change matrices (see :mod:`.changes`). Values are tabulated for every member of a model.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from .._common.arrays import FloatArray
from .._common.progress import progress
from .._common.text import class_text
from ..eigen.lanes import LANES
from ..pencil import SpectralFunction, Total
from ..pencil.coalitions import coalition_values as eigenvalues_of_coalitions
from ..view import ClassesView, Output, Rows
from .changes import Changes, Parts, deviation, deviation_of

MOST_PLAYERS = 14
ORDERS = 32  # pairs of an order and its reverse, unless a budget is given
ENTRIES = 2**20  # of changes held in memory together
VALUES = 2**17  # eigenvalues held in memory together: they stay in the processor's cache
TABLE = 2**22  # entries of a table of coalition values
SECONDS_PER_ENTRY = 5e-9  # of a matrix, roughly: decides whether to show progress

Masks = npt.NDArray[np.bool_]
Game = Callable[[FloatArray], FloatArray]


def shapley(
    rows: Rows,
    reference: FloatArray,
    *,
    exact: bool | None = None,
    max_evaluations: int | None = None,
    orders: int | None = None,
    random_state: int | np.random.Generator = 0,
    game: Game | None = None,
) -> Parts:
    """Return Shapley values; each column is one player.

    Parameters
    ----------
    rows : Rows
    reference : ndarray, shape (b, p)
        Background rows.
    exact : bool, optional
        True: all 2^c coalitions. False: sampled orders. By default exact up to 14 columns.
    max_evaluations : int, optional
        Maximum number of eigenvalues to compute. If exact values need more, orders are sampled, with a
        warning. Sampling uses the whole budget; without one, 32 orders and their reverses.
    orders : int, optional
        Number of orders to sample, each with its reverse; overrides the number that the budget allows.
    random_state : int or Generator
        Seed of the sampled orders, which all rows share.
    game : callable, optional
        Maps eigenvalues of the function's neurons, (…, N), to the values of the game for M members, (…, M).
        By default these are the members' predictions.

    Returns
    -------
    Parts
        ``standard_error`` is None where the values are exact. ``base_values`` is the mean prediction of the
        background.

    Raises
    ------
    ValueError
        If ``exact=True`` and there are more than 14 columns or the budget is too small; if the budget does
        not allow two samples.

    Warns
    -----
    UserWarning
        If the budget cuts exact values to sampled ones.
    """
    function, z = rows.view.function, rows.z
    n, b, c, neurons = len(z), len(reference), len(rows.view.axes), len(function.neurons)
    game = function.neurons.by_member if game is None else game
    prediction, base = member_values(rows, z, game), member_values(rows, reference, game).mean(axis=0)
    if orders is None:
        exact, orders = planned(n, b, c, neurons, exact, max_evaluations)
    if exact:
        by_member, error, cost = _exact(rows, reference, base, game), None, n * b * 2**c * neurons
    else:
        by_member, error = _sampled(rows, reference, orders, base, game, random_state)
        cost = n * b * 2 * (c - 1) * orders * neurons
    return Parts(
        values=by_member.mean(axis=2),
        base_values=np.full(n, base.mean()),
        prediction=prediction.mean(axis=1),
        degenerate=function.degenerate(z),
        standard_error=error,
        refit_deviation=deviation_of(by_member),
        of_members=by_member if by_member.shape[2] > 1 else None,
        evaluations=cost + (n + b) * neurons,
    )


def member_values(rows: Rows, z: FloatArray, game: Game) -> FloatArray:
    """Return the values of the game for every member at features (n, p): shape (n, M)."""
    neurons = rows.view.function.neurons
    return game(neurons.values(neurons.at(z)))


def probabilities(raw: Rows, rows: Rows, output: Any) -> tuple[Rows, Game]:
    """Return rows of a function of all eigenvalues of a model of classes, and the probability of a class.

    With two classes, the function is the log-odds of the class. With more classes, it is the sum of the
    scores of all classes, and the game separates their eigenvalues class by class.
    """
    if not isinstance(raw.view, ClassesView):
        return _in_probability(rows, raw, rows.view.function, output), lambda lam: expit(
            lam.sum(axis=-1, keepdims=True)
        )
    functions = raw.view.functions
    own = raw.view.output.place(output, "output")
    members = np.concatenate([function.neurons.member for function in functions])
    owner = np.repeat(np.arange(len(functions)), [len(function.neurons) for function in functions])
    sums = np.eye(len(functions))[owner[np.argsort(members, kind="stable")]]
    together = Total.combined(functions, np.ones(len(functions)))
    return (
        _in_probability(rows, raw, together, output),
        lambda lam: softmax(lam @ sums, axis=-1)[..., own : own + 1],
    )


def _in_probability(rows: Rows, raw: Rows, function: SpectralFunction, output: Any) -> Rows:
    """Return rows of a view of the function whose unit is the probability of a class."""
    classes, target = raw.view.output.classes, raw.view.output.target
    label = classes[1] if output is None else classes[raw.view.output.place(output, "output")]
    unit = Output(f"probability of {target} = {class_text(label)}", (), target)
    return replace(rows, view=replace(rows.view, function=function, output=unit))


def all_masks(c: int) -> Masks:
    """Return all coalitions of c columns, shape (2^c, c)."""
    return (np.arange(2**c)[:, None] >> np.arange(c)) % 2 == 1


def shapley_weights(masks: Masks) -> FloatArray:
    """Return the weight of each coalition's value in each Shapley value, shape (2^c, c)."""
    c = masks.shape[1]
    size = masks.sum(axis=1, keepdims=True)
    arrangements = [factorial(s) * factorial(c - s - 1) / factorial(c) for s in range(c)]
    with_player, without = np.array([0.0, *arrangements]), np.array([*arrangements, 0.0])
    return np.where(masks, with_player[size], -without[size])


def coalition_values(
    rows: Rows, reference: FloatArray, masks: Masks, base: FloatArray, game: Game
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield some rows and ``mean_b f(z_S, b_{not S}) − base`` for every coalition S and member.

    The arrays have the shape (rows, coalitions, M), and ``base`` has the shape (M,). Memory is bounded: the
    table has at most 2²² values, and at most 2²⁰ matrix entries are held at a time.
    """
    changes = Changes(rows.view, rows.z, reference)
    n, b, total, members = len(rows), len(reference), len(masks), len(base)
    at_once = max(1, TABLE // max(total * members, 1))
    seconds = SECONDS_PER_ENTRY * len(changes.neurons) * changes.neurons.structure.dim * n * b * total
    size = f"shapley: {n:,} rows × {b:,} background rows × {total:,} coalitions"
    with progress(n * b * total, seconds=seconds, size=size, unit="eigenvalue") as advance:
        for start in range(0, n, at_once):
            group = slice(start, min(start + at_once, n))
            table = np.empty((group.stop - start, total, members))
            for place, row in enumerate(range(start, group.stop)):
                table[place] = mean_values(changes, row, masks, base, game)
                advance(b * total)
            yield group, table


def mean_values(changes: Changes, row: int, masks: Masks, base: FloatArray, game: Game) -> FloatArray:
    """Return the mean over the background, less the base, for coalitions (s, c) of a row: shape (s, M)."""
    neurons, b = changes.neurons, len(changes.reference)
    found = np.zeros((len(masks), len(base)))
    pairs = np.array([pair.columns for pair in changes.view.pairs], dtype=np.intp).reshape(-1, 2)
    refs, some = max(1, ENTRIES // changes.size), VALUES // (len(neurons) * len(masks))
    some = max(some, -(-LANES // len(neurons)))  # enough to fill the lanes, which solve side by side
    for first in range(0, b, refs):
        ref = np.arange(first, min(first + refs, b))
        polynomial = changes.polynomial(np.full(len(ref), row), ref)
        for begin in range(0, len(ref), some):
            own = slice(begin, begin + some)
            values = eigenvalues_of_coalitions(
                neurons, changes.at_reference[ref[own]], polynomial[own], pairs, masks
            )
            found += (game(values) - base).sum(axis=1)
    return found / b


def planned(
    n: int, b: int, c: int, neurons: int, exact: bool | None, budget: int | None, *, groups: int = 1
) -> tuple[bool, int]:
    """Return whether to evaluate all coalitions of n rows, and the number of orders to sample otherwise.

    Each group of rows computes the predictions of the b background rows anew.
    """
    if _is_exact(c, n * b * 2**c * neurons, exact, budget):
        return True, 0
    return False, _sample_size(n, b, c, neurons, budget, groups)


def _is_exact(c: int, cost: int, exact: bool | None, budget: int | None) -> bool:
    """Return whether to evaluate all coalitions, which needs ``cost`` eigenvalues."""
    if exact and c > MOST_PLAYERS:
        raise ValueError(
            f"expected at most {MOST_PLAYERS} columns with exact=True; got {c}; leave it out to sample orders"
        )
    if exact is False or c > MOST_PLAYERS:
        return False
    if budget is None or cost <= budget:
        return True
    if exact:
        raise ValueError(f"expected max_evaluations >= {cost} with exact=True; got {budget}")
    warnings.warn(
        f"exact Shapley values would need {cost:,} eigenvalues, more than max_evaluations={budget:,}; orders "
        "are sampled instead (see Attribution.standard_error)",
        stacklevel=4,
    )
    return False


def _sample_size(n: int, b: int, c: int, neurons: int, budget: int | None, groups: int) -> int:
    """Return the number of orders, each with its reverse, that a budget allows."""
    if budget is None:
        return ORDERS
    each = max(1, n * b * 2 * (c - 1) * neurons)
    start = (n + groups * b) * neurons
    orders = (budget - start) // each
    if orders < 2:
        least = 2 * each + start
        raise ValueError(
            f"expected max_evaluations >= {least}, two samples for {n} rows, {b} background rows "
            f"and {c} columns; got {budget}; explain fewer rows or take a smaller background"
        )
    return orders


def _exact(rows: Rows, reference: FloatArray, base: FloatArray, game: Game) -> FloatArray:
    """Return the Shapley values from all coalitions, of every member: (n, c, M)."""
    c = len(rows.view.axes)
    masks = all_masks(c)
    weights = shapley_weights(masks)
    values = np.empty((len(rows.z), c, len(base)))
    for group, table in coalition_values(rows, reference, masks, base, game):
        values[group] = weights.T @ table
    return values


def _sampled(
    rows: Rows,
    reference: FloatArray,
    orders: int,
    base: FloatArray,
    game: Game,
    random_state: int | np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return estimates for every member from random orders and their reverses, (n, c, M), and errors (n, c).

    An order and its reverse make one sample, since their errors tend to cancel (antithetic variates).
    Coalitions grow by one column at a time, so each matrix is an update of the one before it.
    """
    c = len(rows.view.axes)
    rng = np.random.default_rng(random_state)
    order = rng.permuted(np.tile(np.arange(c), (orders, 1)), axis=1)
    rank = order.argsort(axis=1)
    prefixes = rank[:, None, :] < np.arange(1, c)[:, None]
    masks = np.stack([prefixes, ~prefixes[:, ::-1]], axis=1).reshape(-1, c)
    values, errors = np.empty((len(rows.z), c, len(base))), np.empty((len(rows.z), c))
    everyone = member_values(rows, rows.z, game) - base
    for group, table in coalition_values(rows, reference, masks, base, game):
        n, members = len(table), len(base)
        none = np.zeros((n, orders, 2, 1, members))
        whole = np.broadcast_to(everyone[group, None, None, None], none.shape)
        grown = np.concatenate([none, table.reshape(n, orders, 2, c - 1, members), whole], axis=3)
        forward, reverse = np.diff(grown, axis=3).transpose(2, 0, 1, 3, 4)
        samples = (forward + reverse[:, :, ::-1]) / 2
        samples = np.take_along_axis(samples, rank[None, :, :, None], axis=2)
        values[group] = samples.mean(axis=1)
        errors[group] = deviation(samples.mean(axis=3), axis=1) / np.sqrt(orders)
    return values, errors
