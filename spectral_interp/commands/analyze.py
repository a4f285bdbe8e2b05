"""``spectral-interp analyze model.pt``: the work, once the options are parsed."""

from __future__ import annotations

import argparse

from .._common.text import counted
from ..estimators.persistence import load
from ..report.analysis import analyze, choose_rows, complete_baselines, provenance
from ..report.folder import REPORT, check_folder
from ..report.writing import write
from ..tables.reading import read_table
from .options import COSTLY_ROWS, ROWS
from .printing import summary_lines
from .process import say


def main(args: argparse.Namespace) -> None:
    """Analyze, write, print."""
    out = args.out or args.model.with_name(f"{args.model.stem}-analysis")
    data = None if args.data is None else read_table(args.data)
    est = load(args.model, k=args.k, columns=None if data is None else list(data.columns))
    check_folder(out)
    X, y = choose_rows(est, data, limit=ROWS if args.rows is None else args.rows, seed=args.seed)
    if not args.no_compare:
        complete_baselines(est, data)
    analysis = analyze(
        est,
        X,
        y,
        methods=args.methods,
        most=COSTLY_ROWS if args.rows is None else None,
        compare_rows=0 if args.no_compare else args.compare_rows,
        seed=args.seed,
        provenance=provenance(est, args.model, args.data),
    )
    summary = write(analysis, out, format=args.format)

    say(f"{counted(len(X), 'row')} explained")
    for line in summary_lines(summary):
        say(line)
    say(f"figures: {out / 'figures'}")
    say(f"report: {out / REPORT}")
