"""Tridiagonal and diagonal pencils."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, check_bands, check_finite, check_index
from .._common.caching import cached_property
from .base import MatrixPencil
from .neurons import Neurons
from .structures import Tridiagonal


@dataclass(frozen=True, eq=False)
class Pencil(MatrixPencil):
    """Tridiagonal (or diagonal) matrix pencil with a selected eigenvalue, ``f(z) = λ_k(A_0 + Σ z_i A_i)``.

    Parameters
    ----------
    diag : array_like, shape (p + 1, d)
        Diagonals of A_0 (the intercept) … A_p.
    off : array_like, shape (p + 1, d - 1)
        Off-diagonals. If all are zero, the pencil is diagonal and f is piecewise linear.
    k : int
        0-based index of the eigenvalue in ascending order; negative counts from the top.

    Raises
    ------
    ValueError
        If shapes do not match, ``k`` is out of range, or a matrix is not finite or larger than 1e300.

    Examples
    --------
    The larger eigenvalue of [[0, z], [z, 0]] is |z|:

    >>> pencil = Pencil(diag=[[0.0, 0.0], [0.0, 0.0]], off=[[0.0], [1.0]], k=1)
    >>> pencil.values([[-2.0], [3.0]])
    array([2., 3.])
    """

    diag: FloatArray
    off: FloatArray
    k: int

    def __post_init__(self) -> None:
        for name in ("diag", "off"):
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            if array.ndim != 2:
                raise ValueError(f"expected {name} with 2 axes (p + 1, entries); got shape {array.shape}")
            check_finite(name, array)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        check_bands(self.diag.shape, self.off.shape)
        if len(self.diag) < 2:
            raise ValueError("expected diag with at least 2 rows (the intercept and one feature); got 1")
        object.__setattr__(self, "k", check_index(self.k, self.dim))
        self._check_size()

    @override
    def __neg__(self) -> Pencil:
        return Pencil(-self.diag, -self.off, self.dim - 1 - self.k)

    @property
    @override
    def structure(self) -> str:
        return "tridiagonal" if self.off.any() else "diagonal"

    @property
    @override
    def dim(self) -> int:
        return self.diag.shape[1]

    @property
    @override
    def split_depends_on_basis(self) -> bool:
        """Return whether some latents that are coupled with each other can be rotated.

        A block of s latents can be rotated in s (s − 1) / 2 planes. Each of m matrices, linearly independent
        of one another and of the identity, must stay tridiagonal, which gives (s − 1)(s − 2) / 2 conditions.
        Rotations remain if s > m (s − 2): always for two latents, for three latents with an intercept and one
        feature, and for any number if all matrices are multiples of one matrix.
        """
        coupled = np.pad(self.off.any(axis=0), 1).astype(np.int_)
        firsts, lasts = (np.flatnonzero(np.diff(coupled) == sign) for sign in (1, -1))
        return any(self._turns(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True))

    def _turns(self, first: int, end: int) -> bool:
        """Return whether a block of latents can be rotated and stay tridiagonal."""
        diag = self.diag[:, first:end]
        block = np.hstack([diag - diag.mean(axis=1, keepdims=True), self.off[:, first : end - 1]])
        size = np.abs(block).max(axis=1, keepdims=True)
        independent = np.linalg.matrix_rank(block[size[:, 0] > 0] / size[size[:, 0] > 0])
        return bool(end - first > independent * (end - first - 2))

    @cached_property
    @override
    def neurons(self) -> Neurons:
        entries = np.hstack([self.diag, self.off])[:, None]
        return Neurons(Tridiagonal(self.dim), entries, np.array([self.k]), np.zeros(1, dtype=np.intp))

    @cached_property
    @override
    def row_sums(self) -> FloatArray:
        return self.neurons.structure.row_sums(self.neurons.entries[:, 0])

    def bands(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the diagonals (n, d) and off-diagonals (n, d - 1) of A(z)."""
        entries = self._entries(z)
        return entries[:, : self.dim], entries[:, self.dim :]

    @cached_property
    @override
    def matrices(self) -> FloatArray:
        return self.neurons.structure.full(self.neurons.entries[:, 0])
