"""Deletion curves: how fast a prediction approaches the mean as columns are set to the background."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import number
from ..comparison.compare import Comparison
from ..comparison.explainers import SPECTRAL
from .figure import Figure
from .lines import label_x
from .style import FAINT, METHOD_LOOKS, NEUTRAL, line_looks


def deletion_table(comparison: Comparison) -> pd.DataFrame:
    """Return the deletion curves of the comparison, including random orders, with their areas."""
    areas = comparison.curves.groupby(["model", "method"], sort=False)["deletion"].mean().rename("mean")
    return comparison.curves.merge(areas.reset_index(), on=["model", "method"])


def draw(table: pd.DataFrame, ax: Axes, *, model: str = SPECTRAL) -> None:
    """Draw the deletion curve of every method on one model, with random orders as a thick grey line."""
    shown = table[table["model"] == model]
    axes: dict[str, Any] = {"x": "share", "y": "deletion", "estimator": None, "ax": ax}
    random, ranked = (shown[(shown["method"] == "random") == is_random] for is_random in (True, False))
    if len(random):
        sns.lineplot(random, color=FAINT, linewidth=5, label="random order", **axes)
    methods = list(dict.fromkeys(ranked["method"]))
    if methods:
        sns.lineplot(
            ranked,
            hue="method",
            style="method",
            **line_looks({name: METHOD_LOOKS[name] for name in methods}),
            markersize=6,
            markevery=max(1, len(ranked) // len(methods) // 10),
            **axes,
        )
    ax.axhline(0, color=NEUTRAL, linewidth=0.8)
    ax.set_xlim(0, 1)
    label_x(ax, "share of columns set to the background, strongest support for the prediction first")
    ax.set_ylabel("relative distance from the mean")
    ax.set_title(f"Deletion on the {model} model (lower is better)")
    if len(shown):
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=11, handlelength=3)


def finding(table: pd.DataFrame) -> str:
    """Name the method with the fastest deletion curve."""
    ours = table[table["model"] == SPECTRAL].drop_duplicates("method").set_index("method")["mean"]
    methods = ours.drop("random", errors="ignore").sort_values()
    if methods.empty:
        return "No explainer succeeded on the spectral model."
    text = f"On the spectral model, the order of {methods.index[0]} brings predictions to the mean fastest"
    if "random" not in ours:
        return f"{text}."
    return (
        f"{text}: the mean distance is {number(methods.iloc[0])}, compared with {number(ours['random'])} for "
        "random orders."
    )


deletion = Figure(
    name="deletion",
    title="Deletion of columns",
    kind="Line chart",
    reading="Columns are set to background values, starting with the column that moves the prediction "
    "furthest from the mean. A faster fall means a better order of columns. Grey is a random order.",
    table=deletion_table,
    draw=draw,
    finding=finding,
    headers={"share": "share of columns"},
)
