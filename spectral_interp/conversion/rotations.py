"""A common rotation of several symmetric matrices, built from rotations in coordinate planes.

It minimises the misfit ``Σ_m Σ_ab mask_ab (QᵀB_m Q − S_m)²_ab``. A rotation by θ in the plane (a, b) changes
only rows and columns a and b. Their entries are of degree 2 in cos θ and sin θ, so the misfit is a
trigonometric polynomial of degree 4, which 9 values determine. Every step uses the best of all angles. This
is Jacobi's method, which Cardoso and Souloumiac (*Jacobi Angles for Simultaneous Diagonalization*, 1996)
use for diagonal targets. The misfit never rises, but the descent may end in a local minimum.
"""

from __future__ import annotations

import numpy as np

from .._common.arrays import FloatArray

ANGLES = 16
"""Number of angles at which the polynomial is computed: a power of 2 above 9, for the Fourier transform."""

FINE = 720
"""Number of angles, half a degree apart, in the search for its minimum before Newton's steps."""

SWEEPS, GAIN = 60, 1e-4
"""Maximum number of sweeps over all planes, and relative gain below which the sweeps end."""

_ORDERS = np.arange(1, 5)
_THETA = 2 * np.pi * np.arange(ANGLES) / ANGLES
_C, _S = np.cos(_THETA), np.sin(_THETA)
_CC, _CS, _SS = _C * _C, _C * _S, _S * _S
_GRID = 2 * np.pi * np.arange(FINE) / FINE
_WAVES = np.exp(1j * np.outer(_GRID, _ORDERS))


def rotate(
    matrices: FloatArray, rotation: FloatArray, target: FloatArray, mask: FloatArray, sweeps: int = SWEEPS
) -> tuple[FloatArray, float]:
    """Return a rotation Q with a smaller misfit, and the misfit.

    Parameters
    ----------
    matrices : ndarray, shape (m, d, d)
        Symmetric B_1 … B_m.
    rotation : ndarray, shape (d, d)
        Orthogonal matrix at the start.
    target : ndarray, shape (m, d, d)
        Symmetric S_1 … S_m.
    mask : ndarray, shape (d, d)
        Symmetric; 1 for entries that count, 0 for the others.
    sweeps : int
        Maximum number of sweeps.

    Examples
    --------
    Two matrices with the same eigenvectors become diagonal together:

    >>> pair = np.array([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 2.0], [2.0, 1.0]]])
    >>> q, misfit = rotate(pair, np.eye(2), np.zeros((2, 2, 2)), 1 - np.eye(2))
    >>> bool(misfit < 1e-20), bool(np.abs((q.T @ pair @ q)[:, 0, 1]).max() < 1e-10)
    (True, True)
    """
    q, d = rotation.copy(), len(rotation)
    turned = q.T @ matrices @ q
    before = np.inf
    for _ in range(sweeps):
        for a in range(d - 1):
            for b in range(a + 1, d):
                _turn(turned, q, target, mask, a, b)
        misfit = float((mask * (turned - target) ** 2).sum())
        if misfit >= (1 - GAIN) * before:
            break
        before = misfit
    return q, float((mask * (turned - target) ** 2).sum())


def _turn(turned: FloatArray, q: FloatArray, target: FloatArray, mask: FloatArray, a: int, b: int) -> None:
    """Rotate the matrices (m, d, d) and the columns of q in the plane (a, b), by the best angle, in place."""
    theta = _best(_polynomial(turned, target, mask, a, b))
    if not theta:
        return
    c, s = np.cos(theta), np.sin(theta)
    plane, turn = [a, b], np.array([[c, -s], [s, c]])
    q[:, plane] = q[:, plane] @ turn
    turned[:, :, plane] = turned[:, :, plane] @ turn
    turned[:, plane] = turn.T @ turned[:, plane]


def _polynomial(turned: FloatArray, target: FloatArray, mask: FloatArray, a: int, b: int) -> FloatArray:
    """Return the misfit at the angles θ up to a constant, shape (ANGLES,)."""
    x, y, s, t = turned[:, a], turned[:, b], target[:, a], target[:, b]
    u, w = 2 * mask[a], 2 * mask[b]
    u[[a, b]] = w[[a, b]] = 0.0
    found = _CC * (u * x * x + w * y * y).sum() + _SS * (u * y * y + w * x * x).sum()
    found += 2 * _CS * ((u - w) * x * y).sum()
    found -= 2 * _C * (u * x * s + w * y * t).sum() + 2 * _S * (u * y * s - w * x * t).sum()
    aa, bb, ab = (part[:, None] for part in (x[:, a], y[:, b], x[:, b]))
    block = (
        (mask[a, a], _CC * aa + 2 * _CS * ab + _SS * bb, s[:, a]),
        (mask[b, b], _SS * aa - 2 * _CS * ab + _CC * bb, t[:, b]),
        (2 * mask[a, b], _CS * (bb - aa) + (_CC - _SS) * ab, s[:, b]),
    )
    for weight, entry, aim in block:
        if weight:
            found += weight * ((entry - aim[:, None]) ** 2).sum(axis=0)
    return found


def _best(values: FloatArray) -> float:
    """Return the angle of the least value of a trigonometric polynomial; 0 if it is least at 0."""
    waves = 2 * np.fft.rfft(values)[1:5] / ANGLES
    heights = (_WAVES @ waves).real
    at = int(heights.argmin())
    theta, rates = _GRID[at], 1j * _ORDERS
    for _ in range(3):
        wave = waves * np.exp(1j * _ORDERS * theta)
        slope, bend = (wave @ rates).real, (wave @ rates**2).real
        theta -= slope / bend if bend > 0 else 0.0
    gain = heights[0] - (waves @ np.exp(1j * _ORDERS * theta)).real
    return float(theta) if gain > 1e-15 * np.abs(values).max() else 0.0
