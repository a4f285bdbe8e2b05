"""Constants and radii for changes in which all inputs move together, with proofs.

Distances are in inputs, which equal the features if no column has knots (see :meth:`ModelView.inputs`). Let
B_i be the slope of a neuron's matrix in input i, v the unit eigenvector of its eigenvalue λ, γ its gap.

- *Ball of gradients*: let ``C_i = B_i - c_i I``. By Cauchy–Schwarz ``‖g - c‖² = Σ (vᵀC_i v)² <= Σ ‖C_i v‖² =
  vᵀ(Σ C_i²)v <= ‖Σ C_i²‖₂ =: ρ²``, for any c. Also ``‖Σ s_i C_i‖₂ <= ‖Σ s_i C_i‖_F``, so the largest singular
  value of the matrix with rows vec(C_i) is another ρ. Hence ``L = min_c ‖c‖ + ρ(c)`` is a Lipschitz constant
  (c = 0 gives ``‖Σ B_i²‖₂^½``), and ``‖Δ - (c·s) I‖₂ <= ρ ‖s‖`` for the change ``Δ = Σ s_i B_i``.
- *Many segments*: an input whose slope differs from segment to segment adds at most
  ``max ‖B_{i,s} - c_i I‖₂²`` to ρ². Then ρ and L hold in every cell, a product of segments, and so along any
  path across cells.
- *Sums*: gradients and balls of neurons add up: ``L = Σ_n L_n``, ``ρ = Σ_n ρ_n``. As every ∂f/∂x_i lies in an
  interval, the largest norm of a vector in all these intervals is another L; the smaller L is used.
- *Remainder of the tangent plane of a neuron* where its matrix is affine: with ``δ = min_c ‖Δ - cI‖₂``,
  ``R = |λ(x + s) - λ(x) - g·s| <= φ(δ)``, where ``φ(δ) = δ²/γ`` up to δ = γ and ``2δ - γ`` beyond. Proof:
  shifting Δ by cI does not change R, so let ``‖Δ‖₂ = δ`` and λ(x) = 0. On the span S of the first k + 1
  eigenvectors ``A(x) <= -γ (I - vvᵀ)``, so by Courant–Fischer
  ``λ(x + s) <= max over unit u in S of -γ (1 - (uᵀv)²) + uᵀΔu``. The maximum is attained in a plane that
  contains v, where Δ is a 2 × 2 matrix of norm at most δ; maximising over such matrices gives ``g·s + φ(δ)``.
  The span of the last d - k eigenvectors gives the other side. 2 × 2 pencils attain the bound. For a diagonal
  pencil u is a coordinate vector and ``φ(δ) = max(0, 2δ - γ)``.
- *Knots*: let B be the slopes in the cell of x. Beyond a knot at distance τ, at which the slope of the matrix
  in an input jumps by J, the matrix also changes by ``J (t - τ)``, where t is the distance along that input;
  for a pair's input, ``t <= ‖s‖ √(1 + sign²) / scale``. By Weyl, all knots together move λ by at most
  ``Σ ‖J‖₂ (t - τ)₊``. Hence ``R(s) <= F(‖s‖)`` with ``F(r) = Σ_n φ_n(ρ_n r) + Σ_knots w (r - τ)₊``, τ and
  ``w = Σ_n ‖J_n‖₂`` per unit of ‖s‖. F is convex; the linear radius solves ``F(r) = eps``, and the class
  stays the same while ``‖g‖ r + F(r) < |f|``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .._common.arrays import FloatArray
from ..boxes.segments import Forms, bounds_of, slope_matrices
from ..pencil.neurons import Neurons
from ..view import ModelView
from .slopes import input_slopes

ENTRIES = 2**21
"""Maximum number of numbers held at a time."""


class Balls:
    """Balls that contain the neurons' gradients in the inputs, and bounds of the sum of their remainders.

    Attributes
    ----------
    lipschitz : float
        L, in the inputs.
    radii : ndarray, shape (N,)
        ρ of every neuron, in all cells.
    affine : bool
        Whether the matrices are affine in the inputs, so that there is one cell.
    """

    def __init__(self, view: ModelView) -> None:
        self.view = view
        neurons, slopes = view.function.neurons, input_slopes(view)
        kinked = [len(own) > 1 or any(len(part) > 1 for part in parts) for own, parts in slopes]
        whole = [own[0] + sum(part[0] for part in parts) for own, parts in slopes]
        fixed = [matrix for matrix, bent in zip(whole, kinked, strict=True) if not bent]
        bounds = [_hull(neurons, *slope) for slope, bent in zip(slopes, kinked, strict=True) if bent]
        affine = np.stack(fixed) if fixed else np.empty((0, *neurons.entries.shape[1:]))
        middle = np.mean(neurons.extremes(affine), axis=0) if len(affine) else np.empty((0, len(neurons)))
        ends = _stacked(bounds, neurons)
        found = [
            neuron_ball(neurons.structure.full(affine[:, n]), middle[:, n], *(end[:, n] for end in ends))
            for n in range(len(neurons))
        ]
        reach, radii = np.array(found).T
        self.radii, self.affine = radii, not any(kinked)
        self.lipschitz = float(reach.sum())
        if len(neurons) > 1 or not self.affine:
            norms = [_norm(_hull(neurons, *slope)) for slope in slopes]
            self.lipschitz = min(self.lipschitz, math.hypot(*norms))

    def radii_at(self, z: FloatArray) -> FloatArray:
        """Return ρ of every neuron in the cells of rows (n, p): (n, N), or (1, N) if there is one cell."""
        if self.affine:
            return self.radii[None]
        return np.concatenate([np.empty((0, len(self.radii))), *self._cells(z)])

    def _cells(self, z: FloatArray) -> Iterator[FloatArray]:
        view, neurons = self.view, self.view.function.neurons
        _, count, entries = neurons.entries.shape
        per_feature = neurons.entries[1:].reshape(-1, count * entries).T
        each = len(view.input_column_of) * 2 * count * (entries + neurons.structure.dim**2)
        together = max(1, ENTRIES // each)
        for start in range(0, len(z), together):
            some = z[start : start + together]
            slopes = view.input_slopes(some, np.broadcast_to(per_feature, (len(some), *per_feature.shape)))
            slopes = slopes.swapaxes(1, 2).reshape(len(some), -1, count, entries)
            yield np.minimum(cell_radii(neurons, slopes), self.radii)

    def knots(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return τ (n, m) and w (m,) of all knots at which slopes jump, for rows (n, p)."""
        view, far, jumps = self.view, [np.empty((len(z), 0))], [np.empty(0)]
        for place, axis in enumerate(view.axes):
            if len(axis.knots) > 2:
                far.append(_distances(view.positions(z, place), axis.knots))
                jumps.append(self._jumps(view.own(axis.name), axis.knots))
        for pair, own in zip(view.pairs, view.pair_own, strict=True):
            if len(pair.knots) > 2:
                u = pair.coordinates(*(view.positions(z, at) for at in pair.columns))
                rate = math.hypot(1.0, pair.sign) / pair.scale
                far.append(_distances(u, pair.knots) / rate)
                jumps.append(rate * self._jumps(own, pair.knots))
        return np.hstack(far), np.concatenate(jumps)

    def _jumps(self, own: slice, knots: tuple[float, ...]) -> FloatArray:
        neurons = self.view.function.neurons
        return neurons.norms(np.diff(slope_matrices(neurons, own, knots), axis=0)).sum(axis=1)

    def radius(self, z: FloatArray, gaps: FloatArray, target: FloatArray, slope: FloatArray) -> FloatArray:
        """Return the r at which ``slope r + F(r)`` reaches a target > 0, for rows (n, p): (n,), inf if never.

        Parameters
        ----------
        z : ndarray, shape (n, p)
        gaps : ndarray, shape (n, N)
        target, slope : ndarray, shape (n,)
        """
        unit = 1 / target[:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
            rho, gap = self.radii_at(z) * unit, gaps * unit
            gap = np.where(gap < np.finfo(np.float64).tiny, 0.0, gap)  # a larger gap is never less safe
            within = np.where(self._diagonal | (gap == 0), 0.0, rho / gap * rho)
            breaks = np.where(self._diagonal, gap / 2, gap) / rho
            breaks[np.isnan(breaks)] = np.inf
            tau, jump = self.knots(z)
            jump = jump * unit
            found = _solve(
                slope * unit[:, 0],
                np.hstack([breaks, tau]),
                np.hstack([within, np.zeros_like(tau)]),
                np.hstack([2 * rho, jump]),
                np.hstack([gap, jump * tau]),
            )
        return np.where(np.isnan(found), 0.0, found)  # nothing is certified for numbers near the least floats

    @property
    def _diagonal(self) -> FloatArray:
        """Mask of the neurons that are exactly piecewise linear, (N,)."""
        return np.array([term.structure == "diagonal" for term in self.view.function.terms])


def _solve(
    slope: FloatArray, breaks: FloatArray, within: FloatArray, beyond: FloatArray, offset: FloatArray
) -> FloatArray:
    """Return the r at which ``slope r + Σ_j φ_j(r)`` is 1, (n,).

    Here φ_j is ``within r²``, then ``beyond r − offset``. The sum increases and is one parabola between two
    neighbouring breaks, so the first break at which it has reached 1 determines the parabola.
    """
    order = np.argsort(breaks, axis=1)
    breaks, within, beyond, offset = (
        np.take_along_axis(part, order, axis=1) for part in (breaks, within, beyond, offset)
    )
    none = np.zeros((len(breaks), 1))
    square = np.hstack([np.cumsum(within[:, ::-1], axis=1)[:, ::-1], none])
    line = slope[:, None] + np.hstack([none, np.cumsum(beyond, axis=1)])
    less = np.hstack([none, np.cumsum(offset, axis=1)])
    at = breaks * (breaks * square[:, :-1] + line[:, :-1]) - less[:, :-1]
    reached = np.hstack([np.isinf(breaks) | ~(at < 1), none == 0])
    part = reached.argmax(axis=1)[:, None]
    a, b, c = (np.take_along_axis(whole, part, axis=1)[:, 0] for whole in (square, line, less))
    return 2 * (1 + c) / (b + np.hypot(b, 2 * np.sqrt(a) * np.sqrt(1 + c)))


def _distances(u: FloatArray, knots: tuple[float, ...]) -> FloatArray:
    """Return distances of coordinates (n,) to the inner knots, (n, K − 2); end segments are unbounded."""
    return np.abs(u[:, None] - np.array(knots[1:-1]))


def _hull(neurons: Neurons, own: FloatArray, parts: list[FloatArray]) -> Forms:
    """Return the bounds of the slopes of one input over all its segments: (m,) = (1,)."""
    found = bounds_of(neurons, own, [part[None] for part in parts])
    return Forms(
        found.low.min(keepdims=True),
        found.high.max(keepdims=True),
        found.least.min(axis=0, keepdims=True),
        found.largest.max(axis=0, keepdims=True),
    )


def _norm(bounds: Forms) -> float:
    return float(max(-bounds.low[0], bounds.high[0]))


def _stacked(bounds: list[Forms], neurons: Neurons) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest eigenvalues of the slopes of kinked inputs: (inputs, N) each."""
    none = np.empty((0, len(neurons)))
    return (
        np.concatenate([none, *(found.least for found in bounds)]),
        np.concatenate([none, *(found.largest for found in bounds)]),
    )


def neuron_ball(
    matrices: FloatArray, middle: FloatArray, least: FloatArray, largest: FloatArray
) -> tuple[float, float]:
    """Return the least ``‖c‖ + ρ(c)`` and the least ρ(c) over three centres c of a ball of gradients.

    The centres are 0, the mean eigenvalue of every B_i (best for the Frobenius bound) and the middle of its
    spectrum; for inputs with many segments, the middle of all their spectra.

    Parameters
    ----------
    matrices : ndarray, shape (g, d, d)
        Slopes in the inputs that have one segment.
    middle : ndarray, shape (g,)
        The middles of their spectra.
    least, largest : ndarray, shape (h,)
        Ends of the spectra of the slopes in the other inputs.
    """
    others = (least + largest) / 2
    trace = np.trace(matrices, axis1=1, axis2=2) / matrices.shape[1]
    centres = [(np.zeros(len(matrices)), np.zeros(len(others))), (trace, others), (middle, others)]
    radii = [
        math.hypot(ball_radius(matrices, own), *np.maximum(largest - other, other - least))
        for own, other in centres
    ]
    reach = [math.hypot(*own, *other) + radius for (own, other), radius in zip(centres, radii, strict=True)]
    return min(reach), min(radii)


def ball_radius(matrices: FloatArray, centre: FloatArray) -> float:
    """Return ρ, the smaller of ``‖Σ C_i²‖₂^½`` and the largest singular value of the rows vec(C_i)."""
    if not len(matrices):
        return 0.0
    shifted = matrices - centre[:, None, None] * np.eye(matrices.shape[1])
    stacked = shifted.reshape(-1, matrices.shape[1])
    rows = shifted.reshape(len(matrices), matrices.shape[1] ** 2)
    rows = rows[:, rows.any(axis=0)]
    if not rows.size:
        return 0.0
    return float(min(np.linalg.norm(stacked, 2), np.linalg.norm(rows, 2)))


def cell_radii(neurons: Neurons, slopes: FloatArray) -> FloatArray:
    """Return ρ about the mean eigenvalues for slopes (n, g, N, E) in n cells: shape (n, N)."""
    structure, d = neurons.structure, neurons.structure.dim
    size = float(np.abs(slopes).max(initial=0.0)) or 1.0
    centred = slopes / size
    centred[..., :d] -= centred[..., :d].mean(axis=-1, keepdims=True)
    rows = centred.swapaxes(1, 2).copy()
    full = structure.full(rows)  # symmetric: the sum of squares is one product
    stacked = full.reshape(*full.shape[:2], -1, d)
    squares = stacked.swapaxes(2, 3) @ stacked
    rows[..., d:] *= np.sqrt(2)
    grams = rows.swapaxes(2, 3) @ rows
    found = [np.linalg.eigvalsh(part)[..., -1] for part in (squares, grams)]
    return size * np.sqrt(np.maximum(np.minimum(*found), 0.0))
