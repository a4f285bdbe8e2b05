"""The interval that holds every derivative, column by column, and the derivatives at the rows inside it."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..certificates import Certificate
from .style import DIAGONAL, NEUTRAL, TOP, UNIT, bar_height, shorten

_OPEN, _PROVEN = "#C9D6DF", "#8CCFB7"


def certified_table(certificate: Certificate) -> pd.DataFrame:
    """Return what is certified per column, as :meth:`Certificate.columns`, the largest norm first."""
    table = certificate.columns()
    return table.sort_values("norm", ascending=False, ignore_index=True, kind="stable")


def certified(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the certified intervals, those of proven sign in another colour, and the observed range inside."""
    shown = table.head(TOP)
    y = np.arange(len(shown))
    ax.use_sticky_edges = False
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    for proven, colour, label in (
        (False, _OPEN, "certified for every input"),
        (True, _PROVEN, "certified, sign proven"),
    ):
        rows = (shown["monotone"] != 0).to_numpy() == proven
        if rows.any():
            widths = (shown["high"] - shown["low"])[rows]
            ax.barh(
                y[rows],
                widths,
                left=shown["low"][rows],
                height=0.9 * bar_height(len(shown)),
                color=colour,
                edgecolor=colour,
                linewidth=1.5,  # shows intervals of width 0
                label=label,
            )
    if "observed_min" in shown:
        ends = shown["observed_min"], shown["observed_max"]
        ax.hlines(y, *ends, color=DIAGONAL, linewidth=4, label="observed at the rows")
        ax.plot(
            shown["observed_median"],
            y,
            "o",
            color=NEUTRAL,
            markeredgecolor="white",
            label="median of the rows",
        )
    ax.set_yticks(y, [_label(line) for _, line in shown.iterrows()])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    label = textwrap.fill(f"derivative ({shorten(table['unit'][0], UNIT)} per {_step(shown)})", 60)
    ax.set_xlabel(label)
    ax.locator_params(axis="x", nbins=6)
    more = f" (top {TOP} of {len(table)})" if len(table) > TOP else ""
    ax.set_title(f"How predictions can respond to each column{more}")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12 - 0.05 * (1 + label.count("\n"))), ncols=2)
    return ax


def _label(line: pd.Series) -> str:
    if line["kind"] == "levels":
        return shorten(f"{line['column']}: {line['step']}")
    return shorten(line["column"])


def _step(shown: pd.DataFrame) -> str:
    """Return what the derivatives are per, for all columns shown."""
    scaled = shown["step"].str.startswith("standard deviation").any()
    parts = ["standard deviation" if scaled else "unit"] if (shown["kind"] != "levels").any() else []
    return " or ".join(parts + ["change of level"] * bool((shown["kind"] == "levels").any()))
