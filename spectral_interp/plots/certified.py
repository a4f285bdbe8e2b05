"""The interval that holds every derivative, column by column, and the derivatives at the rows inside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from .._common.text import at_most
from ..certificates.bounds import Certificate
from .lines import Colours, fold_names, label_x, legend_below, name_lines
from .style import CERTIFIED, NEUTRAL, PROVEN, PROVEN_HATCH, WHOLE, bar_height
from .text import UNIT, plain_text, shorten


def certified_table(certificate: Certificate) -> pd.DataFrame:
    """Return what is certified per column, as :meth:`Certificate.columns`, the largest norm first."""
    table = certificate.columns()
    return table.sort_values("norm", ascending=False, ignore_index=True, kind="stable")


@plain_text
def certified(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> Axes:
    """Draw the certified intervals, those of proven sign hatched, and the observed range inside.

    The columns after the first twenty are not drawn but counted, with what bounds all of them.

    Parameters
    ----------
    table : DataFrame
        From :func:`certified_table`.
    ax : Axes
    colours : mapping, optional
        Of columns, as :func:`spectral_interp.plots.column_colours` gives them.
    """
    names = fold_names([_label(line) for _, line in table.iterrows()])
    shown, rest = table.iloc[: len(names)], table.iloc[:0]
    if len(names) < len(table):
        shown, rest = table.iloc[: len(names) - 1], table.iloc[len(names) - 1 :]
    y = np.arange(len(shown))
    ax.use_sticky_edges = False
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    _add_intervals(shown, y, 0.9 * bar_height(len(names)), ax)
    if "observed_min" in shown:
        ends = shown["observed_min"], shown["observed_max"]
        ax.hlines(y, *ends, color=NEUTRAL, linewidth=4, label="observed at the rows")
        median = shown["observed_median"]
        ax.plot(median, y, "o", color="white", markeredgecolor=NEUTRAL, label="median of the rows")
    if len(rest):
        bound = f"not drawn: each within ±{at_most(rest['norm'].max())}"
        ax.text(0, len(shown), bound, ha="center", va="center", color=WHOLE, backgroundcolor="white")
    columns = [*shown["column"], *names[len(shown) :]]
    name_lines(ax, names, columns=columns, colours=colours)
    label_x(ax, f"derivative ({shorten(table['unit'][0], UNIT)} per {_step(shown)})")
    ax.locator_params(axis="x", nbins=5)
    ax.set_title("Certified response to each column")
    legend_below(ax)
    return ax


def _add_intervals(shown: pd.DataFrame, y: npt.NDArray[np.int_], height: float, ax: Axes) -> None:
    for proven, colour, hatch, label in (
        (False, CERTIFIED, "", "certified for every input"),
        (True, PROVEN, PROVEN_HATCH, "certified, sign proven"),
    ):
        rows = (shown["monotone"] != 0).to_numpy() == proven
        if rows.any():
            ax.barh(
                y[rows],
                (shown["high"] - shown["low"])[rows],
                height,
                left=shown["low"][rows],
                color=colour,
                edgecolor="white" if hatch else colour,
                hatch=hatch,
                linewidth=0 if hatch else 1.5,  # shows intervals of width 0
                label=label,
            )


def _label(line: pd.Series) -> str:
    if line["kind"] == "levels":
        return f"{line['column']}: {line['step']}"
    return str(line["column"])


def _step(shown: pd.DataFrame) -> str:
    """Return what the derivatives are per, for all columns shown."""
    scaled = shown["step"].str.startswith("standard deviation").any()
    parts = ["standard deviation" if scaled else "unit"] if (shown["kind"] != "levels").any() else []
    return " or ".join(parts + ["change of level"] * bool((shown["kind"] == "levels").any()))
