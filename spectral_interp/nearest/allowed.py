"""Permitted changes of the columns of a row: limits, directions and defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .._common.arrays import FloatArray
from .._common.messages import shown
from ..boxes.limits import Free, FreeLevels, FreeNumber, Span, anywhere, limited
from ..boxes.ranges import unknown_gap
from ..view import Axis, LevelsAxis, ModelView, NumberAxis, Rows
from ..view.axes import MISSING
from ..view.levels import OTHER
from .moves import FreeWhole, contains

WHOLE = 1e-6
"""Relative difference from whole numbers that encoding may cause."""

ROUNDED = 1e-9
"""Relative rounding error of coordinates that come from features."""


def allowed_columns(
    view: ModelView,
    start: FloatArray,
    rows: Rows,
    fixed: Any,
    limits: Mapping[str, Any] | None,
    directions: Mapping[str, int] | None,
) -> list[Free]:
    """Return the columns that may change from a row (c,), each with its permitted set.

    Raises
    ------
    ValueError
        If names, limits or directions do not fit the model or the row, or no column may change.
    """
    for name, given in (("limits", limits), ("directions", directions)):
        if given is not None and not isinstance(given, Mapping):
            raise ValueError(f"expected {name} by column, such as {{'income': …}}; got {shown(given)}")
    limits, directions = limits or {}, directions or {}
    if not isinstance(fixed, Iterable):
        raise ValueError(f"expected fixed to be names of columns that must not change; got {shown(fixed)}")
    still = {view.axis(name).name for name in ([fixed] if isinstance(fixed, str) else fixed)}
    for name in (*limits, *directions):
        if view.axis(name).name in still:
            raise ValueError(f"expected {name!r} either in fixed or in limits and directions; got both")
    found = []
    for place, axis in enumerate(view.axes):
        if axis.name in still:
            continue
        if unknown_gap(rows, place):
            if axis.name in limits or axis.name in directions:
                raise ValueError(f"expected a value of {axis.name!r} in the row, as it may change; got a gap")
            continue
        u = float(start[place])
        column = _of(view, place, axis, u, limits)
        if not contains(column.whole, u):
            raise ValueError(
                f"expected a row within the limits of {axis.name!r}; got {shown(rows.data[0][place])}, with "
                f"limits {shown(limits[axis.name])}"
                + ("; None among them allows a gap" if np.isnan(u) else "")
            )
        column = _whole(view, column, u)
        if axis.name in directions:
            column = _one_way(column, directions[axis.name], u)
        if _moves(column):
            found.append(column)
    if not found:
        raise ValueError(
            "expected a column that may change; got none: all are fixed or limited to the row's value"
        )
    return found


def _of(view: ModelView, place: int, axis: Axis, u: float, limits: Mapping[str, Any]) -> Free:
    """Return a column with the set that its limits, or the training table, allow."""
    if axis.name in limits:
        return _snapped(limited(place, axis, limits[axis.name]), u)
    if isinstance(axis, LevelsAxis):
        own = [float(at) for at, level in enumerate(axis.levels) if level not in (OTHER, MISSING) and at != u]
        return FreeLevels(place, axis, (u, *own))
    if np.isnan(u):
        return FreeNumber(place, axis, Span(0.0, 0.0, gap=True, value=False))
    if isinstance(axis, NumberAxis) and (axis.low is None or axis.high is None):
        raise ValueError(f"expected limits of {axis.name!r}, as its range in training is unknown; got none")
    column = anywhere(place, axis)
    low, high, *_ = column.whole
    whole = Span(min(low, u), max(high, u))
    first, last = column.ends
    value = axis.values(np.array([u]))[0]
    ends = value if u < low else first, value if u > high else last
    return replace(column, whole=whole, ends=ends)


def _snapped(column: Free, u: float) -> Free:
    """Return a column whose interval includes a coordinate that is outside only by rounding."""
    part = column.whole
    slack = ROUNDED * (1 + abs(u))
    if isinstance(part, Span) and part.value and part.low - slack <= u <= part.high + slack:
        return replace(column, whole=part._replace(low=min(part.low, u), high=max(part.high, u)))
    return column


def _whole(view: ModelView, column: Free, u: float) -> Free:
    """Return a column as a column of whole numbers if it is one and the row's number is whole."""
    axis, whole = column.axis, column.whole
    if not isinstance(column, FreeNumber) or not isinstance(axis, NumberAxis) or np.isnan(u):
        return column
    if not (has_whole_values(view, axis) and _all_whole(axis.values(np.array([u])))):
        return column
    ends = np.asarray(axis.values(np.array([whole.low, whole.high])), dtype=np.float64)
    slack = WHOLE * np.maximum(1.0, np.abs(ends))
    ends = np.array([np.ceil(ends[0] - slack[0]), np.floor(ends[1] + slack[1])])
    low, high = axis.coordinates(ends).tolist()
    part = whole._replace(low=min(low, u), high=max(high, u))
    return FreeWhole(column.place, axis, part, tuple(ends.tolist()))


def has_whole_values(view: ModelView, axis: Axis) -> bool:
    """Return whether a column has only whole numbers in the background and at the ends of training.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> from spectral_interp.view.model import view_of
    >>> view = view_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0))
    >>> has_whole_values(view, view.axes[0])  # the range in training is not known
    False
    """
    if not isinstance(axis, NumberAxis) or axis.low is None or axis.high is None:
        return False
    seen = axis.decode(view.background[:, view.own(axis.name)])
    return _all_whole(np.array([*seen[~np.isnan(seen)], axis.low, axis.high]))


def _all_whole(values: FloatArray) -> bool:
    return bool((np.abs(values - np.rint(values)) <= WHOLE * np.maximum(1.0, np.abs(values))).all())


def _one_way(column: Free, sign: Any, u: float) -> Free:
    """Return a number or date that may only rise (1) or fall (-1)."""
    name = column.axis.name
    if isinstance(sign, bool) or sign not in (1, -1):
        raise ValueError(
            f"expected directions to be 1 (only up) or -1 (only down); got {shown(sign)} for {name!r}"
        )
    if isinstance(column, FreeLevels):
        raise ValueError(
            f"expected directions of numbers and dates; got {name!r}, a column of levels; list those allowed "
            "in limits"
        )
    if np.isnan(u):
        return column
    part = column.whole
    value = column.axis.values(np.array([u]))[0]
    first, last = column.ends
    if sign > 0:
        return replace(column, whole=part._replace(low=u), ends=(value, last))
    return replace(column, whole=part._replace(high=u), ends=(first, value))


def _moves(column: Free) -> bool:
    whole = column.whole
    if isinstance(whole, Span):
        return whole.value and (whole.gap or whole.low < whole.high)
    return len(whole) > 1
