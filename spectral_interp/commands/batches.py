"""The work of ``spectral-interp analyze --batch-out``: every row of a large table, in bounded memory."""

from __future__ import annotations

import argparse
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from .. import __version__
from .._common.messages import shown
from .._common.progress import progress
from .._common.text import counted, number
from ..batches.explaining import Explaining, Predicting
from ..batches.portable import portable
from ..batches.summaries import Summary
from ..batches.writing import write_batches
from ..estimators.persistence import load
from ..files.staging import replace_file
from ..streams import Source
from .process import say

SECONDS_PER_ROW = 2e-5
"""Rough estimate that decides whether progress is shown."""

SHOWN = 10
"""Maximum number of printed columns."""

FOREIGN = "methods", "rows", "compare_rows", "fixed", "limits", "out"
"""Options that only reports have."""


def main(args: argparse.Namespace) -> None:
    """Explain or predict every row, write the results and print a summary."""
    target = _target(args)
    source = Source.of(args.data, decimal=args.decimal)
    est = load(args.model, k=args.k, couplings=args.couplings)
    if not est.history_:
        est = load(args.model, k=args.k, columns=source.columns, couplings=args.couplings)
    keep = _kept(args, est, source)
    options = {"output": args.output, "against": args.against, "flip_radius": args.flip_radius}
    work = _work(args, est)

    def done(n_rows: int, summary: Summary | None) -> None:
        say(f"{counted(n_rows, 'row')} {'predicted' if summary is None else 'explained'}")
        if summary is not None:
            _write_tables(summary, target)
        say(f"results: {target}")

    total = source.n_rows or 0
    size = (
        f"{counted(total, 'row')} in groups of {source.rows:,}"
        if total
        else f"groups of {source.rows:,} rows"
    )
    with progress(total, seconds=SECONDS_PER_ROW * (total or 10**9), size=size, unit="row") as advance:
        identity = {"model": _digest(args.model), "options": options, "version": __version__}
        identity["kind"] = type(work).__name__
        write_batches(work, source, target, identity=identity, keep=keep, advance=advance, done=done)


def _target(args: argparse.Namespace) -> Path:
    """Return the file to write; ValueError for options that do not go together."""
    if args.batch_out is not None and args.predict_out is not None:
        raise ValueError("expected --batch-out or --predict-out; got both: results hold predictions too")
    target: Path = args.predict_out if args.batch_out is None else args.batch_out
    option = "--predict-out" if args.batch_out is None else "--batch-out"
    if args.data is None:
        raise ValueError(f"expected --data, the rows to explain, with {option}; got none")
    for name in FOREIGN:
        if getattr(args, name):
            raise ValueError(f"expected no --{name.replace('_', '-')} with {option}, which makes no report")
    if target.suffix != ".parquet":
        raise ValueError(f"expected {option} as the name of a file that ends in .parquet; got {target}")
    of_output = [name for name in ("output", "against", "flip_radius") if getattr(args, name)]
    if args.batch_out is None and of_output:
        raise ValueError(f"expected --{of_output[0].replace('_', '-')} only with --batch-out")
    return target


def _work(args: argparse.Namespace, est: Any) -> Predicting:
    model = portable(est)
    if args.batch_out is None:
        return Predicting(model)
    options = {"method": "local", "background": None, "output": args.output, "against": args.against}
    return Explaining(model, options, flip_radius=args.flip_radius, linear_radius=None)


def _kept(args: argparse.Namespace, est: Any, source: Source) -> list[str]:
    """Return the columns of row names, of the target and of the weights in training."""
    there = source.columns or []
    if args.id is not None and args.id not in there:
        raise ValueError(f"expected the column of row names {shown(args.id)} in {args.data}; got none")
    named = [args.id or est.made_by_.get("id"), est.target_name_, est.made_by_.get("weight")]
    return [name for name in dict.fromkeys(named) if name in there and name not in est.encoder_.table_names]


def _write_tables(summary: Summary, target: Path) -> None:
    """Write the summaries over all rows next to the results, and print the most important columns."""
    tables = {"importance": summary.importance(), "dependence": summary.dependence()}
    if len(summary.margins()):
        tables["margins"] = summary.margins()
    for name, table in tables.items():
        path = target.with_name(f"{target.stem}-{name}.csv")
        replace_file(path, partial(table.to_csv, index=False))
        say(f"{name} over {counted(summary.n_rows, 'row')}: {path}")
    say(f"mean |contribution| to {summary.unit}:")
    top = tables["importance"].head(SHOWN)
    for column, size in zip(top["column"], top["mean_absolute"], strict=True):
        say(f"  {number(size):>10} {column}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
