"""The goal of a counterfactual: functions that must not be negative, and the check of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from .._common.arrays import FloatArray
from .._common.messages import shown, truncated_list
from .._common.text import class_text, number
from ..pencil import DensePencil, Pencil, SpectralFunction, Total
from ..view import ClassesView, ModelView, Rows, output_rows, rows_of


@dataclass(frozen=True, eq=False)
class Goal:
    """The goal of a counterfactual.

    Attributes
    ----------
    view : ModelView
        View of the model, or of the output that a numeric target refers to.
    conditions : tuple of ModelView
        Their functions must not be negative.
    ends : tuple of float
        Ends of the interval for a number; none for a class.
    label : object
        The class that must be predicted; None for a number.
    prediction : float
    unit, now, target : str
    """

    view: ModelView
    conditions: tuple[ModelView, ...]
    ends: tuple[float, ...]
    label: Any
    prediction: float
    unit: str
    now: str
    target: str

    def met(self, seen: Any) -> bool:
        """Return whether the output of ``predict`` is the target; a view has no ``predict``."""
        if seen is None:
            return True
        return bool(self.ends[0] <= seen <= self.ends[1]) if self.ends else bool(seen == self.label)

    def seen(self, model: Any, frame: Any) -> Any:
        """Return the prediction of a model for one row: a number, or a class."""
        if not self.ends:
            return model.predict(frame)[0]
        return self.value_of(rows_of(model, frame).z)

    def value_of(self, z: FloatArray) -> float:
        """Return the number at features (1, p)."""
        return float(self.view.values(z)[0])

    def reached(self, rows: Rows, u: FloatArray) -> float:
        """Return the prediction at coordinates (c,); with several classes, that of the least condition."""
        z = rows.view.placed(u[None])
        if isinstance(self.view, ClassesView):
            return float(min(view.values(z)[0] for view in self.conditions))
        return self.value_of(z)


def goal_of(est: Any, row: Any, target: Any, output: Any, against: Any) -> tuple[Goal, Rows]:
    """Return the goal for a row, and the row.

    Raises
    ------
    ValueError
        If it is not one row, or the target is invalid or already met.
    """
    rows = rows_of(est, row)
    if len(rows) != 1:
        raise ValueError(f"expected one row; got {len(rows)}")
    classes = rows.view.output.classes
    if output is not None or against is not None or not classes:
        rows = output_rows(est, row, output, against)
        return _number_goal(rows, target), rows
    return _class_goal(rows, target), rows


def _number_goal(rows: Rows, target: Any) -> Goal:
    view, f = rows.view, float(rows.prediction[0])
    low, high = _ends(target, f)
    views = []
    if low > -np.inf:
        views.append(replace(view, function=shifted(view.function, -low)))
    if high < np.inf:
        views.append(replace(view, function=shifted(-view.function, high)))
    unit = view.output.unit
    texts = [f"at least {number(low)}"] * (low > -np.inf) + [f"at most {number(high)}"] * (high < np.inf)
    return Goal(view, tuple(views), (low, high), None, f, unit, f"{number(f)} ({unit})", " and ".join(texts))


def _ends(target: Any, f: float) -> tuple[float, float]:
    """Return the ends of the interval in which a prediction f must be."""
    pair = isinstance(target, tuple | list) and len(target) == 2
    ends = list(target) if pair else [target]
    if any(
        isinstance(end, bool) or not isinstance(end, Real) or end != end for end in ends if end is not None
    ) or ends in ([None], [None, None]):
        raise ValueError(
            f"expected target to be a number, or (low, high) with None for an open end; got {shown(target)}"
        )
    if not pair:
        if not np.isfinite(ends[0]):
            raise ValueError(f"expected a finite target; got {shown(target)}")
        if ends[0] == f:
            raise ValueError(
                f"expected a target that the row does not meet already; got {shown(target)}, its prediction"
            )
        return (float(ends[0]), np.inf) if f < ends[0] else (-np.inf, float(ends[0]))
    low = -np.inf if ends[0] is None else float(ends[0])
    high = np.inf if ends[1] is None else float(ends[1])
    if not low < high:
        raise ValueError(f"expected a target (low, high) with low < high; got {shown(target)}")
    if low <= f <= high:
        raise ValueError(
            f"expected a target that the row does not meet already; got {shown(target)}, with {number(f)}"
        )
    return low, high


def _class_goal(rows: Rows, target: Any) -> Goal:
    view, classes = rows.view, rows.view.output.classes
    values = np.atleast_1d(rows.prediction[0])
    now = int(values[0] > 0) if len(classes) == 2 else int(values.argmax())
    if target is None and len(classes) > 2:
        raise ValueError(f"expected target, a class: {truncated_list(map(shown, classes))}; got none")
    place = 1 - now if target is None else view.output.place(target, "target")
    if place == now:
        raise ValueError(f"expected a target other than the predicted class; got {shown(target)}")
    conditions: Sequence[ModelView]
    if len(classes) == 2:
        conditions = [view if place == 1 else replace(view, function=-view.function)]
        prediction = float(values[0])
    else:
        conditions = [view.of(classes[place], other) for at, other in enumerate(classes) if at != place]
        prediction = float(values[place] - values.max())
    unit = view.output.unit
    return Goal(
        view,
        tuple(conditions),
        (),
        classes[place],
        prediction,
        unit,
        class_text(classes[now]),
        class_text(classes[place]),
    )


def shifted(function: SpectralFunction, by: float) -> SpectralFunction:
    """Return a function and a constant: ``λ_k(A + c I) = λ_k(A) + c``.

    Examples
    --------
    >>> shifted(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0), 5.0).values([[1.0]])
    array([7.])
    """
    if isinstance(function, Total):
        at = int(np.flatnonzero(function.weights)[0])
        pencils = list(function.pencils)
        pencils[at] = shifted(pencils[at], by / function.weights[at])  # type: ignore[call-overload]
        return Total(pencils, function.weights, function.member)
    if isinstance(function, DensePencil):
        matrices = function.matrices.copy()
        matrices[0] += by * np.eye(function.dim)
        return DensePencil(matrices, function.k)
    if not isinstance(function, Pencil):
        raise TypeError(f"expected a pencil or a total; got {type(function).__name__}")
    diag = function.diag.copy()
    diag[0] += by
    return Pencil(diag, function.off, function.k)
