"""What two columns do together along their values, and how much of it neither does alone."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from .._common.sampling import spread
from .._common.text import listed, number
from ..certificates.bounds import Certificate
from ..view import Axis, DateAxis
from .curves import LEVELS, settings_of
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
    if not len(certificate.rows):
        raise ValueError("expected a certificate with rows; got one of none; call certify(model, X)")
    view, rows = certificate.view, certificate.rows.take(spread(len(certificate.rows), ROWS))
    x, y = (_grid(certificate, view.axis(name)) for name in (first, second))
    flat = {first: np.tile(x, len(y)), second: np.repeat(y, len(x))}
    mean = rows.values_with(flat).mean(axis=0).reshape(len(y), len(x))
    joint = (mean - mean[0, 0])[1:, 1:]
    alone = (mean[0] - mean[0, 0])[1:] + (mean[:, 0] - mean[0, 0])[1:, None]
    across, up = view.axis(first), view.axis(second)
    sides = {"x": np.tile(x[1:], len(y) - 1), "y": np.repeat(y[1:], len(x) - 1)}
    return pd.DataFrame(
        {
            **{side: (across if side == "x" else up).values(u) for side, u in sides.items()},
            "joint": joint.ravel(),
            "interaction": (joint - alone).ravel(),
            **{f"{side}_column": axis.name for side, axis in (("x", across), ("y", up))},
            **{f"{side}_log": axis.log for side, axis in (("x", across), ("y", up))},
            **{f"{side}_kind": _kind(axis) for side, axis in (("x", across), ("y", up))},
            **{
                f"{side}_typical": axis.values(u[:1])[0] for side, axis, u in (("x", across, x), ("y", up, y))
            },
            "rows": len(rows),
            "unit": view.output.unit,
        }
    )


def _grid(certificate: Certificate, axis: Axis) -> FloatArray:
    """Return the typical coordinate of a column, and then the others."""
    found = settings_of(axis, axis.locate(certificate.rows.z[:, certificate.view.own(axis.name)]), POINTS)
    u = found.u[~np.isnan(found.u)]
    u = u[:LEVELS] if not axis.continuous else u[spread(len(u), 2 * POINTS)]
    return np.concatenate([[found.typical], u])


def _kind(axis: Axis) -> str:
    return "levels" if not axis.continuous else "date" if isinstance(axis, DateAxis) else "number"


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
    """State where both together move the mean prediction most, and how much of that neither does alone."""
    first = table.iloc[0]
    most = table.iloc[int(table["joint"].abs().to_numpy().argmax())]
    places = listed([f"{first[f'{side}_column']} {value_text(most[side])}" for side in "xy"])
    return (
        f"Together the two move the mean prediction furthest at {places}, by "
        f"{with_unit(most['joint'], table)}, of which {number(float(most['interaction']))} is beyond what "
        "each does alone."
    )


joint = Figure(
    name="joint",
    title="{x_column} and {y_column} together",
    kind="Heat maps",
    reading="Left, how the mean prediction changes as both columns go from their typical values, at the "
    "cross, to those of a cell; right, in the same colours, how much of it is not the sum of what each "
    "does alone. An empty right side means that the two can be read one by one. Some of these values may "
    "never occur together.",
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
