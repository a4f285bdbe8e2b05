"""``spectral-interp train DATA --target NAME --out model.pt``: the work, once the options are parsed."""

from __future__ import annotations

import argparse
from pathlib import Path

from sklearn.model_selection import train_test_split

from .._common.choices import BUNDLED_TARGETS
from .._common.text import as_text
from ..comparison.baselines import evaluate_all, fit_baselines
from ..estimators.choice import estimator_for
from ..files.artifact import check_writable
from ..tables.encoder import TableEncoder
from ..tables.reading import read_table, split_target
from ..tables.targets import strata
from .process import say

TEST_FRACTION = 0.2
STORED_ROWS = 1000
MIN_ROWS = 10


def main(args: argparse.Namespace) -> None:
    """Fit, save, print."""
    for path in filter(None, (args.out, args.checkpoint)):
        check_writable(path)
    target = args.target or BUNDLED_TARGETS.get(args.data)
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
    metrics = {name: _metrics_text(found) for name, found in evaluate_all(est, X_test, y_test).items()}
    est.save(args.out, heldout=(X_test[:STORED_ROWS], y_test[:STORED_ROWS]))

    say(
        f"{len(X_train)} rows trained on, {len(est.history_)} epochs; {len(X_test)} held out: "
        + metrics.pop("spectral")
    )
    for name, values in metrics.items():
        say(f"{name} baseline: {values}")
    say(f"model: {args.out}")


def _metrics_text(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
