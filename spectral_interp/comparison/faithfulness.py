"""Faithfulness of attributions to their model: deletion, insertion, infidelity, sensitivity, Gini index.

All measures use columns and the game ``v(S) = mean_b f(x_S, b_{not S})``: the inputs of the columns in S come
from the row, and those of the other columns from each background row in turn. Shapley values divide this
game, so these measures favour them over path and local contributions, which answer different questions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .._common.arrays import FloatArray
from ..attribution.changes import Changes
from ..attribution.result import Attribution
from ..attribution.shapley import mean_values
from ..view import Rows
from .explainers import ExplainedModel, Explainer, seen_by

RANDOM_ORDERS = 10
MASKS = 20  # per row, for infidelity
STEPS = 50  # maximum number of steps of deletion and insertion, from no column to all
SENSITIVE_ROWS, JITTERS, RADIUS = 10, 2, 0.1  # for sensitivity; the radius is in standard deviations

Masks = npt.NDArray[np.bool_]


def coalition_means(
    model: ExplainedModel, rows: Rows, reference: FloatArray, masks: Iterable[Masks]
) -> FloatArray:
    """Return v(S) for s coalitions of every row, given by masks (s, c): shape (n, s).

    For a spectral function they follow from the change matrices of the columns, with one addition for each
    column that joins a coalition. Other models are evaluated at all mixtures of rows and background rows.
    """
    if model.view is None:
        background, column_of = rows.view.inputs(reference), rows.view.input_column_of
        means = (
            model.means(x, background, own[:, column_of]) for x, own in zip(rows.inputs, masks, strict=True)
        )
        return np.array(list(means))
    seen, reference = seen_by(model.view, rows, reference)
    changes = Changes(seen.view, seen.z, reference)
    places = enumerate(masks)
    return np.array([mean_values(changes, at, own, np.zeros(1), _total)[:, 0] for at, own in places])


def _total(eigenvalues: FloatArray) -> FloatArray:
    return eigenvalues.sum(axis=-1, keepdims=True)


def curves(
    model: ExplainedModel, rows: Rows, reference: FloatArray, order: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Return the deletion and the insertion curve of columns in the given order (n, c): two arrays (s,).

    The points are those of :func:`shares`. Both curves are v(S), measured from v(none) towards the
    prediction, averaged over rows and divided by the mean distance. Deletion falls from 1 to 0, and insertion
    rises from 0 to 1. They are NaN if all predictions equal v(none).

    Examples
    --------
    For f = 3 z₀ + z₁, the column with 3/4 of the effect is deleted, or inserted, first:

    >>> from spectral_interp import Pencil
    >>> from spectral_interp.view import rows_of
    >>> pencil = Pencil([[0.0], [3.0], [1.0]], np.empty((3, 0)), 0)
    >>> model = ExplainedModel("linear", torch.nn.Identity(), pencil.values)
    >>> curves(model, rows_of(pencil, [[1.0, 1.0]]), np.zeros((1, 2)), np.array([[0, 1]]))
    (array([1.  , 0.25, 0.  ]), array([0.  , 0.75, 1.  ]))
    """
    return _mean_curves(model, rows, reference, order[None])


def _mean_curves(
    model: ExplainedModel, rows: Rows, reference: FloatArray, orders: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Return the mean deletion and insertion curves over r orders of every row, (r, n, c)."""
    steps = _steps(orders.shape[2])
    v = coalition_means(model, rows, reference, map(_grown, orders.swapaxes(0, 1)))
    climb, fall = np.moveaxis(v.reshape(len(rows), len(orders), 2, len(steps)), 2, 0)
    none, whole = climb[..., :1], climb[..., -1:]
    toward, distance = np.sign(whole - none), float(np.abs(whole - none).mean())
    if distance == 0:
        return np.full(len(steps), np.nan), np.full(len(steps), np.nan)
    deletion, insertion = (
        ((v - none) * toward).mean(axis=(0, 1)) / distance for v in (fall[..., ::-1], climb)
    )
    return deletion, insertion


def _grown(orders: npt.NDArray[np.intp]) -> Masks:
    """Return the columns inserted, and left by deletion, along orders (r, c), the smallest sets first."""
    inserted = orders.argsort(axis=1)[:, None] < _steps(orders.shape[1])[:, None]
    return np.stack([inserted, ~inserted[:, ::-1]], axis=1).reshape(-1, orders.shape[1])


def shares(c: int) -> FloatArray:
    """Return the shares (s,) of c columns at which curves are measured, from 0 to 1, at most 51.

    Examples
    --------
    >>> shares(2), len(shares(300))
    (array([0. , 0.5, 1. ]), 51)
    """
    return _steps(c) / c


def _steps(c: int) -> npt.NDArray[np.intp]:
    return np.linspace(0, c, min(c, STEPS) + 1).round().astype(np.intp)


def attributed_order(attribution: Attribution, base: float) -> npt.NDArray[np.intp]:
    """Return the columns (n, c) of every row, ordered from those towards the prediction to those against it.

    ``base`` is v(none), the mean prediction of the background.
    """
    toward = np.sign(attribution.prediction - base)[:, None]
    return np.argsort(-toward * attribution.values, axis=1, kind="stable")


def random_curves(
    model: ExplainedModel, rows: Rows, reference: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return the mean of :func:`curves` over ten random orders of each row."""
    c = len(rows.view.axes)
    orders = [rng.permuted(np.tile(np.arange(c), (len(rows.z), 1)), axis=1) for _ in range(RANDOM_ORDERS)]
    return _mean_curves(model, rows, reference, np.array(orders))


def area(curve: FloatArray, c: int) -> float:
    """Return the area under a curve (s,) over the shares of c columns."""
    return float(np.trapezoid(curve, shares(c)))


def removals(
    model: ExplainedModel, rows: Rows, reference: FloatArray, rng: np.random.Generator
) -> tuple[Masks, FloatArray]:
    """Return random sets S of columns for every row, (n, s, c), and v(not S), (n, s)."""
    removed = rng.random((len(rows), MASKS, len(rows.view.axes))) < 0.5
    return removed, coalition_means(model, rows, reference, ~removed)


def infidelity(attribution: Attribution, removed: Masks, left: FloatArray) -> float:
    """Return the infidelity (Yeh et al. 2019) for columns set to the background; see :func:`removals`.

    It is the mean of ``(Σ_{i ∈ S} φ_i − (f(x) − v(not S)))²`` over rows and sets S of columns, as a share of
    the variance of the predictions; NaN if these are constant.
    """
    variance = float(attribution.prediction.var())
    if variance == 0:
        return float("nan")
    claimed = np.einsum("nsc,nc->ns", removed, attribution.values)
    lost = attribution.prediction[:, None] - left
    return float(((claimed - lost) ** 2).mean()) / variance


def sensitivity(
    explainer: Explainer,
    model: ExplainedModel,
    rows: Rows,
    reference: FloatArray,
    rng: np.random.Generator,
    *,
    seed: int,
) -> float:
    """Return Captum's maximum sensitivity (Yeh et al. 2019), averaged over the first ten rows.

    It is the largest relative change of a row's contributions in two random moves of its numeric columns by
    up to 0.1 standard deviations; NaN without numeric columns.
    """
    from captum.metrics import sensitivity_max

    some = rows.take(slice(SENSITIVE_ROWS))
    view = rows.view
    numeric = view.input_firsts[[axis.continuous for axis in view.axes]]
    if not len(numeric):
        return float("nan")

    def contributions(x: Tensor | tuple[Tensor, ...]) -> tuple[Tensor]:
        moved = x[0] if isinstance(x, tuple) else x
        with torch.enable_grad():  # Captum's metric disables gradients
            places = np.repeat(np.arange(len(some)), len(moved) // len(some))
            again = replace(some.take(places), encoded=view.from_inputs(moved.numpy()))
            explained = explainer(model, again, reference, seed=seed)
        return (torch.from_numpy(explained.values),)

    def jitter(x: Tensor, radius: float) -> Tensor:
        moved = x.clone()
        shift = rng.uniform(-radius, radius, size=(len(moved), len(numeric)))
        moved[:, numeric] += torch.from_numpy(shift)
        return moved

    first = torch.from_numpy(some.inputs.copy())
    worst = sensitivity_max(contributions, first, jitter, perturb_radius=RADIUS, n_perturb_samples=JITTERS)
    return float(worst.mean())


def gini(values: FloatArray) -> float:
    """Return the concentration of |contributions| (n, c): 0 if all are equal, near 1 for a single one.

    It is the Gini index ``1 − 2 Σ_i |x|_(i) / ‖x‖₁ · (c − i + 1/2) / c`` of sizes in ascending order (Hurley
    and Rickard 2009), averaged over rows. Rows with only zero contributions do not count.

    Examples
    --------
    >>> gini(np.array([[1.0, -1.0, 1.0, 1.0]])), gini(np.array([[0.0, 0.0, 5.0, 0.0]]))
    (0.0, 0.75)
    """
    sizes = np.sort(np.abs(values), axis=1)
    sizes = sizes[sizes.sum(axis=1) > 0]
    if not len(sizes):
        return float("nan")
    c = sizes.shape[1]
    share = sizes / sizes.sum(axis=1, keepdims=True)
    return float((1 - 2 * share @ ((c - np.arange(1, c + 1) + 0.5) / c)).mean())
