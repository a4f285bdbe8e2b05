"""Do attributions recover those of the function that generated the data? A test with a known pencil.

Targets are f(z) = λ_k(A_0 + Σ z_i A_i), with z of eight independent N(0, 1) columns, plus noise of 0 or 10 %
of f's standard deviation. The parts of f are known: the first two columns have random tridiagonal matrices
and interact, the next four have multiples of the identity and are therefore linear, and the last two have
zero matrices and are irrelevant. The function belongs to the spectral model's own family, with order 5
instead of 15: the study measures what is recovered when the family is right, not whether it is.

The exact Shapley values of f against 25 training rows are the truth for 100 test rows. ``error`` is the root
mean square of the difference from them as a share of their root mean square, ``rank`` the mean Spearman
correlation of a row's contributions with them, and ``irrelevant`` the share of all |contributions| on the
last two columns. Means over the seeds, each with its own function, data and fit, have 95 % intervals
(Student's t). "truth: path" has no fit: it is the contributions along paths of f itself, which answer another
question.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import study
from matplotlib.axes import Axes
from scipy.stats import t as student

from spectral_interp import Pencil, SpectralRegressor, explain, plots
from spectral_interp.attribution.result import Attribution
from spectral_interp.comparison.agreement import agreement
from spectral_interp.comparison.baselines import fit_baselines
from spectral_interp.comparison.explainers import EXPLAINERS, explained_models
from spectral_interp.plots.style import label_log

COLUMNS, ORDER = 8, 5
EPOCHS = {500: 300, 5_000: 300, 50_000: 60}
NOISES = (0.0, 0.1)
EXPLAINED, BACKGROUND = 100, 25
METHODS = [
    ("spectral", "path"),
    ("spectral", "shapley"),
    ("MLP", "SHAP Exact"),
    ("linear", "SHAP Linear"),
]
TRUTH = "truth: path"


def draw_function(rng: np.random.Generator) -> Pencil:
    """Return a pencil of two interacting columns, four linear ones and two irrelevant ones."""
    diag, off = np.zeros((COLUMNS + 1, ORDER)), np.zeros((COLUMNS + 1, ORDER - 1))
    diag[0] = np.linspace(-1, 1, ORDER)
    off[0] = rng.normal(size=ORDER - 1)
    diag[1:3], off[1:3] = rng.normal(size=(2, ORDER)), rng.normal(size=(2, ORDER - 1))
    slopes = rng.choice([-1, 1], 4) * np.array([0.8, 0.6, 0.4, 0.2])
    diag[3:7] = slopes[:, None]
    return Pencil(diag, off, ORDER // 2)


def scores(attribution: Attribution, truth: Attribution) -> dict[str, float]:
    """Return the distance of an attribution from the true one."""
    difference, size = attribution.values - truth.values, np.abs(attribution.values)
    return {
        "error": float(np.sqrt((difference**2).mean() / (truth.values**2).mean())),
        "rank": agreement(attribution, truth)["spearman"],
        "irrelevant": float(size[:, -2:].sum() / size.sum()),
    }


def measure(rows: int, noise: float, seed: int, *, epochs: int, n_explained: int) -> list[dict]:
    """Draw, fit and explain once; return a row per (model, method)."""
    rng = np.random.default_rng([seed, rows])
    function = draw_function(np.random.default_rng(seed))
    z, test = rng.normal(size=(rows, COLUMNS)), rng.normal(size=(n_explained, COLUMNS))
    clean = function.values(z)
    y = clean + noise * clean.std() * rng.normal(size=rows)
    est = SpectralRegressor(n_epochs=epochs, random_state=seed, form="single").fit(z, y)
    baselines = fit_baselines(est, z, y)
    background = est.background_.to_numpy()[:BACKGROUND]
    truth = replace(
        explain(function, test, method="shapley", background=background),
        columns=est.encoder_.names,
        unit=est.unit_,
    )
    explained, reference = est.rows(test), est.encode(background)
    models = {model.name: model for model in explained_models(est, baselines)}
    by_name = {explainer.name: explainer for explainer in EXPLAINERS}
    common = {"rows": rows, "noise": noise, "fit_seed": seed}
    path = replace(truth, values=explain(function, test, method="path", background=background).values)
    lines = [common | {"method": TRUTH, "r2": 1.0} | scores(path, truth)]
    for name, method in METHODS:
        att = by_name[method](models[name], explained, reference, seed=seed)
        r2 = 1 - ((att.prediction - truth.prediction) ** 2).mean() / truth.prediction.var()
        lines.append(common | {"method": f"{name}: {method}", "r2": float(r2)} | scores(att, truth))
    return lines


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean and 95 % interval over the seeds, by rows, noise and method."""
    lines = []
    for (rows, noise, method), group in runs.groupby(["rows", "noise", "method"], sort=False):
        line = {"rows": rows, "noise": noise, "method": method, "seeds": len(group)}
        for name in ("error", "rank", "irrelevant", "r2"):
            half = _half_width(group[name].to_numpy())
            line |= {name: group[name].mean(), f"{name}_low": group[name].mean() - half}
            line |= {f"{name}_high": group[name].mean() + half}
        lines.append(line)
    return pd.DataFrame(lines)


def _half_width(values: np.ndarray) -> float:
    n = len(values)
    return float(student.ppf(0.975, n - 1) * values.std(ddof=1) / n**0.5) if n > 1 else np.nan


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the error against the number of rows, with a panel per noise."""
    noises = sorted(table["noise"].unique())
    axes = study.panels(ax, 1, len(noises), sharey=True)[0]
    for panel, noise in zip(axes, noises, strict=True):
        for i, (method, line) in enumerate(table[table["noise"] == noise].groupby("method", sort=False)):
            whiskers = np.maximum(
                0, [line["error"] - line["error_low"].clip(lower=1e-4), line["error_high"] - line["error"]]
            )
            x = line["rows"] * 1.05 ** (i - 2)
            panel.errorbar(
                x, line["error"], np.nan_to_num(whiskers), label=method, color=plots.COLOURS[i], marker="o",
                capsize=3, linestyle=":" if method == TRUTH else "-",
            )  # fmt: skip
        panel.set(
            xscale="log", yscale="log", xlabel="training rows", title=f"noise {noise:.0%} of the spread"
        )
        label_log(panel.yaxis)
        sizes = sorted(table["rows"].unique())
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
        panel.minorticks_off()
    axes[0].set_ylabel("error / size of contributions")
    handles, labels = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return ax


def main() -> None:
    """Draw, fit, explain, print, save."""
    parser = study.arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="number of functions, data sets and fits")
    args = parser.parse_args()
    sizes, seeds, explained = ({200: 20}, 2, 10) if args.quick else (EPOCHS, args.seeds, EXPLAINED)
    jobs = [
        {"rows": rows, "noise": noise, "seed": seed, "epochs": epochs, "n_explained": explained}
        for rows, epochs in sizes.items()
        for noise in NOISES
        for seed in range(args.seed, args.seed + seeds)
    ]
    lines = []
    for job, found in zip(jobs, study.in_parallel(measure, jobs, cores=1 if args.quick else -1), strict=True):
        lines += found
        print(f"{job['rows']} rows, noise {job['noise']:.0%}, seed {job['seed']}: done", flush=True)
    table = summarise(pd.DataFrame(lines))
    study.save("ground_truth", table, lambda ax: draw(table, ax), out=args.out, seed=args.seed)


if __name__ == "__main__":
    main()
