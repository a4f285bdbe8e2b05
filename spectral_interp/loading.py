"""The way back from ``model.pt`` to a fitted estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from . import artifact
from .baselines import Baseline
from .columns import NumericColumn
from .estimators import SpectralClassifier, SpectralRegressor
from .tables import TableEncoder


def load(
    path: str | Path, *, k: int | None = None, columns: list[str] | None = None
) -> SpectralRegressor | SpectralClassifier:
    """Load a fitted estimator from ``model.pt``.

    Parameters
    ----------
    path : str or Path
        A file that ``save`` wrote, or a bare state dict of the published tridiagonal module.
    k : int, optional
        Index of the eigenvalue, for a bare state dict only (which does not hold it).
    columns : list of str, optional
        Column names for a bare state dict, whose columns enter as they are; x0, x1, … if not given. Other
        models know their own names.

    Raises
    ------
    ValueError
        If the file is missing or not a model, or ``k`` or ``columns`` do not fit it.

    Examples
    --------
    >>> import tempfile
    >>> X = np.eye(20)
    >>> est = SpectralRegressor(dim=3, n_epochs=2, random_state=0).fit(X, np.arange(20.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     est.save(f"{folder}/model.pt")
    ...     bool((load(f"{folder}/model.pt").predict(X) == est.predict(X)).all())
    True
    """
    state = artifact.read(path)
    if "format" in state and k is not None:
        raise ValueError(f"expected k only for a bare state dict; got k={k} for {path}, which holds its own")
    try:
        return _from_state(state) if "format" in state else _from_published(state, path, k, columns)
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"expected an undamaged model in {path}; got one that cannot be rebuilt: {reason}"
        ) from error


def _from_state(state: dict[str, Any]) -> SpectralRegressor | SpectralClassifier:
    kind = {"regression": SpectralRegressor, "classification": SpectralClassifier}[state["task"]]
    est = kind(**state["parameters"])
    est.encoder_ = TableEncoder.from_state(state["encoder"])
    est.module_ = est.new_module(est.encoder_.column_of.size, 0)
    est.module_.load_state_dict(state["weights"])
    est.target_name_ = state["target"]
    if state["classes"] is not None:
        est.classes_ = np.array(state["classes"])
    est.background_ = artifact.unpack_table(state["background"])
    est.heldout_ = None if state["heldout"] is None else _unpack_rows(state["heldout"], state["target"])
    est.seed_ = state.get("seed", 0)
    est.baselines_ = state.get("baselines") and {
        name: Baseline.from_state(name, weights) for name, weights in state["baselines"].items()
    }
    est.history_ = [
        dict(zip(state["history"], row, strict=True)) for row in zip(*state["history"].values(), strict=True)
    ]
    est.fitted_params_ = est.get_params()
    _set_names(est, named=state["named"])
    return est


def _from_published(
    weights: dict[str, torch.Tensor], path: str | Path, k: int | None, columns: list[str] | None
) -> SpectralRegressor:
    dim, n_features = weights["diag.weight"].shape
    names = columns or [f"x{i}" for i in range(n_features)]
    if len(names) != n_features:
        raise ValueError(f"expected {n_features} columns, the inputs of {path}; got {len(names)}")
    est = SpectralRegressor(dim, k=k)
    est.encoder_ = TableEncoder(tuple(NumericColumn(name, 0.0, 1.0) for name in names))
    est.module_ = est.new_module(n_features, 0)
    est.module_.load_state_dict({key: weights[key] for key in sorted(artifact.PUBLISHED_KEYS)})
    est.target_name_ = "prediction"
    est.background_ = pd.DataFrame(np.zeros((1, n_features)), columns=names)
    est.heldout_, est.history_ = None, []
    est.seed_, est.baselines_, est.fitted_params_ = 0, None, est.get_params()
    _set_names(est, named=columns is not None)
    return est


def _set_names(est: SpectralRegressor | SpectralClassifier, *, named: bool) -> None:
    """Set what scikit-learn keeps of the training table; names only if the table had some."""
    if named:
        est.feature_names_in_ = np.array(est.encoder_.table_names, dtype=object)
    est.n_features_in_ = len(est.encoder_.table_names)


def _unpack_rows(state: dict[str, Any], target: str) -> tuple[pd.DataFrame, pd.Series]:
    return artifact.unpack_table(state["rows"]), artifact.unpack_table(state["targets"])["y"].rename(target)
