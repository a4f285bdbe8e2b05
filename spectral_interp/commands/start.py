"""Entry points of both commands: ``spectral-interp train`` and ``python -m spectral_interp.train``."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from importlib import import_module
from typing import NoReturn

from .. import __version__
from .options import analyze_options, train_options
from .process import loading, prepare, run

PROGRAM = "spectral-interp"

OPTIONS = {"train": train_options, "analyze": analyze_options}
"""Parser of each command; the module of the same name does the work."""


def command(name: str, prog: str | None = None) -> None:
    """Parse the arguments of a command, load the libraries and do the work.

    Parameters
    ----------
    name : {"train", "analyze"}
    prog : str, optional
        Name of the command in its usage; by default ``python -m spectral_interp.NAME``.
    """
    args = OPTIONS[name](prog or f"python -m spectral_interp.{name}").parse_args()
    with loading():
        work = import_module(f".{name}", __package__)
    work.main(args)


def module(name: str) -> NoReturn:
    """Run ``python -m spectral_interp.NAME``."""
    prepare()
    run(f"spectral_interp.{name}", partial(command, name))


def script() -> NoReturn:
    """Run ``spectral-interp NAME``."""
    prepare()
    if sys.argv[1:2] and sys.argv[1] in OPTIONS:
        name = sys.argv.pop(1)  # as if the command were a program of its own
        run(f"{PROGRAM} {name}", partial(command, name, f"{PROGRAM} {name}"))
    run(PROGRAM, _choose)


def _choose() -> None:
    """Print the help or the version, or reject an unknown command."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Train spectral models and explain them exactly.",
        epilog=f"{PROGRAM} COMMAND --help shows the options of a command",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "command", choices=OPTIONS, help="train: fit a model to a table; analyze: explain a model"
    )
    parser.parse_args(sys.argv[1:2])
