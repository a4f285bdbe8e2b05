"""What a faithful explanation costs."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ..comparison import Comparison
from .style import COLOURS, NEUTRAL, label_log

MARKERS = ("o", "s", "^")
SPACING = 2.2  # of names on the logarithmic axis


def faithfulness_cost_table(comparison: Comparison) -> pd.DataFrame:
    """Return per (model, method) what its order gains in the area under deletion, and its cost."""
    faithful = comparison.faithfulness[["model", "method", "deletion", "random_deletion"]]
    table = faithful.merge(comparison.cost, on=["model", "method"])
    return table.assign(gain=table["random_deletion"] - table["deletion"])


def faithfulness_cost(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a marker per method, a shape per model: up is more faithful, left is cheaper."""
    shown = table.dropna(subset=["gain", "ms_per_row"])
    for i, (model, rows) in enumerate(shown.groupby("model", sort=False)):
        ax.scatter(
            rows["ms_per_row"], rows["gain"], s=46, color=COLOURS[i], marker=MARKERS[i], label=model, zorder=3
        )
        _label(rows.sort_values("ms_per_row"), ax, downward=i == len(MARKERS) - 1)
    ax.set_xscale("log")
    if len(shown):
        low, high = shown["gain"].min(), shown["gain"].max()
        room = 0.6 * max(high - low, 0.1)
        ax.set_ylim(low - room, high + room)
        ax.set_xlim(shown["ms_per_row"].min() / 2, shown["ms_per_row"].max() * 8)
        label_log(ax.xaxis)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    ax.set_xlabel("milliseconds per row")
    ax.set_ylabel("gain over random deletion (area)")
    ax.set_title("Faithfulness against cost (up and left is better)")
    return ax


def _label(rows: pd.DataFrame, ax: Axes, *, downward: bool) -> None:
    """Name the markers of one model, from the cheapest on, slanting away from the other models' names."""
    side, at = (-1 if downward else 1), 0.0
    for line in rows.itertuples():
        x, y = float(line.ms_per_row), float(line.gain)  # type: ignore[arg-type]
        at = max(x, at * SPACING)
        ax.annotate(
            str(line.method),
            (x, y),
            (at, y + side * 0.04),
            rotation=40 * side,
            rotation_mode="anchor",
            va="center",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": NEUTRAL, "linewidth": 0.4},
        )
