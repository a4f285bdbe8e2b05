"""Tightness of proven ranges, and the cost of tightening them.

A box is one standard deviation wide in the strongest one, two or four columns of numbers around a test row;
the other columns are fixed. ``ratio`` is the width of the proven range divided by that of the attained range,
which is at most the true one: the median over the rows; ``worst`` is the largest. Branch and bound may bound
``boxes`` boxes, and stops at a ratio of 1.001.

It is compared with bounds that need no search: *interval arithmetic* on the entries of the matrices (the norm
of their radii, by Weyl's inequality), the *Lipschitz constant* times the diagonal of the box, and the
steepest proven *slopes of the columns* times the widths.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import study
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spectral_interp import SpectralClassifier, SpectralRegressor, certify, explain, plots
from spectral_interp.boxes.limits import Region, free_columns
from spectral_interp.boxes.ranges import coordinates
from spectral_interp.certificates import Certificate
from spectral_interp.plots.style import FAINT, NEUTRAL
from spectral_interp.view import rows_of

SEARCH = "branch and bound"
BUDGETS, QUICK_BUDGETS = (1, 10, 100, 1000), (1, 10)
WIDTHS = (1, 2, 4)  # columns that move
HALF = 0.5  # standard deviations on either side of a row
ROWS, QUICK_ROWS = 10, 2
TIGHT = 1e-3
COLOURS = dict(zip(WIDTHS, plots.COLOURS, strict=False))
AT_ONCE = 0.2  # position of bounds without boxes in the figure
MARKERS = {"interval arithmetic": "x", "Lipschitz constant": "^", "slopes of columns": "s"}
Limits = dict[str, tuple[float, float]]


def models(args: argparse.Namespace) -> Iterator[tuple[study.Task, str, Any]]:
    """Yield every task with a fitted model of each form."""
    for name in ["diabetes"] if args.quick else ["diabetes", "breast_cancer", "california"]:
        task = study.california(args) if name == "california" else study.bundled(name, args.seed)
        kind = SpectralClassifier if name == "breast_cancer" else SpectralRegressor
        for form in ("single", "sum"):
            options = {"members": 1} if args.quick and form == "sum" else {}
            est = kind(form=form, log=task.log, random_state=args.seed, **options)
            yield task, form, est.fit(task.X, task.y)


def limits_about(cert: Certificate, row: pd.DataFrame, columns: list[str]) -> Limits:
    """Return limits of columns, one standard deviation wide around a row."""
    found = {}
    for name in columns:
        axis = cert.view.axis(name)
        ends = axis.values(axis.coordinates(row[name].to_numpy()) + np.array([-HALF, HALF]))
        found[name] = (float(ends[0]), float(ends[1]))
    return found


def at_once(cert: Certificate, row: pd.DataFrame, limits: Limits) -> dict[str, float]:
    """Return the widths of the ranges proven without a search."""
    view, rows = cert.view, rows_of(cert.model, row)
    region = Region(view, free_columns(view, limits, rows), coordinates(view, rows))
    _, parts = region.parts([region.root])
    radii = sum((np.abs(part.nodes).max(axis=1) for part in parts), np.zeros(1))
    slopes = cert.columns().set_index("column").loc[list(limits), ["low", "high"]]
    return {
        "interval arithmetic": 2 * float(view.function.neurons.norms(radii).sum()),
        "Lipschitz constant": 2 * HALF * cert.lipschitz * float(np.sqrt(len(limits))),
        "slopes of columns": 2 * HALF * float(slopes.abs().max(axis=1).sum()),
    }


def of_a_box(cert: Certificate, row: pd.DataFrame, limits: Limits, budgets: Any) -> Iterator[dict[str, Any]]:
    """Yield the width of every method's proven range, divided by that of the attained range."""
    searched = {}
    for boxes in budgets:
        start = time.process_time()
        found = cert.range(limits, row, rtol=TIGHT, max_evaluations=boxes)
        searched[boxes] = found.high - found.low, time.process_time() - start, found.evaluations
        attained = found.attained_high - found.attained_low
    for boxes, (width, seconds, bounded) in searched.items():
        line = {"method": SEARCH, "boxes": boxes, "bounded": bounded, "seconds": seconds}
        yield line | {"ratio": width / attained}
    for method, width in at_once(cert, row, limits).items():
        yield {"method": method, "boxes": 0, "ratio": width / attained}


def measure(args: argparse.Namespace) -> pd.DataFrame:
    """Return the ratios of all boxes."""
    budgets, n = (QUICK_BUDGETS, QUICK_ROWS) if args.quick else (BUDGETS, ROWS)
    lines = []
    for task, form, est in models(args):
        X, cert = task.X_test, certify(est)
        strength = np.abs(explain(est, X, method="local").values).mean(axis=0)
        numbers = [cert.view.columns[at] for at in np.argsort(-strength) if cert.view.axes[at].sloped]
        for place in range(n):
            row = X.iloc[[place]]
            for width in WIDTHS:
                for line in of_a_box(cert, row, limits_about(cert, row, numbers[:width]), budgets):
                    lines.append({"data": task.name, "form": form, "columns": width} | line)
    return summary(pd.DataFrame(lines))


def summary(lines: pd.DataFrame) -> pd.DataFrame:
    """Return medians over the rows, the largest ratio and the largest time."""
    groups = lines.groupby(["data", "form", "columns", "method", "boxes"], sort=False)
    return groups.agg(
        rows=("ratio", "size"),
        ratio=("ratio", "median"),
        worst=("ratio", "max"),
        bounded=("bounded", "median"),
        seconds=("seconds", "median"),
        slowest=("seconds", "max"),
    ).reset_index()


def draw(ax: Axes, table: pd.DataFrame) -> Axes:
    """Draw the ratio against the number of boxes, one panel per table and form."""
    data, forms = table["data"].unique().tolist(), table["form"].unique().tolist()
    grid = study.panels(ax, len(forms), len(data), sharex=True, sharey=True)
    for (form, name), own in table.groupby(["form", "data"], sort=False):
        panel = grid[forms.index(form), data.index(name)]
        for width, some in own.groupby("columns"):
            _draw_width(panel, some, COLOURS[width])
        panel.axhline(1.0, color=FAINT, linewidth=1, zorder=0)
        panel.set(xscale="log", yscale="log")
        panel.set_title(f"{name}, {form}", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.set_xticks([AT_ONCE, *BUDGETS], ["none", *(f"{boxes:,}" for boxes in BUDGETS)], minor=False)
        panel.set_yticks([1, 2, 5, 10, 100], ["1", "2", "5", "10", "100"], minor=False)
        panel.minorticks_off()
    figure = grid[0, 0].figure
    figure.supxlabel("boxes bounded, at most", fontsize=10)
    figure.supylabel("width of the range, proven / attained", fontsize=10)
    looks = [Line2D([], [], color=colour, marker="o", markersize=3) for colour in COLOURS.values()]
    looks += [
        Line2D([], [], color=NEUTRAL, marker=m, linestyle="none", markersize=4) for m in MARKERS.values()
    ]
    labels = [f"{width} column{'s' * (width > 1)} move" for width in COLOURS]
    figure.legend(looks, [*labels, *MARKERS], loc="outside upper center", ncols=3, fontsize=8)
    return grid[0, 0]


def _draw_width(panel: Axes, some: pd.DataFrame, colour: str) -> None:
    search = some[some["method"] == SEARCH]
    panel.plot(search["boxes"], search["ratio"], color=colour, marker="o", markersize=3)
    for method, marker in MARKERS.items():
        panel.plot(
            AT_ONCE,
            some.loc[some["method"] == method, "ratio"].iloc[0],
            color=colour,
            marker=marker,
            markersize=4,
        )


def main() -> None:
    """Measure, write the table and draw the figure."""
    args = study.housing_arguments(__doc__).parse_args()
    table = measure(args)
    study.save("boxes", table, lambda ax: draw(ax, table), out=args.out, seed=args.seed, height=5.6)


if __name__ == "__main__":
    main()
