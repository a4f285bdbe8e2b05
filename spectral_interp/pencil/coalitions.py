"""Eigenvalues of the matrices that consist of a start and the changes of a coalition of columns.

With one indicator per column, ``A(s) = A + Σ_c s_c α_c + Σ_q s_c s_e β_q`` for pairs q of columns c and e.
The kernel holds the changes of sixteen matrices in the fastest cache and takes one coalition after another.
The sums over the columns l, l + 1, … of a coalition are kept, so most of the 2^c coalitions need two
additions. Coalitions that grow along an order of the columns need one addition per column, and one per pair.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .._common.arrays import FloatArray, IntArray
from ..eigen.compiling import CALLED, HELPER, compiled
from ..eigen.engine import spread
from ..eigen.lanes import (
    LANES,
    MOST,
    dim,
    fill,
    larger,
    load,
    lowest,
    places,
    rows,
    scratch,
    shrinking,
    smaller,
    store,
)
from ..eigen.small import attempt, order_of, solve
from .neurons import Neurons
from .structures import Tridiagonal

LIMIT = 2.0**1000
"""Largest magnitude that one power of two scales to about 1; its reciprocal is the smallest."""

ENTRIES = 2**20
"""Maximum number of entries of matrices solved together without a kernel."""

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
        Mask of the columns of every coalition.
    """
    found = np.empty((len(masks), *start.shape[:2]))
    fast = isinstance(neurons.structure, Tridiagonal) and 2 <= neurons.structure.dim <= MOST
    if not fast or not np.isfinite(start).all() or not np.isfinite(changes).all():
        return _one_by_one(neurons, start, changes, pairs, masks, found)
    m, n, entries = start.shape
    starts = np.ascontiguousarray(start).reshape(m * n, entries)
    changes = np.ascontiguousarray(changes).reshape(m, changes.shape[1], n * entries)
    plan = _plan(masks.tobytes(), masks.shape, tuple(map(tuple, pairs.tolist())))
    order, flat = order_of(neurons.structure.dim), found.reshape(-1)
    for k, own in neurons.indices:
        members = np.arange(len(neurons))[own]

        def part(first: int, last: int, k: int = k, own: IntArray = members) -> int:
            _solve_all(k, order, starts, changes, plan, own, first, last, flat)
            return 0

        items = m * len(members)
        spread(part, items, items * len(masks) * neurons.structure.dim)
    return found


def _one_by_one(
    neurons: Neurons, start: FloatArray, changes: FloatArray, pairs: IntArray, masks: Masks, found: FloatArray
) -> FloatArray:
    """Write the eigenvalues for matrices of any structure."""
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
def _plan(content: bytes, shape: tuple[int, int], pairs: tuple[tuple[int, int], ...]) -> tuple[IntArray, ...]:
    """Return the plan that computes coalitions' matrices from previous ones: steps, terms, ends, guides.

    A step (a, b, t, u) takes the sum at place a, adds the terms from t to u, and stores it at place b, unless
    b is 0, the place of the start. The last step of a coalition gives its matrix; without a step the matrix
    is the previous one. Guides are coalitions a, b, n that predict the eigenvalue of another by
    ``λ_a + λ_b - λ_n``.
    """
    masks = np.frombuffer(content, dtype=bool).reshape(shape)
    steps, terms, ends, guides = _grown(masks, pairs) if _grows(masks) else _nested(masks, pairs)
    return np.array(steps, dtype=np.intp).reshape(-1, 4), np.array(terms, dtype=np.intp), ends, guides


def _grows(masks: Masks) -> bool:
    """Return whether every coalition contains the previous one or begins an order (at most one column)."""
    within = (masks[:-1] <= masks[1:]).all(axis=1) & (masks[:-1] < masks[1:]).any(axis=1)
    begins = masks.sum(axis=1) <= 1
    return bool(begins[0] and (within | begins[1:]).all())


def _grown(masks: Masks, pairs: tuple[tuple[int, int], ...]) -> tuple[Any, ...]:
    """Return a plan that adds the columns of an order: the sum is at place 1, the guide precedes it."""
    s, c = masks.shape
    others = [[(sum(own) - i, c + q) for q, own in enumerate(pairs) if i in own] for i in range(c)]
    kept = np.concatenate([[False], (masks[:-1] <= masks[1:]).all(axis=1)])
    before = np.vstack([np.zeros_like(masks[:1]), masks[:-1]]) & kept[:, None]
    row, column = np.nonzero(masks & ~before)
    added = np.split(column, np.searchsorted(row, np.arange(1, s)))
    steps, terms, within = list[tuple[int, ...]](), list[int](), set[int]()
    for new, goes_on in zip((own.tolist() for own in added), kept.tolist(), strict=True):
        begin, within = len(terms), within if goes_on else set()
        for i in new:
            terms += [i, *(term for other, term in others[i] if other in within)]
            within.add(i)
        steps.append((int(goes_on), 1, begin, len(terms)))
    guides = np.where(kept, np.arange(s) - 1, -1)
    return steps, terms, np.arange(1, s + 1), np.repeat(guides[:, None], 3, axis=1)


def _nested(masks: Masks, pairs: tuple[tuple[int, int], ...]) -> tuple[Any, ...]:
    """Return a plan for any coalitions: place l + 1 holds the sum over the columns from l on."""
    steps, terms, ends, level = list[tuple[int, ...]](), list[int](), list[int](), [0] * (masks.shape[1] + 1)
    later = [
        [(max(own), masks.shape[1] + q) for q, own in enumerate(pairs) if min(own) == i]
        for i in range(masks.shape[1])
    ]
    for s, mask in enumerate(masks):
        differs = np.flatnonzero(mask != masks[s - 1]) if s else np.array([masks.shape[1] - 1])
        top = max(differs.tolist(), default=-1)
        for column in range(top, -1, -1):
            level[column] = level[column + 1]
            if mask[column]:
                first, into = len(terms), column + 1 if column else 0
                terms += [column, *(term for other, term in later[column] if mask[other])]
                steps.append((level[column], into, first, len(terms)))
                level[column] = into
        if (top >= 0 or s == 0) and not mask[: top + 1].any():
            steps.append((level[0], 0, 0, 0))
        ends.append(len(steps))
    return steps, terms, np.array(ends), _guides(masks)


def _guides(masks: Masks) -> IntArray:
    """Return the guides of a coalition S: shape (s, 3).

    They are S − i, S − j and S − i − j for the first two columns of S, or S − i for any column, three times.
    All precede S; if there are none, the row is -1.
    """
    found, seen = np.full((len(masks), 3), -1), dict[int, int]()  # by the sum of 2^i
    for place, mask in enumerate(masks):
        members = [1 << i for i in np.flatnonzero(mask).tolist()]
        whole = sum(members)
        smaller = [whole - sum(some) for some in (members[:1], members[1:2], members[:2])]
        if len(members) > 1 and all(coalition in seen for coalition in smaller):
            found[place] = [seen[coalition] for coalition in smaller]
        else:
            found[place] = max((seen.get(whole - i, -1) for i in members), default=-1)
        seen[whole] = place
    return found


# Sixteen items advance side by side, each with the changes of its own matrices. A lane whose eigenvalue is
# not found at the first attempt waits in a queue until sixteen lanes wait, so no lane waits for the slowest.
# Later guesses use the result of the attempt as its value, so they never depend on other lanes.


@njit(**HELPER)
def _gather(count: int, start: Any, changes: Any, flat: Any, sums: Any, own: Any, units: Any) -> None:
    """Write scaled starts (m · N, E) and changes (m, c + q, N · E) of sixteen items, and their scales.

    A power of two brings the largest magnitude of an item into [1, 2), in two factors, as it may exceed
    float64.
    """
    terms, n = changes.shape[1], changes.shape[2] // count
    for lane in range(LANES):
        item = np.uint64(flat[lane])
        at, neuron = item // np.uint64(n), item % np.uint64(n)
        for e in range(count):
            sums[e, lane] = start[item, e]
        for q in range(terms):
            row = changes[at, q, neuron * np.uint64(count) :]
            into = own[q * count :, lane]
            for e in range(count):
                into[e] = row[e]
    for step in range(2):
        top = fill(sums, 1 / LIMIT)
        for e in range(count):
            top = larger(top, abs(load(sums, e * LANES)))
        for e in range(terms * count):
            top = larger(top, abs(load(own, e * LANES)))
        scale = shrinking(smaller(top, LIMIT))
        for e in range(count):
            store(sums, e * LANES, scale * load(sums, e * LANES))
        for e in range(terms * count):
            store(own, e * LANES, scale * load(own, e * LANES))
        store(units, step * LANES, 1.0 / scale)


@njit(**HELPER)
def _guess(values: Any, nearby: Any, s: int) -> Any:
    """Return the predictions of a coalition's eigenvalues from earlier ones, or NaN."""
    if nearby[s, 0] < 0:
        return fill(values, math.nan)
    one, other, none = nearby[s, 0], nearby[s, 1], nearby[s, 2]
    return load(values, one * LANES) + load(values, other * LANES) - load(values, none * LANES)


@njit(**HELPER)
def _follow(plan: Any, begin: int, end: int, count: int, sums: Any, own: Any, bands: Any) -> int:
    """Take the steps of a plan up to the matrices of the next coalition; return the index after them."""
    steps, terms, _, _ = plan
    for step in range(begin, end):
        above, into = steps[step, 0] * count, steps[step, 1] * count
        for e in range(count):
            store(bands, e * LANES, load(sums, (above + e) * LANES))
        for place in range(steps[step, 2], steps[step, 3]):
            term = terms[place] * count
            for e in range(count):
                store(bands, e * LANES, load(bands, e * LANES) + load(own, (term + e) * LANES))
        if into:
            for e in range(count):
                store(sums, (into + e) * LANES, load(bands, e * LANES))
    return end


@njit(**CALLED)
def _enqueue(left: int, at: Any, units: Any, room: Any, queue: Any, whose: Any, waiting: int) -> int:
    """Put the lanes of some matrices, and their guesses, into the queue; return the length of the queue.

    ``left`` is an integer with a bit for every lane, and ``at`` is the place of its result.
    """
    last = len(room)
    while left:
        lane = lowest(left)
        left &= left - 1
        for e in range(last):
            queue[e, waiting] = room[e, lane]
        queue[last, waiting], queue[last + 1, waiting] = units[0, lane], units[1, lane]
        whose[waiting] = at[lane]
        waiting += 1
    return waiting


@njit(**CALLED)
def _finish(k: int, order: Any, waiting: int, queue: Any, whose: Any, found: Any) -> int:
    """Write the eigenvalues of the first sixteen matrices of the queue; return its remaining length."""
    count = 2 * dim(order) - 1
    now = min(waiting, LANES)
    room = rows(count + 3)
    for e in range(count + 3):
        for lane in range(LANES):
            room[e, lane] = queue[e, min(lane, now - 1)]
    x = solve(room, order, k, load(room, count * LANES))
    store(room, 0, x * load(room, (count + 1) * LANES) * load(room, (count + 2) * LANES))
    for lane in range(now):
        found[whose[lane]] = room[0, lane]
    for lane in range(now, waiting):
        whose[lane - now] = whose[lane]
        for e in range(count + 3):
            queue[e, lane - now] = queue[e, lane]
    return waiting - now


@compiled
def _solve_all(
    k: int,
    order: Any,
    start: FloatArray,
    changes: FloatArray,
    plan: Any,
    neurons: IntArray,
    first: int,
    last: int,
    found: FloatArray,
) -> None:
    """Write the eigenvalues of some neurons for items ``first`` to ``last``: (s · m · N,).

    Item i is start ``i // len(neurons)`` of neuron ``neurons[i % len(neurons)]``.
    """
    count, (_, _, ends, nearby), guided = 2 * dim(order) - 1, plan, not isinstance(order, tuple)
    n, each = changes.shape[2] // count, len(start)
    bands, room, queue, waiting = scratch(start, order), rows(count + 1), np.empty((count + 3, 2 * LANES)), 0
    own, sums = rows(changes.shape[1] * count), rows((changes.shape[1] + 1) * count)
    values, units = rows(len(ends) if guided else 1), rows(2)
    flat, at, whose = np.empty(LANES, np.int64), np.empty(LANES, np.int64), np.empty(2 * LANES, np.int64)
    for base in range(first, last, LANES):
        used = min(LANES, last - base)
        for lane in range(LANES):
            item = base + min(lane, used - 1)
            flat[lane] = item // len(neurons) * n + neurons[item % len(neurons)]
        together = used == LANES and flat[LANES - 1] - flat[0] == LANES - 1
        _gather(count, start, changes, flat, sums, own, units)
        done = 0
        for s in range(len(ends)):
            done = _follow(plan, done, ends[s], count, sums, own, bands)
            guess = _guess(values, nearby, s) if guided else fill(values, math.nan)
            x, sure = attempt(bands, order, k, guess)
            if guided:
                store(values, s * LANES, x)
            result = x * load(units, 0) * load(units, LANES)
            if together:
                store(found, s * each + flat[0], result)
            else:
                store(room, 0, result)
                for lane in range(used):
                    found[s * each + flat[lane]] = room[0, lane]
            left = (places(sure) ^ (2**LANES - 1)) & (2**used - 1)
            if left:
                for e in range(count):
                    store(room, e * LANES, load(bands, e * LANES))
                store(room, count * LANES, x if guided else guess)
                for lane in range(LANES):
                    at[lane] = s * each + flat[lane]
                waiting = _enqueue(left, at, units, room, queue, whose, waiting)
                if waiting >= LANES:
                    waiting = _finish(k, order, waiting, queue, whose, found)
    if waiting:
        _finish(k, order, waiting, queue, whose, found)
