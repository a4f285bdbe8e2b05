"""How the examples of a page run: Python in one namespace, commands in this process."""

import importlib.util
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest

from spectral_interp.commands import start
from spectral_interp.comparison import study
from spectral_interp.report import writing
from tests.conftest import undrawn, with_few_boxes

NOT_RUN = ("cd ", "git ", "make ", "pip ", "python3 -m venv ", "source ")
"""Commands of a newcomer that the tests do not run."""


def run_page(page, folder):
    """Run the examples of a page in an empty folder, in order, and return the names they define.

    Figures, long proofs and comparisons of many rows are cut, because they take most of the time. A block of
    text below an example has lines of what the example printed, but for its numbers.
    """
    names, printed = {"__name__": "documented"}, ""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(start, "prepare", lambda: None)
        patch.setattr(writing, "draw_figure", undrawn)
        patch.setattr(study, "MOST_ROWS", 4)
        with_few_boxes(patch)
        for block in page.blocks:
            if block.language == "text":
                check_printed(block, printed, page)
            with redirect_stdout(StringIO()) as output, redirect_stderr(output):
                if block.language == "python":
                    run_python(block, page, names)
                elif block.language == "sh":
                    for command in commands(block):
                        run_command(command, page, patch)
            printed = output.getvalue()
    return names


def run_python(block, page, names):
    """Run a block of Python; one that begins with ``# needs NAME`` only where that is installed."""
    needed = re.match(r"# needs (\w+)", block.text)
    if needed is None or importlib.util.find_spec(needed[1]) is not None:
        lines = "\n" * (block.line - 1) + block.text  # so that tracebacks name the line of the page
        exec(compile(lines, str(page.path), "exec"), names)


def commands(block):
    """Return the commands of a block, each on one line."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def run_command(command, page, patch):
    """Run a command line in this process; ``# status N`` says which status other than 0 it ends with."""
    if command.startswith(NOT_RUN):
        return
    words = shlex.split(command, comments=True)
    module = re.fullmatch(r"python -m spectral_interp\.(train|analyze)", " ".join(words[:3]))
    assert module or words[0] == "spectral-interp", f"{page.name}: expected a command of ours; got {command}"
    patch.setattr(sys, "argv", words[2:] if module else words)
    with pytest.raises(SystemExit) as stop:
        start.module(module[1]) if module else start.script()
    expected = re.search(r"# status (\d+)$", command)
    assert stop.value.code == (int(expected[1]) if expected else 0), f"{page.name}: {command}"


def check_printed(block, printed, page):
    """Compare lines of a block with what was printed, if anything was; … stands for what is left out."""
    found = without_numbers(printed)
    for line in block.text.splitlines() if printed else ():
        for part in without_numbers(line).split("…"):
            assert part in found, f"{page.name}: expected {line!r} in what the example prints; got\n{printed}"


def without_numbers(text):
    return " ".join(re.sub(r"[-−]?\d[\d,.]*(e[-−]?\d+)?", "0", text).split())
