"""One eigenvalue of sixteen tridiagonal matrices of order <= 32 side by side, to float64's rounding error.

Like :mod:`.laguerre`, but for explanations instead of training: no accuracy is lost to a tolerance, and
matrices may have any scale. A lane that has converged is not changed any more, so the result for a matrix
does not depend on the others. An order is a tuple of d zeros up to ``UNROLLED``, and a number beyond it
(:func:`order_of`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import carray, njit

from .compiling import HELPER, compiled
from .kernel import BIAS, EXPONENT_BITS, INFINITE, MAGNITUDE, STRIDE, bits, power
from .lanes import LANES, all_of, dim, fill, larger, load, scratch, shrinking, smaller, sqrt, store, where

UNROLLED = 8
"""Largest order that is known to the compiler; up to it the minors stay within the range of float64."""

FLOOR = 1e-34
"""Least squared coupling of scaled matrices."""

OUTER, SPACING = 1.3, 0.7
"""The extreme eigenvalues, and the distance between neighbours, in standard deviations of a spectrum."""

RESOLUTION = 2.0**-53
"""Length of the last step, and half the width of the last bracket, relative to the spectrum's bounds."""

TINY = 1e-150
"""Replacement of vanishing pivots, for matrices whose entries are about one."""

SAFE = 2.0**-500
"""Matrices whose size is not between this number and its reciprocal are scaled one by one."""

HALLEY = 4
"""Number of steps on a characteristic polynomial after the first, which is Laguerre's."""

NEWTON = 2.0**-32
"""Length of the longest last Newton step, relative to the matrix."""

FEW = 5
"""Number of sweeps after which most lanes have converged."""

BEYOND = 2.0**40
"""Number above any bound of the spectrum of scaled matrices."""

PATIENCE, SWEEPS = 16, 120
"""Number of sweeps after which brackets are only halved, and maximum number, never reached."""

Reals = npt.NDArray[np.float64]


def order_of(d: int) -> Any:
    """Return the order d in the kernels' form; see :func:`.lanes.dim`."""
    return (0,) * d if d <= UNROLLED else d


@njit(**HELPER)
def scale_lanes(bands: Any, order: Any, shifts: Any) -> Any:
    """Scale matrices by powers of two, the sum of magnitudes to [1, 2); return the inverse factor.

    ``shifts``, (2, LANES), gets for every lane the exponent of a previous scaling, 0 except for huge and tiny
    matrices, and 1 if an entry is NaN or infinite; these matrices become zero.
    """
    count = 2 * dim(order) - 1
    size = fill(bands, 0.0)
    for e in range(count):
        size = size + abs(load(bands, e * LANES))
    for lane in range(LANES):
        shifts[0, lane] = shifts[1, lane] = 0
    if not all_of((size > SAFE) & (size < 1 / SAFE)):
        _scale_apart(bands, count, shifts)
        size = fill(bands, 0.0)
        for e in range(count):
            size = size + abs(load(bands, e * LANES))
    scale = shrinking(larger(size, SAFE))
    for e in range(count):
        store(bands, e * LANES, scale * load(bands, e * LANES))
    return 1.0 / scale


@njit(**HELPER)
def _scale_apart(bands: Any, count: int, shifts: Any) -> None:
    """Bring the largest magnitude of huge and tiny lanes into [1/2, 1); those with a NaN become zero."""
    entries = carray(bands, (count, LANES))
    for lane in range(LANES):
        size, top = 0.0, 0
        for e in range(count):
            size += abs(entries[e, lane])
            top = max(top, bits(entries[e, lane]) & MAGNITUDE)
        if SAFE < size < 1 / SAFE:
            continue
        if top == 0 or top >= INFINITE:
            shifts[1, lane] = 1 if top else 0
            for e in range(count):
                entries[e, lane] = 0.0
            continue
        exponent = top >> EXPONENT_BITS
        if exponent == 0:  # subnormal: the integer itself is the significand
            exponent = (bits(float(top)) >> EXPONENT_BITS) - BIAS - 51
        shift = BIAS - 1 - exponent
        shifts[0, lane] = shift
        half = shift >> 1
        for e in range(count):
            entries[e, lane] = entries[e, lane] * power(half) * power(shift - half)


@njit(**HELPER)
def _bounds(bands: Any, order: Any) -> Any:
    """Return Gershgorin's bounds of the spectra, and their means and standard deviations."""
    d = dim(order)
    before, low, high = fill(bands, 0.0), fill(bands, BEYOND), fill(bands, -BEYOND)
    mean, square = fill(bands, 0.0), fill(bands, 0.0)
    for j in range(d):
        after = abs(load(bands, (d + j) * LANES)) if j < d - 1 else fill(bands, 0.0)
        centre = load(bands, j * LANES)
        low = smaller(low, centre - (before + after))
        high = larger(high, centre + (before + after))
        mean = mean + centre
        square = square + 2.0 * (after * after)
        before = after
    mean = mean * (1.0 / d)
    for j in range(d):
        distance = load(bands, j * LANES) - mean
        square = square + distance * distance
    return low, high, mean, sqrt(square * (1.0 / d))


@njit(**HELPER)
def _minors(bands: Any, squares: Any, order: Any, x: Any) -> Any:
    """Return det (x - T), its derivative, half the second one, and the number of eigenvalues below x.

    ``squares`` holds the squared couplings, from index 1 on. A power of two, 1 up to order STRIDE + 1,
    multiplies the three determinants.
    """
    d = dim(order)
    one, zero = fill(bands, 1.0), fill(bands, 0.0)
    p = x - load(bands, 0)
    p1, dp, dp1, hp, hp1 = one, one, zero, zero, zero
    positive = p >= 0.0
    count = where(positive, one, 0.0)
    for first in range(1, d, STRIDE):
        if first > 1:
            scale = shrinking(larger(abs(p), abs(p1)))
            p, dp, hp = scale * p, scale * dp, scale * hp
            p1, dp1, hp1 = scale * p1, scale * dp1, scale * hp1
        for j in range(first, min(first + STRIDE, d)):
            t = x - load(bands, j * LANES)
            b = load(squares, j * LANES)
            q = t * p - b * p1
            dq = t * dp - b * dp1 + p
            hq = t * hp - b * hp1 + dp
            before, positive = positive, q >= 0.0
            count = count + where(before == positive, one, 0.0)
            p1, dp1, hp1 = p, dp, hp
            p, dp, hp = q, dq, hq
    return p, dp, hp, count


# Up to order UNROLLED, most matrices are solved by their characteristic polynomial, expanded at the start: a
# step on it costs a fraction of a step on the matrix. Between the neighbours of eigenvalue k Laguerre's step
# is
#     -d p / (p' + σ r),    r² = (d - 1)² p'² - d (d - 1) p p",    σ = (-1)^(d - 1 - k) on either side of it,
# and Halley's, which has no root and is as good near the eigenvalue, is p p' / (p p" / 2 - p'²). The
# coefficients have significant rounding errors, so the last step is Newton's, on the minors of the matrix at
# the point found. It squares the distance, and the Sturm count there proves which eigenvalue it is.


@njit(**HELPER)
def _expand(bands: Any, order: Any, x: Any, room: Any) -> Any:
    """Write the coefficients of ``det (x + u - T)`` as a polynomial in u; return the largest of |x - a_j|."""
    d, one = dim(order), fill(bands, 1.0)
    t = x - load(bands, 0)
    size = abs(t)
    store(room, 0, t)
    store(room, LANES, one)
    store(room, (d + 1) * LANES, one)  # from here on, those of the previous minor
    for j in range(1, d):
        t = x - load(bands, j * LANES)
        b = load(bands, (d + j - 1) * LANES)
        b = larger(b * b, FLOOR)
        size = larger(size, abs(t))
        for m in range(d):
            i = d - 1 - m
            if i <= j:
                now = load(room, i * LANES)
                q = t * now
                if i > 0:
                    q = q + load(room, (i - 1) * LANES)
                if i < j:
                    q = q - b * load(room, (d + 1 + i) * LANES)
                store(room, (d + 1 + i) * LANES, now)
                store(room, i * LANES, q)
        store(room, (j + 1) * LANES, one)
    return size


@njit(**HELPER)
def _horner(room: Any, order: Any, u: Any) -> Any:
    """Return the polynomial, its derivative and half the second one at u."""
    d = dim(order)
    p, dp, hp = u + load(room, (d - 1) * LANES), fill(u, 1.0), fill(u, 0.0)
    for m in range(1, d):
        hp = hp * u + dp
        dp = dp * u + p
        p = p * u + load(room, (d - 1 - m) * LANES)
    return p, dp, hp


@njit(**HELPER)
def quick(bands: Any, order: Any, k: int) -> Any:
    """Return eigenvalue k of scaled matrices of order <= UNROLLED, and a mask of the lanes with success."""
    d, room = dim(order), scratch(bands, order)
    sigma = 1.0 - 2.0 * ((d - 1 - k) & 1)
    start = _middle(bands, order, k)
    size = _expand(bands, order, start, room)
    p, dp, hp = load(room, 0), load(room, LANES), load(room, 2 * LANES)
    root = sqrt(larger((d - 1.0) * (d - 1.0) * dp * dp - (2.0 * d * (d - 1.0)) * p * hp, 0.0))
    u = -d * p / (dp + sigma * root)
    for _ in range(HALLEY):
        p, dp, hp = _horner(room, order, u)
        u = u + p * dp / (p * hp - dp * dp)
    x = start + u
    p, dp, count = _slope(bands, order, x)
    h = p / dp
    tol = RESOLUTION * (abs(x) + size)
    found = (abs(count - (k + 0.5)) < 0.75) & (sigma * dp > 0.0)
    return x - h, found & (abs(h) <= NEWTON * size) & (h * h * abs(hp) <= tol * abs(dp))


@njit(**HELPER)
def _middle(bands: Any, order: Any, k: int) -> Any:
    """Return an estimate of eigenvalue k, from the mean and the standard deviation of the spectrum."""
    d = dim(order)
    mean, square = load(bands, 0), fill(bands, 0.0)
    for j in range(1, d):
        mean = mean + load(bands, j * LANES)
    mean = mean * (1.0 / d)
    if 2 * k + 1 == d:
        return mean
    for j in range(d):
        distance = load(bands, j * LANES) - mean
        square = square + distance * distance
    for j in range(d, 2 * d - 1):
        square = square + 2.0 * load(bands, j * LANES) * load(bands, j * LANES)
    return mean + (OUTER * (2 * k + 1 - d) / (d - 1)) * sqrt(square * (1.0 / d))


@njit(**HELPER)
def _slope(bands: Any, order: Any, x: Any) -> Any:
    """Return det (x - T), its derivative, and the number of eigenvalues below x, for orders <= UNROLLED."""
    d = dim(order)
    one = fill(bands, 1.0)
    p = x - load(bands, 0)
    p1, dp, dp1 = one, one, fill(bands, 0.0)
    positive = p >= 0.0
    count = where(positive, one, 0.0)
    for j in range(1, d):
        t = x - load(bands, j * LANES)
        b = load(bands, (d + j - 1) * LANES)
        b = larger(b * b, FLOOR)
        q = t * p - b * p1
        dq = t * dp - b * dp1 + p
        before, positive = positive, q >= 0.0
        count = count + where(before == positive, one, 0.0)
        p1, dp1, p, dp = p, dp, q, dq
    return p, dp, count


# Laguerre's step (see laguerre.py) converges cubically to a simple eigenvalue. After two consecutive steps h
# < h', the next step is thus about h (h / h')³, and a step is the last one if that is less than the
# resolution. If several eigenvalues are closer to each other than to x, a step leaves at least a quarter of
# the distance, so h <= h' / 8 shows that convergence is cubic. The Sturm counts are exact for matrices that
# differ by rounding errors, and so is the bracket that they maintain.


@njit(**HELPER)
def solve(bands: Any, order: Any, k: int, start: Any) -> Any:
    """Return eigenvalue k of matrices scaled by :func:`scale_lanes`, from a start, which may be NaN."""
    return laguerre(bands, order, k, start, SWEEPS)[0]


@njit(**HELPER)
def attempt(bands: Any, order: Any, k: int, start: Any) -> Any:
    """Return eigenvalue k of scaled matrices from a start, and a mask of the lanes with success.

    The other lanes get a guess. The time is that which most matrices need; :func:`solve` takes the time of
    the slowest lane.
    """
    if isinstance(order, tuple):
        return quick(bands, order, k)
    return laguerre(bands, order, k, start, FEW)


@njit(**HELPER)
def laguerre(bands: Any, order: Any, k: int, start: Any, most: int) -> Any:
    """Return the end of at most ``most`` steps from a start, or NaN, and a mask of lanes at eigenvalue k."""
    d = dim(order)
    one, zero = fill(bands, 1.0), fill(bands, 0.0)
    low, high, mean, spread = _bounds(bands, order)
    tol = RESOLUTION * larger(abs(low), abs(high))
    x = mean + (OUTER * (2 * k + 1 - d) / (d - 1)) * spread
    x = where((start > low) & (start < high), start, x)
    margin = 2.0**-6 * (high - low) + 4.0 * tol
    low, high = low - margin, high + margin
    last, active = zero, one
    squares = scratch(bands, order)
    for j in range(1, d):
        b = load(bands, (d + j - 1) * LANES)
        store(squares, j * LANES, larger(b * b, FLOOR))
    for sweep in range(most):
        p, dp, hp, count = _minors(bands, squares, order, x)
        above = count - (k + 0.5)
        down = above > 0.0
        low, high = where(down, low, x), where(down, x, high)
        root = sqrt(larger((d - 1.0) * (d - 1.0) * dp * dp - (2.0 * d * (d - 1.0)) * p * hp, 0.0))
        side = where(down, one, -1.0)
        slope = where(p >= 0.0, dp, -1.0 * dp) * side
        h = d * abs(p) / (root + slope)
        near = abs(above) < 0.75
        y = x - where(near, side * h, (SPACING * spread) * above)
        final = (h <= tol) | ((8.0 * h <= last) & (h * h * h * h <= (tol / 16.0) * last * last * last))
        ends = near & final & (slope > 0.0)
        steps = (y > low) & (y < high)
        z, last = 0.5 * (low + high), zero
        if sweep < PATIENCE:
            z, last = where(steps, y, z), where(steps & near, h, zero)
        x = where(active > 0.5, where(ends, y, z), x)
        active = where(ends | (high - low <= 2.0 * tol), zero, active)
        if all_of(active < 0.5):
            break
    return x, active < 0.5


# At an eigenvalue λ of T with characteristic polynomial p, the others μ_j have y_j = 1 / (λ − μ_j) with
#     S = Σ y_j = p" / 2 p',    Σ y_j² = S² − p‴ / 3 p'.
# None of n = d − 1 numbers with these sums is further from S / n than √(n − 1) standard deviations (Samuelson
# 1968). This bounds the distances to the next eigenvalues from below; with s the sign of p', by
#     n |p'| / (R ∓ s p"/2),    R² = (n − 1)² (p"/2)² − n (n − 1) p' p‴/3.


@njit(**HELPER)
def gaps(bands: Any, order: Any, x: Any) -> Any:
    """Return lower bounds of the distances from eigenvalue x to the next ones above and below."""
    d = dim(order)
    one, zero = fill(bands, 1.0), fill(bands, 0.0)
    p, p1, dp, dp1, hp, hp1, gp, gp1 = x - load(bands, 0), one, one, zero, zero, zero, zero, zero
    for first in range(1, d, STRIDE):
        if first > 1:
            scale = shrinking(larger(abs(p), abs(p1)))
            p, dp, hp, gp = scale * p, scale * dp, scale * hp, scale * gp
            p1, dp1, hp1, gp1 = scale * p1, scale * dp1, scale * hp1, scale * gp1
        for j in range(first, min(first + STRIDE, d)):
            t = x - load(bands, j * LANES)
            b = load(bands, (d + j - 1) * LANES)
            b = larger(b * b, FLOOR)
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


# The pivots of x - T from the top, u_j = x − a_j − b²_{j−1} / u_{j−1}, and from the bottom, w_j, give
# γ_j = u_j + w_j − (x − a_j), the residual of the vector with v_j = 1 and, away from j, b v / u or b v / w
# (Dhillon 1997). The smallest one gives the eigenvector.


@njit(**HELPER)
def vector(bands: Any, order: Any, x: Any, above: Any, below: Any, vectors: Any, at: int) -> None:
    """Write the unit eigenvectors of eigenvalue x, from index ``at`` on."""
    d = dim(order)
    one, zero = fill(bands, 1.0), fill(bands, 0.0)
    inverse, b = zero, zero
    for j in range(d):
        pivot = x - load(bands, j * LANES) - b * b * inverse
        pivot = where(abs(pivot) < TINY, fill(bands, TINY), pivot)
        inverse = one / pivot
        store(above, j * LANES, inverse)
        store(above, (d + j) * LANES, pivot)
        b = load(bands, (d + j) * LANES) if j < d - 1 else zero
    inverse, b, row, least = zero, zero, zero, fill(bands, math.inf)
    for m in range(d):
        j = d - 1 - m
        rest = b * b * inverse
        residual = abs(load(above, (d + j) * LANES) - rest)
        row, least = where(residual < least, fill(bands, 1.0 * j), row), smaller(residual, least)
        pivot = x - load(bands, j * LANES) - rest
        pivot = where(abs(pivot) < TINY, fill(bands, TINY), pivot)
        inverse = one / pivot
        store(below, j * LANES, inverse)
        b = load(bands, (d + j - 1) * LANES) if j > 0 else zero
    v, length = zero, zero
    for m in range(d):
        j = d - 1 - m
        b = load(bands, (d + j) * LANES) if j < d - 1 else zero
        v = where(row < j - 0.5, zero, where(row > j + 0.5, b * v * load(above, j * LANES), one))
        store(vectors, at + j * LANES, v)
    v = zero
    for j in range(d):
        b = load(bands, (d + j - 1) * LANES) if j > 0 else zero
        v = where(row < j - 0.5, b * v * load(below, j * LANES), load(vectors, at + j * LANES))
        store(vectors, at + j * LANES, v)
        length = length + v * v
    scale = one / sqrt(length)
    for j in range(d):
        store(vectors, at + j * LANES, scale * load(vectors, at + j * LANES))


@njit(**HELPER)
def put(x: Any, undo: Any, shifts: Any, used: int, room: Any, out: Any, first: int) -> int:
    """Write the eigenvalues of the first lanes in the matrices' units; return the number of NaN."""
    store(room, 0, x * undo)
    lanes, spoilt = carray(room, (LANES,)), 0
    for lane in range(used):
        value, shift = lanes[lane], -shifts[0, lane]
        if shift:
            value = value * power(shift >> 1) * power(shift - (shift >> 1))
        if shifts[1, lane]:
            value = math.nan
            spoilt += 1
        out[first + lane] = value
    return spoilt


@compiled
def values(k: int, order: Any, entries: Reals, out: Reals) -> int:
    """Eigenvalue ``k`` (ascending, from 0) of every matrix.

    Parameters
    ----------
    k : int, 0 <= k < d
    order : result of :func:`order_of` for d, 2 <= d <= 32
    entries : (n, 2 d - 1) array of float64
        The diagonal, then the couplings.
    out : (n,) array, written

    Returns
    -------
    int : number of rows with a NaN or infinite entry; their results are NaN
    """
    n, count = len(entries), 2 * dim(order) - 1
    bands, room = scratch(entries, order), scratch(entries, order)
    lanes = carray(bands, (count, LANES))
    shifts = np.zeros((2, LANES), np.int64)
    spoilt = 0
    for first in range(0, n, LANES):
        used = min(LANES, n - first)
        for lane in range(LANES):
            row = first + min(lane, used - 1)
            for e in range(count):
                lanes[e, lane] = entries[row, e]
        undo = scale_lanes(bands, order, shifts)
        x = solve(bands, order, k, fill(bands, math.nan))
        spoilt += put(x, undo, shifts, used, room, out, first)
    return spoilt
