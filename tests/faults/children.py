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

from spectral_interp.commands import process as cli


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
    child = Child(0, folder / "stdout", folder / "stderr", time.perf_counter())
    sys.stdout.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, cli.STOPPING)  # the child is not ready for them
    child.pid = os.fork()
    if not child.pid:
        _live(call, child)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return child


def _live(call, child):
    """Be the child: set up as a process that ``cli.prepare`` has prepared, call, and exit in any case."""
    status = 1
    try:
        sys.stdout, sys.stderr = child.out.open("w", encoding="utf-8"), child.err.open("w", encoding="utf-8")
        for number in cli.STOPPING:
            signal.signal(number, cli._die if number == signal.SIGINT else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, cli.STOPPING)
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
        cli.run(module.__name__, module.main)

    return call


def at_step(call, folder, step, then):
    """Return ``call``, but ``then()`` comes before its n-th step that touches anything in ``folder``.

    Steps are counted from 1: opening, making, renaming, listing and removing files and folders.
    """
    take = _counter(folder, step, then)

    def changed():
        sys.addaudithook(lambda event, arguments: take(*arguments) if event in EVENTS else None)
        call()

    return changed


def after_step(call, folder, step, then):
    """As :func:`at_step`, but ``then()`` comes when the step is done, and listing and files are no steps."""
    take = _counter(folder, step, then)

    def followed(function):
        def both(*arguments, **options):
            found = function(*arguments, **options)
            take(*arguments, options.get("dir_fd", -1))
            return found

        return both

    def changed():
        for name in ("mkdir", "open", "rename", "replace", "rmdir", "unlink"):
            setattr(os, name, followed(getattr(os, name)))
        call()

    return changed


EVENTS = {"open", "os.mkdir", "os.rename", "os.listdir", "os.remove", "os.rmdir", "shutil.rmtree"}


def _counter(folder, step, then):
    """Return a function of a step's arguments; what is removed is named relative to its folder, a number."""
    prefix, taken = str(folder) + os.sep, 0

    def take(path, *others):
        nonlocal taken
        named = isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(prefix)
        if named or (len(others) == 1 and others[0] not in (None, -1)):
            taken += 1
            if taken == step:
                then()

    return take


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def seconds(call, folder):
    """Return how long a run takes undisturbed."""
    child = fork(call, folder)
    status, _, err = child.wait()
    assert (status, err) == (0, "")
    return time.perf_counter() - child.start
