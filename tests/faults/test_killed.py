"""Processes killed at any moment: no work is lost that was safe, nothing is half written, no litter stays.

The moments are random ones of the whole run and, in turn, every step that touches a file.
"""

import json
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp import analyze, artifact, folders, load, train

from .children import at_step, command, die, fork


@pytest.fixture
def folder(tmp_path, rng, run):
    """A folder with a table and an undisturbed training of it; what children print goes beside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "y"])
    table.to_csv(folder / "rows.csv", index=False)
    assert run(*training(folder, "whole"))[0] == 0
    return folder


def training(folder, name):
    """Return a short training with a checkpoint after every epoch; it goes on from one if there is one."""
    checkpoint = folder / f"{name}.run"
    resume = ["--resume", checkpoint] if checkpoint.exists() else []
    files = ["--out", folder / f"{name}.pt", "--checkpoint", checkpoint, "--every", 1, *resume]
    size = ["--dim", 3, "--epochs", 12, "--no-baselines"]
    return train, folder / "rows.csv", "--target", "y", *files, *size


def analysis(folder, seed):
    options = ["--seed", seed, "--rows", 5, "--methods", "local", "--no-compare"]
    return analyze, folder / "whole.pt", "--out", folder / "out", *options


def seconds(call, folder):
    """Return how long a run takes undisturbed."""
    child = fork(call, folder.parent)
    status, _, err = child.wait()
    assert (status, err) == (0, "")
    return time.perf_counter() - child.start


def kills(where, call, folder, n_moments, steps):
    """Kill a run again and again; yields what was done, so that the caller sees what it left.

    Where is "at random", n moments of the whole run, or "at every step" on disk of ``steps``, until there is
    no such step.
    """
    if where == "at random":
        for moment in np.random.default_rng(0).uniform(0, seconds(call(), folder), n_moments):
            fork(call(), folder.parent).signal_after(moment)
            yield f"after {moment:.3f} s"
        return
    for step in steps:
        status, _, err = fork(at_step(call(), folder, step, die), folder.parent).wait()
        if status == 0:
            return
        assert (status, err) == (137, "")
        yield f"at step {step}"


def state(path):
    """Return all of a model that training determines."""
    found = artifact.read(path)
    found["history"].pop("seconds")
    return bits(found)


def bits(value):
    """Return a state with bytes for tensors, so that equal means equal to the bit."""
    if isinstance(value, dict):
        return {key: bits(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [bits(entry) for entry in value]
    return (value.dtype, value.shape, value.numpy().tobytes()) if isinstance(value, torch.Tensor) else value


def assert_resumes(folder, run):
    """Whatever the kill left can be read, and going on from it ends in the same model, without litter."""
    if (folder / "killed.pt").exists():
        load(folder / "killed.pt")
    assert run(*training(folder, "killed"))[0] == 0
    assert state(folder / "killed.pt") == state(folder / "whole.pt")
    assert {path.name for path in folder.iterdir()} == {
        *("rows.csv", "whole.pt", "whole.run", "killed.pt", "killed.run")
    }
    for name in ("killed.pt", "killed.run"):
        (folder / name).unlink()


@pytest.mark.parametrize("where", ["at random", "at every step"])
def test_a_killed_training_is_resumed_to_the_same_bit(folder, size, tally, run, where):
    def call():
        return command(*training(folder, "killed"))

    with tally(f"train, killed {where}, resumed") as counts:
        for label in kills(where, call, folder, size(2, 50), size([5, 8, 103], count(1))):
            with counts.trial(label):
                assert_resumes(folder, run)


class Stop(Exception):
    pass


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("where", ["at random", "at every step"])
def test_a_killed_analysis_leaves_the_old_results_or_the_new(folder, size, tally, run, request, where):
    if where == "at every step" or not size(False, True):
        request.getfixturevalue("no_figures")
    summary, out = Path(folders.SUMMARY), folder / "out"
    found = []
    for seed in (1, 0):
        assert run(*analysis(folder, seed))[0] == 0
        found.append(contents(out))
    new, old = found

    def assert_whole():
        found = contents(out)
        if found != old:
            assert json.loads(found[summary])["seed"] == 1
            assert found | {summary: b""} == new | {summary: b""}
        with suppress(Stop), folders.replacing(out):
            raise Stop  # whoever writes next tidies up, and puts nothing in the place
        assert contents(out) == found
        assert {path.name for path in folder.iterdir()} == {"rows.csv", "whole.pt", "whole.run", "out"}

    def call():
        return command(*analysis(folder, 1))

    with tally(f"analyze, killed {where}") as counts:
        for label in kills(where, call, folder, size(2, 50), size([3, 20, 30], count(1))):
            with counts.trial(label):
                assert_whole()
