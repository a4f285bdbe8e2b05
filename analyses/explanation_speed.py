"""How fast are the explanations, and do they add up? Ours against SHAP's explainers and Captum, one model.

A tridiagonal model of dimension 15 is trained on the California housing table (8 columns), and single rows
are explained against a background of 100 training rows: ours explain 20 rows, each in a call of its own, the
others one of them. SHAP's explainers call the model as a function: once with the published forward, SciPy's
``eigh_tridiagonal`` row by row, and once with ours. Captum's integrated gradients with 50 steps take all 100
(row, reference) pairs of a row as one batch. All contestants take turns in one process; medians. The
completeness gap is the largest difference between a prediction and base value plus contributions, as a share
of the spread (largest less smallest) of the test predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import published
import shap
import study
import torch
from captum.attr import IntegratedGradients
from matplotlib.axes import Axes

from spectral_interp import Pencil, SpectralRegressor, explain, plots
from spectral_interp.eigen import kth_eigenvalue
from spectral_interp.tables.reading import read_table, split_target

STEPS = 50
ROUNDING = 1e-12  # a completeness gap below this share of the spread is called none
ROWS = 20  # that ours explain, each in a call of its own
COLUMNS = {"local": "ours: local", "path": "ours: path", "shapley": "ours: exact Shapley"}
KERNEL, PERMUTATION, EXACT = "shap Kernel", "shap Permutation", "shap Exact"
CAPTUM = f"Captum IG, {STEPS} steps"
PUBLISHED, OURS = "published forward", "our forward"

ASKED = [  # ours, contestant, forward, times faster at least
    ("shapley", KERNEL, PUBLISHED, 100),
    ("shapley", KERNEL, OURS, 8),
    ("path", CAPTUM, PUBLISHED, 10),
]


@dataclass(frozen=True)
class Task:
    """A pencil, rows to explain (n, p), a background (b, p) and the spread of the test predictions."""

    pencil: Pencil
    z: np.ndarray
    background: np.ndarray
    spread: float


def torch_forward(pencil: Pencil, solve: Callable) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the model as a differentiable function of features."""
    diag, off = torch.tensor(pencil.diag), torch.tensor(pencil.off)
    return lambda z: solve(diag[0] + z @ diag[1:], off[0] + z @ off[1:], pencil.k)


def california(args) -> Task:
    """Train on California housing; rows of the test table, background of the training table."""
    data = study.california(args)
    est = SpectralRegressor(dim=15, log=data.log, random_state=args.seed, form="single").fit(data.X, data.y)
    print(f"R² on the test rows: {est.score(data.X_test, data.y_test):.3f}")
    return task_of(est, data.X_test, n_rows=ROWS, n_background=100, seed=args.seed)


def small(args) -> Task:
    """Return a small task from a bundled table."""
    X, y = split_target(read_table("diabetes"), "progression", "diabetes")
    X = X[["age", "bmi", "bp", "s5"]]
    est = SpectralRegressor(dim=5, n_epochs=10, random_state=args.seed, form="single").fit(X, y)
    return task_of(est, X, n_rows=4, n_background=10, seed=args.seed)


def task_of(est: SpectralRegressor, X: pd.DataFrame, *, n_rows: int, n_background: int, seed: int) -> Task:
    """Draw rows to explain."""
    z = est.encode(X)
    rows = np.random.default_rng(seed).choice(len(z), n_rows, replace=False)
    background = est.encode(est.background_)[:n_background]
    return Task(est.pencil_, z[rows], background, float(np.ptp(est.pencil_.values(z))))


def ours(task: Task, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Return contributions and base values of all rows by one of our methods, row by row."""
    found = [explain(task.pencil, z, method=method, background=task.background) for z in task.z[:, None]]
    return np.concatenate([att.values for att in found]), np.concatenate([att.base_values for att in found])


def by_shap(task: Task, name: str, values: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Return contributions and base value of the first row by one of SHAP's explainers."""
    row = task.z[:1]
    if name == KERNEL:
        explainer = shap.KernelExplainer(values, task.background, silent=True)
        return explainer.shap_values(row, silent=True), np.atleast_1d(explainer.expected_value)
    masker = shap.maskers.Independent(task.background, max_samples=len(task.background))
    kind = shap.ExactExplainer if name == EXACT else shap.PermutationExplainer
    explanation = kind(values, masker)(row, silent=True)
    return explanation.values, np.atleast_1d(explanation.base_values)


def by_captum(task: Task, forward: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Return contributions of the first row, averaged over the background rows, and the base value."""
    references = torch.tensor(task.background)
    rows = torch.tensor(task.z[:1]).expand_as(references).clone()
    values = IntegratedGradients(forward).attribute(rows, references, n_steps=STEPS)
    return values.mean(dim=0, keepdim=True).numpy(), task.pencil.values(task.background).mean(keepdims=True)


def contestants(task: Task) -> dict[tuple[str, str], Callable]:
    """Return a call per (method, forward)."""
    forwards = {PUBLISHED: lambda z: published.eigenvalues(task.pencil, z), OURS: task.pencil.values}
    solvers = {PUBLISHED: published.Eigenvalue.apply, OURS: kth_eigenvalue}
    calls: dict[tuple[str, str], Callable] = {
        (label, OURS): lambda method=method: ours(task, method) for method, label in COLUMNS.items()
    }
    for forward, values in forwards.items():
        for name in (KERNEL, PERMUTATION, EXACT):
            calls[name, forward] = lambda name=name, values=values: by_shap(task, name, values)
        model = torch_forward(task.pencil, solvers[forward])
        calls[CAPTUM, forward] = lambda model=model: by_captum(task, model)
    return calls


def measure(task: Task, *, seconds: float) -> pd.DataFrame:
    """Return one line per contestant: milliseconds per row and per pair, and the worst gap."""
    calls = contestants(task)
    times = study.interleave(calls, seconds=seconds)
    prediction = task.pencil.values(task.z)
    lines = []
    for (name, forward), call in calls.items():
        values, base = call()
        mine = name in COLUMNS.values()
        rows = len(task.z) if mine else 1
        target = prediction if mine else prediction[:1]
        ms = 1e3 * times[name, forward] / rows
        lines.append(
            {
                "method": name,
                "forward": forward,
                "ms_per_row": ms,
                "us_per_pair": 1e3 * ms / len(task.background),
                "worst_gap": np.abs(base + values.sum(axis=1) - target).max() / task.spread,
            }
        )
    return pd.DataFrame(lines)


def _plain(ms: float) -> str:
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}"


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw milliseconds per row, a bar per contestant, coloured by whose code evaluates the model."""
    who = table["forward"].mask(table["method"].isin(COLUMNS.values()), "ours")
    for (name, bars), colour in zip(table.groupby(who, sort=False), plots.COLOURS, strict=False):
        ax.barh(bars.index, bars["ms_per_row"], color=colour, label=name)
    ax.set_yticks(table.index, table["method"].str.removeprefix("ours: "))
    ax.invert_yaxis()
    for i, line in table.iterrows():
        gap = "adds up" if line["worst_gap"] < ROUNDING else f"off by up to {100 * line['worst_gap']:.2g}%"
        ax.annotate(f" {_plain(line['ms_per_row'])} ms, {gap}", (line["ms_per_row"], i), va="center")
    ax.set(xscale="log", xlabel="milliseconds per row", title="One row against the background")
    ax.set_xticks(10.0 ** np.arange(-2, 5), ["0.01", "0.1", "1", "10", "100", "1,000", "10,000"])
    ax.minorticks_off()
    ax.set_xlim(0.3 * table["ms_per_row"].min(), 1e3 * table["ms_per_row"].max())
    ax.legend(loc="upper center", bbox_to_anchor=(0.35, -0.13), ncols=3)
    return ax


def main() -> None:
    """Measure, print, save, and compare with what was asked."""
    args = study.housing_arguments(__doc__).parse_args()
    task = small(args) if args.quick else california(args)
    table = measure(task, seconds=0.2 if args.quick else 60.0)
    study.save("explanation_speed", table, lambda ax: draw(table, ax), out=args.out, seed=args.seed)
    times = table.set_index(["method", "forward"])["ms_per_row"]
    for method, name, forward, asked in ASKED:
        ratio = times[name, forward] / times[COLUMNS[method], OURS]
        print(f"{COLUMNS[method]}: {ratio:.0f}× faster than {name}, {forward} (asked {asked}×)")


if __name__ == "__main__":
    main()
