"""``spectral-interp analyze model.pt``: the work, once the options are parsed."""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd

from .._common.choices import DEFAULT_METHODS
from .._common.text import counted
from ..estimators.persistence import load
from ..report.analysis import analyze, choose_rows, complete_baselines, provenance
from ..report.folder import REPORT, check_folder
from ..report.writing import write
from ..tables.reading import read_table
from .options import COSTLY_ROWS, ROWS
from .printing import summary_lines
from .process import say

MANY, FEWEST = 3, 5
"""Classes beyond which costly methods explain fewer rows, and the fewest that these take."""

MOST_OF_PATH = 12
"""Classes beyond which path contributions are computed only where they are asked for."""


def main(args: argparse.Namespace) -> None:
    """Analyze, write, print."""
    out = args.out or args.model.with_name(f"{args.model.stem}-analysis")
    est, data = _model_and_rows(args)
    check_folder(out)
    if args.output is not None or args.against is not None:
        est.view().of(args.output, args.against)  # raises before anything is computed
    X, y = choose_rows(est, data, limit=ROWS if args.rows is None else args.rows, seed=args.seed)
    if not args.no_compare:
        complete_baselines(est, data)
    made = provenance(est, args.model, args.data)
    analysis = analyze(
        est,
        X,
        y,
        methods=default_methods(est, made) if args.methods is None else args.methods,
        most=fewer(COSTLY_ROWS, est) if args.rows is None else None,
        compare_rows=0 if args.no_compare else args.compare_rows,
        seed=args.seed,
        provenance=made,
        output=args.output,
        against=args.against,
    )
    summary = write(analysis, out, format=args.format)

    say(f"{counted(len(X), 'row')} explained")
    if "methods" in made:
        say(f"methods: {made['methods']}")
    for line in summary_lines(summary):
        say(line)
    say(f"figures: {out / 'figures'}")
    say(f"report: {out / REPORT}")


def fewer(rows: int, est: Any) -> int:
    """Return how many rows to explain by costly methods: fewer where a model has more than three scores.

    Every class has matrices of its own, and an output depends on all of them.
    """
    return rows if est.n_outputs <= MANY else max(MANY * rows // est.n_outputs, FEWEST)


def default_methods(est: Any, provenance: dict[str, str]) -> list[str]:
    """Return the methods where none are asked for; what is left out is added to the provenance."""
    if est.n_outputs <= MOST_OF_PATH:
        return list(DEFAULT_METHODS)
    provenance["methods"] = (
        f"local; path contributions are left out by default for more than {MOST_OF_PATH} classes, where they "
        "may take minutes: --methods local path asks for them"
    )
    return ["local"]


def _model_and_rows(args: argparse.Namespace) -> tuple[Any, pd.DataFrame | None]:
    """Load the model, and the rows to explain where they are given.

    The columns that named and weighted the rows in training do so here. The columns of a bare state dict are
    called as those of the rows.
    """
    est = load(args.model, k=args.k, couplings=args.couplings)
    if args.data is None:
        return est, None
    data = read_table(args.data, id_column=args.id, decimal=args.decimal)
    trained_id, trained_weight = (est.made_by_.get(role) for role in ("id", "weight"))
    if args.id is None and trained_id in data.columns:
        data = read_table(args.data, id_column=trained_id, decimal=args.decimal)
    data = data.drop(columns=trained_weight, errors="ignore") if trained_weight else data
    if not est.history_:
        est = load(args.model, k=args.k, columns=list(data.columns), couplings=args.couplings)
    return est, data
