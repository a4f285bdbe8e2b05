"""How far every pair of (model, method) agrees, as a matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from ..comparison.compare import Comparison
from .style import MODELS, NEUTRAL, VALUE_MAP
from .text import plain_text


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


@plain_text
def agreement(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the lower half of the matrix with its numbers; lines part the models, named on the diagonal."""
    labels = list(table.loc[table["a"] == table["b"], "a"])
    models, methods = zip(*(label.split(": ", 1) for label in labels), strict=True)
    matrix = table.pivot(index="a", columns="b", values="value").loc[labels, labels].to_numpy()
    lowest = min(0.0, np.nanmin(matrix))
    matrix = np.where(np.tri(len(labels), dtype=bool), matrix, np.nan)
    ax.imshow(matrix, cmap=VALUE_MAP, aspect="auto", vmin=lowest, vmax=1)
    _write_numbers(matrix, ax)
    _part_models(models, ax)
    ax.set_xticks(range(len(labels)), methods, rotation=90)
    ax.set_yticks(range(len(labels)), methods)
    ax.tick_params(length=0, labelsize=11)
    ax.spines[:].set_visible(False)
    measure = table["measure"].iloc[0].capitalize()
    ax.set_title(f"Agreement of the contributions, row by row ({measure})")
    return ax


def _write_numbers(matrix: FloatArray, ax: Axes) -> None:
    """Write two decimals, without the zero before the point."""
    size = min(11.0, 130 / len(matrix))
    for (i, j), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            text = f"{value:.2f}".replace("-", "−").replace("0.", ".") if i != j else "1"
            colour = "white" if value < 0.55 else NEUTRAL
            ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=size)


def _part_models(models: tuple[str, ...], ax: Axes) -> None:
    """Draw white lines between the models, and their names to the right of the diagonal."""
    for at, model in enumerate(models):
        if at and model != models[at - 1]:
            ax.axhline(at - 0.5, color="white", linewidth=3)
            ax.axvline(at - 0.5, color="white", linewidth=3)
        if at == 0 or model != models[at - 1]:
            ax.text(at + 0.7, at, f"{model} model", va="center", color=MODELS[model].colour, weight="bold")
