"""Largest change of predictions as one column alone changes: anywhere, and at given rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._common.arrays import FloatArray
from .._common.markup import block, sentences
from .._common.text import at_most, counted, number
from ..boxes.ranges import range_in
from ..view import LevelsAxis, ModelView, NumberAxis, Rows
from .slopes import Response


@dataclass(frozen=True, eq=False)
class Spread:
    """Largest change of predictions as one column alone changes.

    Attributes
    ----------
    column : str
    most : float
        Bound of the change for any values of the other columns.
    per_row : ndarray, shape (n,)
        Largest difference between predictions of a row: exact for levels, a proven bound for numbers.
    unit : str
    limits : tuple of float, optional
        Numbers between which the column changes: its range in training. None for levels.
    """

    column: str
    most: float
    per_row: FloatArray
    unit: str
    limits: tuple[float, float] | None = None

    def _repr_html_(self) -> str:
        return block(sentences(str(self)))

    def __str__(self) -> str:
        most = f"{at_most(self.most)} ({self.unit})"
        between = f" between {number(self.limits[0])} and {number(self.limits[1])}" if self.limits else ""
        moves = f"Changing {self.column} alone{between} moves no prediction by more than {most}"
        if not len(self.per_row):
            return f"{moves}."
        largest, mean = at_most(float(self.per_row.max())), at_most(float(self.per_row.mean()))
        rows = counted(len(self.per_row), "given row")
        return f"{moves}. For the {rows} it is at most {largest}, on average at most {mean}."


def spread_of(view: ModelView, rows: Rows, name: str, *, rtol: float, max_evaluations: int) -> Spread:
    """Return the largest change of predictions as one column changes; see :meth:`Certificate.spread`.

    Raises
    ------
    ValueError
        If there is no such column, it has dates, or its range in training is unknown.
    """
    axis = view.axis(name)
    if isinstance(axis, LevelsAxis):
        most = float(Response(view, axis).bounds.high.max())
        return Spread(name, most, _between_levels(view, rows, axis), view.output.unit)
    if not isinstance(axis, NumberAxis) or axis.low is None or axis.high is None:
        raise ValueError(
            f"expected a column of levels, or of numbers with a known range in training; got {name!r}"
        )
    limits = axis.low, axis.high
    found = [
        range_in(view, {name: limits}, rows.take([at]), rtol=rtol, max_evaluations=max_evaluations)
        for at in range(len(rows))
    ]
    per_row = np.array([one.high - one.low for one in found])
    return Spread(name, _within_training(view, axis), per_row, view.output.unit, limits)


def _between_levels(view: ModelView, rows: Rows, axis: LevelsAxis) -> FloatArray:
    """Return the largest difference of predictions between levels of a column: shape (n,)."""
    own, found = view.own(axis.name), []
    for features in axis.place(np.arange(len(axis.levels), dtype=np.float64)):
        z = rows.z.copy()
        z[:, own] = features
        found.append(view.function.values(z))
    return np.ptp(np.array(found), axis=0)


def _within_training(view: ModelView, axis: NumberAxis) -> float:
    """Return the largest change of f between two numbers of the training range.

    Its rise from one number to another is at most the sum of the largest rises on all segments; likewise its
    fall.
    """
    bounds = Response(view, axis).bounds
    low, high = axis.coordinates(np.array([axis.low, axis.high], dtype=np.float64))
    width = np.diff(np.clip([low, *axis.knots[1:-1], high], low, high))
    return float(max(width @ bounds.high.clip(0.0), width @ (-bounds.low).clip(0.0)))
