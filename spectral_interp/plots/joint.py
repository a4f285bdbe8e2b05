"""Joint effect of two columns along their values, and its part beyond the sum of the separate effects."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray, spread
from .._common.text import listed, number
from ..certificates.bounds import Certificate
from ..view import Axis, Rows
from .curves import LEVELS, averaged_rows, kind_of, settings_along
from .dates import drawn, label_dates
from .figure import Figure
from .lines import label_y, name_levels
from .panels import panels
from .style import label_log
from .text import VALUE, shorten, shorten_all, unit_text, value_text, with_unit

ROWS, POINTS = 50, 25
"""Maximum number of rows averaged, and number of values of a column."""

PANEL_NAME = 18
"""Maximum number of characters of a column's name below a panel."""

SIGNED_MAP = "PuOr_r"
"""Colour map for negative to positive numbers."""

PARTS = {"joint": "joint effect", "interaction": "interaction"}


def joint_table(certificate: Certificate, first: str, second: str) -> pd.DataFrame:
    """Return one line per pair of values, with the mean change of predictions when both columns change.

    ``joint`` is the mean, over up to 50 rows, of the prediction with the columns at ``x`` and ``y`` minus the
    prediction with both at their typical values; the other columns are unchanged. ``interaction`` is
    ``joint`` minus the mean changes of each column alone, with the other at its typical value. The values are
    chosen as in :func:`curves_table`, without missing values.

    Parameters
    ----------
    certificate : Certificate
        Certificate with rows.
    first, second : str
        Columns on the horizontal and the vertical axis.

    Raises
    ------
    ValueError
        If a column does not exist, both are the same, or the certificate has no rows.

    Examples
    --------
    >>> from spectral_interp import Pencil, certify
    >>> z = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    >>> larger = Pencil([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[0.0]] * 3, k=1)
    >>> joint_table(certify(larger, z), "z0", "z1")[["x", "y", "joint", "interaction"]].to_numpy()[-1]
    array([ 1.,  1.,  1., -1.])
    """
    if first == second:
        raise ValueError(f"expected two different columns; got {first!r} twice")
    rows = averaged_rows(certificate, ROWS)
    across, up = (certificate.view.axis(name) for name in (first, second))
    x, y = _grid(certificate.rows, across), _grid(certificate.rows, up)
    flat = {first: np.tile(x, len(y)), second: np.repeat(y, len(x))}
    mean = rows.values_with(flat).mean(axis=0).reshape(len(y), len(x))
    joint = (mean - mean[0, 0])[1:, 1:]
    alone = (mean[0] - mean[0, 0])[1:] + (mean[:, 0] - mean[0, 0])[1:, None]
    return pd.DataFrame(
        {
            "x": across.values(np.tile(x[1:], len(y) - 1)),
            "y": up.values(np.repeat(y[1:], len(x) - 1)),
            "joint": joint.ravel(),
            "interaction": (joint - alone).ravel(),
            **_side("x", across, x[0]),
            **_side("y", up, y[0]),
            "rows": len(rows),
            "unit": certificate.view.output.unit,
        }
    )


def _side(side: str, axis: Axis, typical: float) -> dict[str, Any]:
    """Return the entries of the table for the column of one axis."""
    (value,) = axis.values(np.array([typical]))
    found = {"column": axis.name, "log": axis.log, "kind": kind_of(axis), "typical": value}
    return {f"{side}_{what}": each for what, each in found.items()}


def _grid(rows: Rows, axis: Axis) -> FloatArray:
    """Return the typical coordinate of a column, followed by all coordinates drawn."""
    found = settings_along(rows, axis.name, POINTS)
    u = found.u[~np.isnan(found.u)]
    u = u[:LEVELS] if not axis.continuous else u[spread(len(u), 2 * POINTS)]
    return np.concatenate([[found.typical], u])


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw two heat maps in place of the Axes, in the same colours: the joint effect and the interaction.

    A cross marks the typical values, at which both are zero.

    Parameters
    ----------
    table : DataFrame
        From :func:`joint_table`.
    ax : Axes
        Axes of a grid, such as those of ``plt.subplots()``.
    """
    first = table.iloc[0]
    names = shorten_all([str(first[f"{side}_column"]) for side in "xy"], PANEL_NAME)
    shown = panels(ax, len(PARTS), "Mean change from the typical values (✕)")
    (x, at_x, levels_x), (y, at_y, levels_y) = (_places(table, side) for side in "xy")
    top = max(float(table[list(PARTS)].abs().to_numpy().max()), 1e-300)
    for panel, (part, title) in zip(shown, PARTS.items(), strict=True):
        matrix = table[part].to_numpy().reshape(len(y), len(x))
        look: dict[str, Any] = {"cmap": SIGNED_MAP, "vmin": -top, "vmax": top, "rasterized": True}
        colours = panel.pcolormesh(x, y, matrix, shading="nearest", **look)
        panel.plot([at_x], [at_y], "x", color="black", markersize=7)
        panel.set_title(title, fontsize="medium")
        panel.set_xlabel(names[0])
        _label(panel, "x", first, levels_x)
    _label(shown[0], "y", first, levels_y)
    shown[0].set_ylabel(names[1])
    bar = ax.figure.colorbar(colours, ax=shown, aspect=30, pad=0.02)
    label_y(bar.ax, f"change of the prediction ({unit_text(first['unit'])})")


def _places(table: pd.DataFrame, side: str) -> tuple[FloatArray, float, list[str]]:
    """Return the positions of the values of one axis, of the typical value, and the names of levels."""
    values, typical = table[side].drop_duplicates(), table[f"{side}_typical"].head(1)
    if table[f"{side}_kind"].iloc[0] != "levels":
        return drawn(values), float(drawn(typical)[0]), []
    names = values.map(value_text).tolist()
    return np.arange(len(names), dtype=np.float64), float(values.tolist().index(typical.iloc[0])), names


def _label(panel: Axes, side: Literal["x", "y"], first: Any, levels: list[str]) -> None:
    """Label an axis with levels, dates, or numbers on a linear or logarithmic scale."""
    axis = panel.xaxis if side == "x" else panel.yaxis
    if levels and side == "x":
        name_levels(panel, levels)
    elif levels:
        panel.set_yticks(range(len(levels)), [shorten(level, VALUE) for level in levels])
    elif first[f"{side}_log"]:
        panel.set(**{f"{side}scale": "log"})
        label_log(axis, narrow=True)
    elif first[f"{side}_kind"] == "date":
        label_dates(axis, narrow=True)
    else:
        panel.locator_params(axis=side, nbins=4)


def finding(table: pd.DataFrame) -> str:
    """State where both columns together change the mean prediction most, and the sum of separate changes."""
    first = table.iloc[0]
    most = table.iloc[int(table["joint"].abs().to_numpy().argmax())]
    places = listed([f"{first[f'{side}_column']} at {value_text(most[side])}" for side in "xy"])
    alone = number(float(most["joint"] - most["interaction"]))
    return (
        f"The mean prediction changes most with {places}, by {with_unit(most['joint'], table)}. The changes "
        f"by each column alone add up to {alone}, and the interaction is "
        f"{number(float(most['interaction']))}."
    )


joint = Figure(
    name="joint",
    title="Joint effect of {x_column} and {y_column}",
    kind="Heat maps",
    reading="The left panel shows the change of the mean prediction when both columns change from their "
    "typical values, at the cross, to the values of a cell. The right panel shows, in the same colours, the "
    "part that is not the sum of the separate changes. If it is white, the two columns can be interpreted "
    "separately, on average over {rows:,} rows. Some combinations of values may never occur.",
    table=joint_table,
    draw=draw,
    height=lambda table: 4.4,
    finding=finding,
    headers={
        **{f"{side}_{what}": f"{what} of {side}" for side in "xy" for what in ("column", "typical")},
        **{f"{side}_log": f"{side} logarithmic" for side in "xy"},
        **{f"{side}_kind": f"kind of {side}" for side in "xy"},
    },
    once=(
        *("unit", "rows", "x_column", "y_column", "x_log", "y_log", "x_kind", "y_kind"),
        *("x_typical", "y_typical"),
    ),
)
