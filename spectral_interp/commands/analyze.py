"""The work of ``spectral-interp analyze model.pt``, after its options are parsed."""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd

from .._common.choices import COSTLY_ROWS, ROWS
from .._common.text import counted
from ..estimators.persistence import load
from ..report.analysis import (
    analyze,
    choose_rows,
    complete_baselines,
    default_methods,
    fewer,
    provenance,
)
from ..report.folder import REPORT, check_folder
from ..report.writing import write
from ..tables.reading import read_table
from . import batches
from .limits import read_fixed, read_limits
from .printing import summary_lines
from .process import say


def main(args: argparse.Namespace) -> None:
    """Analyze the model, write the report and print its summary."""
    if args.batch_out is not None or args.predict_out is not None:
        batches.main(args)
        return
    if args.flip_radius:
        raise ValueError("expected --flip-radius only with --batch-out; a report has these radii")
    out = args.out or args.model.with_name(f"{args.model.stem}-analysis")
    est, data = _model_and_rows(args)
    check_folder(out)
    if args.output is not None or args.against is not None:
        est.view().of(args.output, args.against)  # raises before anything is computed
    fixed = read_fixed(est.view(), args.fixed)
    limits = read_limits(est.view(), args.limits, fixed)
    X, y = choose_rows(est, data, limit=ROWS if args.rows is None else args.rows, seed=args.seed)
    if not args.no_compare:
        complete_baselines(est, data)
    made = provenance(est, args.model, args.data)
    analysis = analyze(
        est,
        X,
        y,
        methods=default_methods(est, made, "--methods local path") if args.methods is None else args.methods,
        most=fewer(COSTLY_ROWS, est) if args.rows is None else None,
        compare_rows=0 if args.no_compare else args.compare_rows,
        seed=args.seed,
        provenance=made,
        output=args.output,
        against=args.against,
        fixed=fixed,
        limits=limits,
    )
    summary = write(analysis, out, format=args.format)

    say(f"{counted(len(X), 'row')} explained")
    if "methods" in made:
        say(f"methods: {made['methods']}")
    for line in summary_lines(summary):
        say(line)
    say(f"figures: {out / 'figures'}")
    say(f"report: {out / REPORT}")


def _model_and_rows(args: argparse.Namespace) -> tuple[Any, pd.DataFrame | None]:
    """Load the model, and the rows to explain if they are given.

    The columns of row names and weights are those of training. The features of a bare state dict get the
    names of the table's columns.
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
