"""Pencils of dense symmetric matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from .._common.arrays import FloatArray, check_finite, check_index
from .._common.caching import cached_property
from .base import MatrixPencil
from .neurons import Neurons
from .structures import Dense


@dataclass(frozen=True, eq=False)
class DensePencil(MatrixPencil):
    """Pencil of dense symmetric matrices, for analyses that do not need tridiagonal structure.

    Parameters
    ----------
    matrices : array_like, shape (p + 1, d, d)
        Symmetric matrices A_0 … A_p.
    k : int
        0-based index in ascending order; negative counts from the top.

    Examples
    --------
    >>> pencil = DensePencil([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]], k=-1)
    >>> pencil.values([[-2.0]])
    array([2.])
    """

    matrices: FloatArray
    k: int

    def __post_init__(self) -> None:
        array = np.array(self.matrices, dtype=np.float64)
        if array.ndim != 3 or array.shape[1] != array.shape[2] or len(array) < 2 or not array.shape[1]:
            raise ValueError(f"expected matrices of shape (p + 1, d, d), p and d >= 1; got {array.shape}")
        check_finite("matrices", array)
        if not np.array_equal(array, array.transpose(0, 2, 1)):
            raise ValueError("expected symmetric matrices; got a matrix that differs from its transpose")
        array.setflags(write=False)
        object.__setattr__(self, "matrices", array)
        object.__setattr__(self, "k", check_index(self.k, self.dim))
        self._check_size()

    @override
    def __neg__(self) -> DensePencil:
        return DensePencil(-self.matrices, self.dim - 1 - self.k)

    @property
    @override
    def structure(self) -> str:
        return "dense"

    @property
    @override
    def dim(self) -> int:
        return self.matrices.shape[1]

    @property
    @override
    def split_depends_on_basis(self) -> bool:
        return self.dim > 1

    @cached_property
    @override
    def neurons(self) -> Neurons:
        structure = Dense(self.dim)
        entries = structure.entries(self.matrices)[:, None]
        return Neurons(structure, entries, np.array([self.k]), np.zeros(1, dtype=np.intp))

    @cached_property
    @override
    def row_sums(self) -> FloatArray:
        return self.neurons.structure.row_sums(self.neurons.entries[:, 0])
