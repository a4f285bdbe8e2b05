"""Does diagonal structure collapse to a few linear pieces? Numbers of planes that cover models by structure.

On every data set, models of order 15 of each structure are trained alike, as are diagonal and dense models
with about as many parameters as the tridiagonal model has, 29 (p + 1). The measures on up to 1,000 test rows
are the test error, R² of the skeleton, the number of active latents (mean participation ratio), and the
tangent planes that cover all predictions to within 1 % and 10 % of their standard deviation. Seconds are
those of the fit on one core, with as many fits at a time as there are cores. A diagonal model of order d is d
affine functions, so it never needs more than d planes, however small the tolerance.

The second figure shows the planes of the first seed at every tolerance; the third shows the functions λ_k(A +
xB) of random tridiagonal pencils with N(0, 1) entries: the first is concave and the last convex
(Rayleigh–Ritz), the others are neither. ``--quick`` uses the bundled diabetes table only.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import study
from matplotlib.axes import Axes

from spectral_interp import Pencil, certify, linear_regions, plots
from spectral_interp._common.choices import BUNDLED_TARGETS
from spectral_interp.estimators.classifier import estimator_for
from spectral_interp.plots.style import label_log

DIM = 15
MODELS = [("tridiagonal", DIM), ("diagonal", DIM), ("dense", DIM), ("diagonal", 2 * DIM - 1), ("dense", 7)]
ROWS = 1000
SHARES = (0.01, 0.1)
ORDERS = (5, 11)
COLOUR = dict(zip(("tridiagonal", "diagonal", "dense"), plots.COLOURS, strict=False))


def name_of(structure: str, dim: int) -> str:
    """Return the name of a model in tables and figures."""
    return f"{structure} {dim}"


def measure(task: study.Task, structure: str, dim: int, *, epochs: int, seed: int) -> dict:
    """Fit one model; return its row of the table, with its piece counts under "curve"."""
    fitting = estimator_for(task.y)
    est = fitting(
        form="single", dim=dim, structure=structure, n_epochs=epochs, log=task.log, random_state=seed
    )
    start = time.perf_counter()
    est.fit(task.X, task.y)
    seconds = time.perf_counter() - start
    numeric = est._task == "regression"
    scores = est.evaluate(task.X_test, task.y_test)
    error = scores["RMSE"] if numeric else 1 - scores["accuracy"]
    regions = linear_regions(est, task.X_test.iloc[:ROWS])
    spread = float(regions.prediction.std())
    latent = structure != "dense"
    pieces = {f"pieces_at_{share:g}_sd": len(regions.pieces(share * spread)[0]) for share in SHARES}
    return {
        "data": task.name,
        "model": name_of(structure, dim),
        "structure": structure,
        "dim": dim,
        "parameters": sum(parameter.numel() for parameter in est.module_.parameters()),
        "error": error,
        "metric": "RMSE" if numeric else "share misclassified",
        "skeleton_r2": regions.skeleton_r2 if latent else np.nan,
        "participation": float(regions.participation.mean()) if latent else np.nan,
        **pieces,
        "rows": len(regions.prediction),
        "train_rows": len(task.X),
        "epochs": len(est.history_),
        "seconds": seconds,
        "fit_seed": seed,
        "curve": [(eps / spread, int(m)) for eps, m in zip(*regions.piece_counts()["model"], strict=True)],
    }


def medians(table: pd.DataFrame) -> pd.DataFrame:
    """Return the medians over the seeds of pieces at 1 % and error, with a row per data set and model."""
    wanted = [f"pieces_at_{SHARES[0]:g}_sd", "error"]
    return table.groupby(["data", "model"], sort=False)[wanted].median().reset_index()


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """Return the number of planes that cover the rows, with a row per data set, model, seed and tolerance."""
    lines = [
        {"data": line.data, "model": line.model, "structure": line.structure, "dim": line.dim}
        | {"fit_seed": line.fit_seed, "eps_per_sd": eps, "pieces": pieces}
        for line in table.itertuples()
        for eps, pieces in line.curve
    ]
    return pd.DataFrame(lines)


def random_functions(seed: int, *, points: int = 161) -> pd.DataFrame:
    """Return λ_k(A + xB) for all k of a random tridiagonal pencil of every order, and its proven shape."""
    rng, x = np.random.default_rng(seed), np.linspace(-3, 3, points)
    tables = []
    for d in ORDERS:
        diag, off = rng.normal(size=(2, d)), rng.normal(size=(2, d - 1))
        for k in range(d):
            pencil = Pencil(diag, off, k)
            curvature = certify(pencil).curvature or "neither"
            values = pencil.values(x[:, None])
            tables.append(
                pd.DataFrame({"order": d, "k": k, "certified": curvature, "x": x, "eigenvalue": values})
            )
    return pd.concat(tables, ignore_index=True)


def draw_models(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the pieces at 1 % as dots, with a row per data set; hollow for models matched by parameters."""
    wanted = f"pieces_at_{SHARES[0]:g}_sd"
    names = list(dict.fromkeys(table["data"]))
    for shift, (model, rows) in enumerate(table.groupby("model", sort=False)):
        y = rows["data"].map(names.index) + 0.14 * (shift - 2)
        filled = COLOUR[rows["structure"].iloc[0]]
        hollow = model in (name_of("diagonal", 2 * DIM - 1), name_of("dense", 7))
        face = "none" if hollow else filled
        ax.scatter(rows[wanted], y, s=42, facecolors=face, edgecolors=filled, linewidths=1.6, label=model)
    ax.set(
        xscale="log", xlabel=f"tangent planes within {SHARES[0]:.0%} of the predictions' standard deviation"
    )
    label_log(ax.xaxis)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_title("Linear pieces that each model needs")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, title="structure and order")
    return ax


def draw_curves(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw planes against tolerance for every data set; dashed for models matched by parameters."""
    shown = table[(table["fit_seed"] == table["fit_seed"].min()) & (table["eps_per_sd"] > 0)]
    names = shown["data"].unique()
    columns = min(2, len(names))
    grid = study.panels(ax, -(-len(names) // columns), columns)
    for panel, (name, rows) in zip(grid.flat, shown.groupby("data", sort=False), strict=True):
        for model, line in rows.groupby("model", sort=False):
            structure, dashed = line["structure"].iloc[0], "-" if line["dim"].iloc[0] == DIM else "--"
            panel.step(
                line["eps_per_sd"],
                line["pieces"],
                where="post",
                color=COLOUR[structure],
                linestyle=dashed,
                linewidth=3.2 if structure == "dense" else 1.5,
                alpha=0.6 if structure == "dense" else 1,
                zorder=1 if structure == "dense" else 2,
                label=model,
            )
        panel.set(xscale="log", yscale="log", title=name, xlim=(1e-4, 5), ylim=(0.8, None))
        label_log(panel.xaxis)
        label_log(panel.yaxis)
    for panel in grid[-1]:
        panel.set_xlabel("tolerance / standard deviation")
    for panel in grid[:, 0]:
        panel.set_ylabel("tangent planes")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    grid[0, 0].figure.legend(
        handles, labels, loc="outside lower center", ncols=5, columnspacing=1, fontsize=8
    )
    return ax


def draw_functions(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the eigenvalues of a random pencil of every order along x, marking the concave and the convex."""
    looks = {
        "concave": (plots.COLOURS[0], 2.2),
        "convex": (plots.COLOURS[1], 2.2),
        "neither": ("#9A9A9A", 1.0),
    }
    axes = study.panels(ax, 1, len(ORDERS))[0]
    for panel, (d, rows) in zip(axes, table.groupby("order"), strict=True):
        for _, line in rows.groupby("k"):
            shape = line["certified"].iloc[0]
            colour, width = looks[shape]
            panel.plot(line["x"], line["eigenvalue"], color=colour, linewidth=width, label=shape)
        handles, labels = panel.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        panel.legend(unique.values(), unique.keys(), loc="upper center", fontsize=8)
        panel.set(title=f"all λ_k(A + xB), {d} × {d}", xlabel="x", ylabel="eigenvalue")
    return ax


def main() -> None:
    """Fit, measure, print and save three tables and figures."""
    parser = study.housing_arguments(__doc__)
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3, help="number of fits of each model")
    args = parser.parse_args()
    names = ("diabetes",) if args.quick else (*BUNDLED_TARGETS, "california")
    epochs, seeds = (10, 1) if args.quick else (args.epochs, args.seeds)
    jobs = [
        {"task": task, "structure": structure, "dim": dim, "epochs": epochs, "seed": seed}
        for name in names
        for seed in range(args.seed, args.seed + seeds)
        for task in [study.california(args) if name == "california" else study.bundled(name, seed)]
        for structure, dim in MODELS
    ]
    lines = []
    for line in study.in_parallel(measure, jobs, cores=1 if args.quick else -1):
        lines.append(line)
        print(
            f"{line['data']}, {line['model']}, seed {line['fit_seed']}: {line['seconds']:.1f} s", flush=True
        )
    table, pieces, functions = pd.DataFrame(lines), curves(pd.DataFrame(lines)), random_functions(args.seed)
    table, out = table.drop(columns="curve"), args.out
    study.save("diagonal_collapse", table, lambda ax: draw_models(table, ax), out=out, seed=args.seed)
    study.write_table("diagonal_collapse_pieces", pieces, out=out, seed=args.seed)
    study.write_figure("diagonal_collapse_pieces", lambda ax: draw_curves(pieces, ax), out=out)
    study.write_table("random_pencils", functions, out=out, seed=args.seed)
    study.write_figure("random_pencils", lambda ax: draw_functions(functions, ax), out=out)
    study.print_table(medians(table))


if __name__ == "__main__":
    main()
