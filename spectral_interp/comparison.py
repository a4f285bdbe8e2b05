"""The spectral model, a linear one and an MLP, and every explainer that runs on them, side by side."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from . import faithfulness
from .agreement import Dispute, Key, agreement, agreement_table, disputes
from .attribution import METHODS, Attribution
from .baselines import LINEAR, MLP, Baseline, fit_baselines
from .caching import cached_property
from .eigen.checks import FloatArray
from .estimators import SpectralClassifier, SpectralRegressor
from .explainers import BUDGET, EXPLAINERS, SPECTRAL, Explainer, Subject, coalitions, subjects
from .inputs import Inputs

BACKGROUND_ROWS = 25
OK = "ok"

SHAP_METHODS = ("SHAP Exact", "SHAP Permutation", "SHAP Kernel")
"""SHAP's explainers of any model, the most accurate first."""

Measure = Callable[[Subject, Explainer], dict[str, Any]]

REPRESENTATIVES = {
    SPECTRAL: ("shapley", "path", "local"),
    LINEAR: ("SHAP Linear",),
    MLP: ("SHAP Exact", "SHAP Permutation", "SHAP Deep", "SHAP Gradient"),
}
"""For every model the methods that may stand for it where one is shown per model, the first that worked."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What :func:`compare` found.

    Attributes
    ----------
    accuracy : DataFrame
        One line per model: its metrics on the rows, "rows", and "unit" of the predictions. Empty without
        targets.
    agreement : DataFrame
        One line per pair of (model, method): "model_a", "method_a", "model_b", "method_b", "within" (one
        model), and from −1 or 0 to 1 "spearman", "pearson", "sign", "top3", "ranking" (see
        :func:`spectral_interp.agreement.agreement_table`).
    faithfulness : DataFrame
        One line per (model, method). "completeness_gap": the largest over the rows, in "unit";
        "completeness_gap_relative": as a share of the predictions' spread. "deletion" (lower is better) and
        "insertion" (higher is better): areas under the curves, beside "random_deletion" and
        "random_insertion". "infidelity": a share of the predictions' variance. "sensitivity": relative. Lower
        is better for both. "status": "ok", "failed: reason" or "left out: reason"; then numbers are NaN.
    cost : DataFrame
        One line per (model, method): "gini" (concentration), "ms_per_row", "evaluations_per_row" (model
        evaluations, with or without a gradient), "players" (what the method gives a number), "status".
    curves : DataFrame
        One line per (model, method, share of the columns): "deletion" and "insertion"; the method "random"
        is the mean over random orders.
    attributions : dict of (model, method) to Attribution
    rows : ndarray of int
        Which rows of X were explained.
    disputed : list of Dispute
        The two most disputed rows between the models' representatives, and why.
    notes : tuple of str
        What was left out and what the explainers warned of.
    unit : str

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> est = SpectralRegressor(dim=3, n_epochs=5, random_state=0).fit(X, X[:, 0])
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
    rows: npt.NDArray[np.intp]
    disputed: list[Dispute]
    notes: tuple[str, ...]
    unit: str

    @cached_property
    def representatives(self) -> dict[Key, Attribution]:
        """One attribution per model: Shapley values of the same columns and background, where they worked."""
        return representatives(self.attributions)

    def summary(self) -> dict[str, Any]:
        """Return as plain values what is worth saying of the models and of the methods on ours."""
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
        """Return how our methods differ from SHAP on our model: ranks, and the column they differ on most."""
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
        """Return the rank correlation of the explanations of other models with those of ours, by model."""
        ours = next((a for (model, _), a in self.representatives.items() if model == SPECTRAL), None)
        return {
            model: agreement(ours, theirs)["spearman"]
            for (model, _), theirs in self.representatives.items()
            if ours is not None and model != SPECTRAL
        }


def compare(
    est: SpectralRegressor | SpectralClassifier,
    X: Any,
    y: Any = None,
    *,
    train: tuple[Any, Any] | None = None,
    max_rows: int = 200,
    random_state: int = 0,
) -> Comparison:
    """Compare a fitted model and its attributions with SHAP's and Captum's, on a linear model and an MLP.

    All methods explain the same rows against the same background, 25 of the rows that the model keeps, in
    the same unit (log-odds for classifiers). An explainer that raises, or would need more than 2²⁵ model
    evaluations, costs its own line only.

    Parameters
    ----------
    est : SpectralRegressor or SpectralClassifier
        Fitted. Its ``baselines_`` are compared; without them ``train`` must be given.
    X : DataFrame or array_like, shape (n, columns)
        Rows to explain and to measure accuracy on; best rows that were not trained on.
    y : array_like, shape (n,), optional
        Their targets. Without them accuracy is left out.
    train : (X, y), optional
        The training table, to fit baselines on if the estimator carries none.
    max_rows : int
        Explain at most this many rows, drawn with ``random_state``.
    random_state : int
        Of that draw, of sampling explainers and of the perturbations in the metrics.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError
        If ``est`` is no spectral estimator.
    ValueError
        If X or y do not fit the model, or there is no row to explain.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> est = SpectralRegressor(dim=3, n_epochs=5, random_state=0).fit(X, X[:, 0])
    >>> found = compare(est, X, X[:, 0], max_rows=3)
    >>> found.accuracy["model"].tolist(), found.notes[0]
    (['spectral'], 'linear model and MLP left out: the model carries none; pass train=(X, y) to fit them')
    """
    if not isinstance(est, SpectralRegressor | SpectralClassifier):
        raise TypeError(f"expected a fitted spectral estimator; got {type(est).__name__}")
    if max_rows < 1:
        raise ValueError(f"expected max_rows >= 1; got {max_rows}")
    notes: list[str] = []
    whole = est.inputs(X)
    if not len(whole.z):
        raise ValueError("expected at least one row to explain; got none")
    baselines = _baselines(est, train, notes)
    models = subjects(est, baselines)
    accuracy = _accuracy(est, models, whole, y, notes)
    rows = np.sort(np.random.default_rng(random_state).permutation(len(whole.z))[:max_rows])
    inputs = replace(whole, z=whole.z[rows], data=whole.data[rows])
    reference = whole.reference[:BACKGROUND_ROWS]
    _note_limits(inputs, max_rows, notes)
    study = _Study(inputs, reference, random_state, notes)
    with threadpool_limits(1):  # the models are small: threads cost more than they give, and vary the times
        study.run(models)
    correlation = inputs.correlation(whole.reference)
    return Comparison(
        accuracy=accuracy,
        agreement=agreement_table(study.attributions),
        faithfulness=pd.DataFrame(study.faithfulness),
        cost=pd.DataFrame(study.cost),
        curves=pd.DataFrame(study.curves),
        attributions=study.attributions,
        rows=rows,
        disputed=disputes(_disputants(study.attributions), correlation),
        notes=tuple(dict.fromkeys(notes)),
        unit=inputs.unit,
    )


def _baselines(
    est: SpectralRegressor | SpectralClassifier, train: tuple[Any, Any] | None, notes: list[str]
) -> dict[str, Baseline] | None:
    if est.baselines_ is None and train is None:
        notes.append("linear model and MLP left out: the model carries none; pass train=(X, y) to fit them")
    elif "baselines" in est.made_by_:
        notes.append(f"linear model and MLP {est.made_by_['baselines']}: their accuracy is not held out")
    return fit_baselines(est, *train) if est.baselines_ is None and train is not None else est.baselines_


def _accuracy(
    est: SpectralRegressor | SpectralClassifier,
    models: list[Subject],
    inputs: Inputs,
    y: Any,
    notes: list[str],
) -> pd.DataFrame:
    """Return one line of metrics per model, or none where fewer than two rows have a target."""
    n = len(inputs.z)
    targets = np.asarray([None] * n if y is None else y)
    if targets.shape != (n,):
        raise ValueError(f"expected y of shape ({n},) to go with X; got {targets.shape}")
    known = ~pd.isna(targets)
    rows = int(known.sum())
    if rows < 2:
        given = "no targets given" if y is None else f"{rows} of {n} rows with a target"
        notes.append(f"accuracy left out: {given}")
        return pd.DataFrame(columns=["model", "rows", "unit"])
    if rows < n:
        notes.append(f"accuracy on {rows} of {n} rows: the others have no target")
    return pd.DataFrame(
        [
            {
                "model": model.name,
                **est.metrics(model.values(inputs.z[known]), np.array(targets[known].tolist())),
                "rows": rows,
                "unit": inputs.unit,
            }
            for model in models
        ]
    )


def _note_limits(inputs: Inputs, max_rows: int, notes: list[str]) -> None:
    n, c = inputs.z.shape[0], len(inputs.columns)
    if n < max_rows:
        notes.append(f"{n} rows explained: there are no more, of {max_rows} asked for")
    if c == 1:
        notes.append("correlations and global ranking left out: there is a single column")
    if c <= 3:
        notes.append(f"overlap of the top three left out: there are {c} columns")
    if all(axis.levels for axis in inputs.axes):
        notes.append("sensitivity left out: there is no numeric column to move")


@dataclass
class _Study:
    """Every explainer on every model, one line each."""

    inputs: Inputs
    reference: FloatArray
    seed: int
    notes: list[str]
    attributions: dict[Key, Attribution] = field(default_factory=dict)
    faithfulness: list[dict[str, Any]] = field(default_factory=list)
    cost: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)

    def run(self, models: list[Subject]) -> None:
        """Run them all under a progress bar that names the one at work."""
        cells = [
            (model, explainer)
            for model in models
            for explainer in EXPLAINERS
            if model.name in explainer.models
        ]
        n, b = len(self.inputs.z), len(self.reference)
        random: dict[str, dict[str, float]] = {}
        with tqdm(cells, unit="explainer", disable=None, leave=False) as bar:
            for model, explainer in bar:
                bar.set_description(f"{n} rows × {b} background rows: {explainer.name} on {model.name}")
                if model.name not in random:
                    random[model.name] = self._random(model)
                self._cell(model, explainer, random[model.name])

    def _random(self, model: Subject) -> dict[str, float]:
        deletion, insertion = faithfulness.random_curves(model, self.inputs, self.reference, self._rng())
        self._keep_curves(model.name, "random", deletion, insertion)
        return {
            "random_deletion": faithfulness.area(deletion),
            "random_insertion": faithfulness.area(insertion),
        }

    def _cell(self, model: Subject, explainer: Explainer, random: dict[str, float]) -> None:
        """Add one explainer's lines."""
        key = {"model": model.name, "method": explainer.name}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            status = self._left_out(explainer)
            cost, failure = ({}, status) if status != OK else _attempt(self._explain, model, explainer)
            status = failure or OK
            self.cost.append(key | _COST | cost | {"players": explainer.players, "status": status})
            measured: dict[str, Any] = {}
            for name, measure in self._measures().items() if status == OK else ():
                found, failure = _attempt(measure, model, explainer)
                measured |= found
                status = failure.replace("failed:", f"failed: {name}:", 1) if failure else status
        self.notes += [
            f"{explainer.name} on {model.name}: {' '.join(str(warning.message).split())}"
            for warning in caught
            if issubclass(warning.category, UserWarning | RuntimeWarning)
        ]
        line = key | _FAITHFULNESS | measured | random | {"unit": self.inputs.unit, "status": status}
        self.faithfulness.append(line)

    def _left_out(self, explainer: Explainer) -> str:
        needed = coalitions(self.inputs, self.reference)
        if explainer.all_coalitions and needed > BUDGET:
            c = len(self.inputs.columns)
            return f"left out: all coalitions of {c} columns would take {needed:.1e} evaluations"
        return OK

    def _explain(self, model: Subject, explainer: Explainer) -> dict[str, Any]:
        """Explain the rows, after one that compiles what wants compiling; return the cost."""
        explainer(model, self._first(1), self.reference, seed=self.seed)
        start = time.perf_counter()
        attribution = explainer(model, self.inputs, self.reference, seed=self.seed)
        seconds = time.perf_counter() - start
        if not np.isfinite(attribution.values).all():
            raise ValueError("contributions that are not finite")
        self.attributions[model.name, explainer.name] = attribution
        n = len(self.inputs.z)
        return {
            "gini": faithfulness.gini(attribution.values),
            "ms_per_row": 1e3 * seconds / n,
            "evaluations_per_row": attribution.evaluations / n,
        }

    def _measures(self) -> dict[str, Measure]:
        return {
            "completeness": self._completeness,
            "deletion": self._deletion,
            "infidelity": self._infidelity,
            "sensitivity": self._sensitivity,
        }

    def _completeness(self, model: Subject, explainer: Explainer) -> dict[str, Any]:
        attribution = self.attributions[model.name, explainer.name]
        gap, spread = float(attribution.completeness_gap.max()), float(np.ptp(attribution.prediction))
        return {
            "completeness_gap": gap,
            "completeness_gap_relative": gap / spread if spread > 0 else np.nan,
        }

    def _deletion(self, model: Subject, explainer: Explainer) -> dict[str, Any]:
        attribution = self.attributions[model.name, explainer.name]
        order = faithfulness.attributed_order(attribution, float(model.values(self.reference).mean()))
        deletion, insertion = faithfulness.curves(model, self.inputs, self.reference, order)
        self._keep_curves(model.name, explainer.name, deletion, insertion)
        return {"deletion": faithfulness.area(deletion), "insertion": faithfulness.area(insertion)}

    def _infidelity(self, model: Subject, explainer: Explainer) -> dict[str, Any]:
        attribution = self.attributions[model.name, explainer.name]
        value = faithfulness.infidelity(model, self.inputs, self.reference, attribution, self._rng())
        return {"infidelity": value}

    def _sensitivity(self, model: Subject, explainer: Explainer) -> dict[str, Any]:
        value = faithfulness.sensitivity(
            explainer, model, self.inputs, self.reference, self._rng(), seed=self.seed
        )
        return {"sensitivity": value}

    def _first(self, rows: int) -> Inputs:
        return replace(self.inputs, z=self.inputs.z[:rows], data=self.inputs.data[:rows])

    def _rng(self) -> np.random.Generator:
        """Return a generator with the same draws for every explainer."""
        return np.random.default_rng(self.seed)

    def _keep_curves(self, model: str, method: str, deletion: FloatArray, insertion: FloatArray) -> None:
        shares = np.linspace(0, 1, len(deletion))
        for share, fall, climb in zip(shares, deletion, insertion, strict=True):
            self.curves.append(
                {"model": model, "method": method, "share": share, "deletion": fall, "insertion": climb}
            )


_COST = dict.fromkeys(("gini", "ms_per_row", "evaluations_per_row"), np.nan)
_FAITHFULNESS = dict.fromkeys(
    ("completeness_gap", "completeness_gap_relative", "deletion", "insertion", "infidelity", "sensitivity"),
    np.nan,
)


def _attempt(call: Measure, model: Subject, explainer: Explainer) -> tuple[dict[str, Any], str]:
    """Return what ``call`` found and "", or nothing and why it failed."""
    try:
        return call(model, explainer), ""
    except Exception as error:  # other people's code raises what it likes; one cell says so
        return {}, f"failed: {' '.join(str(error).split()) or type(error).__name__}"


def representatives(attributions: dict[Key, Attribution]) -> dict[Key, Attribution]:
    """Return one attribution per model, the first of ``REPRESENTATIVES`` that there is."""
    keys = [
        next(((model, method) for method in methods if (model, method) in attributions), None)
        for model, methods in REPRESENTATIVES.items()
    ]
    return {key: attributions[key] for key in keys if key is not None}


def _disputants(attributions: dict[Key, Attribution]) -> dict[Key, Attribution]:
    """Return what rows are disputed between: models, or else the methods on the only model."""
    models = representatives(attributions)
    return models if len(models) > 1 else attributions
