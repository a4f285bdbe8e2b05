"""Analysis of one model: choice of rows, methods, tables and figures, and the summary."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from threadpoolctl import threadpool_limits

from .. import plots
from .._common.choices import DEFAULT_METHODS
from .._common.messages import shown, truncated_list
from .._common.text import as_text, class_text, plain_label
from ..comparison.baselines import fit_baselines
from ..plots import Exhibit
from ..plots.class_contrasts import contrast_sentences
from ..plots.nearest_change import ChangeFound
from ..plots.proven_ranges import RangesFound
from ..tables.reading import split_target
from ..view import Rows
from .folder import MADE_BY
from .sections import Built, build
from .subject import Estimator, Subject
from .summary import (
    STRONGEST,
    CertifiedFound,
    ClassesFound,
    ClassFound,
    ComparisonFound,
    MarginsFound,
    MethodFound,
    PiecesFound,
    RungFound,
    SkeletonFound,
    StabilityFound,
    Summary,
)

PACKAGES = ("spectral-interp", "numpy", "scipy", "pandas", "torch", "numba", "scikit-learn", "shap", "captum")
"""Packages whose versions the report lists."""

MANY, FEWEST = 3, 5
"""Maximum number of classes with the full number of rows for costly methods, and minimum number of rows."""

MOST_OF_PATH = 12
"""Maximum number of classes for which path contributions are computed by default."""

OF_ONE_NEURON = {
    *("dim", "structure", "k", "n_epochs", "batch_size", "learning_rate", "alpha"),
    *("validation_fraction", "patience"),
}
"""Settings that do not apply to a sum."""


@dataclass(frozen=True)
class Analysis:
    """Results of ``analyze``.

    Attributes
    ----------
    subject : Subject
        The model, its rows and their contributions.
    exhibits : list of Exhibit
        Figures with their tables, and tables without a figure.
    summary : Summary
    """

    subject: Subject
    exhibits: list[Exhibit]
    summary: Summary

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name."""
        return {exhibit.name: exhibit.table for exhibit in self.exhibits}

    @property
    def figures(self) -> dict[str, Callable[[Axes], Axes]]:
        """Functions that draw each figure on Axes, by name."""
        return {exhibit.name: exhibit.draw for exhibit in self.exhibits if exhibit.is_drawn}

    @property
    def heights(self) -> dict[str, float]:
        """Heights of the figures in inches, by name."""
        return {exhibit.name: exhibit.height for exhibit in self.exhibits}


def choose_rows(
    est: Estimator, data: pd.DataFrame | None, *, limit: int, seed: int
) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return up to ``limit`` rows to explain, in table order, and their targets if known.

    The rows keep their labels, which figures, tables and the report show.

    Parameters
    ----------
    est : fitted estimator
    data : DataFrame, optional
        The user's rows, with or without the target column. By default, the model's held-out rows.
    limit : int
        Maximum number of rows, drawn with ``seed``.
    seed : int

    Raises
    ------
    ValueError
        If there are no rows, or the rows or their targets do not fit the model.

    Warns
    -----
    UserWarning
        If columns are dropped because they are unknown to the model.

    Examples
    --------
    >>> from spectral_interp import SpectralRegressor
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0)
    >>> est = est.fit(np.eye(20), np.arange(20.0))
    >>> X, y = choose_rows(est, pd.DataFrame(np.eye(20), columns=est.encoder_.table_names), limit=5, seed=0)
    >>> len(X), y
    (5, None)
    """
    found = est.heldout_ if data is None else _with_targets(est, data)
    if found is None:
        raise ValueError("expected rows to explain; got a model that stores none; pass --data ROWS")
    return drawn(est.encoder_.select(found[0]), found[1], limit=limit, seed=seed)


def drawn(
    X: pd.DataFrame, y: pd.Series | None, *, limit: int, seed: int
) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return up to ``limit`` rows, drawn with ``seed``, in table order, and their targets.

    Raises
    ------
    ValueError
        If ``limit`` is not positive.
    """
    if limit < 1:
        raise ValueError(f"expected at least 1 row to explain; got {limit}")
    rows = np.sort(np.random.default_rng(seed).permutation(len(X))[:limit])
    return X.iloc[rows], None if y is None else y.iloc[rows]


def _with_targets(est: Estimator, data: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series | None]:
    """Split a target that is not empty from the user's rows, and drop unknown columns."""
    if est.target_name_ not in data.columns or est.target_name_ in est.encoder_.names:
        return _known(est, data), None
    X, y = split_target(
        data, est.target_name_, "the rows to explain", na_values=est.na_values or (), keep=True
    )
    if y.isna().all():
        return _known(est, X), None
    est.encode_targets(y.dropna())
    return _known(est, X), y


def _known(est: Estimator, X: pd.DataFrame) -> pd.DataFrame:
    """Drop unknown columns with a warning, unless others are missing: the model's error then names both."""
    extra = [name for name in X.columns if name not in est.encoder_.table_names]
    if extra and set(est.encoder_.names) <= set(X.columns):
        names = truncated_list(map(shown, extra))
        warnings.warn(f"columns unknown to the model are dropped: {names}", stacklevel=3)
        return X.drop(columns=extra)
    return X


def complete_baselines(est: Estimator, data: pd.DataFrame | None) -> None:
    """Fit a linear model and an MLP on the user's rows with targets, if the model has no baselines.

    Parameters
    ----------
    est : fitted estimator
        Estimator whose ``baselines_`` are set.
    data : DataFrame, optional

    Raises
    ------
    ValueError
        If the rows do not fit the model.

    Examples
    --------
    >>> from spectral_interp import SpectralRegressor
    >>> X = pd.DataFrame({"a": np.arange(20.0)})
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0).fit(X, X["a"].rename("b"))
    >>> complete_baselines(est, X.assign(b=X["a"]))
    >>> sorted(est.baselines_)
    ['MLP', 'linear']
    """
    if est.baselines_ is not None or data is None:
        return
    X, y = _with_targets(est, data)
    if y is not None:
        known = y.notna()
        est.baselines_ = fit_baselines(est, est.encoder_.select(X)[known], y[known])
        est.made_by_ = {**est.made_by_, "baselines": "fitted on the table to explain"}


def epochs_of(est: Estimator) -> int:
    """Return the number of training epochs of a model, or of each fit of a sum."""
    chosen = [rung for rung in RungFound.of(est) if rung.chosen]
    return chosen[0].epochs if est.form_ == "sum" and chosen else len(est.history_)


def provenance(est: Estimator, model: Path, data: str | None) -> dict[str, str]:
    """Return the origin of an analysis from the command line, as text.

    Parameters
    ----------
    est : fitted estimator
    model : Path
    data : str, optional
        File with the rows. By default, the rows held out in training.
    """
    made = {
        "command": shlex.join(["python", "-m", "spectral_interp.analyze", *sys.argv[1:]]),
        "model": str(model),
        "rows": data or f"held out in training, stored in {model}",
        "training": training(est),
    }
    return {name: as_text(text) for name, text in made.items()}


def training(est: Estimator) -> str:
    """Return the training settings of a model, as text."""
    settings = {name: value for name, value in est.fitted_params_.items() if value is not None}
    if est.form_ == "sum":
        settings = {name: value for name, value in settings.items() if name not in OF_ONE_NEURON}
    trained = {"epochs": epochs_of(est), **est.made_by_, **settings}
    return ", ".join(f"{name} {value}" for name, value in trained.items())


def fewer(rows: int, est: Any) -> int:
    """Return the number of rows for costly methods, reduced if a model has more than three scores.

    Every class has its own matrices, and an output depends on all of them.
    """
    return rows if est.n_outputs <= MANY else max(MANY * rows // est.n_outputs, FEWEST)


def default_methods(est: Any, provenance: dict[str, str], asking: str) -> list[str]:
    """Return the default methods, and record in the provenance any method that is omitted.

    ``asking`` is the option that requests all methods.
    """
    if est.n_outputs <= MOST_OF_PATH:
        return list(DEFAULT_METHODS)
    provenance["methods"] = (
        f"local; path contributions are omitted by default for more than {MOST_OF_PATH} classes, because "
        f"they may take minutes; use {asking} to include them"
    )
    return ["local"]


def analyze(
    est: Estimator,
    X: pd.DataFrame | Rows,
    y: pd.Series | None,
    *,
    methods: Sequence[str] = DEFAULT_METHODS,
    most: int | None = None,
    compare_rows: int | None = 0,
    seed: int,
    provenance: dict[str, str] | None = None,
    output: Any = None,
    against: Any = None,
    fixed: Iterable[str] = (),
    limits: Mapping[str, Any] | None = None,
) -> Analysis:
    """Explain the rows ``X`` and collect tables, figures and summary.

    Parameters
    ----------
    est : fitted estimator
    X : DataFrame, shape (n, columns), or Rows
    y : Series, optional
        Targets of the rows, for the metrics.
    methods : sequence of {"local", "path", "shapley"}
        The first method ranks the columns.
    most : int, optional
        Maximum number of evenly spread rows for methods that use the whole background for every row.
    compare_rows : int, optional
        Maximum number of rows in the comparison with other models and explainers. With 0 there is no
        comparison; None is the default of :func:`spectral_interp.compare`.
    seed : int
        Seed of the redraws of the background and of the comparison, recorded in the summary.
    provenance : dict of str, optional
        Origin of rows and model, as text; recorded in the summary and shown in the report.
    output, against : label, optional
        Class to explain, and reference class of its log-odds, as in :func:`spectral_interp.explain`. By
        default, with more than two classes, the output is the most frequent class of the rows against the
        mean of all classes, and single predictions are explained for the predicted class against the
        runner-up.
    fixed : iterable of str
        Columns that do not change in nearest changes and proven ranges.
    limits : mapping, optional
        Allowed values of columns in nearest changes, as in :func:`spectral_interp.counterfactual`.

    Raises
    ------
    ValueError
        If ``X`` or ``y`` do not fit the model, ``output`` or ``against`` is not one of its classes, or
        ``fixed`` or ``limits`` do not fit its columns.

    Examples
    --------
    >>> from spectral_interp import SpectralRegressor
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0)
    >>> est = est.fit(np.eye(20), np.arange(20.0))
    >>> X = pd.DataFrame(np.eye(20), columns=est.encoder_.table_names)
    >>> analysis = analyze(est, X, None, methods=["local"], seed=0)
    >>> "importance_local" in analysis.figures
    True
    """
    with threadpool_limits(1, user_api="blas"):  # the matrices are small: threads cost more than they save
        subject = Subject.explained(
            est,
            X,
            y,
            methods,
            most=most,
            compare_rows=compare_rows,
            seed=seed,
            output=output,
            against=against,
            fixed=fixed,
            limits=limits,
        )
        built = build(subject)
        return Analysis(subject, built.exhibits, _summary(subject, built, provenance or {}))


def _form(subject: Subject) -> dict[str, Any]:
    """Return the form of the model, and the numbers of its parts."""
    view, function = subject.rows.view, subject.fitted
    (k,) = set(function.neurons.k.tolist())
    return {
        "form": subject.est.form_,
        "members": subject.members,
        "neurons": len(function.neurons),
        "structure": function.structure,
        "dim": function.dim,
        "k": k,
        "bent_columns": sum(bool(axis.knots) for axis in view.axes),
        "pairs": len(view.pairs),
        "rungs": RungFound.of(subject.est),
    }


def _classes(subject: Subject, tables: Mapping[str, pd.DataFrame]) -> ClassesFound | None:
    """Return the results by class, if there are more than two classes."""
    if not subject.is_many:
        return None
    confusion, contrasts = tables.get("confusion"), tables.get("class_contrasts")
    return ClassesFound(
        output=class_text(subject.output),
        against=None if subject.against is None else class_text(subject.against),
        chosen=subject.is_of_predicted,
        labelled=subject.y is not None and bool(subject.y.notna().any()),
        classes=ClassFound.of(tables["class_importance"], confusion),
        contrasts=[] if contrasts is None else contrast_sentences(contrasts),
        confused=None if confusion is None else plots.confusion.finding(confusion),
    )


def _summary(subject: Subject, built: Built, provenance: Mapping[str, str]) -> Summary:
    """Return the summary. Entries without a table are None."""
    est, y = subject.est, subject.y
    known = None if y is None or y.isna().all() else y.notna().to_numpy(dtype=bool)
    tables = {exhibit.name: exhibit.table for exhibit in built.exhibits}
    redraws, latents, margins = map(tables.get, ("background_stability", "latents", "margins"))
    sliced = not tables.keys().isdisjoint({"spectrum_1", "region_map"})
    compared = "faithfulness" in tables and subject.comparison
    ranges = tables.get("proven_ranges")
    changes = {e.label: ChangeFound.of(e.table) for e in built.exhibits if e.figure is plots.nearest_change}
    return Summary(
        made_by=MADE_BY,
        target=est.target_name_,
        unit=subject.unit,
        **_form(subject),
        rows=len(subject.rows),
        columns=len(subject.strongest),
        seed=subject.seed,
        metrics=None
        if y is None or known is None
        else est.metrics(subject.whole.prediction[known], y[known]),
        classes=_classes(subject, tables),
        rows_trained_on=est.count_trained_on(subject.rows),
        unknown_values=list(subject.rows.unknown),
        provenance=provenance,
        versions={name: version(name) for name in PACKAGES},
        background=subject.first.background,
        top_columns=subject.strongest[:STRONGEST],
        methods={
            name: MethodFound.of(attribution, subject.rankings[name], subject.seconds[name])
            for name, attribution in subject.attributions.items()
        },
        background_stability=None if redraws is None else StabilityFound.by_method(redraws),
        certified=CertifiedFound.of(
            subject.certificate, tables["certified"], len(subject.rows), tables.get("central_slopes")
        ),
        changes=changes or None,
        ranges=None if ranges is None else RangesFound.of(ranges),
        row_labels=subject.row_labels,
        slices_at_row=plain_label(subject.rows.labels[subject.row]) if sliced else None,
        pieces=PiecesFound.of(subject.regions, subject.eps) if "pieces" in tables else None,
        skeleton=None if latents is None else SkeletonFound.of(subject.regions, latents),
        margins=None if margins is None else MarginsFound.of(margins),
        comparison=ComparisonFound.of(compared) if compared else None,
        left_out=built.left_out,
        seconds=built.seconds,
    )
