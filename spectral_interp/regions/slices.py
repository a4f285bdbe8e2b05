"""Slices through a model: all eigenvalues along one column; predictions and latents over two columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray, check_index
from ..pencil import MatrixPencil, Pencil
from ..view import Axis, ModelView, Rows, output_rows
from .boundaries import plane_boundaries
from .pieces import active_latents, banded, of_neuron

POINTS, GRID = 401, 121
"""Number of values along a line, and along each side of a plane."""

GOLDEN = (5**0.5 - 1) / 2

CURVED = 33
"""Number of points of a boundary that is straight in a column's logarithm and curved in its unit."""


@dataclass(frozen=True, eq=False)
class SpectrumSlice:
    """All eigenvalues along one column, the others fixed at one row. Build it with :func:`slice_spectrum`.

    Attributes
    ----------
    axis : Axis
        The column.
    x : ndarray, shape (m,)
        Values in the column's unit, ascending; dates as datetime64, levels as text.
    spectra : ndarray, shape (m, d)
        Ascending at every value, in ``unit``.
    k : int
        Index of the eigenvalue that is the prediction.
    gap : ndarray, shape (m,)
        Distance from the prediction to the nearest other eigenvalue; inf if d = 1.
    crossing : ndarray of bool, shape (m,)
        True at local minima of the distance to a neighbour: avoided crossings, or true crossings if the gap
        is zero.
    here : float, datetime64, str or None
        The row's own value; None if it is missing, or a level that was not in training.
    unit : str
    row : object
        Label of the row.
    which : str
        Description of the dates, such as "every Wed", if those between them are omitted; otherwise empty.
    neuron : int or None
        Index of the neuron of a sum; None for a model of one neuron.
    """

    axis: Axis
    x: npt.NDArray[Any]
    spectra: FloatArray
    k: int
    gap: FloatArray
    crossing: npt.NDArray[np.bool_]
    here: Any
    unit: str
    row: Any
    which: str = ""
    neuron: int | None = None


@dataclass(frozen=True, eq=False)
class PlaneSlice:
    """Predictions over two columns, the others fixed at one row. Build it with :func:`slice_plane`.

    Attributes
    ----------
    axes : tuple of two Axis
    x, y : ndarray, shapes (a,) and (b,)
        Values in the columns' units, ascending; dates as datetime64.
    values : ndarray, shape (b, a)
        ``values[j, i]`` is the prediction at ``x[i], y[j]``, in ``unit``.
    active_latent : ndarray of int, shape (b, a), or None
        Active latents of the skeleton; None for sums, which have no skeleton.
    boundaries : list of ndarray, shape (points, 2)
        All lines on which the active latent of the skeleton changes, exactly, in the columns' units. Dates
        are days since 1970-01-01. Empty for sums, and if one of the two columns has knots or is in a pair.
    here : tuple of float or None
        The row's own values; None if one is missing.
    unit : str
    row : object
        Label of the row.
    """

    axes: tuple[Axis, Axis]
    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    values: FloatArray
    active_latent: IntArray | None
    boundaries: list[FloatArray]
    here: tuple[Any, Any] | None
    unit: str
    row: Any


def slice_spectrum(
    model: Any,
    X: Any,
    column: str,
    *,
    row: int = 0,
    neuron: int | None = None,
    output: Any = None,
    against: Any = None,
) -> SpectrumSlice:
    """Compute all eigenvalues along one column, from its smallest to its largest value.

    The range is that of the rows and of the model's background; a single value is widened by a standard
    deviation (for a pencil, by a unit) on both sides. Avoided crossings between grid points are located by
    golden-section search and added to the grid, except along dates with a month, weekday or hour, where the
    eigenvalues jump.

    Parameters
    ----------
    model : fitted estimator, Pencil or DensePencil
    X : DataFrame or array_like, shape (n, columns)
    column : str
    row : int
        Index in ``X`` of the row at which the other columns are fixed.
    neuron : int, optional
        Index of a neuron; required for a sum, which has no eigenvalues of its own.
    output, against : label, optional
        As in :func:`explain`.

    Returns
    -------
    SpectrumSlice

    Raises
    ------
    ValueError
        If there is no such column (the nearest name is suggested), row or neuron, or the model is a sum and
        no neuron is given.

    Examples
    --------
    The eigenvalues of [[z, 0.1], [0.1, -z]] are ± √(z² + 0.01):

    >>> from spectral_interp import Pencil
    >>> found = slice_spectrum(Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.1], [0.0]], k=1), [[-2.0], [3.0]], "z0")
    >>> found.gap[found.crossing].round(6)
    array([0.2])
    """
    rows = output_rows(model, X, output, against)
    rows, row = _of_one(rows, neuron), _row(rows, row)
    view = rows.view
    axis, pencil, base = view.axis(column), view.pencil, rows.z[row]
    (here,) = axis.locate(base[None, view.own(column)])
    u, which = axis.trace(_coordinates(rows, column), POINTS, float(here))
    crossing = np.empty(0)
    if axis.linear:
        crossing = _closest_approaches(view, column, base, u)
        u = np.union1d(u, crossing)
    z = view.moved(base, column, u)
    return SpectrumSlice(
        axis=axis,
        x=axis.values(u),
        spectra=pencil.spectra(z),
        k=pencil.k,
        gap=pencil.gap(z),
        crossing=np.isin(u, crossing),
        here=_here(rows, column, row),
        unit=view.output.unit,
        row=rows.labels[row],
        which=which,
        neuron=neuron,
    )


def slice_plane(
    model: Any,
    X: Any,
    columns: tuple[str, str],
    *,
    row: int = 0,
    output: Any = None,
    against: Any = None,
) -> PlaneSlice:
    """Compute predictions, active latents and the skeleton's boundaries over two columns of numbers or dates.

    Ranges are those of :func:`slice_spectrum`.

    Parameters
    ----------
    model : fitted estimator, Pencil or Total
        Tridiagonal or diagonal, or a sum of these.
    X : DataFrame or array_like, shape (n, columns)
    columns : tuple of two str
        Columns of the horizontal and the vertical axis.
    row : int
        Index in ``X`` of the row at which the other columns are fixed.
    output, against : label, optional
        As in :func:`explain`.

    Returns
    -------
    PlaneSlice

    Raises
    ------
    ValueError
        If there is no such column (the nearest name is suggested) or row; if a column has levels, or dates
        with a month, weekday or hour; if both are the same, or the model is dense.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> plane = slice_plane(Pencil([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [[0.0]] * 3, k=0),
    ...                     [[-1.0, -3.0], [2.0, 3.0]], ("z0", "z1"))
    >>> plane.boundaries
    [array([[-1., -2.],
           [ 2.,  1.]])]
    """
    rows = output_rows(model, X, output, against)
    view, row = rows.view, _row(rows, row)
    function, base = view.function, rows.z[row]
    pencil = banded(function, "slice_plane") if isinstance(function, MatrixPencil) else None
    across, up = _numeric_pair(view, columns)
    sides = [axis.grid(_coordinates(rows, axis.name), GRID) for axis in (across, up)]
    lines = view.moved(base, across.name, sides[0])
    flat = np.stack([view.moved(line, up.name, sides[1]) for line in lines], axis=1).reshape(-1, len(base))
    here = _here(rows, across.name, row), _here(rows, up.name, row)
    shape = len(sides[1]), len(sides[0])
    return PlaneSlice(
        axes=(across, up),
        x=across.values(sides[0]),
        y=up.values(sides[1]),
        values=function.values(flat).reshape(shape),
        active_latent=None if pencil is None else active_latents(pencil, flat).reshape(shape),
        boundaries=[] if pencil is None else _boundaries(pencil, view, (across, up), sides, base),
        here=None if None in here else here,
        unit=view.output.unit,
        row=rows.labels[row],
    )


def _boundaries(
    pencil: Pencil, view: ModelView, axes: tuple[Axis, Axis], sides: list[FloatArray], base: FloatArray
) -> list[FloatArray]:
    """Return the skeleton's boundaries as lines in the columns' units; none if features are not linear."""
    bent = [axis.name for axis in axes if axis.knots]
    bent += [view.columns[at] for pair in view.pairs for at in pair.columns]
    if any(axis.name in bent for axis in axes):
        return []
    low = np.array([side[0] for side in sides])
    width = np.array([side[-1] - side[0] for side in sides])
    corner = base[None]
    for axis, side in zip(axes, sides, strict=True):
        corner = view.moved(corner[0], axis.name, side[:1])
    ends = np.concatenate([view.moved(corner[0], a.name, s[-1:]) for a, s in zip(axes, sides, strict=True)])
    (offset,), _ = pencil.bands(corner)
    slopes = (ends - corner) @ pencil.diag[1:]
    count = CURVED if any(axis.log for axis in axes) else 2
    share = np.linspace(0, 1, count)[:, None]
    lines = []
    for start, end in plane_boundaries(offset, slopes, pencil.k):
        u = low + width * (start + share * (end - start))
        lines.append(np.column_stack([axis.drawn(column) for axis, column in zip(axes, u.T, strict=True)]))
    return lines


def _closest_approaches(view: ModelView, column: str, base: FloatArray, grid: FloatArray) -> FloatArray:
    """Return the refined points along ``grid`` at which the eigenvalue is closest to a neighbour."""
    pencil = view.pencil
    spectra = pencil.spectra(view.moved(base, column, grid))
    scale = np.abs(spectra).max()
    found = []
    for lower in range(max(pencil.k - 1, 0), min(pencil.k + 1, pencil.dim - 1)):
        gap = spectra[:, lower + 1] - spectra[:, lower]
        least = (gap[1:-1] < gap[:-2] - 1e-9 * scale) & (gap[1:-1] <= gap[2:])
        found.append(_golden(view, column, base, lower, grid[:-2][least], grid[2:][least]))
    return np.concatenate(found) if found else np.empty(0)


def _golden(
    view: ModelView, column: str, base: FloatArray, lower: int, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Return the point in each bracket with the smallest gap between eigenvalues lower and lower + 1."""

    def gaps(u: FloatArray) -> FloatArray:
        spectra = view.pencil.spectra(view.moved(base, column, u))
        return spectra[:, lower + 1] - spectra[:, lower]

    if not len(low):
        return low
    for _ in range(40):
        inner = GOLDEN * (high - low)
        left = gaps(high - inner) < gaps(low + inner)
        low, high = np.where(left, low, high - inner), np.where(left, low + inner, high)
    return (low + high) / 2


def _coordinates(rows: Rows, column: str) -> FloatArray:
    """Return the coordinates of a column over rows and background, (n + b,)."""
    axis, own = rows.view.axis(column), rows.view.own(column)
    z = np.concatenate([rows.z[:, own], rows.view.background[:, own]])
    return axis.locate(z)


def _of_one(rows: Rows, neuron: int | None) -> Rows:
    """Return the rows as rows of one neuron; ValueError if the neuron is not determined."""
    function = rows.view.function
    count = len(function.neurons)
    if isinstance(function, MatrixPencil) and neuron is None:
        return rows
    if neuron is None:
        raise ValueError(
            f"expected a model of one neuron for slice_spectrum; got a sum of {count}, which has no spectrum "
            "of its own; pass neuron=..., such as linear_regions(model, X).leading.neuron"
        )
    if not 0 <= neuron < count:
        raise ValueError(f"expected neuron from 0 to {count - 1}; got {neuron}")
    return of_neuron(rows, neuron)


def _row(rows: Rows, row: int) -> int:
    """Return ``row`` as a non-negative index; negative ones count from the last row."""
    if not len(rows):
        raise ValueError("expected at least one row in X; got none")
    try:
        return check_index(row, len(rows))
    except ValueError:
        raise ValueError(f"expected row below {len(rows)}, the number of rows; got {row}") from None


def _here(rows: Rows, column: str, row: int) -> Any:
    """Return the row's value of a column as the slice shows it; None if it is missing."""
    (value,) = rows.view.axis(column).decode(rows.z[[row], rows.view.own(column)])
    return None if value is None or value != value else value


def _numeric_pair(view: ModelView, columns: tuple[str, str]) -> tuple[Axis, Axis]:
    if len(columns) != 2 or columns[0] == columns[1]:
        raise ValueError(f"expected two different columns; got {columns!r}")
    across, up = (view.axis(name) for name in columns)
    for axis in (across, up):
        if not axis.sloped:
            has = "months, weekdays or hours" if axis.continuous else "levels"
            raise ValueError(f"expected numeric columns; got {axis.name!r}, which has {has}")
    return across, up
