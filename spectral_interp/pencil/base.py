"""Interface of models of any form for all analyses, and common code of single pencils."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, check_finite
from .._common.caching import cached_property
from .forms import Blocks
from .neurons import Neurons

LARGEST_NORM = 1e300
"""Bound of ‖A_i‖ and of the terms of A(z): sums of a few numbers of this size do not overflow."""


class SpectralFunction(ABC):
    """A function f of p features: a sum of eigenvalues of matrices that are affine in the features.

    Features are arrays ``z`` of shape (n, p), with one line per row of the table; everything is float64.
    """

    @property
    @abstractmethod
    def neurons(self) -> Neurons:
        """The eigenvalues whose sum is f, and their matrices."""

    @property
    @abstractmethod
    def structure(self) -> str:
        """Name of the structure of the matrices: "tridiagonal", "diagonal" or "dense"."""

    @property
    @abstractmethod
    def row_sums(self) -> FloatArray:
        """Bound of ``‖A_0‖₂ … ‖A_p‖₂``, summed over the neurons: shape (p + 1,)."""

    @property
    @abstractmethod
    def split_depends_on_basis(self) -> bool:
        """Whether matrices of the same structure in another basis give the same f but another split.

        The split divides quantities into the parts from the diagonals and from the couplings. Reversing the
        latents or changing their signs does not affect it.
        """

    @property
    @abstractmethod
    def terms(self) -> tuple[MatrixPencil, ...]:
        """Pencils whose sum is f."""

    @abstractmethod
    def __neg__(self) -> SpectralFunction:
        """Return −f, a function of the same kind: ``−λ_k(A) = λ_{d−1−k}(−A)``."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickling: the coefficients, without cached results."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @cached_property
    def blocks(self) -> Blocks | None:
        """The neurons as input of the kernel for many small ones; None if it does not accept them."""
        return Blocks.of(self.neurons)

    @property
    def n_features(self) -> int:
        """Number p of features."""
        return len(self.row_sums) - 1

    @property
    def dim(self) -> int:
        """Order d of the matrices."""
        return self.neurons.structure.dim

    def check_features(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``z`` as a float64 array (n, p); ValueError unless it and A(z) are finite, to 1e300."""
        array = np.asarray(z, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != self.n_features:
            raise ValueError(f"expected features of shape (n, {self.n_features}); got {array.shape}")
        with np.errstate(over="ignore", invalid="ignore"):
            extent = max(array.max(initial=0), -array.min(initial=0)) * self.row_sums[1:].sum()
            if self.row_sums[0] + extent <= LARGEST_NORM:
                return array
            size = self.row_sums[0] + np.abs(array) @ self.row_sums[1:]
        if not size.max(initial=0) <= LARGEST_NORM:  # also catches NaN
            check_finite("the features", array)
            i = int(size.argmax())
            raise ValueError(
                f"expected features for which A(z) stays below {LARGEST_NORM:g}; got {size[i]:.3g} in row {i}"
            )
        return array

    def values(self, z: npt.ArrayLike) -> FloatArray:
        """Return f at every row of ``z``: shape (n,)."""
        z, neurons = self.check_features(z), self.neurons
        values = neurons.values(neurons.at(z)) if self.blocks is None else self.blocks.values(z)
        return values.sum(axis=1)

    def gradients(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return f (n,) and the diagonal and the coupling part of ``∂f/∂z_i = Σ vᵀA_i v``, (n, p) each.

        By Hellmann and Feynman's theorem. If λ_k is multiple, v is one of its unit eigenvectors.
        """
        neurons = self.neurons
        values, v = neurons.pairs(neurons.at(self.check_features(z)))
        products, d = neurons.products(v), neurons.structure.dim
        diagonal, coupling = (
            np.tensordot(products[:, :, part], neurons.entries[1:, :, part], axes=((1, 2), (1, 2)))
            for part in (slice(d), slice(d, None))
        )
        return values.sum(axis=1), diagonal, coupling

    def values_and_gradients(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return f (n,) and its gradient (n, p) at every row of ``z``.

        Examples
        --------
        >>> from spectral_interp import Pencil
        >>> Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0).values_and_gradients([[3.0]])
        (array([6.]), array([[2.]]))
        """
        neurons = self.neurons
        values, v = neurons.pairs(neurons.at(self.check_features(z)))
        return values.sum(axis=1), np.tensordot(
            neurons.products(v), neurons.entries[1:], axes=((1, 2), (1, 2))
        )

    def hessian(self, z: npt.ArrayLike) -> FloatArray:
        """Return ``∂²f/∂z_i∂z_l = Σ 2 (A_i v)ᵀ (λI − A)⁺ (A_l v)`` at every row: shape (n, p, p)."""
        z, entries = self.check_features(z), self.neurons.entries[1:]
        slopes = np.broadcast_to(entries[None], (len(z), *entries.shape))
        return self.bend(z, slopes)

    def bend(self, z: FloatArray, slopes: FloatArray) -> FloatArray:
        """Return ``Σ 2 (G_a v)ᵀ (λI − A)⁺ (G_b v)`` for any matrices G, (n, r, N, E), at rows z: (n, r, r).

        These are the second derivatives of f along changes of A that are straight to first order.
        """
        neurons, structure = self.neurons, self.neurons.structure
        matrices = neurons.at(z)
        _, v = neurons.pairs(matrices)
        found = np.zeros((len(z), slopes.shape[1], slopes.shape[1]))
        for n, k in enumerate(neurons.k.tolist()):
            images = np.einsum("nrij,nj->nri", structure.full(slopes[:, :, n]), v[:, n])
            solved = structure.resolvent(matrices[:, n], k, images)
            found += 2 * np.einsum("nrj,nsj->nrs", images, solved, optimize=True)
        return found

    def degenerate(self, z: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return a mask of the rows at which some neuron has a gap of at most 1e-8 ‖A(z)‖₂: shape (n,)."""
        return self.neurons.degenerate(self.neurons.at(self.check_features(z)))

    def step_range(self, s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return bounds of ``f(z + s) − f(z)`` over all z for every step (m, p): two arrays of shape (m,).

        By Weyl's inequality these are the sums over the neurons of λ_min and λ_max of ``Σ s_i A_i``.
        """
        low, high = self.neurons.extremes(self.neurons.steps(self.check_features(s)))
        return low.sum(axis=1), high.sum(axis=1)


class MatrixPencil(SpectralFunction):
    """One eigenvalue, ``f(z) = λ_k(A_0 + Σ z_i A_i)``, of matrices of any structure."""

    k: int
    """0-based index of the eigenvalue, ascending."""

    matrices: FloatArray
    """A_0 … A_p as full matrices, shape (p + 1, d, d)."""

    def _entries(self, z: npt.ArrayLike) -> FloatArray:
        """Return the entries of A(z) at every row: shape (n, E)."""
        return self.neurons.at(self.check_features(z))[:, 0]

    def eigenpairs(self, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return λ (n,) and v (n, d), of unit norm with its largest entry positive."""
        return self.neurons.structure.pairs(self._entries(z), self.k)

    def spectra(self, z: npt.ArrayLike) -> FloatArray:
        """Return all eigenvalues of A(z), ascending, at every row of ``z``: shape (n, d)."""
        entries = self._entries(z)
        found = np.stack([self.neurons.structure.values(entries, k) for k in range(self.dim)], axis=1)
        return np.sort(found, axis=1)  # rounding may swap close eigenvalues

    def norms(self, z: npt.ArrayLike) -> FloatArray:
        """Return ‖A(z)‖₂ at every row of ``z``: shape (n,)."""
        low, high = self.neurons.structure.extremes(self._entries(z))
        return np.maximum(-low, high)

    def gap(self, z: npt.ArrayLike) -> FloatArray:
        """Return the distance from λ_k to its nearest neighbour at every row: shape (n,), inf if d = 1."""
        return self.neurons.structure.gaps(self._entries(z), self.k)

    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Return (λ_min(A_i), λ_max(A_i)) for i = 0 … p: two arrays of shape (p + 1,)."""
        return self.neurons.structure.extremes(self.neurons.entries[:, 0])

    def forms(self, u: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the parts of ``uᵀ A_i w`` with entries on and off the diagonal, for i = 0 … p.

        Parameters
        ----------
        u, w : ndarray, shape (n, d)

        Returns
        -------
        diagonal, coupling : ndarray, shape (n, p + 1)
        """
        products, entries, d = self.neurons.structure.products(u, w), self.neurons.entries[:, 0], self.dim
        return products[:, :d] @ entries[:, :d].T, products[:, d:] @ entries[:, d:].T

    @property
    @override
    def terms(self) -> tuple[MatrixPencil, ...]:
        return (self,)

    def _check_size(self) -> None:
        """Raise ValueError if a matrix is larger than 1e300."""
        if not self.row_sums.max() <= LARGEST_NORM:
            i = int(self.row_sums.argmax())
            raise ValueError(
                f"expected matrices up to {LARGEST_NORM:g}; got {self.row_sums[i]:.3g} in row {i} of the "
                "pencil"
            )
