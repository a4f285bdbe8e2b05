"""The published spectral neuron as a contestant: SciPy's ``eigh_tridiagonal`` with PyTorch's autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor, nn

from spectral_interp import Pencil


def eigenvalues(pencil: Pencil, z: np.ndarray) -> np.ndarray:
    """Return the predictions of a pencil for features (n, p), with one LAPACK call per row, shape (n,)."""
    a, b = pencil.bands(z)
    select = {"eigvals_only": True, "select": "i", "select_range": (pencil.k, pencil.k)}
    return np.array([eigh_tridiagonal(*row, **select)[0] for row in zip(a, b, strict=True)])


class Eigenvalue(torch.autograd.Function):
    """Eigenvalue k of tridiagonal matrices, diagonals (n, d) and off-diagonals (n, d - 1), with gradient."""

    @staticmethod
    def forward(ctx: Any, diag: Tensor, off: Tensor, k: int) -> Tensor:
        """Solve row by row, including the eigenvector."""
        pairs = [
            eigh_tridiagonal(a, b, select="i", select_range=(k, k))
            for a, b in zip(diag.detach().numpy(), off.detach().numpy(), strict=True)
        ]
        ctx.save_for_backward(torch.tensor(np.array([v[:, 0] for _, v in pairs])))
        return torch.tensor(np.array([value[0] for value, _ in pairs]))

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return ``v_j²`` and ``2 v_j v_{j+1}`` times the cotangent."""
        (v,) = ctx.saved_tensors
        gv = cotangents[0][:, None] * v
        return gv * v, 2 * gv[:, :-1] * v[:, 1:], None


class SpectralNeuron(nn.Module):
    """The published module, with PyTorch's own initial weights."""

    def __init__(self, n_features: int, dim: int) -> None:
        super().__init__()
        self.k = dim // 2
        self.diag = nn.Linear(n_features, dim, dtype=torch.float64)
        self.off_diag = nn.Linear(n_features, dim - 1, dtype=torch.float64)

    def forward(self, z: Tensor) -> Tensor:
        """Map features (n, p) to predictions (n,)."""
        return Eigenvalue.apply(self.diag(z), self.off_diag(z), self.k)
