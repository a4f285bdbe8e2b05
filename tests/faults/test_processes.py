"""The command lines as processes of their own, where outputs, caches, language or terminal are missing.

A process takes seconds to start, so all but one come in the long form.
"""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spectral_interp

from .disks import disk, filled, read_only

PACKAGE = Path(spectral_interp.__file__).parent
KINDS = ("train", "analyze")
WARNED = r"(spectral_interp\.\w+: warning: [^\n]*NUMBA_CACHE_DIR[^\n]*\n)"
"""One line that says that compiled code cannot be kept."""


@pytest.fixture
def folder(tmp_path, rng):
    """A folder with a table whose names are not ASCII."""
    folder = tmp_path / "größe λ"
    folder.mkdir()
    write_table(folder, rng, 60)
    return folder


@pytest.fixture
def large(tmp_path, rng):
    """A folder with a table that takes a minute to train on."""
    folder = tmp_path / "large"
    folder.mkdir()
    write_table(folder, rng, 5000)
    return folder


def write_table(folder, rng, n):
    table = pd.DataFrame(rng.normal(size=(n, 3)), columns=["größe", "“β²”", "y"])
    table.to_csv(folder / "tabelle λ.csv", index=False)


def arguments(kind):
    """Return a command line; ``analyze`` needs the model of ``train``."""
    start = [sys.executable, "-m", f"spectral_interp.{kind}"]
    if kind == "train":
        size = ["--form", "single", "--dim", "3", "--epochs", "12", "--no-baselines"]
        return [*start, "tabelle λ.csv", "--target", "y", "--out", "modell λ.pt", *size]
    return [*start, "modell λ.pt", "--rows", "5", "--methods", "local", "--no-compare"]


def environment(changes, package=PACKAGE):
    """Return the environment of a process; None takes a variable away."""
    changed = os.environ | {"PYTHONPATH": str(package.parent), "OMP_NUM_THREADS": "1"} | changes
    return {name: value for name, value in changed.items() if value is not None}


def shell(folder, kind, redirections="", changes=None, **options):
    """Return status, output and errors of a command line as a shell runs it."""
    command = ["bash", "-c", f'set -o pipefail; "$@" {redirections}', "bash", *arguments(kind)]
    env = environment(changes or {}, **options)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def assert_results(folder, kind):
    """What was to be written is there, and nothing else; take it away, but for the model that is analysed."""
    result = folder / {"train": "modell λ.pt", "analyze": "modell λ-analysis"}[kind]
    try:
        assert {path.name for path in folder.iterdir()} == {"tabelle λ.csv", "modell λ.pt", result.name}
        assert kind == "train" or len(list((result / "figures").iterdir())) > 5
    finally:
        if kind == "analyze":
            shutil.rmtree(result, ignore_errors=True)


OUTPUTS = {
    "| head -1": ([0, 141], r"[^\n]+\n", ""),  # 0 where all is written before it closes the pipe
    "| true": ([141], "", ""),
    "2>&1 | true": ([141], "", ""),
    ">/dev/full": ([2], "", r"spectral_interp\.\w+: error: .*No space left on device\n"),
    ">/dev/full 2>/dev/full": ([2], "", ""),
    ">&-": ([0], "", ""),
    "<&- >&- 2>&-": ([0], "", ""),
}


@pytest.mark.long
def test_outputs(folder, tally):
    """Closed, full and unread outputs change the status, not the results."""
    shell(folder, "train")
    with tally("outputs closed, full or unread") as counts:
        for redirections, (statuses, out, err) in OUTPUTS.items():
            for kind in KINDS if redirections in ("| true", "<&- >&- 2>&-") else KINDS[1:]:
                with counts.trial(f"{kind} {redirections}"):
                    found = shell(folder, kind, redirections)
                    assert_results(folder, kind)
                    assert found[0] in statuses
                    assert re.fullmatch(out, found[1])
                    assert re.fullmatch(err, found[2])


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NOWHERE = "/proc/nowhere"
NOTHING = dict.fromkeys(os.environ.keys() - {"PATH"})
ENVIRONMENTS = {
    "ASCII output": {"PYTHONIOENCODING": "ascii"},
    "locale C": {"LC_ALL": "C"},
    "locale C, not coerced": ASCII,
    "no terminal, no HOME, no variables": NOTHING,
    "caches nowhere": {
        "HOME": NOWHERE,
        "MPLCONFIGDIR": NOWHERE,
        "NUMBA_CACHE_DIR": NOWHERE,
        "TMPDIR": NOWHERE,
    },
}


@pytest.mark.long
def test_environments(folder, tally):
    with tally("environments without language, home, terminal or caches") as counts:
        for name, changes in ENVIRONMENTS.items():
            for kind in KINDS:
                with counts.trial(f"{kind}: {name}"):
                    status, out, err = shell(folder, kind, changes=changes)
                    assert_results(folder, kind)
                    assert (status, err) == (0, "")
                    assert "R" in out


@pytest.mark.long
def test_caches_that_cannot_be_written(folder, tmp_path, tally):
    """A read-only installation without caches and home; a cache on a full disk."""
    copy = tmp_path / "installed" / "spectral_interp"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with tally("caches that cannot be written") as counts, ExitStack() as stack:
        full = stack.enter_context(disk(tmp_path / "disk"))
        stack.enter_context(filled(full, 0))
        stack.enter_context(read_only(copy.parent))
        for name, changes in {
            "read-only installation": {"HOME": NOWHERE},
            "full cache": {"NUMBA_CACHE_DIR": str(full), "MPLCONFIGDIR": str(full)},
        }.items():
            for kind in KINDS:
                with counts.trial(f"{kind}: {name}"):
                    status, _, err = shell(folder, kind, changes=changes, package=copy)
                    assert_results(folder, kind)
                    assert status == 0
                    assert re.fullmatch(WARNED + ("" if kind == "train" else "?"), err), err


WITHOUT_FOLDER = """
import numba.core.caching as caching
for locator in caching.CacheImpl._locator_classes:
    locator.from_function = classmethod(lambda *_: None)
from spectral_interp.eigen import eigenvalues
print(eigenvalues([0.0, 0.0], [2.0], 1))
"""


@pytest.mark.long
def test_a_process_without_a_folder_for_its_cache(tally):
    """The kernels compile in memory; tests/eigen/test_compiling.py does so with a function of one line."""
    with tally("caches without a folder") as counts, counts.trial("kernels"):
        command = [sys.executable, "-c", WITHOUT_FOLDER]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        assert float(done.stdout) == pytest.approx(2)


LONG = [*arguments("train"), "--epochs", "300", "--batch-size", "4"]
"""A training of a minute on a large table."""


@contextmanager
def started(folder, *options):
    """Start a long training that listens to Ctrl-C, even where the tests run in the background and do not."""
    process = subprocess.Popen(
        [sys.executable, *options, *LONG[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment({}),
        text=True,
        preexec_fn=listen,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def listen():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_while_libraries_load(large, tally):
    """They are named as they come; torch is the slowest."""
    with tally("SIGINT while libraries load") as counts, counts.trial("first"):
        with started(large, "-X", "importtime") as process:
            for line in process.stderr:
                if line.split()[-1] == "numpy":
                    break
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (-signal.SIGINT, "")
        assert [line for line in err.splitlines() if not line.startswith("import time:")] == ["interrupted"]


@pytest.mark.long
def test_ctrl_c_at_any_time(large, tally):
    with tally("SIGINT to processes at random") as counts:
        for moment in np.random.default_rng(0).uniform(1, 20, 8):
            with counts.trial(f"after {moment:.3f} s"):
                with started(large) as process:
                    with pytest.raises(subprocess.TimeoutExpired):
                        process.wait(moment)
                    process.send_signal(signal.SIGINT)
                    out, err = process.communicate(timeout=60)
                assert (process.returncode, out) == (-signal.SIGINT, "")
                assert re.fullmatch(r"(spectral_interp\.train: )?interrupted\n", err), err
                assert [path.name for path in large.iterdir()] == ["tabelle λ.csv"]


@pytest.mark.long
def test_ctrl_c_on_a_terminal(large, tally):
    """The key, not the signal: while the bar is drawn."""
    with tally("Ctrl-C on a terminal") as counts, counts.trial("train"):
        pid, terminal = pty.fork()
        if not pid:
            listen()
            os.chdir(large)
            os.execve(sys.executable, LONG, environment({}))
        termios.tcsetwinsize(terminal, (24, 80))
        shown = b""
        while b"epoch" not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, b"\x03")
        while b"interrupted" not in shown:
            shown += os.read(terminal, 1000)
        _, status = os.waitpid(pid, 0)
        assert os.WTERMSIG(status) == signal.SIGINT
        assert b"Traceback" not in shown
        assert [path.name for path in large.iterdir()] == ["tabelle λ.csv"]
