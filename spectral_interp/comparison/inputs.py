"""Features from inputs in torch, for explainers that need gradients by the inputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..view import ModelView


class FromInputs(nn.Module):
    """Map inputs (n, g) to the features (n, p) of a view, like :meth:`ModelView.from_inputs`.

    Derivatives at a knot are those on its right.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> from spectral_interp.view import view_of
    >>> view = view_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0))
    >>> FromInputs(view)(torch.tensor([[3.0]]))
    tensor([[3.]])
    """

    def __init__(self, view: ModelView) -> None:
        super().__init__()
        self.counts = [axis.n_features for axis in view.plain_axes]
        self.knots, self.pairs = [axis.knots for axis in view.axes], view.pairs

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (n, g) to features (n, p)."""
        blocks = x.split(self.counts, dim=1)
        first = [block[:, 0] for block in blocks]
        own = [
            torch.cat([hats(u, knots), block[:, 1:]], dim=1) if knots else block
            for u, block, knots in zip(first, blocks, self.knots, strict=True)
        ]
        shared = [
            hats((first[pair.first] + pair.sign * first[pair.second] - pair.mean) / pair.scale, pair.knots)
            for pair in self.pairs
        ]
        return torch.cat([*own, *shared], dim=1)


def hats(u: Tensor, knots: Sequence[float]) -> Tensor:
    """Return the hat functions of K knots at coordinates (m,), shape (m, K), differentiable.

    Examples
    --------
    >>> hats(torch.tensor([0.5, 3.0]), [0.0, 1.0, 2.0])
    tensor([[ 0.5000,  0.5000,  0.0000],
            [ 0.0000, -1.0000,  2.0000]])
    """
    at = torch.tensor(knots, dtype=u.dtype)
    place = (torch.searchsorted(at, u.detach().contiguous(), right=True) - 1).clamp(0, len(at) - 2)
    share = ((u - at[place]) / (at[place + 1] - at[place]))[:, None]
    first, second = (functional.one_hot(place + step, len(at)) for step in (0, 1))
    return (1 - share) * first + share * second
