"""``python -m spectral_interp.train DATA --target NAME --out model.pt``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sklearn.model_selection import train_test_split

from .._common.text import as_text
from ..comparison.baselines import evaluate_all, fit_baselines
from ..estimators.choice import estimator_for
from ..files.artifact import check_writable
from ..models.spectral import STRUCTURES
from ..tables.encoder import TableEncoder
from ..tables.reading import BUNDLED, read_table, split_target
from ..tables.targets import strata

TEST_FRACTION = 0.2
STORED_ROWS = 1000
MIN_ROWS = 10


def main() -> None:
    """Parse, fit, save, print."""
    parser = argparse.ArgumentParser(
        prog="python -m spectral_interp.train", description="Train a spectral model."
    )
    parser.add_argument("data", help=f"a CSV or Parquet file, or one of {', '.join(BUNDLED)}")
    parser.add_argument(
        "--target", type=as_text, help="the column to predict; may be left out for a bundled data set"
    )
    parser.add_argument("--out", type=Path, required=True, help="where to write the model, e.g. model.pt")
    parser.add_argument("--dim", type=int, default=15, help="order of the matrices (default: 15)")
    parser.add_argument("--structure", choices=list(STRUCTURES), default="tridiagonal")
    parser.add_argument("--k", type=int, help="index of the eigenvalue (default: the middle one)")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument(
        "--alpha", type=float, default=250.0, help="strength of regularisation (default: 250)"
    )
    parser.add_argument(
        "--norm-penalty", type=float, default=0.0, help="> 0 removes useless features (default: 0)"
    )
    parser.add_argument(
        "--log", type=as_text, nargs="+", metavar="COLUMN", help="positive columns whose logarithm enters"
    )
    parser.add_argument("--checkpoint", type=Path, help="file to write the state of training to")
    parser.add_argument("--every", type=int, default=10, help="epochs between checkpoints (default: 10)")
    parser.add_argument("--resume", type=Path, help="checkpoint of the same training to continue from")
    parser.add_argument(
        "--no-baselines", action="store_true", help="fit no linear model and MLP to compare with"
    )
    parser.add_argument("--seed", type=int, default=0, help="of split, start and order of rows (default: 0)")
    args = parser.parse_args()

    for path in filter(None, (args.out, args.checkpoint)):
        check_writable(path)
    target = args.target or BUNDLED.get(args.data, (None, None))[1]
    if target is None:
        raise ValueError(f"expected --target NAME, the column of {args.data} to predict; got none")
    X, y = split_target(read_table(args.data), target, args.data)
    if len(X) < MIN_ROWS:
        raise ValueError(f"expected at least {MIN_ROWS} rows in {args.data}; got {len(X)}; add rows")
    est = estimator_for(y)(
        args.dim,
        structure=args.structure,
        k=args.k,
        n_epochs=args.epochs,
        batch_size=args.batch_size,
        alpha=args.alpha,
        norm_penalty=args.norm_penalty,
        log=args.log,
        random_state=args.seed,
        verbose=True,
    )
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=TEST_FRACTION, random_state=args.seed, stratify=strata(y, args.data)
    )
    TableEncoder.fit(X_train, log=args.log or ()).encode(X_test)  # tells before training what cannot be read
    est.fit(X_train, y_train, checkpoint=args.checkpoint, every=args.every, resume=args.resume)
    est.made_by_["data"] = as_text(Path(args.data).name)  # not where it lay
    if not args.no_baselines:
        est.baselines_ = fit_baselines(est, X_train, y_train)
    metrics = {name: _listed(values) for name, values in evaluate_all(est, X_test, y_test).items()}
    est.save(args.out, heldout=(X_test[:STORED_ROWS], y_test[:STORED_ROWS]))

    print(
        f"{len(X_train)} rows trained on, {len(est.history_)} epochs; {len(X_test)} held out: "
        + metrics.pop("spectral")
    )
    for name, listed in metrics.items():
        print(f"{name} baseline: {listed}")
    print(f"model: {args.out}")


def _listed(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
