"""Processes killed at any moment: no work is lost that was safe, nothing is half written, no litter stays.

The moments are random ones of the whole run and, in turn, every step that touches a file.
"""

from contextlib import suppress
from itertools import count

import numpy as np
import pytest

from spectral_interp import load
from spectral_interp.report import folder as folders

from .children import at_step, command, die, fork, seconds
from .work import contents, state

everywhere = pytest.mark.parametrize("where", ["at random", "at every step"])


def kills(where, call, folder, n_moments, steps):
    """Kill a run again and again; yields what was done, so that the caller sees what it left.

    Where is "at random", n moments of the whole run, or "at every step" on disk of ``steps``, until there is
    no such step.
    """
    if where == "at random":
        for moment in np.random.default_rng(0).uniform(0, seconds(call, folder.parent), n_moments):
            fork(call, folder.parent).signal_after(moment)
            yield f"after {moment:.3f} s"
        return
    for step in steps:
        status, _, err = fork(at_step(call, folder, step, die), folder.parent).wait()
        if status == 0:
            return
        assert (status, err) == (137, "")
        yield f"at step {step}"


@everywhere
def test_a_killed_training_is_resumed_to_the_same_bit(work, size, tally, run, where):
    """Whatever the kill left can be read, and going on from it ends in the same model, without litter."""
    model, checkpoint = work.folder / "killed.pt", work.folder / "killed.run"
    call = command(*work.training("killed"))
    with tally(f"train, killed {where}, resumed") as counts:
        for label in kills(where, call, work.folder, size(2, 50), size([5, 8, 103], count(1))):
            with counts.trial(label):
                if model.exists():
                    load(model)
                assert run(*work.training("killed", resume=checkpoint.exists()))[0] == 0
                assert state(model) == work.model
                work.assert_tidy(model.name, checkpoint.name)
            model.unlink(missing_ok=True)
            checkpoint.unlink(missing_ok=True)


@everywhere
def test_a_killed_analysis_leaves_the_old_results_or_the_new(work, size, tally, request, where):
    if where == "at every step" or not size(False, True):
        request.getfixturevalue("no_drawings")
    out = work.folder / "out"
    with tally(f"analyze, killed {where}") as counts:
        steps = size([3, 20, 30], count(1))
        for label in kills(where, command(*work.analysis()), work.folder, size(2, 50), steps):
            with counts.trial(label):
                found = contents(out)  # nothing, after a kill between the two renamings
                with suppress(KeyboardInterrupt), folders.replacing(out):
                    raise KeyboardInterrupt  # whoever writes next tidies up; this one changes nothing else
                assert contents(out) == found or not found
                work.assert_whole()
                work.assert_tidy()
