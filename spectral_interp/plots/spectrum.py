"""All eigenvalues along one column, the selected one marked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..regions.slices import SpectrumSlice
from .lines import Colours, column_title, label_y, legend_below
from .style import MODELS, NEUTRAL, WHOLE, label_log
from .text import NAME, UNIT, VALUE, plain_text, shorten, shorten_all


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


@plain_text
def spectrum(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> Axes:
    """Draw the eigenvalues as lines (dots for levels), the row's own value and the closest approaches.

    Parameters
    ----------
    table : DataFrame
        From :func:`spectrum_table`.
    ax : Axes
    colours : mapping, optional
        Of columns, as :func:`spectral_interp.plots.column_colours` gives them.
    """
    levels = list(dict.fromkeys(table["value"])) if _has_levels(table) else []
    if levels:
        places = {level: at for at, level in enumerate(levels)}
        table = table.assign(value=table["value"].map(places), row_value=table["row_value"].map(places))
    selected = table[table["selected"]]
    _add_eigenvalues(table, selected, ax, *("o", ":") if levels else ("", "-"))
    close = selected[selected["crossing"]]
    if len(close):
        label = "gap to a neighbour is smallest"
        ring: dict[str, Any] = {"mfc": "none", "mec": NEUTRAL, "mew": 1.8, "markersize": 10, "zorder": 3}
        ax.plot(close["value"], close["eigenvalue"], "o", label=label, **ring)
    first = table.iloc[0]
    if pd.notna(first["row_value"]):
        ax.axvline(first["row_value"], color=NEUTRAL, linestyle="--", linewidth=1, label="value of the row")
    if first["log_axis"]:
        ax.set_xscale("log")
        label_log(ax.xaxis)
    if levels:
        ax.set_xticks(range(len(levels)), shorten_all(map(str, levels), VALUE))
    name = str(first["column"])
    ax.set_xlabel(shorten(name, 2 * NAME))
    label_y(ax, f"eigenvalue ({shorten(first['unit'], UNIT)})")
    column_title(ax, f"Eigenvalue flow along {shorten(name)} at row {first['row']}", name, colours)
    legend_below(ax)
    return ax


def _has_levels(table: pd.DataFrame) -> bool:
    return not pd.api.types.is_numeric_dtype(table["value"].infer_objects().dtype)


def _add_eigenvalues(table: pd.DataFrame, selected: pd.DataFrame, ax: Axes, marker: str, line: str) -> None:
    """Draw the selected eigenvalue above the others."""
    look: dict[str, Any] = {"marker": marker, "linestyle": line}
    label = "other eigenvalues"
    for _, rows in table[~table["selected"]].groupby("index"):
        ax.plot(
            *(rows["value"], rows["eigenvalue"]),
            color=WHOLE,
            linewidth=0.9,
            markersize=3,
            label=label,
            **look,
        )
        label = ""
    label = f"prediction: number {selected['index'].iloc[0]} of 0–{table['index'].max()}"
    colour = MODELS["spectral"].colour
    ax.plot(selected["value"], selected["eigenvalue"], color=colour, linewidth=3, label=label, **look)
