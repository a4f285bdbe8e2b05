"""The cost of promises: columns along which predictions never fall, or never rise.

Every model is fitted twice on the same rows, without and with the promises: our sum of neurons, and XGBoost
and EBM with their monotone constraints. The error is the RMSE of the target, standardised by the training
rows, or one minus the area under the ROC curve. ``broken`` is the share of the test rows for which some value
of a promised column, among 20 quantiles, gives a lower prediction than the value before it. ``falls`` is the
number of predictions, among ``pairs`` of random rows drawn column by column, that fall by more than a
billionth of the predictions' spread when a promised column is raised; ``proven`` is whether the model's
certificate has the promises.

Predictions for California housing are promised to rise with income, and with income and age. ``--tables
FOLDER`` (see ``glass_boxes.py``) adds two tables whose directions are obvious. Without that folder and
without files of California housing, two tables of scikit-learn are used. Every fit is added to
``promises.csv`` as soon as it is measured, and an interrupted run continues where it stopped.
"""

from __future__ import annotations

import argparse
import importlib
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import glass_boxes
import numpy as np
import pandas as pd
import study
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from peers import PEERS, THREADS, Categories
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from spectral_interp import SpectralClassifier, SpectralRegressor, certify
from spectral_interp.plots.style import FAINT, MODEL_LOOKS, NEUTRAL

MODELS = {"sum": "spectral_interp", "XGBoost": "xgboost", "EBM": "interpret"}  # models and their packages
GRID, AT_ONCE, LEAST_FALL = 20, 100_000, 1e-9
PAIRS, QUICK_PAIRS = 1_000_000, 500
INCOME, AGE = ("median_income", "MedInc"), ("housing_median_age", "HouseAge")  # published, scikit-learn's
HOUSING = "california"

DIRECTIONS = {
    "medical": {"age": 1, "bmi": 1},
    "fico": {
        "ExternalRiskEstimate": 1,
        "PercentTradesNeverDelq": 1,
        "NetFractionRevolvingBurden": -1,
        "NumTrades60Ever2DerogPubRec": -1,
    },
    "diabetes": {"bmi": 1, "bp": 1},
    "breast_cancer": {"worst area": 1, "worst concave points": 1},
}


@dataclass(frozen=True)
class Case:
    """A table, its training and test rows, and the promises about its columns."""

    name: str
    task: str
    promises: dict[str, int]
    X: pd.DataFrame
    y: np.ndarray
    X_test: pd.DataFrame
    y_test: np.ndarray

    @property
    def promised(self) -> str:
        """The promises as text."""
        return ", ".join(f"{name} {'↑' if sign > 0 else '↓'}" for name, sign in self.promises.items())


def cases(args: argparse.Namespace) -> Iterator[Case]:
    """Yield the cases of a run."""
    wanted = {HOUSING, *DIRECTIONS} if args.only is None else set(args.only)
    if HOUSING in wanted and not args.quick and (args.train is not None or args.tables is not None):
        task = study.california(args)
        income, age = (next(name for name in names if name in task.X) for names in (INCOME, AGE))
        y, y_test = scaled(task.y, task.y_test)
        for promises in ({income: 1}, {income: 1, age: 1}):
            yield Case(HOUSING, "regression", promises, task.X, y, task.X_test, y_test)
    for table in glass_boxes.read(args.tables):
        if table.name in wanted & DIRECTIONS.keys() and not (args.quick and table.task != "regression"):
            small = glass_boxes.few(table, args.seed) if args.quick else table
            X, X_test, y, y_test = train_test_split(small.X, small.y, test_size=0.2, random_state=args.seed)
            if table.task == "regression":
                y, y_test = scaled(y, y_test)
            yield Case(table.name, table.task, DIRECTIONS[table.name], X, y, X_test, y_test)


def scaled(y: Any, y_test: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return targets in standard deviations of the training targets."""
    y, y_test = np.asarray(y, dtype=float), np.asarray(y_test, dtype=float)
    return (y - y.mean()) / y.std(), (y_test - y.mean()) / y.std()


def fitted(model: str, case: Case, promises: dict[str, int], seed: int, *, quick: bool) -> Any:
    """Return a fitted model."""
    regression = case.task == "regression"
    if model == "sum":
        kind = SpectralRegressor if regression else SpectralClassifier
        options = {"members": 1} if quick else {}
        est = kind(form="sum", monotone=promises or None, random_state=seed, **options)
    elif model == "XGBoost":
        package = importlib.import_module("xgboost")
        kind = package.XGBRegressor if regression else package.XGBClassifier
        options = PEERS[model].tiny if quick else {}
        options = options | ({"monotone_constraints": promises} if promises else {})
        inner = kind(enable_categorical=True, n_jobs=THREADS, random_state=seed, **options)
        est = make_pipeline(Categories(), inner)
    else:
        options = PEERS[model].tiny if quick else {}
        if promises:
            options = options | {"monotone_constraints": [promises.get(name, 0) for name in case.X]}
        est = PEERS[model].make(case.task, case.X, seed, **options)
    return est.fit(case.X, case.y)


def values(est: Any, task: str, X: pd.DataFrame) -> np.ndarray:
    """Return predictions (n,): numbers, or the probability of the second class."""
    return np.asarray(est.predict(X) if task == "regression" else est.predict_proba(X)[:, 1], dtype=float)


def broken(est: Any, case: Case) -> float:
    """Return the share of the test rows for which a promise about a column is broken."""
    found = np.zeros(len(case.X_test), dtype=bool)
    spread = np.std(values(est, case.task, case.X_test))
    for name, sign in case.promises.items():
        grid = np.unique(np.nanquantile(case.X[name], np.linspace(0, 1, GRID)))
        along = [values(est, case.task, case.X_test.assign(**{name: value})) for value in grid]
        found |= (sign * np.diff(along, axis=0) < -LEAST_FALL * spread).any(axis=0)
    return float(found.mean())


def falls(est: Any, case: Case, pairs: int, seed: int) -> int:
    """Return the number of predictions of random rows that break a promise when a column is raised."""
    rng, count = np.random.default_rng(seed), 0
    for start in range(0, pairs, AT_ONCE):
        n = min(AT_ONCE, pairs - start)
        rows = pd.DataFrame({name: drawn(rng, case.X[name], n) for name in case.X})
        for name, sign in case.promises.items():
            after = rows.copy()
            step = np.abs(rng.normal(size=n)) * 10.0 ** rng.uniform(-4, 0.5, n) * np.nanstd(case.X[name])
            after[name] += step
            before, then = values(est, case.task, rows), values(est, case.task, after)
            count += int((sign * (then - before) < -LEAST_FALL * before.std()).sum())
    return count


def drawn(rng: np.random.Generator, column: pd.Series, n: int) -> pd.Series:
    """Return n random values of a column: from its rows, and for numbers also from a wider range."""
    own = column.iloc[rng.integers(0, len(column), n)].reset_index(drop=True)
    if not pd.api.types.is_numeric_dtype(column.dtype) or rng.random() < 0.5:
        return own
    return own.where(own.isna(), rng.uniform(column.min(), column.max() + 0.2 * np.ptp(column.dropna()), n))


def measure(case: Case, model: str, kept: bool, args: argparse.Namespace) -> dict[str, Any]:
    """Fit a model with or without the promises; return its error and how it keeps them."""
    start = time.perf_counter()
    est = fitted(model, case, case.promises if kept else {}, args.seed, quick=args.quick)
    seconds, prediction = time.perf_counter() - start, values(est, case.task, case.X_test)
    error = (
        root_mean_squared_error(case.y_test, prediction)
        if case.task == "regression"
        else 1 - roc_auc_score(case.y_test, prediction)
    )
    proven = ""
    if model == "sum":
        cert = certify(est)
        proven = all(cert.column(name)["monotone"] == sign for name, sign in case.promises.items())
    pairs = QUICK_PAIRS if args.quick else args.pairs
    return {
        "error": error,
        "seconds": seconds,
        "broken": broken(est, case),
        "falls": falls(est, case, pairs, args.seed),
        "pairs": pairs * len(case.promises),
        "proven": proven,
        "package": f"{MODELS[model]} {getattr(importlib.import_module(MODELS[model]), '__version__', '')}",
    }


def record(args: argparse.Namespace, path: Path) -> pd.DataFrame:
    """Measure what is missing in the file, add each row at once, and return all rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = ["table", "promises", "model", "kept"]
    lines = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=keys)
    done = set(lines[keys].itertuples(index=False, name=None))
    for case in cases(args):
        for model in args.models:
            for kept in (False, True):
                names = dict(zip(keys, (case.name, case.promised, model, kept), strict=True))
                if tuple(names.values()) in done:
                    continue
                line = names | {"task": case.task} | measure(case, model, kept, args)
                stamped = study.stamp(pd.DataFrame([line]), seed=args.seed)
                stamped.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.6g")
                print("{table} {model} {kept}: {error:.4f}, broken {broken:.1%}".format(**line), flush=True)
    return pd.read_csv(path)


def draw(lines: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the ratio of errors with and without promises, and how often free models break them."""
    error, share = study.panels(ax, 1, 2, sharey=True, width_ratios=(1, 1))[0]
    names = list(dict.fromkeys(zip(lines["table"], lines["promises"], strict=True)))
    models = [model for model in MODELS if model in set(lines["model"])]
    looks = {m: MODEL_LOOKS["spectral"].colour if m == "sum" else NEUTRAL for m in models}
    markers = dict(zip(models, "osD", strict=False))
    for y, (table, promises) in enumerate(names):
        for m, model in enumerate(models):
            own = lines[
                (lines["table"] == table) & (lines["promises"] == promises) & (lines["model"] == model)
            ]
            if set(own["kept"]) != {False, True}:
                continue
            free, kept = (own[own["kept"] == flag].iloc[0] for flag in (False, True))
            at = y + 0.22 * (m - (len(models) - 1) / 2)
            style = {"color": looks[model], "marker": markers[model], "s": 40, "linewidths": 0}
            error.scatter(kept["error"] / free["error"], at, **style)
            share.scatter(100 * free["broken"], at, **style)
    error.axvline(1, color=FAINT, zorder=0)
    texts = [f"{table}\n{promises.replace(', ', chr(10))}" for table, promises in names]
    error.set_yticks(range(len(names)), texts, fontsize="x-small")
    error.set_ylim(len(names) - 0.5, -0.5)
    error.set(xlabel="ratio of errors", title="With / without")
    share.set(xlabel="% of test rows", title="Broken if free", xlim=(-4, 104))
    share.tick_params(axis="y", length=0)
    handles = [
        Line2D([], [], color=looks[m], marker=markers[m], linestyle="", markersize=7, label=label(m))
        for m in models
    ]
    error.figure.legend(handles=handles, loc="outside lower center", ncols=len(models))
    return error


def label(model: str) -> str:
    """Return the name of a model in the figure."""
    return "spectral, sum" if model == "sum" else model


def main() -> None:
    """Measure, print, save."""
    parser = study.housing_arguments(__doc__)
    parser.add_argument("--tables", type=Path, metavar="FOLDER", help="tables and their index.json")
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="tables to measure (default: all)")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), help="default: all")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of rows, a promise and model")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of numbers outside the training range, which the attacks draw
    missing = [m for m in args.models if m != "sum" and not PEERS[m].installed]
    args.models = [model for model in args.models if model not in missing]
    for model in missing:
        print(f"{model} is left out: the package {MODELS[model]} is not installed.")
    lines = record(args, args.out / "promises.csv")
    study.print_table(lines.drop(columns=["seed", "versions", "cores", "package"]))
    study.write_figure("promises", lambda ax: draw(lines, ax), out=args.out, height=5.2)


if __name__ == "__main__":
    main()
