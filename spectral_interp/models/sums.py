"""The sum form as a PyTorch module: a mean of members that are sums of small tridiagonal neurons."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
import torch
from torch import Tensor, nn

from .._common.arrays import FloatArray, check_index
from ..eigen import kth_eigenvalue
from ..pencil.total import Total
from ..pencil.tridiagonal import Pencil


class SumSpectral(nn.Module):
    """Predict ``1/M Σ_n λ_k(A^n_0 + Σ z_i A^n_i)``, the mean over M members of sums of tridiagonal neurons.

    Each of several outputs has its own sum.

    Parameters
    ----------
    n_features : int
        Number p of features.
    dim : int
        Order d of the matrices.
    k : int, optional
        0-based index of the eigenvalues, ascending, negative from the top; ``dim // 2`` by default.
    members : int
        Number M of members.
    neurons : int
        Number of neurons of each member and output.
    outputs : int
        Number of outputs.
    dtype : torch.dtype, optional
        float32 or float64; by default torch's default dtype.

    Raises
    ------
    ValueError
        If a size is below 1 or ``k`` is out of range.

    Notes
    -----
    The state dict holds ``entries`` (M, p + 1, outputs · neurons, 2d - 1): the diagonals and then the
    off-diagonals of A_0 … A_p; the neurons of an output are adjacent. Initially A_0 is diagonal over [-1, 1],
    and all other matrices are zero.

    Examples
    --------
    >>> SumSpectral(n_features=3, dim=5, members=2)(torch.zeros(4, 3)).shape
    torch.Size([4])
    """

    def __init__(
        self,
        n_features: int,
        dim: int,
        k: SupportsIndex | None = None,
        *,
        members: int = 1,
        neurons: int = 16,
        outputs: int = 1,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        sizes = {"n_features": n_features, "dim": dim, "members": members, "neurons": neurons}
        sizes["outputs"] = outputs
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"expected {name} >= 1; got {value}")
        self.n_features, self.dim = n_features, dim
        self.members, self.neurons, self.outputs = members, neurons, outputs
        self.k = dim // 2 if k is None else check_index(k, dim)
        entries = torch.zeros(members, n_features + 1, outputs * neurons, 2 * dim - 1, dtype=dtype)
        entries[:, 0, :, :dim] = torch.linspace(-1, 1, dim) if dim > 1 else 0.0
        self.entries = nn.Parameter(entries)

    def forward(self, z: Tensor) -> Tensor:
        """Map features (..., p) to predictions (...), or (..., outputs) if there are several."""
        entries = self.entries.to(z.dtype)
        matrices = entries[:, 0] + torch.einsum("...p,mpne->...mne", z, entries[:, 1:])
        diag, off = matrices.split([self.dim, self.dim - 1], dim=-1)
        values = kth_eigenvalue(diag, off, self.k).unflatten(-1, (self.outputs, self.neurons))
        found = values.sum(dim=-1).mean(dim=-2)
        return found if self.outputs > 1 else found[..., 0]

    @torch.no_grad()
    def set_entries_(self, entries: FloatArray, scale: float = 1.0, shift: float = 0.0) -> None:
        """Set the coefficients for predictions ``scale · f + shift``, where f is the sum with ``entries``.

        Each neuron gets the same share of the shift: ``s λ_k(A) + c = λ_k(s A + c I)`` for s > 0.
        """
        scaled = scale * entries
        scaled[:, 0, :, : self.dim] += shift / self.neurons
        self.entries.copy_(torch.from_numpy(scaled))

    def functions(self) -> tuple[Total, ...]:
        """Return the coefficients of every output as a float64 sum of pencils."""
        entries = self.entries.detach().double().cpu().numpy()
        member = np.repeat(np.arange(self.members), self.neurons)
        weights = np.full(len(member), 1 / self.members)
        found = []
        for first in range(0, self.outputs * self.neurons, self.neurons):
            own = (
                entries[:, :, first : first + self.neurons]
                .swapaxes(1, 2)
                .reshape(len(member), -1, 2 * self.dim - 1)
            )
            pencils = [Pencil(rows[:, : self.dim], rows[:, self.dim :], self.k) for rows in own]
            found.append(Total(pencils, weights, member))
        return tuple(found)

    def extra_repr(self) -> str:
        """Return the sizes, for ``print``."""
        return (
            f"n_features={self.n_features}, dim={self.dim}, k={self.k}, members={self.members}, "
            f"neurons={self.neurons}, outputs={self.outputs}"
        )
