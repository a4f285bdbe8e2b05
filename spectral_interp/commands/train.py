"""``spectral-interp train DATA --target NAME --out model.pt``: the work, once the options are parsed."""

from __future__ import annotations

import argparse
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from .._common.choices import BUNDLED_TARGETS
from .._common.text import as_text, counted
from ..comparison.baselines import evaluate_all, fit_baselines
from ..estimators.choice import estimator_for
from ..files.artifact import check_writable
from ..tables.encoder import TableEncoder
from ..tables.reading import read_table, split_target
from ..tables.targets import strata
from ..training.fingerprints import fingerprints
from ..training.partition import Places, hold_out

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
    kept, held, repeated = _split(X, y, args)
    X_train, X_test, y_train, y_test = X.iloc[kept], X.iloc[held], y.iloc[kept], y.iloc[held]
    TableEncoder.fit(X_train, log=args.log or ()).encode(X_test)  # tells before training what cannot be read
    est.fit(X_train, y_train, checkpoint=args.checkpoint, every=args.every, resume=args.resume)
    est.made_by_["data"] = as_text(Path(args.data).name)  # not where it lay
    if not args.no_baselines:
        est.baselines_ = fit_baselines(est, X_train, y_train)
    metrics = {name: _metrics_text(found) for name, found in evaluate_all(est, X_test, y_test).items()}
    est.save(args.out, heldout=(X_test[:STORED_ROWS], y_test[:STORED_ROWS]))

    print(
        f"{len(X_train)} rows trained on, {len(est.history_)} epochs; {len(X_test)} held out: "
        + metrics.pop("spectral")
    )
    for name, values in metrics.items():
        print(f"{name} baseline: {values}")
    if repeated:
        print(f"{counted(repeated, 'row equals', 'rows equal')} another in all columns of the model")
    if leaked := est.count_trained_on(X_test):
        equal = counted(leaked, "of them equals a training row", "of them equal training rows")
        print(f"held-out rows: {equal}; metrics on these are not held out")
    print(f"model: {args.out}")


def _split(X: pd.DataFrame, y: pd.Series, args: argparse.Namespace) -> tuple[Places, Places, int]:
    """Return the rows to train on, those to hold out, and how many rows equal another."""
    classes = strata(y, args.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit repeats them
        groups = fingerprints(TableEncoder.fit(X, log=args.log or ()).encode(X))
    n_held = math.ceil(TEST_FRACTION * len(X))
    kept, held = hold_out(groups, n_held, args.seed, classes=None if classes is None else classes.to_numpy())
    _, sizes = np.unique(groups, return_counts=True)
    return kept, held, int(sizes[sizes > 1].sum())


def _metrics_text(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
