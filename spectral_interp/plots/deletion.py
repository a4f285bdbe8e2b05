"""How fast a prediction goes when the columns that made it go."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ..comparison.compare import Comparison
from .lines import label_x
from .style import FAINT, METHODS, NEUTRAL
from .text import plain_text


def deletion_table(comparison: Comparison) -> pd.DataFrame:
    """Return the comparison's curves, those of random orders included, with each one's area."""
    areas = comparison.curves.groupby(["model", "method"], sort=False)["deletion"].mean().rename("mean")
    return comparison.curves.merge(areas.reset_index(), on=["model", "method"])


@plain_text
def deletion(table: pd.DataFrame, ax: Axes, *, model: str = "spectral") -> Axes:
    """Draw the deletion curve of every method on one model; a thick grey line is the random order."""
    by_method = dict(list(table[table["model"] == model].groupby("method", sort=False)))
    random = by_method.pop("random", None)
    if random is not None:
        ax.plot(random["share"], random["deletion"], color=FAINT, linewidth=5, label="random order")
    for name, rows in by_method.items():
        every = max(1, len(rows) // 10)
        ax.plot(rows["share"], rows["deletion"], label=str(name), markevery=every, **METHODS[str(name)].curve)
    ax.axhline(0, color=NEUTRAL, linewidth=0.8)
    ax.set_xlim(0, 1)
    label_x(ax, "share of the columns put to the background, those most for the prediction first")
    ax.set_ylabel("distance from the mean, as a share")
    ax.set_title(f"Deletion on the {model} model (lower is better)")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=11)
    return ax
