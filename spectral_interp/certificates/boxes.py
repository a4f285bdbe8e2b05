"""Proven ranges of f in a region of the table: branch and bound over boxes, and the proofs.

In a box the matrix of a neuron is ``A = C + Σ_c D_c``: C is fixed, and every part D_c, what a column adds or
a pair bends, lies in the convex hull of its nodes (see :mod:`.limits`). Let λ be the eigenvalue λ_k of C and
v its unit eigenvector, ``s_c = vᵀD_c v``, ``ρ = λ + Σ_c s_c`` the tangent plane and ``E = Σ_c max ‖D_c −
s_c I‖₂``. A convex function of D_c is largest at a node. Then

- *Corners* (Courant–Fischer): let S have the eigenvectors of C up to v as its columns. Then ``λ_k(A) <=
  λ_max(SᵀAS)``, convex in A; with those from v on, ``λ_k(A) >= λ_min(SᵀAS)``, concave. So are the sums over
  the neurons, and f lies between the least of the one and the largest of the other at the corners of the box:
  all choices of one node of every part. Parts beyond :data:`CORNERS` corners are added by their own
  extremes, ``λ_max(X + Y) <= λ_max(X) + λ_max(Y)`` (Weyl).
- *Tangent plane and curvature*: with the eigenpairs (λ_j, u_j) of C and ``b_j = u_jᵀ Σ_c D_c v``, ``λ_k(A) <=
  ρ + Σ_{j<k} b_j² / (λ − λ_j − E)`` if all denominators are positive. Proof: let B be SᵀAS without v.
  By Weyl ``B ⪯ diag(λ_j) + (ρ − λ + E) I``, which is below ρ. So ``μ = λ_max(SᵀAS) >= ρ`` solves ``μ − ρ =
  bᵀ(μI − B)⁻¹ b``, and the right side is largest for the least μ, which is ρ, and for the largest B. The
  eigenvalues above bound λ_k(A) from below in the same way. The sum over the neurons is a quadratic form in
  the D_c: at most the sum over all pairs of parts of the largest product, which is at nodes.
- *Tangent plane and gap*: ``|λ_k(A) − ρ|`` is at most φ(δ) of :mod:`.radii`, with the gap to the same
  neighbours and δ half the sum of the largest ``λ_max(D_c) − λ_min(D_c)``; and at most E (Weyl).

Of the last two every neuron takes the tighter one, and the box the tighter of their sum and of the corners.
Tangent planes are added over the neurons before their ends are taken.

The boxes with the largest and with the least bound are halved where most is lost, until the proven range is
little wider than the values found at legal points inside: middles, the nodes that the slopes point at, and a
search by columns from the best of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.progress import progress
from .._common.text import at_least, at_most, counted, number
from ..eigen import eigenvalues
from ..pencil.neurons import Neurons
from ..view import ModelView, Rows
from .limits import Box, Region, free_columns

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-12
"""Error that a bound may have, as a fraction of the size of the terms of A: a thousand times the solver's."""

TOGETHER = 24
"""Boxes that are halved together."""

NUMBERS = 2**23
"""Numbers of the matrices of boxes that are bounded together."""

CORNERS = 128
"""Corners of a box up to which f is bounded at each."""

CROSSED = 24
"""Nodes of all parts up to which residuals are multiplied with each other; beyond, their norms are added."""

CLEAR = 1e-6
"""Least denominator of the curvature, as a fraction of the size of the terms of A, for rounding's sake."""

KNOTS, PIECES = 8, 64
"""Most nodes of a number in the boxes that are bounded first, and most such boxes, which goes before."""

SAME = 1e-9
"""Ends that differ by less, as a share of them, are one in a sentence."""

GAIN = 1e-3
"""Share of the attained width by which it must grow for another search by columns."""

SECONDS = 1e-4
"""Time of a box and neuron, roughly, to decide whether progress is shown."""


@dataclass(frozen=True, eq=False)
class Range:
    """Between what predictions are in a region: proven, and attained. It unpacks as ``low, high``.

    Attributes
    ----------
    low, high : float
        Every prediction in the region lies between them, in the prediction's unit.
    attained_low, attained_high : float
        The least and the largest prediction found in the region.
    points : ndarray, shape (2, c)
        The rows of the table at which they were found, in its units.
    evaluations : int
        Number of boxes that were bounded.
    reached : bool
        Whether the proven range is at most ``1 + rtol`` times as wide as the attained one.
    columns : tuple of str, length c
    unit : str
    """

    low: float
    high: float
    attained_low: float
    attained_high: float
    points: npt.NDArray[np.object_]
    evaluations: int
    reached: bool
    columns: tuple[str, ...]
    unit: str

    def __iter__(self) -> Iterator[float]:
        return iter((self.low, self.high))

    @property
    def looseness(self) -> float:
        """How far both proven ends are from the attained ones, together, in the prediction's unit."""
        return (self.high - self.attained_high) + (self.attained_low - self.low)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows at which the attained ends were found, as a table with the index "low", "high"."""
        import pandas as pd  # only here do arrays become a table

        return pd.DataFrame(self.points, ["low", "high"], list(self.columns)).infer_objects()

    def __str__(self) -> str:
        low, high = _plainly(self.low, self.attained_low), _plainly(self.high, self.attained_high)
        ends = f"{at_least(low)} and {at_most(high)} ({self.unit})"
        found = f"{number(self.attained_low)} and {number(self.attained_high)} are attained"
        stopped = f"; the search stopped after {counted(self.evaluations, 'box', 'boxes')}"
        return f"Every prediction in the region is between {ends}; {found}{'' if self.reached else stopped}."


def _plainly(proven: float, attained: float) -> float:
    """Return a proven end as it is read: the attained one if they differ by rounding."""
    return attained if math.isclose(proven, attained, rel_tol=SAME) else proven


def range_in(view: ModelView, limits: Any, rows: Rows | None, *, rtol: float, max_evaluations: int) -> Range:
    """Return between what f is where columns are within limits: see :meth:`Certificate.range`.

    Raises
    ------
    ValueError
        If limits or rows do not fit the model, or ``rtol`` or ``max_evaluations`` is not positive.
    """
    if not 0 < rtol < np.inf:
        raise ValueError(f"expected rtol > 0, a share of the attained width; got {rtol!r}")
    if not max_evaluations >= 1:
        raise ValueError(f"expected max_evaluations >= 1, a number of boxes; got {max_evaluations!r}")
    if rows is not None and len(rows) != 1:
        raise ValueError(f"expected one row, for the columns without limits; got {len(rows)}")
    region = Region(view, free_columns(view, limits, rows), _coordinates(view, rows))
    slack, seconds = ROUNDING * float(region.size.sum()), SECONDS * max_evaluations * len(region.neurons)
    size = f"at most {max_evaluations:,} boxes of {len(region.free)} columns"
    with progress(max_evaluations, seconds=seconds, size=size, unit="box") as advance:
        search = Search(region)
        advance(search.evaluations)
        while search.looseness > rtol * search.width + slack and search.evaluations < max_evaluations:
            before = search.evaluations
            if not search.halve():
                break
            advance(search.evaluations - before)
    low, high = search.attained.tolist()
    return Range(
        low=min(float(search.low.min()), low) - slack,
        high=max(float(search.high.max()), high) + slack,
        attained_low=low,
        attained_high=high,
        points=region.points(search.found, None if rows is None else rows.data[0]),
        evaluations=search.evaluations,
        reached=search.looseness <= rtol * search.width + slack,
        columns=view.columns,
        unit=view.output.unit,
    )


def _coordinates(view: ModelView, rows: Rows | None) -> FloatArray:
    """Return the coordinates (c,) of a row; without one any will do, as all columns move."""
    if rows is None:
        return np.zeros(len(view.axes))
    return np.array([axis.locate(rows.z[:, view.own(axis.name)])[0] for axis in view.axes])


class Search:
    """Best-first halving of boxes, with the ends that are proven and those found so far.

    Attributes
    ----------
    low, high : ndarray, shape (n,)
        Proven ends of f in the boxes, which make up the region.
    attained : ndarray, shape (2,)
        The least and the largest value found.
    found : ndarray, shape (2, free)
        Where, in coordinates of the free columns.
    """

    def __init__(self, region: Region) -> None:
        self.region, self.evaluations = region, 0
        self.halves: list[list[Box]] = []
        self.low, self.high = np.empty(0), np.empty(0)
        self.attained = np.array([np.inf, -np.inf])
        self.found = np.empty((2, len(region.free)))
        pieces = region.pieces(KNOTS, PIECES)
        self._add(pieces, np.full(len(pieces), -np.inf), np.full(len(pieces), np.inf))
        self._climb()

    @property
    def width(self) -> float:
        """How far the attained ends are apart."""
        return float(self.attained[1] - self.attained[0])

    @property
    def looseness(self) -> float:
        """How far both proven ends are from the attained ones, together."""
        return float((self.attained[0] - self.low.min()) + (self.high.max() - self.attained[1]))

    def halve(self) -> bool:
        """Halve the boxes that hold the ends; return whether there were any to halve."""
        able = np.array([bool(halves) for halves in self.halves])
        up = np.flatnonzero(able & (self.high > self.attained[1]))
        down = np.flatnonzero(able & (self.low < self.attained[0]))
        above, below = self.high.max() - self.attained[1], self.attained[0] - self.low.min()
        up = up[np.argsort(-self.high[up], kind="stable")[: self._share(above)]]
        down = down[np.argsort(self.low[down], kind="stable")[: self._share(below)]]
        chosen = np.union1d(up, down)
        if not len(chosen):
            return False
        boxes = [half for at in chosen for half in self.halves[at]]
        low, high = np.repeat(self.low[chosen], 2), np.repeat(self.high[chosen], 2)
        kept = np.setdiff1d(np.arange(len(self.halves)), chosen)
        self.halves = [self.halves[at] for at in kept]
        self.low, self.high = self.low[kept], self.high[kept]
        before = self.width
        self._add(boxes, low, high)
        if self.width - before > GAIN * self.width:
            self._climb()
        return True

    def _share(self, loose: float) -> int:
        """Return how many boxes to halve for an end, by its share of the looseness."""
        return max(1, round(TOGETHER * loose / self.looseness)) if self.looseness > 0 else 1

    def _add(self, boxes: list[Box], low: FloatArray, high: FloatArray) -> None:
        """Bound boxes that lie in others with the given bounds, some at a time."""
        neurons, nodes = self.region.neurons, max(map(self.region.count_nodes, boxes))
        each = nodes * len(neurons) * neurons.structure.dim**2
        together = max(1, NUMBERS // max(each, 1))
        for start in range(0, len(boxes), together):
            some = slice(start, start + together)
            self._add_some(boxes[some], low[some], high[some])

    def _add_some(self, boxes: list[Box], low: FloatArray, high: FloatArray) -> None:
        bounds = bounds_in(self.region, boxes)
        self.evaluations += len(boxes)
        self.low = np.concatenate([self.low, np.maximum(bounds.low, low)])
        self.high = np.concatenate([self.high, np.minimum(bounds.high, high)])
        self.halves += [self._halves(box, bounds, at) for at, box in enumerate(boxes)]
        corners = [self._pointed(boxes, bounds.scores, pick) for pick in (np.argmin, np.argmax)]
        self._try(np.concatenate([self._middles(boxes), *corners]))

    def _halves(self, box: Box, bounds: Bounds, at: int) -> list[Box]:
        """Return two boxes that make up a box, halved where most is lost; none if it is a point."""
        for place in np.argsort(-bounds.loss[at], kind="stable").tolist():
            halves = self.region.halves(box, place, bounds.scores[place][at])
            if halves:
                return halves
        return []

    def _middles(self, boxes: list[Box]) -> FloatArray:
        free = self.region.free
        return np.array([[one.middle(part) for one, part in zip(free, box, strict=True)] for box in boxes])

    def _pointed(self, boxes: list[Box], scores: Sequence[FloatArray], pick: Any) -> FloatArray:
        """Return the points (n, free) of boxes at the nodes whose scores are picked."""
        found = np.empty((len(boxes), len(self.region.free)))
        for at, (column, score) in enumerate(zip(self.region.free, scores, strict=True)):
            for row, box in enumerate(boxes):
                nodes = column.nodes(box[at])
                found[row, at] = nodes[pick(score[row, : len(nodes)])]
        return found

    def _try(self, u: FloatArray) -> bool:
        """Evaluate f at points (m, free); return whether an end moved."""
        values, moved = self.region.values(u), False
        for end, at, sign in ((0, int(values.argmin()), -1), (1, int(values.argmax()), 1)):
            if sign * values[at] > sign * self.attained[end]:
                self.attained[end], self.found[end], moved = values[at], u[at], True
        return moved

    def _climb(self) -> None:
        """Search by columns from the points found, in ever smaller steps."""
        for reach in (1.0, 0.1, 0.01):
            sweeps = 4
            while sweeps and any([self._sweep(at, reach) for at in range(len(self.region.free))]):
                sweeps -= 1

    def _sweep(self, at: int, reach: float) -> bool:
        tried = [self.region.free[at].near(float(point[at]), reach) for point in self.found]
        u = np.repeat(self.found, [len(some) for some in tried], axis=0)
        u[:, at] = np.concatenate(tried)
        return self._try(u)


class Bounds(NamedTuple):
    """Proven ends of f in n boxes, (n,), what is lost by column, (n, free), and tangents at nodes, (n, a)."""

    low: FloatArray
    high: FloatArray
    loss: FloatArray
    scores: list[FloatArray]


def bounds_in(region: Region, boxes: Sequence[Box]) -> Bounds:
    """Return the bounds of f in boxes."""
    neurons, free = region.neurons, len(region.free)
    centre, parts = region.parts(boxes)
    spectrum, vectors, value = _spectra(neurons, centre)
    sides = [_side(neurons, part.nodes, vectors) for part in parts]
    far, half = (sum(ends, np.zeros_like(value)) + ROUNDING * region.size for ends in _sizes(sides))
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
    least, largest = _at_corners(neurons, spectrum, sides, free)
    return Bounds(np.maximum(low, least), np.minimum(high, largest), loss, scores[:free])


class _Side(NamedTuple):
    """What is asked of the n parts D of one kind, with a nodes each, seen from the eigenvectors U of C.

    ``inner`` is ``UᵀDU`` (n, a, N, d, d), ``residual`` its row k, and ``slopes`` s the number on its diagonal
    there, (n, a, N). ``far`` is max ‖D − sI‖₂ and ``half`` half the largest spread, (n, N). ``least`` and
    ``largest`` are the ends of ``Σ_n λ_min(D)`` and of ``Σ_n λ_max(D)``, (n,).
    """

    inner: FloatArray
    residual: FloatArray
    slopes: FloatArray
    far: FloatArray
    half: FloatArray
    least: FloatArray
    largest: FloatArray


def _spectra(neurons: Neurons, matrices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the spectra (n, N, d) of matrices, all eigenvectors (n, N, d, d), and λ_k (n, N)."""
    full = neurons.structure.full(matrices.reshape(-1, matrices.shape[2]))
    spectrum, vectors = np.linalg.eigh(full.reshape(*matrices.shape[:2], *full.shape[1:]))
    return spectrum, vectors, spectrum[:, np.arange(len(neurons)), neurons.k]


def _side(neurons: Neurons, nodes: FloatArray, vectors: FloatArray) -> _Side:
    (n, a, count, entries), d = nodes.shape, neurons.structure.dim
    some = nodes[:, :1] if a == 2 else nodes  # of two nodes about their middle one is the negative
    full = neurons.structure.full(some.reshape(-1, entries)).reshape(n, -1, count, d, d)
    inner = vectors.swapaxes(2, 3)[:, None] @ full @ vectors[:, None]
    least, largest = (end.reshape(n, -1, count) for end in neurons.extremes(some.reshape(-1, count, entries)))
    if a == 2:
        inner = np.concatenate([inner, -inner], axis=1)
        least, largest = np.hstack([least, -largest]), np.hstack([largest, -least])
    residual = inner[:, :, np.arange(count), neurons.k]
    slopes = residual[:, :, np.arange(count), neurons.k]
    far = np.maximum(largest - slopes, slopes - least).max(axis=1)
    half = ((largest - least) / 2).max(axis=1)
    ends = least.sum(axis=2).min(axis=1), largest.sum(axis=2).max(axis=1)
    return _Side(inner, residual, slopes, far, half, *ends)


def _sizes(sides: Sequence[_Side]) -> tuple[list[FloatArray], list[FloatArray]]:
    return [side.far for side in sides], [side.half for side in sides]


def _beyond(
    sides: Sequence[_Side], gaps: FloatArray, far: FloatArray, half: FloatArray, size: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return how far f is at most beyond the tangent plane on one side, and how much of that parts make.

    Parameters
    ----------
    gaps : ndarray, shape (n, N, d)
        From λ_k to the eigenvalues that push it to this side, inf for others.
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
    neurons: Neurons, spectrum: FloatArray, sides: Sequence[_Side], free: int
) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of f at the corners, (n,) each: infinite if the columns alone have too many."""
    counts = np.cumprod([side.inner.shape[1] for side in sides])
    tried = int((counts <= CORNERS).sum())
    ends = [np.zeros(len(spectrum)), np.zeros(len(spectrum))]
    if tried < free:
        return ends[0] - np.inf, ends[1] + np.inf
    sums: list[Any] = [0.0, 0.0]
    for k, own in neurons.indices:
        for side, kept in enumerate((slice(k, None), slice(None, k + 1))):
            start = spectrum[:, own][..., kept]
            corners = (start[..., None] * np.eye(start.shape[2]))[:, None]
            for one in sides[:tried]:
                part = one.inner[:, :, own][..., kept, kept]
                corners = (corners[:, :, None] + part[:, None]).reshape(len(part), -1, *part.shape[2:])
            sums[side] = sums[side] + _extreme(corners, side).sum(axis=2)
    least, largest = sums[0].min(axis=1), sums[1].max(axis=1)
    for rest in sides[tried:]:
        least, largest = least + rest.least, largest + rest.largest
    return least, largest


def _extreme(matrices: FloatArray, side: int) -> FloatArray:
    """Return the least (side 0) or the largest (side 1) eigenvalue of matrices (…, m, m).

    Those of order 3 are turned in the plane of the last two coordinates until they are tridiagonal.
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
