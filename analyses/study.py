"""Common code of the studies: command line, fair timing, and output of tables and figures."""

from __future__ import annotations

import argparse
import datetime
import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split

from spectral_interp import plots
from spectral_interp._common.choices import BUNDLED_TARGETS
from spectral_interp.tables.reading import read_table, split_target

PAUSE = 0.02  # seconds for the idle threads of the last contestant to stop spinning
PRINTED = 120  # rows of a table that are printed; its file has all
HOUSE_VALUE = "median_house_value"
SKEWED = [
    *("total_rooms", "total_bedrooms", "population", "households"),  # columns of the published study's table
    *("AveRooms", "AveBedrms", "Population", "AveOccup"),  # columns of scikit-learn's table
]
FIGURES = Path(__file__).parents[1] / "figures"


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of every study."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small test run of under 20 s")
    parser.add_argument("--out", type=Path, default=FIGURES, help="folder for the table and the figure")
    parser.add_argument("--seed", type=int, default=0)
    return parser


@dataclass(frozen=True)
class Task:
    """Training and test rows of one data set, and its skewed positive columns."""

    name: str
    X: pd.DataFrame
    y: pd.Series
    X_test: pd.DataFrame
    y_test: pd.Series
    log: list[str] = field(default_factory=list)


def housing_arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a study on California housing."""
    parser = arguments(description)
    parser.add_argument("--train", type=Path, help=f"CSV with the column {HOUSE_VALUE}; with --test")
    parser.add_argument("--test", type=Path, help="CSV of the rows to test on (default: both downloaded)")
    return parser


def california(args: argparse.Namespace) -> Task:
    """Return California housing from the two files named on the command line, or from scikit-learn."""
    if (args.train is None) != (args.test is None):
        raise SystemExit("expected --train and --test together; got one of them")
    if args.train is not None:
        (X, y), (X_test, y_test) = (
            split_target(read_table(path), HOUSE_VALUE, path) for path in (args.train, args.test)
        )
    else:
        try:
            X, y = fetch_california_housing(return_X_y=True, as_frame=True)
        except URLError as error:
            raise SystemExit(
                f"expected --train FILE --test FILE, or a network to download from; got {error}"
            ) from error
        X, X_test, y, y_test = train_test_split(X, 100_000 * y, test_size=3000, random_state=args.seed)
    return Task("california", X, y, X_test, y_test, [column for column in SKEWED if column in X])


def bundled(name: str, seed: int) -> Task:
    """Return a bundled data set, with a quarter of its rows for testing."""
    X, y = split_target(read_table(name), BUNDLED_TARGETS[name], name)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
    return Task(name, X, y, X_test, y_test)


def interleave(
    contestants: Mapping[Hashable, Callable[[], object]], *, seconds: float
) -> dict[Hashable, float]:
    """Return the median seconds per call of each contestant; all take turns in one process.

    Each turn repeats a fast contestant often enough to be measured. Turns are repeated for ``seconds``, and
    at least five times, after two calls that are not counted.
    """
    for call in contestants.values():  # compiles kernels
        call()
    repeats = {name: max(1, int(2e-3 / max(_clock(call, 1), 1e-7))) for name, call in contestants.items()}
    turns: dict[Hashable, list[float]] = {name: [] for name in contestants}
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(next(iter(turns.values()))) < 5:
        for name, call in contestants.items():
            time.sleep(PAUSE)
            turns[name].append(_clock(call, repeats[name]))
    return {name: statistics.median(times) for name, times in turns.items()}


def _clock(call: Callable[[], object], repeats: int) -> float:
    """Return the seconds of a call, without the garbage collector, as :mod:`timeit` measures."""
    gc.disable()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    seconds = time.perf_counter() - start
    gc.enable()
    return seconds / repeats


def panels(ax: Axes, rows: int, columns: int, **options: Any) -> np.ndarray:
    """Replace ``ax`` by a grid of Axes, shape (rows, columns); the options are those of ``subplots``."""
    figure = ax.figure
    ax.remove()
    return figure.subplots(rows, columns, squeeze=False, **options)


def in_parallel(
    function: Callable[..., Any], jobs: list[dict[str, Any]], *, cores: int = -1
) -> Iterator[Any]:
    """Yield the results of ``function`` for the keyword arguments of every job, in order.

    Each job has one thread. With ``cores=1`` jobs run in this process; -1 uses all cores.
    """
    yield from Parallel(n_jobs=cores, return_as="generator")(delayed(function)(**job) for job in jobs)


def save(
    name: str,
    table: pd.DataFrame,
    draw: Callable[[Axes], Axes],
    *,
    out: Path,
    seed: int,
    height: float = 4.6,
) -> None:
    """Print the table and write it as ``NAME.csv``, and the figure as ``NAME.png``, into ``out``.

    ``height`` is that of the figure, in inches.
    """
    print_table(table)
    write_table(name, table, out=out, seed=seed)
    write_figure(name, draw, out=out, height=height)


def print_table(table: pd.DataFrame) -> None:
    """Print a table; of a long table, the first and last rows."""
    print(table.to_string(index=False, max_rows=PRINTED, float_format=lambda x: f"{x:,.4g}"), flush=True)


def stamp(table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return the table with seed, versions, number of cores and date in every row."""
    versions = f"python {platform.python_version()} numpy {np.__version__} torch {torch.__version__}"
    day = datetime.date.today().isoformat()
    return table.assign(seed=seed, versions=versions, cores=os.cpu_count(), date=day)


def write_table(name: str, table: pd.DataFrame, *, out: Path, seed: int) -> None:
    """Write a table as ``NAME.csv`` into ``out``, with the stamps of :func:`stamp`."""
    out.mkdir(parents=True, exist_ok=True)
    stamp(table, seed=seed).to_csv(out / f"{name}.csv", index=False, float_format="%.6g")
    print(f"written: {out / name}.csv")


def write_figure(name: str, draw: Callable[[Axes], Axes], *, out: Path, height: float = 4.6) -> None:
    """Write a figure as ``NAME.png`` into ``out``; ``height`` is in inches."""
    out.mkdir(parents=True, exist_ok=True)
    with plots.style():
        figure = Figure(figsize=(7.2, height))
        draw(figure.subplots())
        figure.savefig(out / f"{name}.png")
    print(f"written: {out / name}.png")
