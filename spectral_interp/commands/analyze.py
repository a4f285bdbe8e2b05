"""``python -m spectral_interp.analyze model.pt``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..attribution.explain import METHODS
from ..estimators.persistence import load
from ..plots.style import count_rows
from ..report.analysis import DEFAULT_METHODS, analyze, choose_rows, complete_baselines, provenance
from ..report.folder import REPORT, check_folder
from ..report.summary import summary_lines
from ..report.writing import FORMATS, write
from ..tables.reading import read_table

ROWS, COSTLY_ROWS, COMPARE_ROWS = 1000, 50, 200
"""Rows explained by default, by methods that go through the whole background for every row, and by all."""


def main() -> None:
    """Parse, analyze, write, print."""
    parser = argparse.ArgumentParser(
        prog="python -m spectral_interp.analyze", description="Explain a spectral model."
    )
    parser.add_argument("model", type=Path, help="a model.pt, or a bare state dict of the published module")
    parser.add_argument("--data", help="rows to explain, CSV or Parquet (default: the model's held-out rows)")
    parser.add_argument("--out", type=Path, help="folder to write (default: MODEL-analysis beside the model)")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=list(METHODS),
        default=list(DEFAULT_METHODS),
        help="of attribution, the first ranks the columns (default: local path)",
    )
    parser.add_argument(
        "--rows",
        type=int,
        help=f"explain at most this many (default: {ROWS}, and {COSTLY_ROWS} of them by path and shapley)",
    )
    parser.add_argument("--no-compare", action="store_true", help="leave out the comparison with SHAP")
    parser.add_argument(
        "--compare-rows",
        type=int,
        default=COMPARE_ROWS,
        help=f"compare on at most this many rows (default: {COMPARE_ROWS})",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="png",
        help="of the figures' files (default: png); the report holds its own",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of rows (default: 0)")
    parser.add_argument("--k", type=int, help="index of the eigenvalue, for a bare state dict only")
    args = parser.parse_args()

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

    print(f"{count_rows(len(X))} explained")
    for line in summary_lines(summary):
        print(line)
    print(f"figures: {out / 'figures'}")
    print(f"report: {out / REPORT}")
