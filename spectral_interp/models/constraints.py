"""Promises of a single neuron in training, and matrices that keep a promise after they are rounded.

A promise orders features: times the sign of the promise, the matrix of each feature is at least the matrix
of the one before it in the Loewner order. The matrix of a single feature is at least zero. In training the
parameters of such a feature are the entries of a factor L, and its increment is ``L Lᵀ``. A lower bidiagonal
L gives every tridiagonal positive semidefinite matrix, a diagonal L every diagonal one, and a lower
triangular L every dense one. L has as many entries as the matrix, so the module has the parameters of the
plain module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .._common.arrays import FloatArray
from ..pencil.structures import Structure
from .spectral import DenseSpectral, DiagonalSpectral, TridiagonalSpectral

MARGIN = 1e-9
"""Least eigenvalue of an increment, relative to the largest entry of its matrices; above float64 rounding."""

TRIES = 60
"""Maximum number of attempts to lift a matrix; each doubles the added multiple of the identity."""

Chain = tuple[tuple[int, ...], int]
"""Features in the order of a promise, where 0 is the intercept, and its sign."""


def lifted(
    entries: FloatArray, chains: Sequence[Chain], structure: Structure, dtype: npt.DTypeLike
) -> FloatArray:
    """Return coefficients rounded to a type of floats, with every chain still in the promised order.

    Rounding alone can leave increments indefinite by one part in 10⁸. In that case a multiple of the
    identity, at most twice the least sufficient one, is added to the matrix and to those after it.

    Parameters
    ----------
    entries : ndarray, shape (p + 1, N, E)
        Coefficients of every feature and neuron; row 0 is the intercept.
    chains : sequence of (features, sign)
    structure : Structure
        Structure of the matrices, with E entries each.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray, shape (p + 1, N, E)
        float64.

    Examples
    --------
    >>> from spectral_interp.pencil.structures import Tridiagonal
    >>> entries = np.array([0.0, 0.1, 0.1 - 1e-12])[:, None, None]
    >>> found = lifted(entries, [((1, 2), 1)], Tridiagonal(1), np.float32)
    >>> bool(found[2] >= found[1])
    True
    """
    diagonal = np.arange(entries.shape[2]) < structure.dim

    def rounded(matrices: FloatArray) -> FloatArray:
        return matrices.astype(dtype).astype(np.float64)

    found = rounded(entries)
    for features, sign in chains:
        before = found[features[0]] if len(features) > 1 else np.zeros_like(found[0])
        lift = np.zeros(entries.shape[1])
        for feature in features[1:] or features:
            more = np.zeros_like(lift)
            for _ in range(TRIES):
                now = rounded(entries[feature] + sign * (lift + more)[:, None] * diagonal)
                least = structure.extremes(sign * (now - before))[0]
                wanted = MARGIN * np.maximum(np.abs(now).max(axis=1), np.abs(before).max(axis=1))
                short = (least < wanted) & (now != before).any(axis=1)
                if not short.any():
                    break
                more = np.where(short, np.maximum(wanted - least, 2 * more), more)
            lift += more
            found[feature] = before = now
    return found


class _Sizes(nn.Module):
    """Norms or widths of a module's features as its output, so that its weights can be replaced."""

    def __init__(self, module: Any, name: str) -> None:
        super().__init__()
        self.module, self.name = module, name

    def forward(self) -> Tensor:
        found: Tensor = getattr(self.module, self.name)()
        return found


class Constrained(nn.Module):
    """A module in training that has factors as the parameters of promised features.

    Parameters
    ----------
    inner : module of :data:`~spectral_interp.models.spectral.MODULES`
        Untrained module. Its parameters become the parameters of this module. For the features of a chain
        they become factors of the increments; the first of several features is unchanged.
    chains : sequence of (features, sign)

    Examples
    --------
    >>> module = Constrained(TridiagonalSpectral(2, 3, dtype=torch.float64), [((1,), 1)])
    >>> at = torch.tensor([[0.0, 0.5], [1.0, 0.5]], dtype=torch.float64)
    >>> low, high = module(at).tolist()
    >>> high >= low, bool((module.baked()(at) == module.inner(at)).all())
    (True, True)
    """

    def __init__(
        self, inner: TridiagonalSpectral | DiagonalSpectral | DenseSpectral, chains: Sequence[Chain]
    ) -> None:
        super().__init__()
        self.inner, self.promised = inner, list(chains)
        self.chains = [(tuple(f - 1 for f in own), sign) for own, sign in chains]
        with torch.no_grad():
            for features, _ in self.chains:
                own = list(features[1:] or features)
                inner.diag.weight[:, own] = inner.diag.weight[:, own].abs().sqrt()

    @property
    def _below(self) -> str | None:
        """Name of the weights off the diagonal; None for a diagonal module."""
        return {TridiagonalSpectral: "off_diag", DenseSpectral: "upper"}.get(type(self.inner))

    def _squares(self, diag: Tensor, below: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the entries of ``L Lᵀ`` from the entries of factors L, one factor per column."""
        if below is None:
            return diag**2, None
        if isinstance(self.inner, TridiagonalSpectral):
            lower = nn.functional.pad(below, (0, 0, 1, 0))
            return diag**2 + lower**2, diag[:-1] * below
        d = len(diag)
        rows, cols = torch.triu_indices(d, d, offset=1)
        factor = torch.diag_embed(diag.T)
        factor[:, cols, rows] = below.T
        product = factor @ factor.mT
        return product.diagonal(dim1=1, dim2=2).T, product[:, rows, cols].T

    def weights(self) -> dict[str, Tensor]:
        """Return the parameters of the plain module, differentiable."""
        found = dict(self.inner.named_parameters())
        names = ["diag.weight"] + ([f"{self._below}.weight"] if self._below else [])
        parts = [found[name] for name in names]
        columns = [list(part.unbind(dim=1)) for part in parts]
        for features, sign in self.chains:
            own = list(features[1:] or features)
            squares = self._squares(parts[0][:, own], parts[1][:, own] if self._below else None)
            for plain, square in zip(columns, squares, strict=False):
                if square is None:
                    continue
                sums = sign * square.cumsum(dim=1)
                start = plain[features[0]] if len(features) > 1 else torch.zeros_like(sums[:, 0])
                for m, feature in enumerate(own):
                    plain[feature] = start + sums[:, m]
        return found | {name: torch.stack(plain, dim=1) for name, plain in zip(names, columns, strict=True)}

    def forward(self, z: Tensor) -> Tensor:
        """Map features (..., p) to predictions (...)."""
        found: Tensor = torch.func.functional_call(self.inner, self.weights(), (z,))
        return found

    def feature_norms(self) -> Tensor:
        """Return the spectral norms of the features' matrices, (p,), differentiable."""
        return self._sizes("feature_norms")

    def slope_widths(self) -> Tensor:
        """Return ``λ_max − λ_min`` of the features' matrices, (p,), differentiable."""
        return self._sizes("slope_widths")

    def _sizes(self, name: str) -> Tensor:
        named = {f"module.{weight}": value for weight, value in self.weights().items()}
        found: Tensor = torch.func.functional_call(_Sizes(self.inner, name), named, ())
        return found

    @torch.no_grad()
    def drop_feature_(self, feature: int) -> None:
        """Set the parameters of one feature to zero: its matrix, or its difference from the one before it."""
        self.inner.drop_feature_(feature)

    @torch.no_grad()
    def baked(self) -> TridiagonalSpectral | DiagonalSpectral | DenseSpectral:
        """Return the plain module with the same predictions."""
        weights = {name: weight.clone() for name, weight in self.weights().items()}
        for name, parameter in self.inner.named_parameters():
            parameter.copy_(weights[name])
        return self.inner


@torch.no_grad()
def lift_(module: TridiagonalSpectral | DiagonalSpectral | DenseSpectral, chains: Sequence[Chain]) -> None:
    """Restore the promised order of a float64 module after rounding; see :func:`lifted`."""
    neurons = module.pencil().neurons
    found = lifted(neurons.entries, chains, neurons.structure, np.float64)
    module.diag.weight.copy_(torch.from_numpy(found[1:, 0, : module.dim].T))
