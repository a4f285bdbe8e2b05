"""How does a spectral model work? The published toy problem: two or five of twelve bits are set, or not.

All 4,096 words of 12 bits are used for training, and none is held out: the question is what a tridiagonal
model of dimension 3, 5 or 9 can represent, what training finds, and how the model works. There are ten seeds
each, with AdamW without regularisation, batches of 64, and the best of three starts after a tenth of the
epochs. Losses are those of all words.

The class depends only on the number of set bits, so one matrix A(count), affine in the count, may suffice.
Its prediction is zero only where det A(count) is zero, a polynomial of degree d with at most d changes of
sign, and the toy needs four. Dimension 3 therefore fails somewhere if it only counts; taking 0 and 1 set bits
for 2 costs least, 13 words. Dimension 5 succeeds without couplings, "by hand": four latents switch at the
thresholds 1.5, 2.5, 4.5 and 5.5, and the fifth is never active.

The figure shows the seed with the smallest loss: all eigenvalues as bits 0, 1, … 11 are set one after
another, with the decision boundary at zero (dots and bars: mean, smallest and largest prediction of all words
of a count); the entries of the matrix, diagonal a_j and couplings b_j; and the distribution of the
eigenvector over the latents, v_j². Entries and v_j² are means over the words of a count. The sign of a
coupling is a convention: here none is negative at count 0. The table also has the extremes over the words of
a count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import study
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, SymLogNorm

from spectral_interp import Pencil, linear_regions, plots
from spectral_interp.models.spectral import TridiagonalSpectral
from spectral_interp.tables.reading import read_table, split_target
from spectral_interp.training.loop import best_start, epochs
from spectral_interp.training.run import Options, Run, TrainingRows

DIMS = (3, 5, 9)
BITS = 12
COUNTS = np.arange(BITS + 1)
SET = (2, 5)  # numbers of set bits in the positive class
STARTS = 3
BATCH, RATE, EPOCHS, QUICK_EPOCHS = 64, 0.1, 300, 20
FLOW = np.linspace(0, BITS, 8 * BITS + 1)  # set bits, including fractions, at which eigenvalues are drawn
LOSS_EVERY = 10  # epochs
LARGEST = 100.0  # largest matrix entry on the colour scale


def words() -> TrainingRows:
    """Return all words, with set bits as 1 and other bits as -1, and their classes."""
    X, y = split_target(read_table("two_or_five"), "two_or_five", "two_or_five")
    return TrainingRows(2 * X.to_numpy() - 1, y.to_numpy(dtype=np.float64), np.ones(len(X)))


def count_of(rows: TrainingRows) -> np.ndarray:
    """Return the number of set bits of every word, shape (n,)."""
    return (rows.z > 0).sum(axis=1)


def fit(rows: TrainingRows, dim: int, seed: int, n_epochs: int) -> Run:
    """Train one model."""
    options, runs = Options("logistic", n_epochs, BATCH, RATE), []
    for start in range(STARTS * seed, STARTS * (seed + 1)):
        generator = torch.Generator().manual_seed(start)
        module = TridiagonalSpectral(BITS, dim, generator=generator, dtype=torch.float64)
        runs.append(Run.start(module, options, n_rows=len(rows.z), generator=generator))
    run = best_start(runs, rows, rows)
    for _ in epochs(run, rows, rows):
        pass
    run.finish()
    return run


def by_hand() -> Pencil:
    """Return the diagonal pencil of order 5 with thresholds at 1.5, 2.5, 4.5 and 5.5 set bits."""
    signs, thresholds = np.array([1, -1, 1, -1, 0]), np.array([1.5, 2.5, 4.5, 5.5, BITS])
    intercept = signs * (BITS / 2 - thresholds) - (signs == 0) * BITS
    return Pencil(np.vstack([intercept, np.tile(signs / 2, (BITS, 1))]), np.zeros((BITS + 1, 4)), k=2)


def wrong(pencil: Pencil, rows: TrainingRows) -> np.ndarray:
    """Return the number of misclassified words for every number of set bits, shape (13,)."""
    missed = (pencil.values(rows.z) > 0) != (rows.y > 0)
    return np.bincount(count_of(rows)[missed], minlength=BITS + 1)


def training(run: Run, rows: TrainingRows) -> pd.DataFrame:
    """Return the losses of a run, and its misclassified words by the number of set bits."""
    shown = run.history[LOSS_EVERY - 1 :: LOSS_EVERY]
    losses = pd.DataFrame(
        {
            "quantity": "log loss",
            "at": [event.epoch for event in shown],
            "value": [event.validation_loss for event in shown],
        }
    )
    missed = {"quantity": "wrong words", "at": COUNTS, "value": wrong(run.module.pencil(), rows)}
    return pd.concat([losses, pd.DataFrame(missed)], ignore_index=True)


def anatomy(pencil: Pencil, rows: TrainingRows) -> pd.DataFrame:
    """Return predictions, entries of the matrices and v_j² by the number of set bits, and the eigenvalues."""
    prediction, vectors = pencil.eigenpairs(rows.z)
    diagonal, coupling = pencil.bands(rows.z)
    count = count_of(rows)
    quantities = {
        "prediction": prediction[:, None],
        "diagonal": diagonal,
        "coupling": coupling * np.where(coupling[count == 0] < 0, -1, 1),
        "participation": vectors**2,
    }
    tables = [by_count(name, values, count) for name, values in quantities.items()]
    spectra = pencil.spectra(2 * np.clip(FLOW[:, None] - np.arange(BITS), 0, 1) - 1)
    index = np.tile(np.arange(pencil.dim), len(FLOW))
    flow = {
        "quantity": "eigenvalue",
        "index": index,
        "at": np.repeat(FLOW, pencil.dim),
        "value": spectra.ravel(),
    }
    return pd.concat([*tables, pd.DataFrame(flow)], ignore_index=True)


def by_count(name: str, values: np.ndarray, count: np.ndarray) -> pd.DataFrame:
    """Return mean and extremes of values (n, m) over the words of every number of set bits."""
    lines = [
        {"quantity": name, "index": j, "at": c, "value": of.mean(), "low": of.min(), "high": of.max()}
        for j, column in enumerate(values.T)
        for c in COUNTS
        for of in [column[count == c]]
    ]
    return pd.DataFrame(lines)


def fits(rows: TrainingRows, dims: tuple[int, ...], seeds: range, n_epochs: int) -> Iterator[pd.DataFrame]:
    """Yield the training of every model, and the anatomy of the best model of every dimension."""
    for dim in dims:
        runs = {seed: fit(rows, dim, seed, n_epochs) for seed in seeds}
        for seed, run in runs.items():
            yield training(run, rows).assign(dim=dim, fit_seed=seed)
        best = min(runs, key=lambda seed: runs[seed].best_loss)
        pencil = runs[best].module.pencil()
        yield anatomy(pencil, rows).assign(dim=dim, fit_seed=best)
        print(f"dim {dim}, seed {best}: {remarks(pencil, rows)}", flush=True)


def remarks(pencil: Pencil, rows: TrainingRows) -> str:
    """Return the accuracy of the diagonal alone, and the share of A_1 … A_12 not common to all bits."""
    right = np.mean((linear_regions(pencil, rows.z).skeleton > 0) == (rows.y > 0))
    bands = np.hstack([pencil.diag, 2**0.5 * pencil.off])[1:]
    own = ((bands - bands.mean(axis=0)) ** 2).sum() / (bands**2).sum()
    return f"{right:.1%} of the words right without couplings; {own:.1%} of ‖A_i‖² not common to all bits"


def summary(table: pd.DataFrame, rows: TrainingRows) -> pd.DataFrame:
    """Return one row per dimension, and one for the model made by hand."""
    lines = []
    for dim, of in table.groupby("dim"):
        losses = of[of["quantity"] == "log loss"].groupby("fit_seed")["value"].min()
        missed = of[of["quantity"] == "wrong words"].groupby("fit_seed")["value"].sum()
        lines.append(
            {
                "model": f"dim {dim}",
                "seeds": len(missed),
                "all right": int((missed == 0).sum()),
                "median wrong": missed.median(),
                "least wrong": missed.min(),
                "median log loss": losses.median(),
                "least log loss": losses.min(),
            }
        )
    found = wrong(by_hand(), rows).sum()
    return pd.DataFrame([*lines, {"model": "dim 5, by hand", "median wrong": found, "least wrong": found}])


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw losses, eigenvalues, matrices and active latents, with a column of panels per dimension."""
    dims = table["dim"].unique()
    grid = study.panels(ax, 4, len(dims), height_ratios=(1, 1.6, 1.5, 1))
    for column, (dim, of) in zip(grid.T, table.groupby("dim"), strict=True):
        quantity = dict(list(of.groupby("quantity")))
        missed = quantity["wrong words"].groupby("fit_seed")["value"].sum()
        column[0].set_title(
            f"dim {dim}, without error:\n{(missed == 0).sum()} of {len(missed)} seeds", fontsize=10
        )
        shown = quantity["prediction"]["fit_seed"].iloc[0]
        draw_losses(quantity["log loss"], shown, column[0])
        draw_flow(quantity["eigenvalue"], quantity["prediction"], dim // 2, column[1])
        entries = draw_entries(quantity["diagonal"], quantity["coupling"], column[2])
        activity = draw_activity(quantity["participation"], column[3])
    for row, label in enumerate(("log loss, nats", "eigenvalue (log-odds)", "matrix entry", "latent")):
        grid[row, 0].set_ylabel(label)
    for panel in grid[1:].flat:
        panel.set_xticks(COUNTS[::4])
    for panel in grid[-1]:
        panel.set_xlabel("set bits")
    for panel in grid[0, 1:]:
        panel.tick_params(labelleft=False)
    figure = grid[0, 0].figure
    figure.align_ylabels(grid[:, 0])
    figure.legend(*grid[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    ticks = [-LARGEST, -10, 0, 10, LARGEST]
    figure.colorbar(entries, ax=grid[2], label="entry", ticks=ticks, format="%g", pad=0.01)
    figure.colorbar(activity, ax=grid[3], label="mean v²", ticks=[0, 0.5, 1], pad=0.01)
    return ax


def draw_losses(losses: pd.DataFrame, shown: int, ax: Axes) -> None:
    """Draw the loss of every seed against epochs, with the seed shown below in colour."""
    for seed, line in losses.groupby("fit_seed"):
        colour, width = (plots.COLOURS[0], 2) if seed == shown else ("#9A9A9A", 0.8)
        ax.plot(line["at"], line["value"], color=colour, linewidth=width, zorder=2 + (seed == shown))
    ax.set(yscale="log", ylim=(1e-5, 1), xlabel="epochs")
    ax.set_yticks([0.0001, 0.01, 1], ["0.0001", "0.01", "1"])
    ax.minorticks_off()


def draw_flow(eigenvalues: pd.DataFrame, predictions: pd.DataFrame, k: int, ax: Axes) -> None:
    """Draw all eigenvalues along the count, the predictions of the words, and the decision boundary."""
    for count in SET:
        label = "2 or 5 set bits: should be above 0" if count == SET[0] else None
        ax.axvspan(count - 0.5, count + 0.5, color=plots.COLOURS[2], alpha=0.2, linewidth=0, label=label)
    for j, line in eigenvalues.groupby("index"):
        colour, width = (plots.COLOURS[0], 2) if j == k else ("#9A9A9A", 0.8)
        label = {k: "prediction, an eigenvalue", 0: "other eigenvalues"}.get(j)
        ax.plot(line["at"], line["value"], color=colour, linewidth=width, zorder=2 + (j == k), label=label)
    ax.axhline(0, color=plots.COLOURS[-1], linewidth=0.8)
    bars = [predictions["value"] - predictions["low"], predictions["high"] - predictions["value"]]
    ax.errorbar(
        predictions["at"], predictions["value"], bars, color=plots.COLOURS[-1], marker="o", markersize=3,
        linestyle="", elinewidth=1, zorder=4, label="all words: mean, least, largest",
    )  # fmt: skip
    low, high = predictions["low"].min(), predictions["high"].max()
    ax.set(xlim=(-0.5, BITS + 0.5), ylim=(low - 0.1 * (high - low), high + 0.3 * (high - low)))


def draw_entries(diagonal: pd.DataFrame, coupling: pd.DataFrame, ax: Axes) -> ScalarMappable:
    """Draw the entries of A(count) in the order of the matrix: a_0, b_0, a_1, … from the top."""
    a, b = (
        table.pivot(index="index", columns="at", values="value").to_numpy() for table in (diagonal, coupling)
    )
    bands = np.empty((len(a) + len(b), BITS + 1))
    bands[::2], bands[1::2] = a, b
    norm = SymLogNorm(linthresh=1, vmin=-LARGEST, vmax=LARGEST)
    image = ax.imshow(bands, norm=norm, cmap="PuOr", aspect="auto", interpolation="nearest")
    names = [f"{'ab'[i % 2]}{i // 2}" for i in range(len(bands))]
    ax.set_yticks(range(len(bands)), names, fontsize=8 if len(bands) < 12 else 6)
    return image


def draw_activity(participation: pd.DataFrame, ax: Axes) -> ScalarMappable:
    """Draw the mean v_j² of the words of every count, with latents from the top."""
    table = participation.pivot(index="index", columns="at", values="value")
    image = ax.imshow(table, norm=Normalize(0, 1), cmap="Blues", aspect="auto", interpolation="nearest")
    ax.set_yticks(range(len(table)), range(len(table)), fontsize=8)
    return image


def main() -> None:
    """Train, analyse, print, save."""
    parser = study.arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="number of fits of every dimension")
    args = parser.parse_args()
    rows = words()
    dims, n_epochs = (DIMS[:2], QUICK_EPOCHS) if args.quick else (DIMS, EPOCHS)
    seeds = range(args.seed, args.seed + (2 if args.quick else args.seeds))
    table = pd.concat(fits(rows, dims, seeds, n_epochs), ignore_index=True)
    study.print_table(summary(table, rows))
    study.write_table("two_or_five", table, out=args.out, seed=args.seed)
    study.write_figure("two_or_five", lambda ax: draw(table, ax), out=args.out, height=8.6)


if __name__ == "__main__":
    main()
