"""How fast a prediction goes when the columns that made it go."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ..comparison import Comparison
from .style import COLOURS, NEUTRAL

LINES = ("-", "--", ":")


def deletion_table(comparison: Comparison) -> pd.DataFrame:
    """Return the comparison's curves, those of random orders included, with each one's area."""
    areas = comparison.curves.groupby(["model", "method"], sort=False)["deletion"].mean().rename("mean")
    return comparison.curves.merge(areas.reset_index(), on=["model", "method"])


def deletion(table: pd.DataFrame, ax: Axes, model: str = "spectral") -> Axes:
    """Draw the deletion curve of every method on one model; a thick grey line is the random order."""
    rows = table[table["model"] == model]
    methods = [name for name in dict.fromkeys(rows["method"]) if name != "random"]
    by_method = dict(list(rows.groupby("method")))
    if "random" in by_method:
        line = by_method["random"]
        ax.plot(line["share"], line["deletion"], color="#B0B0B0", linewidth=4, label="random order")
    for i, name in enumerate(methods):
        line = by_method[name]
        dashes = LINES[i // len(COLOURS) % len(LINES)]
        ax.plot(
            line["share"], line["deletion"], dashes, color=COLOURS[i % len(COLOURS)], label=name, marker="."
        )
    ax.axhline(0, color=NEUTRAL, linewidth=0.8)
    ax.set_xlim(0, 1)
    ax.set_xlabel("share of the columns put to the background, those most for the prediction first")
    ax.set_ylabel("distance from the mean, as a share")
    ax.set_title(f"Deletion on the {model} model (lower is better)")
    ax.legend(loc="upper right", fontsize=8)
    return ax
