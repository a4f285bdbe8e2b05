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
from .eigen.checks import FloatArray
from .estimators import SpectralClassifier, SpectralRegressor
from .schema import MAX_WEIGHT
from .tables import TableEncoder

MAX_CELLS = 2**25
"""Features, or entries of matrices, of all background rows together: 256 MiB."""


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
        If the file is missing, not a model or damaged, or ``k`` or ``columns`` do not fit it. A model that
        loads can be used: its parts fit together and its predictions are finite.
    OSError
        If the file cannot be opened.

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
    if "format" not in state:
        return _from_published(state, path, k, columns)
    try:
        return _from_state(state)
    except (ValueError, TypeError, RuntimeError) as error:  # what parts raise that do not fit together
        raise artifact.damaged(path, artifact.MODEL, error) from error


def _from_state(state: dict[str, Any]) -> SpectralRegressor | SpectralClassifier:
    kind = {"regression": SpectralRegressor, "classification": SpectralClassifier}[state["task"]]
    est = kind(**state["parameters"])
    est.check_parameters()
    est.encoder_ = TableEncoder.from_state(state["encoder"])
    est.module_ = _module(est, state["weights"])
    est.target_name_ = state["target"]
    _set_classes(est, state["classes"])
    est.background_ = artifact.unpack_table(state["background"])
    z = _background_features(est)
    est.heldout_ = None if state["heldout"] is None else _heldout(est, state["heldout"])
    est.seed_ = state.get("seed", 0)
    est.baselines_ = state.get("baselines") and {
        name: _baseline(name, weights, z) for name, weights in state["baselines"].items()
    }
    est.history_ = [
        dict(zip(state["history"], row, strict=True)) for row in zip(*state["history"].values(), strict=True)
    ]
    est.fitted_params_, est.made_by_ = est.get_params(), dict(state["made_by"])
    _set_names(est, named=state["named"])
    return est


def _module(est: SpectralRegressor | SpectralClassifier, weights: dict[str, torch.Tensor]) -> Any:
    """Return the module with these weights; that they fit is known before memory is taken."""
    with torch.device("meta"):
        module = est.new_module(est.encoder_.column_of.size, 0)
    expected, found = (
        {k: tuple(w.shape) for k, w in part.items()} for part in (module.state_dict(), weights)
    )
    if found != expected:
        raise ValueError(f"expected weights of the shapes {expected}; got {found}")
    module.load_state_dict({name: weight.double() for name, weight in weights.items()}, assign=True)
    return module


def _set_classes(est: SpectralRegressor | SpectralClassifier, labels: list[Any] | None) -> None:
    """Set the two classes of a classifier; a regressor has none."""
    if isinstance(est, SpectralRegressor) and labels is None:
        return
    if isinstance(est, SpectralClassifier) and labels is not None and len(labels) == 2:
        est.classes_ = np.array(labels)
        if len({type(label) for label in labels}) == 1 and np.unique(est.classes_).size == 2:
            return
    raise ValueError(f"expected two different labels for a classifier, none for a regressor; got {labels}")


def _background_features(est: SpectralRegressor | SpectralClassifier) -> FloatArray:
    """Return the background, encoded (n, p); ValueError unless it has rows and their matrices are finite."""
    rows, layers = est.background_, list(est.module_.children())
    entries = sum(layer.bias.numel() for layer in layers)
    cells = len(rows) * max(est.module_.n_features, entries)
    if not 0 < cells <= MAX_CELLS:
        raise ValueError(
            f"expected background rows of at most {MAX_CELLS:,} features or matrix entries; got {cells:,}"
        )
    z = est.encode(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        largest = max(np.abs(layer.rows(z)).max(initial=0.0) for layer in layers)
    if not largest <= MAX_WEIGHT:
        raise ValueError(f"expected matrices within ±{MAX_WEIGHT:.4g} for the background; got {largest:.4g}")
    return z


def _heldout(
    est: SpectralRegressor | SpectralClassifier, state: dict[str, Any]
) -> tuple[pd.DataFrame, pd.Series]:
    rows = est.encoder_.select(artifact.unpack_table(state["rows"]))
    targets = artifact.unpack_table(state["targets"])["y"].rename(est.target_name_)
    if len(rows) != len(targets):
        raise ValueError(f"expected a target for each of the {len(rows)} held-out rows; got {len(targets)}")
    est.encode_targets(targets.to_numpy())
    return rows, targets


def _baseline(name: str, weights: dict[str, torch.Tensor], z: FloatArray) -> Baseline:
    """Return the baseline; ValueError unless it predicts finite numbers for the features z (n, p)."""
    baseline = Baseline.from_state(name, weights)
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(baseline.values(z)).all():
            raise ValueError(f"expected finite predictions of the baseline {name!r}; got others")
    return baseline


def _from_published(
    weights: dict[str, torch.Tensor], path: str | Path, k: int | None, columns: list[str] | None
) -> SpectralRegressor:
    dim, n_features = weights["diag.weight"].shape
    names = columns or [f"x{i}" for i in range(n_features)]
    if len(names) != n_features:
        raise ValueError(f"expected {n_features} columns, the inputs of {path}; got {len(names)}")
    est = SpectralRegressor(dim, k=k)
    est.encoder_ = TableEncoder(tuple(NumericColumn(name, 0.0, 1.0) for name in names))
    est.module_ = _module(est, {key: weights[key] for key in sorted(artifact.PUBLISHED_KEYS)})
    est.target_name_ = "prediction"
    est.background_ = pd.DataFrame(np.zeros((1, n_features)), columns=names)
    est.heldout_, est.history_ = None, []
    est.seed_, est.baselines_, est.fitted_params_ = 0, None, est.get_params()
    est.made_by_ = {}
    _set_names(est, named=columns is not None)
    return est


def _set_names(est: SpectralRegressor | SpectralClassifier, *, named: bool) -> None:
    """Set what scikit-learn keeps of the training table; names only if the table had some."""
    if named:
        est.feature_names_in_ = np.array(est.encoder_.table_names, dtype=object)
    est.n_features_in_ = len(est.encoder_.table_names)
