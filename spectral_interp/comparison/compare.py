"""Comparison of the spectral model, a linear model and an MLP, and of all explainers that run on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from .._common.caching import cached_property
from .._common.markup import block, sentences, table
from .._common.text import counted
from ..attribution.explain import METHODS
from ..attribution.result import Attribution
from ..attribution.shapley import MOST_PLAYERS
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..models.network import LINEAR, MLP, Baseline
from ..view import Rows, output_rows, rows_of
from .agreement import Key, agreement, agreement_table
from .baselines import fit_baselines
from .disputes import Dispute, disputes
from .explainers import SPECTRAL, explained_models, orders_of
from .study import OK, Study, affordable

COMPARED_BACKGROUND = 25

MORE = "all explainers would take long on more rows; set max_rows, or --compare-rows of analyze, for more"

SHAP_METHODS = ("SHAP Exact", "SHAP Permutation", "SHAP Kernel")
"""SHAP's explainers for any model, the most accurate first."""

REPRESENTATIVES = {
    SPECTRAL: ("shapley", "path", "local"),
    LINEAR: ("SHAP Linear",),
    MLP: ("SHAP Exact", "SHAP Permutation", "SHAP Deep", "SHAP Gradient"),
}
"""Model → methods that can represent it if one per model is shown; the first successful one is used."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Result of :func:`compare`.

    Attributes
    ----------
    accuracy : DataFrame
        One line per model: its metrics on the rows, "rows", and "unit" of the predictions. Empty without
        targets.
    agreement : DataFrame
        One line per pair of (model, method): "model_a", "method_a", "model_b", "method_b", "within" (same
        model), and from −1 or 0 to 1 "spearman", "pearson", "sign", "top3", "ranking" (see
        :func:`spectral_interp.comparison.agreement.agreement_table`).
    faithfulness : DataFrame
        One line per (model, method). "completeness_gap": the largest over the rows, in "unit";
        "completeness_gap_relative": as a share of the predictions' spread. "deletion" (lower is better) and
        "insertion" (higher is better): areas under the curves, with "random_deletion" and "random_insertion"
        for comparison. "infidelity": a share of the predictions' variance. "sensitivity": relative. Lower is
        better for both. "status": "ok", "failed: reason" or "left out: reason"; in the latter cases numbers
        are NaN.
    cost : DataFrame
        One line per (model, method): "gini" (concentration), "ms_per_row", "evaluations_per_row" (model
        evaluations, with or without a gradient), "rows" (explained), "players" (units that get a
        contribution), "status".
    curves : DataFrame
        One line per (model, method, share of the columns): "deletion" and "insertion"; the method "random"
        is the mean over random orders.
    attributions : dict of (model, method) to Attribution
    rows : ndarray, shape (n,)
        The user's labels of the explained rows.
    disputed : list of Dispute
        The two most disputed rows between the representatives of the models, with reasons.
    notes : tuple of str
        Omissions and warnings of the explainers.
    unit : str
        Unit of the predictions.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=5, random_state=0).fit(X, X[:, 0])
    >>> costs = compare(est, X, max_rows=3).cost.set_index("method")
    >>> float(costs.loc["local", "evaluations_per_row"])
    1.0
    """

    accuracy: pd.DataFrame
    agreement: pd.DataFrame
    faithfulness: pd.DataFrame
    cost: pd.DataFrame
    curves: pd.DataFrame
    attributions: dict[Key, Attribution]
    rows: npt.NDArray[Any]
    disputed: list[Dispute]
    notes: tuple[str, ...]
    unit: str

    @cached_property
    def representatives(self) -> dict[Key, Attribution]:
        """One attribution per model: Shapley values of the same columns and background, if available."""
        return representatives(self.attributions)

    def _repr_html_(self) -> str:
        shown = {*(self.representatives if len(self.representatives) > 1 else self.attributions)}
        ends = self.agreement[["model_a", "method_a", "model_b", "method_b"]].itertuples(index=False)
        pairs = self.agreement[[{line[:2], line[2:]} <= shown for line in map(tuple, ends)]]
        return block(
            sentences(f"Accuracy{'' if len(self.accuracy) else ' is unknown because there are no targets'}."),
            _shown(self.accuracy),
            sentences(f"Agreement of contributions at {counted(len(self.rows), 'row')}; 1 is complete."),
            _shown(pairs.drop(columns="within")),
            sentences(*(dispute.reason for dispute in self.disputed)),
        )

    def summary(self) -> dict[str, Any]:
        """Return a summary of the models, and of the methods on the spectral model, as plain values."""
        metric = self.accuracy.columns[1] if len(self.accuracy) else None
        keys = ["model", "method"]
        table = self.faithfulness.merge(self.cost[[*keys, "ms_per_row"]], on=keys)
        table = table[(table["model"] == SPECTRAL) & (table["status"] == OK)]
        methods = pd.DataFrame(
            {
                "milliseconds_per_row": table["ms_per_row"],
                "completeness_gap_relative": table["completeness_gap_relative"],
                "gain_over_random_deletion": table["random_deletion"] - table["deletion"],
            }
        ).set_axis(table["method"])
        return {
            "rows": len(self.rows),
            "metric": metric,
            "accuracy": {} if metric is None else self.accuracy.set_index("model")[metric].to_dict(),
            "methods": methods.to_dict("index"),
            "shap": self._against_shap(),
            "models": self._against_models(),
            "disputed": [dispute.reason for dispute in self.disputed],
            "notes": list(self.notes),
        }

    def _against_shap(self) -> dict[str, Any] | None:
        """Return rank correlation and largest difference of our methods and SHAP on the spectral model."""
        reference = next((m for m in SHAP_METHODS if (SPECTRAL, m) in self.attributions), None)
        if reference is None:
            return None
        theirs = self.attributions[SPECTRAL, reference]
        methods = {}
        for method in METHODS:
            if (SPECTRAL, method) in self.attributions:
                ours = self.attributions[SPECTRAL, method]
                difference = np.abs(ours.values - theirs.values).mean(axis=0)
                column = int(difference.argmax())
                methods[method] = {
                    "spearman": agreement(ours, theirs)["spearman"],
                    "column": ours.columns[column],
                    "mean_abs_difference": float(difference[column]),
                    "mean_abs_contribution": float(np.abs(ours.values[:, column]).mean()),
                    "mean_abs_contribution_shap": float(np.abs(theirs.values[:, column]).mean()),
                }
        return {"method": reference, "methods": methods}

    def _against_models(self) -> dict[str, float]:
        """Return the rank correlation of each other model's explanations with the spectral model's."""
        ours = next((a for (model, _), a in self.representatives.items() if model == SPECTRAL), None)
        return {
            model: agreement(ours, theirs)["spearman"]
            for (model, _), theirs in self.representatives.items()
            if ours is not None and model != SPECTRAL
        }


def _shown(found: pd.DataFrame) -> str:
    """Return the first lines of a table as HTML; empty if it has no lines."""
    lines = found.itertuples(index=False, name=None)
    return table(list(map(str, found.columns)), lines, len(found)) if len(found) else ""


def compare(
    est: SpectralRegressor | SpectralClassifier,
    X: Any,
    y: Any = None,
    *,
    train: tuple[Any, Any] | None = None,
    output: Any = None,
    against: Any = None,
    max_rows: int | None = None,
    random_state: int = 0,
) -> Comparison:
    """Compare a fitted model with a linear model and an MLP, and its attributions with SHAP's and Captum's.

    All methods explain the same rows in the same unit (log-odds for classifiers) against the same background,
    25 rows of the model's background. If an explainer raises an error or would need more than 2²⁵ model
    evaluations, only its own line is affected. The default number of rows follows from their work, which is
    counted and not timed; a note states it.

    Parameters
    ----------
    est : SpectralRegressor or SpectralClassifier
        Fitted estimator. Its ``baselines_`` are compared. If it has none, they are fitted on ``train``.
    X : DataFrame or array_like, shape (n, columns)
        Rows to explain and to measure accuracy on, preferably held out.
    y : array_like, shape (n,), optional
        Their targets. Without them accuracy is left out.
    train : (X, y), optional
        The training table, on which baselines are fitted if the estimator has none. Without both, only the
        spectral model is compared.
    output, against : label, optional
        The class to explain, and the class that its log-odds are measured against, as in
        :func:`spectral_interp.explain`. A model of more than two classes needs ``output``. Accuracy always
        counts all classes.
    max_rows : int, optional
        Maximum number of explained rows, drawn with ``random_state``. The default is what takes about ten
        seconds, between 20 and 200 rows. By default, explainers of SHAP and Captum are left out if they alone
        would take twice as long.
    random_state : int
        Seed of that draw, of sampling explainers and of the perturbations in the metrics.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError
        If ``est`` is not a spectral estimator.
    ValueError
        If X or y do not fit the model, if there is no row to explain, or if ``output`` or ``against`` is not
        a class of the model.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=5, random_state=0).fit(X, X[:, 0])
    >>> found = compare(est, X, X[:, 0], max_rows=3)
    >>> found.accuracy["model"].tolist(), found.notes[0]
    (['spectral'], 'linear model and MLP left out: the model has none; pass train=(X, y) to fit them')
    """
    if not isinstance(est, SpectralRegressor | SpectralClassifier):
        raise TypeError(
            f"expected a fitted spectral estimator; got {type(est).__name__}; for a pipeline or a search, "
            "pass the spectral model inside and its transformed rows"
        )
    if max_rows is not None and max_rows < 1:
        raise ValueError(f"expected max_rows >= 1; got {max_rows}")
    notes: list[str] = []
    every = rows_of(est, X)
    whole = output_rows(est, every, output, against)
    if not len(whole):
        raise ValueError("expected at least one row to explain; got none")
    baselines = _baselines(est, train, notes)
    models = explained_models(est, baselines, output, against)
    accuracy = _accuracy(est, baselines or {}, every, y, notes)
    reference = whole.view.background[:COMPARED_BACKGROUND]
    most, too_dear = affordable(models, len(whole.view.axes), len(reference))
    if max_rows is not None:
        most, too_dear = max_rows, {}
    rows = whole.take(np.sort(np.random.default_rng(random_state).permutation(len(whole))[:most]))
    _note_rows(len(rows), len(whole), max_rows, notes)
    _note_columns(rows, orders_of(models[0], len(whole.view.axes), len(reference)), notes)
    study = Study(rows, reference, random_state, notes, too_dear)
    with threadpool_limits(1):  # threads slow down small models and make times vary
        study.run(models)
    association = whole.view.association(whole.view.background)
    return Comparison(
        accuracy=accuracy,
        agreement=agreement_table(study.attributions),
        faithfulness=pd.DataFrame(study.faithfulness),
        cost=pd.DataFrame(study.cost),
        curves=pd.DataFrame(study.curves),
        attributions=study.attributions,
        rows=rows.labels,
        disputed=disputes(_disputants(study.attributions), association),
        notes=tuple(dict.fromkeys(notes)),
        unit=rows.view.output.unit,
    )


def _baselines(
    est: SpectralRegressor | SpectralClassifier, train: tuple[Any, Any] | None, notes: list[str]
) -> dict[str, Baseline] | None:
    if est.baselines_ is None and train is None:
        notes.append("linear model and MLP left out: the model has none; pass train=(X, y) to fit them")
    elif "baselines" in est.made_by_:
        notes.append(f"linear model and MLP {est.made_by_['baselines']}: their accuracy is not held out")
    return fit_baselines(est, *train) if est.baselines_ is None and train is not None else est.baselines_


def _accuracy(
    est: SpectralRegressor | SpectralClassifier,
    baselines: dict[str, Baseline],
    rows: Rows,
    y: Any,
    notes: list[str],
) -> pd.DataFrame:
    """Return one line of metrics per model, or no lines if fewer than two rows have a target."""
    n = len(rows)
    targets = np.asarray([None] * n if y is None else y)
    if targets.shape != (n,):
        raise ValueError(f"expected y of shape ({n},) to go with X; got {targets.shape}")
    known = ~pd.isna(targets)
    count = int(known.sum())
    if count < 2:
        given = "no targets given" if y is None else f"{count} of {n} rows with a target"
        notes.append(f"accuracy left out: {given}")
        return pd.DataFrame(columns=["model", "rows", "unit"])
    if count < n:
        notes.append(f"accuracy on {count} of {n} rows: the others have no target")
    inputs, found = rows.inputs[known], np.array(targets[known].tolist())
    predictions = {SPECTRAL: rows.view.values_of_inputs(inputs)} | {
        name: baseline.values(inputs) for name, baseline in baselines.items()
    }
    return pd.DataFrame(
        [
            {
                "model": name,
                **est.metrics(prediction, found),
                "rows": count,
                "unit": rows.view.output.unit,
            }
            for name, prediction in predictions.items()
        ]
    )


def _note_rows(n: int, available: int, max_rows: int | None, notes: list[str]) -> None:
    if max_rows is None:
        every = f"{counted(n, 'row')} explained: all rows"
        notes.append(every if n == available else f"{n} of {available:,} rows explained: {MORE}")
    elif n < max_rows:
        notes.append(f"{counted(n, 'row')} explained: all rows, fewer than max_rows, which is {max_rows}")


def _note_columns(rows: Rows, orders: int, notes: list[str]) -> None:
    c = len(rows.view.axes)
    if c == 1:
        notes.append("correlations and global ranking left out: there is only one column")
    if c <= 3:
        notes.append(f"overlap of the top three left out: there are {c} columns")
    if c > MOST_PLAYERS:
        notes.append(f"shapley sampled from {orders} orders of the columns and their reverses")
    if not any(axis.continuous for axis in rows.view.axes):
        notes.append("sensitivity left out: there is no numeric column to move")


def representatives(attributions: dict[Key, Attribution]) -> dict[Key, Attribution]:
    """Return one attribution per model, the first available of ``REPRESENTATIVES``."""
    keys = [
        next(((model, method) for method in methods if (model, method) in attributions), None)
        for model, methods in REPRESENTATIVES.items()
    ]
    return {key: attributions[key] for key in keys if key is not None}


def _disputants(attributions: dict[Key, Attribution]) -> dict[Key, Attribution]:
    """Return the attributions for disputes: representatives of models, or methods on the only model."""
    models = representatives(attributions)
    return models if len(models) > 1 else attributions
