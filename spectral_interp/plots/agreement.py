"""How far every pair of (model, method) agrees, as a matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..comparison import Comparison
from .style import NEUTRAL, VALUE_MAP


def agreement_table(comparison: Comparison, measure: str = "spearman") -> pd.DataFrame:
    """Return one line per ordered pair of (model, method), with themselves: the measure, 1 being the same."""
    labels = [f"{model}: {method}" for model, method in comparison.attributions]
    pairs = comparison.agreement
    a, b = (pairs[f"model_{side}"] + ": " + pairs[f"method_{side}"] for side in "ab")
    one = pd.DataFrame({"a": a, "b": b, "value": pairs[measure]})
    same = pd.DataFrame({"a": labels, "b": labels, "value": 1.0})
    return pd.concat([one, one.rename(columns={"a": "b", "b": "a"}), same], ignore_index=True).assign(
        measure=measure
    )


def agreement(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the matrix with its numbers; lines part the models."""
    labels = list(table.loc[table["a"] == table["b"], "a"])
    matrix = table.pivot(index="a", columns="b", values="value").loc[labels, labels].to_numpy()
    ax.imshow(matrix, cmap=VALUE_MAP, aspect="auto", vmin=min(0.0, np.nanmin(matrix)), vmax=1)
    size = min(8.0, 90 / max(len(labels), 1))
    for (i, j), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            colour = "white" if value < 0.55 else NEUTRAL
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=size)
    models = [label.split(": ", 1)[0] for label in labels]
    for at in range(1, len(labels)):
        if models[at] != models[at - 1]:
            ax.axhline(at - 0.5, color="white", linewidth=2)
            ax.axvline(at - 0.5, color="white", linewidth=2)
    ax.set_xticks(range(len(labels)), labels, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(False)
    ax.set_title(f"Agreement of the contributions, row by row ({table['measure'].iloc[0].capitalize()})")
    return ax
