"""How a command line begins and ends: closed and full outputs, signals, a terminal that knows few characters.

Each test starts a process of its own, with ``cli`` alone, because loading the libraries takes seconds.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spectral_interp.commands import process as cli

START = f"""
import atexit, os, sys, time, warnings
sys.path.insert(0, {str(Path(cli.__file__).parents[2])!r})
from spectral_interp.commands import process as cli
cli.prepare()
def rest(told):  # in short sleeps: Python hears a signal that comes before a sleep only after it
    print(told, flush=True)
    while True:
        time.sleep(0.1)
"""
WAIT = """
def main():
    try:
        rest("begun")
    except (Exception, KeyboardInterrupt):
        pass
    finally:
        print("tidied", flush=True)
atexit.register(print, "at exit", flush=True)
"""


def script(text):
    return [sys.executable, "-c", f"{START}{text}\ncli.run('prog', main)"]


def ends(text, **options):
    """Return status, output and errors of a process."""
    done = subprocess.run(script(text), capture_output=True, text=True, timeout=60, **options)
    return done.returncode, done.stdout, done.stderr


def shell(text, redirections, **options):
    """Return status and errors of a process that a shell starts."""
    command = ["bash", "-c", f'set -o pipefail; "$@" {redirections}', "bash", *script(text)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    return done.returncode, done.stderr


PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
PRINT = "main = lambda: print('λ')"


def test_results_end_with_0_and_errors_with_2():
    assert ends(PRINT) == (0, "λ\n", "")
    assert ends("main = lambda: int('x')")[::2] == (
        2,
        "prog: error: invalid literal for int() with base 10: 'x'\n",
    )
    assert ends("main = lambda: warnings.warn('odd')") == (0, "", "prog: warning: odd\n")


@pytest.mark.parametrize("text", [PRINT, "main = lambda: print('λ\\n' * 100_000)"])
def test_nobody_reads_the_output(text):
    assert shell(text, "| true") == (141, "")
    assert shell(text, "2>&1 | true") == (141, "")


def test_nobody_reads_the_errors():
    assert shell("main = lambda: int('x')", "2>&1 >/dev/null | true") == (2, "")
    text = "main = lambda: [warnings.warn(f'{i}') for i in range(10_000)]"
    assert shell(text, "2>&1 >/dev/null | true") == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_output():
    status, err = shell(PRINT, ">/dev/full")
    assert (status, err) == (2, "prog: error: [Errno 28] No space left on device\n")
    assert shell(PRINT, ">/dev/full 2>/dev/full") == (2, "")
    assert shell("main = lambda: int('x')", "2>/dev/full") == (2, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_not_taken_for_a_file(tmp_path, closed):
    text = f"""
def main():
    with open({str(tmp_path / "file")!r}, "w") as file:
        os.write(1, b"from a library")
        os.write(2, b"from a library")
        warnings.warn("odd")
        print("result", file=sys.stdout)
        sys.stderr.write("progress")
        file.write("whole")
"""
    assert shell(text, closed)[0] == 0
    assert (tmp_path / "file").read_text() == "whole"


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_characters_that_the_terminal_does_not_know(environment):
    status, out, err = ends(
        r"main = lambda: (print('R\xb2 of \u03bb'), warnings.warn('\u03bb'))", env=os.environ | environment
    )
    assert (status, out, err) == (0, "R\\xb2 of \\u03bb\n", "prog: warning: \\u03bb\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("MemoryError()", "out of memory; use fewer rows or columns"),
        ("MemoryError('std::bad_alloc')", "out of memory (std::bad_alloc); use fewer rows"),
        (
            "MemoryError('expected 9 GiB; got 2 GiB; use fit_batches')",
            "expected 9 GiB; got 2 GiB; use fit_batches",
        ),
        (
            "__import__('pyarrow').lib.ArrowMemoryError('malloc of size 64 failed')",
            "malloc of size 64 failed",
        ),
        (
            "RuntimeError('[enforce] DefaultCPUAllocator: can\\'t allocate memory: 8')",
            "out of memory ([enforce]",
        ),
    ],
)
def test_a_lack_of_memory_ends_in_one_line(error, said):
    status, out, err = ends(f"def main():\n    raise {error}")
    assert (status, out) == (2, "")
    assert err.startswith("prog: error: ")
    assert said in err
    assert err.count("\n") == 1


def test_other_errors_of_the_program_keep_their_traceback():
    status, _, err = ends("def main():\n    raise RuntimeError('a bug')")
    assert status == 1
    assert "Traceback" in err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep to the limit")
def test_a_process_that_may_have_no_more_memory():
    text = """
import resource
def main():
    resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))
    bytearray(2**30)
"""
    status, out, err = ends(text)
    assert (status, out) == (2, "")
    assert err == ("prog: error: out of memory; use fewer rows or columns, or a machine with more memory\n")


def test_a_file_name_that_is_no_text():
    assert ends("main = lambda: print(os.fsdecode(b'm\\xff.pt'))") == (0, "m\\udcff.pt\n", "")


def listen():
    """Undo what a shell does to processes in the background, such as these tests perhaps."""
    for number in cli.STOPPING:
        signal.signal(number, signal.SIG_DFL)


def interrupted(text, number):
    """Send a signal once the process has printed a line; return status, further output, errors."""
    process = subprocess.Popen(script(text), **PIPES, text=True, preexec_fn=listen)
    process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_signals_tidy_up_and_say_one_line():
    told = "tidied\nat exit\n", "prog: interrupted\n"
    assert interrupted(WAIT, signal.SIGINT) == (-signal.SIGINT, *told)
    assert interrupted(WAIT, signal.SIGTERM) == (143, *told)
    assert interrupted(WAIT, signal.SIGHUP) == (129, *told)


@pytest.mark.parametrize(
    "text",
    [
        "rest('loading')\nmain = None",
        "def main():\n    with cli.loading():\n        rest('loading')",
        "atexit.register(rest, 'ending')\nmain = int",
    ],
)
def test_ctrl_c_while_libraries_load_and_at_the_very_end(text):
    status, _, err = interrupted(text, signal.SIGINT)
    assert (status, err) == (-signal.SIGINT, "interrupted\n")


def test_other_signals_while_libraries_load():
    text = "def main():\n    with cli.loading():\n        rest('loading')"
    for number in (signal.SIGTERM, signal.SIGHUP):
        assert interrupted(text, number) == (-number, "", "interrupted\n")


def test_ctrl_c_ends_a_loop_in_a_shell():
    """A shell goes on after a process that exits with 130 by itself."""
    loop = 'for i in 1 2; do "$@"; done; echo done'
    command = ["bash", "-c", loop, "bash", *script(WAIT)]
    process = subprocess.Popen(command, **PIPES, start_new_session=True, preexec_fn=listen)
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, err) == (b"tidied\nat exit\n", b"prog: interrupted\n")


def test_signals_that_the_caller_ignores_are_ignored():
    text = """
def main():
    for number in cli.STOPPING:
        os.kill(os.getpid(), number)
    print("went on")
"""
    ignore = "trap '' HUP INT TERM; "
    command = ["bash", "-c", f'{ignore}"$@"', "bash", *script(text)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_help_that_nobody_reads():
    text = "import argparse\nmain = lambda: argparse.ArgumentParser().parse_args(['--help'])"
    assert shell(text, "| true") == (0, "")
