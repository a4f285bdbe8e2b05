"""Path (Aumann–Shapley) contributions, with exact sums and a tolerance for each contribution.

The changes of all columns are switched on together. With v(t) the eigenvector of ``A(r) + t Σ_c Δ_c`` (see
:mod:`.changes`), the contribution of column c is ``∫ v(t)ᵀ Δ_c v(t) dt``. If each column has one feature, the
path is the segment from r to z, and the integral is ``(z_i − r_i) ∫ ∂f/∂z_i dt``. The sum of contributions by
an ordinary quadrature rule differs from the prediction. The sum by the rules here does not: ``Σ_c v(t)ᵀ Δ_c
v(t)`` is the derivative of λ_k along the path (Hellmann–Feynman), and its integral over any part of the path
is known. Tridiagonal matrices of order 2 to 32 go to :mod:`..pencil.paths`, which corrects Boole's rule by
its known error; all other matrices, and the paths that it leaves unsettled, go to :mod:`.secants`. Parts of a
path are bisected until two rules agree *and* no crossing can hide between nodes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from .._common.arrays import FloatArray, IntArray
from .._common.memory import chunks
from .._common.progress import progress
from ..pencil.paths import integrate, takes
from ..view import Rows
from .breakpoints import active_stretches
from .changes import ENTRIES, Changes, Parts, Split
from .secants import Paths, rounding

SECONDS_PER_PATH = 1e-4, 1e-5  # without and with the kernel, roughly: decides whether to show progress
LEAST_SPREAD = 1e-3
REPEATS = 2


def path(rows: Rows, reference: FloatArray, *, tol: float = 1e-4, detailed: bool = False) -> Parts:
    """Return the contributions along straight paths from the background rows, averaged over them.

    Parameters
    ----------
    rows : Rows
    reference : ndarray, shape (b, p)
        Background rows. One row gives integrated gradients, several expected gradients.
    tol : float
        Bound on the error of every single contribution and of its parts, as a fraction of the spread of the
        predictions. The spread is the largest prediction less the smallest, over rows and background
        together, but at least 1e-3 of the largest ``‖A(z) − A(r)‖₂``. The bound is never below the rounding
        errors, 4e-15 of the terms of A(z). The sum is exact for any tolerance.
    detailed : bool
        Whether to keep the contributions of every entry of the matrices.

    Returns
    -------
    Parts
        ``base_values`` is the mean prediction of the background.

    Raises
    ------
    ValueError
        If ``tol`` is not between 1e-10 and 1.

    Warns
    -----
    UserWarning
        If the eigenvalue is multiple along a stretch of a path, and the contributions by different choices of
        eigenvectors differ by more than the tolerance; or if it is nearly multiple, and a missed crossing may
        cause an error of that size. The row is flagged degenerate.
    """
    if not 1e-10 <= tol <= 1:
        raise ValueError(f"expected tol between 1e-10 and 1; got {tol!r}")
    function, n, b = rows.view.function, len(rows), len(reference)
    base, count = function.values(reference), len(function.neurons)
    spread = float(np.ptp(np.concatenate([rows.prediction, base])))
    error = tol * _scale(rows, reference, spread)
    size = f"path: {n:,} rows × {b:,} background rows"
    seconds = SECONDS_PER_PATH[takes(function.neurons.structure)] * n * b * count
    parts: list[Parts] = []
    evaluations, unsure = (n + b) * count, 0
    with progress(n * b * count, seconds=seconds, size=size, unit="path") as advance:
        for some in chunks(n, rows.view.rows_together):
            part, doubted = _of_some(rows.take(some), reference, error, advance, detailed=detailed)
            parts = parts or [part.room(n)]
            parts[0].put(some, part)
            evaluations, unsure = evaluations + part.evaluations, unsure + doubted
    if unsure:
        _warn(unsure, n)
    known = {"base_values": np.full(n, base.mean()), "prediction": rows.prediction}
    return replace(parts[0], **known, evaluations=evaluations)


def _of_some(
    rows: Rows, reference: FloatArray, error: float, advance: Callable[[int], object], *, detailed: bool
) -> tuple[Parts, int]:
    """Return the contributions to some rows, without their base values, and the number of rows in doubt."""
    function, n = rows.view.function, len(rows)
    changes = Changes(rows.view, rows.z, reference)
    integrals = _Integrals(changes, error, diagonal=function.structure == "diagonal")
    split = Split.zeros(n, changes.columns, changes.neurons, detailed=detailed)
    again = np.arange(n)
    while len(again):
        _add_paths(split, integrals, again, advance)
        again = integrals.to_repeat()
        split.clear(again)
    unsure = integrals.doubt > error
    part = Parts(
        values=split.diagonal + split.coupling,
        base_values=np.empty(n),
        prediction=np.empty(n),
        degenerate=function.degenerate(rows.z) | unsure,
        diagonal=split.diagonal,
        coupling=split.coupling,
        refit_deviation=split.refit_deviation,
        of_members=split.of_members,
        by_entry=split.by_entry,
        evaluations=integrals.evaluations,
    )
    return part, int(unsure.sum())


def _add_paths(split: Split, integrals: _Integrals, rows: IntArray, advance: Callable[[int], object]) -> None:
    """Add the contributions along all paths to some rows."""
    changes = integrals.changes
    b, neurons = len(changes.reference), len(changes.neurons)
    together = max(1, ENTRIES // changes.size)
    for first in range(0, len(rows) * b, together):
        place, ref = np.divmod(np.arange(first, min(first + together, len(rows) * b)), b)
        row = rows[place]
        change = changes.shared(row, ref)
        split.add(row, change, integrals.of(row, ref, change) / b)
        advance(len(row) * neurons)


def _scale(rows: Rows, reference: FloatArray, spread: float) -> float:
    """Return the spread, but at least 1e-3 of the largest ``‖A(z) − A(r)‖₂``, summed over the neurons.

    All pairs of rows and references are compared only if distances from a central matrix do not show that the
    spread is larger.
    """
    neurons = rows.view.function.neurons
    starts = neurons.at(reference)
    middle = starts.mean(axis=0)

    def farthest(matrices: FloatArray, start: FloatArray) -> float:
        return float(neurons.norms(matrices - start).sum(axis=1).max(initial=0.0))

    def ends() -> Iterator[FloatArray]:
        return (neurons.at(rows.features(some)) for some in chunks(len(rows), rows.view.rows_together))

    if LEAST_SPREAD * (max(farthest(part, middle) for part in ends()) + farthest(starts, middle)) <= spread:
        return spread
    return max(spread, LEAST_SPREAD * max(farthest(part, start) for part in ends() for start in starts))


class _Integrals:
    """Integrals along paths of matrices, their cost and their error estimates.

    At first, each of N neurons may have an error of ``error / (3 √N)``. ``estimate``, shape (n,), estimates
    the error of the contributions to a row; it is summed over the neurons and averaged over the references as
    if no errors cancelled. A row whose estimate is above half the error is repeated with a quarter of the
    share. (Adversarial tests found errors of up to 2.3 estimates in single paths.) ``doubt``, shape (n,),
    estimates how much contributions may depend on the choice of eigenvectors.
    """

    def __init__(self, changes: Changes, error: float, *, diagonal: bool) -> None:
        self.changes, self.diagonal = changes, diagonal
        self.error, self.references = error, len(changes.reference)
        self.share = error / (3 * np.sqrt(len(changes.neurons)))
        self.estimate, self.doubt = np.zeros((2, len(changes.z)))
        self.evaluations, self.repeats = 0, 0
        self.rounding = [rounding(changes.neurons, z) for z in (changes.z, changes.reference)]
        self.noise = self.rounding[0].sum(axis=1) + self.rounding[1].sum(axis=1).mean()

    def of(self, row: IntArray, ref: IntArray, change: FloatArray) -> FloatArray:
        """Return the factors of the entries of the change matrices (m, c, N, E): shape (m, N, E)."""
        neurons = self.changes.neurons
        start, found = self.changes.at_reference[ref], np.empty(change[:, 0].shape)
        noise = self.rounding[0][row] + self.rounding[1][ref]
        for k, own in neurons.indices:
            estimate = np.full(noise[:, own].shape, np.inf)
            if not self.diagonal:
                places, error = np.arange(len(neurons))[own], np.maximum(self.share, noise[:, own])
                arrays = places, start, change, error
                found[:, own], estimate, count = integrate(neurons.structure, k, *arrays)
                self.evaluations += count
            which, neuron = np.nonzero(np.isinf(estimate))
            if which.size:
                place = np.arange(len(neurons))[own][neuron]
                paths = start[which, place], change[which, :, place], noise[which, place]
                found[which, place], estimate[which, neuron], doubt, count = self._along(k, *paths)
                np.add.at(self.doubt, row[which], doubt / self.references)
                self.evaluations += count
            np.add.at(self.estimate, row, estimate.sum(axis=1) / self.references)
        return found

    def to_repeat(self) -> IntArray:
        """Return the rows whose contributions may miss the tolerance, and reset their sums; at most twice.

        After that, the estimate counts as doubt.
        """
        wrong = np.flatnonzero(self.estimate > self.error / 2 + self.noise)
        if self.repeats == REPEATS:
            self.doubt[wrong] += self.estimate[wrong]
            return wrong[:0]
        self.repeats, self.share = self.repeats + 1, self.share / 4
        self.estimate[wrong] = self.doubt[wrong] = 0.0
        return wrong

    def _along(
        self, k: int, start: FloatArray, change: FloatArray, noise: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, int]:
        """Return the integrals (m, E) of paths of matrices, estimates and doubt (m,), and the cost."""
        structure, enough = self.changes.neurons.structure, self.error * self.references
        if self.diagonal:
            integrals, doubt, cost = _follow(start, change, noise, structure.dim, k)
            return integrals, np.zeros(len(start)), doubt, cost
        paths = Paths(structure, k, start, change, error=self.share, rounding=noise, enough=enough)
        return paths.integrate(), paths.estimate, paths.doubt, paths.evaluations


def _follow(
    start: FloatArray, change: FloatArray, noise: FloatArray, d: int, k: int
) -> tuple[FloatArray, FloatArray, int]:
    """Return the same for diagonal matrices, exactly, from their active lines.

    Where two lines are equal along a whole stretch, either may be the active one. The doubt is the difference
    that this choice makes.
    """
    values, speeds = start[:, :d], change[:, :, :d].sum(axis=1)
    found = active_stretches(values, speeds, k)
    integrals = np.zeros(start.shape)
    np.add.at(integrals, (found.path, found.active), found.length)
    stretch, line = found.ties(values, speeds, noise)
    own = change[found.path[stretch]]
    which = np.arange(len(own))
    other = own[which, :, line] - own[which, :, found.active[stretch]]
    apart = np.zeros(len(found.path))
    np.maximum.at(apart, stretch, np.abs(other).max(axis=1, initial=0.0))
    doubt = np.zeros(len(start))
    np.add.at(doubt, found.path, found.length * apart)
    return integrals, doubt, len(found.path)


def _warn(unsure: int, n: int) -> None:
    warnings.warn(
        f"the eigenvalue is multiple, or nearly so, along stretches of the paths to {unsure} of {n} rows: "
        "contributions may be one choice of several there (see Attribution.degenerate) or miss the tolerance",
        stacklevel=4,
    )
