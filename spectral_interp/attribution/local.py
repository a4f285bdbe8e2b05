"""Local, eigenvector-weighted contributions: one eigenpair per row and neuron, exact sum, exact split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from .._common.arrays import FloatArray, IntArray
from ..eigen.engine import in_chunks
from ..pencil.forms import Blocks, Forms, SparseFeatures
from ..pencil.neurons import Neurons
from ..view import Rows
from .changes import MeanChanges, Parts, Split, deviation_of


def local(rows: Rows, reference: FloatArray, *, detailed: bool = False, members: bool = False) -> Parts:
    """Return ``vᵀ Δ_c v`` for every column, with v the eigenvector at the row.

    Multiplying ``Σ_c Δ_c = A(z) − A(r)`` (see :mod:`.changes`) by v from both sides gives

        f(z) = vᵀA(z)v = vᵀA(r)v + Σ_c vᵀΔ_c v,

    and for a column of one feature ``vᵀΔ_c v = (z_i − r_i) ∂f/∂z_i`` (Hellmann–Feynman). Every quadratic form
    is the sum of its diagonal and its off-diagonal terms, hence the split. For a sum of eigenvalues, the
    contributions of its neurons are added.

    Parameters
    ----------
    rows : Rows
    reference : ndarray, shape (b, p)
        Background rows; A(r) and Δ_c are means over them.
    detailed : bool
        Whether to keep the contributions of every entry of the matrices, and its weight: ``v_j²`` of a
        diagonal entry, ``2 v_j v_{j+1}`` of a coupling.
    members : bool
        Whether to keep the contributions of every member, if there are several.

    Returns
    -------
    Parts
        ``base_values`` is ``vᵀA(r)v`` and depends on the row.
    """
    changes = MeanChanges(rows.view, reference)
    kernel = None if detailed else InLanes.of(changes)
    n, c, count = len(rows), changes.columns, changes.neurons.entries[0].size
    found = _empty(n, c, changes.neurons, detailed=detailed, members=members)

    def put(some: slice) -> None:
        z = rows.features(some)
        found.put(some, _parts(changes, z, detailed=detailed) if kernel is None else kernel.parts(z))

    in_chunks(put, n, changes.together if kernel is None else rows.view.rows_together, n * count)
    return found


def intervals(rows: Rows, reference: FloatArray) -> FloatArray:
    """Return the least and the largest ``vᵀ Δ_c v`` over all eigenvectors of degenerate rows: (n, c, 2).

    They are NaN at the other rows, where v is unique.
    """
    changes = MeanChanges(rows.view, reference)
    found = np.full((len(rows), changes.columns, 2), np.nan)

    def put(some: slice) -> None:
        z = rows.features(some)
        matrices = changes.neurons.at(z)
        tied = changes.neurons.degenerate(matrices)
        ranges = changes.neurons.form_ranges(matrices[tied], changes.matrices(z[tied]))
        found[some][tied] = np.stack(ranges, axis=-1)

    in_chunks(put, len(rows), changes.together, len(rows) * changes.neurons.entries[0].size)
    return found


def _empty(n: int, c: int, neurons: Neurons, *, detailed: bool, members: bool) -> Parts:
    """Return empty arrays for the contributions of n rows and c columns."""
    several = neurons.n_members > 1
    return Parts(
        **{name: np.empty((n, c)) for name in ("values", "diagonal", "coupling")},
        **{name: np.empty(n) for name in ("base_values", "base_diagonal", "base_coupling", "prediction")},
        degenerate=np.empty(n, dtype=bool),
        refit_deviation=np.empty((n, c)) if several else None,
        of_members=np.empty((n, c, neurons.n_members)) if several and members else None,
        by_entry=np.empty((n, c, *neurons.entries.shape[1:])) if detailed else None,
        weights=np.empty((n, *neurons.entries.shape[1:])) if detailed else None,
        evaluations=n * len(neurons),
    )


def _parts(changes: MeanChanges, z: FloatArray, *, detailed: bool) -> Parts:
    """Return the contributions at rows (n, p) from their change matrices."""
    neurons, d = changes.neurons, changes.neurons.structure.dim
    split = Split.zeros(len(z), changes.columns, neurons, detailed=detailed)
    matrices = neurons.at(z)
    values, v = neurons.pairs(matrices)
    products = neurons.products(v)
    split.add(np.arange(len(z)), changes.matrices(z), products)
    base = changes.start * products
    on, off = base[..., :d].sum(axis=(1, 2)), base[..., d:].sum(axis=(1, 2))
    return Parts(
        values=split.diagonal + split.coupling,
        base_values=on + off,
        prediction=values.sum(axis=1),
        degenerate=neurons.degenerate(matrices),
        diagonal=split.diagonal,
        coupling=split.coupling,
        base_diagonal=on,
        base_coupling=off,
        refit_deviation=split.refit_deviation,
        of_members=split.of_members,
        by_entry=split.by_entry,
        weights=products if detailed else None,
    )


@dataclass(frozen=True, eq=False)
class InLanes:
    """Local contributions of many small neurons, without change matrices; see :mod:`..pencil.forms`.

    Attributes
    ----------
    changes : MeanChanges
    origin : ndarray, shape (p,)
        Values that are subtracted from the features, so that most become zero: 0 for indicators, the mean
        over the reference rows for plain numbers.
    blocks : Blocks
        The neurons as functions of the shifted features.
    firsts : ndarray of int, shape (c + 2,)
        The first feature of every column, followed twice by the number of features: the base has none.
    less : ndarray, shape (B, c + 1, E, LANES)
        Matrices of the references: the mean matrix of every column, and −A(r) for the base.
    """

    changes: MeanChanges
    origin: FloatArray
    blocks: Blocks
    firsts: IntArray
    less: FloatArray

    @classmethod
    def of(cls, changes: MeanChanges) -> Self | None:
        """Return the input of the kernel; None if there is no kernel for these neurons."""
        view, neurons, blocks = changes.view, changes.neurons, changes.view.function.blocks
        if blocks is None:
            return None
        origin, less = np.zeros(len(view.features)), []
        for axis, name in zip(view.axes, view.columns, strict=True):
            own = view.own(name)
            origin[own] = -axis.offset
            if axis.linear and axis.value_features == 1:
                origin[own.start] = changes.centre[own.start]
            less.append(neurons.steps((changes.centre[own] - origin[own])[None], own)[0])
        for pair, own in zip(view.pairs, view.pair_own, strict=True):
            half = neurons.steps(changes.centre[None, own] / 2, own)[0]
            less[pair.first] += half
            less[pair.second] += half
        end = len(view.column_of)
        arranged = blocks.arranged(np.stack([*less, -changes.start]))
        return cls(changes, origin, blocks.moved(origin), np.array([*view.firsts, end, end]), arranged)

    def parts(self, z: FloatArray) -> Parts:
        """Return the contributions at rows (n, p)."""
        members, c = self.changes.neurons.n_members, self.changes.columns
        sparse = SparseFeatures.of(z, self.origin)
        solved, forms = self.blocks.solved(sparse), Forms.zeros(len(z), c + 1, members)
        solved.add_columns(sparse, self.firsts, self.less, forms)
        for pair, own, shares in self.changes.shares(z):
            solved.add_pair(own, shares, pair.columns, forms)
        whole, by_member = forms.diagonal + forms.coupling, members * forms.by_member[:, :c]
        return Parts(
            values=whole[:, :c],
            base_values=whole[:, c],
            prediction=solved.values.sum(axis=1),
            degenerate=solved.degenerate,
            diagonal=forms.diagonal[:, :c],
            coupling=forms.coupling[:, :c],
            base_diagonal=forms.diagonal[:, c],
            base_coupling=forms.coupling[:, c],
            refit_deviation=deviation_of(by_member),
            of_members=by_member,
        )
