"""Faithfulness against cost of every explainer."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import number
from ..comparison.compare import Comparison
from ..comparison.explainers import SPECTRAL
from .figure import Figure
from .style import METHOD_LOOKS, MODEL_LOOKS, label_log


def faithfulness_cost_table(comparison: Comparison) -> pd.DataFrame:
    """Return one line per (model, method): gain in deletion area over random orders, and cost."""
    faithful = comparison.faithfulness[["model", "method", "deletion", "random_deletion"]]
    table = faithful.merge(comparison.cost, on=["model", "method"])
    return table.assign(gain=table["random_deletion"] - table["deletion"])


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw a marker per (model, method), with a colour for the model and a shape for the method.

    Up is more faithful, left is cheaper. Pairs with a missing number have no marker.
    """
    shown = table.dropna(subset=["gain", "ms_per_row"])
    ax.set_xscale("log")
    if len(shown):
        methods = list(dict.fromkeys(shown["method"]))
        sns.scatterplot(
            shown,
            x="ms_per_row",
            y="gain",
            hue="model",
            style="method",
            palette={model: MODEL_LOOKS[model].colour for model in dict.fromkeys(shown["model"])},
            markers={method: METHOD_LOOKS[method].marker for method in methods},
            s=120,
            edgecolor="white",
            zorder=3,
            ax=ax,
        )
        low, high = shown["gain"].min(), shown["gain"].max()
        room = 0.2 * max(high - low, 0.1)
        ax.set_ylim(low - room, high + room)
        ax.set_xlim(shown["ms_per_row"].min() / 2, shown["ms_per_row"].max() * 2)
        label_log(ax.xaxis)
        sns.move_legend(ax, "center left", bbox_to_anchor=(1, 0.5), fontsize=11, handletextpad=0.2)
    ax.grid(color="black", alpha=0.08)
    ax.set_axisbelow(True)
    ax.set_xlabel("milliseconds per row")
    ax.set_ylabel("gain over random deletion (area)")
    ax.set_title("Faithfulness against cost (up and left is better)")


def finding(table: pd.DataFrame) -> str:
    """State the cost of the cheapest method that is nearly as faithful as the best."""
    ours = table[table["model"] == SPECTRAL].dropna(subset=["gain", "ms_per_row"])
    if ours.empty:
        return "No explainer succeeded on the spectral model."
    best = ours.iloc[int(ours["gain"].argmax())]
    near = ours[ours["gain"] >= 0.98 * best["gain"]] if best["gain"] > 0 else ours
    cheap = near.iloc[int(near["ms_per_row"].argmin())]
    return (
        f"On the spectral model, {cheap['method']} is the cheapest method within 2% of the most faithful "
        f"({best['method']}), at {number(cheap['ms_per_row'])} ms per row."
    )


faithfulness_cost = Figure(
    name="faithfulness_cost",
    title="Faithfulness against cost",
    kind="Scatter chart",
    reading="Higher points improve more on a random order; points further left are cheaper. The colour shows "
    "the model and the shape shows the method.",
    table=faithfulness_cost_table,
    draw=draw,
    finding=finding,
    headers={
        "random_deletion": "deletion, random order",
        "ms_per_row": "ms per row",
        "evaluations_per_row": "evaluations per row",
    },
)
