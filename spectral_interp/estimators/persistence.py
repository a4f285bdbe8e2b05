"""Conversion of a fitted estimator to the state in ``model.pt``, and back."""

from __future__ import annotations

import numbers
import reprlib
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from .._common.arrays import FloatArray
from .._common.text import counted, plain_label
from ..conversion.published import MIXTURE, from_state_dict
from ..files import artifact
from ..files.schema import MAX_WEIGHT
from ..models.network import Baseline
from ..models.sums import SumSpectral
from ..pencil import MatrixPencil
from ..tables.encoder import TableEncoder
from ..tables.frames import as_frame
from ..view import ClassesView, NumberAxis
from ..view.rows import labels_of
from .promises import check_certified, promised
from .single import new_module
from .validation import MOST_CLASSES, check_parameters, check_targets, plain

KINDS: dict[str, type[Any]] = {}
"""Estimators returned by :func:`load`, by task: regression or classification."""

MAX_CELLS = 2**25
"""Maximum number of features, or of entries of matrices, of all background rows together: 256 MiB."""


class Saved:
    """A fitted estimator that can be written to a file; :func:`load` returns its subclasses."""

    _task: str

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "_task" in vars(cls):
            KINDS.setdefault(cls._task, cls)

    def save(self, path: str | Path, *, heldout: tuple[Any, Any] | None = None) -> None:
        """Write the fitted model to ``path``.

        Parameters
        ----------
        path : str or Path
        heldout : (X, y), optional
            Rows that were not trained on, with their targets; ``analyze`` explains them.

        Raises
        ------
        OSError
            If the file cannot be written; an earlier file is kept.
        """
        check_is_fitted(self)
        artifact.write(path, _state(self, heldout))


def _state(est: Any, heldout: tuple[Any, Any] | None) -> dict[str, Any]:
    """Return the fitted estimator as tensors and plain values; :func:`_from_state` is the inverse."""
    held = est.heldout_ if heldout is None else heldout
    history, baselines = est.history_, est.baselines_
    return {
        "task": est._task,
        "parameters": {k: plain(v) for k, v in est.fitted_params_.items()},
        "weights": est.module_.state_dict(),
        "encoder": est.encoder_.state(),
        "target": est.target_name_,
        "named": hasattr(est, "feature_names_in_"),
        "classes": plain(est.classes_.tolist()) if hasattr(est, "classes_") else None,
        "background": pack_table(est.background_),
        "background_of": est.background_of_,
        "trained_on": None if est.trained_on_ is None else torch.from_numpy(est.trained_on_),
        "heldout": None if held is None else _pack_heldout(est, *held),
        "history": {key: [event[key] for event in history] for key in (history or [{}])[0]},
        "seed": est.seed_,
        "form": est.form_,
        "pairs": est.encoder_.pair_state(),
        "rungs": est.rungs_.to_dict("records"),
        "baselines": baselines and {name: baseline.state() for name, baseline in baselines.items()},
        "made_by": est.made_by_,
    }


def _pack_heldout(est: Any, X: Any, y: Any) -> dict[str, Any]:
    frame = est.encoder_.select(as_frame(X, est.encoder_.table_names))
    values = check_targets(frame, y, est.target_name_)
    est.encode_targets(values)
    tables = {"rows": pack_table(frame), "targets": pack_table(pd.DataFrame({"y": values}))}
    return {**tables, **_pack_labels(frame)}


def load(
    path: str | Path,
    *,
    k: int | None = None,
    columns: list[str] | None = None,
    couplings: str | None = None,
) -> Any:
    """Load a fitted estimator from ``model.pt``.

    Parameters
    ----------
    path : str or Path
        A file that ``save`` wrote, or a bare state dict of a published module with one eigenvalue: see
        :func:`spectral_interp.from_state_dict`, which also reads mixtures.
    k : int, optional
        Index of the eigenvalue, for a bare state dict only, which does not store it; ``dim // 2`` by default,
        as in the published modules.
    columns : list of str, optional
        Column names for a bare state dict, whose columns are not transformed; x0, x1, … by default. Other
        models store their own names.
    couplings : {"plain", "scaled"}, optional
        For a bare state dict of lower triangles: whether entries below the diagonal are used unchanged or
        divided by √2.

    Raises
    ------
    ValueError
        If the file is missing, not a model or damaged, or ``k``, ``columns`` or ``couplings`` do not fit it.
        A model that loads can be used: its parts fit together and its predictions are finite.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> from spectral_interp import SpectralRegressor, load
    >>> X = np.eye(20)
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0).fit(X, np.arange(20.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     est.save(f"{folder}/model.pt")
    ...     bool((load(f"{folder}/model.pt").predict(X) == est.predict(X)).all())
    True
    """
    state = artifact.read(path)
    if "format" not in state:
        return _from_published(_published(state, path, k, couplings), path, columns)
    if k is not None:
        raise ValueError(f"expected k only for a bare state dict; got k={k} for {path}, which holds its own")
    if couplings is not None:
        raise ValueError(f"expected couplings only for a bare state dict; got {couplings!r} for {path}")
    try:
        return _from_state(state)
    except (ValueError, TypeError, RuntimeError) as error:  # from parts that do not fit together
        raise artifact.damaged(path, artifact.MODEL, error) from error


def _from_state(state: dict[str, Any]) -> Any:
    est = KINDS[state["task"]](**({"form": "single"} | state["parameters"]))  # the form of version 1
    check_parameters(est)
    est.encoder_ = TableEncoder.from_state(state["encoder"], state.get("pairs", ()))
    est.form_, est.rungs_ = state.get("form", "single"), pd.DataFrame(state.get("rungs", ()))
    est.target_name_ = state["target"]
    _set_classes(est, state["classes"])
    est.module_ = _module(est, state["weights"])
    est.background_ = unpack_table(state["background"])
    est.heldout_ = None if state["heldout"] is None else _heldout(est, state["heldout"])
    est.seed_, est.made_by_ = state.get("seed", 0), dict(state["made_by"])
    est.background_of_ = state["background_of"] if "background_of" in state else _background_of(est)
    hashes = state.get("trained_on")
    est.trained_on_ = None if hashes is None else hashes.numpy()
    est.history_ = [
        dict(zip(state["history"], row, strict=True)) for row in zip(*state["history"].values(), strict=True)
    ]
    est.fitted_params_ = est.get_params()
    _set_names(est, named=state["named"])
    z = _view_background(est)
    _check_promises(est)
    est.baselines_ = state.get("baselines") and {
        name: _baseline(name, weights, z, est.n_outputs) for name, weights in state["baselines"].items()
    }
    return est


def _check_promises(est: Any) -> None:
    """Set the promises; ValueError unless the columns allow them and the matrices prove them."""
    axes, est._promises = promised(est, est.encoder_.axes)
    if axes != est.encoder_.axes:
        raise ValueError("expected promised dates without months, weekdays and hours; got some with them")
    check_certified(est.view(), est._promises)


def _background_of(est: Any) -> int | None:
    """Return the number of rows that the background of an older model file is a sample of, or None."""
    n = est.made_by_.get("training rows")
    return n - max(round(est.validation_fraction * n), 1) if isinstance(n, int) and n > 1 else None


def _module(est: Any, weights: dict[str, torch.Tensor]) -> Any:
    """Return the module with these weights; shapes are checked before memory is allocated."""
    features = len(est.encoder_.feature_names)
    with torch.device("meta"):
        module = new_module(est, features, 0) if est.form_ == "single" else _empty_sum(est, features, weights)
    expected, found = (
        {k: tuple(w.shape) for k, w in part.items()} for part in (module.state_dict(), weights)
    )
    if found != expected:
        raise ValueError(f"expected weights of the shapes {expected}; got {found}")
    kept = {name: weight.double() if est.form_ == "single" else weight for name, weight in weights.items()}
    module.load_state_dict(kept, assign=True)
    return module


def _empty_sum(est: Any, features: int, weights: dict[str, torch.Tensor]) -> SumSpectral:
    """Return a sum with the members, neurons and order of the weights."""
    if weights.keys() != {"entries"}:
        raise ValueError(f"expected the entries of a sum; got {', '.join(weights) or 'nothing'}")
    members, _, neurons, entries = weights["entries"].shape
    return SumSpectral(
        features,
        (entries + 1) // 2,
        members=members,
        neurons=neurons // est.n_outputs,
        outputs=est.n_outputs,
        dtype=weights["entries"].dtype,
    )


def _set_classes(est: Any, labels: list[Any] | None) -> None:
    """Set the classes of a classifier; a regressor has none."""
    if est._task == "regression" and labels is None:
        return
    if est._task == "classification" and labels is not None and 2 <= len(labels) <= MOST_CLASSES:
        est.classes_ = np.array(labels)
        if len({type(label) for label in labels}) == 1 and np.unique(est.classes_).size == len(labels):
            est.set_positive()
            return
    raise ValueError(
        f"expected 2 to {MOST_CLASSES} different labels for a classifier, none for a regressor; got "
        f"{reprlib.repr(labels)}"
    )


def _view_background(est: Any) -> FloatArray:
    """Build the view and return the inputs of its background (b, g); ValueError unless matrices are finite.

    The size of the background in features is checked before memory is allocated.
    """
    rows, features = est.background_, est.module_.n_features
    entries = sum(parameter.numel() for parameter in est.module_.parameters()) // (features + 1)
    cells = len(rows) * max(features, entries)
    if not 0 < cells <= MAX_CELLS:
        raise ValueError(
            f"expected background rows of at most {MAX_CELLS:,} features or matrix entries; got {cells:,}"
        )
    est.build_view()
    view = est.view()
    with np.errstate(over="ignore", invalid="ignore"):
        functions = view.functions if isinstance(view, ClassesView) else (view.function,)
        largest = max(np.abs(f.neurons.at(view.background)).max(initial=0.0) for f in functions)
    if not largest <= MAX_WEIGHT:
        raise ValueError(f"expected matrices within ±{MAX_WEIGHT:.4g} for the background; got {largest:.4g}")
    return view.inputs(view.background)


def _heldout(est: Any, state: dict[str, Any]) -> tuple[pd.DataFrame, pd.Series]:
    rows = est.encoder_.select(unpack_table(state["rows"]))
    targets = unpack_table(state["targets"])["y"].rename(est.target_name_)
    if len(rows) != len(targets):
        raise ValueError(f"expected a target for each of the {len(rows)} held-out rows; got {len(targets)}")
    est.encode_targets(targets.to_numpy())
    labels = state.get("labels")
    if labels is None:
        return rows, targets
    if len(labels) != len(rows):
        raise ValueError(f"expected a label for each of the {len(rows)} held-out rows; got {len(labels)}")
    values = labels.numpy() if isinstance(labels, torch.Tensor) else np.array(labels, dtype=object)
    index = pd.Index(values, name=state.get("label_name") or None)
    return rows.set_axis(index), targets.set_axis(index)


def _baseline(name: str, weights: dict[str, torch.Tensor], z: FloatArray, outputs: int) -> Baseline:
    """Return the baseline; ValueError unless it predicts finite numbers for the features z (n, p)."""
    baseline = Baseline.from_state(name, weights, outputs)
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(baseline.values(z)).all():
            raise ValueError(f"expected finite predictions of the baseline {name!r}; got NaN or infinity")
    return baseline


def _published(
    weights: dict[str, torch.Tensor], path: str | Path, k: int | None, couplings: str | None
) -> MatrixPencil:
    """Return the pencil of a bare state dict."""
    if MIXTURE in weights:
        raise ValueError(
            f"expected a model of one eigenvalue; got {path}, a mixture of several; read it with "
            "from_state_dict(path) and pass the result to explain, certify or linear_regions"
        )
    try:
        pencil: Any = from_state_dict(weights, k=0 if k is None else k, couplings=couplings)
    except ValueError as error:
        raise ValueError(f"{error}; the state dict is in {path}") from error
    return pencil if k is not None else replace(pencil, k=pencil.dim // 2)


def _from_published(pencil: MatrixPencil, path: str | Path, columns: list[str] | None) -> Any:
    """Return an estimator for plain numbers that predicts with a pencil."""
    n_features = pencil.n_features
    names = columns or [f"x{i}" for i in range(n_features)]
    if len(names) != n_features:
        raise ValueError(f"expected {counted(n_features, 'column')}, the inputs of {path}; got {len(names)}")
    structure = "dense" if pencil.structure == "dense" else "tridiagonal"
    est = KINDS["regression"](pencil.dim, structure=structure, form="single", k=pencil.k)
    est.form_, est.rungs_ = "single", pd.DataFrame()
    est.encoder_ = TableEncoder(tuple(NumberAxis(name) for name in names))
    est.module_ = _module(est, _weights_of(pencil))
    est.target_name_ = "prediction"
    est.background_ = pd.DataFrame(np.zeros((1, n_features)), columns=names)
    est.background_of_, est.trained_on_ = None, None
    est.heldout_, est.history_ = None, []
    est.seed_, est.baselines_, est.fitted_params_ = 0, None, est.get_params()
    est.made_by_, est._promises = {}, ()
    _set_names(est, named=columns is not None)
    est.build_view()
    return est


def _weights_of(pencil: MatrixPencil) -> dict[str, torch.Tensor]:
    """Return the state dict of the module with these matrices."""
    rest = "upper" if pencil.structure == "dense" else "off_diag"
    entries, d = torch.tensor(pencil.neurons.entries[:, 0]), pencil.dim
    weights: dict[str, torch.Tensor] = {}
    for name, part in (("diag", entries[:, :d]), (rest, entries[:, d:])):
        weights |= {f"{name}.weight": part[1:].T.contiguous(), f"{name}.bias": part[0].contiguous()}
    return weights


def _set_names(est: Any, *, named: bool) -> None:
    """Set scikit-learn's attributes of the training table; names only if the table had some."""
    if named:
        est.feature_names_in_ = np.array(est.encoder_.table_names, dtype=object)
    est.n_features_in_ = len(est.encoder_.table_names)


def pack_table(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a table as plain values: float64 tensors for numeric columns, lists for other columns."""
    return {str(name): _pack(frame[name]) for name in frame.columns}


def _pack_labels(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the labels of the rows, as integers or text; empty if they count from 0."""
    labels, name = labels_of(frame, len(frame))
    if not name and labels.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(frame))):
        return {}
    if labels.dtype.kind == "i":
        return {"labels": torch.tensor(labels.astype(np.int64)), "label_name": name}
    return {"labels": list(map(plain_label, labels)), "label_name": name}


def unpack_table(state: dict[str, Any]) -> pd.DataFrame:
    """Rebuild the table that :func:`pack_table` packed."""
    return pd.DataFrame({n: v.numpy() if isinstance(v, torch.Tensor) else v for n, v in state.items()})


def _pack(series: pd.Series) -> torch.Tensor | list[Any]:
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        return torch.tensor(series.to_numpy(dtype=np.float64))
    return [None if pd.isna(value) else _plain(value) for value in series.tolist()]


def _plain(value: Any) -> Any:
    """Return a value of a mixed column as a plain number or else as interned text."""
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return float(value) if isinstance(value, numbers.Real | Decimal) else sys.intern(str(value))
