"""Kernels that train sums of eigenvalues: gradient of a batch, step of the optimiser, predictions.

Weights are float32 arrays (blocks, features, 2 d - 1, LANES): sixteen neurons side by side, the diagonal of a
matrix before its couplings. Feature 0 is the intercept A_0. There is one output, or one per class; all
outputs are sums of the same number of blocks. A row of the table is *sparse*: places of features and their
shares. The first columns of both are *segments*: place m with share t stands for ``1 - t`` of feature m and t
of feature m + 1, which is linear interpolation between two knots. The other columns are single features.

Scattering a batch goes input by input, so that the gradients of one input stay in the fastest cache.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from ..eigen.compiling import HELPER, compiled
from ..eigen.laguerre import derivatives, eigenvalue, rescale
from ..eigen.lanes import LANES, fill, load, scratch, sqrt, store, total

Weights = npt.NDArray[np.float32]

SQUARED, LOGISTIC, SOFTMAX = 0, 1, 2
CODES = {"squared": SQUARED, "logistic": LOGISTIC, "softmax": SOFTMAX}

STEP = 4e-3
"""Size of the last step to an eigenvalue in training, for a spectrum of width 2; the error is about its
cube."""

EXACT = 4e-6
"""Size of the last step to an eigenvalue in a prediction."""

SWEEPS = 40
"""Maximum number of steps to an eigenvalue; a multiple one takes a few more than the bits of float32."""

MEAN_SHARE, SQUARE_SHARE, EPSILON = 0.1, 0.001, 1e-8
"""Constants of AdamW: share of a step in the running means of the gradient and of its square, and ε."""

UNKNOWN = 1e30
"""Start of an eigenvalue that has not been computed; iteration then begins in the middle of the spectrum."""


class SparseRows(NamedTuple):
    """Places of features and their shares, (n, m) each; the first ``segments`` columns are segments."""

    places: npt.NDArray[np.uint16 | np.int32]
    shares: npt.NDArray[np.float32]
    segments: int

    def take(self, rows: Any) -> SparseRows:
        """Return some of the rows."""
        return SparseRows(self.places[rows], self.shares[rows], self.segments)


def order_of(dim: int) -> tuple[int, ...]:
    """Return the order of the matrices as the kernels take it: a tuple of that length."""
    return (0,) * dim


@njit(**HELPER)
def _gather(
    weights: Any, base: int, places: Any, shares: Any, segments: int, i: int, bands: Any, order: Any
) -> None:
    """Add up the matrices of row i."""
    count = 2 * len(order) - 1
    for e in range(count):
        store(bands, e * LANES, load(weights, base + e * LANES))
    for q in range(places.shape[1]):
        at, t = base + places[i, q] * count * LANES, shares[i, q]
        if q < segments:
            for e in range(count):
                first, second = load(weights, at + e * LANES), load(weights, at + (count + e) * LANES)
                store(bands, e * LANES, load(bands, e * LANES) + (first + t * (second - first)))
        else:
            for e in range(count):
                store(bands, e * LANES, load(bands, e * LANES) + t * load(weights, at + e * LANES))


@njit(**HELPER)
def _solve(bands: Any, order: Any, k: int, start: Any, tol: float) -> Any:
    """Rescale the bands, and return their eigenvalue in the new and in the original unit."""
    low, unit = rescale(bands, order)
    x = eigenvalue(bands, order, k, (start - low) / unit, tol, SWEEPS)
    return x, low + unit * x


@njit(**HELPER)
def _loss(loss: int, prediction: Any, y: float) -> float:
    """Return the loss of a row, and replace the predictions (outputs,) by its derivatives."""
    if loss == SOFTMAX:
        return _softmax_loss(prediction, int(y))
    if loss == SQUARED:
        residual = prediction[0] - y
        prediction[0] = 2 * residual
        return residual * residual
    z = prediction[0] if y > 0.5 else -prediction[0]
    share = 1 / (1 + math.exp(min(z, 80.0)))
    prediction[0] = -share if y > 0.5 else share
    return math.log1p(math.exp(-abs(z))) + max(-z, 0.0)


@njit(**HELPER)
def _softmax_loss(scores: Any, own: int) -> float:
    """Return ``log Σ exp s_c − s_own``, and replace the scores by its derivatives."""
    largest, whole, score = scores.max(), 0.0, scores[own]
    for c in range(len(scores)):
        scores[c] = math.exp(scores[c] - largest)
        whole += scores[c]
    for c in range(len(scores)):
        scores[c] /= whole
    scores[own] -= 1
    return math.log(whole) + largest - score


@compiled
def slopes(
    weights: Weights,
    places: Any,
    shares: Any,
    segments: int,
    rows: Any,
    y: Any,
    weight: Any,
    k: int,
    order: Any,
    warm: Any,
    loss: int,
    outputs: int,
    out: Any,
) -> float:
    """Return the summed loss of a batch, and write its derivatives for every entry of the rows' matrices.

    Parameters
    ----------
    weights : float32 array, shape (blocks, features, 2 d - 1, LANES)
    places, shares, segments
        :class:`SparseRows`.
    rows : int array, shape (m,)
        The rows of the batch.
    y, weight : float32 array, shape (n,)
        Targets (class indices with more than two classes) and weights of the rows. Losses are weighted.
    k : int
    order : tuple of d zeros
    warm : float32 array, shape (n, blocks, LANES)
        Starts of the eigenvalues, which are replaced by their values.
    loss, outputs : int
    out : float32 array, shape (m, blocks, 2 d - 1, LANES)
    """
    count, blocks = 2 * len(order) - 1, weights.shape[0]
    size, own = weights.shape[1] * count * LANES, blocks // outputs
    prediction = np.empty(outputs)
    bands = scratch(weights, order)
    sum_of_losses = 0.0
    for r in range(len(rows)):
        i = rows[r]
        prediction[:] = 0.0
        for b in range(blocks):
            _gather(weights, b * size, places, shares, segments, i, bands, order)
            at = (i * blocks + b) * LANES
            x, value = _solve(bands, order, k, load(warm, at), STEP)
            store(warm, at, value)
            prediction[b // own] += total(value)
            derivatives(bands, order, x)
            for e in range(count):
                store(out, ((r * blocks + b) * count + e) * LANES, load(bands, e * LANES))
        sum_of_losses += weight[i] * _loss(loss, prediction, y[i])
        for b in range(blocks):
            factor = fill(weights, weight[i] * prediction[b // own])
            for e in range(count):
                at = ((r * blocks + b) * count + e) * LANES
                store(out, at, factor * load(out, at))
    return sum_of_losses


@compiled
def scatter(
    gradient: Weights, places: Any, shares: Any, segments: int, rows: Any, order: Any, slopes: Any
) -> None:
    """Add the derivatives for the matrices of a batch to the gradient, which has the shape of the weights."""
    count, blocks = 2 * len(order) - 1, gradient.shape[0]
    size = gradient.shape[1] * count * LANES
    for b in range(blocks):
        for r in range(len(rows)):
            for e in range(count):
                at = b * size + e * LANES
                t = load(slopes, ((r * blocks + b) * count + e) * LANES)
                store(gradient, at, load(gradient, at) + t)
        for q in range(places.shape[1]):
            for r in range(len(rows)):
                i = rows[r]
                base = b * size + places[i, q] * count * LANES
                share = shares[i, q]
                if q < segments:
                    for e in range(count):
                        t = load(slopes, ((r * blocks + b) * count + e) * LANES)
                        at, after = base + e * LANES, base + (count + e) * LANES
                        store(gradient, at, load(gradient, at) + (1 - share) * t)
                        store(gradient, after, load(gradient, after) + share * t)
                elif share != 0:
                    for e in range(count):
                        at = base + e * LANES
                        t = load(slopes, ((r * blocks + b) * count + e) * LANES)
                        store(gradient, at, load(gradient, at) + share * t)


@njit(**HELPER)
def moved(mean: Any, square: Any, at: int, slope: Any, x: Any, keep: float, rates: Any) -> Any:
    """Return entries after a step of AdamW, and update the running means of the gradient and its square."""
    rate, mean_share, square_share, unbias_square = rates
    m, v = load(mean, at), load(square, at)
    m = m + mean_share * (slope - m)
    v = v + square_share * (slope * slope - v)
    store(mean, at, m)
    store(square, at, v)
    return keep * x - rate * m / (sqrt(v * unbias_square) + EPSILON)


@njit(**HELPER)
def put(weights: Any, average: Any, at: int, x: Any, share: float) -> None:
    """Write new entries and update their average."""
    a = load(average, at)
    store(average, at, a + share * (x - a))
    store(weights, at, x)


# A piecewise linear input has the matrices N_m = H_m + g_m S at its knots g_m: hats H_m, with the larger
# weight decay, on a straight line S. With G_m the gradient with respect to N_m, that with respect to H_m is
# the same, and that with respect to S is Σ_m g_m G_m. Only N_m and S are stored.


@compiled
def advance(
    weights: Weights,
    gradient: Weights,
    mean: Weights,
    square: Weights,
    average: Weights,
    runs: Any,
    knots: Any,
    chained: Any,
    decay: Any,
    order: Any,
    scale: float,
    steps: int,
    rate: float,
    recency: float,
) -> None:
    """Take one step of AdamW, update the averages of the weights, and clear the gradient.

    Features of chains are left unchanged: see :mod:`.chains`.

    Parameters
    ----------
    weights, gradient, mean, square, average : float32 arrays, shape (blocks, features + runs, 2 d - 1, LANES)
        The features are followed by the straight line S of every piecewise linear input.
    runs : int array, shape (r, 2)
        First feature, and the one after the last, of every piecewise linear input.
    knots : float32 array, shape (features,)
    chained : bool array, shape (features,)
    decay : float32 array, shape (features + r,)
    order : tuple of d zeros
    scale : float
        Factor of the gradient.
    steps : int
        Number of the step, from 1.
    rate, recency : float
    """
    count, blocks, rows = 2 * len(order) - 1, weights.shape[0], weights.shape[1]
    features = rows - len(runs)
    unbias = 1 / (1 - (1 - MEAN_SHARE) ** steps)
    rates = (rate * unbias, MEAN_SHARE, SQUARE_SHARE, 1 / (1 - (1 - SQUARE_SHARE) ** steps))
    share = (recency + 1) / (steps + recency)
    zero = fill(weights, 0.0)
    for b in range(blocks):
        base = b * rows * count * LANES
        at = base
        after = 0
        for q in range(len(runs) + 1):
            first, last = (runs[q, 0], runs[q, 1]) if q < len(runs) else (features, features)
            for f in range(after, first):  # single features
                if chained[f]:
                    continue
                keep = 1 - rate * decay[f]
                for e in range(count):
                    at = base + (f * count + e) * LANES
                    slope = scale * load(gradient, at)
                    store(gradient, at, zero)
                    x = moved(mean, square, at, slope, load(weights, at), keep, rates)
                    put(weights, average, at, x, share)
            after = last
            if q == len(runs):
                break
            if chained[first]:
                continue
            for e in range(count):
                slope = zero
                for f in range(first, last):
                    slope = slope + knots[f] * load(gradient, base + (f * count + e) * LANES)
                at = base + ((features + q) * count + e) * LANES
                before = load(weights, at)
                keep = 1 - rate * decay[features + q]
                line = moved(mean, square, at, scale * slope, before, keep, rates)
                put(weights, average, at, line, share)
                keep = 1 - rate * decay[first]
                for f in range(first, last):
                    at = base + (f * count + e) * LANES
                    slope = scale * load(gradient, at)
                    store(gradient, at, zero)
                    hat = load(weights, at) - knots[f] * before
                    hat = moved(mean, square, at, slope, hat, keep, rates)
                    put(weights, average, at, hat + knots[f] * line, share)


@compiled
def moments(
    slopes: Weights, weight: Any, places: Any, shares: Any, order: Any, first: Weights, second: Weights
) -> None:
    """Add up the derivatives of rows for the hats of an input that is not in the model.

    Parameters
    ----------
    slopes : float32 array, shape (n, blocks, 2 d - 1, LANES)
        Derivatives of weighted losses, from :func:`slopes`.
    weight : float32 array, shape (n,)
    places : int array, shape (n,)
    shares : float32 array, shape (n,)
        Segment of every row, and position of the row in it, from 0 to 1.
    order : tuple of d zeros
    first, second : float32 arrays, shape (K, blocks, 2 d - 1, LANES)
        Sums of derivatives, and weighted sums of their squares.
    """
    size = slopes.shape[1] * (2 * len(order) - 1) * LANES
    for i in range(len(places)):
        t, inverse = shares[i], 1 / weight[i]
        for at in range(0, size, LANES):
            x = load(slopes, i * size + at)
            for side in range(2):
                y = (t if side else 1 - t) * x
                place = (places[i] + side) * size + at
                store(first, place, load(first, place) + y)
                store(second, place, load(second, place) + inverse * (y * y))


@compiled
def predict(weights: Weights, places: Any, shares: Any, segments: int, k: int, order: Any, out: Any) -> None:
    """Write the predictions of all rows, (n, outputs)."""
    size = weights.shape[1] * (2 * len(order) - 1) * LANES
    bands, own = scratch(weights, order), weights.shape[0] // out.shape[1]
    out[:] = 0.0
    for i in range(len(places)):
        for b in range(weights.shape[0]):
            _gather(weights, b * size, places, shares, segments, i, bands, order)
            out[i, b // own] += total(_solve(bands, order, k, fill(weights, UNKNOWN), EXACT)[1])
