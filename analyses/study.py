"""What the studies share: their command line, fair timing, and how tables and figures are written."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_interp import plots

PAUSE = 0.02  # seconds in which the idle threads of the last contestant stop spinning
PRINTED = 120  # lines of a table; its file has all
FIGURES = Path(__file__).parents[1] / "figures"


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every study has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick", action="store_true", help="a small run of under 20 s, to see that it works"
    )
    parser.add_argument("--out", type=Path, default=FIGURES, help="folder for the table and the figure")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def interleave(
    contestants: Mapping[Hashable, Callable[[], object]], *, seconds: float
) -> dict[Hashable, float]:
    """Return the median seconds per call of each contestant, all taking turns in one process.

    Each turn repeats a fast contestant often enough to be measured; turns go on for ``seconds`` and number at
    least five, after two calls that are not counted.
    """
    for call in contestants.values():  # compiles what wants compiling
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
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def save(name: str, table: pd.DataFrame, draw: Callable[[Axes], Axes], *, out: Path, seed: int) -> None:
    """Print the table and write it as ``NAME.csv``, and the figure as ``NAME.png``, into ``out``."""
    print(table.to_string(index=False, max_rows=PRINTED, float_format=lambda x: f"{x:.4g}"))
    out.mkdir(parents=True, exist_ok=True)
    versions = f"python {platform.python_version()} numpy {np.__version__} torch {torch.__version__}"
    stamped = table.assign(seed=seed, versions=versions, cores=os.cpu_count())
    stamped.to_csv(out / f"{name}.csv", index=False, float_format="%.6g")
    with plots.style():
        figure = Figure(figsize=(7.2, 4.6))
        draw(figure.subplots())
        figure.savefig(out / f"{name}.png")
    print(f"written: {out / name}.csv, {out / name}.png")
