"""Networks of linear layers and ReLU: the baselines of a spectral model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from .._common.arrays import FloatArray

LINEAR, MLP = "linear", "MLP"

TOGETHER = 4096  # rows per pass through a network; its activations stay in the cache


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted network of linear layers and ReLU, in the unit of the spectral model.

    Attributes
    ----------
    name : str
        "linear" (no hidden layer) or "MLP".
    module : Sequential
        Maps float64 inputs (n, g) to predictions (n, 1), or to scores (n, classes) for more than two classes.

    Examples
    --------
    >>> weights = {"0.weight": torch.tensor([[2.0, -1.0]]), "0.bias": torch.tensor([5.0])}
    >>> Baseline.from_state("linear", weights).values(np.array([[1.0, 3.0]]))
    array([4.])
    """

    name: str
    module: nn.Sequential

    @torch.no_grad()
    def values(self, z: FloatArray) -> FloatArray:
        """Return predictions at inputs ``z`` (n, g): shape (n,), in the target's unit or log-odds.

        With more than two classes, they are scores minus their mean over the classes, shape (n, classes).
        """
        rows = torch.from_numpy(np.require(z, np.float64, ["C", "W"]))
        found: FloatArray = np.concatenate([self.module(part).numpy() for part in rows.split(TOGETHER)])
        return found[:, 0] if found.shape[1] == 1 else found - found.mean(axis=1, keepdims=True)

    def of(self, weights: FloatArray) -> Self:
        """Return the baseline whose only output is the sum of these outputs with weights (outputs,).

        Examples
        --------
        >>> weights = {"0.weight": torch.tensor([[2.0], [5.0]]), "0.bias": torch.tensor([1.0, 0.0])}
        >>> both = Baseline.from_state("linear", weights, outputs=2)
        >>> both.of(np.array([-1.0, 1.0])).values(np.array([[1.0], [2.0]]))
        array([2., 5.])
        """
        state, last = self.state(), len(self.module) - 1
        combine = torch.from_numpy(np.asarray(weights, dtype=np.float64)[None])
        state[f"{last}.weight"] = combine @ state[f"{last}.weight"].double()
        state[f"{last}.bias"] = combine @ state[f"{last}.bias"].double()
        return type(self).from_state(self.name, state)

    def state(self) -> dict[str, Tensor]:
        """Return the weights, from which :meth:`from_state` rebuilds the baseline."""
        return {name: weight.clone() for name, weight in self.module.state_dict().items()}

    @classmethod
    def from_state(cls, name: str, weights: dict[str, Tensor], outputs: int = 1) -> Self:
        """Rebuild a baseline from its :meth:`state`; the weights determine the widths of its hidden layers.

        Raises
        ------
        ValueError
            If the weights are not those of consecutive linear layers.
        """
        later = [key for key in weights if key.endswith("weight") and key != "0.weight"]
        widths = [weights[key].shape[-1] for key in ("0.weight", *later) if key in weights]
        expected: dict[str, tuple[int, ...]] = {}
        for layer, (wide, out) in enumerate(pairwise([*widths, outputs])):
            expected |= {f"{2 * layer}.weight": (out, wide), f"{2 * layer}.bias": (out,)}
        found = {key: tuple(weight.shape) for key, weight in weights.items()}
        if not widths or found != expected:
            raise ValueError(
                f"expected layers of the shapes {expected} in the baseline {name!r}; got {found}"
            )
        module = network(widths, outputs)
        module.load_state_dict(weights)
        return cls(name, module.requires_grad_(False))


def network(widths: list[int], outputs: int = 1, *, seed: int = 0) -> nn.Sequential:
    """Return linear layers with the given numbers of inputs and ReLU between them, in float64.

    Weights and biases are uniform within ±1/√inputs, as in torch, and drawn from a generator of their own.
    """
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, out in zip(widths, [*widths[1:], outputs], strict=True):
        layer = nn.utils.skip_init(nn.Linear, inputs, out, dtype=torch.float64)
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -(inputs**-0.5), inputs**-0.5, generator=generator)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
