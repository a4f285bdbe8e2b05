"""What the spectral model is compared with: a linear model and an MLP on the same features, rows and loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from torch import Tensor, nn

from . import training
from .eigen.checks import FloatArray
from .estimators import SpectralClassifier, SpectralRegressor
from .partition import Partition

LINEAR, MLP = "linear", "MLP"
HIDDEN = (64, 64)
MLP_LEARNING_RATE = 0.003
PENALTIES = np.logspace(-3, 3, 13)
"""Strengths of the linear model's penalty, per training row; the validation rows choose."""

TOGETHER = 4096  # rows that go through a network at once: its activations stay in the cache


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted network of linear layers and ReLU, in the unit of the spectral model beside it.

    Attributes
    ----------
    name : str
        "linear" (no hidden layer) or "MLP".
    module : Sequential
        Maps float64 features (n, p) to predictions (n, 1).

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
        """Return predictions at encoded rows ``z`` (n, p): shape (n,), in the target's unit or log-odds."""
        rows = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float64))
        return np.concatenate([self.module(part)[:, 0].numpy() for part in rows.split(TOGETHER)])

    def state(self) -> dict[str, Tensor]:
        """Return its weights, from which :meth:`from_state` builds it."""
        return {name: weight.clone() for name, weight in self.module.state_dict().items()}

    @classmethod
    def from_state(cls, name: str, weights: dict[str, Tensor]) -> Self:
        """Rebuild a baseline from its :meth:`state`; the weights tell how wide its layers are.

        Raises
        ------
        ValueError
            If the weights are not those of linear layers that follow each other.
        """
        later = [key for key in weights if key.endswith("weight") and key != "0.weight"]
        widths = [weights[key].shape[-1] for key in ("0.weight", *later) if key in weights]
        expected: dict[str, tuple[int, ...]] = {}
        for layer, (inputs, outputs) in enumerate(pairwise([*widths, 1])):
            expected |= {f"{2 * layer}.weight": (outputs, inputs), f"{2 * layer}.bias": (outputs,)}
        found = {key: tuple(weight.shape) for key, weight in weights.items()}
        if not widths or found != expected:
            raise ValueError(
                f"expected layers of the shapes {expected} in the baseline {name!r}; got {found}"
            )
        module = network(widths)
        module.load_state_dict(weights)
        return cls(name, module.requires_grad_(False))


def fit_baselines(est: SpectralRegressor | SpectralClassifier, X: Any, y: Any) -> dict[str, Baseline]:
    """Fit a linear model and an MLP on the table that ``est`` was fitted on: same features, split and loss.

    The linear model is scikit-learn's ridge or logistic regression; the validation rows choose its penalty.
    The MLP has two hidden layers of 64 ReLUs and is trained as the spectral model is, with weight decay, the
    averaged weights and the best epoch on the validation rows; only its step size is its own. Every row
    counts once, also where ``est`` was fitted with weights. To keep both with the model, set
    ``est.baselines_``; ``save`` then stores them.

    Parameters
    ----------
    est : SpectralRegressor or SpectralClassifier
        Fitted.
    X : DataFrame or array_like, shape (n, columns)
    y : array_like, shape (n,)

    Returns
    -------
    dict of Baseline
        Under "linear" and "MLP".

    Raises
    ------
    ValueError
        If the table does not fit the model, or its training rows are all of one class.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> est = SpectralRegressor(dim=3, n_epochs=5, random_state=0).fit(X, X[:, 0])
    >>> est.baselines_ = fit_baselines(est, X, X[:, 0])
    >>> bool(np.abs(est.baselines_["linear"].values(est.encode(X)) - X[:, 0]).max() < 0.01)
    True
    """
    data = est.partition(X, y)
    return {LINEAR: _fit_linear(est, data), MLP: _fit_mlp(est, data)}


def evaluate_all(est: SpectralRegressor | SpectralClassifier, X: Any, y: Any) -> dict[str, dict[str, float]]:
    """Return the metrics of the spectral model and of its baselines on the rows ``X``."""
    z = est.encode(X)
    baselines = est.baselines_ or {}
    predictions = {"spectral": est.pencil_.values(z)} | {name: b.values(z) for name, b in baselines.items()}
    return {name: est.metrics(prediction, y) for name, prediction in predictions.items()}


def network(widths: list[int], *, seed: int = 0) -> nn.Sequential:
    """Return linear layers with so many inputs each and ReLU between them, one output, float64.

    Weights and biases are uniform within ±1/√inputs, torch's own rule, from a generator of their own.
    """
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, [*widths[1:], 1], strict=True):
        layer = nn.utils.skip_init(nn.Linear, inputs, outputs, dtype=torch.float64)
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -(inputs**-0.5), inputs**-0.5, generator=generator)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _fit_linear(est: SpectralRegressor | SpectralClassifier, data: Partition) -> Baseline:
    train, classifier = data.train, isinstance(est, SpectralClassifier)
    if classifier and len(np.unique(train.y)) < 2:
        raise ValueError(
            "expected rows of both classes to fit the baselines on; got one class; add rows of the other "
            "or leave the baselines out"
        )
    fitted = []
    for strength in PENALTIES:
        model = LogisticRegression(C=1 / strength, max_iter=1000) if classifier else Ridge(alpha=strength)
        model.fit(train.z, train.y, sample_weight=train.weight)
        module = network([train.z.shape[1]])
        weights = {
            "0.weight": torch.from_numpy(model.coef_.reshape(1, -1)),
            "0.bias": torch.from_numpy(np.reshape(model.intercept_, 1)),
        }
        module.load_state_dict(weights)
        loss = training.mean_loss(_flat(module), data.validation, est.options(data).loss)
        fitted.append((loss, module))
    return _finished(LINEAR, min(fitted, key=lambda pair: pair[0])[1], data)


def _fit_mlp(est: SpectralRegressor | SpectralClassifier, data: Partition) -> Baseline:
    module = network([data.table.z.shape[1], *HIDDEN], seed=est.seed_)
    options = replace(est.options(data), learning_rate=MLP_LEARNING_RATE, norm_penalty=0.0)
    generator = torch.Generator().manual_seed(est.seed_)
    run = training.Run.start(_flat(module), options, n_rows=len(data.trained), generator=generator)
    events = training.epochs(run, data.train, data.validation)
    est.consume(training.stop_early(events, run, patience=est.patience), run)
    return _finished(MLP, module, data)


def _flat(module: nn.Sequential) -> nn.Sequential:
    """Return the network with predictions of shape (n,), as training wants them."""
    return nn.Sequential(module, nn.Flatten(0))


@torch.no_grad()
def _finished(name: str, module: nn.Sequential, data: Partition) -> Baseline:
    """Fold the target's scale into the last layer."""
    weights = {key: weight.clone() for key, weight in module.state_dict().items()}
    last = len(module) - 1
    weights[f"{last}.weight"] *= data.scale
    weights[f"{last}.bias"] *= data.scale
    weights[f"{last}.bias"] += data.center
    return Baseline.from_state(name, weights)
