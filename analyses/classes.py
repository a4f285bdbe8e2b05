"""Accuracy on tables with more than two classes, compared with gradient boosting and other models.

Every table has five folds, and all models are fitted with their defaults on the same rows (see ``peers.py``).
The scores are the accuracy and the log loss. ``--tables FOLDER`` has NAME.parquet and an index.json as for
``glass_boxes.py``; scikit-learn's wine and digits are always among the tables. Every fit is added to
``classes.csv`` as soon as it is measured, and an interrupted run continues where it stopped.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import study
from glass_boxes import Table, few, parsed, read, record, to_measure
from matplotlib.axes import Axes
from peers import OURS, PEERS
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss

from spectral_interp.plots.style import MODEL_LOOKS, NEUTRAL

MODELS = ("auto", "single", "linear", "HistGB", "XGBoost", "MLP")
REFERENCE = "HistGB"
BUNDLED = {"wine3": load_wine, "digits": load_digits}
MARGIN = 0.01  # half-width of the band of accuracy in the figure


def tables_of(folder: Path | None) -> Iterator[Table]:
    """Yield the tables of a folder and of scikit-learn, small ones first."""
    bundled = BUNDLED | ({} if folder else {"iris": load_iris})
    found = [] if folder is None else list(read(folder, ("multiclass",)))
    for name, load in bundled.items():
        X, y = load(return_X_y=True, as_frame=True)
        found.append(Table(name, "multiclass", X, y.to_numpy()))
    yield from sorted(found, key=lambda table: table.X.size)


def measure(
    table: Table, model: str, train: np.ndarray, test: np.ndarray, *, seed: int, quick: bool
) -> dict[str, Any]:
    """Fit one model on one fold; return its accuracy, its log loss and its seconds."""
    peer, X, X_test = PEERS[model], table.X.iloc[train], table.X.iloc[test]
    start = time.perf_counter()
    fitted = peer.make(table.task, X, seed, **(peer.tiny if quick else {})).fit(X, table.y[train])
    seconds = time.perf_counter() - start
    shares = fitted.predict_proba(X_test)
    return {
        "score": accuracy_score(table.y[test], fitted.predict(X_test)),
        "log_loss": log_loss(table.y[test], shares, labels=np.unique(table.y)),
        "seconds": seconds,
        "inputs": fitted.rungs_[fitted.rungs_["chosen"]]["inputs"].item() if model in OURS else "",
    }


def means(lines: pd.DataFrame, tables: list[Table]) -> pd.DataFrame:
    """Return the means over the folds, with a row for each table and model."""
    names = pd.CategoricalDtype([table.name for table in tables], ordered=True)
    kept = lines[lines["table"].isin(names.categories)]
    groups = kept.astype({"table": names}).groupby(["table", "model"], observed=True)
    found = groups.agg(
        folds=("fold", "nunique"),
        accuracy=("score", "mean"),
        log_loss=("log_loss", "mean"),
        seconds=("seconds", "median"),
    ).reset_index()
    reference = found[found["model"] == REFERENCE].set_index("table")["accuracy"]
    gain = found["accuracy"].to_numpy() - reference.reindex(found["table"]).to_numpy()
    return found.assign(**{f"above_{REFERENCE}": gain})


def draw(table: pd.DataFrame, classes: dict[str, int], ax: Axes) -> Axes:
    """Draw the gain of every model over the reference, with a row per table."""
    names = list(dict.fromkeys(table["table"]))
    ax.axvspan(-100 * MARGIN, 100 * MARGIN, color=NEUTRAL, alpha=0.12, linewidth=0)
    markers = dict(zip(MODELS, "oDs^vP", strict=True))
    for model in (model for model in MODELS if model != REFERENCE):
        own = table[table["model"] == model]
        colour = MODEL_LOOKS["spectral"].colour if model in OURS else NEUTRAL
        ax.scatter(
            100 * own[f"above_{REFERENCE}"],
            [names.index(name) for name in own["table"]],
            s=90 if model == "auto" else 45,
            color=colour,
            alpha=1.0 if model == "auto" else 0.65,
            marker=markers[model],
            label=f"spectral, {model}" if model in OURS else model,
            linewidths=0,
        )
    reference = table[table["model"] == REFERENCE].set_index("table")["accuracy"]
    texts = [f"{name}: {classes[name]} classes\n{REFERENCE} {reference[name]:.1%}" for name in names]
    ax.set_yticks(range(len(names)), texts)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(f"accuracy above {REFERENCE}'s (percentage points)")
    ax.figure.legend(loc="outside lower center", ncols=3)
    return ax


def main() -> None:
    """Measure, print the means, save."""
    args = parsed(__doc__, MODELS)
    warnings.simplefilter("ignore", ConvergenceWarning)  # some stop early with their defaults
    tables = [few(table, args.seed) if args.quick else table for table in tables_of(args.tables)]
    chosen = to_measure(tables, args.only)
    models = [model for model in args.models if PEERS[model].installed]
    lines = record(chosen, models, args.out / "classes.csv", args, measure)
    found = means(lines, tables)
    study.print_table(found)
    study.write_table("classes_means", found, out=args.out, seed=args.seed)
    classes = {table.name: len(np.unique(table.y)) for table in tables}
    study.write_figure("classes", lambda ax: draw(found, classes, ax), out=args.out)


if __name__ == "__main__":
    main()
