"""What two columns do together along their values, and how much of it is not the sum of both alone."""

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
"""Rows that are averaged, and values of a column."""

PANEL_NAME = 18
"""Characters of a column's name below a panel."""

SIGNED_MAP = "PuOr_r"
"""Colours of negative to positive numbers."""

PARTS = {"joint": "both together", "interaction": "beyond each alone"}


def joint_table(certificate: Certificate, first: str, second: str) -> pd.DataFrame:
    """Return one line per pair of values: how predictions change as both columns go there.

    ``joint`` is the mean over up to 50 rows of the prediction with both columns at ``x`` and ``y`` less that
    with both at their typical values, the others as they are in the row. ``interaction`` is what is left
    of it without the two changes of one column alone, the other at its typical value. Values are those of
    :func:`curves_table`, without missing ones.

    Parameters
    ----------
    certificate : Certificate
        With rows.
    first, second : str
        Columns, drawn to the right and upwards.

    Raises
    ------
    ValueError
        If there is no such column, both are the same, or the certificate has no rows.

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
    """Return what the table holds of the column of a side."""
    (value,) = axis.values(np.array([typical]))
    found = {"column": axis.name, "log": axis.log, "kind": kind_of(axis), "typical": value}
    return {f"{side}_{what}": each for what, each in found.items()}


def _grid(rows: Rows, axis: Axis) -> FloatArray:
    """Return the typical coordinate of a column, and then all that are drawn."""
    found = settings_along(rows, axis.name, POINTS)
    u = found.u[~np.isnan(found.u)]
    u = u[:LEVELS] if not axis.continuous else u[spread(len(u), 2 * POINTS)]
    return np.concatenate([[found.typical], u])


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw two heat maps on the place of the Axes, in the same colours: both together, beyond each alone.

    A cross marks the typical values, where both are zero.

    Parameters
    ----------
    table : DataFrame
        From :func:`joint_table`.
    ax : Axes
        Of a grid, such as those of ``plt.subplots()``.
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
    """Return where the values of a side are drawn, where the typical one is, and the names of levels."""
    values, typical = table[side].drop_duplicates(), table[f"{side}_typical"].head(1)
    if table[f"{side}_kind"].iloc[0] != "levels":
        return drawn(values), float(drawn(typical)[0]), []
    names = values.map(value_text).tolist()
    return np.arange(len(names), dtype=np.float64), float(values.tolist().index(typical.iloc[0])), names


def _label(panel: Axes, side: Literal["x", "y"], first: Any, levels: list[str]) -> None:
    """Label an axis with levels, dates, or numbers and their logarithms."""
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
    """State where both together change the mean prediction most, and what the sum of both alone would be."""
    first = table.iloc[0]
    most = table.iloc[int(table["joint"].abs().to_numpy().argmax())]
    places = listed([f"{first[f'{side}_column']} at {value_text(most[side])}" for side in "xy"])
    alone = number(float(most["joint"] - most["interaction"]))
    return (
        f"With {places} the mean prediction changes most, by {with_unit(most['joint'], table)}: the "
        f"changes of each column alone add up to {alone}, and the interaction is "
        f"{number(float(most['interaction']))}."
    )


joint = Figure(
    name="joint",
    title="{x_column} and {y_column} together",
    kind="Heat maps",
    reading="Left, how the mean prediction changes as both columns go from their typical values, at the "
    "cross, to those of a cell; right, in the same colours, how much of it is not the sum of what each "
    "does alone. A white right side means that, on average over {rows:,} rows, the two can be read one by "
    "one. Some of these values may never occur together.",
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
