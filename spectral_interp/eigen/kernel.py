"""One selected eigenpair of many small symmetric tridiagonal matrices.

Every matrix occupies one *lane*: ``LANES`` matrices are transposed into scratch arrays of shape
``(rows, LANES)`` whose last axis is contiguous, and every inner loop runs over the lanes without branches,
so that the compiler turns it into SIMD code.  A block of lanes goes through four stages:

1. ``load`` to ``rescale``: transpose, widen to float64 and scale by a power of two; 2. ``bracket``: enclose
the selected eigenvalue between two Sturm counts, by interpolating the counts, then by
   bisection, then by quadratic interpolation of the characteristic polynomial;
3. ``factor`` to ``correct``: eigenvector from a twisted factorisation, Rayleigh correction of the eigenvalue;
4. ``store_values`` and ``store_vectors``: undo the scaling and transpose back.

All arithmetic is float64, also for float32 matrices, and a lane that has converged is not changed any more,
so the result for a matrix does not depend on the others.

The arrays ``a`` and ``b`` below hold the scaled diagonal and the scaled couplings, where ``b[j]`` joins rows
``j - 1`` and ``j`` and ``b[0]`` is zero.  The largest magnitude in a lane lies in [1/2, 1).

The module is long because all stages of a block are compiled together into each of the kernels at its end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiling import HELPER, compiled

FINE = 2.0**-51 * 1.0001  # width of the final bracket, float64: one unit in the last place below 4
COARSE = 2.0**-26  # the same, float32
LANES = 16  # matrices side by side: two 512-bit or four 256-bit registers per quantity
STEP = 2  # rows handled at once, so that carried quantities stay in registers
STRIDE = 8  # rows of the Sturm recurrence between two rescalings
FIELDS = 20  # number of quantities, each of all lanes, in one stack array

COUPLING_FLOOR = 1e-36  # least squared coupling: keeps STRIDE rows of the recurrence above underflow
PADDING = 4.0  # diagonal of padding rows: above every scaled eigenvalue, so never counted
PIVOT_FLOOR = 2.0**-57
ROUNDOFF = 2.0**-53
TINY = 1e-150  # smaller entries of an unnormalised eigenvector become zero
WIDENING = 2.0**-6  # of the Gershgorin interval: an eigenvalue at its end would never be bracketed tightly
MARGIN = 2.0**-50  # the same in absolute terms, covers rounding errors
GUESSES = 12  # maximum number of sweeps placed by interpolating the counts
PATIENCE = 32  # sweeps after which only bisection is used
CLIP = 400  # largest difference of binary exponents between compared polynomial values
ATTEMPTS = 3  # maximum number of twisted factorisations per block

EXPONENT_BITS = 52
BIAS = 1023
MAGNITUDE = 0x7FFFFFFFFFFFFFFF
INFINITE = 0x7FF0000000000000

# State of a bracketing loop: point A is the latest, B the other end, X the next.
XA, FA, XB, FB, X, F = range(6)
CA, CB, EA, C, E = range(5)
# Lanes of a block: the eigenvalue, its bracket, results of the factorisation; binary scale, kind, twist row.
LAM, LOW, HIGH, ROOT, GAMMA, NORM, SIGN = range(7)
SHIFT, BAD, TWIST = range(3)

Reals = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]


@intrinsic
def bits(typingctx: Any, value: Any) -> Any:
    """Bit pattern of a float64 as an int64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def real(typingctx: Any, pattern: Any) -> Any:
    """Float64 with the bit pattern of an int64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def stack_reals(typingctx: Any) -> Any:
    """Pointer to FIELDS * LANES float64 on the stack; the compiler knows that it has no aliases."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return cgutils.alloca_once(builder, ir.DoubleType(), size=FIELDS * LANES)

    return types.CPointer(types.float64)(), codegen


@intrinsic
def stack_ints(typingctx: Any) -> Any:
    """Pointer to FIELDS * LANES int64 on the stack."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return cgutils.alloca_once(builder, ir.IntType(64), size=FIELDS * LANES)

    return types.CPointer(types.int64)(), codegen


@njit(**HELPER)
def power(exponent: int) -> float:
    """Two to an integer ``exponent`` in [-1022, 1023]."""
    return real((exponent + BIAS) << EXPONENT_BITS)


# ------------------------------------------------------------------------------------------- load and scale


@njit(**HELPER)
def gather(source: Reals, first: int, used: int, target: Reals) -> None:
    """Transpose rows ``first`` to ``first + used`` of ``source`` into lanes: target[j, lane]."""
    for lane in range(used):
        for j in range(source.shape[1]):
            target[j, lane] = source[first + lane, j]


@njit(**HELPER)
def load(diag: Reals, off: Reals, first: int, a: Reals, b: Reals) -> None:
    """Transpose one block of matrices; spare lanes are zero and padding rows repeat row 0 without couplings.

    Parameters
    ----------
    diag, off : (n, d) and (n, d - 1) arrays
    first : int
        First matrix of the block.
    a, b : (rows, LANES) float64 arrays, rows >= d, written
    """
    n, d = diag.shape
    used = min(LANES, n - first)
    if used < LANES:
        for j in range(d):
            for lane in range(LANES):
                a[j, lane] = 0.0
                b[j, lane] = 0.0
    gather(diag, first, used, a)
    gather(off, first, used, b[1:])
    for lane in range(LANES):
        b[0, lane] = 0.0
    for j in range(d, a.shape[0]):
        for lane in range(LANES):
            a[j, lane] = a[0, lane]
            b[j, lane] = 0.0


@njit(**HELPER)
def measure(a: Reals, b: Reals, ints: Ints) -> None:
    """Binary shift that brings the largest magnitude of each lane into [1/2, 1).

    Magnitudes are compared as integers, which places infinities and NaN above every number.  Writes the rows
    SHIFT and BAD of ``ints``; BAD is 1 for lanes with a non-finite entry, -1 for zero lanes, else 0.
    """
    local = carray(stack_ints(), (FIELDS, LANES))
    for lane in range(LANES):
        local[0, lane] = 0
    for start in range(0, a.shape[0], STEP):
        for lane in range(LANES):
            top = local[0, lane]
            for j in range(STEP):
                p = bits(a[start + j, lane]) & MAGNITUDE
                q = bits(b[start + j, lane]) & MAGNITUDE
                top = max(top, max(p, q))
            local[0, lane] = top
    for lane in range(LANES):
        top = local[0, lane]
        exponent = top >> EXPONENT_BITS
        if exponent == 0:  # subnormal: the integer itself is the significand
            exponent = (bits(float(top)) >> EXPONENT_BITS) - BIAS - 51
        ints[SHIFT, lane] = BIAS - 1 - exponent if 0 < top < INFINITE else 0
        ints[BAD, lane] = 1 if top >= INFINITE else (-1 if top == 0 else 0)


@njit(**HELPER)
def rescale(a: Reals, b: Reals, b2: Reals, d: int, ints: Ints, reals: Reals) -> None:
    """Scale the lanes in place, square the couplings and bound the spectrum.

    The power of two is applied as two factors, as it may exceed the range of a float64.  Non-finite lanes
    become zero, and rows from d on get a separate eigenvalue above all others.  Writes ``b2``, and the
    Gershgorin bounds into rows LOW and HIGH of ``reals``.
    """
    local = carray(stack_reals(), (FIELDS, LANES))
    for lane in range(LANES):
        half = ints[SHIFT, lane] >> 1
        local[0, lane] = power(half)
        local[1, lane] = power(ints[SHIFT, lane] - half)
        local[2, lane] = math.inf
        local[3, lane] = -math.inf
        local[4, lane] = math.nan  # there is no row above the first
        local[5, lane] = 0.0
        local[6, lane] = 1.0 if ints[BAD, lane] <= 0 else 0.0
    for start in range(0, a.shape[0], STEP):
        for lane in range(LANES):
            f, g, low, high = local[0, lane], local[1, lane], local[2, lane], local[3, lane]
            centre, radius, keep = local[4, lane], local[5, lane], local[6, lane] > 0.0
            for j in range(STEP):
                p = a[start + j, lane] * f * g
                q = b[start + j, lane] * f * g
                p = p if keep else 0.0
                q = q if keep else 0.0
                radius += abs(q)  # completes the disc of the row above
                low = centre - radius if centre - radius < low else low
                high = centre + radius if centre + radius > high else high
                centre = p
                radius = abs(q)
                local[8 + j, lane] = p
                local[8 + STEP + j, lane] = q
                local[8 + 2 * STEP + j, lane] = max(q * q, COUPLING_FLOOR)
            local[2, lane], local[3, lane], local[4, lane], local[5, lane] = low, high, centre, radius
        for j in range(STEP):
            for lane in range(LANES):
                a[start + j, lane] = local[8 + j, lane]
        for j in range(STEP):
            for lane in range(LANES):
                b[start + j, lane] = local[8 + STEP + j, lane]
        for j in range(STEP):
            for lane in range(LANES):
                b2[start + j, lane] = local[8 + 2 * STEP + j, lane]
    for lane in range(LANES):
        low = min(local[2, lane], local[4, lane] - local[5, lane])
        high = max(local[3, lane], local[4, lane] + local[5, lane])
        margin = WIDENING * (high - low) + MARGIN
        reals[LOW, lane] = low - margin
        reals[HIGH, lane] = high + margin
    for j in range(d, a.shape[0]):
        for lane in range(LANES):
            a[j, lane] = PADDING
            b2[j, lane] = 0.0


# --------------------------------------------------------------------------------------------- Sturm sweep


# The leading principal minors of T - x I satisfy p_j = (a_j - x) p_{j-1} - b_j^2 p_{j-2} with p_{-1} = 0 and
# p_0 = 1, and the number of sign changes between neighbours is the number of eigenvalues below x. No division
# is needed, but p grows or decays exponentially with j. A row enlarges the larger of two neighbours at most
# fourfold and diminishes it at worst by the factor b^2 >= COUPLING_FLOOR, so STRIDE rows stay within range if
# the pair is then brought back to [1, 2) by a power of two. With the exponents added, the last minor, the
# characteristic polynomial at x, is f 2^e.


@njit(**HELPER)
def sweep(a: Reals, b2: Reals, reals: Reals, ints: Ints) -> None:
    """Sturm count and characteristic polynomial of every lane at row X of ``reals``.

    Writes the significand F into ``reals``, the count C and the exponent E into ``ints``.
    """
    local = carray(stack_reals(), (FIELDS, LANES))
    tally = carray(stack_ints(), (FIELDS, LANES))
    for lane in range(LANES):
        local[0, lane] = reals[X, lane]
        local[1, lane] = 0.0
        local[2, lane] = 1.0
        tally[0, lane] = 0
        tally[1, lane] = 0
    for start in range(0, a.shape[0], STRIDE):
        for lane in range(LANES):
            x, p, q = local[0, lane], local[1, lane], local[2, lane]
            changes = tally[0, lane]
            for j in range(STRIDE):
                r = (a[start + j, lane] - x) * q - b2[start + j, lane] * p
                changes -= (bits(r) ^ bits(q)) >> 63
                p = q
                q = r
            exponent = (bits(max(abs(p), abs(q))) >> EXPONENT_BITS) - BIAS
            local[1, lane] = p * power(-exponent)
            local[2, lane] = q * power(-exponent)
            tally[0, lane] = changes
            tally[1, lane] += exponent
    for lane in range(LANES):
        reals[F, lane] = local[2, lane]
        ints[C, lane] = tally[0, lane]
        ints[E, lane] = tally[1, lane]


# ---------------------------------------------------------------------------------------------- bracketing


@njit(**HELPER)
def begin(k: int, d: int, ends: Reals, reals: Reals, ints: Ints) -> None:
    """Start a bracketing loop from the bounds in rows LOW and HIGH of ``ends`` with counts 0 and d."""
    t = min(max((k + 0.5) / d, 0.1), 0.9)
    for lane in range(LANES):
        reals[XA, lane] = ends[LOW, lane]
        reals[XB, lane] = ends[HIGH, lane]
        reals[FA, lane] = math.nan
        reals[FB, lane] = math.nan
        reals[X, lane] = ends[LOW, lane] + t * (ends[HIGH, lane] - ends[LOW, lane])
        ints[CA, lane] = 0
        ints[CB, lane] = d
        ints[EA, lane] = 0


# Let w = xb - xa, u = xc - xa and v = w - u; u and w have opposite signs.  The parabola fa + P y + Q y^2
# through the three points has, up to the common factor w u v, the coefficients
#     Q = g u - h w,        P = g u v - Q w,        g = fb - fa,        h = fc - fa,
# and exactly one zero between A and B, where f changes sign.  It is trusted if the inverse parabola would be
# monotone too (the criterion of Chandrupatla): with phi = (fa - fb) / (fc - fb) and xi = w / v, both
# phi^2 < xi and (1 - phi)^2 < 1 - xi.  Values that are not yet known are NaN and fail the test.


@njit(**HELPER)
def advance(k: int, number: int, tol: float, reals: Reals, ints: Ints) -> int:
    """Update every bracket wider than ``tol`` after sweep ``number`` and propose its next point.

    The point X becomes A, and the end that it replaces becomes C. All polynomial values are relative to the
    exponent of A. Returns the number of brackets that are still wider than ``tol``.
    """
    guess = number < GUESSES and number % 3 != 2
    bold = number < PATIENCE
    active = 0
    for lane in range(LANES):
        scale = power(min(max(ints[EA, lane] - ints[E, lane], -CLIP), CLIP))
        x, f, c = reals[X, lane], reals[F, lane], ints[C, lane]
        xa, fa, ca = reals[XA, lane], reals[FA, lane] * scale, ints[CA, lane]
        xb, fb, cb = reals[XB, lane], reals[FB, lane] * scale, ints[CB, lane]
        wide = abs(xb - xa) > tol
        crossed = (c <= k) != (ca <= k)
        xc = xb if crossed else xa
        fc = fb if crossed else fa
        xb = xa if wide & crossed else xb
        fb = fa if wide & crossed else fb
        cb = ca if wide & crossed else cb
        xa = x if wide else xa
        fa = f if wide else fa
        ca = c if wide else ca
        reals[XA, lane], reals[FA, lane], ints[CA, lane], ints[EA, lane] = xa, fa, ca, ints[E, lane]
        reals[XB, lane], reals[FB, lane], ints[CB, lane] = xb, fb, cb

        w, u = xb - xa, xc - xa
        g, h = fb - fa, fc - fa
        active += abs(w) > tol
        v = w - u
        q = g * u - h * w
        p = g * u * v - q * w
        r = fa * u * v
        root = math.copysign(math.sqrt(max(p * p - 4.0 * (r * w) * q, 0.0)), -fa)
        y = abs(2.0 * r * w / (p - root))
        y = min(max(y, 0.9 * tol), abs(w) - 0.9 * tol)
        m = g - h  # fb - fc
        trusted = (g * g * abs(v) < m * m * abs(w)) & (h * h * abs(v) < m * m * abs(u))
        trusted |= fa == 0.0
        between = abs(cb - ca)
        inside = (y > 0.0) & (y < abs(w)) & trusted & (between == 1) & bold

        t = (k + 0.5 - ca) / (cb - ca) if (between >= 4) & guess else 0.5
        step = w * min(max(t, 0.1), 0.9)
        reals[X, lane] = xa + (math.copysign(y, w) if inside else step)
    return active


@njit(**HELPER)
def bracket(a: Reals, b2: Reals, k: int, d: int, tol: float, ends: Reals) -> int:
    """Narrow the brackets in rows LOW and HIGH of ``ends`` around eigenvalue ``k`` to width ``tol``.

    Parameters
    ----------
    a, b2 : (rows, LANES) float64 arrays
    k, d : int
    tol : float, at least one rounding unit of the largest eigenvalue
    ends : (FIELDS, LANES) float64 array
        On input the Gershgorin bounds, on output the bracket; rows LAM and ROOT get its midpoint.

    Returns
    -------
    int : number of sweeps
    """
    reals = carray(stack_reals(), (FIELDS, LANES))
    ints = carray(stack_ints(), (FIELDS, LANES))
    begin(k, d, ends, reals, ints)
    number, active = 0, LANES
    while active > 0:
        sweep(a, b2, reals, ints)
        number += 1
        active = advance(k, number, tol, reals, ints)
    for lane in range(LANES):
        ends[LOW, lane] = min(reals[XA, lane], reals[XB, lane])
        ends[HIGH, lane] = max(reals[XA, lane], reals[XB, lane])
        ends[LAM, lane] = 0.5 * (reals[XA, lane] + reals[XB, lane])
        ends[ROOT, lane] = ends[LAM, lane]
    return number


# --------------------------------------------------------------------------------------------- eigenvector


# Eliminating from the top gives pivots D+, from the bottom D-; for every row j
#     T - lam I  is congruent to  diag(D+_0, ..., D+_{j-1}, gamma_j, D-_{j+1}, ...),   1 / gamma_j = G_jj,
# where G is the inverse of T - lam I.  Let r minimise |gamma_j|.  Then z with z_r = 1, continued upwards by
# z_{j-1} = -(b_j / D+_{j-1}) z_j and downwards by z_j = -(b_j / D-_j) z_{j-1}, satisfies
#     (T - lam I) z = gamma_r e_r,
# so the residual norm is |gamma_r| / |z| and the Rayleigh quotient of z is lam + gamma_r / |z|^2.


@njit(**HELPER)
def factor(a: Reals, b: Reals, up: Reals, down: Reals, reals: Reals) -> None:
    """Eliminate from both ends at row LAM: ``up[j]`` becomes b_j / D+_{j-1} and ``down[j]`` b_j / D-_j."""
    local = carray(stack_reals(), (FIELDS, LANES))
    rows = a.shape[0]
    for lane in range(LANES):
        local[0, lane] = reals[LAM, lane]
        local[1, lane] = 1.0
        local[2, lane] = 0.0
    for start in range(0, rows, STEP):
        end = rows - 1 - start
        for lane in range(LANES):
            lam, head, term = local[0, lane], local[1, lane], local[2, lane]
            for j in range(STEP):
                ratio = b[start + j, lane] / head
                head = (a[start + j, lane] - lam) - b[start + j, lane] * ratio
                head = head if abs(head) > PIVOT_FLOOR else math.copysign(PIVOT_FLOOR, head)
                local[8 + j, lane] = ratio
                tail = (a[end - j, lane] - lam) - term
                tail = tail if abs(tail) > PIVOT_FLOOR else math.copysign(PIVOT_FLOOR, tail)
                ratio = b[end - j, lane] / tail
                term = b[end - j, lane] * ratio
                local[8 + STEP + j, lane] = ratio
            local[1, lane], local[2, lane] = head, term
        for j in range(STEP):
            for lane in range(LANES):
                up[start + j, lane] = local[8 + j, lane]
        for j in range(STEP):
            for lane in range(LANES):
                down[end - j, lane] = local[8 + STEP + j, lane]


@njit(**HELPER)
def choose(a: Reals, b: Reals, up: Reals, down: Reals, reals: Reals, ints: Ints) -> None:
    """Twist row of every lane: rows GAMMA of ``reals`` and TWIST of ``ints``.

    The rounding error of a gamma that is a difference of huge numbers is added to it, so that an accidental
    cancellation is not mistaken for the twist.
    """
    local = carray(stack_reals(), (FIELDS, LANES))
    twist = carray(stack_ints(), (FIELDS, LANES))
    for lane in range(LANES):
        local[0, lane] = 0.0
        local[1, lane] = math.inf
        local[2, lane] = 0.0
        local[3, lane] = reals[LAM, lane]
        twist[0, lane] = 0
    for end in range(a.shape[0] - 1, -1, -STEP):
        for lane in range(LANES):
            below, least, gamma, lam = local[0, lane], local[1, lane], local[2, lane], local[3, lane]
            row = twist[0, lane]
            for j in range(STEP):
                c = (a[end - j, lane] - lam) - b[end - j, lane] * up[end - j, lane] - below
                score = abs(c) + ROUNDOFF * abs(below)
                row = end - j if score < least else row
                gamma = c if score < least else gamma
                least = score if score < least else least
                below = b[end - j, lane] * down[end - j, lane]
            local[0, lane], local[1, lane], local[2, lane] = below, least, gamma
            twist[0, lane] = row
    for lane in range(LANES):
        reals[GAMMA, lane] = local[2, lane]
        ints[TWIST, lane] = twist[0, lane]


@njit(**HELPER)
def ascend(z: Reals, ints: Ints) -> None:
    """Entries up to the twist, in place of the multipliers; negligible entries become zero."""
    local = carray(stack_reals(), (FIELDS, LANES))
    twist = carray(stack_ints(), (FIELDS, LANES))
    for lane in range(LANES):
        local[0, lane] = 0.0
        local[1, lane] = 0.0
        twist[0, lane] = ints[TWIST, lane]
    for end in range(z.shape[0] - 1, -1, -STEP):
        for lane in range(LANES):
            entry, ratio, row = local[0, lane], local[1, lane], twist[0, lane]
            for j in range(STEP):
                entry = 1.0 if end - j == row else -ratio * entry
                entry = entry if abs(entry) > TINY else 0.0
                ratio = z[end - j, lane]
                local[8 + j, lane] = entry
            local[0, lane], local[1, lane] = entry, ratio
        for j in range(STEP):
            for lane in range(LANES):
                z[end - j, lane] = local[8 + j, lane]


@njit(**HELPER)
def descend(z: Reals, down: Reals, reals: Reals, ints: Ints) -> None:
    """Entries past the twist; rows NORM and SIGN of ``reals`` get squared length and largest entry."""
    local = carray(stack_reals(), (FIELDS, LANES))
    twist = carray(stack_ints(), (FIELDS, LANES))
    for lane in range(LANES):
        local[0, lane] = 0.0
        local[1, lane] = 0.0
        local[2, lane] = 0.0
        twist[0, lane] = ints[TWIST, lane]
    for start in range(0, z.shape[0], STEP):
        for lane in range(LANES):
            entry, norm, top, row = local[0, lane], 0.0, local[2, lane], twist[0, lane]
            for j in range(STEP):
                entry = -down[start + j, lane] * entry
                entry = z[start + j, lane] if start + j <= row else entry
                entry = entry if abs(entry) > TINY else 0.0
                norm += entry * entry
                top = entry if abs(entry) > abs(top) else top
                local[8 + j, lane] = entry
            local[0, lane], local[2, lane] = entry, top
            local[1, lane] += norm
        for j in range(STEP):
            for lane in range(LANES):
                z[start + j, lane] = local[8 + j, lane]
    for lane in range(LANES):
        reals[NORM, lane] = local[1, lane]
        reals[SIGN, lane] = local[2, lane]


@njit(**HELPER)
def correct(tol: float, reals: Reals) -> int:
    """Rayleigh correction into row ROOT; returns the number of lanes with too large a residual.

    These lanes must be factored again at the corrected eigenvalue; the others would repeat their results.
    """
    bad = 0
    for lane in range(LANES):
        gamma, norm = reals[GAMMA, lane], reals[NORM, lane]
        lam = reals[LAM, lane] + gamma / norm
        lam = min(max(lam, reals[LOW, lane] - tol), reals[HIGH, lane] + tol)
        good = gamma * gamma <= (4.0 * tol) * (4.0 * tol) * norm
        reals[ROOT, lane] = lam
        reals[LAM, lane] = reals[LAM, lane] if good else lam
        bad += not good
    return bad


# ----------------------------------------------------------------------------------------------- store


@njit(**HELPER)
def store_values(first: int, reals: Reals, ints: Ints, lam: Reals) -> int:
    """Undo the scaling of row ROOT; zero lanes give 0, non-finite lanes NaN. Returns the number of NaN."""
    spoilt = 0
    for lane in range(min(LANES, lam.shape[0] - first)):
        half = -(ints[SHIFT, lane] >> 1)
        value = reals[ROOT, lane] * power(half) * power(-ints[SHIFT, lane] - half)
        bad = ints[BAD, lane]
        lam[first + lane] = value if bad == 0 else (math.nan if bad > 0 else 0.0)
        spoilt += bad > 0
    return spoilt


@njit(**HELPER)
def store_vectors(first: int, z: Reals, reals: Reals, ints: Ints, vec: Reals) -> None:
    """Normalise the lanes of ``z``, fix their signs and transpose them back."""
    n, d = vec.shape
    used = min(LANES, n - first)
    for lane in range(LANES):
        length = math.copysign(math.sqrt(reals[NORM, lane]), reals[SIGN, lane])
        reals[NORM, lane] = 1.0 / length if ints[BAD, lane] <= 0 else math.nan
    for lane in range(used):
        scale = reals[NORM, lane]
        for j in range(d):
            vec[first + lane, j] = z[j, lane] * scale


@compiled
def values(k: int, diag: Reals, off: Reals, lam: Reals) -> int:
    """Eigenvalue ``k`` (ascending, from 0) of every matrix.

    Parameters
    ----------
    k : int, 0 <= k < d
    diag, off : (n, d) and (n, d - 1) arrays of float32 or float64
    lam : (n,) array, written

    Returns
    -------
    int : number of rows with a NaN or infinite entry; their results are NaN
    """
    n, d = diag.shape
    tol = FINE if diag.itemsize == 8 else COARSE
    rows = -(-d // STRIDE) * STRIDE
    a, b, b2 = np.empty((rows, LANES)), np.empty((rows, LANES)), np.empty((rows, LANES))
    reals = carray(stack_reals(), (FIELDS, LANES))
    ints = carray(stack_ints(), (FIELDS, LANES))
    spoilt = 0
    for first in range(0, n, LANES):
        load(diag, off, first, a, b)
        measure(a, b, ints)
        rescale(a, b, b2, d, ints, reals)
        bracket(a, b2, k, d, tol, reals)
        spoilt += store_values(first, reals, ints, lam)
    return spoilt


@compiled
def pairs(k: int, diag: Reals, off: Reals, lam: Reals, vec: Reals) -> int:
    """Eigenvalue ``k`` (ascending, from 0) of every matrix and its eigenvector.

    Parameters
    ----------
    k : int, 0 <= k < d
    diag, off : (n, d) and (n, d - 1) arrays of float32 or float64
    lam : (n,) array, written
    vec : (n, d) array, written
        Rows of unit length whose entry of largest magnitude is positive.

    Returns
    -------
    int : number of rows with a NaN or infinite entry; their results are NaN
    """
    n, d = diag.shape
    tol = FINE if diag.itemsize == 8 else COARSE
    rows = -(-d // STRIDE) * STRIDE
    a, b, b2, z = (
        np.empty((rows, LANES)),
        np.empty((rows, LANES)),
        np.empty((rows, LANES)),
        np.empty((rows, LANES)),
    )
    reals = carray(stack_reals(), (FIELDS, LANES))
    ints = carray(stack_ints(), (FIELDS, LANES))
    spoilt = 0
    for first in range(0, n, LANES):
        load(diag, off, first, a, b)
        measure(a, b, ints)
        rescale(a, b, b2, d, ints, reals)
        bracket(a, b2, k, d, tol, reals)
        for _ in range(ATTEMPTS):
            factor(a, b, z, b2, reals)
            choose(a, b, z, b2, reals, ints)
            ascend(z, ints)
            descend(z, b2, reals, ints)
            if correct(tol, reals) == 0:
                break
        spoilt += store_values(first, reals, ints, lam)
        store_vectors(first, z, reals, ints, vec)
    return spoilt


@compiled
def neighbours(k: int, diag: Reals, off: Reals, below: Reals, lam: Reals, above: Reals) -> int:
    """Eigenvalues ``k - 1``, ``k`` and ``k + 1`` of every matrix; -inf or +inf if there is none.

    Parameters
    ----------
    k : int, 0 <= k < d
    diag, off : (n, d) and (n, d - 1) arrays of float32 or float64
    below, lam, above : (n,) arrays, written

    Returns
    -------
    int : number of rows with a NaN or infinite entry; their results are NaN
    """
    n, d = diag.shape
    tol = FINE if diag.itemsize == 8 else COARSE
    rows = -(-d // STRIDE) * STRIDE
    a, b, b2 = np.empty((rows, LANES)), np.empty((rows, LANES)), np.empty((rows, LANES))
    bounds = carray(stack_reals(), (FIELDS, LANES))
    reals = carray(stack_reals(), (FIELDS, LANES))
    ints = carray(stack_ints(), (FIELDS, LANES))
    below[:] = -math.inf
    above[:] = math.inf
    spoilt = 0
    for first in range(0, n, LANES):
        load(diag, off, first, a, b)
        measure(a, b, ints)
        rescale(a, b, b2, d, ints, bounds)
        for j in range(max(k - 1, 0), min(k + 2, d)):
            for lane in range(LANES):
                reals[LOW, lane] = bounds[LOW, lane]
                reals[HIGH, lane] = bounds[HIGH, lane]
            bracket(a, b2, j, d, tol, reals)
            found = store_values(first, reals, ints, below if j < k else (lam if j == k else above))
            spoilt += found if j == k else 0
    return spoilt
