"""Bounds of slopes in boxes, with proofs.

Along a column, the matrix of a neuron has the slope S of one of the segments that the box covers (see
:mod:`..certificates.slopes`), and ``∂f/∂u = Σ_n vᵀSv`` (Hellmann–Feynman) with a unit eigenvector v of
``A = C + Σ_c D_c`` as in :mod:`.bounds`. A step between two levels adds D to A and changes f by
``f(z + s) − f(z) = ∫ Σ_n v(t)ᵀDv(t) dt`` along ``A + tD``. This is the mean of such forms, with S = D, over
:data:`PIECES` parts of the path.

- *An eigenvector makes forms equal*: let μ be λ_k(A). As ``(A − μI)v = 0``, for every matrix X

      vᵀSv = vᵀGv,    G = S + X(A − μI) + (A − μI)Xᵀ,

  so ``vᵀSv >= λ_min(G)``, also if λ_k is multiple; ``−vᵀSv`` has the same bound with −S. X = 0 gives
  Rayleigh's interval.
- *Choice of X*, in the basis of the eigenvectors u_j of C, with ``l_j = λ_j − λ_k`` and v_0 = u_k: the row k
  is ``−S_kj l_j / (l_j² + τ_k²)``, which removes the coupling of v_0 to the others from G. Among the others,
  X is ``½ (tI − S)₊ diag(l_j / (l_j² + τ²))``, where ₊ omits the negative eigenvalues. This lifts S to
  ``S + (tI − S)₊ ⪰ tI`` where l_j is large compared with τ. The column k is zero.
- *Linear in the box*: with ``s_c = v_0ᵀD_c v_0``, ``ν = μ − λ_k − Σ s_c`` and L the diagonal matrix of l_j, G
  is the sum of ``S + XL + LXᵀ``, of ``X(D_c − s_c I) + (D_c − s_c I)Xᵀ`` for every part, and of
  ``−ν(X + Xᵀ)``. The entry h of a part at (k, k) is its first-order change of the slope. As ``vᵀ(h I)v = h``,
  these are added over the neurons before the least node is taken. The rest of every part is bounded below by
  one matrix in the Loewner order, in which λ_min is monotone.
- *Below two matrices*: ``P ∧ Q = (P + Q − |P − Q|) / 2`` is below both, where |·| replaces eigenvalues by
  their absolute values. A matrix below all nodes is below their convex hull. ``K (K⁻¹PK⁻¹ ∧ K⁻¹QK⁻¹) K`` is
  also below both; here K is one at v_0 and κ elsewhere. κ grows as the box shrinks relative to γ:
  ``max(κ, γ / 2 Σ_c max ‖D_c − s_c I‖)``. The loss is then of second order.
- *Interval of ν* (Courant–Fischer): with B_c below all ``−(D_c − s_c I)`` between the eigenvectors up to v_0,
  ``ν <= −λ_min(−L + ΣB_c)`` there. With those from v_0 on and B_c below all ``D_c − s_c I``, ``ν >= λ_min(L +
  ΣB_c)``.

Every neuron uses the best of :data:`SHAPES`, and the box the better of their sum and of X = 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, padded
from ..pencil.neurons import Neurons
from .bounds import CLEAR, ROUNDING, Bounds, spectra, turned
from .limits import Box, Part, Region
from .segments import bounds_of, covered, pair_slopes, slope_matrices

PIECES = 4
"""Number of parts of the path between two levels; slopes are bounded on each."""

SHAPES = ((0.6, 4.0, np.inf, 1.0), (1.5, 4.0, np.inf, 1.0), (1.5, 0.5, 0.5, 3.0), (3.0, 0.0, 0.0, 3.0))
"""t in units of the spread of S, τ and τ_k in units of γ, and the least κ; from large to small boxes."""

STEEPEST = 1e6
"""Largest κ."""

INSIDE = 1e-9
"""Fraction of an interval by which points move inward; at its ends, slopes may be those beyond."""


class Slope(ABC):
    """Slope or step of f along a column: a function in a region with bounds in boxes.

    Attributes
    ----------
    region : Region
    place : int
        Index of the column among the axes.
    size : float
        Bound of the sum of the norms of S; rounding is proportional to it.
    ends : tuple of float
        First and last coordinate, or level.
    """

    size: float
    ends: tuple[float, float]

    def __init__(self, region: Region, place: int) -> None:
        self.region, self.place = region, place

    @abstractmethod
    def bounds(self, boxes: Sequence[Box]) -> Bounds:
        """Return the bounds in boxes."""

    @abstractmethod
    def values(self, u: FloatArray) -> FloatArray:
        """Return the values at coordinates (m, free) of the free columns: shape (m,)."""


class Derivative(Slope):
    """The derivative of f in the coordinate of a free number, or in elapsed time, between its values."""

    def __init__(self, region: Region, place: int) -> None:
        super().__init__(region, place)
        self.at = [column.place for column in region.free].index(place)
        whole = region.free[self.at].whole
        self.ends = whole.low, whole.high
        axis, neurons = region.view.axes[place], region.neurons
        own = region.view.own(axis.name)
        pairs = [pair for pair in region.view.pairs if place in pair.columns]
        self._knots = [axis.knots, *(pair.knots for pair in pairs)]
        first = neurons.entries[1 + own.start : 2 + own.start]
        value = slope_matrices(neurons, own, axis.knots) if axis.knots else first
        self._slopes = [value, *pair_slopes(region.view, place)]
        self.size = sum(float(neurons.norms(slopes).sum(axis=1).max()) for slopes in self._slopes)
        eye = np.eye(len(region.view.axes))
        shares = [eye[place], *(eye[list(pair.columns)].mean(axis=0) for pair in pairs)]
        self._shares = [share[[column.place for column in region.free]] for share in shares]

    @override
    def bounds(self, boxes: Sequence[Box]) -> Bounds:
        centre, parts = self.region.parts(boxes)
        own = np.array([(box[self.at].low, box[self.at].high) for box in boxes])
        ends = [(own[:, 0], own[:, 1]), *self.region.pair_ends(self.place, boxes)]
        chosen = []
        for slopes, knots, (low, high), share in zip(
            self._slopes, self._knots, ends, self._shares, strict=True
        ):
            some = covered(knots, low, high, (low == high) | (self.ends[0] == self.ends[1]))
            shares = np.tile(share, (len(boxes), 1))
            chosen.append(Part(padded([slopes[own] for own in some]), shares))
        return _bounds(self.region, centre, parts, chosen, self.region.size)

    @override
    def values(self, u: FloatArray) -> FloatArray:
        view, (low, high) = self.region.view, self.ends
        inset = INSIDE * (high - low)
        inside = u.copy()
        inside[:, self.at] = np.clip(u[:, self.at], low + inset, high - inset)
        z = view.placed(self.region.coordinates(inside))
        _, gradients = view.function.values_and_gradients(z)
        return view.input_slopes(z, gradients)[:, view.input_firsts[self.place]]


class Step(Slope):
    """The change of f from one level of a column to another; in the region the column is at the first."""

    def __init__(self, region: Region, place: int, start: int, end: int) -> None:
        super().__init__(region, place)
        axis = region.view.axes[place]
        first, last = axis.place(np.array([start, end], dtype=np.float64))
        self._step = region.view.steps(axis.name, (last - first)[None])
        self._matrix = region.neurons.steps(self._step)
        self.ends, norms = (start, end), region.neurons.norms(self._matrix)[0]
        self._size, self.size = region.size + norms, float(norms.sum())

    @override
    def bounds(self, boxes: Sequence[Box]) -> Bounds:
        centre, parts = self.region.parts(boxes)
        step = np.repeat(self._matrix[:, None], len(boxes), axis=0)
        half, none = step / (2 * PIECES), np.zeros((len(boxes), len(self.region.free)))
        way, form = Part(np.concatenate([half, -half], axis=1), none), Part(step, none)
        found = [
            _bounds(self.region, centre + (2 * at + 1) * half[:, 0], [*parts, way], [form], self._size)
            for at in range(PIECES)
        ]
        low, high, loss = (
            np.mean([getattr(one, name) for one in found], axis=0) for name in Bounds._fields[:3]
        )
        scores = [np.mean(some, axis=0) for some in zip(*(one.scores for one in found), strict=True)]
        if not self.region.free:  # no column moves, so the step is known
            low = high = self.values(np.empty((len(boxes), 0)))
        return Bounds(low, high, loss, scores)

    @override
    def values(self, u: FloatArray) -> FloatArray:
        z = self.region.view.placed(self.region.coordinates(u))
        values = self.region.view.function.values
        return values(z + self._step) - values(z)


class _Frame(NamedTuple):
    """Input of the bounds of slopes, in the basis of the eigenvectors of C.

    ``size`` bounds the terms of A, (N,), ``spectrum`` has l, (n, N, d), ``other`` is false at v_0, (N, d),
    ``nodes`` has ``D − sI`` of every part, (n, a, N, d, d), and ``turns`` the interval of ν, (n, 2, N).
    """

    neurons: Neurons
    size: FloatArray
    spectrum: FloatArray
    other: npt.NDArray[np.bool_]
    nodes: list[FloatArray]
    turns: FloatArray

    @property
    def gap(self) -> FloatArray:
        """γ, (n, N), not below rounding; one if d = 1."""
        gap = np.where(self.other, np.abs(self.spectrum), np.inf).min(axis=2)
        gap = np.maximum(gap, CLEAR * self.size)
        return np.where(np.isfinite(gap) & (gap > 0), gap, 1.0)

    @property
    def far(self) -> FloatArray:
        """Bound of the distance of A from C and its tangent, (n, N), not below rounding."""
        total = sum(map(_far, self.nodes), np.zeros(self.spectrum.shape[:2]))
        return np.maximum(total, np.maximum(ROUNDING * self.size, np.finfo(float).tiny))

    def corner(self, matrices: FloatArray) -> FloatArray:
        """Return the entries at (k, k) of matrices (…, N, d, d): shape (…, N)."""
        return matrices[..., np.arange(len(self.neurons)), self.neurons.k, self.neurons.k]


def _bounds(
    region: Region, centre: FloatArray, parts: Sequence[Part], slopes: Sequence[Part], size: FloatArray
) -> Bounds:
    """Return the bounds in boxes with C and its parts; S is a sum of one node of every slope."""
    neurons, free = region.neurons, len(region.free)
    spectrum, vectors, value = spectra(neurons, centre)
    frame = _frame(
        neurons, spectrum - value[..., None], [turned(neurons, part.nodes, vectors) for part in parts], size
    )
    middles = [(own.nodes.max(axis=1) + own.nodes.min(axis=1)) / 2 for own in slopes]
    form = turned(neurons, np.asarray(sum(middles))[:, None], vectors)[:, 0]
    bent = [
        turned(neurons, own.nodes - middle[:, None], vectors)
        for own, middle in zip(slopes, middles, strict=True)
    ]
    plain = bounds_of(neurons, np.zeros_like(centre), [own.nodes for own in slopes])
    low = np.maximum(_least(frame, form, bent), plain.low)
    high = np.minimum(-_least(frame, -form, [-own for own in bent]), plain.high)
    loss, scores = _losses(frame, form, parts, free)
    for own, part in zip(bent, slopes, strict=True):
        loss += _far(own).sum(axis=1)[:, None] * part.share
    return Bounds(low, high, loss, scores)


def _frame(neurons: Neurons, spectrum: FloatArray, inner: list[FloatArray], size: FloatArray) -> _Frame:
    d = neurons.structure.dim
    order = np.arange(d) - neurons.k[:, None]
    frame = _Frame(neurons, size, spectrum, order != 0, [], np.empty(0))
    nodes = [own - frame.corner(own)[..., None, None] * np.eye(d) for own in inner]
    ends = []
    for sign, kept in ((1.0, order >= 0), (-1.0, order <= 0)):
        block = kept[:, :, None] & kept[:, None, :]
        own = [np.where(block, sign * node, 0.0) for node in nodes]
        total = sign * np.where(kept, spectrum, 0.0)[..., None] * np.eye(d) + sum(map(_below, own))
        ends.append(sign * np.linalg.eigvalsh(total)[..., 0])
    return frame._replace(nodes=nodes, turns=np.stack(ends, axis=1))


def _below(nodes: FloatArray) -> FloatArray:
    """Return a matrix (n, N, d, d) below all nodes (n, a, N, d, d) in the Loewner order."""
    found = nodes[:, 0]
    for at in range(1, nodes.shape[1]):
        values, vectors = np.linalg.eigh(found - nodes[:, at])
        apart = (vectors * np.abs(values)[..., None, :]) @ vectors.swapaxes(-1, -2)
        found = (found + nodes[:, at] - apart) / 2
    return found


def _least(frame: _Frame, form: FloatArray, bent: Sequence[FloatArray]) -> FloatArray:
    """Return a lower bound of ``Σ_n vᵀ(S + one of every bend)v`` with S (n, N, d, d): shape (n,)."""
    best, firsts = np.full(form.shape[:2], -np.inf), None
    rest = best.copy()
    for shape in SHAPES:
        own_rest, own_firsts = _shaped(frame, form, bent, shape)
        own = own_rest + sum(first.min(axis=1) for first in own_firsts)
        better = own > best
        best, rest = np.where(better, own, best), np.where(better, own_rest, rest)
        firsts = [
            np.where(better[:, None], new, old)
            for new, old in zip(own_firsts, firsts or own_firsts, strict=True)
        ]
    return rest.sum(axis=1) + sum(first.sum(axis=2).min(axis=1) for first in firsts or [])


def _shaped(
    frame: _Frame, form: FloatArray, bent: Sequence[FloatArray], shape: tuple[float, ...]
) -> tuple[FloatArray, list[FloatArray]]:
    """Return λ_min without the first order, (n, N), and the first order at nodes, (n, a, N) of every part."""
    lift, damp, damp_row, scale = shape
    d, gap, ell, other = form.shape[-1], frame.gap[..., None], frame.spectrum, frame.other
    block = other[:, :, None] & other[:, None, :]
    spread = np.linalg.eigvalsh(form)[..., [0, -1]]
    wanted = (spread[..., 0] + lift * (spread[..., 1] - spread[..., 0]))[..., None, None] * np.eye(d)
    short = np.where(block, _positive(wanted - np.where(block, form, 0.0)), 0.0)
    turn = short * _damped(ell, damp * gap, other)[..., None, :] / 2
    count, norm = np.arange(len(frame.neurons)), np.linalg.norm(form, axis=(-2, -1))
    turn[:, count, frame.neurons.k] = -form[:, count, frame.neurons.k] * _damped(ell, damp_row * gap, other)

    def both(matrices: FloatArray) -> FloatArray:
        product = turn[:, None] @ matrices
        return product + product.swapaxes(-1, -2)

    nodes = [*map(both, frame.nodes), *bent]
    firsts = [frame.corner(own) for own in nodes]
    nodes = [own - first[..., None, None] * np.eye(d) for own, first in zip(nodes, firsts, strict=True)]
    nodes.append(-frame.turns[..., None, None] * (turn + turn.swapaxes(-1, -2))[:, None])
    kappa = np.where(other, np.clip(frame.gap / (2 * frame.far), scale, STEEPEST)[..., None], 1.0)
    weights = kappa[..., :, None] * kappa[..., None, :]
    fixed = form + both((ell[..., None] * np.eye(d))[:, None])[:, 0]
    total = fixed + sum(weights * _below(own / weights[:, None]) for own in nodes)
    error = ROUNDING * (2 * np.linalg.norm(turn, axis=(-2, -1)) * frame.size + norm)
    return np.linalg.eigvalsh(total)[..., 0] - error, firsts


def _positive(matrices: FloatArray) -> FloatArray:
    """Return matrices (…, d, d) without their negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * values.clip(0.0)[..., None, :]) @ vectors.swapaxes(-1, -2)


def _damped(ell: FloatArray, damp: FloatArray, other: npt.NDArray[np.bool_]) -> FloatArray:
    """Return ``l / (l² + τ²)`` of the spectrum, zero at v_0: shape (n, N, d)."""
    below = np.where(other, np.maximum(ell**2 + damp**2, np.finfo(float).tiny), 1.0)
    return np.where(other, ell, 0.0) / below


def _losses(
    frame: _Frame, form: FloatArray, parts: Sequence[Part], free: int
) -> tuple[FloatArray, list[FloatArray]]:
    """Return the looseness by column, (n, free), and the first-order change of the slope at nodes, (n, a)."""
    far = [_far(own) for own in frame.nodes]
    weight = np.linalg.norm(form, axis=(-2, -1)) / (frame.gap + frame.far)
    loss = sum(
        ((own * weight).sum(axis=1)[:, None] * part.share for own, part in zip(far, parts, strict=True)),
        np.zeros((len(form), free)),
    )
    count, k = np.arange(len(frame.neurons)), frame.neurons.k
    safe = np.where(frame.other, frame.spectrum**2 + frame.gap[..., None] ** 2, 1.0)
    row = -2 * np.where(frame.other, form[:, count, k] * frame.spectrum, 0.0) / safe
    scores = [np.einsum("nNj,naNj->na", row, own[:, :, count, k]) for own in frame.nodes[:free]]
    return loss, scores


def _far(nodes: FloatArray) -> FloatArray:
    """Return the largest Frobenius norm of nodes (n, a, N, d, d): shape (n, N)."""
    return np.asarray(np.linalg.norm(nodes, axis=(-2, -1)).max(axis=1))
