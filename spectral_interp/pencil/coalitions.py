"""Eigenvalues of all matrices that are a start and the changes of a coalition of columns.

With one indicator a column, ``A(s) = A + Σ_c s_c α_c + Σ_q s_c s_e β_q`` for pairs q of columns c and e. The
kernel holds the changes of sixteen matrices in the fastest cache and takes one coalition after another; the
sums over the columns l, l + 1, … of a coalition are kept, so that most cost two additions.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .._common.arrays import FloatArray, IntArray
from ..eigen.compiling import HELPER, compiled
from ..eigen.engine import is_small, spread
from ..eigen.kernel import BIAS, EXPONENT_BITS, MAGNITUDE, bits, power
from ..eigen.lanes import LANES, fill, load, scratch, store
from ..eigen.small import put, scale_lanes, solve
from .neurons import Neurons
from .structures import Tridiagonal

ENTRIES = 2**20
"""Of matrices that are solved together, where there is no kernel for them."""

Masks = npt.NDArray[np.bool_]


def coalition_values(
    neurons: Neurons, start: FloatArray, changes: FloatArray, pairs: IntArray, masks: Masks
) -> FloatArray:
    """Return λ_k of every coalition, start and neuron: shape (s, m, N).

    Parameters
    ----------
    neurons : Neurons
    start : ndarray, shape (m, N, E)
    changes : ndarray, shape (m, c + q, N, E)
        α of the columns, then β of the pairs.
    pairs : ndarray of int, shape (q, 2)
        The columns of every pair.
    masks : ndarray of bool, shape (s, c)
        Which columns belong to a coalition.
    """
    found = np.empty((len(masks), *start.shape[:2]))
    fast = isinstance(neurons.structure, Tridiagonal) and is_small(neurons.structure.dim, start.dtype)
    if not fast or not np.isfinite(start).all() or not np.isfinite(changes).all():
        return _one_by_one(neurons, start, changes, pairs, masks, found)
    start, changes = np.ascontiguousarray(start), np.ascontiguousarray(changes)
    masks = np.ascontiguousarray(masks)
    nearby = _nearby(masks.tobytes(), masks.shape)
    for k, own in neurons.indices:
        places = np.arange(len(neurons))[own]

        def part(first: int, last: int, k: int = k, places: IntArray = places) -> int:
            order = (0,) * neurons.structure.dim
            _solve_all(k, order, start, changes, pairs, masks, nearby, places, first, last, found)
            return 0

        items = len(start) * len(places)
        spread(part, items, items * len(masks) * neurons.structure.dim)
    return found


def _one_by_one(
    neurons: Neurons, start: FloatArray, changes: FloatArray, pairs: IntArray, masks: Masks, found: FloatArray
) -> FloatArray:
    """Write the same for matrices of any structure."""
    columns = masks.astype(np.float64)
    chosen = np.hstack([columns, columns[:, pairs[:, 0]] * columns[:, pairs[:, 1]]])
    flat = changes.swapaxes(0, 1).reshape(chosen.shape[1], -1)
    together = max(1, ENTRIES // max(start.size, 1))
    for begin in range(0, len(masks), together):
        some = slice(begin, begin + together)
        matrices = start.reshape(-1) + chosen[some] @ flat
        found[some] = neurons.values(matrices.reshape(-1, *start.shape[1:])).reshape(-1, *start.shape[:2])
    return found


@functools.lru_cache(maxsize=4)
def _nearby(content: bytes, shape: tuple[int, int]) -> IntArray:
    """Return coalitions whose eigenvalues predict those of another, (s, 3): S − i, S − j and S − i − j.

    Columns i and j are the first two that the coalition has; all three come before it, or the row is -1.
    """
    masks = np.frombuffer(content, dtype=bool).reshape(shape)
    found, seen = np.full((len(masks), 3), -1), dict[frozenset[int], int]()
    for place, mask in enumerate(masks):
        members = np.flatnonzero(mask).tolist()
        whole = frozenset(members)
        if len(members) > 1:
            smaller = (whole - {members[0]}, whole - {members[1]}, whole - set(members[:2]))
            before = [seen.get(coalition, -1) for coalition in smaller]
            found[place] = before if min(before) >= 0 else -1
        seen[whole] = place
    return found


@njit(**HELPER)
def _gather(start: Any, changes: Any, into: Any, own: Any) -> Any:
    """Write a start (E,) and its changes (c + q, E), scaled by a power of two; return its two factors.

    The largest magnitude of all comes into [1/2, 1).
    """
    top = 0
    for e in range(len(start)):
        top = max(top, bits(start[e]) & MAGNITUDE)
        for q in range(len(changes)):
            top = max(top, bits(changes[q, e]) & MAGNITUDE)
    exponent = max(top >> EXPONENT_BITS, 1)
    shift = BIAS - 1 - exponent
    half = power(shift >> 1)
    rest = power(shift - (shift >> 1))
    for e in range(len(start)):
        into[e] = start[e] * half * rest
        for q in range(len(changes)):
            own[q, e] = changes[q, e] * half * rest
    return half, rest


@compiled
def _solve_all(
    k: int,
    order: Any,
    start: FloatArray,
    changes: FloatArray,
    pairs: IntArray,
    masks: Masks,
    nearby: IntArray,
    places: IntArray,
    first: int,
    last: int,
    found: FloatArray,
) -> None:
    """Write the eigenvalues of the neurons at some places, of items ``first`` to ``last``.

    Item i is start ``i // len(places)`` of neuron ``places[i % len(places)]``.
    """
    count, terms, c = 2 * len(order) - 1, changes.shape[1], masks.shape[1]
    bands, room = scratch(start, order), scratch(start, order)
    shifts = np.zeros((2, LANES), np.int64)
    own = np.empty((terms, count, LANES))
    sums = np.empty((c + 1, count, LANES))  # over the columns from l on that a coalition has
    values = np.empty((len(masks), LANES))
    lanes, units = np.empty(LANES), np.empty((2, LANES))
    for base in range(first, last, LANES):
        used = min(LANES, last - base)
        for lane in range(LANES):
            item = base + min(lane, used - 1)
            at, neuron = item // len(places), places[item % len(places)]
            half, rest = _gather(start[at, neuron], changes[at, :, neuron], sums[c, :, lane], own[:, :, lane])
            units[0, lane], units[1, lane] = 1 / half, 1 / rest
        for s in range(len(masks)):
            top = c - 1
            while s and top >= 0 and masks[s, top] == masks[s - 1, top]:
                top -= 1
            for m in range(top + 1):
                column = top - m
                above, into = (column + 1) * count * LANES, column * count * LANES
                for e in range(count):
                    store(sums, into + e * LANES, load(sums, above + e * LANES))
                if not masks[s, column]:
                    continue
                for e in range(count):
                    at = (column * count + e) * LANES
                    store(sums, into + e * LANES, load(sums, into + e * LANES) + load(own, at))
                for q in range(len(pairs)):
                    one, other = min(pairs[q, 0], pairs[q, 1]), max(pairs[q, 0], pairs[q, 1])
                    if one == column and masks[s, other]:
                        for e in range(count):
                            at = ((c + q) * count + e) * LANES
                            store(sums, into + e * LANES, load(sums, into + e * LANES) + load(own, at))
            for e in range(count):
                store(bands, e * LANES, load(sums, e * LANES))
            undo = scale_lanes(bands, order, shifts)
            guess = fill(bands, math.nan)
            if nearby[s, 0] >= 0:
                i, j, none = nearby[s, 0] * LANES, nearby[s, 1] * LANES, nearby[s, 2] * LANES
                guess = (load(values, i) + load(values, j) - load(values, none)) / undo
            x = solve(bands, order, k, guess)
            put(x, undo, shifts, LANES, room, lanes, 0)
            store(values, s * LANES, load(lanes, 0))
        for lane in range(used):
            item = base + lane
            at, neuron = item // len(places), places[item % len(places)]
            for s in range(len(masks)):
                found[s, at, neuron] = values[s, lane] * units[0, lane] * units[1, lane]
