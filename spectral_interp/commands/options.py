"""The options of both command lines. Nothing else is loaded to parse them, so ``--help`` answers at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from .._common.choices import (
    ATTRIBUTION_METHODS,
    BUNDLED_TARGETS,
    COSTLY_ROWS,
    CURVATURES,
    DEFAULT_METHODS,
    FIGURE_FORMATS,
    FORMS,
    ROWS,
    STRUCTURES,
)
from .._common.text import as_text

FILES = "CSV, .tsv, .txt or these with .gz, Parquet or Feather"
"""Kinds of files of tables."""


def _name(argument: str) -> str:
    """Return the name of a column, without blanks around it, as tables are read."""
    return as_text(argument).strip()


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """Add how a table is read."""
    parser.add_argument(
        "--id",
        type=_name,
        metavar="COLUMN",
        help="the column that names the rows (default: lines of the file)",
    )
    parser.add_argument("--decimal", choices=(".", ","), default=".", help="decimal mark of CSV (default: .)")


def _add_columns(parser: argparse.ArgumentParser) -> None:
    """Add what the columns of a training table are."""

    def add(name: str, text: str) -> None:
        parser.add_argument(name, type=_name, nargs="+", metavar="COLUMN", help=text)

    add("--drop", "columns to leave out of the model")
    add("--categorical", "columns of levels, also where they look like numbers")
    add("--log", "positive columns whose logarithm enters")
    add("--increasing", "columns of numbers or dates along which predictions never fall, proven")
    add("--decreasing", "the same, along which they never rise")
    parser.add_argument(
        "--na-values", type=_name, nargs="+", metavar="TEXT", help="values that stand for none, such as -999"
    )
    parser.add_argument("--weight", type=_name, metavar="COLUMN", help="the column of weights of the rows")
    parser.add_argument(
        "--positive",
        type=_name,
        metavar="LABEL",
        help="the class that log-odds are of (default: the last one)",
    )


def _add_changes(parser: argparse.ArgumentParser) -> None:
    """Add what may change in a nearest change."""
    parser.add_argument(
        "--fixed",
        type=_name,
        nargs="+",
        default=(),
        metavar="COLUMN",
        help="columns that stay as they are in the search for the smallest change of a row",
    )
    parser.add_argument(
        "--limits",
        type=_name,
        nargs="+",
        default=(),
        metavar="COLUMN=LIMITS",
        help="values that columns may take in that search: LOW..HIGH for numbers and dates, LEVEL,LEVEL,... "
        "for levels (default: those of training)",
    )


def _add_batches(parser: argparse.ArgumentParser) -> None:
    """Add what is written of tables of any size, in place of a report."""
    parser.add_argument(
        "--batch-out",
        type=Path,
        metavar="FILE.parquet",
        help="explain every row of DATA, a file or folder of any size, in place of a report: write "
        "predictions and local contributions to this file, and what all rows say together beside it; a run "
        "that was stopped is resumed",
    )
    parser.add_argument(
        "--predict-out", type=Path, metavar="FILE.parquet", help="the same, of predictions alone"
    )
    parser.add_argument(
        "--flip-radius",
        action="store_true",
        help="with --batch-out: add the certified radius within which the class of a row stays",
    )


def _add_state(parser: argparse.ArgumentParser) -> None:
    """Add how a table is passed over, and where the state of training goes."""
    parser.add_argument(
        "--stream",
        action="store_true",
        help="read the table in batches, for one larger than memory; a folder of files always is",
    )
    parser.add_argument("--checkpoint", type=Path, help="file to write the state of training to")
    parser.add_argument(
        "--every",
        type=int,
        default=10,
        help="epochs between checkpoints, or with --stream blocks of up to 131,072 rows (default: 10)",
    )
    parser.add_argument("--resume", type=Path, help="checkpoint of the same training to continue from")


def train_options(prog: str) -> argparse.ArgumentParser:
    """Return the parser of ``train``."""
    parser = argparse.ArgumentParser(prog=prog, description="Train a spectral model.")
    parser.add_argument(
        "data",
        help=f"a table ({FILES}), a folder of CSV or Parquet files, or one of {', '.join(BUNDLED_TARGETS)}",
    )
    parser.add_argument(
        "--target", type=_name, help="the column to predict; may be left out for a bundled data set"
    )
    _add_columns(parser)
    _add_reading(parser)
    parser.add_argument("--out", type=Path, required=True, help="where to write the model, e.g. model.pt")
    parser.add_argument(
        "--form",
        choices=FORMS,
        default=FORMS[0],
        help="one neuron, a sum of small ones on piecewise-linear columns, or the simplest form that is as "
        "good as the best, within 1 %%, on held-out rows (default: auto)",
    )
    parser.add_argument(
        "--dim", type=int, default=15, help="order of the matrices of a single neuron (default: 15)"
    )
    parser.add_argument(
        "--structure",
        choices=STRUCTURES,
        default="tridiagonal",
        help="of the matrices (default: tridiagonal)",
    )
    parser.add_argument("--k", type=int, help="index of the eigenvalue (default: the middle one)")
    parser.add_argument(
        "--curvature",
        choices=CURVATURES,
        help="of a single neuron in all numbers together (default: neither)",
    )
    parser.add_argument("--epochs", type=int, default=300, help="largest number of epochs (default: 300)")
    parser.add_argument("--batch-size", type=int, default=512, help="rows of a training step (default: 512)")
    parser.add_argument(
        "--alpha", type=float, default=250.0, help="strength of regularisation (default: 250)"
    )
    parser.add_argument(
        "--norm-penalty", type=float, default=0.0, help="> 0 removes useless features (default: 0)"
    )
    parser.add_argument(
        "--provability",
        type=float,
        default=0.0,
        help="> 0 narrows the proven intervals of a single neuron's slopes, such as 0.003 (default: 0)",
    )
    _add_state(parser)
    parser.add_argument(
        "--no-baselines", action="store_true", help="fit no linear model and MLP to compare with"
    )
    parser.add_argument("--seed", type=int, default=0, help="of split, start and order of rows (default: 0)")
    return parser


def analyze_options(prog: str) -> argparse.ArgumentParser:
    """Return the parser of ``analyze``."""
    parser = argparse.ArgumentParser(prog=prog, description="Explain a spectral model.")
    parser.add_argument("model", type=Path, help="a model.pt, or a bare state dict of a published module")
    parser.add_argument("--data", help=f"rows to explain: {FILES} (default: the model's held-out rows)")
    _add_reading(parser)
    parser.add_argument("--out", type=Path, help="folder to write (default: MODEL-analysis beside the model)")
    _add_batches(parser)
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=ATTRIBUTION_METHODS,
        help=f"of attribution, the first ranks the columns (default: {' '.join(DEFAULT_METHODS)}; local for "
        "over 12 classes)",
    )
    parser.add_argument(
        "--rows",
        type=int,
        help=f"explain at most this many (default: {ROWS}, and {COSTLY_ROWS} of them by path and shapley, "
        "fewer for over three classes)",
    )
    parser.add_argument(
        "--output",
        type=_name,
        metavar="CLASS",
        help="the class to explain (default: of two classes the positive one, of more the most frequent one; "
        "then single predictions are explained for the predicted class against the runner-up)",
    )
    parser.add_argument(
        "--against",
        type=_name,
        metavar="CLASS",
        help="the class that log-odds are against (default: the other one, or the mean of all)",
    )
    _add_changes(parser)
    parser.add_argument("--no-compare", action="store_true", help="leave out the comparison with SHAP")
    parser.add_argument(
        "--compare-rows",
        type=int,
        help="compare on at most this many rows (default: 20 to 200, for about ten seconds)",
    )
    parser.add_argument(
        "--format",
        choices=FIGURE_FORMATS,
        default="png",
        help="of the figures' files (default: png); the report holds its own",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of rows (default: 0)")
    parser.add_argument("--k", type=int, help="index of the eigenvalue, for a bare state dict only")
    parser.add_argument(
        "--couplings",
        choices=("plain", "scaled"),
        help="for a bare state dict of lower triangles: entries below the diagonal are as they are, or to be "
        "divided by the square root of 2",
    )
    return parser
