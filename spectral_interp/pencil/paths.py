"""Integrals of ``v(t)ᵀ A v(t)`` along straight paths of tridiagonal matrices, sixteen paths side by side.

With v(t) the eigenvector of λ_k at ``A + t D``, Hellmann and Feynman's ``dλ_k/dt = v(t)ᵀ D v(t)`` gives one
component of the integral, over a cell [s, t], of the factors of D's entries: its product with D is
``(λ_k(t) − λ_k(s)) / (t − s)``. Boole's rule, of sixth order, gives the integrals of all entries from five
equidistant nodes. They are replaced with the nearest values that have this product and, as before, trace 1.
The sum is then exact, and the integrals as a whole get no further from the truth. A single contribution may,
so the largest correction of a contribution counts as an error. There is no correction if the changes nearly
cancel in D, so that rounding errors alone could cause a correction above the tolerance. A cell is halved
until Simpson's rule agrees, the corrections are small, the eigenvectors of adjacent nodes are alike, *and* no
crossing can hide between two nodes.

Each of the sixteen lanes advances its own path, with a stack of cells; when the path has ended, another takes
its place. Paths that need many cells, such as those along a multiple eigenvalue, are left to
:mod:`..attribution.secants`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from .._common.arrays import FloatArray, IntArray
from ..eigen.compiling import HELPER, compiled
from ..eigen.engine import spread
from ..eigen.kernel import BIAS, EXPONENT_BITS, MAGNITUDE, bits, power
from ..eigen.lanes import (
    LANES,
    MOST,
    dim,
    fill,
    larger,
    load,
    scratch,
    smaller,
    sqrt,
    store,
    where,
)
from ..eigen.small import gaps, order_of, solve, vector
from .structures import Structure, Tridiagonal

AGREE = 0.2  # permitted difference of the rules in a cell over the root of its width, relative to the error
OVERLAP = 0.85  # least product of the eigenvectors of two adjacent nodes: coarser rules may agree by accident
SAFETY = 1.25  # factor on the reach of a neighbour of λ_k's chord, as λ_k is not straight
NEAR = 1 / 4  # least time, in distances between nodes, that a neighbour needs to reach λ_k
NOISE = 2.0**-44  # bound of rounding errors of eigenvalues, if the largest entry is about one
SMALL = 1 / 16  # share of the permitted error in a cell that is too narrow to matter
HALVINGS = 512  # maximum for a path; paths that need more are left to attribution/secants.py
DEEPEST = 48  # maximum number of halvings of a cell

MIDDLES = np.array(
    [[35, 140, -70, 28, -5], [-5, 60, 90, -20, 3], [3, -20, 90, 60, -5], [-5, 28, -70, 140, 35]]
)
"""128 times the values of the polynomial through five equidistant points, at the points in between."""
FIRST = np.array([0, 8, 4, 2, 6])
"""Nodes of a path, in eighths, in the order of solution."""
HEAD = 17
"""Entries of a cell before its vectors: left end, width, and λ, gap above and gap below of five nodes."""
SCALE, REST, ERROR, SLOWEST, SPEED, RANGE, MEAN, SQUARES, GAIN = range(9)
"""Properties of a path: its scale in two factors, the permitted error, and the following.

The lowest speed of eigenvalues, the difference to the highest one, and the largest range of a change's
eigenvalues; with ``D' = D − (tr D / d) I``, the values ``tr D / d``, the sum of the squared entries
of D', and the largest correction of a part of a contribution, as a multiple of the rule's error in the sum.
"""


def takes(structure: Structure) -> bool:
    """Return whether there is a kernel for matrices of a structure."""
    return isinstance(structure, Tridiagonal) and 2 <= structure.dim <= MOST


def integrate(
    structure: Structure, k: int, own: IntArray, start: FloatArray, change: FloatArray, error: FloatArray
) -> tuple[FloatArray, FloatArray, int]:
    """Return the integrals of the factors of A's entries in ``vᵀ A v`` along straight paths.

    Parameters
    ----------
    structure : Structure
    k : int
    own : ndarray of int, shape (N',)
        Indices of the neurons to use.
    start : ndarray, shape (m, N, E)
    change : ndarray, shape (m, c, N, E)
        The change, with one part per column.
    error : ndarray, shape (m, N')
        Bounds of the error of every contribution.

    Returns
    -------
    integrals : ndarray, shape (m, N', E)
    estimate : ndarray, shape (m, N')
        Estimate of the largest error of a contribution; infinite if a path has not been integrated.
    evaluations : int
    """
    shape = len(start), len(own)
    found, estimate = np.zeros((*shape, structure.n_entries)), np.full(shape, np.inf)
    if not takes(structure) or not np.isfinite(start).all() or not np.isfinite(change).all():
        return found, estimate, 0
    start, change, error = (np.ascontiguousarray(array) for array in (start, change, error))
    order = order_of(structure.dim)

    def part(first: int, last: int) -> int:
        return int(_integrate(k, order, own, start, change, error, first, last, found, estimate))

    items = estimate.size
    return found, estimate, spread(part, items, items * 32 * structure.dim)


# ------------------------------------------------------------------------------------- nodes of sixteen paths


@njit(**HELPER)
def _node(
    k: int, order: Any, lines: Any, t: Any, guess: Any, node: int, nodes: Any, vectors: Any, rooms: Any
) -> None:
    """Solve at t: write λ and the gaps above and below into ``nodes``, (3, 9, LANES), and the vectors."""
    d, count = dim(order), 2 * dim(order) - 1
    bands, above, below = rooms
    for e in range(count):
        store(bands, e * LANES, load(lines, e * LANES) + t * load(lines, (count + e) * LANES))
    x = solve(bands, order, k, guess)
    up, down = gaps(bands, order, x)
    infinite = fill(bands, math.inf)
    store(nodes, node * LANES, x)
    store(nodes, (9 + node) * LANES, up if k < d - 1 else infinite)
    store(nodes, (18 + node) * LANES, down if k > 0 else infinite)
    vector(bands, order, x, above, below, vectors, node * d * LANES)


# ---------------------------------------------------------------------------------------- cells of five nodes


@njit(**HELPER)
def _rules(order: Any, first: int, stride: int, vectors: Any, sums: Any) -> Any:
    """Write the entries by Boole's rule, and the difference to Simpson's rule; return the least overlap.

    The nodes are ``first + stride · (0 … 4)``; ``sums`` has the shape (2 E, LANES).
    """
    d, count = dim(order), 2 * dim(order) - 1
    zero, step = fill(vectors, 0.0), stride * d * LANES
    at = first * d * LANES
    f0, f1, f2, f3, f4 = zero, zero, zero, zero, zero
    o0, o1, o2, o3 = zero, zero, zero, zero
    for j in range(d):
        v0, v1 = load(vectors, at + j * LANES), load(vectors, at + step + j * LANES)
        v2, v3 = load(vectors, at + 2 * step + j * LANES), load(vectors, at + 3 * step + j * LANES)
        v4 = load(vectors, at + 4 * step + j * LANES)
        o0, o1, o2, o3 = o0 + v0 * v1, o1 + v1 * v2, o2 + v2 * v3, o3 + v3 * v4
        outer, inner, middle = v0 * v0 + v4 * v4, v1 * v1 + v3 * v3, v2 * v2
        store(sums, j * LANES, (7 / 90) * outer + (32 / 90) * inner + (12 / 90) * middle)
        store(sums, (count + j) * LANES, (4 / 180) * inner - (1 / 180) * outer - (6 / 180) * middle)
        if j > 0:
            outer, inner, middle = f0 * v0 + f4 * v4, f1 * v1 + f3 * v3, f2 * v2
            e = d + j - 1
            store(sums, e * LANES, (7 / 45) * outer + (32 / 45) * inner + (12 / 45) * middle)
            store(sums, (count + e) * LANES, (4 / 90) * inner - (1 / 90) * outer - (6 / 90) * middle)
        f0, f1, f2, f3, f4 = v0, v1, v2, v3, v4
    return smaller(smaller(abs(o0), abs(o1)), smaller(abs(o2), abs(o3)))


@njit(**HELPER)
def _largest(order: Any, columns: int, own: Any, sums: Any) -> Any:
    """Return the largest diagonal or coupling part, over the columns, of the two rules' difference."""
    d, count = dim(order), 2 * dim(order) - 1
    found = fill(sums, 0.0)
    for c in range(columns):
        diagonal, coupling = fill(sums, 0.0), fill(sums, 0.0)
        for e in range(d):
            diagonal = diagonal + load(own, (c * count + e) * LANES) * load(sums, (count + e) * LANES)
        for e in range(d, count):
            coupling = coupling + load(own, (c * count + e) * LANES) * load(sums, (count + e) * LANES)
        found = larger(larger(abs(diagonal), abs(coupling)), found)
    return found


@njit(**HELPER)
def _isolated(first: int, stride: int, width: Any, facts: Any, nodes: Any) -> Any:
    """Return the factor by which the gaps exceed those at which a neighbour could touch λ_k between nodes.

    Eigenvalues move with speeds between those of ``λ_min(D)`` and ``λ_max(D)``, λ_k itself with about the
    speed of its chord. A neighbour above needs at least ``gap / (chord − λ_min)`` to reach it from the left
    node and ``gap / (λ_max − chord)`` from the right one; for a neighbour below the two are interchanged. A
    crossing just beyond a node turns the eigenvector as well, so every gap is also tested separately.
    """
    apart = 0.25 * width
    slowest, speed = load(facts, SLOWEST * LANES), larger(load(facts, SPEED * LANES), 1e-300)
    reach = speed * apart
    at = first * LANES
    nearest = smaller(load(nodes, at + 9 * LANES), load(nodes, at + 18 * LANES))
    times = nearest / (NEAR * reach)
    for m in range(4):
        left, right = at + stride * m * LANES, at + stride * (m + 1) * LANES
        above, below = load(nodes, left + 9 * LANES), load(nodes, left + 18 * LANES)
        next_above, next_below = load(nodes, right + 9 * LANES), load(nodes, right + 18 * LANES)
        chord = (load(nodes, right) - load(nodes, left)) / apart
        down = smaller(larger((chord - slowest) / speed, 0.0), 1.0)
        up = 1.0 - down
        room = smaller(above * up + next_above * down, below * down + next_below * up)
        room = where(up * down > 0.0, room, math.inf)
        times = smaller(room / larger(SAFETY * reach * down * up, 1e-300), times)
        times = smaller(smaller(next_above, next_below) / (NEAR * reach), times)
    return times


@njit(**HELPER)
def _judge(order: Any, columns: int, first: int, stride: int, width: Any, path: Any, cells: Any) -> Any:
    """Write the integrals over a cell of every lane; return error bounds, infinite if not final."""
    lines, own, facts = path
    nodes, vectors, sums = cells
    d, count, zero = dim(order), 2 * dim(order) - 1, fill(sums, 0.0)
    overlap = _rules(order, first, stride, vectors, sums)
    worst = _largest(order, columns, own, sums)
    known = zero
    for e in range(count):
        known = known + load(lines, (count + e) * LANES) * load(sums, e * LANES)
    rise = load(nodes, (first + 4 * stride) * LANES) - load(nodes, first * LANES)
    missing = rise / width - known
    share, mean = missing / load(facts, SQUARES * LANES), load(facts, MEAN * LANES)
    for e in range(count):
        step = load(lines, (count + e) * LANES) - (mean if e < d else zero)
        store(sums, e * LANES, load(sums, e * LANES) + share * step)
    error, most = load(facts, ERROR * LANES), width * load(facts, RANGE * LANES)
    wrong = width * larger(worst, load(facts, GAIN * LANES) * abs(missing))
    close = (wrong <= AGREE * error * sqrt(width)) & (overlap >= OVERLAP)
    close = close & (_isolated(first, stride, width, facts, nodes) >= 1.0)
    narrow = (most <= SMALL * error) & (abs(missing) < math.inf)  # not NaN
    return where(close, wrong, where(narrow, most, fill(sums, math.inf)))


# ------------------------------------------------------------------------------------------- cells of a path


@njit(**HELPER)
def _keep(cell: Any, left: float, width: float, first: int, stride: int, lane: int, cells: Any) -> None:
    """Write a cell that will be halved: its left end, its width, and the results at its nodes."""
    nodes, vectors, _ = cells
    cell[0], cell[1] = left, width
    d = vectors.shape[1]
    for m in range(5):
        at = first + stride * m
        for part in range(3):
            cell[2 + 5 * part + m] = nodes[part, at, lane]
        for j in range(d):
            cell[HEAD + m * d + j] = vectors[at, j, lane]


@njit(**HELPER)
def _recall(cell: Any, lane: int, ends: Any, cells: Any) -> None:
    """Put the results of a cell into a lane, at every other node."""
    nodes, vectors, _ = cells
    ends[0, lane], ends[1, lane] = cell[0], cell[1]
    d = vectors.shape[1]
    for m in range(5):
        for part in range(3):
            nodes[part, 2 * m, lane] = cell[2 + 5 * part + m]
        for j in range(d):
            vectors[2 * m, j, lane] = cell[HEAD + m * d + j]


@njit(**HELPER)
def _draw(start: Any, change: Any, known: Any, lane: int, path: Any) -> None:
    """Put the scaled matrices and the properties of a path into a lane."""
    lines, own, facts = path
    count, half, rest = len(start), known[SCALE], known[REST]
    for e in range(count):
        lines[e, lane] = start[e] * half * rest
        lines[count + e, lane] = 0.0
    for c in range(len(change)):
        for e in range(count):
            x = change[c, e] * half * rest
            own[c, e, lane] = x
            lines[count + e, lane] += x
    for n in range(len(known)):
        facts[n, lane] = known[n]


@njit(**HELPER)
def _measure(start: Any, change: Any, error: float, known: Any) -> None:
    """Write the scale of a path, which brings the largest magnitude into [1/2, 1), and the scaled error."""
    top = 0
    for e in range(len(start)):
        top = max(top, bits(start[e]) & MAGNITUDE)
        for c in range(len(change)):
            top = max(top, bits(change[c, e]) & MAGNITUDE)
    shift = BIAS - 1 - max(top >> EXPONENT_BITS, 1)
    half, rest = power(shift >> 1), power(shift - (shift >> 1))
    known[SCALE], known[REST], known[ERROR] = half, rest, error * half * rest


@njit(**HELPER)
def _compare(order: Any, columns: int, path: Any) -> None:
    """Write the properties of every lane from ``RANGE`` on, which compare the changes with their sum D.

    The range of a change's eigenvalues is at most √2 times the Frobenius norm of the change less its mean
    diagonal (Mirsky 1956). If the rule's sum has an error m, the correction adds ``m D' / (D' · D')`` to the
    integrals and ``m (Δ_c · D') / (D' · D')`` to a contribution. If rounding errors in m alone may make this
    exceed the permitted error, there is no correction: ``D' · D'`` is infinite.
    """
    lines, own, facts = path
    d, count, zero = dim(order), 2 * dim(order) - 1, fill(facts, 0.0)
    trace, squares = zero, zero
    for j in range(d):
        trace = trace + load(lines, (count + j) * LANES)
    mean = trace * (1.0 / d)
    for e in range(count):
        x = load(lines, (count + e) * LANES) - (mean if e < d else zero)
        squares = squares + x * x
    widest, most = zero, zero
    for c in range(columns):
        trace, norm, diagonal, coupling = zero, zero, zero, zero
        for e in range(count):
            x, y = load(own, (c * count + e) * LANES), load(lines, (count + e) * LANES)
            if e < d:
                trace, norm, diagonal = trace + x, norm + x * x, diagonal + x * (y - mean)
            else:
                norm, coupling = norm + 2.0 * x * x, coupling + x * y
        widest = larger(norm - trace * trace * (1.0 / d), widest)
        most = larger(larger(abs(diagonal), abs(coupling)), most)
    gain = larger(most / squares, fill(facts, 1.0))
    safe = (NOISE * most <= squares * load(facts, ERROR * LANES)) & (squares > 0.0)
    store(facts, RANGE * LANES, sqrt(2.0 * widest))
    store(facts, MEAN * LANES, mean)
    store(facts, SQUARES * LANES, where(safe, squares, math.inf))
    store(facts, GAIN * LANES, where(safe, gain, 1.0))


@njit(**HELPER)
def _open(k: int, order: Any, paths: Any, first: int, used: int, known: Any, work: Any, queue: Any) -> int:
    """Solve the nodes of the paths from ``first`` on, one cell each; return the length of the queue."""
    places, start, change, error, found, estimate = paths
    path, cells, ends, rooms = work
    lines, _, facts = path
    nodes, vectors, sums = cells
    d, count, waiting = dim(order), 2 * dim(order) - 1, 0
    for lane in range(LANES):
        i = min(lane, used - 1)
        at, own = (first + i) // len(places), (first + i) % len(places)
        matrices = start[at, places[own]], change[at, :, places[own]]
        if lane < used:
            _measure(matrices[0], matrices[1], error[at, own], known[i])
        _draw(matrices[0], matrices[1], known[i], lane, path)
    _compare(order, change.shape[1], path)
    bands, unknown = rooms[0], fill(lines, math.nan)
    for side in range(2):
        for e in range(count):
            store(bands, e * LANES, load(lines, (count + e) * LANES))
        store(ends, side * LANES, solve(bands, order, side * (d - 1), unknown))
    store(facts, SLOWEST * LANES, load(ends, 0))
    store(facts, SPEED * LANES, larger(load(ends, LANES) - load(ends, 0), 0.0))
    for lane in range(used):
        for n in range(len(facts)):
            known[lane, n] = facts[n, lane]
    for n in range(5):
        node, guess = FIRST[n], unknown
        if n > 1:
            one, other = (0, 8) if node == 4 else (node - 2, node + 2)
            guess = 0.5 * (load(nodes, one * LANES) + load(nodes, other * LANES))
        _node(k, order, lines, fill(lines, node / 8), guess, node, nodes, vectors, rooms)
    store(ends, 0, _judge(order, change.shape[1], 0, 2, fill(lines, 1.0), path, cells))
    for lane in range(used):
        at, own = (first + lane) // len(places), (first + lane) % len(places)
        if ends[0, lane] < math.inf:
            estimate[at, own] = ends[0, lane] / known[lane, SCALE] / known[lane, REST]
            for e in range(count):
                found[at, own, e] = sums[e, lane]
        else:
            queue[waiting, 0] = first + lane
            _keep(queue[waiting, 1:], 0.0, 1.0, 0, 2, lane, cells)
            waiting += 1
    return waiting


@njit(**HELPER)
def _halve(k: int, order: Any, ends: Any, lines: Any, cells: Any, rooms: Any) -> None:
    """Solve four nodes between the five of every lane's cell; ``ends`` are left ends and widths."""
    nodes, vectors, _ = cells
    for n in range(4):
        guess = fill(lines, 0.0)
        for m in range(5):
            guess = guess + (MIDDLES[n, m] / 128) * load(nodes, 2 * m * LANES)
        t = load(ends, 0) + ((2 * n + 1) / 8) * load(ends, LANES)
        _node(k, order, lines, t, guess, 2 * n + 1, nodes, vectors, rooms)


@njit(**HELPER)
def _add_halves(order: Any, columns: int, ends: Any, path: Any, cells: Any, wrong: Any, totals: Any) -> None:
    """Test both halves of every lane's cell (see ``wrong``), and add the final ones to the totals."""
    count, half = 2 * dim(order) - 1, 0.5 * load(ends, LANES)
    for m in range(2):
        side = 1 - m
        estimated = _judge(order, columns, 4 * side, 1, half, path, cells)
        store(wrong, side * LANES, estimated)
        final = estimated < math.inf
        for e in range(count):
            more = where(final, half * load(cells[2], e * LANES), 0.0)
            store(totals, e * LANES, load(totals, e * LANES) + more)
        store(totals, count * LANES, load(totals, count * LANES) + where(final, estimated, 0.0))


@njit(**HELPER)
def _push(stack: Any, depth: int, lane: int, ends: Any, wrong: Any, cells: Any) -> int:
    """Put the halves of a lane's cell that are not final onto its stack; return its new depth."""
    width = ends[1, lane] / 2
    for m in range(2):
        side = 1 - m
        if not wrong[side, lane] < math.inf:
            _keep(stack[depth], ends[0, lane] + side * width, width, 4 * side, 1, lane, cells)
            depth += 1
    return depth


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
    estimate: FloatArray,
) -> int:
    """Integrate the paths ``first`` to ``last``; return the number of eigenpairs computed.

    Path i is start ``i // len(places)`` of neuron ``places[i % len(places)]``. Cells wait in ``queue``, one
    per path, and in each lane's stack; ``totals`` has the integrals of the final cells, followed by their
    estimates.
    """
    d, count, columns, size = dim(order), 2 * dim(order) - 1, change.shape[1], HEAD + 5 * dim(order)
    paths = places, start, change, error, found, estimate
    rooms = scratch(start, order), scratch(start, order), scratch(start, order)
    new = np.empty((2 * count, LANES)), np.empty((columns, count, LANES)), np.empty((9, LANES))
    path = np.zeros((2 * count, LANES)), np.zeros((columns, count, LANES)), np.ones((9, LANES))
    cells = np.zeros((3, 9, LANES)), np.zeros((9, d, LANES)), np.zeros((2 * count, LANES))
    ends, wrong, totals = np.ones((2, LANES)), np.zeros((2, LANES)), np.zeros((count + 1, LANES))
    known = np.empty((last - first, 9))
    queue, stacks, waiting = np.empty((LANES, 1 + size)), np.empty((LANES, DEEPEST + 2, size)), 0
    depth, halved, item = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64), np.full(LANES, -1)
    evaluations, following = 0, first
    while True:
        for lane in range(LANES):
            if depth[lane] == 0 and waiting:
                waiting -= 1
                i = item[lane] = int(queue[waiting, 0])
                at, neuron = i // len(places), places[i % len(places)]
                for n in range(size):
                    stacks[lane, 0, n] = queue[waiting, 1 + n]
                depth[lane], halved[lane] = 1, 0
                for e in range(count + 1):
                    totals[e, lane] = 0.0
                _draw(start[at, neuron], change[at, :, neuron], known[i - first], lane, path)
        if not waiting and following < last:
            used, own = min(LANES, last - following), following - first
            waiting = _open(k, order, paths, following, used, known[own : own + used],
                            (new, cells, wrong, rooms), queue)  # fmt: skip
            following, evaluations = following + used, evaluations + 5 * used
            continue
        active = 0
        for lane in range(LANES):
            if depth[lane]:
                depth[lane], halved[lane], active = depth[lane] - 1, halved[lane] + 1, active + 1
                _recall(stacks[lane, depth[lane]], lane, ends, cells)
        if active == 0:
            return evaluations
        evaluations += 4 * active
        _halve(k, order, ends, path[0], cells, rooms)
        _add_halves(order, columns, ends, path, cells, wrong, totals)
        for lane in range(LANES):
            if item[lane] < 0:
                continue
            depth[lane] = _push(stacks[lane], depth[lane], lane, ends, wrong, cells)
            lost = depth[lane] > DEEPEST or halved[lane] >= HALVINGS
            if depth[lane] == 0 or lost:
                i, item[lane], depth[lane] = item[lane], -1, 0
                if not lost:
                    at, own, facts = i // len(places), i % len(places), known[i - first]
                    estimate[at, own] = totals[count, lane] / facts[SCALE] / facts[REST]
                    for e in range(count):
                        found[at, own, e] = totals[e, lane]
