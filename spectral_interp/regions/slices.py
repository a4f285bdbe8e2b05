"""Slices through a model: all eigenvalues along one column, and predictions and latents over two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray, IntArray, check_index
from ..pencil.base import AnyPencil
from ..view.axes import Axis
from ..view.rows import Inputs, as_inputs
from .boundaries import plane_boundaries
from .pieces import active_latents, banded

POINTS, GRID = 401, 121
"""Values along a line, and along each side of a plane."""

GOLDEN = (5**0.5 - 1) / 2

CURVED = 33
"""Points of a boundary that is straight in the logarithm of a column and curved in its unit."""


@dataclass(frozen=True, eq=False)
class SpectrumSlice:
    """All eigenvalues along one column, the others as in one row. Build it with :func:`slice_spectrum`.

    Attributes
    ----------
    axis : Axis
        The column.
    x : ndarray, shape (m,)
        Values in the column's unit, ascending; or its levels, as text.
    spectra : ndarray, shape (m, d)
        Ascending at every value, in ``unit``.
    k : int
        The eigenvalue that is the prediction.
    gap : ndarray, shape (m,)
        Distance from the prediction to its nearest neighbour; inf where d = 1.
    crossing : ndarray of bool, shape (m,)
        Where the distance to a neighbour is smallest between larger ones: an avoided crossing, a true one if
        the gap is zero.
    here : float or str or None
        The row's own value; None if it has none, or a level that training had not.
    unit : str
    row : int
        Place of the row among those given.
    """

    axis: Axis
    x: npt.NDArray[Any]
    spectra: FloatArray
    k: int
    gap: FloatArray
    crossing: npt.NDArray[np.bool_]
    here: float | str | None
    unit: str
    row: int


@dataclass(frozen=True, eq=False)
class PlaneSlice:
    """Predictions over two columns, the others as in one row. Build it with :func:`slice_plane`.

    Attributes
    ----------
    axes : tuple of two Axis
    x, y : ndarray, shape (m,)
        Values in the columns' units, ascending.
    values : ndarray, shape (m, m)
        ``values[b, a]`` is the prediction at ``x[a], y[b]``, in ``unit``.
    active_latent : ndarray of int, shape (m, m)
        Of the skeleton.
    boundaries : list of ndarray, shape (points, 2)
        Lines on which the skeleton has a kink, in the columns' units; exact, and all of them.
    here : tuple of float or None
        The row's own values; None if one is missing.
    unit : str
    row : int
        Place of the row among those given.
    """

    axes: tuple[Axis, Axis]
    x: FloatArray
    y: FloatArray
    values: FloatArray
    active_latent: IntArray
    boundaries: list[FloatArray]
    here: tuple[float, float] | None
    unit: str
    row: int


def slice_spectrum(model: Any, X: Any, column: str, *, row: int = 0) -> SpectrumSlice:
    """Compute all eigenvalues along one column, from its smallest to its largest value.

    The range is that of the rows and of the model's background; a single value is widened by a standard
    deviation (a unit, for a pencil) on both sides. Avoided crossings are located between the grid's points
    by golden-section search and added to them.

    Parameters
    ----------
    model : fitted estimator, Pencil or DensePencil
    X : DataFrame or array_like, shape (n, columns)
    column : str
    row : int
        Place in ``X`` of the row that the other columns are taken from.

    Returns
    -------
    SpectrumSlice

    Raises
    ------
    ValueError
        If there is no such column (the nearest name is suggested) or row.

    Examples
    --------
    The eigenvalues of [[z, 0.1], [0.1, -z]] are ± √(z² + 0.01):

    >>> from spectral_interp import Pencil
    >>> found = slice_spectrum(Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.1], [0.0]], k=1), [[-2.0], [3.0]], "z0")
    >>> found.gap[found.crossing].round(6)
    array([0.2])
    """
    inputs = as_inputs(model, X)
    axis, row = inputs.axis(column), _row(inputs, row)
    pencil, base = inputs.pencil, inputs.z[row]
    if axis.levels:
        z, x = axis.place_levels(base), np.array(axis.levels, dtype=object)
        crossing = np.zeros(len(x), dtype=bool)
    else:
        grid = np.linspace(*_range(inputs, axis), POINTS)
        found = _closest_approaches(pencil, axis, base, grid)
        grid = np.union1d(grid, found)
        z, x, crossing = axis.place(base, grid), axis.value(grid), np.isin(grid, found)
    here = _here(inputs, axis, row)
    gap = pencil.gap(z)
    return SpectrumSlice(axis, x, pencil.spectra(z), pencil.k, gap, crossing, here, inputs.unit, row)


def slice_plane(model: Any, X: Any, columns: tuple[str, str], *, row: int = 0) -> PlaneSlice:
    """Compute predictions, active latents and the skeleton's boundaries over two numeric columns.

    Ranges are those of :func:`slice_spectrum`.

    Parameters
    ----------
    model : fitted estimator or Pencil
        Tridiagonal or diagonal.
    X : DataFrame or array_like, shape (n, columns)
    columns : tuple of two str
        Drawn to the right, and upwards.
    row : int
        Place in ``X`` of the row that the other columns are taken from.

    Returns
    -------
    PlaneSlice

    Raises
    ------
    ValueError
        If there is no such column (the nearest name is suggested) or row, a column has levels, both are the
        same, or the model is dense.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> plane = slice_plane(Pencil([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [[0.0]] * 3, k=0),
    ...                     [[-1.0, -3.0], [2.0, 3.0]], ("z0", "z1"))
    >>> plane.boundaries
    [array([[-1., -2.],
           [ 2.,  1.]])]
    """
    inputs = as_inputs(model, X)
    pencil, row = banded(inputs.pencil, "slice_plane"), _row(inputs, row)
    base = inputs.z[row]
    across, up = _numeric_pair(inputs, columns)
    spans = [_range(inputs, axis) for axis in (across, up)]
    sides = [np.linspace(*span, GRID) for span in spans]
    z = np.concatenate([up.place(line, sides[1])[:, None] for line in across.place(base, sides[0])], axis=1)
    flat = z.reshape(-1, z.shape[-1])
    here = _here(inputs, across, row), _here(inputs, up, row)
    return PlaneSlice(
        axes=(across, up),
        x=across.value(sides[0]),
        y=up.value(sides[1]),
        values=pencil.values(flat).reshape(GRID, GRID),
        active_latent=active_latents(pencil, flat).reshape(GRID, GRID),
        boundaries=_boundaries(pencil, (across, up), spans, base),
        here=None if None in here else here,
        unit=inputs.unit,
        row=row,
    )


def _boundaries(
    pencil: Any, axes: tuple[Axis, Axis], spans: list[tuple[float, float]], base: FloatArray
) -> list[FloatArray]:
    """Return the skeleton's boundaries as lines in the columns' units."""
    low, width = (np.array(ends) for ends in zip(*((a, b - a) for a, b in spans), strict=True))
    corner = axes[1].place(axes[0].place(base, low[:1])[0], low[1:])
    (offset,), _ = pencil.bands(corner)
    slopes = width[:, None] * pencil.diag[[1 + axis.first for axis in axes]]
    count = CURVED if any(axis.log for axis in axes) else 2
    share = np.linspace(0, 1, count)[:, None]
    lines = []
    for start, end in plane_boundaries(offset, slopes, pencil.k):
        z = low + width * (start + share * (end - start))
        lines.append(np.column_stack([axis.value(column) for axis, column in zip(axes, z.T, strict=True)]))
    return lines


def _closest_approaches(pencil: AnyPencil, axis: Axis, base: FloatArray, grid: FloatArray) -> FloatArray:
    """Return where along ``grid`` the eigenvalue comes closest to one of its neighbours, refined."""
    spectra = pencil.spectra(axis.place(base, grid))
    scale = np.abs(spectra).max()
    found = []
    for lower in range(max(pencil.k - 1, 0), min(pencil.k + 1, pencil.dim - 1)):
        gap = spectra[:, lower + 1] - spectra[:, lower]
        least = (gap[1:-1] < gap[:-2] - 1e-9 * scale) & (gap[1:-1] <= gap[2:])
        found.append(_golden(pencil, axis, base, lower, grid[:-2][least], grid[2:][least]))
    return np.concatenate(found) if found else np.empty(0)


def _golden(
    pencil: AnyPencil, axis: Axis, base: FloatArray, lower: int, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Return where in each bracket the gap between eigenvalues lower and lower + 1 is smallest."""

    def gaps(z: FloatArray) -> FloatArray:
        spectra = pencil.spectra(axis.place(base, z))
        return spectra[:, lower + 1] - spectra[:, lower]

    if not len(low):
        return low
    for _ in range(40):
        inner = GOLDEN * (high - low)
        left = gaps(high - inner) < gaps(low + inner)
        low, high = np.where(left, low, high - inner), np.where(left, low + inner, high)
    return (low + high) / 2


def _range(inputs: Inputs, axis: Axis) -> tuple[float, float]:
    """Return the smallest and the largest first feature of a column over rows and background."""
    z = np.concatenate([inputs.z[:, axis.first], inputs.reference[:, axis.first]])
    low, high = float(z.min()), float(z.max())
    return (low, high) if high - low > 1e-9 * max(1.0, abs(low), abs(high)) else (low - 1, high + 1)


def _row(inputs: Inputs, row: int) -> int:
    """Return ``row`` counted from the first, also where it was counted from the last."""
    if not len(inputs.z):
        raise ValueError("expected at least one row in X; got none")
    try:
        return check_index(row, len(inputs.z))
    except ValueError:
        raise ValueError(f"expected row below {len(inputs.z)}, the number of rows; got {row}") from None


def _here(inputs: Inputs, axis: Axis, row: int) -> Any:
    """Return the row's value of a column as the slice shows it; None if it has none."""
    z = inputs.z[row]
    if axis.levels:
        level = np.flatnonzero(z[axis.first : axis.first + len(axis.levels)] > 0)
        return axis.levels[level[0]] if len(level) else None
    gap = z[axis.first + 1 : axis.first + 1 + len(axis.rest)]
    return None if (gap > 0).any() else float(axis.value(z[axis.first]))


def _numeric_pair(inputs: Inputs, columns: tuple[str, str]) -> tuple[Axis, Axis]:
    if len(columns) != 2 or columns[0] == columns[1]:
        raise ValueError(f"expected two different columns; got {columns!r}")
    across, up = (inputs.axis(name) for name in columns)
    for axis in (across, up):
        if axis.levels:
            raise ValueError(f"expected numeric columns; got {axis.name!r}, which has levels")
    return across, up
