"""How accurate are the models? The published experiment on California housing, without choices on test rows.

The models are single neurons of dimension 7, 11, 15 and 45 with the package's defaults and the logarithm of
the four skewed columns, and the sum of neurons, with five seeds each. Held-out rows of the training table
choose the epochs (and the inputs of the sum), before all training rows are used; the test rows are not used
for any choice. The peers, on the same encoded columns, are linear regression, scikit-learn's MLP with two
hidden layers of 64 (its epoch is also chosen on a tenth of the rows) and its histogram gradient boosting.
Dashes mark the results of the published study, with one seed each and epochs chosen on the test rows.
``--quick`` uses the bundled diabetes table instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import study
from matplotlib.axes import Axes
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import root_mean_squared_error
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from spectral_interp import SpectralRegressor, plots
from spectral_interp.plots.style import label_log
from spectral_interp.tables.encoder import TableEncoder

DIMS = (7, 11, 15, 45)
PUBLISHED = {"dim 7": 55_738, "dim 11": 54_585, "dim 15": 54_138, "dim 45": 53_592, "MLP (64, 64)": 53_232}
SUM = "sum"
EPOCHS, QUICK_EPOCHS = 300, 10


def spectral(task: study.Task, dim: int, seed: int, epochs: int) -> SpectralRegressor:
    """Fit one neuron and return it."""
    est = SpectralRegressor(dim=dim, log=task.log, n_epochs=epochs, random_state=seed, form="single")
    return est.fit(task.X, task.y)


def baselines(seed: int, epochs: int) -> dict[str, Callable]:
    """Return the peers, by name."""
    mlp = MLPRegressor(
        hidden_layer_sizes=(64, 64),
        early_stopping=True,
        n_iter_no_change=40,
        max_iter=epochs,
        random_state=seed,
    )
    return {
        "linear regression": LinearRegression(),
        "MLP (64, 64)": TransformedTargetRegressor(mlp, transformer=StandardScaler()),
        "gradient boosting": HistGradientBoostingRegressor(
            max_iter=1000, early_stopping=True, random_state=seed
        ),
    }


def fits(task: study.Task, dims: tuple[int, ...], seeds: range, epochs: int) -> Iterator[dict]:
    """Yield one row per fit."""
    encoder = TableEncoder.fit(task.X, log=task.log)
    z, z_test = encoder.encode(task.X), encoder.encode(task.X_test)
    for seed in seeds:
        for dim in dims:
            start = time.perf_counter()
            est = spectral(task, dim, seed, epochs)
            seconds = time.perf_counter() - start
            yield line(task, f"dim {dim}", seed, est.predict(task.X_test), seconds, epoch=chosen_epoch(est))
        start = time.perf_counter()
        est = SpectralRegressor(form="sum", random_state=seed).fit(task.X, task.y)
        seconds = time.perf_counter() - start
        yield line(task, SUM, seed, est.predict(task.X_test), seconds, epoch=chosen_epoch(est))
        for name, model in baselines(seed, epochs).items():
            start = time.perf_counter()
            model.fit(z, task.y)
            yield line(task, name, seed, model.predict(z_test), time.perf_counter() - start)


def chosen_epoch(est: SpectralRegressor) -> int:
    """Return the epoch chosen on the held-out rows."""
    return min(est.history_, key=lambda event: event["validation_loss"])["epoch"]


def line(
    task: study.Task, model: str, seed: int, prediction: np.ndarray, seconds: float, epoch: int | None = None
) -> dict:
    """Return the row of the table for one fit."""
    rmse = root_mean_squared_error(task.y_test, prediction)
    found = {"data": task.name, "model": model, "fit_seed": seed, "test_rmse": rmse, "seconds": seconds}
    return found | {"best_epoch": epoch}


def medians(table: pd.DataFrame) -> pd.DataFrame:
    """Return median, extremes and median seconds per model, and the published errors."""
    found = table.groupby("model", sort=False).agg(
        median=("test_rmse", "median"),
        best=("test_rmse", "min"),
        worst=("test_rmse", "max"),
        seconds=("seconds", "median"),
    )
    return found.assign(published=pd.Series(PUBLISHED, dtype=float)).reset_index()


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the test error of every fit, with a row per model, and the published errors."""
    names, data = list(dict.fromkeys(table["model"])), table["data"].iloc[0]
    for y, name in enumerate(names):
        errors = table.loc[table["model"] == name, "test_rmse"]
        ours = name == SUM or name.startswith("dim")
        colour = plots.COLOURS[0] if ours else plots.COLOURS[1]
        ax.scatter(errors, np.full(len(errors), y), s=34, color=colour, alpha=0.6, linewidths=0)
        ax.plot(2 * [errors.median()], [y - 0.28, y + 0.28], color=colour, linewidth=2.4)
        if name in PUBLISHED and data == "california":
            ax.plot(2 * [PUBLISHED[name]], [y - 0.28, y + 0.28], color="0.35", linestyle=(0, (2, 1)))
    ax.set_yticks(
        range(len(names)), [f"spectral, {n}" if n == SUM or n.startswith("dim") else n for n in names]
    )
    ax.set_ylim(len(names) - 0.5, -0.5)
    known = data == "california"
    unit, title = ("US dollars", "California housing") if known else ("unit of the target", data)
    ax.set(xscale="log", xlabel=f"test RMSE, {unit} (bars: medians; dashes: published)")
    label_log(ax.xaxis)
    ax.minorticks_off()
    ax.set_title(f"{title}: {table['fit_seed'].nunique()} seeds of every model")
    return ax


def main() -> None:
    """Fit, print medians, save."""
    parser = study.housing_arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="number of fits of every model")
    args = parser.parse_args()
    seeds = range(args.seed, args.seed + (2 if args.quick else args.seeds))
    task = study.bundled("diabetes", args.seed) if args.quick else study.california(args)
    dims, epochs = ((3, 5), QUICK_EPOCHS) if args.quick else (DIMS, EPOCHS)
    table = pd.DataFrame(fits(task, dims, seeds, epochs))
    study.save("california_housing", table, lambda ax: draw(table, ax), out=args.out, seed=args.seed)
    print(medians(table).to_string(index=False, float_format=lambda x: f"{x:,.1f}"))


if __name__ == "__main__":
    main()
