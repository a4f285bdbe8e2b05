"""All eigenvalues along one column, the selected one marked."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..slices import SpectrumSlice
from .style import COUPLING, DIAGONAL, NEUTRAL, UNIT, label_log, shorten

_OTHERS = "#9A9A9A"


def spectrum_table(found: SpectrumSlice) -> pd.DataFrame:
    """Return one line per (value, eigenvalue): which is selected, its gap, where it is smallest."""
    m, d = found.spectra.shape
    return pd.DataFrame(
        {
            "column": found.axis.name,
            "value": np.repeat(found.x, d),
            "index": np.tile(np.arange(d), m),
            "eigenvalue": found.spectra.ravel(),
            "selected": np.tile(np.arange(d) == found.k, m),
            "gap": np.repeat(found.gap, d),
            "crossing": np.repeat(found.crossing, d),
            "row_value": found.here,
            "row": found.row,
            "log_axis": found.axis.log,
            "unit": found.unit,
        }
    )


def spectrum(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the eigenvalues as lines (dots for levels), the row's own value and the closest approaches."""
    levels = not pd.api.types.is_numeric_dtype(table["value"].infer_objects().dtype)
    selected = table[table["selected"]]
    marker, line = ("o", ":") if levels else ("", "-")
    others = table[~table["selected"]].groupby("index")
    for place, (_, rows) in enumerate(others):
        label = "other eigenvalues" if place == 0 else None
        ax.plot(
            rows["value"],
            rows["eigenvalue"],
            color=_OTHERS,
            linewidth=0.9,
            marker=marker,
            markersize=3,
            linestyle=line,
            label=label,
        )
    index = int(selected["index"].iloc[0])
    label = f"prediction: number {index} of 0–{table['index'].max()}"
    ax.plot(
        selected["value"],
        selected["eigenvalue"],
        color=DIAGONAL,
        linewidth=2.4,
        marker=marker,
        linestyle=line,
        label=label,
    )
    close = selected[selected["crossing"]]
    if len(close):
        ax.scatter(
            close["value"],
            close["eigenvalue"],
            s=80,
            facecolors="none",
            edgecolors=COUPLING,
            linewidths=1.8,
            zorder=3,
            label="gap to a neighbour is smallest",
        )
    here = table["row_value"].iloc[0]
    if here is not None:
        ax.axvline(here, color=NEUTRAL, linestyle="--", linewidth=1, label="value of the row")
    if table["log_axis"].iloc[0]:
        ax.set_xscale("log")
        label_log(ax.xaxis)
    if levels:
        ticks = list(dict.fromkeys(table["value"]))
        ax.set_xticks(range(len(ticks)), [shorten(str(level), 14) for level in ticks])
    name = str(table["column"].iloc[0])
    ax.set(xlabel=shorten(name, 60), ylabel=f"eigenvalue ({shorten(table['unit'].iloc[0], UNIT)})")
    ax.set_title(f"Spectrum along {shorten(name)}, the other columns as in row {table['row'].iloc[0]}")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
    return ax
