"""Speed and completeness of our explanations, compared with SHAP's, Captum's and other models'.

Two models are trained on the California housing table (8 columns): one neuron of order 15, and a sum. Rows
are explained against a background of 100 training rows, with one row and with 1,000 rows per call, on one
thread and on two. SHAP's explainers call a model as a function: the single neuron once with the published
forward, SciPy's ``eigh_tridiagonal`` row by row, and once with ours; the sum by its ``predict``. Captum's
integrated gradients with 50 steps process all 100 (row, reference) pairs of a row as one batch. All methods
start from encoded features for the single neuron, and from the table for the sum, except Captum. Explanations
of other models of the same table are Tree SHAP of XGBoost against the same background, by SHAP and by
WOODELF, and the terms of an EBM. All contestants take turns in one process, and times are medians. The
completeness gap is the largest difference between a prediction and base value plus contributions, as a share
of the spread (largest minus smallest) of the predictions of the test rows.

``explanation_speed_large.csv`` has predictions and local explanations of 10⁶ rows: nanoseconds per row and
neuron, those of 16 bare Sturm sweeps over matrices of the same order, and the peak memory above that before
the call, including results.
"""

from __future__ import annotations

import importlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import peers
import published
import shap
import solver_speed
import study
import torch
from captum.attr import IntegratedGradients
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spectral_interp import SpectralRegressor, explain, plots
from spectral_interp.eigen import engine, kth_eigenvalue
from spectral_interp.view import ModelView

STEPS = 50
SINGLE_PRECISION = 1e-5  # share of the spread below which a completeness gap is not drawn
ROWS = 20  # rows that our methods explain in separate calls
SINGLE, SUM, TREES, TERMS = "single neuron", "sum of neurons", "XGBoost", "EBM"
OTHERS = "other models"
METHODS = {"local": "local", "path": "path", "exact Shapley": "shapley"}
KERNEL, PERMUTATION, EXACT = "SHAP Kernel", "SHAP Permutation", "SHAP Exact"
CAPTUM, TREE, WOODELF = f"Captum IG, {STEPS} steps", "SHAP Tree", "WOODELF"
TOOLKIT, OWN_FORWARD, PUBLISHED, OTHER = "our method", "our forward", "published forward", "another model"
COLOURS = dict(zip((TOOLKIT, OWN_FORWARD, PUBLISHED, OTHER), plots.COLOURS, strict=False))

ASKED = [  # our method, contestant, its evaluation of the single neuron, required speed ratio
    ("path", CAPTUM, PUBLISHED, 20),
    ("path", CAPTUM, OWN_FORWARD, 5),
    ("exact Shapley", KERNEL, PUBLISHED, 200),
    ("exact Shapley", KERNEL, OWN_FORWARD, 4),
]

Found = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Contributions, base values and predictions of the explained rows."""


@dataclass(frozen=True)
class Task:
    """Training table and target, rows to explain, both fitted forms, and whether peers are tiny."""

    X: pd.DataFrame
    y: np.ndarray
    rows: pd.DataFrame
    fitted: dict[str, SpectralRegressor]
    quick: bool
    seed: int


@dataclass(frozen=True)
class Contestant:
    """A way to explain rows of a model, with the number of rows per call and of threads.

    ``rows`` is the number of all explained rows, and ``spread`` the spread of the model's predictions.
    """

    model: str
    method: str
    by: str
    a_call: int
    threads: int
    rows: int
    spread: float
    explain: Callable[[], Found]

    def __call__(self) -> Found:
        """Explain with the given number of threads."""
        torch.set_num_threads(self.threads)
        return self.explain()

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """Identification of the contestant."""
        return self.model, self.method, self.by, self.a_call, self.threads


def california(args) -> Task:
    """Return a task for rows of the test table, with both forms fitted on California housing."""
    data = study.california(args)
    options = {SINGLE: {"form": "single", "dim": 15}, SUM: {"form": "sum"}}
    return task_of(data.X, data.y, data.X_test, options, args, log=data.log, n_background=100)


def small(args) -> Task:
    """Return a task with both forms fitted on four columns of a bundled table."""
    data = study.bundled("diabetes", args.seed)
    X, X_test = (table[["age", "bmi", "bp", "s5"]] for table in (data.X, data.X_test))
    options = {SINGLE: {"form": "single", "dim": 9, "n_epochs": 5}, SUM: {"form": "sum", "members": 1}}
    return task_of(X, data.y, X_test[:30], options, args, n_background=10)


def task_of(X, y, X_test, options, args, *, n_background: int, **shared) -> Task:
    """Return a task with the forms fitted, with small backgrounds."""
    fitted = {}
    for name, own in options.items():
        est = SpectralRegressor(random_state=args.seed, **shared, **own).fit(X, y)
        est.background_ = est.background_[:n_background]
        fitted[name] = est
    rows = X_test.sample(min(1000, len(X_test)), random_state=args.seed)
    return Task(X, np.asarray(y, float), rows, fitted, args.quick, args.seed)


# ------------------------------------------------------------------------------------------------ contestants


def ours(task: Task, model: str) -> Iterator[Contestant]:
    """Yield our methods, with one row per call and with all rows in one call."""
    est = task.fitted[model]

    def explained(method: str, tables: list[Any]) -> Found:
        found = [explain(est, table, method=method) for table in tables]
        return tuple(
            np.concatenate([getattr(att, name) for att in found])
            for name in ("values", "base_values", "prediction")
        )

    seen = est.rows if model == SINGLE else pd.DataFrame
    one_by_one = [seen(task.rows[i : i + 1]) for i in range(min(ROWS, len(task.rows)))]
    spread = float(np.ptp(est.predict(task.rows)))
    for threads in (1, 2):
        for label, method in METHODS.items():
            for a_call, tables in ((1, one_by_one), (len(task.rows), [seen(task.rows)])):
                call = partial(explained, method, tables)
                yield Contestant(model, label, TOOLKIT, a_call, threads, a_call * len(tables), spread, call)


def of_one_row(task: Task, model: str) -> Iterator[Contestant]:
    """Yield SHAP's explainers and Captum on a model, which explain the first row.

    SHAP uses the features of the single neuron, but the columns of the sum, where a column has several
    features.
    """
    est = task.fitted[model]
    view = est.view()
    rows = {"row": task.rows[:1], "background": est.background_}
    features = {name: est.encode(table) for name, table in rows.items()}
    values, solvers = {OWN_FORWARD: view.function.values}, {OWN_FORWARD: kth_eigenvalue}
    seen = features
    if model == SINGLE:
        values[PUBLISHED] = lambda z: published.eigenvalues(view.function, z)
        solvers[PUBLISHED] = published.Eigenvalue.apply
    else:
        values[OWN_FORWARD] = lambda raw: est.predict(pd.DataFrame(raw, columns=list(task.X)))
        seen = {name: table.to_numpy(float) for name, table in rows.items()}
    spread = float(np.ptp(est.predict(task.rows)))
    inputs = {name: view.inputs(z) for name, z in features.items()}
    for by in values:
        for name in (KERNEL, PERMUTATION, EXACT):
            call = partial(by_shap, name, values[by], **seen)
            yield Contestant(model, name, by, 1, 1, 1, spread, call)
        call = partial(by_captum, torch_forward(view, solvers[by]), **inputs)
        yield Contestant(model, CAPTUM, by, 1, 1, 1, spread, call)


def by_shap(name: str, values: Callable, row: np.ndarray, background: np.ndarray) -> Found:
    """Explain a row with one of SHAP's explainers."""
    if name == KERNEL:
        explainer = shap.KernelExplainer(values, background, silent=True)
        return explainer.shap_values(row, silent=True), np.atleast_1d(explainer.expected_value), values(row)
    masker = shap.maskers.Independent(background, max_samples=len(background))
    kind = shap.ExactExplainer if name == EXACT else shap.PermutationExplainer
    explanation = kind(values, masker)(row, silent=True)
    return explanation.values, np.atleast_1d(explanation.base_values), values(row)


def torch_forward(view: ModelView, solve: Callable) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a model of numbers without gaps as a differentiable function of their coordinates."""
    neurons = view.function.neurons
    entries, d = torch.tensor(neurons.entries), neurons.structure.dim
    groups = [(k, torch.arange(len(neurons))[own]) for k, own in neurons.indices]

    def at(x: torch.Tensor) -> torch.Tensor:
        if not any(axis.knots for axis in view.axes) and not view.pairs:
            return entries[0] + torch.tensordot(x, entries[1:], dims=1)
        matrices = entries[0].expand(len(x), -1, -1)
        for place, axis in enumerate(view.axes):
            own = view.own(axis.name)
            matrices = matrices + added(x[:, place], axis.knots, entries[1 + own.start : 1 + own.stop])
        for pair, own in zip(view.pairs, view.pair_own, strict=True):
            u = pair.coordinates(x[:, pair.first], x[:, pair.second])
            matrices = matrices + added(u, pair.knots, entries[1 + own.start : 1 + own.stop])
        return matrices

    def forward(x: torch.Tensor) -> torch.Tensor:
        matrices, total = at(x), torch.zeros(len(x), dtype=x.dtype)
        for k, own in groups:
            bands = matrices[:, own].reshape(-1, matrices.shape[2])
            total = total + solve(bands[:, :d], bands[:, d:], k).reshape(len(x), -1).sum(dim=1)
        return total

    return forward


def added(u: torch.Tensor, knots: Sequence[float], matrices: torch.Tensor) -> torch.Tensor:
    """Return the terms of coordinates (n,) in the matrices, (n, N, E): linear, or between knots."""
    if not len(knots):
        return u[:, None, None] * matrices[0]
    grid = torch.tensor(knots, dtype=u.dtype)
    place = (torch.searchsorted(grid, u.detach(), right=True) - 1).clamp(0, len(grid) - 2)
    share = ((u - grid[place]) / (grid[place + 1] - grid[place]))[:, None, None]
    return (1 - share) * matrices[place] + share * matrices[place + 1]


def by_captum(
    forward: Callable[[torch.Tensor], torch.Tensor], row: np.ndarray, background: np.ndarray
) -> Found:
    """Return the mean over the background rows of integrated gradients of a row."""
    references = torch.tensor(background)
    rows = torch.tensor(row).expand_as(references).clone()
    values = IntegratedGradients(forward).attribute(rows, references, n_steps=STEPS)
    with torch.no_grad():
        base, prediction = forward(references).mean().numpy(), forward(torch.tensor(row)).numpy()
    return values.mean(dim=0, keepdim=True).numpy(), np.atleast_1d(base), prediction


def of_peers(task: Task) -> Iterator[Contestant]:
    """Yield exact explainers of other models of the same table, if their packages are installed."""
    background = task.fitted[SUM].background_

    def fitted(name: str) -> object:
        peer = peers.PEERS[name]
        options = peer.tiny if task.quick else {}
        return peer.make("regression", task.X, task.seed, **options).fit(task.X, task.y)

    explainers = {}
    if peers.PEERS[TREES].installed:
        model = fitted(TREES)[-1]
        explainers[TREES, TREE] = by_trees(shap.TreeExplainer(model, background), model)
        if find_spec("woodelf"):
            kind = importlib.import_module("woodelf").WoodelfExplainer
            explainers[TREES, WOODELF] = by_trees(kind(model, background), model)
    if peers.PEERS[TERMS].installed:
        explainers[TERMS, "explain_local"] = by_terms(fitted(TERMS))
    for (model, method), call in explainers.items():
        for a_call in (1, len(task.rows)):
            spread, some = float(np.ptp(call(task.rows)[2])), partial(call, task.rows[:a_call])
            yield Contestant(model, method, OTHER, a_call, 1, a_call, spread, some)


def by_trees(explainer, model) -> Callable[[pd.DataFrame], Found]:
    """Return a function that explains rows by Shapley values of trees."""

    def found(rows: pd.DataFrame) -> Found:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # WOODELF prints its times
            values = explainer.shap_values(rows)
        return values, np.ravel(explainer.expected_value), model.predict(rows)

    return found


def by_terms(model) -> Callable[[pd.DataFrame], Found]:
    """Return a function that explains rows by the terms of an EBM."""

    def found(rows: pd.DataFrame) -> Found:
        explanation = model.explain_local(rows)
        parts = [explanation.data(i) for i in range(len(rows))]
        base = np.array([part["extra"]["scores"][0] for part in parts])
        return np.array([part["scores"] for part in parts]), base, model.predict(rows)

    return found


# --------------------------------------------------------------------------------------------- measurements


def measure(contestants: list[Contestant], *, seconds: float) -> pd.DataFrame:
    """Return one row per contestant: milliseconds per row and the largest gap."""
    times = study.interleave({one.key: one for one in contestants}, seconds=seconds)
    lines = []
    for one in contestants:
        values, base, prediction = one()
        gap = np.abs(base + values.sum(axis=1) - prediction).max()
        lines.append(
            {
                "model": one.model,
                "method": one.method,
                "by": one.by,
                "rows_a_call": one.a_call,
                "threads": one.threads,
                "ms_per_row": 1e3 * times[one.key] / one.rows,
                "worst_gap": gap / one.spread,
            }
        )
    return pd.DataFrame(lines)


def large(task: Task, n: int) -> pd.DataFrame:
    """Return the cost of predictions and local explanations of n rows on one thread and on two."""
    drawn = task.X.sample(n, replace=True, random_state=task.seed)
    noise = np.random.default_rng(task.seed).normal(1, 1e-3, drawn.shape)
    X, lines = (drawn * noise).reset_index(drop=True), []
    for model, est in task.fitted.items():
        neurons = est.view().function.neurons
        calls = {"predict": est.predict, "local": partial(explain, est)}
        for name, call in calls.items():
            call(X[:100])
            for threads in (1, 2):
                torch.set_num_threads(threads)
                limit = bare_sweeps(neurons.structure.dim, min(n, 100_000))
                peak, seconds = above(partial(call, X))
                lines.append(
                    {
                        "model": model,
                        "method": name,
                        "rows": n,
                        "threads": threads,
                        "seconds": seconds,
                        "ns_per_row_and_neuron": 1e9 * seconds / n / len(neurons),
                        "ns_16_sweeps": limit,
                        "peak_mb": peak,
                    }
                )
    return pd.DataFrame(lines)


def bare_sweeps(d: int, n: int) -> float:
    """Return the nanoseconds of 16 bare Sturm sweeps over a matrix of order d in a batch of n."""
    rng = np.random.default_rng(0)
    diag, off, counts = rng.normal(size=(n, d)), rng.normal(size=(n, d - 1)), np.empty(n, np.int64)
    times = []
    for _ in range(6):
        start = time.perf_counter()
        engine._run(solver_speed.sweeps, (16,), (diag, off, counts))
        times.append(time.perf_counter() - start)
    return 1e9 * float(np.median(times[1:])) / n


def above(call: Callable[[], object]) -> tuple[float, float]:
    """Return the additional peak memory of a call in megabytes, NaN if unknown, and its seconds."""
    status = Path("/proc/self/status")
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
        before = memory(status, "VmRSS")
    except OSError:
        before = np.nan
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    del result
    return memory(status, "VmHWM") - before if status.exists() else np.nan, seconds


def memory(status: Path, name: str) -> float:
    """Return an entry of the process status in megabytes."""
    lines = status.read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1e3


# ------------------------------------------------------------------------------------------------ the figure


def _plain(ms: float) -> str:
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.2g}"


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw milliseconds per row on one thread: a bar for one row per call, a tick for many rows per call."""
    one_thread = table[table["threads"] == 1].assign(
        group=lambda t: t["model"].replace([TREES, TERMS], OTHERS)
    )
    groups = dict(list(one_thread.groupby("group", sort=False)))
    sizes = {"height_ratios": [group["method"].size for group in groups.values()], "hspace": 0.25}
    axes = study.panels(ax, len(groups), 1, sharex=True, gridspec_kw=sizes)[:, 0]
    for panel, (name, group) in zip(axes, groups.items(), strict=True):
        draw_group(group, panel).set_title(name)
    times = one_thread["ms_per_row"]
    last = axes[-1]
    last.set(xscale="log", xlabel="milliseconds per row, one thread")
    last.set_xticks(10.0 ** np.arange(-2, 4), ["0.01", "0.1", "1", "10", "100", "1,000"])
    last.minorticks_off()
    last.set_xlim(0.5 * times.min(), 400 * times.max())
    handles = [Line2D([], [], color=colour, linewidth=6, label=by) for by, colour in COLOURS.items()]
    many = f"{int(table['rows_a_call'].max()):,} rows a call"
    handles.append(Line2D([], [], color="black", linewidth=1.5, label=many))
    last.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.4, -0.5), ncols=3)
    return last


def draw_group(lines: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the contestants of a panel."""
    bars = lines[lines["rows_a_call"] == 1].reset_index(drop=True)
    many = lines[lines["rows_a_call"] > 1].set_index(["model", "method", "by"])["ms_per_row"]
    ax.barh(bars.index, bars["ms_per_row"], color=bars["by"].map(COLOURS))
    for i, line in bars.iterrows():
        gap = "" if line["worst_gap"] < SINGLE_PRECISION else f", off by {100 * line['worst_gap']:.2g}%"
        ax.annotate(f" {_plain(line['ms_per_row'])} ms{gap}", (line["ms_per_row"], i), va="center")
        key = tuple(line[["model", "method", "by"]])
        if key in many.index:
            ax.plot([many[key]] * 2, [i - 0.4, i + 0.4], color="black", linewidth=1.5)
    named = bars["model"].isin((TREES, TERMS))
    ax.set_yticks(bars.index, bars["method"].where(~named, bars["model"] + ": " + bars["method"]))
    ax.invert_yaxis()
    return ax


def main() -> None:
    """Measure, print, save, and compare with the requirements."""
    args = study.housing_arguments(__doc__).parse_args()
    task = small(args) if args.quick else california(args)
    study.print_table(found := large(task, 1000 if args.quick else 1_000_000))
    study.write_table("explanation_speed_large", found, out=args.out, seed=args.seed)
    contestants = [*ours(task, SINGLE), *of_one_row(task, SINGLE), *ours(task, SUM), *of_one_row(task, SUM)]
    contestants += of_peers(task)
    table = measure(contestants, seconds=0.2 if args.quick else 60.0)
    study.save(
        "explanation_speed", table, lambda ax: draw(table, ax), out=args.out, seed=args.seed, height=8.0
    )
    one = table[(table["rows_a_call"] == 1) & (table["threads"] == 1) & (table["model"] == SINGLE)]
    times = one.set_index(["method", "by"])["ms_per_row"]
    for method, name, by, asked in ASKED:
        ratio = times[name, by] / times[method, TOOLKIT]
        print(f"{method}: {ratio:.0f}× faster than {name}, {by} (required: {asked}×)")


if __name__ == "__main__":
    main()
