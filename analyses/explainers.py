"""Explainers on three models and three data sets: faithfulness, agreement and cost.

``compare`` runs on up to 100 test rows of each data set, with the spectral model, a linear model and an MLP
trained on the same rows, and with our explainers, SHAP's and Captum's on each. ``gain`` is how much further
the method's own order lowers the prediction than a random order, in the area under the deletion curve; it
compares methods on one model, not models, since the possible gain differs. ``agreement`` is the mean Spearman
correlation of a row's contributions with the model's Shapley values. SHAP's enumeration of all coalitions is
omitted where it would take more than 2²⁵ model evaluations (30 columns of breast_cancer). Deletion, insertion
and infidelity replace values of columns by those of background rows, which is the game of Shapley values.
They therefore favour Shapley values; path and local contributions answer other questions. ``--quick`` uses
only a few columns of diabetes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import study
from matplotlib.axes import Axes

from spectral_interp import Comparison, compare, plots
from spectral_interp.comparison.baselines import fit_baselines
from spectral_interp.estimators.classifier import estimator_for

NAMES = ("diabetes", "breast_cancer", "california")
ROWS = 100
MARKERS = dict(zip(NAMES, "os^", strict=True))


def task_of(name: str, args: argparse.Namespace) -> study.Task:
    """Return one of the data sets; a quick run uses few columns."""
    task = study.california(args) if name == "california" else study.bundled(name, args.seed)
    few = ["age", "bmi", "bp", "s5"] if args.quick else list(task.X)
    return replace(task, X=task.X[few], X_test=task.X_test[few])


def measure(task: study.Task, *, rows: int, epochs: int, seed: int) -> pd.DataFrame:
    """Fit the three models and compare them; return a row per (model, method)."""
    fitting = estimator_for(task.y)
    est = fitting(form="single", n_epochs=epochs, log=task.log, random_state=seed).fit(task.X, task.y)
    est.baselines_ = fit_baselines(est, task.X, task.y)
    found = compare(est, task.X_test, task.y_test, max_rows=rows, random_state=seed)
    for note in found.notes:
        print(f"{task.name}: {note}")
    metric = found.accuracy.columns[1]
    score = found.accuracy.set_index("model")[metric]
    table = found.faithfulness.merge(
        found.cost.drop(columns="status"), on=["model", "method"], suffixes=("", "_cost")
    )
    keys = zip(table["model"], table["method"], strict=True)
    agreement = [_agreement(found, model, method) for model, method in keys]
    return table.assign(
        data=task.name,
        rows=len(found.rows),
        metric=metric,
        score=table["model"].map(score),
        gain=table["random_deletion"] - table["deletion"],
        agreement=agreement,
    )


def _agreement(found: Comparison, model: str, method: str) -> float:
    """Return the Spearman correlation with the model's Shapley values."""
    best = next(key for key in found.representatives if key[0] == model)
    if (model, method) == best:
        return 1.0
    pairs = found.agreement
    a, b = (list(zip(pairs[f"model_{s}"], pairs[f"method_{s}"], strict=True)) for s in "ab")
    wanted = [{one, other} == {best, (model, method)} for one, other in zip(a, b, strict=True)]
    return float(pairs.loc[wanted, "spearman"].sum()) if any(wanted) else np.nan


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the gain of each method over a random order, with a dot per data set."""
    labels = list(dict.fromkeys(table["model"] + ": " + table["method"]))
    for i, (name, rows) in enumerate(table.groupby("data", sort=False)):
        y = (rows["model"] + ": " + rows["method"]).map(labels.index)
        ax.scatter(rows["gain"], y, marker=MARKERS[name], color=plots.COLOURS[i], s=40, label=name)
    ax.axvline(0, color=plots.COLOURS[-1], linewidth=0.8)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(axis="y", alpha=0.2)
    ax.set_xlabel("gain over a random order of deletion (area)")
    ax.set_title("Ranking of the columns (right is better)")
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.13), ncols=3)
    return ax


def main() -> None:
    """Fit, compare, print and save."""
    parser = study.housing_arguments(__doc__)
    parser.add_argument("--epochs", type=int, default=300)
    args = parser.parse_args()
    rows, epochs = (5, 20) if args.quick else (ROWS, args.epochs)
    tables = []
    for name in NAMES[:1] if args.quick else NAMES:
        start = time.perf_counter()
        tables.append(measure(task_of(name, args), rows=rows, epochs=epochs, seed=args.seed))
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    columns = ["data", "model", "method", "metric", "score", "status", "rows", "completeness_gap_relative"]
    columns += ["gain", "deletion", "random_deletion", "insertion", "random_insertion", "infidelity"]
    columns += ["sensitivity", "agreement", "gini", "ms_per_row", "evaluations_per_row", "players"]
    table = pd.concat(tables, ignore_index=True)[columns]
    study.save("explainers", table, lambda ax: draw(table, ax), out=args.out, seed=args.seed)


if __name__ == "__main__":
    main()
