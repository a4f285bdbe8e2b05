"""Attributions: numbers per (row, column) that explain predictions, one file per method."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from .._common.arrays import FloatArray, IntArray
from .._common.choices import ATTRIBUTION_METHODS
from .._common.memory import check_memory
from ..view import ClassesView, ModelView, Rows, output_rows, rows_of
from ..view.model import log_odds
from ..view.rows import background_of
from .changes import Parts, deviation_of
from .interactions import interactions
from .local import intervals, local
from .path import path
from .result import Attribution
from .shapley import planned, probabilities, shapley

__all__ = ["METHODS", "Attribution", "explain", "interactions"]

UNITS = "log-odds", "probability"

METHODS: dict[str, Callable[..., Parts]] = dict(zip(ATTRIBUTION_METHODS, (local, path, shapley), strict=True))


def explain(
    model: Any,
    X: Any,
    *,
    method: str = "local",
    background: Any = None,
    output: Any = None,
    against: Any = None,
    unit: str | None = None,
    tol: float | None = None,
    exact: bool | None = None,
    max_evaluations: int | None = None,
    random_state: int | np.random.Generator = 0,
) -> Attribution:
    """Explain the predictions of ``model`` on the rows ``X``, column by column.

    Parameters
    ----------
    model : SpectralRegressor, SpectralClassifier, Pencil or DensePencil, pipeline or search
        A pipeline that ends with one of these estimators is explained in terms of the columns that its
        earlier steps produce; a fitted search is explained through its best estimator.
    X : DataFrame or array_like, shape (n, columns), or Rows
    method : {"local", "path", "shapley"}
        "local": exact, eigenvector-weighted contributions from one eigenpair per row; each row has its own
        base value.

        "path": Aumann–Shapley contributions along straight lines from the background rows, averaged over them
        (integrated and expected gradients); their sum is exact.

        "shapley": interventional Shapley values. The players are columns. The value of a column with several
        features is in general not the sum of the values that these features would have as separate players.
    background : DataFrame or array_like, shape (b, columns), optional
        Rows that contributions are measured against ("local" uses the mean of their features). By default the
        estimator's ``background_``; the origin for a pencil.
    output : label, optional
        Class whose log-odds are explained. With two classes, the default is the positive class. With more,
        the default is the predicted class of every row against its runner-up; both are in
        :attr:`Attribution.output` and ``against``.
    against : label, optional
        Class that the log-odds of ``output`` are measured against. With more than two classes, the default is
        the mean of all classes: the score of the class less the mean score.
    unit : {"log-odds", "probability"}, optional
        Unit of a classifier's contributions; log-odds by default. "probability": the probability of
        ``output``, with method "shapley" only. Shapley values apply to any function; a probability is not an
        eigenvalue, so eigenvectors give no exact contributions to it.
    tol : float, optional
        "path" only, 1e-4 by default: bound on the error of every contribution, as a fraction of the
        predictions' spread (the largest prediction less the smallest, over rows and background, but at least
        1e-3 of the largest ``‖A(z) − A(r)‖₂``).
    exact : bool, optional
        "shapley" only. True: all 2^c coalitions of c ≤ 14 columns. False: sampled orders of the columns. By
        default exact up to 14 columns.
    max_evaluations : int, optional
        "shapley" only: maximum number of eigenvalues to compute. If exact values need more, they are replaced
        with sampled ones, with a warning; sampling uses the whole budget (without one, 32 orders and their
        reverses).
    random_state : int or numpy.random.Generator
        "shapley" only: seed of the sampled orders.

    Returns
    -------
    Attribution

    Raises
    ------
    TypeError
        If ``model`` is none of these; if it contains one of them, the message names it.
    ValueError
        If ``method`` is unknown, an option does not belong to it or is out of range, ``X`` or ``background``
        does not fit the model, or ``background`` has no rows; if ``exact=True`` and there are more than 14
        columns; if ``output`` or ``against`` is not a class of the model.

    Warns
    -----
    UserWarning
        If contributions may be one choice of several because λ_k is multiple at a row ("local") or along a
        path ("path"); if a budget replaces exact Shapley values with sampled ones.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> att = explain(Pencil(diag=[[0.0], [2.0], [-1.0]], off=[[], [], []], k=0), [[3.0, 4.0]])
    >>> att.values, att.base_values
    (array([[ 6., -4.]]), array([0.]))
    """
    if method not in METHODS:
        raise ValueError(f"expected method to be one of {', '.join(METHODS)}; got {method!r}")
    if tol is not None and method != "path":
        raise ValueError(f"expected tol only with method='path'; got {method!r}")
    if method != "shapley" and (exact is not None or max_evaluations is not None):
        raise ValueError(f"expected exact and max_evaluations only with method='shapley'; got {method!r}")
    options: dict[str, dict[str, Any]] = {
        "local": {},
        "path": {} if tol is None else {"tol": tol},
        "shapley": {"exact": exact, "max_evaluations": max_evaluations, "random_state": random_state},
    }
    raw = rows_of(model, X)
    if unit is not None:
        _check_unit(raw, method, unit, output, against)
    if isinstance(raw.view, ClassesView) and output is None and against is None:
        background = background if background is None else rows_of(model, background)
        if method == "shapley":
            options[method] = _shapley_plan(raw, background, **options[method])
        explained = partial(_explained, model, method=method, background=background, options=options[method])
        attribution = _of_predicted(raw, explained)
    else:
        attribution = _explained(
            *(model, raw, output, against),
            method=method,
            background=background,
            options=options[method],
            unit=unit,
        )
    if method == "local" and attribution.degenerate.any():
        warnings.warn(
            f"{int(attribution.degenerate.sum())} of {len(attribution)} rows are degenerate: the eigenvalue "
            "is multiple there, and contributions may be one choice of several (see Attribution.degenerate; "
            "Attribution.intervals() returns the range of all choices)",
            stacklevel=2,
        )
    return attribution


def _explained(
    model: Any,
    raw: Rows,
    output: Any,
    against: Any,
    *,
    method: str,
    background: Any,
    options: dict[str, Any],
    unit: str | None = None,
) -> Attribution:
    """Return the attribution of rows of one output."""
    rows = output_rows(model, raw, output, against)
    if unit == "probability":
        rows, options["game"] = probabilities(raw, rows, output)
    reference, description = background_of(model, rows, background)
    _check_memory(rows, method)
    parts = METHODS[method](rows, reference, **options)
    detail = partial(_detail, method, rows, reference, options)
    return Attribution.of(
        parts,
        rows,
        method=method,
        background=description,
        detail=detail,
        **_classes(raw, output, against),
        **_probability(raw, rows, output, unit),
    )


def explain_every_class(model: Any, X: Any) -> dict[Any, Attribution]:
    """Return the local contributions to the log-odds of every class against the mean of all classes.

    They equal ``explain(model, X, output=label)``. Each class's score is explained only once.

    Parameters
    ----------
    model : fitted classifier with more than two classes
    X : DataFrame or array_like, shape (n, columns), or Rows

    Raises
    ------
    ValueError
        If ``X`` does not fit the model, or the model does not have more than two classes.
    """
    raw = rows_of(model, X)
    if not isinstance(raw.view, ClassesView):
        raise ValueError(f"expected a model with more than two classes; got one for {raw.view.output.unit}")
    view, labels = raw.view, raw.view.output.classes
    views = [
        ModelView(
            function,
            view.axes,
            log_odds(view.output.target, label),
            view.background,
            view.background_name,
            view.pairs,
        )
        for label, function in zip(labels, view.functions, strict=True)
    ]
    scores = [local(replace(raw, view=own), view.background, members=True) for own in views]
    names = ["values", "base_values", "prediction", "diagonal", "coupling"]
    if scores[0].of_members is not None:
        names.append("of_members")
    means = {name: np.mean([getattr(score, name) for score in scores], axis=0) for name in names}
    shared: dict[str, Any] = dict.fromkeys(("base_diagonal", "base_coupling"))
    shared["degenerate"] = np.any([score.degenerate for score in scores], axis=0)
    contrasts = [
        replace(score, **{name: getattr(score, name) - means[name] for name in names}, **shared)
        for score in scores
    ]
    return {
        label: Attribution.of(
            replace(part, refit_deviation=None if part.of_members is None else deviation_of(part.of_members)),
            replace(raw, view=own),
            method="local",
            background=view.background_name,
            **_classes(raw, label, None),
            **_probability(raw, raw, label, None),
        )
        for label, own, part in zip(labels, views, contrasts, strict=True)
    }


def _check_unit(rows: Rows, method: str, unit: str, output: Any, against: Any) -> None:
    classes = rows.view.output.classes
    if unit not in UNITS:
        raise ValueError(f"expected unit to be one of {', '.join(UNITS)}; got {unit!r}")
    if not classes:
        raise ValueError(f"expected unit only for a model of classes; got {unit!r}")
    if unit == "probability" and method != "shapley":
        raise ValueError(
            f"expected method='shapley' with unit='probability'; got {method!r}, whose contributions come "
            "from eigenvectors and add up to log-odds"
        )
    if unit == "probability" and against is not None:
        raise ValueError("expected no against with unit='probability'; got one: a probability is against all")
    if unit == "probability" and len(classes) > 2 and output is None:
        raise ValueError(f"expected output, the class whose probability to explain, of {classes}; got none")
    if unit == "probability" and rows.view.output.paired:
        raise ValueError(
            "expected all classes of a model with unit='probability'; got log-odds between two of more"
        )


def _check_memory(rows: Rows, method: str) -> None:
    """Raise MemoryError if the contributions, their parts and those of members exceed the free memory."""
    n, c = len(rows), len(rows.view.axes)
    arrays = 4 + (0 if method == "local" else rows.view.function.neurons.n_members)
    check_memory(
        8 * n * c * arrays,
        f"contributions to {n:,} rows × {c:,} columns",
        "explain fewer rows at a time, or with explain_batches",
    )


def _shapley_plan(
    rows: Rows, background: Rows | None, *, exact: bool | None, max_evaluations: int | None, random_state: Any
) -> dict[str, Any]:
    """Return options by which all rows of several contrasts are treated alike, within one budget."""
    view = rows.view.of(*rows.view.output.classes[:2])
    sizes = len(rows), len(view.background if background is None else background), len(view.axes)
    groups = len(np.unique(_likeliest(rows), axis=0))
    exact, orders = planned(*sizes, len(view.function.neurons), exact, max_evaluations, groups=max(groups, 1))
    generated = isinstance(random_state, np.random.Generator)
    seed = int(random_state.integers(2**63)) if generated else random_state
    return {"exact": exact, "orders": orders, "random_state": seed}


def _likeliest(rows: Rows) -> IntArray:
    """Return the indices of the predicted class and of the runner-up for every row, (n, 2)."""
    return np.argsort(-rows.prediction, axis=1, kind="stable")[:, :2]


def _of_predicted(rows: Rows, explain_rows: Callable[..., Attribution]) -> Attribution:
    """Return the attribution of every row's predicted class against its runner-up."""
    classes, target = rows.view.output.classes, rows.view.output.target
    found = np.unique(_likeliest(rows), axis=0, return_inverse=True)
    pairs, group = found if len(rows) else ([(0, 1)], np.empty(0))
    places = [np.flatnonzero(group.ravel() == number) for number in range(len(pairs))]
    parts = [
        explain_rows(rows.take(at), classes[one], classes[other])
        for at, (one, other) in zip(places, pairs, strict=True)
    ]
    unit = f"log-odds of {target}, the predicted class against the runner-up"
    return Attribution.joined(parts, places, unit)


def _classes(rows: Rows, output: Any, against: Any) -> dict[str, Any]:
    """Return the explained class and the class against it, for a model of several classes."""
    if not isinstance(rows.view, ClassesView):
        return {}
    classes = np.array([*rows.view.output.classes, None], dtype=object)
    own = rows.view.output.place(output, "output")
    other = -1 if against is None else rows.view.output.place(against, "against")
    return {
        "output": np.repeat(classes[[own]], len(rows)),
        "against": np.repeat(classes[[other]], len(rows)),
    }


def _probability(raw: Rows, rows: Rows, output: Any, unit: str | None) -> dict[str, Any]:
    """Return the probability of the class whose log-odds are explained; empty if there is none."""
    classes = raw.view.output.classes
    if unit == "probability" or not classes or raw.view.output.paired:
        return {}
    if len(classes) == 2:
        return {"probability": expit(rows.prediction)}
    own = raw.view.output.place(output, "output")
    return {"probability": softmax(raw.prediction, axis=1)[:, own]}


def _detail(
    method: str, rows: Rows, reference: FloatArray, options: dict[str, Any], name: str
) -> FloatArray | None:
    """Return a :data:`~.result.Detail` without warnings; None if the method does not have it."""
    if name == "intervals":
        return intervals(rows, reference) if method == "local" else None
    if name == "of_members":
        return local(rows, reference, members=True).of_members if method == "local" else None
    if method == "shapley" or rows.view.function.structure == "dense":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the method has returned them already
        found: FloatArray | None = getattr(METHODS[method](rows, reference, **options, detailed=True), name)
        return found
