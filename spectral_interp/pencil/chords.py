"""Integrals of ``vᵀ A v`` along straight paths of small tridiagonal matrices, one path after another.

The kernel cuts paths into cells by the mathematics and the constants of :mod:`..attribution.secants`, but
without rounds over all paths: sixteen paths advance side by side in registers, each with a stack of its own
cells, and a path that has ended makes room for the next. Paths that need many cells, such as those near a
crossing, are left to the other module.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .._common.arrays import FloatArray, IntArray
from ..eigen.compiling import HELPER, compiled
from ..eigen.engine import is_small, spread
from ..eigen.kernel import BIAS, EXPONENT_BITS, MAGNITUDE, bits, power
from ..eigen.lanes import LANES, fill, larger, load, scratch, smaller, sqrt, store, where
from ..eigen.small import solve
from .structures import Structure, Tridiagonal

NODES = np.arange(5) / 4
CHORDS = np.array([[0, 4], [0, 2], [2, 4], [0, 1], [1, 2], [2, 3], [3, 4]])
"""A cell as 1, 2 and 4 equal parts, between five nodes."""
SHARES = np.array([1, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 4, 1 / 4])
SUM = SHARES * np.repeat([1 / 45, -20 / 45, 64 / 45], [1, 2, 4])
"""Romberg's weights of the chords, sixth order in the width; they add up to one."""
DIFFERENCE = SHARES * np.repeat([1 / 3, -5 / 3, 4 / 3], [1, 2, 4])
"""Between the fourth-order sums of 2 and 4 parts: 15 times the correction that the last step makes."""

OVERLAP = 0.7  # least uᵀw of a secant
SAFETY = 1.25  # over the distance in which a neighbour could reach the chord of λ_k: λ_k is not straight
NEAR = 1 / 4  # of the distance between nodes: least time that a neighbour needs to reach λ_k from any node
SMALL = 1 / 16  # of the permitted error: the share of a cell too narrow to matter
HALVINGS = 96  # maximum for a path; paths that need more are left to attribution/secants.py

MIDDLES = np.array(
    [[35, 140, -70, 28, -5], [-5, 60, 90, -20, 3], [3, -20, 90, 60, -5], [-5, 28, -70, 140, 35]]
)
"""128 times the values, between five equidistant points, of the polynomial through them."""
FIRST = np.array([0, 8, 4, 2, 6])
"""Nodes of a path in the order in which they are solved, in eighths."""
HEAD = 18
"""Numbers of a cell before its vectors: path, left end, width, and of five nodes λ, gap above, gap below."""


def takes(structure: Structure) -> bool:
    """Return whether there is a kernel for matrices of a structure."""
    return isinstance(structure, Tridiagonal) and is_small(structure.dim, np.float64)


def integrate(
    structure: Structure, k: int, own: IntArray, start: FloatArray, change: FloatArray, error: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.bool_], int]:
    """Return the integrals of what ``vᵀ A v`` multiplies the entries of A with, along straight paths.

    Parameters
    ----------
    structure : Structure
    k : int
    own : ndarray of int, shape (N',)
        Places of the neurons that are meant.
    start : ndarray, shape (m, N, E)
    change : ndarray, shape (m, c, N, E)
        Made of one part a column.
    error : ndarray, shape (m, N')
        Bounds of the error of every contribution.

    Returns
    -------
    integrals : ndarray, shape (m, N', E)
    done : ndarray of bool, shape (m, N')
        Which paths have been integrated.
    evaluations : int
    """
    shape = len(start), len(own)
    found, done = np.zeros((*shape, structure.n_entries)), np.zeros(shape, dtype=bool)
    if not takes(structure) or not np.isfinite(start).all() or not np.isfinite(change).all():
        return found, done, 0
    start, change, order = np.ascontiguousarray(start), np.ascontiguousarray(change), (0,) * structure.dim

    def part(first: int, last: int) -> int:
        return int(_integrate(k, order, own, start, change, error, first, last, found, done))

    items = done.size
    return found, done, spread(part, items, items * 32 * structure.dim)


# ------------------------------------------------------------------------------------- nodes of sixteen paths


# At an eigenvalue λ of T with characteristic polynomial p, the others μ_j have y_j = 1 / (λ − μ_j) with
#     S = Σ y_j = p" / 2 p',    Σ y_j² = S² − p‴ / 3 p'.
# Of n = d − 1 numbers with these sums none is further from S / n than √(n − 1) standard deviations (Samuelson
# 1968), which bounds the distances to the next eigenvalues from below: with s the sign of p', by
#     n |p'| / (R ∓ s p"/2),    R² = (n − 1)² (p"/2)² − n (n − 1) p' p‴/3.


@njit(**HELPER)
def _gaps(bands: Any, order: Any, x: Any) -> Any:
    """Return lower bounds of the distances from eigenvalue x to the next one above and below."""
    d = len(order)
    one, zero = fill(bands, 1.0), fill(bands, 0.0)
    p, p1, dp, dp1, hp, hp1, gp, gp1 = x - load(bands, 0), one, one, zero, zero, zero, zero, zero
    for j in range(1, d):
        t = x - load(bands, j * LANES)
        b = load(bands, (d + j - 1) * LANES)
        b = b * b
        q = t * p - b * p1
        dq = t * dp - b * dp1 + p
        hq = t * hp - b * hp1 + dp
        gq = t * gp - b * gp1 + hp
        p1, dp1, hp1, gp1 = p, dp, hp, gp
        p, dp, hp, gp = q, dq, hq, gq
    n = d - 1.0
    hp = where(dp > 0.0, hp, -1.0 * hp)
    reach = sqrt(larger((n - 1.0) * ((n - 1.0) * hp * hp - (2.0 * n) * gp * dp), 0.0))
    size = n * abs(dp)
    return size / larger(reach - hp, 1e-200), size / larger(reach + hp, 1e-200)


# With P_j the leading and Q_j the trailing minors of x - T, and r the place of the largest |P_r Q_{r+1}|, the
# eigenvector has v_j / v_r = P_j b_j … b_{r−1} / P_r above r, and Q_{j+1} b_r … b_{j−1} / Q_{r+1} below it.


@njit(**HELPER)
def _vector(bands: Any, order: Any, x: Any, leading: Any, trailing: Any, vectors: Any, at: int) -> None:
    """Write the unit eigenvectors of eigenvalue x, from place ``at`` on; NaN where the minors vanish."""
    d = len(order)
    one, zero = fill(bands, 1.0), fill(bands, 0.0)
    p, p1, b = one, zero, zero
    for j in range(d):
        store(leading, j * LANES, p)
        p, p1 = (x - load(bands, j * LANES)) * p - b * b * p1, p
        b = load(bands, (d + j) * LANES) if j < d - 1 else zero
    p, p1, b = one, zero, zero
    top, row = fill(bands, -1.0), zero
    for m in range(d):
        j = d - 1 - m
        store(trailing, j * LANES, p)
        size = abs(load(leading, j * LANES) * p)
        row, top = where(size > top, fill(bands, 1.0 * j), row), larger(size, top)
        p, p1 = (x - load(bands, j * LANES)) * p - b * b * p1, p
        b = load(bands, (d + j - 1) * LANES) if j > 0 else zero
    above, below = zero, zero
    for j in range(d):
        above = where(row >= j - 0.5, load(leading, j * LANES), above)
        below = where(row > j - 0.5, load(trailing, j * LANES), below)
    above, below = 1.0 / above, 1.0 / below
    product, length = above, zero
    for m in range(d):
        j = d - 1 - m
        b = load(bands, (d + j) * LANES) if j < d - 1 else one
        product = where(row > j + 0.5, product * b, above)
        v = where(row > j - 0.5, load(leading, j * LANES) * product, zero)
        store(vectors, at + j * LANES, v)
    product = below
    for j in range(d):
        b = load(bands, (d + j - 1) * LANES) if j > 0 else one
        product = where(row < j - 0.5, product * b, below)
        v = where(row < j - 0.5, load(trailing, j * LANES) * product, load(vectors, at + j * LANES))
        store(vectors, at + j * LANES, v)
        length = length + v * v
    scale = 1.0 / sqrt(length)
    for j in range(d):
        store(vectors, at + j * LANES, scale * load(vectors, at + j * LANES))


@njit(**HELPER)
def _node(
    k: int, order: Any, lines: Any, t: Any, guess: Any, node: int, nodes: Any, vectors: Any, rooms: Any
) -> None:
    """Solve at t: write λ and the gaps above and below into ``nodes``, (3, 9, LANES), and the vectors."""
    d, count = len(order), 2 * len(order) - 1
    bands, leading, trailing = rooms
    for e in range(count):
        store(bands, e * LANES, load(lines, e * LANES) + t * load(lines, (count + e) * LANES))
    x = solve(bands, order, k, guess)
    above, below = _gaps(bands, order, x)
    infinite = fill(bands, math.inf)
    store(nodes, node * LANES, x)
    store(nodes, (9 + node) * LANES, above if k < d - 1 else infinite)
    store(nodes, (18 + node) * LANES, below if k > 0 else infinite)
    _vector(bands, order, x, leading, trailing, vectors, node * d * LANES)


@njit(**HELPER)
def _extrapolate(order: Any, first: int, stride: int, vectors: Any, weights: Any, out: Any) -> None:
    """Write the Romberg sums of the secants of a cell, their errors, and the least overlap, lanes wide.

    The nodes of the cell are ``first + stride · (0 … 4)``; ``out`` has the shape (2 E + 1, LANES).
    """
    d, count = len(order), 2 * len(order) - 1
    zero = fill(vectors, 0.0)
    least, every = fill(vectors, 2.0), zero
    for e in range(2 * count):
        store(out, e * LANES, zero)
    for q in range(7):
        u = (first + stride * CHORDS[q, 0]) * d * LANES
        w = (first + stride * CHORDS[q, 1]) * d * LANES
        overlap = zero
        for j in range(d):
            overlap = overlap + load(vectors, u + j * LANES) * load(vectors, w + j * LANES)
        least, every = smaller(abs(overlap), least), every + overlap
        inverse = 1.0 / overlap
        one, other = weights[0, q] * inverse, weights[1, q] * inverse
        before_u, before_w = zero, zero
        for j in range(d):
            a, b = load(vectors, u + j * LANES), load(vectors, w + j * LANES)
            product = a * b
            store(out, j * LANES, load(out, j * LANES) + one * product)
            store(out, (count + j) * LANES, load(out, (count + j) * LANES) + other * product)
            if j > 0:
                product, at = before_u * b + a * before_w, d + j - 1
                store(out, at * LANES, load(out, at * LANES) + one * product)
                store(out, (count + at) * LANES, load(out, (count + at) * LANES) + other * product)
            before_u, before_w = a, b
    store(out, 2 * count * LANES, least + 0.0 * every)  # NaN if any is


# ------------------------------------------------------------------------------------------- cells of a path


@njit(**HELPER)
def _settled(
    order: Any, first: int, stride: int, lane: int, width: float, nodes: Any, out: Any, own: Any, facts: Any
) -> bool:
    """Return whether a cell is final: smooth, converged, and without a neighbour that may touch λ_k in it.

    ``own`` holds the change matrices (c, E); ``facts`` the scale's two factors, the error, the slowest speed
    of eigenvalues, the difference to the fastest one and the largest range of eigenvalues of a change.
    """
    d, count = len(order), 2 * len(order) - 1
    if not out[2 * count, lane] >= OVERLAP:
        return False
    error, allowed = facts[2], facts[2] / 2 * math.sqrt(width)
    scale = width * facts[0] * facts[1]
    for c in range(len(own)):
        diagonal = coupling = 0.0
        for e in range(d):
            diagonal += out[count + e, lane] * own[c, e]
        for e in range(d, count):
            coupling += out[count + e, lane] * own[c, e]
        if not max(abs(diagonal), abs(coupling)) * scale <= allowed:
            return False
    if width * facts[5] <= SMALL * error:
        return True
    apart = width / 4
    speed = facts[4]
    reach = speed * apart
    nearest = math.inf
    for m in range(5):
        at = first + stride * m
        nearest = min(nearest, min(nodes[1, at, lane], nodes[2, at, lane]))
    if not nearest >= NEAR * reach:
        return False
    for m in range(4):
        left, right = first + stride * m, first + stride * (m + 1)
        chord = (nodes[0, right, lane] - nodes[0, left, lane]) / apart - facts[3]
        down = min(max(chord / speed, 0.0), 1.0) if speed > 0 else 0.0
        up = 1 - down
        needed = SAFETY * reach * down * up
        above = nodes[1, left, lane] * up + nodes[1, right, lane] * down if up * down > 0 else math.inf
        below = nodes[2, left, lane] * down + nodes[2, right, lane] * up if up * down > 0 else math.inf
        if not (above >= needed and below >= needed):
            return False
    return True


@njit(**HELPER)
def _keep(cell: Any, place: Any, first: int, stride: int, lane: int, nodes: Any, vectors: Any) -> None:
    """Write a cell that is to be halved: its path, left end and width, and what is known at its nodes."""
    cell[0], cell[1], cell[2] = place
    d = vectors.shape[1]
    for m in range(5):
        at = first + stride * m
        for part in range(3):
            cell[3 + 5 * part + m] = nodes[part, at, lane]
        for j in range(d):
            cell[HEAD + m * d + j] = vectors[at, j, lane]


@njit(**HELPER)
def _recall(cell: Any, lane: int, nodes: Any, vectors: Any) -> None:
    """Put what is known of a cell into a lane, at every other node."""
    d = vectors.shape[1]
    for m in range(5):
        for part in range(3):
            nodes[part, 2 * m, lane] = cell[3 + 5 * part + m]
        for j in range(d):
            vectors[2 * m, j, lane] = cell[HEAD + m * d + j]


@njit(**HELPER)
def _draw(start: Any, step: Any, known: Any, lane: int, lines: Any) -> None:
    """Put the scaled matrices of a path into a lane."""
    count = len(start)
    for e in range(count):
        lines[e, lane] = start[e] * known[0] * known[1]
        lines[count + e, lane] = step[e]


@njit(**HELPER)
def _measure(start: Any, own: Any, step: Any, facts: Any, error: float, d: int) -> None:
    """Write a path's step, scaled as ``facts`` say, and these: the scale, the error, the largest range.

    The range of a change's eigenvalues is at most √2 times the Frobenius norm of it less its mean diagonal.
    """
    top = 0
    for e in range(len(start)):
        top = max(top, bits(start[e]) & MAGNITUDE)
        for c in range(len(own)):
            top = max(top, bits(own[c, e]) & MAGNITUDE)
    shift = BIAS - 1 - max(top >> EXPONENT_BITS, 1)
    half, rest = power(shift >> 1), power(shift - (shift >> 1))
    facts[0], facts[1], facts[2] = half, rest, error * half * rest
    widest = 0.0
    for e in range(len(start)):
        step[e] = 0.0
    for c in range(len(own)):
        mean = squares = 0.0
        for e in range(len(start)):
            x = own[c, e] * half * rest
            step[e] += x
            mean += x / d if e < d else 0.0
            squares += x * x if e < d else 2 * x * x
        widest = max(widest, squares - d * mean * mean)
    facts[5] = math.sqrt(2 * widest)


@njit(**HELPER)
def _open(k: int, order: Any, paths: Any, first: int, used: int, scaled: Any, work: Any, queue: Any) -> int:
    """Solve the nodes of the paths from ``first`` on, each one cell; return how many wait in the queue."""
    places, start, change, error, found, done = paths
    steps, facts = scaled
    lines, nodes, vectors, out, weights, ends, rooms = work
    d, count, waiting = len(order), 2 * len(order) - 1, 0
    for lane in range(LANES):
        i = first + min(lane, used - 1)
        at, own = i // len(places), i % len(places)
        neuron, known, step = places[own], facts[min(lane, used - 1)], steps[min(lane, used - 1)]
        _measure(start[at, neuron], change[at, :, neuron], step, known, error[at, own], d)
        _draw(start[at, neuron], step, known, lane, lines)
    bands, unknown = rooms[0], fill(lines, math.nan)
    for side in range(2):
        for e in range(count):
            store(bands, e * LANES, load(lines, (count + e) * LANES))
        store(ends, side * LANES, solve(bands, order, side * (d - 1), unknown))
    for n in range(5):
        node, guess = FIRST[n], unknown
        if n > 1:
            one, other = (0, 8) if node == 4 else (node - 2, node + 2)
            guess = 0.5 * (load(nodes, one * LANES) + load(nodes, other * LANES))
        _node(k, order, lines, fill(lines, node / 8), guess, node, nodes, vectors, rooms)
    _extrapolate(order, 0, 2, vectors, weights, out)
    for lane in range(used):
        i = first + lane
        at, own, known = i // len(places), i % len(places), facts[lane]
        known[3], known[4] = ends[0, lane], max(ends[1, lane] - ends[0, lane], 0.0)
        if _settled(order, 0, 2, lane, 1.0, nodes, out, change[at, :, places[own]], known):
            done[at, own] = True
            for e in range(count):
                found[at, own, e] = out[e, lane]
        else:
            _keep(queue[waiting], (1.0 * i, 0.0, 1.0), 0, 2, lane, nodes, vectors)
            waiting += 1
    return waiting


@njit(**HELPER)
def _halve(k: int, order: Any, ends: Any, work: Any) -> None:
    """Solve four nodes between the five of every lane's cell; ``ends`` are left ends and widths."""
    lines, nodes, vectors, _, _, _, rooms = work
    for n in range(4):
        guess = fill(lines, 0.0)
        for m in range(5):
            guess = guess + (MIDDLES[n, m] / 128) * load(nodes, 2 * m * LANES)
        t = load(ends, 0) + ((2 * n + 1) / 8) * load(ends, LANES)
        _node(k, order, lines, t, guess, 2 * n + 1, nodes, vectors, rooms)


@njit(**HELPER)
def _judge(order: Any, side: int, i: int, lane: int, paths: Any, known: Any, work: Any, cell: Any) -> int:
    """Add one half of a lane's cell, the right one first, or write it into ``cell``; return how many wait."""
    places, _, change, _, found, _ = paths
    _, nodes, vectors, out, _, ends, _ = work
    at, own, half, first = i // len(places), i % len(places), ends[1, lane] / 2, 4 * (1 - side)
    if _settled(order, first, 1, lane, half, nodes, out, change[at, :, places[own]], known):
        for e in range(2 * len(order) - 1):
            found[at, own, e] += half * out[e, lane]
        return 0
    _keep(cell, (1.0 * i, ends[0, lane] + (1 - side) * half, half), first, 1, lane, nodes, vectors)
    return 1


@compiled
def _integrate(
    k: int,
    order: Any,
    places: IntArray,
    start: FloatArray,
    change: FloatArray,
    error: FloatArray,
    first: int,
    last: int,
    found: FloatArray,
    done: npt.NDArray[np.bool_],
) -> int:
    """Integrate the paths ``first`` to ``last``; return how many eigenpairs were computed.

    Path i is start ``i // len(places)`` of neuron ``places[i % len(places)]``. Cells wait in ``queue``, one a
    path, and in a stack of every lane.
    """
    d, count, size = len(order), 2 * len(order) - 1, HEAD + 5 * len(order)
    paths = places, start, change, error, found, done
    rooms = scratch(start, order), scratch(start, order), scratch(start, order)
    lines, nodes, ends = np.zeros((2 * count, LANES)), np.zeros((3, 9, LANES)), np.zeros((2, LANES))
    vectors, out, weights = np.zeros((9, d, LANES)), np.zeros((2 * count + 1, LANES)), np.empty((2, 7))
    weights[0], weights[1] = SUM, DIFFERENCE
    work = lines, nodes, vectors, out, weights, ends, rooms
    steps, facts = np.empty((last - first, count)), np.empty((last - first, 6))
    queue, stacks, waiting = np.empty((LANES, size)), np.empty((LANES, HALVINGS + 2, size)), 0
    depth, halved, path = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64), np.full(LANES, -1)
    evaluations, following = 0, first
    while True:
        for lane in range(LANES):
            if depth[lane] == 0 and waiting:
                waiting -= 1
                stacks[lane, 0] = queue[waiting]
                depth[lane], halved[lane] = 1, 0
        if not waiting and following < last:
            used, own = min(LANES, last - following), following - first
            scaled = steps[own : own + used], facts[own : own + used]
            waiting = _open(k, order, paths, following, used, scaled, work, queue)
            following, evaluations = following + used, evaluations + 5 * used
            continue
        active = 0
        for lane in range(LANES):
            path[lane] = -1
            if depth[lane]:
                depth[lane], halved[lane], active = depth[lane] - 1, halved[lane] + 1, active + 1
                cell = stacks[lane, depth[lane]]
                i = path[lane] = int(cell[0])
                ends[0, lane], ends[1, lane] = cell[1], cell[2]
                _draw(start[i // len(places), places[i % len(places)]], steps[i - first], facts[i - first],
                      lane, lines)  # fmt: skip
                _recall(cell, lane, nodes, vectors)
        if active == 0:
            return evaluations
        evaluations += 4 * active
        _halve(k, order, ends, work)
        for side in range(2):
            _extrapolate(order, 4 * (1 - side), 1, vectors, weights, out)
            for lane in range(LANES):
                i = path[lane]
                if i >= 0:
                    cell = stacks[lane, depth[lane]]
                    depth[lane] += _judge(order, side, i, lane, paths, facts[i - first], work, cell)
                if i >= 0 and side:
                    done[i // len(places), i % len(places)] = depth[lane] == 0
                    depth[lane] = 0 if halved[lane] >= HALVINGS else depth[lane]
