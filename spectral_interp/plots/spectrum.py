"""All eigenvalues along one column, with the selected one highlighted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import number
from ..regions.slices import SpectrumSlice
from .dates import drawn, holds_dates, label_dates
from .figure import Figure
from .lines import label_y, legend_below, name_levels
from .style import MODEL_LOOKS, NEUTRAL, WHOLE, label_log
from .text import NAME, row_name, shorten, unit_text, value_text, with_unit


def spectrum_table(found: SpectrumSlice, share: float | None = None) -> pd.DataFrame:
    """Return one line per (value, eigenvalue), with the selected one, its gap, and where the gap is smallest.

    For a neuron of a sum, ``neuron`` is its position and ``share`` is its share of the variance of
    predictions.
    """
    m, d = found.spectra.shape
    which: dict[str, Any] = {"which": found.which} if found.which else {}
    if found.neuron is not None:
        which |= {"neuron": found.neuron} | ({} if share is None else {"share": share})
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
        | which
    )


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the eigenvalues as lines (dots for levels), the value of the row and the closest approaches.

    Parameters
    ----------
    table : DataFrame
        From :func:`spectrum_table`.
    ax : Axes
    """
    dates = holds_dates(table["value"])
    if dates:
        table = table.assign(value=drawn(table["value"]), row_value=drawn(table["row_value"]))
    levels = list(dict.fromkeys(table["value"])) if _has_levels(table) else []
    if levels:
        places = {level: at for at, level in enumerate(levels)}
        table = table.assign(value=table["value"].map(places), row_value=table["row_value"].map(places))
    selected = table[table["selected"]]
    _add_eigenvalues(table, selected, ax, *("o", ":") if levels else ("", "-"))
    close = selected[selected["crossing"]]
    if len(close):
        label = "smallest gap to a neighbour"
        ring: dict[str, Any] = {"mfc": "none", "mec": NEUTRAL, "mew": 1.8, "markersize": 10, "zorder": 3}
        ax.plot(close["value"], close["eigenvalue"], "o", label=label, **ring)
    first = table.iloc[0]
    if pd.notna(first["row_value"]):
        ax.axvline(first["row_value"], color=NEUTRAL, linestyle="--", linewidth=1, label="value of the row")
    if first["log_axis"]:
        ax.set_xscale("log")
        label_log(ax.xaxis)
    if dates:
        label_dates(ax.xaxis)
    if levels:
        name_levels(ax, list(map(str, levels)))
        ax.set_xlim(-0.5, len(levels) - 0.5)
    name = str(first["column"])
    ax.set_xlabel(shorten(name, 2 * NAME) + (f" ({first['which']})" if "which" in table else ""))
    label_y(ax, f"eigenvalue ({unit_text(first['unit'])})")
    neuron = f"Neuron {first['neuron']}: e" if "neuron" in table else "E"
    title = f"{neuron}igenvalue flow along {shorten(name)} at row {row_name(first['row'])}"
    ax.set_title(title, loc="left")
    legend_below(ax)


def _has_levels(table: pd.DataFrame) -> bool:
    return not pd.api.types.is_numeric_dtype(table["value"].infer_objects().dtype)


def _add_eigenvalues(table: pd.DataFrame, selected: pd.DataFrame, ax: Axes, marker: str, line: str) -> None:
    """Draw the selected eigenvalue in front of the others."""
    look: dict[str, Any] = {"x": "value", "y": "eigenvalue", "marker": marker, "linestyle": line, "ax": ax}
    others = table[~table["selected"]]
    if len(others):
        thin = {"color": WHOLE, "linewidth": 0.9, "markersize": 3}
        sns.lineplot(others, units="index", estimator=None, **thin, **look)
        ax.lines[-1].set_label("other eigenvalues")
    label = f"{_what(table)}: eigenvalue {selected['index'].iloc[0]} of 0–{table['index'].max()}"
    colour = MODEL_LOOKS["spectral"].colour
    sns.lineplot(selected, color=colour, linewidth=3, label=label, legend=False, estimator=None, **look)


def _what(table: pd.DataFrame) -> str:
    return "value of the neuron" if "neuron" in table else "prediction"


def finding(table: pd.DataFrame) -> str:
    """State where along the column the prediction comes closest to another eigenvalue."""
    column = table["column"].iloc[0]
    selected = table[table["selected"]].reset_index(drop=True)
    nearest = selected.iloc[int(selected["gap"].argmin())]
    span = selected["eigenvalue"].max() - selected["eigenvalue"].min()
    at = value_text(nearest["value"])
    return (
        f"Along {column}, the {_what(table)} varies by {with_unit(span, table)}. It is closest to another "
        f"eigenvalue at {at}, where they are {number(nearest['gap'])} apart.{_leads(table)}"
    )


def _leads(table: pd.DataFrame) -> str:
    if "share" not in table:
        return ""
    return f" The neuron accounts for {table['share'].iloc[0]:.0%} of the variance of the predictions."


READING = (
    "The thick line is the {what}; the thin lines are the other eigenvalues of the same matrix. All other "
    "columns are fixed at the values of row {{row}}. Where lines approach without touching{circles}, "
    "couplings bend the {what} from one nearly straight piece to the next. Without couplings, every latent "
    "would be a straight line, and the lines would cross."
)


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    text = READING.format(what=_what(table), circles="" if "neuron" in table else " (circles)")
    if "neuron" not in table:
        return text
    return (
        "A sum has no eigenvalues of its own. The figure shows neuron "
        f"{table['neuron'].iloc[0]}, the most important one. "
        f"{text.replace('a straight line', 'a line that is straight between knots')}"
    )


spectrum = Figure(
    name="spectrum",
    title="Eigenvalue flow along {column}",
    kind="Line chart",
    reading=reading,
    table=spectrum_table,
    draw=draw,
    height=lambda table: 5.0,
    finding=finding,
    headers={"row_value": "value of the row", "log_axis": "logarithmic"},
    once=("unit", "row", "column", "row_value", "log_axis", "neuron", "share"),
)
