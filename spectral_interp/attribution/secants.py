"""Adaptive integration of ``v(t)ᵀ A_i v(t)`` along straight paths, by secants whose sum is exact.

All paths are refined together: each round computes the eigenpairs of all unsettled cells at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from ..pencil import Neurons
from ..pencil.paths import NEAR, SAFETY, SMALL
from ..pencil.structures import NEGLIGIBLE, Structure

NODES = np.arange(5) / 4
CHORDS = np.array([[0, 4], [0, 2], [2, 4], [0, 1], [1, 2], [2, 3], [3, 4]])
"""A cell as 1, 2 and 4 equal parts, between five nodes."""
SHARES = np.array([1, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 4, 1 / 4])
SUM = SHARES * np.repeat([1 / 45, -20 / 45, 64 / 45], [1, 2, 4])
"""Romberg's weights of the chords, sixth order in the width; they add up to one."""
DIFFERENCE = SHARES * np.repeat([1 / 3, -5 / 3, 4 / 3], [1, 2, 4])
"""Difference of the fourth-order sums of 4 and 2 parts: 15 times the correction of the last step."""

OVERLAP = 0.7  # least product of the eigenvectors of a chord's ends
NARROWEST = 2.0**-48
RESOLUTION = 2.0**-48  # of the terms of A(z): resolution of the eigenvalues and their differences
CHECKED = 64  # largest order at which all eigenvectors of cells with a close neighbour are computed
LOOKED_AT = 24  # maximum number of a path's cells with a close neighbour at a time, evenly spread
TOGETHER = 2**20  # maximum number of entries of these matrices at a time
SUBNORMAL = np.finfo(np.float64).smallest_subnormal
CROWDED, CROSSINGS = (
    256,
    4,
)  # maximum number of unsettled cells of a path at a time: first + second · d


@dataclass(frozen=True)
class Cells:
    """Parts of paths with five equidistant nodes each.

    ``pair``, ``left`` and ``width`` have shape (m,), ``values`` and ``gaps`` (m, 5), ``vectors`` (m, 5, d).
    """

    pair: npt.NDArray[np.intp]
    left: FloatArray
    width: FloatArray
    values: FloatArray
    gaps: FloatArray
    vectors: FloatArray

    def take(self, rows: npt.NDArray[np.intp]) -> Cells:
        """Return some of the cells."""
        return Cells(*(array[rows] for array in vars(self).values()))


class Paths:
    """Straight paths of matrices from ``start`` (m, E); the change has one part per column (m, c, E).

    All paths have the same structure and index k. ``error`` bounds the error of every contribution of every
    path, unless it is less than ``rounding`` (m,). If λ_k has a close neighbour along a stretch of a path,
    its cells would be halved without end. This path is *hard* (``hard``, shape (m,)): its converged cells are
    accepted although a crossing might hide in them. It is *lost* (``lost``) if too many of its cells do not
    converge because the eigenvector changes at random. ``doubt``, shape (m,), estimates the error that this
    may cause in any contribution or part of one: in these cells v is nearly in the span V of the eigenvectors
    whose eigenvalues can meet λ_k there, so ``vᵀΔ_c v`` is between the extreme eigenvalues of ``VᵀΔ_c V``.
    The doubt is small if the neighbours move f as λ_k does. It is not refined once it exceeds ``enough``.
    ``estimate``, shape (m,), estimates the error of the other cells: the last correction of each, or the
    bound that follows from its width.
    """

    def __init__(
        self,
        structure: Structure,
        k: int,
        start: FloatArray,
        change: FloatArray,
        *,
        error: float,
        rounding: FloatArray,
        enough: float,
    ) -> None:
        self.structure, self.k = structure, k
        self.start, self.change, self.step = start, change, change.sum(axis=1)
        self.slowest, self.fastest = structure.extremes(self.step)
        self.range = structure.spreads(change).max(axis=1)
        self.rounding = rounding
        self.error = np.maximum(error, self.rounding)
        self.most = CROWDED + CROSSINGS * structure.dim
        self.hard, self.lost = np.zeros(len(start), dtype=bool), np.zeros(len(start), dtype=bool)
        self.doubt, self.enough = np.zeros(len(start)), enough
        self.estimate = np.zeros(len(start))
        self.evaluations = 0

    def integrate(self) -> FloatArray:
        """Return the integrals of the factors of A's entries in ``vᵀ A v``: shape (m, E).

        Their products with the entries of Δ_c add up to the contribution of column c.
        """
        m = len(self.step)
        total, pair = np.zeros_like(self.step), np.arange(m)
        cells = Cells(pair, np.zeros(m), np.ones(m), *self._solve(pair, np.tile(NODES, (m, 1))))
        while True:
            parts, settled = self._settle(cells)
            np.add.at(total, cells.pair[settled], parts[settled])
            if settled.all():
                return total
            cells = self._bisect(cells.take(np.flatnonzero(~settled)))

    def _solve(self, pair: npt.NDArray[np.intp], t: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return eigenvalues (m, s), gaps (m, s) and eigenvectors (m, s, d) at the positions t (m, s)."""
        matrices = self.start[pair, None] + t[:, :, None] * self.step[pair, None]
        matrices = matrices.reshape(t.size, -1)
        self.evaluations += len(matrices)
        values, vectors = self.structure.pairs(matrices, self.k)
        gaps = self.structure.gaps(matrices, self.k)
        return values.reshape(t.shape), gaps.reshape(t.shape), vectors.reshape(*t.shape, -1)

    def _settle(self, cells: Cells) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Return the integrals over the cells (m, E), and a mask of the final ones (m,)."""
        parts, difference, overlap = self._extrapolate(cells)
        smooth, narrowest, error = overlap >= OVERLAP, cells.width <= NARROWEST, self.error[cells.pair]
        converged = smooth & (difference <= error / 2 * np.sqrt(cells.width))
        small = (cells.width * self.range[cells.pair] <= SMALL * error) | narrowest
        settled = smooth & small
        tested = np.flatnonzero(converged & ~small)
        settled[tested] = self._isolated(cells.take(tested))
        kinks = np.flatnonzero(~smooth & small)
        parts[kinks], residual = self._tangents(cells.take(kinks))
        settled[kinks] = (residual <= self.rounding[cells.pair[kinks]]) | narrowest[kinks]
        most = np.where(smooth, difference / 15, np.inf)
        most = np.where(small, np.minimum(most, cells.width * self.range[cells.pair]), most)
        np.add.at(self.estimate, cells.pair[settled], most[settled])
        self.hard |= self._crowded(cells, ~settled)
        sure = settled.copy()
        settled |= converged & self.hard[cells.pair]
        self.lost |= self._crowded(cells, ~settled)
        if self.lost.any():
            rest = np.flatnonzero(~smooth & ~settled & self.lost[cells.pair])
            parts[rest], _ = self._tangents(cells.take(rest))
        settled |= self.lost[cells.pair]
        self._add_doubt(cells.take(np.flatnonzero(settled & ~sure)))
        return parts, settled

    def _add_doubt(self, cells: Cells) -> None:
        """Add the possible effect of crossings within some of the cells to the doubt of the paths."""
        share = np.bincount(cells.pair, cells.width, minlength=len(self.step))
        if self.structure.dim > CHECKED:
            self.doubt += share * self.range
            return
        order = np.lexsort([cells.left, cells.pair])
        counts = np.bincount(cells.pair, minlength=len(self.step))
        place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        every = np.repeat(-(-counts // LOOKED_AT), counts)
        open_ = self.doubt[cells.pair[order]] <= self.enough
        some = order[(place % np.maximum(every, 1) == 0) & open_]
        together = max(1, TOGETHER // self.structure.dim**2)
        sums, widths = np.zeros(len(self.step)), np.zeros(len(self.step))
        for start in range(0, len(some), together):
            part = cells.take(some[start : start + together])
            np.add.at(sums, part.pair, part.width * self._disagreement(part))
            np.add.at(widths, part.pair, part.width)
        self.doubt += share * np.divide(sums, widths, out=np.zeros_like(sums), where=widths > 0)

    def _disagreement(self, cells: Cells) -> FloatArray:
        """Return the largest range of ``vᵀΔ_c v`` and its parts over unit v in V, for cells (m,).

        A crossing that five nodes do not show is between two neighbouring nodes. The middle of one interval
        between nodes is tested, the next interval for each cell. Let ``D = Σ_c Δ_c`` and h be the distance
        between nodes. In the middle, v_k and v_j may rotate into each other if their gap is at most
        ``h · hypot(v_jᵀDv_j − v_kᵀDv_k, 2 v_jᵀDv_k)``; these v_j span V.
        """
        k, step = self.k, self.step[cells.pair]
        between = (2 * (np.arange(len(step)) % 4) + 1) / 8
        t = cells.left + between * cells.width
        spectrum, v = _eigenbases(self.structure.full(self.start[cells.pair] + t[:, None] * step))
        moved = v.transpose(0, 2, 1) @ self.structure.full(step) @ v
        speeds = np.diagonal(moved, axis1=1, axis2=2)
        turn = np.hypot(speeds - speeds[:, [k]], 2 * moved[:, :, k]) * cells.width[:, None] / 4
        near = np.abs(spectrum - spectrum[:, [k]]) <= turn + self.rounding[cells.pair, None]
        near[:, k] = True
        order, sizes, found = np.argsort(~near, axis=1, kind="stable"), near.sum(axis=1), np.zeros(len(v))
        for s in np.unique(sizes[sizes > 1]):
            own = np.flatnonzero(sizes == s)
            basis = np.take_along_axis(v[own], order[own, None, :s], axis=2).transpose(0, 2, 1)
            left, right = (
                x.reshape(-1, self.structure.dim)
                for x in (basis.repeat(s, axis=1), np.tile(basis, (1, s, 1)))
            )
            products = self.structure.products(left, right).reshape(len(own), s * s, -1)
            parts = self._split(products, self.change[cells.pair[own]])
            forms = np.stack([*parts, sum(parts)], axis=2).reshape(len(own), s, s, -1).transpose(0, 3, 1, 2)
            spectra = np.linalg.eigvalsh((forms + forms.transpose(0, 1, 3, 2)) / 2)
            found[own] = (spectra[..., -1] - spectra[..., 0]).max(axis=1)
        return found

    def _crowded(self, cells: Cells, which: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return a mask of the paths (m,) that have too many of the cells."""
        return np.bincount(cells.pair[which], minlength=len(self.step)) > self.most

    def _extrapolate(self, cells: Cells) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the Romberg sums of the secants (m, E), their error (m,) and the least overlap (m,)."""
        gram = cells.vectors @ cells.vectors.transpose(0, 2, 1)
        overlap = gram[:, CHORDS[:, 0], CHORDS[:, 1]]
        inverse = 1 / np.where(np.abs(overlap) < OVERLAP, OVERLAP, overlap)  # smaller overlaps are not used
        sums = self._integrals(cells, CHORDS, SUM * inverse)
        difference = self._integrals(cells, CHORDS, DIFFERENCE * inverse)[:, None]
        off = [np.abs(part).max(axis=(1, 2)) for part in self._split(difference, self.change[cells.pair])]
        return sums, np.maximum(*off), np.abs(overlap).min(axis=1)

    def _integrals(self, cells: Cells, chords: npt.NDArray[np.intp], weights: FloatArray) -> FloatArray:
        """Return the factors of A's entries in ``width · Σ_q weight_q u_qᵀ A w_q``: shape (m, E)."""
        return cells.width[:, None] * self.structure.chord_products(cells.vectors, chords, weights)

    def _split(self, products: FloatArray, change: FloatArray) -> list[FloatArray]:
        """Return the diagonal and the coupling contributions, (m, r, c) each, of products (m, r, E)."""
        d = self.structure.dim
        return [products[..., part] @ change[..., part].transpose(0, 2, 1) for part in (np.s_[:d], np.s_[d:])]

    def _isolated(self, cells: Cells) -> Any:
        """Return a mask of the cells in which no neighbour of λ_k can touch it between two nodes.

        Eigenvalues of A(t) move with speeds between ``λ_min(Δ)`` and ``λ_max(Δ)``, λ_k itself with about the
        speed c of its chord. A neighbour above needs ``gap / (c − λ_min)`` to reach it from the left node and
        ``gap / (λ_max − c)`` from the right one; for a neighbour below the two are interchanged. A crossing
        just beyond a node turns the eigenvector as well, so every gap is also tested separately.
        """
        apart = cells.width / 4
        slowest, speed = self.slowest[cells.pair], (self.fastest - self.slowest)[cells.pair]
        reach = speed * apart
        chord = np.diff(cells.values) / apart[:, None] - slowest[:, None]
        down = np.divide(chord, speed[:, None], out=np.zeros_like(chord), where=speed[:, None] > 0).clip(0, 1)
        up = 1 - down  # speeds relative to the range of speeds: their products neither overflow nor vanish
        left, right = cells.gaps[:, :-1], cells.gaps[:, 1:]
        needed = SAFETY * reach[:, None] * down * up
        above, below = left * up + right * down >= needed, left * down + right * up >= needed
        return (above & below).all(axis=1) & (cells.gaps.min(axis=1) >= NEAR * reach)

    def _tangents(self, cells: Cells) -> tuple[FloatArray, FloatArray]:
        """Return the integrals over cells with a kink (m, E), where the tangents of their ends intersect.

        The sum is exact if the intersection is within the cell; otherwise its error is the residual (m,).
        """
        one, step = np.ones((len(cells.pair), 1)), self.step[cells.pair]
        first = self._integrals(cells, np.array([[0, 0]]), one)
        last = self._integrals(cells, np.array([[4, 4]]), one)
        rise = cells.values[:, 4] - cells.values[:, 0] - (last * step).sum(axis=1)
        bend = ((first - last) * step).sum(axis=1)
        with np.errstate(over="ignore"):
            share = np.divide(rise, bend, out=np.full(len(bend), 0.5), where=bend != 0).clip(0, 1)
        return share[:, None] * first + (1 - share[:, None]) * last, np.abs(rise - share * bend)

    def _bisect(self, cells: Cells) -> Cells:
        """Return the halves of every cell, with its nodes and new nodes between them."""
        m, half = len(cells.pair), cells.width / 2
        new = self._solve(cells.pair, cells.left[:, None] + cells.width[:, None] * (NODES[:4] + 1 / 8))
        left = np.stack([cells.left, cells.left + half], axis=1).ravel()
        old = (cells.values, cells.gaps, cells.vectors)
        nodes = (
            _halves(*arrays).reshape(2 * m, 5, *arrays[0].shape[2:]) for arrays in zip(old, new, strict=True)
        )
        return Cells(np.repeat(cells.pair, 2), left, np.repeat(half, 2), *nodes)


def _halves(old: FloatArray, new: FloatArray) -> FloatArray:
    """Return five nodes for each half of a cell, (m, 2, 5, …), from five old nodes and four between."""
    nodes = np.empty((len(old), 2, *old.shape[1:]))
    nodes[:, 0, ::2], nodes[:, 1, ::2] = old[:, :3], old[:, 2:]
    nodes[:, 0, 1::2], nodes[:, 1, 1::2] = new[:, :2], new[:, 2:]
    return nodes


def _eigenbases(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return all eigenvalues (m, d) and eigenvectors (m, d, d) of matrices of any scale."""
    size = np.abs(matrices).max(axis=(1, 2), keepdims=True)
    matrices = matrices / np.where(size > 0, size, 1.0)
    matrices[np.abs(matrices) < NEGLIGIBLE] = 0.0
    spectra, vectors = np.linalg.eigh(matrices)
    return spectra * size[:, 0], vectors


def rounding(neurons: Neurons, z: FloatArray) -> FloatArray:
    """Return the resolution of the eigenvalues at rows z (n, p), for every neuron: shape (n, N)."""
    return RESOLUTION * neurons.terms(z) + SUBNORMAL * neurons.structure.dim
