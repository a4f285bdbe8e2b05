"""Threads and forked processes that explain at once; memory over many rows.

The quick form does so in the process of the tests, the long form in new ones, which take seconds to start.
"""

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer

from spectral_interp import SpectralRegressor

from . import crowd

GROWN = 30  # MB, most that memory may grow

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="needs fork and /proc, as on Linux"
)


def in_this_process(**options):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # threads share the filters
            return crowd.counted(**options)
    finally:
        torch.set_num_threads(before)


def in_a_new_process(openmp, patience=1800, **options):
    """Run the program beside this file in a process group of its own, which is ended if it hangs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.crowd", json.dumps(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": str(openmp)},
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 0, err
    return json.loads(out)


def test_threads_and_forked_processes_at_once(size, tally):
    """With two threads of torch and OpenMP, and in the long form with one as well."""
    quick = {"seconds": 0.8, "threads": 2, "processes": 2, "rows": 20_000, "start_methods": []}
    long = {"seconds": 60, "threads": 8, "processes": 4, "rows": 1_000_000}
    long["start_methods"] = ["spawn", "forkserver"]
    for openmp in size((2,), (1, 2)):
        label = f"concurrency, OpenMP {openmp}:"
        with tally(f"{label} explanations in threads") as counts:
            found = in_this_process(**quick) if size(True, False) else in_a_new_process(openmp, **long)
            counts.add(found["tried"].pop("threads"), found["failures"])
        for where, tried in found["tried"].items():
            with tally(f"{label} {NAMES.get(where, where)}") as counts:
                counts.add(tried, [])
        with tally(f"{label} rows explained, memory flat to {GROWN} MB") as counts:
            grown = found["growth"]
            counts.add(size(20_000, 1_000_000), [f"grew by {grown:.0f} MB"] if grown > GROWN else [])
        print(f"{label} memory grew by {grown:.1f} MB")


NAMES = {
    "children": "forked processes",
    "forked": "explanations in forked processes",
    "spawn": "explanations in a spawned process",
    "forkserver": "explanations in a process of a fork server",
}


@pytest.mark.long
def test_grid_search_in_new_processes(diabetes, tally):
    """With joblib's default; tests/estimators/test_sklearn.py has forked ones."""
    with tally("grid search in new processes") as counts, counts.trial("two processes"):
        pipeline = make_pipeline(
            PowerTransformer(), SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single")
        )
        search = GridSearchCV(pipeline, {"spectralregressor__dim": [2, 3]}, n_jobs=2, cv=2).fit(*diabetes)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
