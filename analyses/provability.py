"""The cost of narrower certified intervals: held-out error against proven width.

A single neuron is fitted with several strengths of ``provability=`` on the same splits of every table, and
also with ``norm_penalty=``, which shrinks slopes too. The error is the RMSE of the target. The width is the
sum over the features of ``λ_max(A_i) − λ_min(A_i)``, the length of the proven interval of a slope. Both are
in standard deviations of the target. ``observed`` is the same sum for the ranges of the slopes at the test
rows, and ``directions`` the share of the columns whose direction is proven.

The tables are scikit-learn's diabetes; California housing, if its files are given; and bike sharing of
``--tables FOLDER`` (see ``glass_boxes.py``). Of larger tables, 4,000 rows are drawn. A quarter of the rows is
held out.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import study
from glass_boxes import read
from matplotlib.axes import Axes
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from spectral_interp import SpectralRegressor, certify
from spectral_interp.plots.style import MODEL_LOOKS, WHOLE, label_log
from spectral_interp.view import rows_of

ROWS, SPLITS = 4_000, 4
STRENGTHS = {
    "provability": (0.0, 0.001, 0.002, 0.003, 0.01, 0.03),
    "norm_penalty": (0.001, 0.003, 0.01, 0.03),
}
QUICK = {"provability": (0.0, 0.01), "norm_penalty": (0.01,)}
LOOKS = {"provability": (MODEL_LOOKS["spectral"].colour, "o", "-"), "norm_penalty": (WHOLE, "s", "--")}


def tables(args: argparse.Namespace) -> Iterator[tuple[str, pd.DataFrame, np.ndarray]]:
    """Yield names, columns and targets."""
    for table in read(None, ("regression",)):
        if table.task == "regression":
            yield table.name, table.X, table.y
    if args.quick:
        return
    if args.train is not None:
        task = study.california(args)
        yield task.name, task.X, task.y.to_numpy(float)
    if args.tables is not None:
        yield from ((table.name, table.X, table.y) for table in read(args.tables) if table.name == "bike")


def measure(
    X: pd.DataFrame, y: np.ndarray, penalty: str, strength: float, split: int, *, quick: bool
) -> dict[str, Any]:
    """Fit a neuron on three quarters of the rows; return its error on the others, and its proven slopes."""
    warnings.simplefilter("ignore")  # about levels that only held-out rows have
    X, X_test, y, y_test = train_test_split(X, y, random_state=split)
    options = {"n_epochs": 20, "dim": 5} if quick else {}
    est = SpectralRegressor(form="single", random_state=split, **{penalty: strength}, **options).fit(X, y)
    low, high = (bound / y.std() for bound in est.pencil_.neurons.extremes(est.pencil_.neurons.entries[1:]))
    slopes = est.pencil_.values_and_gradients(rows_of(est, X_test).z)[1] / y.std()
    return {
        "error": root_mean_squared_error(y_test, est.predict(X_test)) / y.std(),
        "width": float((high - low).sum()),
        "observed": float(np.ptp(slopes, axis=0).sum()),
        "directions": float((certify(est).columns()["monotone"] != 0).mean()),
    }


def measured(args: argparse.Namespace) -> pd.DataFrame:
    """Return a row per table, penalty, strength and split."""
    lines = []
    strengths, splits = (QUICK, 1) if args.quick else (STRENGTHS, SPLITS)
    for name, X, y in tables(args):
        some = np.random.default_rng(args.seed).permutation(len(X))[:ROWS]
        names = [
            {"penalty": penalty, "strength": strength, "split": split}
            for penalty, values in strengths.items()
            for strength in values
            for split in range(args.seed, args.seed + splits)
        ]
        jobs = [{"X": X.iloc[some], "y": y[some], "quick": args.quick} | job for job in names]
        found = study.in_parallel(measure, jobs, cores=1 if args.quick else -1)
        lines += [
            {"table": name, "rows": len(some)} | job | line for job, line in zip(names, found, strict=True)
        ]
    return pd.DataFrame(lines)


def means(lines: pd.DataFrame) -> pd.DataFrame:
    """Return means over the splits, and errors and widths relative to those without a penalty."""
    keys = ["table", "penalty", "strength"]
    found = lines.groupby(keys, sort=False)[["error", "width", "observed", "directions"]].mean().reset_index()
    free = found[found["strength"] == 0].set_index("table")
    for name in ("error", "width"):
        found[f"{name}_ratio"] = found[name] / found["table"].map(free[name])
    return found


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the relative error against the relative width, with a panel for every table."""
    names = list(dict.fromkeys(table["table"]))
    axes = study.panels(ax, 1, len(names), sharey=True)[0]
    for panel, name in zip(axes, names, strict=True):
        own = table[table["table"] == name]
        free = own[own["strength"] == 0]
        for penalty, (colour, marker, line) in LOOKS.items():
            curve = pd.concat([free, own[(own["penalty"] == penalty) & (own["strength"] > 0)]])
            label = penalty if panel is axes[0] else None
            look = {"color": colour, "marker": marker, "linestyle": line, "label": label}
            panel.plot(100 * curve["width_ratio"], 100 * curve["error_ratio"], **look)
        panel.set_xscale("log")
        label_log(panel.xaxis)
        panel.axhline(100, color=WHOLE, linewidth=0.8, zorder=0)
        panel.set(title=name, xlabel="proven width (%)")
    axes[0].set_ylabel("held-out error (%)")
    axes[0].figure.legend(loc="outside lower center", ncols=2)
    return axes[0]


def main() -> None:
    """Measure, print, save."""
    parser = study.housing_arguments(__doc__)
    parser.add_argument("--tables", type=Path, metavar="FOLDER", help="tables and their index.json")
    args = parser.parse_args()
    lines = measured(args)
    table = means(lines)
    study.print_table(table)
    study.write_table("provability", lines, out=args.out, seed=args.seed)
    study.write_figure("provability", lambda ax: draw(table, ax), out=args.out, height=3.6)


if __name__ == "__main__":
    main()
