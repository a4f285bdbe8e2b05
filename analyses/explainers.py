"""Explainers on three models and three data sets: faithfulness, agreement and cost.

``compare`` on up to 100 test rows of each data set: the spectral model, a linear model and an MLP trained
on the same rows, ours, SHAP's and Captum's explainers on each. ``gain`` is how much further than a random
order the method's own order brings the prediction down, in the area under the deletion curve (it compares
methods on one model, not models: what there is to gain differs); ``agreement`` is the mean Spearman
correlation of a row's contributions with the model's Shapley values. SHAP's enumeration of all coalitions
is left out where it would take more than 2²⁵ model evaluations (30 columns of breast_cancer). Deletion,
insertion and infidelity put columns to background rows, which is the game of Shapley values: they favour
those, and path and local contributions answer other questions. California Housing is downloaded by
scikit-learn unless --train and --test name CSV files with the column median_house_value. ``--quick`` takes
a few columns of diabetes and nothing else.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import study
from matplotlib.axes import Axes
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split

from spectral_interp import Comparison, compare, plots
from spectral_interp.baselines import fit_baselines
from spectral_interp.estimators import estimator_for
from spectral_interp.tables import BUNDLED, read_table, split_target

NAMES = ("diabetes", "breast_cancer", "california")
SKEWED = ("total_rooms", "total_bedrooms", "population", "households")
ROWS = 100
MARKERS = dict(zip(NAMES, "os^", strict=True))

Split = tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]


def california(train: Path | None, test: Path | None, seed: int) -> Split:
    """Return training and test rows, and their targets, of California Housing: two files, or downloaded."""
    if train is None or test is None:
        X, y = fetch_california_housing(return_X_y=True, as_frame=True)
        return tuple(train_test_split(X, y, test_size=0.25, random_state=seed))  # type: ignore[return-value]
    (X, y), (X_test, y_test) = (
        split_target(read_table(path), "median_house_value", path) for path in (train, test)
    )
    return X, X_test, y, y_test


def split(name: str, args) -> Split:
    """Return the same of any of the data sets."""
    if name == "california":
        return california(args.train, args.test, args.seed)
    target = BUNDLED[name][1]
    X, y = split_target(read_table(name), target, name)
    if args.quick:
        X = X[["age", "bmi", "bp", "s5"]]
    return tuple(train_test_split(X, y, test_size=0.25, random_state=args.seed))  # type: ignore[return-value]


def measure(name: str, data: Split, *, rows: int, epochs: int, seed: int) -> pd.DataFrame:
    """Fit the three models and compare them; return a line per (model, method)."""
    X, X_test, y, y_test = data
    log = [column for column in SKEWED if column in X]
    est = estimator_for(y)(n_epochs=epochs, log=log, random_state=seed).fit(X, y)
    est.baselines_ = fit_baselines(est, X, y)
    found = compare(est, X_test, y_test, max_rows=rows, random_state=seed)
    for note in found.notes:
        print(f"{name}: {note}")
    metric = found.accuracy.columns[1]
    score = found.accuracy.set_index("model")[metric]
    table = found.faithfulness.merge(
        found.cost.drop(columns="status"), on=["model", "method"], suffixes=("", "_cost")
    )
    keys = zip(table["model"], table["method"], strict=True)
    agreement = [_agreement(found, model, method) for model, method in keys]
    return table.assign(
        data=name,
        rows=len(found.rows),
        metric=metric,
        score=table["model"].map(score),
        gain=table["random_deletion"] - table["deletion"],
        agreement=agreement,
    )


def _agreement(found: Comparison, model: str, method: str) -> float:
    """Return the Spearman correlation with what represents the model: its Shapley values."""
    best = next(key for key in found.representatives if key[0] == model)
    if (model, method) == best:
        return 1.0
    pairs = found.agreement
    a, b = (list(zip(pairs[f"model_{s}"], pairs[f"method_{s}"], strict=True)) for s in "ab")
    wanted = [{one, other} == {best, (model, method)} for one, other in zip(a, b, strict=True)]
    return float(pairs.loc[wanted, "spearman"].sum()) if any(wanted) else np.nan


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw what each method gains over a random order, a dot per data set."""
    labels = list(dict.fromkeys(table["model"] + ": " + table["method"]))
    for i, (name, rows) in enumerate(table.groupby("data", sort=False)):
        y = (rows["model"] + ": " + rows["method"]).map(labels.index)
        ax.scatter(rows["gain"], y, marker=MARKERS[name], color=plots.COLOURS[i], s=40, label=name)
    ax.axvline(0, color=plots.COLOURS[-1], linewidth=0.8)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(axis="y", alpha=0.2)
    ax.set_xlabel("gain over deleting columns in a random order (area)")
    ax.set_title("How well contributions rank the columns (right is better)")
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.13), ncols=3)
    return ax


def main() -> None:
    """Fit, compare, print and save."""
    parser = study.arguments(__doc__)
    parser.add_argument("--train", type=Path, help="CSV of California Housing's training rows")
    parser.add_argument("--test", type=Path, help="CSV of its test rows")
    parser.add_argument("--epochs", type=int, default=300)
    args = parser.parse_args()
    if (args.train is None) != (args.test is None):
        parser.error("expected --train and --test together; got one of them")
    rows, epochs = (5, 20) if args.quick else (ROWS, args.epochs)
    tables = []
    for name in NAMES[:1] if args.quick else NAMES:
        start = time.perf_counter()
        data = split(name, args)
        tables.append(measure(name, data, rows=rows, epochs=epochs, seed=args.seed))
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    columns = ["data", "model", "method", "metric", "score", "status", "rows", "completeness_gap_relative"]
    columns += ["gain", "deletion", "random_deletion", "insertion", "random_insertion", "infidelity"]
    columns += ["sensitivity", "agreement", "gini", "ms_per_row", "evaluations_per_row", "players"]
    table = pd.concat(tables, ignore_index=True)[columns]
    study.save("explainers", table, lambda ax: draw(table, ax), out=args.out, seed=args.seed)


if __name__ == "__main__":
    main()
