"""Scaling on one machine: seconds and peak memory against rows, columns and order of the matrices.

Tables are generated in batches: numbers, two columns of text, and a target of curved, joint and plain effects
with noise of 0.3. Every measurement has its own process, so that its peak memory is its own; it is counted
above that of the interpreter with all libraries loaded and kernels compiled. The sweep over rows trains in
memory and streams from a Parquet file, and explains every row. The peer is scikit-learn's gradient boosting
with SHAP's TreeExplainer (glass_boxes has times of the EBM). R² is that of 20,000 new rows. ``--quick`` uses
small tables, in this process.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shap
import study
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, NullFormatter
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.preprocessing import OrdinalEncoder

from spectral_interp import SpectralRegressor, explain_batches, plots

BATCH = 100_000
FRESH = 20_000
EXPLAINED_BY_TREES = 2_000  # TreeExplainer takes milliseconds per row
MOST = {
    ("train", "single, in memory"): 10**5,  # 300 epochs of a million rows take minutes
    ("train", "sum, in memory"): 10**6,
    ("explain", "sum, streamed"): 10**6,
    ("train", "gradient boosting"): 10**6,
    ("explain", "gradient boosting"): 10**6,
}
"""Maximum number of rows of contestants; those that stream have no limit."""

LEVELS = {"kind": 6, "town": 10}

Predictor = Callable[[pd.DataFrame], Any]


@dataclass(frozen=True)
class Job:
    """A measurement: its task, contestant and size of table."""

    sweep: str
    task: str
    contestant: str
    rows: int
    columns: int = 10
    order: int = 15
    epochs: int = 300


# ------------------------------------------------------------------------------------------- the tables


def batches(rows: int, columns: int, seed: int) -> Iterator[pd.DataFrame]:
    """Yield a synthetic table in batches; the first rows do not depend on the number of rows."""
    for start in range(0, rows, BATCH):
        rng, size = np.random.default_rng([seed, start]), min(BATCH, rows - start)
        x = rng.standard_normal((size, columns))
        frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(columns)])
        codes = {name: rng.integers(0, count, size) for name, count in LEVELS.items()}
        for name, count in LEVELS.items():
            frame[name] = np.array([f"{name} {i}" for i in range(count)], dtype=object)[codes[name]]
        curved = 2 * np.sin(x[:, 0]) + np.abs(x[:, 3]) + np.exp(0.3 * x[:, 5]) + 0.5 * x[:, 4]
        noise = 0.3 * rng.standard_normal(size)
        yield frame.assign(y=curved + x[:, 1] * x[:, 2] + 2 * (codes["kind"] == 1) + noise)


def write(path: Path, rows: int, columns: int, seed: int) -> Path:
    """Write a synthetic table as a Parquet file, unless it exists, and return its path."""
    if not path.exists():
        tables = (pa.Table.from_pandas(frame, preserve_index=False) for frame in batches(rows, columns, seed))
        first = next(tables)
        with pq.ParquetWriter(path, first.schema) as writer:
            for table in (first, *tables):
                writer.write_table(table)
    return path


# ------------------------------------------------------------------------------------------- contestants


def ours(job: Job, form: str, seed: int) -> SpectralRegressor:
    """Return an estimator of a form."""
    options: dict[str, Any] = {"dim": job.order, "n_epochs": job.epochs} if form == "single" else {}
    return SpectralRegressor(form=form, random_state=seed, **options)


def train_in_memory(
    job: Job, path: Path, form: str, seed: int
) -> tuple[float, Callable[[pd.DataFrame], Any]]:
    """Return the seconds of a fit and its predictor."""
    frame = pd.read_parquet(path)
    y = frame.pop("y")
    start = time.perf_counter()
    est = ours(job, form, seed).fit(frame, y)
    return time.perf_counter() - start, est.predict


def train_streamed(job: Job, path: Path, form: str, seed: int) -> tuple[float, Predictor]:
    """Return the same for a fit on a file."""
    start = time.perf_counter()
    est = ours(job, form, seed).fit_batches(path, target="y")
    return time.perf_counter() - start, est.predict


def explain_streamed(job: Job, path: Path, form: str, seed: int) -> tuple[float, None]:
    """Return the seconds for local contributions of all rows of a file, with a model of few rows."""
    frame = next(batches(5_000, job.columns, seed))
    est = ours(job, form, seed).fit(frame.drop(columns="y"), frame["y"])
    file = pq.ParquetFile(path, pre_buffer=False)
    rows = (batch.drop_columns("y") for batch in file.iter_batches(50_000))
    start = time.perf_counter()
    for _ in explain_batches(est, rows):
        pass
    return time.perf_counter() - start, None


def coded(path: Path) -> tuple[Callable[[pd.DataFrame], pd.DataFrame], pd.DataFrame, pd.Series]:
    """Return an encoder of text for trees, and a table with its targets."""
    frame = pd.read_parquet(path)
    y = frame.pop("y")
    encoder = OrdinalEncoder().fit(frame[list(LEVELS)])

    def code(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(**dict(zip(LEVELS, encoder.transform(rows[list(LEVELS)]).T, strict=True)))

    return code, code(frame), y


def train_trees(job: Job, path: Path, seed: int) -> tuple[float, Predictor]:
    """Return the seconds of a fit of gradient boosting and its predictor."""
    code, frame, y = coded(path)
    start = time.perf_counter()
    model = HistGradientBoostingRegressor(max_iter=300, random_state=seed).fit(frame, y)
    return time.perf_counter() - start, lambda rows: model.predict(code(rows))


def explain_trees(job: Job, path: Path, seed: int) -> tuple[float, None]:
    """Return the seconds of TreeExplainer for all rows, extrapolated from a part."""
    _, frame, y = coded(path)
    model = HistGradientBoostingRegressor(max_iter=300, random_state=seed).fit(frame, y)
    some = frame[:EXPLAINED_BY_TREES]
    explainer = shap.TreeExplainer(model)
    start = time.perf_counter()
    explainer.shap_values(some)
    return (time.perf_counter() - start) * job.rows / len(some), None


CONTESTANTS: dict[tuple[str, str], Callable[..., tuple[float, Any]]] = {
    ("train", "single, in memory"): partial(train_in_memory, form="single"),
    ("train", "sum, in memory"): partial(train_in_memory, form="sum"),
    ("train", "single, streamed"): partial(train_streamed, form="single"),
    ("train", "sum, streamed"): partial(train_streamed, form="sum"),
    ("train", "gradient boosting"): train_trees,
    ("explain", "single, streamed"): partial(explain_streamed, form="single"),
    ("explain", "sum, streamed"): partial(explain_streamed, form="sum"),
    ("explain", "gradient boosting"): explain_trees,
}


# ------------------------------------------------------------------------------------------- measuring


def memory(entry: str) -> float:
    """Return an entry of the Linux process status, in megabytes; NaN on other systems."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) for line in lines if line.startswith(entry)) / 1e3


def measured(job: Job, path: Path, seed: int) -> dict[str, Any]:
    """Return a row of the table."""
    warnings.simplefilter("ignore")
    warm = Job(job.sweep, job.task, job.contestant, 300, job.columns, job.order, 2)
    run = CONTESTANTS[job.task, job.contestant]
    with tempfile.TemporaryDirectory() as folder:
        run(warm, write(Path(folder) / "t.parquet", 300, job.columns, seed), seed=seed)
    before = memory("VmRSS")
    seconds, predict = run(job, path, seed=seed)
    peak = memory("VmHWM") - before
    found = {**asdict(job), "seconds": seconds, "peak_mb": peak, "r2": float("nan")}
    if predict is not None:
        fresh = next(batches(FRESH, job.columns, seed + 1))
        found["r2"] = float(r2_score(fresh["y"], predict(fresh.drop(columns="y"))))
    return found


def jobs(*, quick: bool) -> list[Job]:
    """Return the measurements."""
    if quick:
        many = [Job("rows", *key, 300, epochs=2) for key in CONTESTANTS]
        wide = [Job("columns", "train", "single, in memory", 300, columns, epochs=2) for columns in (6, 12)]
        high = [Job("order", "train", "single, in memory", 300, order=order, epochs=2) for order in (3, 6)]
        slow = {("train", "sum, in memory"), ("train", "sum, streamed")}
        return [job for job in many if (job.task, job.contestant) not in slow] + wide + high
    found = []
    for rows in (10**4, 10**5, 10**6, 10**7):
        for key in CONTESTANTS:
            if rows <= MOST.get(key, 10**7):
                found.append(Job("rows", *key, rows))
    for columns in (10, 30, 100, 300, 1000):
        for contestant in ("single, in memory", "sum, in memory", "gradient boosting"):
            if columns <= 300 or "sum" not in contestant:
                found.append(Job("columns", "train", contestant, 10**4, columns))
    for order in (5, 10, 15, 25, 35, 45):
        found.append(Job("order", "train", "single, in memory", 10**4, order=order))
    return found


def exponents(table: pd.DataFrame) -> pd.DataFrame:
    """Return the growth of seconds and memory: log-log slopes from the middle of a sweep on."""
    lines = []
    for (sweep, task, contestant), own in table.groupby(["sweep", "task", "contestant"], sort=False):
        axis = "rows" if sweep == "rows" else sweep
        large = own.sort_values(axis).iloc[len(own) // 2 - 1 :] if len(own) > 2 else own
        line = {"sweep": sweep, "task": task, "contestant": contestant}
        for name in ("seconds", "peak_mb"):
            positive = large[large[name] > 0]
            slope = (
                np.polyfit(np.log(positive[axis]), np.log(positive[name]), 1)[0]
                if len(positive) > 1
                else np.nan
            )
            line[f"{name}_exponent"] = slope
        lines.append(line)
    return pd.DataFrame(lines)


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw seconds and memory against rows, and seconds against columns."""
    ax.figure.set_layout_engine("constrained")
    axes = study.panels(ax, 2, 2)
    panels = [
        ("rows", "train", "seconds", "rows", "training, seconds"),
        ("rows", "train", "peak_mb", "rows", "training, peak memory, MB"),
        ("rows", "explain", "seconds", "rows", "explaining all rows, seconds"),
        ("columns", "train", "seconds", "columns", "training 10k rows, seconds"),
    ]
    names = list(dict.fromkeys(table["contestant"]))
    colours = dict(zip(names, plots.COLOURS, strict=False))
    for panel, (sweep, task, value, axis, label) in zip(axes.ravel(), panels, strict=True):
        some = table[(table["sweep"] == sweep) & (table["task"] == task) & (table[value] > 0)]
        for name, own in some.groupby("contestant", sort=False):
            panel.plot(own[axis], own[value], "o-", ms=3, lw=1.2, color=colours[name], label=name)
        panel.set(xscale="log", yscale="log", xlabel=axis, title=label)
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
        panel.yaxis.set_major_formatter(lambda x, _: f"{x:,g}")
        for scale in (panel.xaxis, panel.yaxis):
            scale.set_minor_formatter(NullFormatter())
    handles = {
        text: line
        for panel in axes.ravel()
        for line, text in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    axes[0, 0].figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return axes[0, 0]


def main() -> None:
    """Measure, print, write."""
    parser = study.arguments(__doc__)
    args = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for job in jobs(quick=args.quick):
            path = write(Path(folder) / f"{job.rows}-{job.columns}.parquet", job.rows, job.columns, args.seed)
            if args.quick:
                lines.append(measured(job, path, args.seed))
            else:
                spawn = multiprocessing.get_context("spawn")
                with ProcessPoolExecutor(1, mp_context=spawn) as alone:
                    lines.append(alone.submit(measured, job, path, args.seed).result())
            print(
                {key: lines[-1][key] for key in ("contestant", "rows", "seconds", "peak_mb", "r2")},
                flush=True,
            )
    table = pd.DataFrame(lines)
    study.print_table(exponents(table))
    study.write_table("scale_exponents", exponents(table), out=args.out, seed=args.seed)
    study.save("scale", table, lambda ax: draw(table, ax), out=args.out, seed=args.seed, height=6.4)


if __name__ == "__main__":
    main()
