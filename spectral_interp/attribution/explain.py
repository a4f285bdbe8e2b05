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
        A pipeline that ends with such an estimator is explained on the columns that its earlier steps make of
        X; a fitted search by its best estimator.
    X : DataFrame or array_like, shape (n, columns), or Rows
    method : {"local", "path", "shapley"}
        "local": eigenvector-weighted contributions, exact, one eigenpair a row; they add up to the prediction
        from a base value of the row's own.

        "path": Aumann–Shapley contributions along straight lines from the background rows, averaged over them
        (integrated and expected gradients), whose sum is exact.

        "shapley": interventional Shapley values. The players are columns: the value of a column of several
        features is not the sum of what these would get as players of their own.
    background : DataFrame or array_like, shape (b, columns), optional
        Rows that contributions are measured against ("local" takes their mean, in features). By default the
        estimator's ``background_``; the origin for a pencil.
    output : label, optional
        Class whose log-odds are explained. Of two classes, by default the positive one. Of more classes, by
        default the predicted class of every row, against its runner-up; :attr:`Attribution.output` and
        ``against`` tell which these are.
    against : label, optional
        Class that the log-odds of ``output`` are against. Of more than two classes, by default the mean of
        all of them: the score of the class less the mean score.
    unit : {"log-odds", "probability"}, optional
        Of classes, log-odds by default. "probability": the probability of ``output``, with method "shapley"
        only. Shapley values share out any function exactly; a probability is no eigenvalue, so that
        eigenvectors say nothing exact about it.
    tol : float, optional
        "path" only, 1e-4 by default: bound on the error of every contribution, as a fraction of the
        predictions' spread (the largest less the smallest over rows and background, but at least 1e-3 of the
        largest ``‖A(z) − A(r)‖₂``).
    exact : bool, optional
        "shapley" only. True: all 2^c coalitions of c ≤ 14 columns. False: sampled orders of the columns. By
        default exact up to 14 columns.
    max_evaluations : int, optional
        "shapley" only: most eigenvalues to compute. Exact values that would need more become sampled ones,
        with a warning; sampling uses the whole budget (without one, 32 orders and their reverses).
    random_state : int or numpy.random.Generator
        "shapley" only: of the sampled orders.

    Returns
    -------
    Attribution

    Raises
    ------
    TypeError
        If ``model`` is none of these; the message says which object to pass where there is one inside.
    ValueError
        If ``method`` is unknown, an option does not belong to it or is out of range, ``X`` or ``background``
        do not fit the model, ``background`` has no rows, or ``exact=True`` with more than 14 columns; if
        ``output`` or ``against`` is no class of the model.

    Warns
    -----
    UserWarning
        If contributions are one choice of several, because λ_k is multiple at a row ("local") or along a
        path ("path"); if a budget cuts exact Shapley values to sampled ones.

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
            "is multiple there and contributions are one choice of several (see Attribution.degenerate; "
            "Attribution.intervals() has the range of all choices)",
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
    """Return, for every class, the local contributions to its log-odds against the mean of all classes.

    They equal ``explain(model, X, output=label)``, at the cost of one explanation of each score.

    Parameters
    ----------
    model : fitted classifier of more than two classes
    X : DataFrame or array_like, shape (n, columns), or Rows

    Raises
    ------
    ValueError
        If ``X`` does not fit the model, or the model is none of more than two classes.
    """
    raw = rows_of(model, X)
    if not isinstance(raw.view, ClassesView):
        raise ValueError(f"expected a model of more than two classes; got one of {raw.view.output.unit}")
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
    """Raise MemoryError if contributions of rows, in their parts and by member, need more than there is."""
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
    """Return options that treat all rows of several contrasts alike, within one budget."""
    view = rows.view.of(*rows.view.output.classes[:2])
    sizes = len(rows), len(view.background if background is None else background), len(view.axes)
    groups = len(np.unique(_likeliest(rows), axis=0))
    exact, orders = planned(*sizes, len(view.function.neurons), exact, max_evaluations, groups=max(groups, 1))
    generated = isinstance(random_state, np.random.Generator)
    seed = int(random_state.integers(2**63)) if generated else random_state
    return {"exact": exact, "orders": orders, "random_state": seed}


def _likeliest(rows: Rows) -> IntArray:
    """Return the places of the predicted class and of the runner-up at rows of several classes, (n, 2)."""
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
    """Return the class that rows are explained for and the one against it, where there are several."""
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
    """Return the probability of the class whose log-odds are explained, where it is no explained number."""
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
    """Return what :data:`~.result.Detail` names, without warnings; None where the method does not have it."""
    if name == "intervals":
        return intervals(rows, reference) if method == "local" else None
    if name == "of_members":
        return local(rows, reference, members=True).of_members if method == "local" else None
    if method == "shapley" or rows.view.function.structure == "dense":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the method has given them already
        found: FloatArray | None = getattr(METHODS[method](rows, reference, **options, detailed=True), name)
        return found
