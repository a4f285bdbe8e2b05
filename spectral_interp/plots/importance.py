"""Mean size of the contributions, split into what the diagonals and what the couplings make."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from .._common.text import counted, listed
from ..attribution.result import Attribution
from .figure import Figure
from .lines import (
    Colours,
    add_bars,
    fold,
    fold_names,
    height_of_lines,
    label_x,
    legend_below,
    limit_others,
    name_lines,
)
from .style import COUPLING, COUPLING_HATCH, DIAGONAL, NEUTRAL, TOP, WHOLE
from .text import UNIT, shorten, with_unit


def importance_table(attribution: Attribution) -> pd.DataFrame:
    """Return mean |contribution| per column and, where the method splits, of its two parts; largest first."""
    parts = {"contribution": attribution.values}
    if attribution.diagonal is not None and attribution.coupling is not None:
        parts |= {"diagonal": attribution.diagonal, "coupling": attribution.coupling}
    means = {f"mean_abs_{name}": np.abs(values).mean(axis=0) for name, values in parts.items()}
    table = pd.DataFrame(
        {
            "column": list(attribution.columns),
            **means,
            "unit": attribution.unit,
            "method": attribution.method,
            "rows": len(attribution.values),
        }
    )
    return table.sort_values("mean_abs_contribution", ascending=False, ignore_index=True, kind="stable")


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Stack the mean sizes of the two parts; a dot marks the mean size of their sum, where they cancel.

    Methods without parts have a grey bar, and models without couplings plain ones. The columns after the
    first twenty are one line, the sum of their mean sizes.

    Parameters
    ----------
    table : DataFrame
        From :func:`importance_table`.
    ax : Axes
    colours : mapping, optional
        Of columns, as :func:`spectral_interp.plots.column_colours` gives them.
    """
    whole, names = fold(table["mean_abs_contribution"].to_numpy()), fold_names(list(table["column"]))
    lines = len(names)
    ax.use_sticky_edges = False
    reach = whole
    if "mean_abs_coupling" not in table:
        add_bars(ax, whole, lines=lines, color=WHOLE)
    else:
        diagonal, coupling = (fold(table[f"mean_abs_{part}"].to_numpy()) for part in ("diagonal", "coupling"))
        add_bars(ax, diagonal, lines=lines, color=DIAGONAL, label="diagonal part")
        reach = diagonal + coupling
        if coupling.any():
            _add_couplings(diagonal, coupling, whole, ax)
    name_lines(ax, names, colours=colours)
    ax.set_xlim(left=0)
    if len(names) < len(table):
        limit_others(ax, reach[:TOP].max(), reach[TOP:], whole[TOP:])
    ax.locator_params(axis="x", nbins=5)
    label_x(ax, f"mean |contribution| ({shorten(table['unit'][0], UNIT)})")
    method, rows = table["method"][0].capitalize(), counted(int(table["rows"][0]), "row")
    ax.set_title(f"{method} contributions, {rows}")
    legend_below(ax)


def _add_couplings(diagonal: FloatArray, coupling: FloatArray, whole: FloatArray, ax: Axes) -> None:
    """Stack the coupling parts on the diagonal ones, and mark the whole."""
    add_bars(
        ax,
        coupling,
        lines=len(whole),
        left=diagonal,
        color=COUPLING,
        hatch=COUPLING_HATCH,
        edgecolor="white",
        linewidth=0,
        label="coupling part",
    )
    ax.plot(
        whole, range(len(whole)), "o", color=NEUTRAL, markeredgecolor="white", label="both (parts may cancel)"
    )


def finding(table: pd.DataFrame) -> str:
    """Name the columns with most of the contributions, and the share of the couplings."""
    sizes = table["mean_abs_contribution"]
    if not sizes.sum():
        return "No column contributes anything at these rows."
    top = table["column"].head(3).tolist()
    share = sizes.head(3).sum() / sizes.sum()
    if len(table) == 1:
        text = f"{top[0]} is the only column, with a mean size of {with_unit(sizes[0], table)}"
    else:
        text = f"{listed(top)} make {share:.0%} of the size of all contributions"
    if "mean_abs_coupling" not in table:
        return f"{text}."
    parts = table["mean_abs_coupling"].sum(), table["mean_abs_diagonal"].sum()
    return f"{text}; {parts[0] / sum(parts):.0%} of the size of all parts comes from couplings."


importance = Figure(
    name="importance",
    title="Mean size of the contributions ({method}, {rows:,} rows)",
    kind="Bar chart",
    reading="The longer the bar, the more a column moves predictions, in either direction. Plain: what the "
    "column does by itself (diagonal). Hatched: what it does by mixing neighbouring latents "
    "(coupling). The dot is the size of both together, less than the bar where they cancel. Methods "
    "without parts have a grey bar.",
    table=importance_table,
    draw=draw,
    height=lambda table: height_of_lines(len(table)),
    finding=finding,
    headers={
        "mean_abs_contribution": "mean |contribution|",
        "mean_abs_diagonal": "mean |diagonal|",
        "mean_abs_coupling": "mean |coupling|",
    },
    once=("unit", "method", "rows"),
)
