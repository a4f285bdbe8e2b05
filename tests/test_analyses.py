"""Every study runs in its quick form and leaves tables and figures.

Here they run in this process, and each contestant of a comparison of speed has one turn. The long form of
tests/faults starts them as a user does.
"""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp.commands import train

FOLDER = Path(__file__).parents[1] / "analyses"
SHARED = ("benchmarks", "peers", "published", "study")
STUDIES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in SHARED)


def assert_whole(folder, name):
    """The study left its table, every table has its stamps, and every figure is drawn."""
    assert (folder / f"{name}.csv").is_file()
    for path in folder.glob("*.csv"):
        table = pd.read_csv(path)
        assert len(table) > 0
        assert {"seed", "versions", "date"} <= set(table.columns)
    figures = list(folder.glob("*.png"))
    assert figures
    assert min(path.stat().st_size for path in figures) > 10_000


@pytest.fixture
def study(monkeypatch):
    """Return the module that the studies share; threads and global generators are put back afterwards."""
    monkeypatch.syspath_prepend(FOLDER)
    threads, state = torch.get_num_threads(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        yield importlib.import_module("study")
    torch.set_num_threads(threads)
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("name", STUDIES)
def test_study(tmp_path, monkeypatch, study, run, name):
    def one_turn(contestants, *, seconds):
        return {key: study._clock(call, 1) for key, call in contestants.items()}

    def in_this_process(command, *, check):
        assert command[1:3] == ["-m", "spectral_interp.train"]
        assert run(train, *command[3:])[0] == 0

    monkeypatch.setattr(study, "interleave", one_turn)
    monkeypatch.setattr(subprocess, "run", in_this_process)  # by which the demo trains its model
    module = importlib.import_module(name)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--quick", "--out", str(tmp_path)])
    module.main()
    assert_whole(tmp_path, name)


def test_glass_boxes_go_on_where_they_ended(tmp_path, monkeypatch, study):
    """A second run measures nothing; --again measures the models that it names, and no others."""
    module, path = importlib.import_module("glass_boxes"), tmp_path / "glass_boxes.csv"

    def lines(*options):
        command = ["glass_boxes.py", "--quick", "--out", str(tmp_path), "--models", "linear", "HistGB"]
        monkeypatch.setattr(sys, "argv", [*command, *options])
        module.main()
        return path.read_text(encoding="utf-8").splitlines()

    first = lines("--only", "diabetes")
    assert len(first) == 1 + 2
    assert lines("--only", "diabetes") == first
    both = lines()
    assert both[:3] == first
    again = lines("--again", "linear")
    kept = [line for line in both[1:] if ",HistGB," in line]
    assert again[:3] == [both[0], *kept]
    assert [line.split(",")[3] for line in again[3:]] == 2 * ["linear"]


def test_contestants_take_turns(study):
    """Two calls that do not count, and five turns each, in which a fast call is repeated."""
    calls = {"one": 0, "two": 0}

    def contestant(name):
        def call():
            calls[name] += 1

        return call

    found = study.interleave({name: contestant(name) for name in calls}, seconds=0)
    assert list(found) == ["one", "two"]
    assert all(seconds > 0 for seconds in found.values())
    assert min(calls.values()) >= 2 + 5


def test_make_figures_runs_every_study():
    command = ["make", "--dry-run", "--assume-old=.venv/installed-test", "figures"]
    printed = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=True).stdout
    assert set(STUDIES) <= set(re.findall(r"\w+", printed))
