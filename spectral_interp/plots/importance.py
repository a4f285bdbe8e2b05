"""Mean size of the contributions, split into what the diagonals and what the couplings make."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from ..attribution.result import Attribution
from .lines import Colours, fold, fold_names, label_x, legend_below, limit_others, name_lines
from .style import COUPLING, COUPLING_HATCH, DIAGONAL, NEUTRAL, TOP, WHOLE, bar_height, count_rows
from .text import UNIT, plain_text, shorten


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


@plain_text
def importance(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> Axes:
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
    y, height = np.arange(len(names)), bar_height(len(names))
    ax.use_sticky_edges = False
    reach = whole
    if "mean_abs_coupling" not in table:
        ax.barh(y, whole, height, color=WHOLE)
    else:
        diagonal, coupling = (fold(table[f"mean_abs_{part}"].to_numpy()) for part in ("diagonal", "coupling"))
        ax.barh(y, diagonal, height, color=DIAGONAL, label="diagonal part")
        reach = diagonal + coupling
        if coupling.any():
            _add_couplings(diagonal, coupling, whole, height, ax)
    name_lines(ax, names, colours=colours)
    ax.set_xlim(left=0)
    if len(names) < len(table):
        limit_others(ax, reach[:TOP].max(), reach[TOP:], whole[TOP:])
    ax.locator_params(axis="x", nbins=5)
    label_x(ax, f"mean |contribution| ({shorten(table['unit'][0], UNIT)})")
    method, rows = table["method"][0].capitalize(), count_rows(table["rows"][0])
    ax.set_title(f"{method} contributions, {rows}")
    legend_below(ax)
    return ax


def _add_couplings(
    diagonal: FloatArray, coupling: FloatArray, whole: FloatArray, height: float, ax: Axes
) -> None:
    """Stack the coupling parts on the diagonal ones, and mark the whole."""
    y: npt.NDArray[np.int_] = np.arange(len(whole))
    ax.barh(
        y,
        coupling,
        height,
        left=diagonal,
        color=COUPLING,
        hatch=COUPLING_HATCH,
        edgecolor="white",
        linewidth=0,
        label="coupling part",
    )
    ax.plot(whole, y, "o", color=NEUTRAL, markeredgecolor="white", label="both (parts may cancel)")
