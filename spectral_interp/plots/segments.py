"""Proven interval of slopes for every segment of a column, and the slopes observed there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from .._common.text import counted, listed, number
from ..certificates.bounds import Certificate
from ..certificates.sentences import LOOSE
from .figure import Figure
from .lines import label_y, legend_below
from .style import CERTIFIED, NEUTRAL, PROVEN, WHOLE, label_log
from .text import NAME, shorten, unit_text


def segments_table(certificate: Certificate, column: str) -> pd.DataFrame:
    """Return one line per segment of a column, from :meth:`Certificate.segments`.

    ``least`` and ``largest`` are the column's smallest and largest values over rows and background. The first
    and last segments are unbounded, and are drawn up to these values. ``proven_over_observed`` is the ratio
    of the widths of the proven and the observed interval, NaN if fewer than two distinct slopes are observed.

    Parameters
    ----------
    certificate : Certificate
        Certificate with rows, or without rows and observed slopes.
    column : str
        Name of a column of numbers, or of dates that enter by elapsed time alone.

    Raises
    ------
    ValueError
        If the column does not exist, or has levels, months, weekdays or hours.
    """
    view, axis = certificate.view, certificate.view.axis(column)
    table = certificate.segments(column)
    z = np.concatenate([certificate.rows.z, view.background])[:, view.own(column)]
    u = axis.locate(z)
    ends = axis.values(np.array([np.nanmin(u), np.nanmax(u)])) if np.isfinite(u).any() else [np.nan] * 2
    if "observed_min" in table:
        observed = (table["observed_max"] - table["observed_min"]).to_numpy()
        times = (table["high"] - table["low"]).to_numpy() / np.where(observed > 0, observed, np.nan)
        table = table.assign(proven_over_observed=times)
    return table.assign(column=column, least=ends[0], largest=ends[1], log_axis=axis.log)


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the proven intervals as light boxes, the observed ones inside, and the median slopes as lines.

    Parameters
    ----------
    table : DataFrame
        From :func:`segments_table`.
    ax : Axes
    """
    first, edges = table.iloc[0], _edges(table)
    ax.axhline(0, color=NEUTRAL, linewidth=0.8, zorder=1)
    for proven, colour, label in (
        (False, CERTIFIED, "proven for every input"),
        (True, PROVEN, "proven, sign included"),
    ):
        own = (table["monotone"] != 0).to_numpy() == proven
        _add_boxes(ax, edges, table["low"], table["high"], own, color=colour, label=label)
    if "observed_min" in table:
        seen = table["observed_min"].notna().to_numpy()
        ends = table["observed_min"], table["observed_max"]
        _add_boxes(ax, edges, *ends, seen, color=WHOLE, label="observed at the rows")
        medians = table["observed_median"][seen], edges[:-1][seen], edges[1:][seen]
        ax.hlines(*medians, color=NEUTRAL, linewidth=2, label="median of the rows")
    for edge in edges[1:-1]:
        ax.axvline(edge, ymax=0.02, color=NEUTRAL, linewidth=0.8)
    if first["log_axis"]:
        ax.set_xscale("log")
    ax.set_xlim(edges[0], edges[-1])
    if first["log_axis"]:
        label_log(ax.xaxis)
    name = str(first["column"])
    ax.set_xlabel(shorten(name, 2 * NAME))
    step = str(first["step"]).removesuffix(name) + shorten(name)
    label_y(ax, f"slope ({unit_text(first['unit'])} per {step})")
    ax.set_title(f"Slopes along {shorten(name)}, segment by segment", loc="left")
    legend_below(ax)


def _edges(table: pd.DataFrame) -> FloatArray:
    """Return the ends of the segments in the drawing, (m + 1,)."""
    inner = table["from"].to_numpy(dtype=np.float64)[1:]
    first, last = (float(table[name].iloc[0]) for name in ("least", "largest"))
    known = [*inner, first, last]
    return np.concatenate([[np.nanmin(known)], inner, [np.nanmax(known)]])


def _add_boxes(ax: Axes, edges: FloatArray, low: Any, high: Any, chosen: Any, **look: Any) -> None:
    if chosen.any():
        width = np.diff(edges)[chosen]
        low, high = np.asarray(low)[chosen], np.asarray(high)[chosen]
        ax.bar(edges[:-1][chosen], high - low, width, bottom=low, align="edge", zorder=0, linewidth=0, **look)


def finding(table: pd.DataFrame) -> str:
    """State the number of proven directions, and the ratio of proven to observed widths."""
    column, count = table["column"].iloc[0], counted(len(table), "segment")
    ways = {way: int((table["monotone"] == sign).sum()) for way, sign in (("fall", 1), ("rise", -1))}
    proven = [f"never {way} in {found}" for way, found in ways.items() if found]
    if proven:
        text = f"Of the {count} of {column}, predictions provably {listed(proven)}"
    else:
        text = f"Of the {count} of {column}, none has a proven direction"
    if "proven_over_observed" not in table or table["proven_over_observed"].isna().all():
        return f"{text}."
    times = float(table["proven_over_observed"].median())
    median = number(times, 2)
    if times < LOOSE:
        return f"{text}. In the median segment, the proven interval is {median} times as wide as observed."
    return (
        f"{text}. The proven intervals are much wider than the observed ones, {median} times in the median "
        "segment, because they hold for every input and add up the worst cases of all neurons."
    )


segments = Figure(
    name="segments",
    title="Slopes along {column}, proven and observed",
    kind="Interval chart",
    reading="Each box is a segment between two knots of the column. The light box is proven to contain every "
    "slope of the prediction along the column, for any values of the other columns. The dark box is the "
    "range observed at the rows, and its line is their median. A light box that does not cross zero proves a "
    "direction on its segment.",
    table=segments_table,
    draw=draw,
    height=lambda table: 5.0,
    finding=finding,
    headers={
        "low_per_unit": "low per unit",
        "high_per_unit": "high per unit",
        "own_step": "own step",
        "observed_min": "observed, smallest",
        "observed_median": "observed, median",
        "observed_max": "observed, largest",
        "proven_over_observed": "ratio of proven to observed width",
        "log_axis": "logarithmic",
    },
    once=("unit", "step", "own_step", "column", "log_axis", "least", "largest"),
)
