"""Contributions of one column against its values, inside their certified range."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray, spread
from .._common.text import at_least, at_most, listed, number
from ..attribution.result import Attribution
from ..certificates.bounds import Certificate
from ..tables.columns import values_as_read
from ..tables.parsing import check_values, without
from ..view import Axis
from ..view.levels import text_of
from .beeswarm import fan
from .dates import drawn, holds_dates, label_dates
from .figure import Figure
from .lines import label_y, legend_below, name_levels
from .style import CERTIFIED, NEUTRAL, PROVEN, SHARE_MAP, TOP, WHOLE, label_log
from .text import NAME, VALUE, shorten, unit_text, with_unit

_GRID = 201
_BEYOND = 0.5
"""Maximum extension of the axis beyond the dots, as a share of their range, to show the certified range."""

_NOTE = 48
"""Maximum number of characters in a line of a note below the axis."""

_NODES = 49
"""Number of grid values for a column with knots, whose bounds cost more."""

ROW, RANGE, KNOT = "row", "range", "knot"


def dependence_table(attribution: Attribution, certificate: Certificate, column: str) -> pd.DataFrame:
    """Return one line per row, and one line per value at which the certified range is drawn.

    ``low`` and ``high`` are certified bounds on the contribution at that value of the column, for any values
    of the other columns (:meth:`Certificate.contribution_range`). Every derivative is between ``slope_low``
    and ``slope_high``, so rows stay inside a wedge around the background's mean (method "local"), or inside
    the average of such wedges over the background rows. The bounds are NaN if contributions are measured
    against a background other than the model's own. ``coupling_share`` is |coupling| / (|diagonal| +
    |coupling|). ``known`` is False for a level unknown to the model. A piecewise-linear column also has one
    line per knot.

    Parameters
    ----------
    attribution : Attribution
    certificate : Certificate
        Certificate of the same model, with or without rows.
    column : str

    Raises
    ------
    ValueError
        If the column does not exist, or attribution and certificate have different columns.

    Examples
    --------
    >>> from spectral_interp import Pencil, certify, explain
    >>> pencil = Pencil([[5.0, 5.0], [1.0, 2.0]], [[0.0], [0.5]], k=1)
    >>> table = dependence_table(explain(pencil, [[2.0], [-1.0]]), certify(pencil), "z0")
    >>> table.loc[table["of"] == "row", ["value", "low", "contribution", "high"]].round(3).values.tolist()
    [[2.0, 1.586, 4.414, 4.414], [-1.0, -2.207, -0.793, -0.793]]
    """
    if attribution.columns != certificate.view.columns:
        both = f"{list(attribution.columns)} and {list(certificate.view.columns)}"
        raise ValueError(f"expected attribution and certificate of the same columns; got {both}")
    axis = certificate.view.axis(column)
    dots = _dots(attribution, axis)
    known = dots["value"][dots["known"]].dropna()
    grid = _grid(axis, known)
    lines = [pd.DataFrame({"of": RANGE, "value": grid, "known": True})]
    if axis.knots:
        knots = axis.values(np.array(axis.knots))
        lines.append(pd.DataFrame({"of": KNOT, "value": knots, "known": True}))
    table = pd.concat([dots, *lines]).reset_index(drop=True)
    low, high = np.full((2, len(table)), np.nan)
    if attribution.background == certificate.view.background_name:
        there = (table["value"].notna() & table["known"] & (table["of"] != KNOT)).to_numpy()
        values, nodes = table["value"][there], grid if axis.knots else None
        ends = certificate.contribution_range(column, values, method=attribution.method, nodes=nodes)
        low[there], high[there] = ends
    slope_low, slope_high, proven = _slopes(certificate, axis)
    return table.assign(
        low=low,
        high=high,
        slope_low=slope_low,
        slope_high=slope_high,
        proven=proven,
        step=axis.directions().own_label,
        column=column,
        log_axis=axis.log,
        method=attribution.method,
        unit=attribution.unit,
    )


def _slopes(certificate: Certificate, axis: Axis) -> tuple[float, float, bool]:
    """Return the bounds of the derivative and whether its sign is proven; NaN and False for levels.

    The derivative is per unit of the column or of its logarithm. Dates whose month, weekday or hour enters
    count as levels. For a column with knots, the bounds cover all segments.
    """
    if not axis.sloped:
        return np.nan, np.nan, False
    line = certificate.column(axis.name)
    return line["low_per_unit"], line["high_per_unit"], bool(line["monotone"])


def _dots(attribution: Attribution, axis: Axis) -> pd.DataFrame:
    """Return the lines of the rows: value of the column, contribution and its parts."""
    at = attribution.columns.index(axis.name)
    none = np.full(attribution.values.shape, np.nan)
    whole, diagonal, coupling = (
        (none if part is None else part)[:, at]
        for part in (attribution.values, attribution.diagonal, attribution.coupling)
    )
    total = np.abs(diagonal) + np.abs(coupling)
    share = np.divide(np.abs(coupling), total, out=np.full_like(total, np.nan), where=total > 0)
    return pd.DataFrame(
        {
            "of": ROW,
            "row": attribution.rows,
            **_values(attribution.data[:, at], axis),
            "contribution": whole,
            "diagonal": diagonal,
            "coupling": coupling,
            "coupling_share": share,
        }
    )


def _values(data: npt.NDArray[Any], axis: Axis) -> dict[str, Any]:
    """Return a column as the model reads it, with missing values, and whether each value is known."""
    read = values_as_read(axis, data)
    if axis.continuous:
        return {"value": read, "known": True}
    given = without(check_values(pd.Series(data), axis.name), getattr(axis, "gaps", ()))
    unknown = (read.isna() & given.notna()).to_numpy(dtype=bool)
    return {"value": read.where(~unknown, given.astype(object).map(text_of)), "known": ~unknown}


def _grid(axis: Axis, known: pd.Series) -> Any:
    """Return the values at which the range is drawn: levels, or evenly spaced coordinates over the rows."""
    u = axis.coordinates(known)
    grid = axis.grid(u, _GRID) if len(u) else u
    if axis.knots:
        grid = grid[spread(len(grid), _NODES)]
    return axis.values(grid if axis.continuous else grid[np.isin(grid, u)])


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw a dot per row, coloured by the share of the coupling, in front of the certified range.

    Ticks along the lower edge mark knots, where the column may bend. Up to twenty levels are side by side, in
    decreasing order of frequency.

    Parameters
    ----------
    table : DataFrame
        From :func:`dependence_table`.
    ax : Axes
    """
    first, name = table.iloc[0], str(table["column"].iloc[0])
    rows, ranges = (table[table["of"] == kind] for kind in (ROW, RANGE))
    dots, notes = rows[rows["value"].notna() & rows["known"]], _not_drawn(rows)
    dates = holds_dates(table["value"])
    if first["step"] or dates:
        _add_wedge(ranges, ax)
        x = drawn(dots["value"])
    else:
        levels = list(dots["value"].value_counts(sort=True).index)
        notes = [f"{TOP} of {len(levels)} levels"] * (len(levels) > TOP) + notes
        dots = dots[dots["value"].isin(levels[:TOP])]
        x = _add_strips(dots, ranges, levels[:TOP], ax)
    ax.axhline(0, color=NEUTRAL, linewidth=0.8, zorder=1)
    _add_dots(x, dots, ax)
    _limit(dots, ranges, ax)
    if first["log_axis"]:
        ax.set_xscale("log")
    _add_knots(drawn(table.loc[table["of"] == KNOT, "value"]), ax)
    if first["log_axis"]:
        label_log(ax.xaxis)
    if dates:
        label_dates(ax.xaxis)
    ax.set_xlabel("\n".join([shorten(name, 2 * NAME), *notes]))
    label_y(ax, f"contribution ({unit_text(first['unit'])})")
    ax.set_title(f"{first['method'].capitalize()} contributions of {shorten(name)}", loc="left")
    legend_below(ax, ncols=1)


def _not_drawn(rows: pd.DataFrame) -> list[str]:
    """Return a note on the rows that cannot be drawn, with the reasons."""
    unknown = rows.loc[~rows["known"].astype(bool), "value"]
    gaps = int(rows["value"].isna().sum())
    parts = []
    if len(unknown):
        more = ", …" if unknown.nunique() > 1 else ""
        parts.append(f"{len(unknown)} with unknown levels ({shorten(str(unknown.iloc[0]), VALUE)}{more})")
    if gaps:
        parts.append(f"{gaps} without a value")
    return textwrap.wrap(f"not drawn: {listed(parts)}", _NOTE) if parts else []


def _add_wedge(ranges: pd.DataFrame, ax: Axes) -> None:
    if not ranges["low"].notna().any():
        ax.plot([], [], " ", label="no certified range: not the model's own background")
        return
    first = ranges.iloc[0]
    proven = bool(first["proven"])
    mean = "" if first["method"] == "local" else ",\naveraged over the background"
    if first["step"]:
        slopes = f"{at_least(first['slope_low'])} to {at_most(first['slope_high'])}"
        step = first["step"].removesuffix(first["column"]) + shorten(first["column"])
        sign = ", sign proven" if proven else ""
        label = f"certified for every input{sign}: slopes from\n{slopes} per {step}{mean}"
    else:
        label = f"certified for every input, date by date{mean}"
    by_date: Any = None if first["step"] else "mid"
    x, low, high = (drawn(ranges[end]) for end in ("value", "low", "high"))
    colour = PROVEN if proven else CERTIFIED
    ax.fill_between(x, low, high, step=by_date, zorder=0, color=colour, linewidth=0, label=label)


def _add_knots(knots: FloatArray, ax: Axes) -> None:
    """Mark the knots within the axis limits with ticks along the lower edge."""
    low, high = ax.get_xlim()
    inside = knots[(knots >= low) & (knots <= high)]
    if len(inside):
        look: dict[str, Any] = {"color": NEUTRAL, "markersize": 9, "markeredgewidth": 1.2, "zorder": 3}
        label, edge = "knots of the column", ax.get_xaxis_transform()
        ax.plot(inside, np.full(len(inside), 0.02), "|", transform=edge, label=label, **look)
        ax.set_xlim(low, high)


def _add_strips(dots: pd.DataFrame, ranges: pd.DataFrame, levels: list[str], ax: Axes) -> FloatArray:
    """Draw the range of every level, name the levels, and return the positions of the dots."""
    ends = ranges.set_index("value").reindex(levels)[["low", "high"]]
    if ends["low"].notna().any():
        label = "certified for every input, level by level"
        ax.bar(
            range(len(levels)),
            ends["high"] - ends["low"],
            0.9,
            bottom=ends["low"],
            zorder=0,
            color=CERTIFIED,
            label=label,
        )
    name_levels(ax, levels)
    ax.set_xlim(-0.6, len(levels) - 0.4)
    x = np.array([levels.index(level) for level in dots["value"]], dtype=np.float64)
    y = dots["contribution"].to_numpy()
    edges = np.linspace(y.min(), y.max(), 81) if len(y) else y
    for at in range(len(levels)):
        own = x == at
        x[own] += fan(y[own], edges)
    return x


def _add_dots(x: FloatArray, dots: pd.DataFrame, ax: Axes) -> None:
    share = dots["coupling_share"].to_numpy(dtype=np.float64)
    size = 30 if len(dots) <= 200 else 14
    look: dict[str, Any] = {"s": size, "edgecolors": NEUTRAL, "linewidths": 0.3, "zorder": 2}
    if np.isnan(share).all():
        ax.scatter(x, dots["contribution"], color=WHOLE, **look)
        return
    drawn = ax.scatter(
        x, dots["contribution"], c=share, cmap=SHARE_MAP, vmin=0, vmax=1, plotnonfinite=True, **look
    )
    bar = ax.figure.colorbar(drawn, ax=ax, ticks=[0, 0.5, 1], aspect=30, pad=0.02)
    bar.set_label("coupling share")


def _limit(dots: pd.DataFrame, ranges: pd.DataFrame, ax: Axes) -> None:
    """Limit the axis so that the dots stay legible in front of the certified range."""
    if not len(dots):
        return
    low, high = dots["contribution"].min(), dots["contribution"].max()
    room = max(high - low, 1e-9 * max(abs(low), abs(high)), 1e-300)
    bottom = np.nanmin([low, ranges["low"].min()])
    top = np.nanmax([high, ranges["high"].max()])
    ax.set_ylim(
        max(bottom, low - _BEYOND * room) - 0.05 * room, min(top, high + _BEYOND * room) + 0.05 * room
    )


def finding(table: pd.DataFrame) -> str:
    """State the range of the column's contributions and the share of the coupling."""
    low, high = table["contribution"].min(), table["contribution"].max()
    text = f"Contributions of {table['column'].iloc[0]} range from {number(low)} to {with_unit(high, table)}"
    if "coupling_share" not in table or table["coupling_share"].isna().all():
        return f"{text}."
    return f"{text}; the coupling share of the median row is {table['coupling_share'].median():.0%}."


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    text = (
        "Each dot is a row: the value of the column and its contribution to the prediction. The colour shows "
        "the coupling share. The shaded area is certified: no contribution of this column can be outside it."
    )
    return f"{text} Ticks mark knots, where the column may bend." if (table["of"] == KNOT).any() else text


dependence = Figure(
    name="dependence",
    title="{column}: contribution against value",
    kind="Scatter chart",
    reading=reading,
    table=dependence_table,
    draw=draw,
    height=lambda table: 5.0,
    finding=finding,
    headers={
        "coupling_share": "coupling share",
        "slope_low": "smallest slope",
        "slope_high": "largest slope",
        "proven": "sign proven",
        "log_axis": "logarithmic",
    },
    once=("unit", "method", "column", "step", "proven"),
)
