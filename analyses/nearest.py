"""Distances of the nearest changes found, and how often a search without proofs misses a nearer one.

The aim for every row is another class, or a prediction beyond the mean of all. The distance is the sum of the
changes in standard deviations of the columns (of their logarithms where these are used), which stay within
the range of training; whole numbers stay whole. ``ratio`` is the distance divided by ours, ``bound`` our
distance divided by the proven lower bound.

Our search is compared with the best of 1,000 *random restarts* (points of the region that reach the target,
moved back towards the row as far as they still reach it, first in all columns together, then one by one in
random order) and with the genetic and the random method of DiCE (``dice-ml``, if installed). ``missed`` is
the share of rows for which a method found nothing, or nothing within a thousandth of our distance.
"""

from __future__ import annotations

import argparse
import importlib
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import boxes
import numpy as np
import pandas as pd
import study
from matplotlib.axes import Axes

from spectral_interp import counterfactual, plots
from spectral_interp.boxes.ranges import coordinates
from spectral_interp.nearest.allowed import allowed_columns
from spectral_interp.nearest.goals import Goal, goal_of
from spectral_interp.nearest.moves import Norm
from spectral_interp.plots.style import NEUTRAL
from spectral_interp.view import ModelView

OURS, RESTARTS = "branch and bound", "1,000 random restarts"
DICE = {"DiCE, genetic": "genetic", "DiCE, random": "random"}
ROWS, SUM_ROWS, DICE_ROWS, QUICK_ROWS = 50, 20, 10, 2
STARTS, QUICK_STARTS, HALVINGS = 1000, 50, 30
SAME = 1e-3
COLOURS = dict(zip((OURS, RESTARTS, *DICE), plots.COLOURS, strict=False))


class Restarts:
    """Best of random points that are moved back to a row."""

    def __init__(self, est: Any, row: pd.DataFrame, target: Any, *, starts: int, seed: int) -> None:
        self.goal, rows = goal_of(est, row, target, None, None)
        self.view: ModelView = rows.view
        self.row, self.rng, self.starts = coordinates(rows.view, rows), np.random.default_rng(seed), starts
        self.free = allowed_columns(rows.view, self.row, rows, (), None, None)
        self.places = [column.place for column in self.free]

    def reached(self, u: np.ndarray) -> np.ndarray:
        """Return whether points (m, free) reach the target."""
        rows = np.repeat(self.row[None], len(u), axis=0)
        rows[:, self.places] = u
        z = self.view.placed(rows)
        return np.all([view.values(z) >= 0 for view in self.goal.conditions], axis=0)

    def distance(self) -> float:
        """Return the smallest distance of a point that reaches the target; inf if none does."""
        start = self.row[self.places]
        low, high = np.array([[column.whole.low, column.whole.high] for column in self.free]).T
        points = self.legal(low + self.rng.random((self.starts, len(start))) * (high - low))
        points = points[self.reached(points)]
        if not len(points):
            return float("inf")
        points = self.back(points, np.ones(len(start), dtype=bool))
        for at in self.rng.permutation(len(start)):
            points = self.back(points, np.arange(len(start)) == at)
        return float(Norm("scaled l1").total(np.abs(points - start)).min())

    def back(self, points: np.ndarray, some: np.ndarray) -> np.ndarray:
        """Return points with some columns moved towards the row by bisection."""
        start = self.row[self.places]
        near, far = np.zeros(len(points)), np.ones(len(points))
        best = points.copy()
        for step in range(HALVINGS):
            share = near if step == 0 else (near + far) / 2
            tried = self.legal(np.where(some, start + share[:, None] * (points - start), points))
            good = self.reached(tried)
            best[good] = tried[good]
            far, near = np.where(good, share, far), np.where(good, near, share)
        return best

    def legal(self, u: np.ndarray) -> np.ndarray:
        """Return points with whole numbers rounded."""
        columns = [
            column.axis.coordinates(column.values(own)) for column, own in zip(self.free, u.T, strict=True)
        ]
        return np.column_stack(columns)


def dice(est: Any, X: pd.DataFrame, row: pd.DataFrame, goal: Goal, method: str, seed: int) -> float:
    """Return the distance of DiCE's answer; inf if it has none."""
    package = importlib.import_module("dice_ml")
    classes = goal.label is not None
    predicted = est.predict(X)
    table = X.assign(target=predicted if not classes else (predicted == est.classes_[1]).astype(int))
    data = package.Data(dataframe=table, continuous_features=list(X), outcome_name="target")
    model = package.Model(model=est, backend="sklearn", model_type="classifier" if classes else "regressor")
    wanted: dict[str, Any] = {"desired_class": "opposite"} if classes else {}
    if not classes:
        ends = [float(np.clip(end, table["target"].min(), table["target"].max())) for end in goal.ends]
        wanted = {"desired_range": ends}
    options = {"random_seed": seed} if method == "random" else {}
    np.random.seed(seed)  # noqa: NPY002 -- the genetic method has no seed of its own
    try:
        found = package.Dice(data, model, method=method).generate_counterfactuals(
            row, total_CFs=1, verbose=False, **wanted, **options
        )
        answer = found.cf_examples_list[0].final_cfs_df[list(X)].astype(float)
    except Exception:
        return float("inf")
    ends = [
        np.array([axis.coordinates(some[axis.name].to_numpy())[0] for axis in est.view().axes])
        for some in (answer, row)
    ]
    distance = float(np.abs(ends[0] - ends[1]).sum())
    seen = est.predict(answer)[0]
    return distance if goal.met(seen if classes else float(seen)) else float("inf")


def contestants(
    est: Any, task: study.Task, row: pd.DataFrame, target: Any, args: argparse.Namespace, *, with_dice: bool
) -> Iterator[tuple[str, float, float, float]]:
    """Yield the name of every method, its distance, its proven lower bound, and its seconds."""
    start = time.process_time()
    found = counterfactual(est, row, target=target)
    yield OURS, found.distance, found.lower, time.process_time() - start
    start = time.process_time()
    search = Restarts(est, row, target, starts=QUICK_STARTS if args.quick else STARTS, seed=args.seed)
    yield RESTARTS, search.distance(), 0.0, time.process_time() - start
    for name, method in DICE.items() if with_dice else ():
        start = time.process_time()
        yield name, dice(est, task.X, row, search.goal, method, args.seed), 0.0, time.process_time() - start


def measure(args: argparse.Namespace) -> pd.DataFrame:
    """Return a table with a line for every row and method."""
    lines, installed = [], find_spec("dice_ml") is not None and not args.quick
    for task, form, est in boxes.models(args):
        X = task.X_test
        regression = task.name != "breast_cancer"
        middle = float(np.mean(est.predict(X))) if regression else None
        rows = QUICK_ROWS if args.quick else SUM_ROWS if (task.name, form) == ("california", "sum") else ROWS
        for place in range(rows):
            row = X.iloc[[place]]
            case = {"data": task.name, "form": form, "row": row.index[0]}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = list(
                    contestants(est, task, row, middle, args, with_dice=installed and place < DICE_ROWS)
                )
            own = found[0][1]
            for name, distance, lower, seconds in found:
                numbers = {"distance": distance, "lower": lower, "seconds": seconds, "ratio": distance / own}
                lines.append(case | {"method": name} | numbers)
    return pd.DataFrame(lines)


def summary(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the results of every method, by table and form."""
    lines = lines.assign(
        missed=~(lines["ratio"] <= 1 + SAME),
        nearer=lines["ratio"] < 1 - SAME,
        bound=(lines["distance"] / lines["lower"]).where(lines["method"] == OURS),
    )
    lines["tight"] = (lines["bound"] <= 1.1 + 1e-9).where(lines["method"] == OURS)
    groups = lines.groupby(["data", "form", "method"], sort=False)
    return groups.agg(
        rows=("row", "size"),
        ratio=("ratio", "median"),
        worst=("ratio", "max"),
        missed=("missed", "mean"),
        nearer=("nearer", "mean"),
        bound=("bound", "median"),
        tight=("tight", "mean"),
        seconds=("seconds", "median"),
        slowest=("seconds", "max"),
    ).reset_index()


def draw(ax: Axes, lines: pd.DataFrame) -> Axes:
    """Draw the distances relative to ours, and our proven bounds, by row."""
    cases = list(dict.fromkeys(zip(lines["data"], lines["form"], strict=True)))
    names = [OURS, *(name for name in COLOURS if name != OURS and name in set(lines["method"]))]
    for at, (data, form) in enumerate(cases):
        case = lines[(lines["data"] == data) & (lines["form"] == form)]
        for place, name in enumerate(names):
            own = case[case["method"] == name]
            values = own["lower"] / own["distance"] if name == OURS else own["ratio"]
            height = at + 0.6 * (place / len(names) - 0.4)
            found = values[np.isfinite(values)]
            ax.plot(found, np.full(len(found), height), "o", color=COLOURS[name], markersize=3, alpha=0.5)
    ax.axvline(1.0, color=NEUTRAL, linewidth=1)
    ax.set_yticks(range(len(cases)), [f"{data}, {form}" for data, form in cases])
    ax.invert_yaxis()
    ax.set(xscale="log", xlabel="distance / that of our nearest change")
    ticks = [0.1, 0.5, 1, 2, 5, 10, 100]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    ax.minorticks_off()
    for name in names:
        label = "our proven bound" if name == OURS else name
        ax.plot([], [], "o", color=COLOURS[name], markersize=4, label=label)
    ax.figure.legend(loc="outside upper center", ncols=len(names), fontsize=9)
    return ax


def main() -> None:
    """Measure, write the tables and draw the figure."""
    args = study.housing_arguments(__doc__).parse_args()
    lines = measure(args)
    table = summary(lines)
    study.save("nearest", table, lambda ax: draw(ax, lines), out=args.out, seed=args.seed, height=4.2)
    study.write_table("nearest_rows", lines, out=args.out, seed=args.seed)


if __name__ == "__main__":
    main()
