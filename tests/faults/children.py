"""Command lines in forked children, which start in a moment because all is imported, and their deaths.

The parent must not have left a lock or a thread in the child's way: children use one thread.
"""

import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import torch

from spectral_interp import cli


@dataclass
class Child:
    """A forked process, and the files that it writes its output to."""

    pid: int
    out: Path
    err: Path
    start: float

    def wait(self):
        """Wait for the end; return the status as a shell would, output and errors."""
        _, status = os.waitpid(self.pid, 0)
        code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return code, self.out.read_text(), self.err.read_text()

    def signal_after(self, seconds, number=signal.SIGKILL):
        """Send a signal so long after the start, and wait for the end."""
        time.sleep(max(0.0, self.start + seconds - time.perf_counter()))
        os.kill(self.pid, number)
        return self.wait()


def fork(call, folder):
    """Call a function in a forked child, whose output goes to two files in ``folder``."""
    out, err = folder / "stdout", folder / "stderr"
    sys.stdout.flush()
    start = time.perf_counter()
    if pid := os.fork():
        return Child(pid, out, err, start)
    status = 1
    try:
        sys.stdout, sys.stderr = out.open("w", encoding="utf-8"), err.open("w", encoding="utf-8")
        torch.set_num_threads(1)
        call()
        status = 0
    except SystemExit as stop:
        status = stop.code
    except KeyboardInterrupt:  # how the interpreter is asked to die of SIGINT
        status = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def command(module, *arguments):
    """Return a function that runs a command line as ``python -m`` would."""

    def call():
        sys.argv = [module.__name__, *map(str, arguments)]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        cli.run(module.__name__, module.main)

    return call


def at_step(call, folder, step, then):
    """Return ``call``, but ``then()`` comes before its n-th step that touches anything in ``folder``.

    Steps are counted from 1: opening, making, renaming and removing files and folders, and listing them.
    """
    prefix, taken = str(folder) + os.sep, 0

    def count(event, arguments):
        nonlocal taken
        if event in STEPS and _inside(event, arguments, prefix):
            taken += 1
            if taken == step:
                then()

    def changed():
        sys.addaudithook(count)
        call()

    return changed


REMOVALS = {"os.remove", "os.rmdir"}
STEPS = REMOVALS | {"open", "os.mkdir", "os.rename", "os.listdir", "shutil.rmtree"}


def _inside(event, arguments, prefix):
    """Whether an event is about a file in the folder; removed files are named relative to their folder."""
    path = arguments[0]
    if not isinstance(path, (str, os.PathLike)):
        return False
    return os.fspath(path).startswith(prefix) or (event in REMOVALS and arguments[1] != -1)


def die():
    os.kill(os.getpid(), signal.SIGKILL)
