"""Mean size of the contributions, split into what the diagonals and what the couplings make."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from ..attribution import Attribution
from .style import COUPLING, DIAGONAL, NEUTRAL, TOP, WHOLE, bar_height, count_rows, shorten


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


def importance(table: pd.DataFrame, ax: Axes) -> Axes:
    """Stack the mean sizes of the two parts; a dot marks the mean size of their sum, where they cancel.

    Methods without parts have a grey bar, and models without couplings plain ones.
    """
    shown = table.head(TOP)
    y, height = np.arange(len(shown)), bar_height(len(shown))
    ax.use_sticky_edges = False
    if "mean_abs_coupling" not in shown:
        ax.barh(y, shown["mean_abs_contribution"], height, color=WHOLE)
    else:
        ax.barh(y, shown["mean_abs_diagonal"], height, color=DIAGONAL, label="diagonal part")
    if "mean_abs_coupling" in shown and shown["mean_abs_coupling"].any():
        _add_couplings(shown, y, height, ax)
    ax.set_yticks(y, [shorten(name) for name in shown["column"]])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(f"mean |contribution| ({table['unit'][0]})")
    more = f" (top {TOP} of {len(table)})" if len(table) > TOP else ""
    method, rows = table["method"][0].capitalize(), count_rows(table["rows"][0])
    ax.set_title(f"{method} contributions, {rows}: mean size{more}")
    return ax


def _add_couplings(shown: pd.DataFrame, y: npt.NDArray[np.int_], height: float, ax: Axes) -> None:
    """Stack the coupling parts on the diagonal ones, and mark the whole."""
    ax.barh(
        y,
        shown["mean_abs_coupling"],
        height,
        left=shown["mean_abs_diagonal"],
        color=COUPLING,
        hatch="//",
        edgecolor="white",
        linewidth=0,
        label="coupling part",
    )
    ax.plot(
        shown["mean_abs_contribution"],
        y,
        "o",
        color=NEUTRAL,
        markeredgecolor="white",
        label="both (parts may cancel)",
    )
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, columnspacing=1.2)
