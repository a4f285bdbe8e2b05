"""Both command lines where the machine is not as it should be: one line that says so, and nothing is lost.

The runs are forked children; ``test_processes`` has processes of their own.
"""

import os
import re
import resource
import signal
from itertools import count

import numpy as np
import pytest

from .children import after_step, at_step, command, fork, seconds
from .disks import disk, filled, read_only

NOT_WRITTEN = "expected to write .*; got: .*{}.*; existing files are unchanged; make room"

pytestmark = pytest.mark.usefixtures("no_drawings")


def commands(work):
    """Return both; training comes last, for the seconds in its model reach a table of the analysis."""
    return {"analyze": command(*work.analysis()), "train": command(*work.training())}


def limited(call, size):
    """Return ``call`` with a largest size of files, which is a full disk where none can be mounted."""

    def changed():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        call()

    return changed


def test_files_that_grow_too_large(work, size, tally):
    largest = {"train": 6000, "analyze": 1500}
    with tally("full disk: no file of so many bytes") as counts:
        for kind, call in commands(work).items():
            for limit in np.linspace(1000, largest[kind], size(1, 20)):
                with counts.trial(f"{kind} with {limit:.0f} bytes"):
                    found = fork(limited(call, int(limit)), work.folder.parent).wait()
                    work.assert_refused(*found)
                    assert re.search(NOT_WRITTEN.format("File too large"), found[2])


def test_full_disk(tmp_path, work, size, tally):
    """More and more room, until it is enough."""
    with tally("full disk: with more and more room") as counts, disk(tmp_path / "disk") as place:
        for kind, step in {"train": 1, "analyze": 8}.items():
            there = work.copied(place / kind)
            call = commands(there)[kind]
            for pages in size([2], count(0, step)):
                with filled(place, pages):
                    found = fork(call, tmp_path).wait()
                if found[0] == 0:
                    break
                with counts.trial(f"{kind} with {pages} pages"):
                    there.assert_refused(*found)
                    assert re.search(NOT_WRITTEN.format("No space left on device"), found[2])


def test_folder_that_cannot_be_written(work, tally):
    with tally("read-only folder") as counts, read_only(work.folder):
        for kind, call in commands(work).items():
            with counts.trial(kind):
                found = fork(call, work.folder.parent).wait()
                work.assert_refused(*found)
                assert re.search("expected a writable folder for .*/work/", found[2])


def disturbed(where, call, folder, n_moments, steps, number):
    """Send signals at random moments, or at and after the steps on disk; yields (label, what came out)."""

    def send():
        os.kill(os.getpid(), number)

    if where == "at random":
        for moment in np.random.default_rng(0).uniform(0, seconds(call, folder.parent), n_moments):
            yield f"after {moment:.3f} s", fork(call, folder.parent).signal_after(moment, number)
        return
    for step in steps:
        changed = [change(call, folder, step, send) for change in (at_step, after_step)]
        found = [fork(run, folder.parent).wait() for run in changed]
        yield from zip((f"at step {step}", f"after step {step}"), found, strict=True)
        if found[0][0] == 0:
            return


@pytest.mark.parametrize(
    ("name", "where"), [("SIGINT", "at random"), ("SIGINT", "at every step"), ("SIGTERM", "at random")]
)
def test_signals(work, size, tally, where, name):
    number = getattr(signal, name)
    line = r"((spectral_interp\.\w+: )?interrupted\n)" + ("" if name == "SIGINT" else "?")
    with tally(f"{name} {where}") as counts:
        for kind, call in commands(work).items():
            runs = disturbed(where, call, work.folder, size(1, 50), size([4], count(1)), number)
            for label, (status, _, err) in runs:
                with counts.trial(f"{kind} {label}"):
                    assert (status, err) == (0, "") or (status == 128 + number and re.fullmatch(line, err)), (
                        err
                    )
                    work.assert_tidy()
                    work.assert_whole()
