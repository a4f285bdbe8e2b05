"""Both command lines where the machine is not as it should be: one line that says so, and nothing is lost.

The runs are forked children; ``test_processes`` has processes of their own.
"""

import os
import re
import resource
import signal
import time
from itertools import count

import numpy as np
import pytest

from spectral_interp import artifact

from .children import after_step, at_step, command, fork
from .disks import disk, filled, read_only
from .work import FILES, analyses, analysis, assert_whole, begin, contents, names, state, training

COMMANDS = {"train": lambda folder: training(folder, "whole"), "analyze": lambda folder: analysis(folder, 1)}
both = pytest.mark.parametrize("kind", COMMANDS)


class Work:
    """A folder with a table, a model, a checkpoint and an analysis, and what may become of them."""

    def __init__(self, folder, rng, run):
        self.folder = folder
        begin(folder, rng, run)
        self.model = state(folder / "whole.pt")
        self.old, self.new = analyses(folder, run)

    def assert_whole(self):
        """The model is the same, the checkpoint readable, the analysis the old or the new one; no litter."""
        assert names(self.folder) == FILES | {"out"}
        assert state(self.folder / "whole.pt") == self.model
        artifact.read(self.folder / "whole.run", kind=artifact.CHECKPOINT)
        assert_whole(self.folder / "out", self.old, self.new)

    def assert_refused(self, status, out, err, reason):
        """One line, status 2, nothing lost and nothing new."""
        assert status == 2, err
        assert re.fullmatch(rf"spectral_interp\.\w+: error: .*{reason}.*\n", err), err
        assert out == ""
        self.assert_whole()
        assert contents(self.folder / "out") == self.old


@pytest.fixture
def work(rng, run, no_figures):
    return lambda folder: Work(folder, rng, run)


def limited(call, size):
    """Return ``call`` with a largest size of files, which is a full disk where none can be mounted."""

    def changed():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        call()

    return changed


NOT_WRITTEN = "expected to write .*; got: .*{}.*; what was there before stays; make room"


@both
def test_files_that_grow_too_large(tmp_path, work, size, tally, kind):
    work = work(tmp_path / "work")
    largest = {"train": 6000, "analyze": 1500}[kind]
    with tally(f"full disk: {kind}, no file of so many bytes") as counts:
        for limit in np.linspace(1000, largest, size(1, 20)):
            with counts.trial(f"{limit:.0f} bytes"):
                call = limited(command(*COMMANDS[kind](work.folder)), int(limit))
                work.assert_refused(*fork(call, tmp_path).wait(), NOT_WRITTEN.format("File too large"))


@both
def test_full_disk(tmp_path, work, size, tally, kind):
    """More and more room, until it is enough."""
    with tally(f"full disk: {kind}, with more and more room") as counts, disk(tmp_path / "disk") as place:
        work = work(place / "work")
        call = command(*COMMANDS[kind](work.folder))
        for pages in size([2], count(0, {"train": 1, "analyze": 8}[kind])):
            with filled(place, pages):
                found = fork(call, tmp_path).wait()
            if found[0] == 0:
                break
            with counts.trial(f"{pages} pages left"):
                work.assert_refused(*found, NOT_WRITTEN.format("No space left on device"))


@both
def test_folder_that_cannot_be_written(tmp_path, work, tally, kind):
    work = work(tmp_path / "work")
    with tally("read-only folder") as counts, read_only(work.folder), counts.trial(kind):
        found = fork(command(*COMMANDS[kind](work.folder)), tmp_path).wait()
        work.assert_refused(*found, "expected a folder that can be written for .*/work/")


def disturbed(where, call, folder, n_moments, steps, number):
    """Send signals at random moments, or at and after the steps on disk; yields (label, what came out)."""

    def send():
        os.kill(os.getpid(), number)

    if where == "at random":
        child = fork(call, folder.parent)
        assert child.wait()[0] == 0
        for moment in np.random.default_rng(0).uniform(0, time.perf_counter() - child.start, n_moments):
            yield f"after {moment:.3f} s", fork(call, folder.parent).signal_after(moment, number)
        return
    for step in steps:
        found = [
            fork(change(call, folder, step, send), folder.parent).wait() for change in (at_step, after_step)
        ]
        yield from zip((f"at step {step}", f"after step {step}"), found, strict=True)
        if found[0][0] == 0:
            return


@both
@pytest.mark.parametrize(
    ("name", "where"), [("SIGINT", "at random"), ("SIGINT", "at every step"), ("SIGTERM", "at random")]
)
def test_signals(tmp_path, work, size, tally, kind, where, name):
    if name == "SIGTERM" and not size(False, True):
        pytest.skip("the long form sends other signals than SIGINT")
    work, number = work(tmp_path / "work"), getattr(signal, name)
    call = command(*COMMANDS[kind](work.folder))
    line = r"((spectral_interp\.\w+: )?interrupted\n)" + ("" if name == "SIGINT" else "?")
    runs = disturbed(where, call, work.folder, size(1, 50), size([4], count(1)), number)
    with tally(f"{name}: {kind}, {where}") as counts:
        for label, (status, _, err) in runs:
            with counts.trial(label):
                assert (status, err) == (0, "") or (status == 128 + number and re.fullmatch(line, err)), err
                work.assert_whole()
