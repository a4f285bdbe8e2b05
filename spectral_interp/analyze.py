"""``python -m spectral_interp.analyze model.pt``."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import cli, report
from .loading import load
from .tables import read_table


def main() -> None:
    """Parse, analyze, write, print."""
    parser = argparse.ArgumentParser(
        prog="python -m spectral_interp.analyze", description="Explain a spectral model."
    )
    parser.add_argument("model", type=Path, help="a model.pt, or a bare state dict of the published module")
    parser.add_argument("--data", help="rows to explain, CSV or Parquet (default: the model's held-out rows)")
    parser.add_argument("--out", type=Path, help="folder to write (default: MODEL-analysis beside the model)")
    parser.add_argument("--rows", type=int, default=1000, help="explain at most this many (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of rows (default: 0)")
    parser.add_argument("--k", type=int, help="index of the eigenvalue, for a bare state dict only")
    args = parser.parse_args()

    out = args.out or args.model.with_name(f"{args.model.stem}-analysis")
    data = None if args.data is None else read_table(args.data)
    est = load(args.model, k=args.k, columns=None if data is None else list(data.columns))
    report.check_folder(out)
    X, y = report.choose_rows(est, data, limit=args.rows, seed=args.seed)
    analysis = report.analyze(est, X, y, seed=args.seed)
    report.write(analysis, out)

    print(f"{len(X)} rows explained, method {analysis.summary['method']}")
    for line in report.summary_lines(analysis.summary):
        print(line)
    print(f"figures: {out / 'figures'}")


if __name__ == "__main__":
    cli.run("spectral_interp.analyze", main)
