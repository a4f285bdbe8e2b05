"""Accuracy compared with glass boxes and gradient boosting, and the cost of an exact explanation.

Every table with a number or two classes to predict has five folds, and all models are fitted with their
defaults on the same rows (see ``peers.py``). The error is the RMSE of the target, standardised by the
training rows, or one minus the area under the ROC curve. An exact explanation adds up to the prediction and
is not an estimate. Its time is that of a batch of 100 test rows, including encoding; for our models, 20 rows
for path and 2 for Shapley.

``--tables FOLDER`` has NAME.parquet and an index.json with task, columns and published scores of each table;
without it, two tables of scikit-learn are used. Every fit is added to ``glass_boxes.csv`` as soon as it is
measured, and an interrupted run continues where it stopped; ``--again MODEL`` measures a model again. Means
and published scores are in ``glass_boxes_scores.csv``, comparisons of each of our forms with each peer in
``glass_boxes_duels.csv``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import study
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator
from peers import OURS, PEERS, Explain
from scipy.stats import gmean
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold

from spectral_interp._common.choices import BUNDLED_TARGETS
from spectral_interp.plots.style import FAINT, METHOD_LOOKS, MODEL_LOOKS, NEUTRAL, label_log
from spectral_interp.tables.reading import read_table, split_target

FOLDS, ROWS, QUICK_ROWS = 5, 100, 150
CALLS, ENOUGH = 5, 3.0  # timed calls of an explanation, and seconds after which fewer are made
LEAST = 1e-3  # smaller errors are set to this
REFERENCE = "HistGB"
KINDS = ("own", "path", "shapley")
LOOKS = dict(zip(KINDS, (METHOD_LOOKS[method] for method in ("local", "path", "shapley")), strict=True))
PUBLISHED = {
    "ebm": "EBM",
    "xgb": "XGBoost",
    "catboost": "CatBoost",
    "mlp": "MLP",
    "gaminet": "GAMI-Net",
    "igann": "IGANN",
    "pygam": "pyGAM",
    "nam": "NAM",
}


@dataclass(frozen=True)
class Table:
    """A table of floats and strings, and a target of floats or the classes 0 and 1."""

    name: str
    task: str
    X: pd.DataFrame
    y: np.ndarray
    published: dict[str, float] = field(default_factory=dict)


def read(folder: Path | None, tasks: tuple[str, ...] = ("regression", "binary")) -> Iterator[Table]:
    """Yield the tables of a folder, or those of scikit-learn, small ones first."""
    if folder is None:
        for name, task in (("diabetes", "regression"), ("breast_cancer", "binary")):
            X, y = split_target(read_table(name), BUNDLED_TARGETS[name], name)
            yield Table(name, task, X, numbers(y, task))
        return
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    for name, about in sorted(index.items(), key=lambda item: item[1]["rows"]):
        if about["task"] in tasks:
            table = pd.read_parquet(folder / f"{name}.parquet")
            X = pd.concat(
                [table[about["numeric"]].astype(float), table[about["categorical"]].astype("string")], axis=1
            )
            yield Table(name, about["task"], X, numbers(table["target"], about["task"]), about["published"])


def numbers(y: pd.Series, task: str) -> np.ndarray:
    """Return the target as floats, or as class indices."""
    return y.to_numpy(float) if task == "regression" else np.unique(y.to_numpy(), return_inverse=True)[1]


def measure(
    table: Table, model: str, train: np.ndarray, test: np.ndarray, *, seed: int, quick: bool
) -> dict[str, Any]:
    """Fit one model on one fold; return its score and costs."""
    peer, X, X_test = PEERS[model], table.X.iloc[train], table.X.iloc[test]
    y, y_test = table.y[train], table.y[test]
    if table.task == "regression":
        mean, deviation = y.mean(), y.std()
        y, y_test = (y - mean) / deviation, (y_test - mean) / deviation
    start = time.perf_counter()
    fitted = peer.make(table.task, X, seed, **(peer.tiny if quick else {})).fit(X, y)
    found: dict[str, Any] = {"score": np.nan, "seconds": time.perf_counter() - start}
    found |= dict.fromkeys([f"ms_{kind}" for kind in KINDS], np.nan)
    if table.task == "regression":
        found["score"] = root_mean_squared_error(y_test, fitted.predict(X_test))
    else:
        found["score"] = roc_auc_score(y_test, fitted.predict_proba(X_test)[:, 1])
    for kind, explain in peer.explain(fitted, X).items():
        rows = X_test[: min(peer.rows.get(kind, ROWS), 2 if quick else ROWS)]
        found[f"ms_{kind}"] = milliseconds(explain, rows)
    version = getattr(sys.modules[peer.package], "__version__", "")
    return found | {"package": f"{peer.package} {version}".strip()}


def milliseconds(explain: Explain, rows: pd.DataFrame) -> float:
    """Return the milliseconds per row: the median of a few calls after a warm-up call."""
    explain(rows[:1])  # compiles
    times: list[float] = []
    while len(times) < CALLS and sum(times) < ENOUGH:
        start = time.perf_counter()
        explain(rows)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times) / len(rows)


def split(table: Table, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the training and test rows of a fold."""
    splitter = KFold if table.task == "regression" else StratifiedKFold
    splits = splitter(FOLDS, shuffle=True, random_state=42).split(table.X, table.y)
    return next(itertools.islice(splits, fold, None))


def few(table: Table, seed: int) -> Table:
    """Return the table with few rows, for a quick run."""
    rows = np.random.default_rng(seed).permutation(len(table.y))[:QUICK_ROWS]
    return replace(table, X=table.X.iloc[rows], y=table.y[rows])


def record(
    tables: list[Table],
    models: list[str],
    path: Path,
    args: argparse.Namespace,
    measure: Callable[..., dict[str, Any]] = measure,
) -> pd.DataFrame:
    """Measure what is missing in the file, add each row at once, and return all rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["table", "fold", "model"])
    names = [table.name for table in tables]
    anew = lines["model"].isin(set(args.again) & set(models)) & lines["table"].isin(names)
    if anew.any():
        lines = lines[~anew]
        lines.to_csv(path, index=False, float_format="%.6g")
    done = set(lines[["table", "fold", "model"]].itertuples(index=False, name=None))
    missing = [
        (fold, table, model)
        for fold in range(1 if args.quick else FOLDS)
        for table in tables
        for model in models
        if (table.name, fold, model) not in done
    ]
    for fold, table, model in missing:
        line = {"table": table.name, "task": table.task, "fold": fold, "model": model}
        line |= measure(table, model, *split(table, fold), seed=args.seed, quick=args.quick)
        stamped = study.stamp(pd.DataFrame([line]), seed=args.seed)
        stamped.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.6g")
        print("{table} {fold} {model}: {score:.4f} in {seconds:.1f} s".format(**line), flush=True)
    return pd.read_csv(path)


def with_published(lines: pd.DataFrame, tables: list[Table]) -> pd.DataFrame:
    """Return the rows of these tables, and one for every fold of a published mean."""
    published = [
        {"table": table.name, "task": table.task, "fold": fold, "model": PUBLISHED[name], "score": score}
        for table in tables
        for name, score in table.published.items()
        for fold in range(FOLDS)
    ]
    names = [table.name for table in tables]
    measured = lines[lines["table"].isin(names)].assign(source="measured")
    found = pd.concat([measured, pd.DataFrame(published).assign(source="published")], ignore_index=True)
    orders = {
        "table": names,
        "model": list(dict.fromkeys([*PEERS, *PUBLISHED.values()])),
        "source": ["measured", "published"],
    }
    return found.astype({column: pd.CategoricalDtype(order) for column, order in orders.items()})


def scores(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the mean score and the median costs of every model on every table."""
    costs = {f"ms_{kind}": (f"ms_{kind}", "median") for kind in KINDS}
    groups = lines.groupby(["table", "source", "model", "task"], observed=True)
    return groups.agg(
        folds=("fold", "nunique"), score=("score", "mean"), seconds=("seconds", "median"), **costs
    ).reset_index()


def errors(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the errors, with a row for each fold of a table and a column for each (model, source)."""
    error = lines["score"].where(lines["task"] == "regression", 1 - lines["score"]).clip(lower=LEAST)
    return lines.assign(error=error).pivot(
        index=["table", "fold"], columns=["model", "source"], values="error"
    )


def ratios(errors: pd.DataFrame, model: tuple[str, str], to: tuple[str, str]) -> pd.Series:
    """Return the ratio of two models' mean errors on every table, over their common folds."""
    both = errors[model].notna() & errors[to].notna()
    means = errors[both].groupby(level="table", observed=True).mean()
    return means[model] / means[to]


def duels(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the number of tables on which our forms are at least as good as peers, and error ratios."""
    lines = []
    for form in OURS:
        for peer, source in errors:
            if peer not in OURS and (form, "measured") in errors:
                ratio = ratios(errors, (form, "measured"), (peer, source))
                lines.append(
                    {"model": form, "peer": peer, "source": source, "tables": len(ratio)}
                    | {"at_least_as_good": int((ratio <= 1).sum()), "ratio": gmean(ratio)}
                    | {"best": ratio.min(), "worst": ratio.max()}
                )
    return pd.DataFrame(lines)


def draw(lines: pd.DataFrame, errors: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the error on every table and the cost of an exact explanation, with a row per model."""
    measured = [model for model, source in errors if source == "measured"]
    found = {model: ratios(errors, (model, "measured"), (REFERENCE, "measured")) for model in measured}
    names = sorted((name for name in found if len(found[name])), key=lambda name: gmean(found[name]))
    accuracy, cost = study.panels(ax, 1, 2, sharey=True, width_ratios=(4, 3))[0]
    for y, name in enumerate(names):
        ratio, colour = found[name], MODEL_LOOKS["spectral"].colour if name in OURS else NEUTRAL
        accuracy.scatter(ratio, np.full(len(ratio), y), s=34, color=colour, alpha=0.5, linewidths=0)
        accuracy.plot(2 * [gmean(ratio)], [y - 0.28, y + 0.28], color=colour, linewidth=2.4)
        tables = lines[lines["model"] == name].groupby("table", observed=True)
        known = {kind: tables[f"ms_{kind}"].median().dropna() for kind in KINDS}
        for kind, look in LOOKS.items():
            if len(known[kind]):
                span = [known[kind].min(), known[kind].max()]
                cost.plot(span, [y, y], color=look.colour, alpha=0.4, linewidth=2)
                cost.scatter(
                    known[kind].median(), y, s=60, color=look.colour, marker=look.marker, linewidths=0
                )
        if not any(map(len, known.values())):
            cost.text(0.03, y, "none", transform=cost.get_yaxis_transform(), va="center", color=colour)
    labels = {name: f"spectral, {name}" if name in OURS else name for name in names}
    short = {
        name: f" ({len(found[name])} tables)" for name in names if len(found[name]) < len(found[REFERENCE])
    }
    accuracy.set_yticks(range(len(names)), [labels[name] + short.get(name, "") for name in names])
    accuracy.set_ylim(len(names) - 0.5, -0.5)
    accuracy.axvline(1, color=FAINT, zorder=0)
    accuracy.set_title(f"Error, {len(found[REFERENCE])} tables")
    accuracy.set(xscale="log", xlabel=f"ratio to {REFERENCE} (bars: means)")
    cost.set(xscale="log", xlabel="milliseconds per row", title="Exact explanation")
    cost.tick_params(axis="y", length=0)
    for axis in (accuracy.xaxis, cost.xaxis):
        label_log(axis)
    for panel in (accuracy, cost):
        panel.minorticks_off()
    cost.xaxis.set_major_locator(LogLocator(numticks=4))
    looks = [
        Line2D([], [], color=o.colour, marker=o.marker, linestyle="", markersize=8) for o in LOOKS.values()
    ]
    kinds = ["from the model itself", "path", "Shapley, background"]
    accuracy.figure.legend(looks, kinds, loc="outside lower center", ncols=3)
    return accuracy


def parsed(description: str | None, models: Iterable[str]) -> argparse.Namespace:
    """Return the options of a study of several models on several tables."""
    names = list(models)
    parser = study.arguments(description)
    parser.add_argument("--tables", type=Path, metavar="FOLDER", help="tables and their index.json")
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="tables to measure (default: all)")
    parser.add_argument("--models", nargs="+", choices=names, default=names, help="default: all")
    parser.add_argument("--again", nargs="+", choices=names, default=[], help="models to measure anew")
    return parser.parse_args()


def to_measure(tables: list[Table], only: list[str] | None) -> list[Table]:
    """Return the tables that ``--only`` names, by default all."""
    if unknown := set(only or []) - {table.name for table in tables}:
        raise SystemExit(f"expected --only with names of tables; got {', '.join(sorted(unknown))}")
    return [table for table in tables if only is None or table.name in only]


def main() -> None:
    """Measure, print the means and the duels, save."""
    args = parsed(__doc__, PEERS)
    warnings.simplefilter("ignore", ConvergenceWarning)  # some stop early with their defaults
    tables = [few(table, args.seed) if args.quick else table for table in read(args.tables)]
    chosen = to_measure(tables, args.only)
    models = [model for model in args.models if PEERS[model].installed]
    for model in set(args.models) - set(models):
        print(f"{model} is left out: the package {PEERS[model].package} is not installed.")
    lines = record(chosen, models, args.out / "glass_boxes.csv", args)
    lines = with_published(lines, tables)
    found = errors(lines)
    for name, table in (("glass_boxes_scores", scores(lines)), ("glass_boxes_duels", duels(found))):
        if len(table):
            study.print_table(table)
            study.write_table(name, table, out=args.out, seed=args.seed)
    study.write_figure("glass_boxes", lambda ax: draw(lines, found, ax), out=args.out)


if __name__ == "__main__":
    main()
