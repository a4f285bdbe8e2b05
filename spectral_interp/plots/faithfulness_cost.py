"""What a faithful explanation costs."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ..comparison.compare import Comparison
from .style import METHODS, MODELS, label_log
from .text import plain_text


def faithfulness_cost_table(comparison: Comparison) -> pd.DataFrame:
    """Return per (model, method) what its order gains in the area under deletion, and its cost."""
    faithful = comparison.faithfulness[["model", "method", "deletion", "random_deletion"]]
    table = faithful.merge(comparison.cost, on=["model", "method"])
    return table.assign(gain=table["random_deletion"] - table["deletion"])


@plain_text
def faithfulness_cost(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a dot per (model, method), its colour the model's and its shape the method's.

    Up is more faithful, left is cheaper. What has no number has no dot.
    """
    shown = table.dropna(subset=["gain", "ms_per_row"])
    for _, line in shown.iterrows():
        colour, marker = MODELS[line["model"]].colour, METHODS[line["method"]].marker
        label = f"{line['model']}: {line['method']}"
        where = line["ms_per_row"], line["gain"]
        ax.scatter(*where, s=120, color=colour, marker=marker, edgecolor="white", label=label, zorder=3)
    ax.set_xscale("log")
    if len(shown):
        low, high = shown["gain"].min(), shown["gain"].max()
        room = 0.2 * max(high - low, 0.1)
        ax.set_ylim(low - room, high + room)
        ax.set_xlim(shown["ms_per_row"].min() / 2, shown["ms_per_row"].max() * 2)
        label_log(ax.xaxis)
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=11, handletextpad=0.2)
    ax.grid(color="black", alpha=0.08)
    ax.set_axisbelow(True)
    ax.set_xlabel("milliseconds per row")
    ax.set_ylabel("gain over random deletion (area)")
    ax.set_title("Faithfulness against cost (up and left is better)")
    return ax
