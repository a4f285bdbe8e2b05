"""The reduced resolvent (λI − T)⁺ of a tridiagonal T at an eigenvalue, with one right-hand side per matrix.

Let v be the unit eigenvector and r the index of its largest entry. For a right-hand side orthogonal to v, the
system (λI − T) x = rhs is consistent, its equation r follows from the others, and x is unique up to a
multiple of v, so x_r can be set to 0. Row and column r are replaced with those of the identity. The resulting
tridiagonal system is as well conditioned as the gap around λ permits. It is solved with partial pivoting, and
the component of x along v is then removed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .compiling import HELPER, compiled

Reals = npt.NDArray[np.floating[Any]]

PIVOT_FLOOR = 2.0**-57  # of matrices scaled to unit size: only reached if the gap is a rounding error


@njit(**HELPER)
def project(v: Reals, x: Reals) -> None:
    """Remove from ``x`` its component along ``v``, in place."""
    dot, norm = 0.0, 0.0
    for j in range(v.shape[0]):
        dot += float(v[j]) * x[j]
        norm += float(v[j]) * float(v[j])
    for j in range(v.shape[0]):
        x[j] -= dot / norm * float(v[j])


@njit(**HELPER)
def shifted(diag: Reals, off: Reals, lam: float, pin: int, scale: float, main: Reals, side: Reals) -> None:
    """Write scale (λI - T), with row and column ``pin`` of the identity, into ``main`` and ``side``."""
    d = diag.shape[0]
    for j in range(d):
        main[j] = scale * float(lam) - scale * float(diag[j]) if j != pin else 1.0
        side[j] = -scale * float(off[j]) if j + 1 < d and j != pin and j + 1 != pin else 0.0


@njit(**HELPER)
def guard(pivot: float) -> float:
    """Return a pivot bounded away from zero."""
    return pivot if not abs(pivot) < PIVOT_FLOOR else math.copysign(PIVOT_FLOOR, pivot)


@njit(**HELPER)
def eliminate(main: Reals, side: Reals, x: Reals, above: Reals, skip: Reals) -> None:
    """Solve a symmetric tridiagonal system by Gaussian elimination with partial pivoting.

    Parameters
    ----------
    main, side : (d,) arrays
        Diagonal and couplings; side[d - 1] must be zero.  ``main`` is overwritten.
    x : (d,) array
        Right-hand side on input, solution on output.
    above, skip : (d,) arrays
        Scratch for the first and the second superdiagonal of the upper factor.
    """
    d = main.shape[0]
    p, q, g = main[0], side[0], x[0]
    for j in range(d - 1):
        s, m, u, h = side[j], main[j + 1], side[j + 1], x[j + 1]
        if abs(p) >= abs(s):
            p = guard(p)
            main[j], above[j], skip[j], x[j] = p, q, 0.0, g
            factor = s / p
            p, q, g = m - factor * q, u, h - factor * g
        else:
            main[j], above[j], skip[j], x[j] = s, m, u, h
            factor = p / s
            p, q, g = q - factor * m, -factor * u, g - factor * h
    main[d - 1], above[d - 1], skip[d - 1], x[d - 1] = guard(p), 0.0, 0.0, g
    y, z = 0.0, 0.0
    for j in range(d - 1, -1, -1):
        x[j] = (x[j] - above[j] * y - skip[j] * z) / main[j]
        y, z = x[j], y


@njit(**HELPER)
def pivot_and_scale(diag: Reals, off: Reals, v: Reals) -> tuple[int, float]:
    """Row of the largest entry of ``v`` and a power of two that brings the matrix to unit size."""
    pin, top = 0, 0.0
    for j in range(v.shape[0]):
        pin = j if abs(v[j]) > abs(v[pin]) else pin
        top = max(top, abs(float(diag[j])))
    for j in range(off.shape[0]):
        top = max(top, abs(float(off[j])))
    exponent = math.frexp(top)[1] if 0.0 < top < math.inf else 0
    return pin, math.ldexp(1.0, min(max(-exponent, -1022), 1023))


@compiled
def resolvent(diag: Reals, off: Reals, lam: Reals, vec: Reals, rhs: Reals, out: Reals) -> int:
    """Reduced resolvent (λI - T)^+ applied to one right-hand side per matrix.

    Parameters
    ----------
    diag, off : (n, d) and (n, d - 1) arrays of float32 or float64
    lam, vec : (n,) and (n, d) arrays
        Eigenpairs of T.
    rhs : (n, d) array
        Components along the eigenvectors are ignored.
    out : (n, d) array, written

    Returns
    -------
    int : 0
    """
    n, d = diag.shape
    work = np.empty((5, d))
    x = work[4]
    for i in range(n):
        pin, scale = pivot_and_scale(diag[i], off[i], vec[i])
        for j in range(d):
            x[j] = rhs[i, j]
        project(vec[i], x)
        x[pin] = 0.0
        shifted(diag[i], off[i], lam[i], pin, scale, work[0], work[1])
        eliminate(work[0], work[1], x, work[2], work[3])
        project(vec[i], x)
        for j in range(d):
            out[i, j] = x[j] * scale
    return 0
