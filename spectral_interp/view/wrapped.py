"""The spectral model inside scikit-learn's pipelines and searches, and the steps before it.

A fitted search predicts with its best estimator, and a pipeline with its last step on transformed columns.
The explanation of that step is exact. Wrappers that average, rescale or transform predictions are refused.
Wrappers are recognised by their attributes, so they need no imports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from ..pencil import SpectralFunction
from .axes import Axis

INNER = ("regressor_", "estimators_", "calibrated_classifiers_", "estimator_", "estimator")
"""Attributes in which other wrappers store their models."""


def unwrapped(model: Any) -> tuple[Any, list[Any]]:
    """Return the model that predicts, and the transformers before it.

    Parameters
    ----------
    model : fitted estimator or SpectralFunction, Pipeline that ends with one, or fitted search over these

    Raises
    ------
    TypeError
        If ``model`` is none of these. The message names a spectral model inside, if there is one.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> pencil = Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0)
    >>> unwrapped(pencil) == (pencil, [])
    True
    """
    if isinstance(model, SpectralFunction) or _is_spectral(model):
        return model, []
    if hasattr(model, "best_estimator_"):
        return unwrapped(model.best_estimator_)
    if hasattr(model, "steps") and hasattr(model, "named_steps"):
        *before, last = (step for _, step in model.steps)
        inner, further = unwrapped(last)
        steps = [*(step for step in before if step not in (None, "passthrough")), *further]
        for step in steps:
            if not hasattr(step, "transform"):
                raise TypeError(
                    f"expected transformers before the spectral model of a pipeline; got "
                    f"{type(step).__name__}, which has no transform; pass the last step and its rows"
                )
        return inner, steps
    raise TypeError(_refusal(model))


def _is_spectral(model: Any) -> bool:
    return hasattr(model, "build_view") and not isinstance(model, type)


def _refusal(model: Any) -> str:
    text = (
        "expected a fitted spectral estimator, a Pencil, a pipeline that ends with one or a fitted search; "
        f"got {type(model).__name__}"
    )
    if hasattr(model, "cv_results_"):
        return f"{text} without best_estimator_; search with refit=True"
    inside = next((path for path in _paths(model, "model", 3)), None)
    return text if inside is None else f"{text}, which changes or combines predictions; pass {inside}"


def _paths(model: Any, path: str, depth: int) -> Iterator[str]:
    """Yield the expressions for spectral models inside."""
    for name in INNER if depth else ():
        found: Any = getattr(model, name, None)
        listed = isinstance(found, list | tuple | np.ndarray)
        inner = next(iter(np.ravel(np.array(found, dtype=object))), None) if listed else found
        if inner is None or inner is model:
            continue
        there = f"{path}.{name}[0]" if listed else f"{path}.{name}"
        try:
            spectral, _ = unwrapped(inner)
        except TypeError:
            yield from _paths(inner, there, depth - 1)
        else:
            if hasattr(spectral, "module_"):  # not an unfitted template
                yield there


def transformed(X: Any, steps: Sequence[Any]) -> Any:
    """Return the rows ``X`` after the transformers."""
    for step in steps:
        X = step.transform(X)
    return X


def renamed(axes: tuple[Axis, ...], steps: Sequence[Any]) -> tuple[Axis, ...]:
    """Return the axes with the column names that the transformers output.

    A model that was fitted on an array has the columns x0, x1, ….
    """
    names: Any = None
    for step in steps:
        with suppress(AttributeError, ValueError, TypeError):  # some transformers give no names
            names = step.get_feature_names_out(names)
            continue
        names = None
    called = {f"x{i}": str(name) for i, name in enumerate(() if names is None else names)}
    found = [called.get(axis.name, axis.name) for axis in axes]
    if len(set(found)) < len(found):
        return axes
    return tuple(replace(axis, name=name) for axis, name in zip(axes, found, strict=True))  # type: ignore[type-var]
