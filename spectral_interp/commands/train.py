"""The work of ``spectral-interp train DATA --target NAME``, after its options are parsed."""

from __future__ import annotations

import argparse
import math
import re
import warnings
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray, spread
from .._common.choices import BUNDLED_TARGETS
from .._common.messages import shown
from .._common.text import as_text, counted
from ..comparison.baselines import evaluate_all, fit_baselines
from ..estimators.classifier import SpectralClassifier, estimator_for
from ..estimators.forms import check_saving
from ..estimators.regressor import SpectralRegressor
from ..estimators.streamed import draw_from
from ..estimators.validation import check_parameters
from ..files.artifact import check_writable
from ..report.analysis import epochs_of
from ..report.summary import RungFound
from ..streams import Source
from ..streams.sample import Drawn, Roles
from ..tables.encoder import TableEncoder
from ..tables.reading import check_known, read_table, split_target, split_weight
from ..tables.targets import class_codes, holds_numbers, strata, target_numbers
from ..training.partition import Places, fingerprints, hold_out
from ..view.levels import text_of
from .hints import MAX_LEAK_ROWS, warn_of_few_rows, warn_of_leaks
from .printing import rung_lines
from .process import say

TEST_FRACTION = 0.2
STORED_ROWS = 1000
MIN_ROWS = 10

_NAMES = "dim|form|structure|k|epochs|batch_size|alpha|norm_penalty|provability|curvature"
PARAMETER = re.compile(rf"\b(?:n_)?({_NAMES})(?==| only| >=)")
"""Parameters of estimators in error messages."""


def main(args: argparse.Namespace) -> None:
    """Fit and save a model, and print its metrics."""
    for path in filter(None, (args.out, args.checkpoint)):
        check_writable(path)
    target = _target(args)
    if args.stream or Path(args.data).is_dir():
        check_saving(args.every, args.resume)
        source = Source.of(args.data, decimal=args.decimal)
        roles = Roles(target, args.weight, args.drop or (), args.na_values or ())
        drawn = draw_from(source, roles)
        if isinstance(drawn, Drawn):
            _fit_stream(args, source, roles, drawn)
            return
        X, y, weight = drawn.frame, drawn.targets, None if args.weight is None else drawn.weight
        _check_table(args, X, target)
    else:
        X, y, weight = _read(args, target)
    _fit_table(args, X, y, weight)


def _fit_table(args: argparse.Namespace, X: pd.DataFrame, y: pd.Series, weight: FloatArray | None) -> None:
    """Fit on a part of a table and test on the rest."""
    est = _estimator(args, y)
    kept, held, repeated = _split(X, y, args)
    X_train, X_test, y_train, y_test = X.iloc[kept], X.iloc[held], y.iloc[kept], y.iloc[held]
    w_train, w_test = (None if weight is None else weight[part] for part in (kept, held))
    _give_hints(args, (X_train, X_test), (y_train, y_test), y)
    est.fit(X_train, y_train, w_train, checkpoint=args.checkpoint, every=args.every, resume=args.resume)
    _note_roles(est, args)
    if not args.no_baselines:
        est.baselines_ = fit_baselines(est, X_train, y_train, w_train)
    found = evaluate_all(est, X_test, y_test, w_test)
    est.save(args.out, heldout=(X_test[:STORED_ROWS], y_test[:STORED_ROWS]))
    _print_fit(est, found, f"{len(X_train)} training rows, {_trained(est)}; {len(X_test)} held out")
    if repeated:
        say(f"{counted(repeated, 'row equals', 'rows equal')} another row in all columns of the model")
    if leaked := est.count_trained_on(X_test):
        equal = counted(leaked, "of them equals a training row", "of them equal training rows")
        say(f"held-out rows: {equal}; metrics on these rows are not held-out metrics")
    say(f"model: {args.out}")


def _fit_stream(args: argparse.Namespace, source: Source, roles: Roles, drawn: Drawn) -> None:
    """Fit on all rows of a source except the held-out rows, and test on those."""
    sample, held = drawn.sample, drawn.held
    _check_table(args, sample.frame, roles.target)
    est = _estimator(args, sample.targets)
    among = f" in a sample of {counted(len(sample.frame), 'row')}"
    _give_hints(args, (sample.frame, held.frame), (sample.targets, held.targets), sample.targets, among)
    est.fit_drawn(source, roles, drawn, checkpoint=args.checkpoint, every=args.every, resume=args.resume)
    _note_roles(est, args)
    found = evaluate_all(est, held.frame, held.targets, held.weight)
    est.save(args.out)
    trained = est.made_by_["training rows"]
    _print_fit(est, found, f"{trained} training rows, {_trained(est)}; {drawn.n_rows - trained} held out")
    say(f"model: {args.out}")


def _note_roles(est: SpectralRegressor | SpectralClassifier, args: argparse.Namespace) -> None:
    """Store the roles of columns and the name of the data in the model."""
    roles = {"id": args.id, "weight": args.weight}
    est.made_by_ |= {name: column for name, column in roles.items() if column}
    est.made_by_["data"] = as_text(Path(args.data).name)  # without its folder


def _print_fit(
    est: SpectralRegressor | SpectralClassifier, found: dict[str, dict[str, float]], done: str
) -> None:
    """Print the held-out metrics of the model and its baselines."""
    metrics = {name: _metrics_text(values) for name, values in found.items()}
    say(f"{done}: {metrics.pop('spectral')}")
    for line in rung_lines(RungFound.of(est), est.target_name_, squared="RMSE" in found["spectral"]):
        say(f"form: {line}")
    for name, values in metrics.items():
        say(f"{name} baseline: {values}")


def _trained(est: SpectralRegressor | SpectralClassifier) -> str:
    """Return the fitted form and its number of epochs as text."""
    epochs = counted(epochs_of(est), "epoch")
    functions = est.module_.functions()
    each = f" for each of {len(functions)} classes" if len(functions) > 1 else ""
    if est.form_ == "single":
        return epochs if est.form == "single" else f"a single neuron{each}, {epochs}"
    neurons = functions[0].neurons
    return f"a sum of {len(neurons)} neurons in {counted(neurons.n_members, 'fit')} of {epochs}{each}"


def _target(args: argparse.Namespace) -> str:
    """Return the column to predict; ValueError if there is none, or columns have two roles."""
    target = args.target or BUNDLED_TARGETS.get(args.data)
    if target is None:
        raise ValueError(f"expected --target NAME, the column of {args.data} to predict; got none")
    roles = [("--target", target), ("--id", args.id), ("--weight", args.weight)]
    for (one, name), (other, again) in combinations(roles, 2):
        if name == again and name is not None:
            raise ValueError(f"expected different columns for {one} and {other}; got {shown(name)} for both")
    if args.id is not None and (args.stream or Path(args.data).is_dir()):
        raise ValueError(
            f"expected no --id for a table that is read in batches; got {shown(args.id)}; list it in --drop; "
            "rows are numbered from 0"
        )
    return str(target)


def _read(args: argparse.Namespace, target: str) -> tuple[pd.DataFrame, pd.Series, FloatArray | None]:
    """Return the columns that the model may use, the targets and the weights."""
    table = read_table(args.data, id_column=args.id, decimal=args.decimal)
    X, y = split_target(table, target, args.data, na_values=args.na_values or ())
    X, weight = (X, None) if args.weight is None else split_weight(X, args.weight, args.data)
    _check_table(args, X, target)
    return X, y, weight


def _check_table(args: argparse.Namespace, X: pd.DataFrame, target: str) -> None:
    """Raise ValueError for a table with too few rows, or for options that name unknown columns."""
    if len(X) < MIN_ROWS:
        raise ValueError(f"expected at least {MIN_ROWS} rows in {args.data}; got {len(X)}; add rows")
    _check_columns(args, {"--target": target, "--id": args.id, "--weight": args.weight}, X.columns)


def _check_columns(args: argparse.Namespace, roles: dict[str, Any], columns: pd.Index) -> None:
    """Raise ValueError for options that name an unknown column, or one with another role."""
    for name in ("drop", "categorical", "log", "increasing", "decreasing"):
        named = getattr(args, name) or ()
        for role, column in roles.items():
            if column in named and name in ("increasing", "decreasing"):
                raise ValueError(f"expected columns of the model for --{name}; got {shown(column)} of {role}")
        check_known(named, columns, f"columns of {args.data} for --{name}")
    for one, other in combinations(("increasing", "decreasing", "drop"), 2):
        if both := sorted(set(getattr(args, one) or ()) & set(getattr(args, other) or ())):
            raise ValueError(
                f"expected different columns for --{one} and --{other}; got {shown(both[0])} for both"
            )


def _promises(args: argparse.Namespace) -> dict[str, int] | None:
    """Return the promised directions, by column."""
    found = {name: 1 for name in args.increasing or ()} | {name: -1 for name in args.decreasing or ()}
    return found or None


def _estimator(args: argparse.Namespace, y: pd.Series) -> SpectralRegressor | SpectralClassifier:
    kind = estimator_for(y)
    options = _column_options(args)
    if args.positive is not None:
        if kind is not SpectralClassifier:
            raise ValueError(
                f"expected --positive only with a target of two classes; got {shown(y.name)}, which holds "
                "numbers"
            )
        if y.nunique() > 2:
            raise ValueError(
                f"expected --positive only with a target of two classes; got {shown(y.name)}, which has "
                f"{y.nunique()}: choose the class to explain with analyze --output"
            )
        options["positive"] = args.positive
    est = kind(
        args.dim,
        form=args.form,
        structure=args.structure,
        k=args.k,
        n_epochs=args.epochs,
        batch_size=args.batch_size,
        alpha=args.alpha,
        norm_penalty=args.norm_penalty,
        provability=args.provability,
        monotone=_promises(args),
        curvature=args.curvature,
        random_state=args.seed,
        verbose=True,
        **options,
    )
    try:
        check_parameters(est)
    except ValueError as error:  # which names parameters
        raise ValueError(PARAMETER.sub(_as_option, str(error))) from error
    return est


def _as_option(parameter: re.Match[str]) -> str:
    """Return the option that sets a parameter."""
    return f"--{parameter[1].replace('_', '-')}"


def _split(X: pd.DataFrame, y: pd.Series, args: argparse.Namespace) -> tuple[Places, Places, int]:
    """Return the training rows, the held-out rows, and the number of rows that equal another row."""
    classes = strata(y, args.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit repeats them
        groups = fingerprints(TableEncoder.fit(X, **_column_options(args)).encode(X))
    n_held = math.ceil(TEST_FRACTION * len(X))
    kept, held = hold_out(groups, n_held, args.seed, classes=None if classes is None else classes.to_numpy())
    if classes is not None:  # every row of a rare class may have been held out
        only_held = np.isin(held, np.flatnonzero(~classes.isin(classes.iloc[kept]).to_numpy()))
        kept, held = np.concatenate([kept, held[only_held]]), held[~only_held]
    _, sizes = np.unique(groups, return_counts=True)
    return kept, held, int(sizes[sizes > 1].sum())


def _column_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options about columns as arguments of the estimators."""
    return {name: getattr(args, name) for name in ("log", "drop", "categorical", "na_values")}


def _give_hints(
    args: argparse.Namespace,
    parts: Sequence[pd.DataFrame],
    targets: Sequence[pd.Series],
    target: pd.Series,
    among: str = "",
) -> None:
    """Warn of leaks and of few rows before training."""
    X_train, X_test = parts
    some = spread(len(X_train), MAX_LEAK_ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # training and evaluation repeat them
        encoder = TableEncoder.fit(X_train, **_column_options(args))
        z = np.concatenate([encoder.encode(X_train.iloc[some]), encoder.encode(X_test)])
    y = pd.concat([targets[0].iloc[some], targets[1]])
    labels = target.astype(object).map(text_of)
    classes = {} if holds_numbers(target) else labels.value_counts().to_dict()
    numbers = class_codes(y, [*classes], str(y.name)) if classes else target_numbers(y, str(y.name))
    warn_of_leaks(encoder.axes, z, numbers, str(y.name), classes=len(classes))
    warn_of_few_rows(len(X_train), len(X_test), z.shape[1], classes, among=among)


def _metrics_text(metrics: dict[str, float]) -> str:
    return ", ".join(
        f"{name} {'undefined' if math.isnan(value) else format(value, '.4g')}"
        for name, value in metrics.items()
    )
