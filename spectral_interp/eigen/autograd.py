"""Torch entry points, differentiable by the formulas of first-order perturbation theory."""

from __future__ import annotations

from typing import Any, SupportsIndex

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .arrays import eigenpairs
from .checks import check_bands, check_index


class _Eigenpair(torch.autograd.Function):
    """With (λ, v) simple and ‖v‖ = 1: dλ = vᵀ dT v, so ∂λ/∂a_j = v_j² and ∂λ/∂b_j = 2 v_j v_{j+1}."""

    @staticmethod
    def forward(ctx: Any, diag: Tensor, off: Tensor, k: int) -> tuple[Tensor, Tensor]:
        values, vectors = map(torch.from_numpy, eigenpairs(diag.detach().numpy(), off.detach().numpy(), k))
        ctx.save_for_backward(vectors)
        ctx.mark_non_differentiable(vectors)
        return values, vectors

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_value: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None]:
        (v,) = ctx.saved_tensors
        g = grad_value.unsqueeze(-1)
        return g * v * v, 2 * g * v[..., :-1] * v[..., 1:], None


def kth_eigenpair(diag: Tensor, off: Tensor, k: SupportsIndex) -> tuple[Tensor, Tensor]:
    """Return the k-th smallest eigenvalue and eigenvector of each symmetric tridiagonal matrix.

    Parameters are those of :func:`kth_eigenvalue`.

    Examples
    --------
    >>> kth_eigenpair(torch.tensor([1.0, 3.0]), torch.tensor([0.0]), -1)
    (tensor(3.), tensor([0., 1.]))
    """
    check_bands(diag.shape, off.shape)
    return _Eigenpair.apply(diag, off, check_index(k, diag.shape[-1]))


def kth_eigenvalue(diag: Tensor, off: Tensor, k: SupportsIndex) -> Tensor:
    """Return the k-th smallest eigenvalue of each symmetric tridiagonal matrix, differentiable.

    Parameters
    ----------
    diag : Tensor, shape (..., d)
    off : Tensor, shape (..., d - 1)
    k : int

    Examples
    --------
    >>> diag = torch.tensor([2.0, 2.0], requires_grad=True)
    >>> kth_eigenvalue(diag, torch.tensor([1.0]), 0).backward()
    >>> diag.grad
    tensor([0.5000, 0.5000])
    """
    return kth_eigenpair(diag, off, k)[0]
