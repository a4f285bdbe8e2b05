"""Threads and forked processes that explain at once; memory over many rows."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

GROWN = 30  # MB, most that memory may grow

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="needs fork and /proc, as on Linux"
)


def crowd(openmp, patience, **options):
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
    """Under OpenMP with two threads, and in the long form with one as well."""
    for openmp in size((2,), (1, 2)):
        label = f"concurrency, OpenMP {openmp}:"
        with tally(f"{label} explanations in threads") as counts:
            found = crowd(
                openmp,
                patience=size(120, 1800),
                seconds=size(1.5, 60),
                threads=size(2, 8),
                processes=size(2, 4),
                rows=size(20_000, 1_000_000),
                start_methods=size([], ["spawn", "forkserver"]),
            )
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
