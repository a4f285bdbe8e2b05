"""Processes killed at any moment: no work is lost that was safe, nothing is half written, no litter stays.

The moments are random ones of the whole run and, in turn, every step that touches a file.
"""

import time
from contextlib import suppress
from itertools import count

import numpy as np
import pytest

from spectral_interp import folders, load

from .children import at_step, command, die, fork
from .work import FILES, analyses, analysis, assert_whole, begin, contents, names, state, training

everywhere = pytest.mark.parametrize("where", ["at random", "at every step"])


@pytest.fixture
def folder(tmp_path, rng, run):
    begin(tmp_path / "work", rng, run)
    return tmp_path / "work"


def kills(where, call, folder, n_moments, steps):
    """Kill a run again and again; yields what was done, so that the caller sees what it left.

    Where is "at random", n moments of the whole run, or "at every step" on disk of ``steps``, until there is
    no such step.
    """
    if where == "at random":
        for moment in np.random.default_rng(0).uniform(0, seconds(call, folder), n_moments):
            fork(call, folder.parent).signal_after(moment)
            yield f"after {moment:.3f} s"
        return
    for step in steps:
        status, _, err = fork(at_step(call, folder, step, die), folder.parent).wait()
        if status == 0:
            return
        assert (status, err) == (137, "")
        yield f"at step {step}"


def seconds(call, folder):
    """Return how long a run takes undisturbed."""
    child = fork(call, folder.parent)
    status, _, err = child.wait()
    assert (status, err) == (0, "")
    return time.perf_counter() - child.start


@everywhere
def test_a_killed_training_is_resumed_to_the_same_bit(folder, size, tally, run, where):
    """Whatever the kill left can be read, and going on from it ends in the same model, without litter."""
    model, checkpoint = folder / "killed.pt", folder / "killed.run"
    call = command(*training(folder, "killed"))
    with tally(f"train, killed {where}, resumed") as counts:
        for label in kills(where, call, folder, size(2, 50), size([5, 8, 103], count(1))):
            with counts.trial(label):
                if model.exists():
                    load(model)
                assert run(*training(folder, "killed", resume=checkpoint.exists()))[0] == 0
                assert state(model) == state(folder / "whole.pt")
                assert names(folder) == FILES | {model.name, checkpoint.name}
            model.unlink(missing_ok=True)
            checkpoint.unlink(missing_ok=True)


@everywhere
def test_a_killed_analysis_leaves_the_old_results_or_the_new(folder, size, tally, run, request, where):
    if where == "at every step" or not size(False, True):
        request.getfixturevalue("no_figures")
    out, call = folder / "out", command(*analysis(folder, 1))
    old, new = analyses(folder, run)
    with tally(f"analyze, killed {where}") as counts:
        for label in kills(where, call, folder, size(2, 50), size([3, 20, 30], count(1))):
            with counts.trial(label):
                assert_whole(out, old, new)
                found = contents(out)
                with suppress(LookupError), folders.replacing(out):
                    raise LookupError  # whoever writes next tidies up; this one changes nothing else
                assert contents(out) == found
                assert names(folder) == FILES | {"out"}
