"""Baselines of the spectral model: a linear model and an MLP with the same inputs, rows and loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.linear_model import LogisticRegression, Ridge
from torch import nn

from .._common.arrays import FloatArray
from ..eigen.engine import one_thread
from ..estimators.base import SpectralEstimator
from ..estimators.single import consume, going_on, options_of
from ..models.network import LINEAR, MLP, Baseline, network
from ..training.loop import epochs, mean_loss
from ..training.partition import Partition
from ..training.run import Run, TrainingRows
from ..training.stages import stop_early
from ..view import rows_of

HIDDEN = (64, 64)

MLP_LEARNING_RATE = 0.003

PENALTIES = np.logspace(-3, 3, 13)
"""Strengths of the linear model's penalty, from which the validation rows select."""


def fit_baselines(est: SpectralEstimator, X: Any, y: Any, sample_weight: Any = None) -> dict[str, Baseline]:
    """Fit a linear model and an MLP on the training table of ``est``, with its inputs, split and loss.

    The linear model is scikit-learn's ridge or logistic regression, multinomial for more than two classes.
    The validation rows select its penalty. The inputs of both models are the encoded columns before hat
    functions. The MLP has two hidden layers of 64 ReLUs. It is trained like a single neuron, with the
    estimator's settings for that form: weight decay, averaged weights, the best epoch on the validation rows
    and, on large tables, a last cycle on all rows; only its step size differs. To keep both with the model,
    set ``est.baselines_``; ``save`` then stores them.

    Parameters
    ----------
    est : SpectralRegressor or SpectralClassifier
        Fitted estimator.
    X : DataFrame or array_like, shape (n, columns)
        Training table of ``est``.
    y : array_like, shape (n,)
        Its targets.
    sample_weight : array_like, shape (n,), optional
        Its weights.

    Returns
    -------
    dict of Baseline
        The baselines "linear" and "MLP".

    Raises
    ------
    ValueError
        If the table does not fit the model, or all training rows are of one class.

    Examples
    --------
    >>> from spectral_interp import SpectralRegressor
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=5, random_state=0).fit(X, X[:, 0])
    >>> est.baselines_ = fit_baselines(est, X, X[:, 0])
    >>> bool(np.abs(est.baselines_["linear"].values(est.rows(X).inputs) - X[:, 0]).max() < 0.01)
    True
    """
    data = est.partition(X, y, sample_weight).with_features()
    with one_thread():
        return {LINEAR: _fit_linear(est, data), MLP: _fit_mlp(est, data)}


def evaluate_all(
    est: SpectralEstimator, X: Any, y: Any, sample_weight: Any = None
) -> dict[str, dict[str, float]]:
    """Return the weighted metrics of the spectral model and its baselines on the rows ``X``."""
    rows = rows_of(est, X)
    baselines = est.baselines_ or {}
    predictions = {"spectral": rows.prediction} | {
        name: b.values(rows.inputs) for name, b in baselines.items()
    }
    return {name: est.metrics(prediction, y, sample_weight) for name, prediction in predictions.items()}


def _fit_linear(est: SpectralEstimator, data: Partition) -> Baseline:
    train, classifier = TrainingRows(*data.train), is_classifier(est)
    if classifier and len(np.unique(train.y)) < 2:
        raise ValueError(
            "expected training rows of at least two classes for the baselines; got one class; add rows of "
            "another class or leave the baselines out"
        )
    fitted = []
    for strength in PENALTIES:
        model = LogisticRegression(C=1 / strength, max_iter=1000) if classifier else Ridge(alpha=strength)
        model.fit(train.z, train.y, sample_weight=train.weight)
        module = network([train.z.shape[1]], est.n_outputs)
        slopes, intercepts = _lines(model, est.n_outputs, len(train.y))
        module.load_state_dict({"0.weight": torch.from_numpy(slopes), "0.bias": torch.from_numpy(intercepts)})
        loss = mean_loss(_shaped(module), data.validation, est._loss)
        fitted.append((loss, module))
    return _finished(LINEAR, min(fitted, key=lambda pair: pair[0])[1], data)


def _lines(model: Any, outputs: int, rows: int) -> tuple[FloatArray, FloatArray]:
    """Return slopes (outputs, g) and intercepts (outputs,) of a fitted linear model.

    A class without a training row, for example because its only row is a validation row, has zero slopes. Its
    intercept is the lowest of the others minus the logarithm of the number of rows.
    """
    slopes, intercepts = np.reshape(model.coef_, (-1, model.n_features_in_)), np.ravel(model.intercept_)
    if outputs == 1:
        return slopes, intercepts
    if len(slopes) == 1:  # only two classes have rows
        slopes, intercepts = np.vstack([-slopes, slopes]) / 2, np.append(-intercepts, intercepts) / 2
    own = model.classes_.astype(np.intp)
    all_slopes = np.zeros((outputs, slopes.shape[1]))
    all_intercepts = np.full(outputs, intercepts.min() - np.log(rows))
    all_slopes[own], all_intercepts[own] = slopes, intercepts
    return all_slopes, all_intercepts


def _fit_mlp(est: SpectralEstimator, data: Partition) -> Baseline:
    module = network([data.table.shape[1], *HIDDEN], est.n_outputs, seed=est.seed_)
    options = replace(
        options_of(est, data.train, module),
        learning_rate=MLP_LEARNING_RATE,
        norm_penalty=0.0,
        provability=0.0,
    )
    generator = torch.Generator().manual_seed(est.seed_)
    run = Run.start(_shaped(module), options, n_rows=len(data.trained), generator=generator)
    events = stop_early(epochs(run, data.train, data.validation), run, patience=est.patience)
    consume(est, going_on(events, run, data), run)
    return _finished(MLP, module, data)


def _shaped(module: nn.Sequential) -> nn.Sequential:
    """Return the network with predictions shaped for training: (n,), or (n, classes) for several outputs."""
    last: Any = module[-1]
    return nn.Sequential(module, nn.Flatten(0)) if last.out_features == 1 else nn.Sequential(module)


@torch.no_grad()
def _finished(name: str, module: nn.Sequential, data: Partition) -> Baseline:
    """Return the baseline with the target's scale folded into the last layer."""
    weights = {key: weight.clone() for key, weight in module.state_dict().items()}
    last = len(module) - 1
    weights[f"{last}.weight"] *= data.scale
    weights[f"{last}.bias"] *= data.scale
    weights[f"{last}.bias"] += data.center
    return Baseline.from_state(name, weights, len(weights[f"{last}.bias"]))
