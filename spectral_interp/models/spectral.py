"""Eigenvalue models as PyTorch modules: an affine map to a symmetric matrix, then its k-th eigenvalue."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import SupportsIndex

import numpy as np
import torch
from torch import Tensor, nn

from .._common import choices
from .._common.arrays import FloatArray, check_index
from ..eigen import engine, kth_eigenvalue
from ..pencil.base import MatrixPencil
from ..pencil.dense import DensePencil
from ..pencil.tridiagonal import Pencil

START = 1.0
"""Scale of the features' initial diagonals; A_0 is initially spread from -1 to 1."""


class Affine(nn.Module):
    """An affine map with weights from N(0, scale²/p) and zero bias, drawn from ``generator`` alone."""

    def __init__(
        self, p: int, entries: int, generator: torch.Generator, dtype: torch.dtype | None, *, scale: float
    ) -> None:
        super().__init__()
        weight = torch.empty(entries, p, dtype=dtype).normal_(std=scale * p**-0.5, generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(entries, dtype=dtype))

    def forward(self, z: Tensor) -> Tensor:
        """Map (..., p) to (..., entries)."""
        return nn.functional.linear(z, self.weight, self.bias)

    def rows(self, z: FloatArray) -> FloatArray:
        """Map an array (n, p) to (n, entries) without torch's dispatcher."""
        return z @ self.weight.detach().numpy().T + self.bias.detach().numpy()

    def add_gradient(self, cotangent: FloatArray, z: FloatArray) -> None:
        """Add the gradients for the cotangent (n, entries) of the map's values at z (n, p)."""
        for parameter, gradient in ((self.weight, cotangent.T @ z), (self.bias, cotangent.sum(axis=0))):
            total = parameter.grad.numpy()  # type: ignore[union-attr]
            total += gradient


class _Spectral(nn.Module, ABC):
    """Common part of the three structures: options, the diagonal's affine map, and rescaling."""

    def __init__(
        self,
        n_features: int,
        dim: int,
        k: SupportsIndex | None = None,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("n_features", n_features), ("dim", dim)):
            if value < 1:
                raise ValueError(f"expected {name} >= 1; got {value}")
        self.n_features, self.dim = n_features, dim
        self.k = dim // 2 if k is None else check_index(k, dim)
        generator = generator or torch.Generator().manual_seed(0)
        self.diag = Affine(n_features, dim, generator, dtype, scale=START)
        with torch.no_grad():
            self.diag.bias.copy_(torch.linspace(-1, 1, dim) if dim > 1 else torch.zeros(1))
        self._add_couplings(generator, dtype)

    def _add_couplings(self, generator: torch.Generator, dtype: torch.dtype | None) -> None:
        """Add the affine map of the entries off the diagonal if the structure has any."""

    @torch.no_grad()
    def rescale_(self, scale: float, shift: float) -> None:
        """Make the module predict ``scale · f + shift``, scale > 0: ``s λ_k(A) + c = λ_k(s A + c I)``."""
        for parameter in self.parameters():
            parameter.mul_(scale)
        self.diag.bias.add_(shift)

    @torch.no_grad()
    def scale_features_(self, factor: float) -> None:
        """Multiply A_1 … A_p by ``factor``."""
        for layer in self.children():
            layer.get_parameter("weight").mul_(factor)

    @abstractmethod
    def pencil(self) -> MatrixPencil:
        """Return the coefficients as a float64 pencil."""

    def functions(self) -> tuple[MatrixPencil, ...]:
        """Return the predicted functions in float64: the module's pencil."""
        return (self.pencil(),)

    def with_pullback(self, z: FloatArray) -> tuple[FloatArray, Callable[[FloatArray], None]]:
        """Return predictions and a function that adds the gradients for a cotangent of the predictions."""
        prediction = self(torch.from_numpy(z))
        return prediction.detach().numpy(), lambda g: prediction.backward(torch.from_numpy(g))

    def feature_norms(self) -> Tensor:
        """Return the spectral norms ``‖A_1‖₂ … ‖A_p‖₂``, shape (p,), differentiable."""
        low, high = self._extremes()
        return torch.maximum(-low, high)

    def slope_widths(self) -> Tensor:
        """Return ``λ_max(A_i) − λ_min(A_i)``, the widths of slopes' proven intervals, shape (p,)."""
        low, high = self._extremes()
        return high - low

    @abstractmethod
    def _extremes(self) -> tuple[Tensor, Tensor]:
        """Return the smallest and the largest eigenvalue of every A_i, shapes (p,)."""

    @torch.no_grad()
    def drop_feature_(self, feature: int) -> None:
        """Set the matrix of one feature to zero."""
        for layer in self.children():
            layer.get_parameter("weight")[:, feature] = 0.0

    def extra_repr(self) -> str:
        return f"n_features={self.n_features}, dim={self.dim}, k={self.k}"


class TridiagonalSpectral(_Spectral):
    """Predict ``λ_k(A_0 + Σ z_i A_i)`` with symmetric tridiagonal matrices.

    Parameters
    ----------
    n_features : int
        Number p of inputs.
    dim : int
        Order d of the matrices.
    k : int, optional
        0-based index of the eigenvalue, ascending, negative from the top; ``dim // 2`` by default.
    generator : torch.Generator, optional
        Source of the initial weights; by default a generator with seed 0. The global generator is never used.
    dtype : torch.dtype, optional
        float32 or float64; by default torch's default dtype.

    Raises
    ------
    ValueError
        If a size is below 1 or ``k`` is out of range.

    Notes
    -----
    The state dict holds ``diag.weight`` (d, p), ``diag.bias`` (d,), ``off_diag.weight`` (d - 1, p) and
    ``off_diag.bias`` (d - 1,), the names of the published module. Initially the spectrum is spread: ``A_0``
    is diagonal over [-1, 1], the features' diagonals are drawn from N(0, 1/p), and their couplings have half
    that scale.

    Examples
    --------
    >>> model = TridiagonalSpectral(n_features=3, dim=5)
    >>> model(torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def _add_couplings(self, generator: torch.Generator, dtype: torch.dtype | None) -> None:
        self.off_diag = Affine(self.n_features, self.dim - 1, generator, dtype, scale=0.5 * START)

    def forward(self, z: Tensor) -> Tensor:
        """Map features (..., p) to predictions (...)."""
        return kth_eigenvalue(self.diag(z), self.off_diag(z), self.k)

    def with_pullback(self, z: FloatArray) -> tuple[FloatArray, Callable[[FloatArray], None]]:
        """Return predictions and a function that adds their gradients, without autograd.

        For the cotangent g (n,) of the predictions and the eigenvectors v, the bands receive ``g v_j²`` and
        ``2 g v_j v_{j+1}``, and the affine maps receive the products of these with the features.
        """
        values, v, _ = engine.pairs(self.diag.rows(z), self.off_diag.rows(z), self.k)

        def pull_back(g: FloatArray) -> None:
            gv = g[:, None] * v
            self.diag.add_gradient(gv * v, z)
            self.off_diag.add_gradient(2 * gv[:, :-1] * v[:, 1:], z)

        return values, pull_back

    def _extremes(self) -> tuple[Tensor, Tensor]:
        diag, off = self.diag.weight.T, self.off_diag.weight.T
        return kth_eigenvalue(diag, off, 0), kth_eigenvalue(diag, off, -1)

    def pencil(self) -> Pencil:
        """Return the coefficients as a float64 pencil."""
        return Pencil(_coefficients(self.diag), _coefficients(self.off_diag), self.k)


class DiagonalSpectral(_Spectral):
    """Predict the k-th smallest of d affine functions: the diagonal model, which is piecewise linear.

    Parameters and errors are those of :class:`TridiagonalSpectral`. The state dict holds ``diag.weight`` and
    ``diag.bias``.

    Examples
    --------
    >>> DiagonalSpectral(n_features=3, dim=5)(torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def forward(self, z: Tensor) -> Tensor:
        """Map features (..., p) to predictions (...)."""
        return self.diag(z).kthvalue(self.k + 1, dim=-1).values

    def _extremes(self) -> tuple[Tensor, Tensor]:
        return self.diag.weight.amin(0), self.diag.weight.amax(0)

    def pencil(self) -> Pencil:
        """Return the coefficients as a float64 pencil with zero couplings."""
        return Pencil(_coefficients(self.diag), np.zeros((self.n_features + 1, self.dim - 1)), self.k)


class DenseSpectral(_Spectral):
    """Predict ``λ_k(A_0 + Σ z_i A_i)`` with dense symmetric matrices, in O(d³) per row.

    Parameters and errors are those of :class:`TridiagonalSpectral`. The state dict holds the same ``diag.*``,
    and ``upper.weight`` (d (d - 1) / 2, p) and ``upper.bias`` for the entries above the diagonal, row by row.

    Examples
    --------
    >>> DenseSpectral(n_features=3, dim=5)(torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def _add_couplings(self, generator: torch.Generator, dtype: torch.dtype | None) -> None:
        self.upper = Affine(
            self.n_features, self.dim * (self.dim - 1) // 2, generator, dtype, scale=0.5 * START
        )

    def _matrix(self, diag: Tensor, upper: Tensor) -> Tensor:
        rows, cols = torch.triu_indices(self.dim, self.dim, offset=1)
        above = diag.new_zeros(*diag.shape, self.dim)
        above[..., rows, cols] = upper
        return torch.diag_embed(diag) + above + above.mT

    def forward(self, z: Tensor) -> Tensor:
        """Map features (..., p) to predictions (...)."""
        return torch.linalg.eigvalsh(self._matrix(self.diag(z), self.upper(z)))[..., self.k]

    def _extremes(self) -> tuple[Tensor, Tensor]:
        spectra = torch.linalg.eigvalsh(self._matrix(self.diag.weight.T, self.upper.weight.T))
        return spectra[:, 0], spectra[:, -1]

    def pencil(self) -> DensePencil:
        """Return the coefficients as a float64 pencil of dense matrices."""
        diag, upper = (torch.from_numpy(_coefficients(layer)) for layer in (self.diag, self.upper))
        return DensePencil(self._matrix(diag, upper).numpy(), self.k)


class PerClass(nn.Module):
    """Predict the score of every class by its own eigenvalue: (..., p) to (..., classes).

    Parameters
    ----------
    modules : sequence of TridiagonalSpectral, DiagonalSpectral or DenseSpectral
        One module per class, over the same features.

    Examples
    --------
    >>> PerClass([TridiagonalSpectral(3, 5) for _ in range(4)])(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(self, modules: Sequence[_Spectral]) -> None:
        super().__init__()
        self.classes = nn.ModuleList(modules)
        self.n_features, self.k = modules[0].n_features, modules[0].k

    def forward(self, z: Tensor) -> Tensor:
        """Map features (..., p) to scores (..., classes)."""
        return torch.stack([module(z) for module in self.classes], dim=-1)

    def with_pullback(self, z: FloatArray) -> tuple[FloatArray, Callable[[FloatArray], None]]:
        """Return scores (n, classes) and a function that adds the gradients for a cotangent of the scores."""
        scores, pull_backs = zip(*(module.with_pullback(z) for module in self._own), strict=True)

        def pull_back(g: FloatArray) -> None:
            for own, cotangent in zip(pull_backs, g.T, strict=True):
                own(np.ascontiguousarray(cotangent))

        return np.column_stack(scores), pull_back

    def scale_features_(self, factor: float) -> None:
        """Multiply A_1 … A_p of every class by ``factor``."""
        for module in self._own:
            module.scale_features_(factor)

    def rescale_(self, scale: float, shift: float) -> None:
        """Make the module predict ``scale · f + shift``, scale > 0."""
        for module in self._own:
            module.rescale_(scale, shift)

    def feature_norms(self) -> Tensor:
        """Return ``Σ ‖A_i‖₂`` over the classes for every feature, shape (p,), differentiable."""
        return torch.stack([module.feature_norms() for module in self._own]).sum(dim=0)

    def slope_widths(self) -> Tensor:
        """Return ``Σ λ_max(A_i) − λ_min(A_i)`` over the classes for every feature, shape (p,)."""
        return torch.stack([module.slope_widths() for module in self._own]).sum(dim=0)

    def drop_feature_(self, feature: int) -> None:
        """Set the matrices of one feature to zero."""
        for module in self._own:
            module.drop_feature_(feature)

    def functions(self) -> tuple[MatrixPencil, ...]:
        """Return the score of every class as a float64 pencil."""
        return tuple(module.pencil() for module in self._own)

    @property
    def _own(self) -> list[_Spectral]:
        return list(self.classes)  # type: ignore[arg-type]


MODULES: dict[str, type[TridiagonalSpectral | DiagonalSpectral | DenseSpectral]] = dict(
    zip(choices.STRUCTURES, (TridiagonalSpectral, DiagonalSpectral, DenseSpectral), strict=True)
)


def _coefficients(layer: Affine) -> FloatArray:
    """Return an affine map as pencil rows (p + 1, entries): the bias first, then one row per feature."""
    rows = torch.cat([layer.bias.detach()[None], layer.weight.detach().T])
    return rows.double().cpu().numpy()
