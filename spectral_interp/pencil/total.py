"""Sums of pencils of the same features: again spectral functions, solved in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, IntArray, check_finite
from .._common.caching import cached_property
from .base import MatrixPencil, SpectralFunction
from .dense import DensePencil
from .neurons import Neurons
from .structures import Dense, Structure, Tridiagonal
from .tridiagonal import Pencil


@dataclass(frozen=True, eq=False)
class Total(SpectralFunction):
    """A weighted sum of eigenvalues, ``f(z) = Σ_n w_n λ_{k_n}(A^n_0 + Σ_i z_i A^n_i)``.

    Weights go into the matrices: ``w λ_k(A) = λ_k(w A)`` for w > 0, and ``−λ_k(A) = λ_{d−1−k}(−A)``, since
    the negative of a matrix has the negative eigenvalues in reverse order.

    Parameters
    ----------
    pencils : sequence of Pencil and DensePencil
        Pencils of the same order and the same features. If one is dense, all matrices are stored as dense
        ones.
    weights : array_like, shape (N,), optional
        Weights; one by default.
    member : array_like of int, shape (N,), optional
        Member 0, 1, … of every pencil, ascending. Members are the fits that the model averages: M times the
        sum over a member is that member's prediction. By default there is one member.

    Raises
    ------
    ValueError
        If there are no pencils, they differ in order or features, or weights or members do not fit them.

    Examples
    --------
    >>> up, down = (Pencil(diag=[[0.0], [slope]], off=[[], []], k=0) for slope in (2.0, 1.0))
    >>> Total([up, down], weights=[1.0, -3.0]).values([[1.0], [2.0]])
    array([-1., -2.])
    """

    pencils: tuple[MatrixPencil, ...]
    weights: FloatArray
    member: IntArray

    def __init__(
        self,
        pencils: Sequence[MatrixPencil],
        weights: npt.ArrayLike | None = None,
        member: npt.ArrayLike | None = None,
    ) -> None:
        count = len(pencils)
        shapes = {(pencil.n_features, pencil.dim) for pencil in pencils}
        if len(shapes) != 1:
            raise ValueError(
                "expected pencils with equal numbers of features and equal orders; got (features, order) "
                f"{sorted(shapes) or 'of none'}"
            )
        given = np.ones(count) if weights is None else np.array(weights, dtype=np.float64)
        members = np.zeros(count, dtype=np.intp) if member is None else np.array(member, dtype=np.intp)
        if given.shape != (count,) or members.shape != (count,):
            raise ValueError(
                f"expected weights and member of shape ({count},); got {given.shape} and {members.shape}"
            )
        check_finite("weights", given)
        if members[0] != 0 or not np.isin(np.diff(members), (0, 1)).all():
            raise ValueError(f"expected members 0, 1, … ascending; got {members.tolist()}")
        object.__setattr__(self, "pencils", tuple(pencils))
        object.__setattr__(self, "weights", given)
        object.__setattr__(self, "member", members)

    @cached_property
    @override
    def neurons(self) -> Neurons:
        dim = self.pencils[0].dim
        structure: Structure = Tridiagonal(dim)
        parts = [pencil.neurons.entries[:, 0] for pencil in self.pencils]
        if self.structure == "dense":
            structure = dense = Dense(dim)
            parts = [dense.entries(pencil.matrices) for pencil in self.pencils]
        k = np.array([pencil.k for pencil in self.pencils])
        k = np.where(self.weights < 0, dim - 1 - k, k)
        return Neurons(structure, np.stack(parts, axis=1) * self.weights[:, None], k, self.member)

    @classmethod
    def combined(cls, functions: Sequence[SpectralFunction], weights: npt.ArrayLike) -> Self:
        """Return ``Σ_c w_c f_c`` for functions of the same features with equal numbers of members.

        Examples
        --------
        >>> up, down = (Pencil(diag=[[0.0], [slope]], off=[[], []], k=0) for slope in (2.0, 1.0))
        >>> Total.combined([up, Total([up, down])], [1.0, -1.0]).values([[1.0]])
        array([-1.])
        """
        parts = [
            (int(member), pencil, weight)
            for function, weight in zip(functions, np.asarray(weights, dtype=np.float64), strict=True)
            for member, pencil in zip(function.neurons.member, function.terms, strict=True)
            if weight
        ]
        parts.sort(key=lambda part: part[0])
        member, pencils, given = zip(*parts, strict=True)
        return cls(pencils, given, member)

    @override
    def __neg__(self) -> Self:
        return type(self)(self.pencils, -self.weights, self.member)

    @property
    @override
    def structure(self) -> str:
        present = {pencil.structure for pencil in self.pencils}
        return next(name for name in ("dense", "tridiagonal", "diagonal") if name in present)

    @property
    @override
    def split_depends_on_basis(self) -> bool:
        return any(pencil.split_depends_on_basis for pencil in self.pencils)

    @cached_property
    @override
    def row_sums(self) -> FloatArray:
        entries = self.neurons.entries
        sums = self.neurons.structure.row_sums(entries.reshape(-1, entries.shape[-1]))
        return sums.reshape(entries.shape[:2]).sum(axis=1)

    @cached_property
    @override
    def terms(self) -> tuple[MatrixPencil, ...]:
        neurons, d = self.neurons, self.dim
        entries_and_k = zip(neurons.entries.transpose(1, 0, 2), neurons.k.tolist(), strict=True)
        if self.structure == "dense":
            return tuple(DensePencil(neurons.structure.full(entries), k) for entries, k in entries_and_k)
        return tuple(Pencil(entries[:, :d], entries[:, d:], k) for entries, k in entries_and_k)
