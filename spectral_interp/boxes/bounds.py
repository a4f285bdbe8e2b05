"""Bounds of f in boxes, with proofs.

In a box the matrix of a neuron is ``A = C + Σ_c D_c``: C is fixed. Every part D_c, the term of a column or
the bend of a pair, is in the convex hull of its nodes (see :mod:`.limits`). Let λ be the eigenvalue λ_k of C
and v its unit eigenvector, ``s_c = vᵀD_c v``, ``ρ = λ + Σ_c s_c`` the tangent plane and
``E = Σ_c max ‖D_c − s_c I‖₂``. A convex function of D_c is largest at a node. Then the following bounds hold.

- *Corners* (Courant–Fischer): let the columns of S be the eigenvectors of C up to v. Then
  ``λ_k(A) <= λ_max(SᵀAS)``, which is convex in A. With the eigenvectors from v on, ``λ_k(A) >= λ_min(SᵀAS)``,
  which is concave. The sums over the neurons have the same properties, so f lies between the least lower
  bound and the largest upper bound at the corners of the box, the choices of one node of every part. If there
  are more than :data:`CORNERS`, corners are taken of the parts with the largest spread, and the extremes of
  the others are added, ``λ_max(X + Y) <= λ_max(X) + λ_max(Y)`` (Weyl).
- *Tangent plane and curvature*: with the eigenpairs (λ_j, u_j) of C and ``b_j = u_jᵀ Σ_c D_c v``,
  ``λ_k(A) <= ρ + Σ_{j<k} b_j² / (λ − λ_j − E)`` if all denominators are positive. Proof: let B be SᵀAS
  without v. By Weyl ``B ⪯ diag(λ_j) + (ρ − λ + E) I``, which is below ρ. So ``μ = λ_max(SᵀAS) >= ρ`` solves
  ``μ − ρ = bᵀ(μI − B)⁻¹ b``, and the right side is largest for the least μ, which is ρ, and for the largest
  B. The eigenvalues above λ_k bound λ_k(A) from below in the same way. The sum over the neurons is a
  quadratic form in the D_c. It is at most the sum, over all pairs of parts, of the largest product, which is
  at nodes.
- *Tangent plane and gap*: ``|λ_k(A) − ρ|`` is at most φ(δ) of :mod:`..certificates.radii`, with the gap to
  the same neighbours and δ half the sum of the largest ``λ_max(D_c) − λ_min(D_c)``; and at most E (Weyl).

Every neuron takes the tighter of the last two bounds, and the box the tighter of their sum and of the
corners. Tangent planes are added over the neurons before their extremes are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._common.arrays import FloatArray
from ..eigen import eigenvalues
from ..pencil.neurons import Neurons
from .limits import Box, Region

ROUNDING = 1e-12
"""Permitted error of a bound, as a fraction of the size of A's terms: a thousand times the solver's error."""

CORNERS = 128
"""Maximum number of corners of a box at which f is bounded."""

CROSSED = 24
"""Maximum number of nodes of all parts whose residuals are multiplied; beyond it, their norms are added."""

CLEAR = 1e-6
"""Least denominator of the curvature, relative to the size of the terms of A; allows for rounding."""


class Bounds(NamedTuple):
    """Proven ends of f in n boxes, (n,), looseness by column, (n, free), and tangents at nodes, (n, a)."""

    low: FloatArray
    high: FloatArray
    loss: FloatArray
    scores: list[FloatArray]


def bounds_in(region: Region, boxes: Sequence[Box]) -> Bounds:
    """Return the bounds of f in boxes, up to :data:`ROUNDING`."""
    neurons, free = region.neurons, len(region.free)
    centre, parts = region.parts(boxes)
    spectrum, vectors, value = spectra(neurons, centre)
    sides = [_side(neurons, part.nodes, vectors) for part in parts]
    rounding = np.zeros_like(value) + ROUNDING * region.size
    far, half = sum((side.far for side in sides), rounding), sum((side.half for side in sides), rounding)
    scores = [side.slopes.sum(axis=2) for side in sides]
    low, high = (value.sum(axis=1) + sum(end(score, axis=1) for score in scores) for end in (np.min, np.max))
    lost = np.zeros((len(parts), len(boxes)))
    for sign, end in ((1, high), (-1, low)):
        gaps = sign * (value[..., None] - spectrum)
        gaps[:, sign * (neurons.k[:, None] - np.arange(neurons.structure.dim)) <= 0] = np.inf
        beyond, by_part = _beyond(sides, gaps, far, half, region.size)
        end += sign * beyond
        lost += by_part
    for at in range(free, len(parts)):
        lost[at] += np.ptp(scores[at], axis=1)
    loss = sum((by[:, None] * part.share for by, part in zip(lost, parts, strict=True)), np.zeros((1, free)))
    least, largest = _at_corners(neurons, spectrum, sides)
    return Bounds(np.maximum(low, least), np.minimum(high, largest), loss, scores[:free])


class _Side(NamedTuple):
    """Properties of n parts D of one kind, with a nodes each, in the basis of the eigenvectors U of C.

    ``inner`` is ``UᵀDU`` (n, a, N, d, d), ``residual`` its row k, and ``slopes`` the diagonal entry s there,
    (n, a, N). ``far`` is max ‖D − sI‖₂, and ``half`` is half the largest spread, (n, N). ``least`` and
    ``largest`` are the ends of ``Σ_n λ_min(D)`` and of ``Σ_n λ_max(D)``, (n,).
    """

    inner: FloatArray
    residual: FloatArray
    slopes: FloatArray
    far: FloatArray
    half: FloatArray
    least: FloatArray
    largest: FloatArray


def spectra(neurons: Neurons, matrices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the spectra (n, N, d) of matrices, all eigenvectors (n, N, d, d), and λ_k (n, N)."""
    spectrum, vectors = np.linalg.eigh(neurons.structure.full(matrices))
    return spectrum, vectors, spectrum[:, np.arange(len(neurons)), neurons.k]


def turned(neurons: Neurons, nodes: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return full matrices (n, a, N, E) in the basis of vectors (n, N, d, d): shape (n, a, N, d, d)."""
    return vectors.swapaxes(2, 3)[:, None] @ neurons.structure.full(nodes) @ vectors[:, None]


def _side(neurons: Neurons, nodes: FloatArray, vectors: FloatArray) -> _Side:
    a, count = nodes.shape[1:3]
    some = nodes[:, :1] if a == 2 else nodes  # two nodes about their middle are negatives of each other
    inner, (least, largest) = turned(neurons, some, vectors), neurons.extremes(some)
    if a == 2:
        inner = np.concatenate([inner, -inner], axis=1)
        least, largest = np.hstack([least, -largest]), np.hstack([largest, -least])
    residual = inner[:, :, np.arange(count), neurons.k]
    slopes = residual[:, :, np.arange(count), neurons.k]
    far = np.maximum(largest - slopes, slopes - least).max(axis=1)
    half = ((largest - least) / 2).max(axis=1)
    ends = least.sum(axis=2).min(axis=1), largest.sum(axis=2).max(axis=1)
    return _Side(inner, residual, slopes, far, half, *ends)


def _beyond(
    sides: Sequence[_Side], gaps: FloatArray, far: FloatArray, half: FloatArray, size: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the largest distance of f beyond the tangent plane on one side, and the parts' shares in it.

    Parameters
    ----------
    gaps : ndarray, shape (n, N, d)
        Distances from λ_k to the eigenvalues that push it to this side; inf for others.
    far, half : ndarray, shape (n, N)
        E and δ.
    size : ndarray, shape (N,)

    Returns
    -------
    beyond : ndarray, shape (n,)
    by_part : ndarray, shape (parts, n)
    """
    if not sides:
        return np.zeros(len(far)), np.zeros((0, len(far)))
    plain, room = _plain(gaps.min(axis=2) - ROUNDING * size, far, half), gaps - far[..., None]
    clear = room.min(axis=2) > CLEAR * size
    weight = np.sqrt(np.divide(1.0, room, out=np.zeros_like(room), where=clear[..., None]))
    scaled = [side.residual * weight[:, None] for side in sides]
    norms = np.array([np.sqrt((own**2).sum(axis=3)).max(axis=1) for own in scaled])
    total = norms.sum(axis=0)
    curved = clear & (total**2 <= plain)
    together = (total**2 * curved).sum(axis=1)
    rows = np.concatenate([own * curved[:, None, :, None] for own in scaled], axis=1)
    if rows.shape[1] <= CROSSED:
        flat = rows.reshape(*rows.shape[:2], -1)
        starts = np.cumsum([0, *(own.shape[1] for own in scaled[:-1])])
        products = flat @ flat.swapaxes(1, 2)
        products = np.maximum.reduceat(np.maximum.reduceat(products, starts, axis=1), starts, axis=2)
        together = np.minimum(together, products.sum(axis=(1, 2)).clip(0.0))
    shares = np.divide([side.far for side in sides], far, out=np.zeros_like(norms), where=far > 0)
    by_part = np.where(curved, norms * total, plain * shares).sum(axis=2)
    return together + (plain * ~curved).sum(axis=1), by_part


def _plain(gap: FloatArray, far: FloatArray, half: FloatArray) -> FloatArray:
    """Return the lesser of E and of φ(δ) at a gap: shape (n, N)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ball = np.where(gap > half, half * (half / gap), np.where(gap > 0, 2 * half - gap, np.inf))
    return np.minimum(far, ball)


def _at_corners(
    neurons: Neurons, spectrum: FloatArray, sides: Sequence[_Side]
) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of f, (n,) each: the corners of the widest parts plus the extremes of the others."""
    order = sorted(range(len(sides)), key=lambda at: -_spread_per_node(sides[at]))
    counts = np.cumprod([float(sides[at].inner.shape[1]) for at in order])
    tried = order[: int((counts <= CORNERS).sum())]
    sums: list[Any] = [0.0, 0.0]
    for k, own in neurons.indices:
        for side, kept in enumerate((slice(k, None), slice(None, k + 1))):
            start = spectrum[:, own][..., kept]
            corners = (start[..., None] * np.eye(start.shape[2]))[:, None]
            for at in tried:
                part = sides[at].inner[:, :, own][..., kept, kept]
                corners = (corners[:, :, None] + part[:, None]).reshape(len(part), -1, *part.shape[2:])
            sums[side] = sums[side] + extreme(corners, side).sum(axis=2)
    least, largest = sums[0].min(axis=1), sums[1].max(axis=1)
    for at in order[len(tried) :]:
        least, largest = least + sides[at].least, largest + sides[at].largest
    return least, largest


def _spread_per_node(side: _Side) -> float:
    """Return the largest gain from the corners of a part, relative to the logarithm of their number."""
    return float((side.largest - side.least).mean() / max(np.log(side.inner.shape[1]), 1.0))


def extreme(matrices: FloatArray, side: int) -> FloatArray:
    """Return the least (side 0) or the largest (side 1) eigenvalue of matrices (…, m, m).

    Matrices of order 3 are rotated in the plane of the last two coordinates to tridiagonal form.
    """
    if matrices.shape[-1] != 3:
        return np.asarray(np.linalg.eigvalsh(matrices)[..., -side], dtype=np.float64)
    a, b, c, x, y, z = (matrices[..., i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)))
    length = np.hypot(x, z)
    far = np.where(length > 0, length, 1.0)
    cos, sin = np.where(length > 0, x / far, 1.0), z / far
    twist = 2 * cos * sin * y
    diag = np.stack([a, cos**2 * b + sin**2 * c + twist, sin**2 * b + cos**2 * c - twist], axis=-1)
    off = np.stack([length, cos * sin * (c - b) + (cos**2 - sin**2) * y], axis=-1)
    return np.asarray(eigenvalues(diag, off, 2 * side), dtype=np.float64)
