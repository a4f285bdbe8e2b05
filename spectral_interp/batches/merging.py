"""Merging of models that share an encoder: the mean of their members."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from .._common.messages import shown
from ..estimators.base import SpectralEstimator
from ..models.sums import SumSpectral
from ..training.partition import BACKGROUND_ROWS


def merge(models: Sequence[Any]) -> Any:
    """Return the sum of neurons with the members of several fitted sums.

    Its predictions and contributions are exactly the means of theirs; the spread over all members is the
    refit deviation. The models are fitted on the parts of a table, by ``fit(X, y, like=first)``, where first
    is a fit on one part or on a sample. Divide rows at random or by a hash: if parts are sorted by a column,
    each member sees only some of its values.

    Parameters
    ----------
    models : sequence of fitted SpectralRegressor or SpectralClassifier
        Models of the form "sum", with equal numbers of members and with the columns, knots, pairs and classes
        of the first.

    Returns
    -------
    estimator
        New estimator. Its background is drawn from those of the models with the seed of the first. It keeps
        the training history of the first model and the hashes of the training rows of all.

    Raises
    ------
    TypeError
        If one of the models is not a fitted estimator.
    ValueError
        If there are no models, or a model cannot be merged with the first; the message states the reason.

    Examples
    --------
    >>> from spectral_interp import SpectralRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    >>> one = SpectralRegressor(form="sum", members=1, random_state=0).fit(X[:30], y[:30])
    >>> other = SpectralRegressor(form="sum", members=1, random_state=1).fit(X[30:], y[30:], like=one)
    >>> both = merge([one, other])
    >>> bool(np.allclose(both.predict(X), (one.predict(X) + other.predict(X)) / 2, rtol=1e-12))
    True
    """
    models = list(models)
    if not models:
        raise ValueError("expected models to merge; got none")
    for place, model in enumerate(models):
        _check(model, models[0], place)
    first = models[0]
    found = copy.copy(first)
    found.module_ = _module([model.module_ for model in models])
    found.background_, found.background_of_ = _background(models)
    found.trained_on_ = _hashes(models)
    found.heldout_, found.baselines_ = None, None
    found.members = found.module_.members
    found.fitted_params_ = found.get_params()
    found.rungs_ = pd.DataFrame()
    found.made_by_ = first.made_by_ | {"training rows": sum(m.made_by_["training rows"] for m in models)}
    found.build_view()
    return found


def _check(model: Any, first: Any, place: int) -> None:
    """Raise TypeError or ValueError unless a model can be merged with the first."""
    if not isinstance(model, SpectralEstimator) or not hasattr(model, "module_"):
        raise TypeError(f"expected fitted estimators to merge; got {type(model).__name__} at index {place}")
    if model.form_ != "sum":
        raise ValueError(
            f"expected models of the form 'sum' to merge; got {model.form_!r} at index {place}: the mean of "
            "single neurons is not a single neuron"
        )
    module, of_first = model.module_, first.module_
    alike = {
        "columns": (model.encoder_.names, first.encoder_.names),
        "encoders (fit with like=models[0])": (model.encoder_, first.encoder_),
        "tasks": (type(model), type(first)),
        "classes": (_classes(model), _classes(first)),
        "targets": (model.target_name_, first.target_name_),
        "numbers of members": (module.members, of_first.members),
        "numbers of neurons": (module.neurons, of_first.neurons),
        "orders and indices": ((module.dim, module.k), (of_first.dim, of_first.k)),
        "promises": (model._promises, first._promises),
    }
    for what, (own, expected) in alike.items():
        if own != expected:
            raise ValueError(
                f"expected models of the same {what} to merge; got {shown(own)} at index {place} and "
                f"{shown(expected)} at index 0"
            )


def _classes(model: Any) -> list[Any]:
    return [model.classes_.tolist(), model.positive_] if hasattr(model, "classes_") else []


def _module(modules: Sequence[SumSpectral]) -> SumSpectral:
    """Return the module with the members of all models."""
    first = modules[0]
    entries = torch.cat([module.entries.detach().double() for module in modules])
    double = any(module.entries.dtype == torch.float64 for module in modules)
    found = SumSpectral(
        first.n_features,
        first.dim,
        first.k,
        members=len(entries),
        neurons=first.neurons,
        outputs=first.outputs,
        dtype=torch.float64 if double else torch.float32,
    )
    found.set_entries_(entries.numpy())
    return found


def _background(models: Sequence[Any]) -> tuple[pd.DataFrame, int | None]:
    """Return a sample of all background rows, of the usual size, and the number of rows it represents."""
    rows = pd.concat([model.background_ for model in models], ignore_index=True)
    size = min(len(rows), BACKGROUND_ROWS)
    chosen = np.sort(np.random.default_rng(models[0].seed_).choice(len(rows), size, replace=False))
    counts = [model.background_of_ for model in models]
    return rows.iloc[chosen].reset_index(drop=True), None if None in counts else sum(counts)


def _hashes(models: Sequence[Any]) -> Any:
    found = [model.trained_on_ for model in models]
    return None if any(one is None for one in found) else np.unique(np.concatenate(found))
