"""Promises in training: features whose matrices are in Loewner order.

A *chain* is a sequence of features whose matrices rise or fall. Every tridiagonal positive semidefinite
matrix is a product ``L Lᵀ`` with a lower bidiagonal L, which has as many entries as the matrix, l_j on the
diagonal and m_j below it: ``(L Lᵀ)_jj = l_j² + m_{j−1}²`` and ``(L Lᵀ)_{j,j+1} = l_j m_j``. With the sign s
of the promise, knots g, and a pinned feature r whose knot is nearest to 0, the matrices of a chain are

    N_m = g_m S + Σ_{r <= n < m} (g_{n+1} − g_n) P_n − Σ_{m <= n < r} (g_{n+1} − g_n) P_n,

with a straight line ``S = s L Lᵀ`` and increments ``P_n = s L_n L_nᵀ``, which have the larger weight decay.
Levels are 1 apart and have no line; the matrix of a linear input is S alone. Pinning loses nothing: the hats
of an input, like the indicators of levels, add up to 1, so A_0 absorbs their common part.

AdamW updates the factors L. With G_m the gradient with respect to N_m, the gradients with respect to S and
P_n are ``Σ_m g_m G_m`` and ``(g_{n+1} − g_n) Σ_{m > n} G_m``, or ``−(g_{n+1} − g_n) Σ_{m <= n} G_m`` below
the pinned feature, and the gradient with respect to L is ``2 s G L``, where G is the gradient as a symmetric
matrix. Averages are taken over the matrices N_m: sums of positive semidefinite matrices are positive
semidefinite, so an average keeps every promise that its parts keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .._common.arrays import IntArray
from ..eigen.compiling import HELPER, compiled
from ..eigen.lanes import LANES, fill, load, scratch, store
from .neurons import MEAN_SHARE, SQUARE_SHARE, Weights, moved, put


@dataclass(frozen=True, eq=False)
class Chain:
    """Features in the order in which their matrices rise (sign 1) or fall (sign -1).

    Attributes
    ----------
    features : tuple of int
        Places of the features; the intercept is 0.
    sign : int
    knots : tuple of float
        Coordinates of the features, ascending; 1 for a linear input.
    line : int
        Row of the weights that holds the straight line: a row after the features for hats, the feature itself
        for a linear input, -1 for levels.
    """

    features: tuple[int, ...]
    sign: int
    knots: tuple[float, ...]
    line: int = -1

    @property
    def pin(self) -> int:
        """Place within the chain of the feature whose knot is nearest to 0; for levels, the middle one."""
        middle = self.knots[len(self.knots) // 2] if self.line < 0 else 0.0
        return int(np.abs(np.array(self.knots) - middle).argmin())


@dataclass(frozen=True, eq=False)
class Chains:
    """All chains of a fit as arrays for the kernel, with the factors of the chains one after another.

    Attributes
    ----------
    parts : tuple of Chain
    """

    parts: tuple[Chain, ...]

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Features, knots, ends, pins, lines and signs; the ends are where chains end among the features."""
        features = [f for part in self.parts for f in part.features]
        knots = [g for part in self.parts for g in part.knots]
        ends = np.cumsum([0, *(len(part.features) for part in self.parts)])
        each = ([getattr(part, name) for part in self.parts] for name in ("pin", "line", "sign"))
        pins, lines, signs = (np.array(values, dtype=np.int64) for values in each)
        return (
            np.array(features, dtype=np.int64),
            np.array(knots, dtype=np.float32),
            ends.astype(np.int64),
            pins,
            lines,
            signs.astype(np.float32),
        )

    @property
    def links(self) -> int:
        """Number of factors: one per feature of every chain, including the factor of its line."""
        return sum(len(part.features) for part in self.parts)

    def mask(self, features: int) -> npt.NDArray[np.bool_]:
        """Return whether each feature is in a chain, (features,)."""
        found = np.zeros(features, dtype=np.bool_)
        found[self.arrays[0]] = True
        return found

    @property
    def of_lines(self) -> IntArray:
        """Places of the factors of straight lines."""
        return np.array([end - 1 for end, part in self._ended() if part.line >= 0], dtype=np.int64)

    @property
    def unused(self) -> IntArray:
        """Places of the unused factors: levels need one factor less than features."""
        return np.array([end - 1 for end, part in self._ended() if part.line < 0], dtype=np.int64)

    def _ended(self) -> list[tuple[int, Chain]]:
        return list(zip(self.arrays[2][1:].tolist(), self.parts, strict=True))

    def set_nodes(self, weights: Weights, factors: Weights) -> None:
        """Write the matrices of factors (blocks, links, 2 d - 1, LANES) into the weights."""
        products, start = squared(factors.astype(np.float64)), 0
        for part in self.parts:
            end = start + len(part.features)
            own = part.sign * products[:, start:end]
            line = own[:, -1] if part.line >= 0 else np.zeros_like(own[:, 0])
            rises = own[:, :-1] * np.diff(part.knots)[:, None, None]
            sums = np.concatenate([np.zeros_like(own[:, :1]), np.cumsum(rises, axis=1)], axis=1)
            sums -= sums[:, [part.pin]]
            if part.line >= 0:
                weights[:, part.line] = line
            weights[:, list(part.features)] = sums + np.array(part.knots)[:, None, None] * line[:, None]
            start = end


def squared(factors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the entries of ``L Lᵀ`` for the entries of lower bidiagonal L, (…, 2 d - 1, LANES).

    Examples
    --------
    >>> squared(np.array([2.0, 3.0, 5.0])[:, None])[:, 0]
    array([ 4., 34., 10.])
    """
    d = (factors.shape[-2] + 1) // 2
    diag, below = factors[..., :d, :], factors[..., d:, :]
    found = np.concatenate([diag**2, diag[..., : d - 1, :] * below], axis=-2)
    found[..., 1:d, :] += below**2
    return found


@njit(**HELPER)
def _step(
    factors: Any,
    mean: Any,
    square: Any,
    at: int,
    gradient: Any,
    factor: Any,
    keep: float,
    rates: Any,
    order: Any,
) -> None:
    """Take a step of AdamW on L; the gradient with respect to ``L Lᵀ`` is ``factor * gradient``."""
    d = len(order)
    for j in range(d):
        own, own_slope = load(factors, at + j * LANES), factor * load(gradient, j * LANES)
        slope = 2.0 * own * own_slope
        if j < d - 1:
            place = at + (d + j) * LANES
            below, couples = load(factors, place), factor * load(gradient, (d + j) * LANES)
            next_slope = factor * load(gradient, (j + 1) * LANES)
            slope = slope + below * couples
            down = 2.0 * below * next_slope + own * couples
            store(factors, place, moved(mean, square, place, down, below, keep, rates))
        place = at + j * LANES
        store(factors, place, moved(mean, square, place, slope, own, keep, rates))


@njit(**HELPER)
def _squared(factors: Any, at: int, e: int, order: Any) -> Any:
    """Return entry e of ``L Lᵀ``."""
    d = len(order)
    if e >= d:
        return load(factors, at + (e - d) * LANES) * load(factors, at + e * LANES)
    own = load(factors, at + e * LANES)
    found = own * own
    if e > 0:
        below = load(factors, at + (d + e - 1) * LANES)
        found = found + below * below
    return found


@njit(**HELPER)
def _clear(sums: Any, count: int, zero: Any) -> None:
    for e in range(count):
        store(sums, e * LANES, zero)


@njit(**HELPER)
def _add(sums: Any, source: Any, at: int, count: int, factor: Any) -> None:
    for e in range(count):
        store(sums, e * LANES, load(sums, e * LANES) + factor * load(source, at + e * LANES))


@njit(**HELPER)
def _note(gradient: Any, square: Any, at: int, count: int, scale: float) -> None:
    """Scale a gradient and update the running mean of its square."""
    for e in range(at, at + count * LANES, LANES):
        slope = scale * load(gradient, e)
        store(gradient, e, slope)
        v = load(square, e)
        store(square, e, v + SQUARE_SHARE * (slope * slope - v))


@compiled
def advance_chains(
    weights: Weights,
    gradient: Weights,
    square: Weights,
    average: Weights,
    factors: Weights,
    mean: Weights,
    second: Weights,
    arrays: Any,
    decay: Any,
    order: Any,
    scale: float,
    steps: int,
    rate: float,
    recency: float,
    speed: float,
) -> None:
    """Take one step of AdamW on the factors of chains, and update the averages of their matrices.

    The gradient of the matrices is cleared.

    Parameters
    ----------
    weights, gradient, square, average : float32 arrays
        As in :func:`~spectral_interp.training.neurons.advance`; ``square`` refers to the gradients of the
        matrices.
    factors, mean, second : float32 arrays, shape (blocks, links, 2 d - 1, LANES)
        L, and the running means of its gradient and of the square of its gradient.
    arrays : tuple of ndarray
        :attr:`Chains.arrays`.
    decay, order, scale, steps, rate, recency
        As in :func:`~spectral_interp.training.neurons.advance`.
    speed : float
        Step size of factors, relative to that of matrices.
    """
    features, knots, ends, pins, lines, signs = arrays
    count, rows, links = 2 * len(order) - 1, weights.shape[1], factors.shape[1]
    unbias = 1 / (1 - (1 - MEAN_SHARE) ** steps)
    rates = (
        speed * rate * unbias,
        MEAN_SHARE,
        SQUARE_SHARE,
        1 / (1 - (1 - SQUARE_SHARE) ** steps),
    )
    share = (recency + 1) / (steps + recency)
    size, zero, sums = count * LANES, fill(weights, 0.0), scratch(weights, order)
    one = fill(weights, 1.0)
    for b in range(weights.shape[0]):
        base, own = b * rows * size, b * links * size
        for c in range(len(pins)):
            first, last, pin, line = ends[c], ends[c + 1], ends[c] + pins[c], lines[c]
            sign = fill(weights, signs[c])
            for m in range(first, last):
                _note(gradient, square, base + features[m] * size, count, scale)
            if line >= 0:
                _clear(sums, count, zero)
                for m in range(first, last):
                    _add(sums, gradient, base + features[m] * size, count, fill(weights, knots[m]))
                keep = 1 - 0.5 * rate * decay[line]
                _step(factors, mean, second, own + (last - 1) * size, sums, sign, keep, rates, order)
                at = own + (last - 1) * size
                for e in range(count):
                    store(weights, base + (line * count + e) * LANES, sign * _squared(factors, at, e, order))
            keep = 1 - 0.5 * rate * decay[features[first]]
            _clear(sums, count, zero)
            for m in range(last - 2, pin - 1, -1):
                _add(sums, gradient, base + features[m + 1] * size, count, one)
                width = sign * (knots[m + 1] - knots[m])
                _step(factors, mean, second, own + m * size, sums, width, keep, rates, order)
            _clear(sums, count, zero)
            for m in range(first, pin):
                _add(sums, gradient, base + features[m] * size, count, one)
                width = sign * (knots[m] - knots[m + 1])
                _step(factors, mean, second, own + m * size, sums, width, keep, rates, order)
            for e in range(count):
                straight = load(weights, base + (line * count + e) * LANES) if line >= 0 else zero
                bent = zero
                for m in range(pin, last):
                    if m > pin:
                        width = sign * (knots[m] - knots[m - 1])
                        bent = bent + width * _squared(factors, own + (m - 1) * size, e, order)
                    at = base + (features[m] * count + e) * LANES
                    put(weights, average, at, knots[m] * straight + bent, share)
                    store(gradient, at, zero)
                bent = zero
                for m in range(pin - 1, first - 1, -1):
                    width = sign * (knots[m] - knots[m + 1])
                    bent = bent + width * _squared(factors, own + m * size, e, order)
                    at = base + (features[m] * count + e) * LANES
                    put(weights, average, at, knots[m] * straight + bent, share)
                    store(gradient, at, zero)
