"""Data of the panel in addition to the model: names, typical values, initial rows, distributions, bands."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from .._common.arrays import FloatArray, spread
from .._common.text import class_text, counted, row_text, visible
from ..certificates.contributions import Move
from ..nearest.allowed import has_whole_values
from ..view import Axis, ClassesView, DateAxis, LevelsAxis, ModelView, NumberAxis, Rows
from ..view.dates import dates_of
from ..view.rows import Coordinates
from .model import model_data

CELLS = 20_000
"""Approximate maximum number of cells of the initial rows in a page."""

FIRST = 12
"""Number of strongest columns that are visible at once and have proven bands."""

BINS, POINTS = 24, 33
"""Number of bars of a distribution, and minimum number of values of a number with a proven band."""

SCRIPTS = ("model.js", "nearest.js", "whatif.js")
"""Assets that a page runs, in order."""

BANDED_CLASSES = 6
"""Maximum number of classes with bands."""


def panel_data(rows: Rows, order: Sequence[str], *, target: str, start: int) -> dict[str, Any]:
    """Return the data of the panel, including the model, as plain values.

    Parameters
    ----------
    rows : Rows
        Initial rows, for the model with all its outputs.
    order : sequence of str
        Names of the columns, the strongest first.
    target : str
        Name of the target.
    start : int
        Position of the row that the panel shows first.

    Raises
    ------
    TooLarge
        If the model does not fit into a page: see :func:`.model.model_data`.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> from spectral_interp.view import rows_of
    >>> rows = rows_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0), [[1.0], [3.0]])
    >>> data = panel_data(rows, ["z0"], target="y", start=1)
    >>> data["start"], data["rows"]["values"], data["columns"][0]["typical"]
    (1, [[1.0, 3.0]], 1.0)
    """
    view = rows.view
    model = model_data(view)
    kept = spread(len(rows), max(50, CELLS // len(view.axes)))
    u = rows.encoded.u if isinstance(rows.encoded, Coordinates) else view.coordinates(rows.z)
    cells = [_cells(axis, rows.data[:, at], u[:, at]) for at, axis in enumerate(view.axes)]
    drawn = u if len(rows) > len(view.background) else view.coordinates(view.background)
    source = f"the {counted(len(rows), 'explained row')}" if drawn is u else view.background_name
    places = [view.columns.index(name) for name in order]
    banded = [view.axes[place] for place in places[:FIRST]]
    return {
        "model": model,
        "target": visible(target),
        "unit": visible(view.output.unit),
        "classes": [visible(class_text(label)) for label in view.output.classes],
        "background": view.background_name,
        "source": source,
        "order": places,
        "first": FIRST,
        "columns": [
            _column(axis, own, given) | {"integral": has_whole_values(view, axis)}
            for axis, own, given in zip(view.axes, drawn.T, cells, strict=True)
        ],
        "bands": {view.columns.index(axis.name): bands(view, axis, drawn) for axis in banded},
        "rows": {
            "labels": [row_text(rows.labels[at]) for at in kept],
            "values": [[given[at] for at in kept] for given in cells],
        },
        "start": int(np.abs(kept - start).argmin()),
    }


def _cells(axis: Axis, values: Any, u: FloatArray) -> list[Any]:
    """Return the values of a column for JavaScript: numbers, positions of levels, days, or None."""
    if isinstance(axis, LevelsAxis):
        return [None if np.isnan(place) else int(place) for place in u]
    exact = axis.drawn(u) if isinstance(axis, DateAxis) else _numbers(axis, values, u)
    return [None if np.isnan(value) else float(value) for value in exact]


def _numbers(axis: Axis, values: Any, u: FloatArray) -> FloatArray:
    """Return numbers as in the table, or from their coordinates if the table has text."""
    try:
        given = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.full(len(u), np.nan)
    with np.errstate(over="ignore"):
        return np.where(np.isnan(u), np.nan, np.where(np.isfinite(given), given, axis.values(u)))


def _column(axis: Axis, u: FloatArray, cells: list[Any]) -> dict[str, Any]:
    """Return the display data of a column."""
    found: dict[str, Any] = {"title": visible(axis.name)}
    known = u[~np.isnan(u)]
    if isinstance(axis, LevelsAxis):
        shares = np.array(axis.shares)
        return found | {
            "levels": [visible(level) for level in axis.levels],
            "typical": int(shares.argmax()) if len(shares) else None,
            "bars": _short(shares),
        }
    low, high = extent(axis, known)
    middle = float(np.quantile(known, 0.5, method="lower")) if len(known) else (low + high) / 2
    given = [cell for cell in cells if cell is not None]
    counts, _ = np.histogram(known.clip(low, high), bins=BINS, range=(low, high))
    typical = float(axis.drawn(np.array([middle]))[0])
    nearest = min(given, key=lambda value: abs(value - typical), default=typical)
    return found | {
        "low": low,
        "high": high,
        "whole": bool(given) and all(float(value).is_integer() for value in given),
        "typical": nearest if abs(nearest - typical) <= 1e-9 * max(1.0, abs(typical)) else typical,
        "bars": _short(counts / max(counts.max(), 1)),
    }


def _short(heights: FloatArray) -> list[float]:
    """Return heights of bars, rounded to visible digits."""
    return [round(height, 4) for height in heights.tolist()]


def extent(axis: Axis, known: FloatArray) -> tuple[float, float]:
    """Return the limits of a column as coordinates: its range in training, or in the data if unknown."""
    ends = np.array([])
    if isinstance(axis, DateAxis):
        ends = (np.array([axis.first, axis.last]) - axis.mean) / axis.scale
    elif isinstance(axis, NumberAxis) and axis.low is not None and axis.high is not None:
        ends = axis.coordinates([axis.low, axis.high])
    elif len(known):
        ends = np.array([known.min(), known.max()])
    low, high = map(float, ends) if len(ends) and np.isfinite(ends).all() else (-3.0, 3.0)
    return (low, high) if low < high else (low - 1.0, high + 1.0)


def bands(view: ModelView, axis: Axis, u: FloatArray) -> dict[str, Any] | None:
    """Return bounds on the change of each output when a column leaves its typical value, at some values.

    The bounds hold for any values of the other columns; the theorem is in
    :mod:`..certificates.contributions`. With several classes, the outputs are the log-odds of every class
    against the mean of all classes. The result is None if there are too many classes.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> from spectral_interp.view import view_of
    >>> view = view_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0))
    >>> found = bands(view, view.axes[0], np.array([[-1.0], [0.0], [1.0]]))
    >>> found["at"][::16], np.round(found["ends"][0][1][::16], 9).tolist()
    ([-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0])
    """
    place = view.columns.index(axis.name)
    outputs = [view]
    if isinstance(view, ClassesView):
        if len(view.functions) > BANDED_CLASSES:
            return None
        outputs = [view.of(label) for label in view.output.classes]
    known = u[:, place][~np.isnan(u[:, place])]
    at, start = _places(axis, known)
    row = np.zeros((1, len(view.features)))
    row[:, view.own(axis.name)] = axis.place(np.array([start]))
    moves = [Move(output, axis.name, row, halved=False).ranges(axis.place(at)) for output in outputs]
    return {"at": at.tolist(), "from": start, "ends": [[end.tolist() for end in ends] for ends in moves]}


def _places(axis: Axis, known: FloatArray) -> tuple[FloatArray, float]:
    """Return the coordinates at which a band is proven, including the typical one, and the typical one."""
    if isinstance(axis, LevelsAxis):
        return np.arange(len(axis.levels), dtype=np.float64), float(np.argmax(axis.shares))
    low, high = extent(axis, known)
    start = float(np.quantile(known, 0.5, method="lower")) if len(known) else (low + high) / 2
    inside = [knot for knot in axis.knots if low < knot < high] if len(axis.knots) <= POINTS else []
    even = np.linspace(low, high, POINTS)
    if isinstance(axis, DateAxis):
        even = axis.coordinates(dates_of(axis.drawn(even), time=axis.time))
    return np.unique([*even, *inside, start]), start


def asset(name: str) -> str:
    """Return the text of an asset of the panel, such as ``"panel.html"``.

    Examples
    --------
    >>> asset("model.js").startswith('"use strict"')
    True
    """
    return (files("spectral_interp.whatif") / "assets" / name).read_text(encoding="utf-8")
