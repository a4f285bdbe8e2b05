"""One eigenvalue of sixteen tridiagonal matrices side by side, and its derivatives, in registers.

For matrices of small order, if one eigenvalue and its derivatives suffice at the accuracy of training. There
are no vectors, and there is one division per sweep. The functions are inlined into kernels, which pass the
bands of sixteen matrices as lanes: the diagonal at places 0 to d - 1, the couplings at d to 2d - 2. The order
is passed as a tuple of d zeros, whose length the compiler knows, so loops over it are unrolled.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .compiling import HELPER
from .lanes import LANES, all_of, epsilon, fill, larger, load, scratch, smaller, sqrt, store, where

WIDTH = 2.0
"""Width to which the spectrum's bounds are scaled; differences of eigenvalues are then about 1."""

FLOOR = 1e-6
"""Least width of the bounds, relative to their magnitude; smaller widths are rounding errors."""


@njit(**HELPER)
def rescale(bands: Any, order: Any) -> Any:
    """Shift and scale matrices so that Gershgorin's bounds are 0 and WIDTH.

    Returns the bounds' low end and the width of a unit: an eigenvalue is low + unit · (scaled one).
    """
    d = len(order)
    before = fill(bands, 0.0)
    low, high = fill(bands, 1e30), fill(bands, -1e30)
    for j in range(d):
        after = abs(load(bands, (d + j) * LANES)) if j < d - 1 else fill(bands, 0.0)
        centre = load(bands, j * LANES)
        low = smaller(low, centre - (before + after))
        high = larger(high, centre + (before + after))
        before = after
    floor = larger(FLOOR * (abs(low) + abs(high)), 1e-30)
    unit = larger(high - low, floor) * (1.0 / WIDTH)
    scale = 1.0 / unit
    for j in range(d):
        store(bands, j * LANES, (load(bands, j * LANES) - low) * scale)
    for j in range(d - 1):
        store(bands, (d + j) * LANES, load(bands, (d + j) * LANES) * scale)
    return low, unit


# Laguerre's step from x to the next root on a side s (1: downwards) of a polynomial p with d real roots is
#     h = d |p| / (r + s sign(p) p'),    r² = (d - 1)² p'² - d (d - 1) p p".
# It never passes that root. The root is the selected one if the Sturm count shows that no other is between;
# otherwise the bracket is halved. The count is that of equal signs in the sequence of leading minors p_0 ..
# p_d of x - T, which is the number of eigenvalues below x. Zero couplings would break it, so they get a
# floor.


@njit(**HELPER)
def eigenvalue(bands: Any, order: Any, k: int, start: Any, tol: float, sweeps: int) -> Any:
    """Return eigenvalue k of rescaled matrices, from a start; starts outside the bounds are replaced.

    ``tol`` is the length of the last step. The error is about its cube if the gap is about 1.
    """
    d = len(order)
    one, zero, floor = fill(bands, 1.0), fill(bands, 0.0), epsilon(bands) * epsilon(bands)
    low, high = fill(bands, -1e-3), fill(bands, WIDTH + 1e-3)
    inside = (start > low) & (start < high)
    x = where(inside, start, (k + 0.5) * WIDTH / d)
    for _ in range(sweeps):
        p = x - load(bands, 0)
        p1, dp, dp1, ddp, ddp1 = one, one, zero, zero, zero
        positive = p >= 0.0
        count = where(positive, one, 0.0)
        for j in range(1, d):
            t = x - load(bands, j * LANES)
            b = load(bands, (d + j - 1) * LANES)
            b = b * b + floor
            q = t * p - b * p1
            dq = t * dp - b * dp1 + p
            ddq = t * ddp - b * ddp1 + (dp + dp)
            before, positive = positive, q >= 0.0
            count = count + where(before == positive, one, 0.0)
            p1, dp1, ddp1 = p, dp, ddp
            p, dp, ddp = q, dq, ddq
        above = count - (k + 0.5)
        side = where(above > 0.0, one, -1.0)
        low, high = where(above > 0.0, low, x), where(above > 0.0, x, high)
        root = sqrt(larger((d - 1.0) * (d - 1.0) * dp * dp - (d * (d - 1.0)) * p * ddp, 0.0))
        slope = where(p > 0.0, dp, -1.0 * dp) * side
        h = d * abs(p) / larger(root + slope, 1e-30)
        y = x - side * h
        middle = 0.5 * (low + high)
        near = abs(above) < 0.75
        ends = near & (h <= tol) & (slope > 0.0)
        steps = near & (y > low) & (y < high) & (h > tol)
        z = where(ends, y, where(steps, y, middle))
        left = where(ends, zero, abs(z - x))
        x = z
        if all_of(left <= tol):
            break
    return x


# With P_j the leading and Q_j the trailing minors of x - T at an eigenvalue x, and p' = Σ_j P_j Q_{j+1}, the
# entries of the eigenvector satisfy
#     v_j² = P_j Q_{j+1} / p',    v_j v_{j+1} = b_j P_j Q_{j+2} / p'.


@njit(**HELPER)
def _minors(bands: Any, order: Any, x: Any, leading: Any, trailing: Any) -> bool:
    """Write P_0 .. P_{d-1} and Q_1 .. Q_{d+1}; return whether Σ_j P_j Q_{j+1} is a divisor in every lane."""
    d = len(order)
    p, p1, b = fill(bands, 1.0), fill(bands, 0.0), fill(bands, 0.0)
    for j in range(d):
        store(leading, j * LANES, p)
        p, p1 = (x - load(bands, j * LANES)) * p - b * b * p1, p
        if j < d - 1:
            b = load(bands, (d + j) * LANES)
    p, p1, b = fill(bands, 1.0), fill(bands, 0.0), fill(bands, 0.0)
    slope = fill(bands, 0.0)
    store(trailing, (d + 1) * LANES, slope)
    for m in range(d):
        j = d - 1 - m
        store(trailing, (j + 1) * LANES, p)
        slope = slope + load(leading, j * LANES) * p
        p, p1 = (x - load(bands, j * LANES)) * p - b * b * p1, p
        if j > 0:
            b = load(bands, (d + j - 1) * LANES)
    return all_of(abs(slope) > 1e-30)


@njit(**HELPER)
def derivatives(bands: Any, order: Any, x: Any) -> None:
    """Replace rescaled bands by the derivatives of eigenvalue x in them: v_j², and 2 v_j v_{j+1}.

    At a multiple eigenvalue they are those of a mixture of its eigenvectors, a subgradient.
    """
    d = len(order)
    leading, trailing = scratch(bands, order), scratch(bands, order)
    if not _minors(bands, order, x, leading, trailing):
        x = x + 1e-5 * WIDTH
        _minors(bands, order, x, leading, trailing)
    one, zero = fill(bands, 1.0), fill(bands, 0.0)
    s = zero
    for j in range(d):
        s = s + load(leading, j * LANES) * load(trailing, (j + 1) * LANES)
    sign = where(s > 0.0, one, -1.0)
    s = zero
    for j in range(d):
        t = larger(sign * load(leading, j * LANES) * load(trailing, (j + 1) * LANES), 0.0)
        store(bands, j * LANES, t)
        s = s + t
    r = 1.0 / larger(s, 1e-35)
    for j in range(d):
        store(bands, j * LANES, r * load(bands, j * LANES))
    r = 2.0 * sign * r
    for j in range(d - 1):
        t = r * load(bands, (d + j) * LANES) * load(leading, j * LANES) * load(trailing, (j + 2) * LANES)
        store(bands, (d + j) * LANES, larger(smaller(t, one), -1.0))
