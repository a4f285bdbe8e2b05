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
    """Return the name of a column without surrounding blanks, as tables are read."""
    return as_text(argument).strip()


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """Add options that say how a table is read."""
    parser.add_argument(
        "--id",
        type=_name,
        metavar="COLUMN",
        help="column that names the rows (default: line numbers of the file)",
    )
    parser.add_argument(
        "--decimal", choices=(".", ","), default=".", help="decimal mark of CSV files (default: .)"
    )


def _add_columns(parser: argparse.ArgumentParser) -> None:
    """Add options that say what the columns of a training table are."""

    def add(name: str, text: str) -> None:
        parser.add_argument(name, type=_name, nargs="+", metavar="COLUMN", help=text)

    add("--drop", "columns to leave out of the model")
    add("--categorical", "columns of categories, even if they look like numbers")
    add("--log", "positive columns to replace by their logarithm")
    add(
        "--increasing",
        "columns of numbers or dates that never lower a prediction as they rise; this is proven",
    )
    add("--decreasing", "columns that never raise a prediction as they rise")
    parser.add_argument(
        "--na-values",
        type=_name,
        nargs="+",
        metavar="TEXT",
        help="texts that mean a missing value, such as -999",
    )
    parser.add_argument("--weight", type=_name, metavar="COLUMN", help="column of row weights")
    parser.add_argument(
        "--positive",
        type=_name,
        metavar="LABEL",
        help="of two classes, the one whose log-odds are predicted (default: the last one)",
    )


def _add_changes(parser: argparse.ArgumentParser) -> None:
    """Add options that restrict nearest changes."""
    parser.add_argument(
        "--fixed",
        type=_name,
        nargs="+",
        default=(),
        metavar="COLUMN",
        help="columns that must not change in the search for the nearest change of a row",
    )
    parser.add_argument(
        "--limits",
        type=_name,
        nargs="+",
        default=(),
        metavar="COLUMN=LIMITS",
        help="values that columns may take in that search: LOW..HIGH for numbers and dates, LEVEL,LEVEL,... "
        "for categories (default: the range of the training table)",
    )


def _add_batches(parser: argparse.ArgumentParser) -> None:
    """Add options that write results of every row instead of a report."""
    parser.add_argument(
        "--batch-out",
        type=Path,
        metavar="FILE.parquet",
        help="instead of a report, explain every row of DATA, a file or folder of any size: write "
        "predictions and local contributions to this file, and summaries of all rows beside it; the same "
        "command resumes an interrupted run",
    )
    parser.add_argument(
        "--predict-out", type=Path, metavar="FILE.parquet", help="the same for predictions alone"
    )
    parser.add_argument(
        "--flip-radius",
        action="store_true",
        help="with --batch-out: add the certified radius within which the predicted class stays the same",
    )


def _add_state(parser: argparse.ArgumentParser) -> None:
    """Add options of streaming and of checkpoints."""
    parser.add_argument(
        "--stream",
        action="store_true",
        help="read the table in batches, so that it may be larger than memory (a folder always is)",
    )
    parser.add_argument("--checkpoint", type=Path, help="file in which to save the state of training")
    parser.add_argument(
        "--every",
        type=int,
        default=10,
        help="epochs between checkpoints; with --stream, blocks of up to 131,072 rows (default: 10)",
    )
    parser.add_argument("--resume", type=Path, help="checkpoint from which to continue the same training")


def _add_neuron(parser: argparse.ArgumentParser) -> None:
    """Add options of a single neuron."""
    parser.add_argument(
        "--dim", type=int, default=15, help="order of the matrices of a single neuron (default: 15)"
    )
    parser.add_argument(
        "--structure",
        choices=STRUCTURES,
        default="tridiagonal",
        help="structure of the matrices of a single neuron (default: tridiagonal)",
    )
    parser.add_argument(
        "--k", type=int, help="index of the eigenvalue of a single neuron (default: the middle one)"
    )
    parser.add_argument(
        "--curvature",
        choices=CURVATURES,
        help="shape of a single neuron as a function of all numbers together (default: neither)",
    )
    parser.add_argument("--epochs", type=int, default=300, help="maximum number of epochs (default: 300)")
    parser.add_argument(
        "--batch-size", type=int, default=512, help="number of rows in a training step (default: 512)"
    )


def train_options(prog: str) -> argparse.ArgumentParser:
    """Return the parser of ``train``."""
    parser = argparse.ArgumentParser(prog=prog, description="Train a spectral model.")
    parser.add_argument(
        "data",
        help=f"a table ({FILES}), a folder of CSV or Parquet files, or one of {', '.join(BUNDLED_TARGETS)}",
    )
    parser.add_argument("--target", type=_name, help="column to predict; not needed for a bundled data set")
    _add_columns(parser)
    _add_reading(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("model.pt"), help="file to write the model to (default: model.pt)"
    )
    parser.add_argument(
        "--form",
        choices=FORMS,
        default=FORMS[0],
        help="a single neuron, a sum of small neurons on piecewise-linear columns, or the simplest form "
        "whose held-out error is within 1 %% of the best (default: auto)",
    )
    _add_neuron(parser)
    parser.add_argument(
        "--alpha",
        type=float,
        default=250.0,
        help="strength of regularisation (default: 250)",
    )
    parser.add_argument(
        "--norm-penalty",
        type=float,
        default=0.0,
        help="strength of a penalty that removes useless columns (default: 0)",
    )
    parser.add_argument(
        "--provability",
        type=float,
        default=0.0,
        help="strength of a penalty that narrows the proven intervals of a single neuron's slopes, such as "
        "0.003 (default: 0)",
    )
    _add_state(parser)
    parser.add_argument(
        "--no-baselines",
        action="store_true",
        help="do not fit the linear model and the MLP that analyze compares with",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the split, the initial weights and the order of rows (default: 0)",
    )
    return parser


def analyze_options(prog: str) -> argparse.ArgumentParser:
    """Return the parser of ``analyze``."""
    parser = argparse.ArgumentParser(prog=prog, description="Explain a spectral model.")
    parser.add_argument("model", type=Path, help="a model.pt, or a bare state dict of a published module")
    parser.add_argument("--data", help=f"rows to explain: {FILES} (default: the model's held-out rows)")
    _add_reading(parser)
    parser.add_argument(
        "--out", type=Path, help="folder to write to (default: MODEL-analysis beside the model)"
    )
    _add_batches(parser)
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=ATTRIBUTION_METHODS,
        help=f"attribution methods; the first ranks the columns (default: {' '.join(DEFAULT_METHODS)}; with "
        "more than 12 classes, local)",
    )
    parser.add_argument(
        "--rows",
        type=int,
        help=f"maximum number of rows to explain (default: {ROWS}, and {COSTLY_ROWS} of them by path and "
        "shapley; fewer with more than three classes)",
    )
    parser.add_argument(
        "--output",
        type=_name,
        metavar="CLASS",
        help="class to explain (default: the positive one of two classes, the most frequent one of more; "
        "single predictions of more than two classes are then explained for the predicted class against the "
        "runner-up)",
    )
    parser.add_argument(
        "--against",
        type=_name,
        metavar="CLASS",
        help="class to compare it with (default: the other one of two, the mean of all of more)",
    )
    _add_changes(parser)
    parser.add_argument(
        "--no-compare", action="store_true", help="leave out the comparison with SHAP and other models"
    )
    parser.add_argument(
        "--compare-rows",
        type=int,
        help="maximum number of rows in that comparison (default: 20 to 200, about ten seconds)",
    )
    parser.add_argument(
        "--format",
        choices=FIGURE_FORMATS,
        default="png",
        help="format of the figures' files (default: png); the report has its own copies",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of rows (default: 0)")
    parser.add_argument("--k", type=int, help="index of the eigenvalue, only for a bare state dict")
    parser.add_argument(
        "--couplings",
        choices=("plain", "scaled"),
        help="for a bare state dict of lower triangles: whether entries below the diagonal are plain, or to "
        "be divided by the square root of 2",
    )
    return parser
