"""Speed of the eigensolver, compared with SciPy, torch and 16 bare Sturm sweeps.

Matrices are random with N(0, 1) entries, k = d // 2, float64. All contestants take turns in one process on
the same matrices, and times are medians. "value" is the eigenvalue alone; "pair" is eigenvalue and
eigenvector, which give the gradient. SciPy's functions take one matrix at a time; torch's dense solver takes
the batch. The limit is 16 sweeps of the classical Sturm recurrence q_j = a_j − x − b_j² / q_{j−1} over the
same batch, transposed into SIMD lanes, on the same number of threads; 16 of the solver's own division-free
sweeps are also timed. Cold start is the first call in a new process, without and with cached code.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable

import numpy as np
import pandas as pd
import study
import torch
from matplotlib.axes import Axes
from numba import carray, njit
from scipy.linalg import eigh, eigh_tridiagonal
from threadpoolctl import threadpool_limits

from spectral_interp import plots
from spectral_interp.eigen import eigenpairs, eigenvalues, engine, kernel
from spectral_interp.eigen.compiling import HELPER, compiled

BATCHES = [(50, 100), (64, 5), (17000, 5), (64, 15), (1000, 15), (17000, 15), (64, 45), (1, 2000)]
QUICK = [(50, 20), (64, 15)]
OURS, LIMIT, OWN = "ours", "16 Sturm sweeps", "16 division-free sweeps"
SCIPY_ROWS = 1000  # maximum number of rows for one-by-one contestants; their time is scaled up
WIDTH = 64  # lanes of the bare sweep at its best width
TINY = 1e-20
MARKERS = ("o", "s", "^", "D", "_", "|")

ASKED = {  # (batch, contestant) → required speed ratio
    ((50, 100), "scipy eigh_tridiagonal"): 40,
    ((50, 100), "scipy eigh"): 150,
    ((64, 15), "scipy eigh_tridiagonal"): 80,
    ((64, 15), "torch eigh"): 60,
    ((17000, 15), "scipy eigh_tridiagonal"): 80,
}


@njit(**HELPER)
def sweep(a, b2, x, count):
    """Count the eigenvalues below x in every lane by the classical recurrence."""
    local = carray(kernel.stack_reals(), (2, WIDTH))
    tally = carray(kernel.stack_ints(), (1, WIDTH))
    for lane in range(WIDTH):
        local[0, lane] = x[lane]
        local[1, lane] = 1.0
        tally[0, lane] = 0
    for j in range(a.shape[0]):
        for lane in range(WIDTH):
            q = (a[j, lane] - local[0, lane]) - b2[j, lane] / local[1, lane]
            q = -TINY if abs(q) < TINY else q
            local[1, lane] = q
            tally[0, lane] += q < 0.0
    for lane in range(WIDTH):
        count[lane] = tally[0, lane]


@compiled
def sweeps(number, diag, off, counts):
    """Transpose every block of matrices and sweep over it ``number`` times."""
    n, d = diag.shape
    a, b2 = np.empty((d, WIDTH)), np.empty((d, WIDTH))
    x, count = np.empty(WIDTH), np.empty(WIDTH, np.int64)
    for first in range(0, n, WIDTH):
        used = min(WIDTH, n - first)
        kernel.gather(diag, first, used, a)
        kernel.gather(off, first, used, b2[1:])
        for j in range(d):
            for lane in range(WIDTH):
                b2[j, lane] = b2[j, lane] * b2[j, lane] if j > 0 else 0.0
        for step in range(number):
            for lane in range(WIDTH):
                x[lane] = 0.1 * step
            sweep(a, b2, x, count)
        for lane in range(used):
            counts[first + lane] = count[lane]
    return 0


@compiled
def own_sweeps(number, diag, off):
    """Load and scale every block as the solver does, and run its own sweep ``number`` times."""
    n, d = diag.shape
    rows = -(-d // kernel.STRIDE) * kernel.STRIDE
    a, b, b2 = np.empty((rows, kernel.LANES)), np.empty((rows, kernel.LANES)), np.empty((rows, kernel.LANES))
    reals = carray(kernel.stack_reals(), (kernel.FIELDS, kernel.LANES))
    ints = carray(kernel.stack_ints(), (kernel.FIELDS, kernel.LANES))
    below = 0
    for first in range(0, n, kernel.LANES):
        kernel.load(diag, off, first, a, b)
        kernel.measure(a, b, ints)
        kernel.rescale(a, b, b2, d, ints, reals)
        for step in range(number):
            for lane in range(kernel.LANES):
                reals[kernel.X, lane] = 0.1 * step
            kernel.sweep(a, b2, reals, ints)
            below += ints[kernel.C, 0]
    return below


def contestants(diag: np.ndarray, off: np.ndarray) -> dict[tuple[str, str], Callable[[], object]]:
    """Return calls by (contestant, task), for the whole batch or its first rows."""
    k = diag.shape[1] // 2
    some = slice(0, min(len(diag), SCIPY_ROWS))
    dense = torch.diag_embed(torch.from_numpy(diag)) + sum(
        torch.diag_embed(torch.from_numpy(off), offset) for offset in (1, -1)
    )
    matrices = dense[some].numpy()
    counts = np.empty(len(diag), np.int64)

    def one_by_one(
        solve: Callable[..., object], *columns: np.ndarray, **options: object
    ) -> Callable[[], object]:
        return lambda: [solve(*row, **options) for row in zip(*(c[some] for c in columns), strict=True)]

    selected = {"select": "i", "select_range": (k, k)}
    subset = {"subset_by_index": (k, k)}
    return {
        (OURS, "value"): lambda: eigenvalues(diag, off, k),
        (OURS, "pair"): lambda: eigenpairs(diag, off, k),
        ("scipy eigh_tridiagonal", "value"): one_by_one(
            eigh_tridiagonal, diag, off, eigvals_only=True, **selected
        ),
        ("scipy eigh_tridiagonal", "pair"): one_by_one(eigh_tridiagonal, diag, off, **selected),
        ("scipy eigh", "value"): one_by_one(eigh, matrices, eigvals_only=True, **subset),
        ("scipy eigh", "pair"): one_by_one(eigh, matrices, **subset),
        ("torch eigh", "value"): lambda: torch.linalg.eigvalsh(dense),
        ("torch eigh", "pair"): lambda: torch.linalg.eigh(dense),
        (LIMIT, "value"): lambda: engine._run(sweeps, (16,), (diag, off, counts)),
        (OWN, "value"): lambda: engine._run(own_sweeps, (16,), (diag, off)),
    }


def measure(batch: tuple[int, int], threads: int, *, seconds: float, seed: int) -> pd.DataFrame:
    """Return one row per contestant and task, for one batch and number of threads."""
    n, d = batch
    rng = np.random.default_rng(seed)
    diag, off = rng.normal(size=(n, d)), rng.normal(size=(n, d - 1))
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        times = study.interleave(contestants(diag, off), seconds=seconds)
    scale = {name: n / min(n, SCIPY_ROWS) if name.startswith("scipy") else 1.0 for name, _ in times}
    lines = [
        {
            "batch": n,
            "order": d,
            "threads": threads,
            "contestant": name,
            "task": task,
            "us": 1e6 * t * scale[name],
        }
        for (name, task), t in times.items()
    ]
    table = pd.DataFrame(lines)
    ours = table[table["contestant"] == OURS].set_index("task")["us"]
    sweep_time = table.loc[table["contestant"] == LIMIT, "us"].item()
    return table.assign(
        ns_per_entry=1e3 * table["us"] / (n * d),
        ours_times_faster=table["us"] / table["task"].map(ours),
        over_limit=table["us"] / sweep_time,
    )


COLD = """
import time, numpy as np
from spectral_interp import plots
from spectral_interp.eigen import eigenpairs
start = time.perf_counter()
eigenpairs(np.ones((64, 15)), np.ones((64, 14)), 7)
print(time.perf_counter() - start)
"""


def cold_start() -> tuple[float, float]:
    """Return the seconds of the first call in a new process, without and with cached code."""
    with tempfile.TemporaryDirectory() as cache:
        command = {"args": [sys.executable, "-c", COLD], "env": os.environ | {"NUMBA_CACHE_DIR": cache}}
        first, second = (
            float(subprocess.run(**command, capture_output=True, text=True, check=True).stdout)
            for _ in range(2)
        )
    return first, second


def draw(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw nanoseconds per matrix entry of every contestant's eigenpair on one thread, by batch."""
    sweeps_too = table["contestant"].isin((LIMIT, OWN))
    pairs = table[((table["task"] == "pair") | sweeps_too) & (table["threads"] == 1)]
    labels = list(dict.fromkeys(zip(pairs["batch"], pairs["order"], strict=True)))
    styles = zip(pairs["contestant"].unique(), MARKERS, (*plots.COLOURS, plots.COLOURS[0]), strict=False)
    for name, marker, colour in styles:
        rows = pairs[pairs["contestant"] == name].set_index(["batch", "order"])
        ax.plot(
            range(len(labels)),
            rows.loc[labels, "ns_per_entry"],
            marker=marker,
            markersize=11 if marker in "_|" else 7,
            markeredgewidth=2.5 if marker in "_|" else 1,
            linestyle="",
            color=colour,
            label=name,
        )
    ax.set_xticks(range(len(labels)), [f"{n:,} of\n{d}²" for n, d in labels])
    ax.set(
        yscale="log",
        ylabel="nanoseconds per matrix entry (n · d)",
        title="Eigenpairs of n matrices of order d, one thread",
        xlabel="n of d²",
    )
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.grid(axis="y", alpha=0.3)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    return ax


def main() -> None:
    """Measure, print, save, and compare with the requirements."""
    parser = study.arguments(__doc__)
    args = parser.parse_args()
    batches, seconds = (QUICK, 0.2) if args.quick else (BATCHES, 6.0)
    runs = [
        measure(batch, threads, seconds=seconds, seed=args.seed) for batch in batches for threads in (1, 2)
    ]
    table = pd.concat(runs, ignore_index=True)
    study.save("solver_speed", table, lambda ax: draw(table, ax), out=args.out, seed=args.seed)
    pairs = table[table["task"] == "pair"].set_index(["batch", "order", "contestant", "threads"]).sort_index()
    for ((n, d), name), asked in ASKED.items():
        if (n, d) in batches:
            found = pairs.loc[(n, d, name), "ours_times_faster"]
            print(
                f"{n} of {d}×{d}, {name}: {found[1]:.0f}× on 1 thread, {found[2]:.0f}× on 2 "
                f"(required: {asked}×)"
            )
    own_times = table[table["contestant"] == OWN].set_index(["batch", "order", "threads"])["us"].sort_index()
    limits = pairs.xs(OURS, level="contestant")["over_limit"]
    for (n, d, threads), ratio in limits.items():
        if n >= 64:
            own = pairs.loc[(n, d, OURS, threads), "us"] / own_times[n, d, threads]
            print(
                f"{n} of {d}×{d}, {threads} threads: {ratio:.2f} times {LIMIT} (required: at most 2.5), "
                f"{own:.2f} times {OWN}"
            )
    if not args.quick:
        print("first call: {:.1f} s uncached, {:.2f} s cached".format(*cold_start()))


if __name__ == "__main__":
    main()
