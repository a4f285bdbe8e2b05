"""Agreement between the explanations of every (model, method), as a matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import number
from ..comparison.compare import Comparison
from ..comparison.explainers import SPECTRAL
from .figure import Figure
from .style import MODEL_LOOKS, NEUTRAL, VALUE_MAP
from .text import sentence

_DARK = 0.55
"""Numbers below this value are white, because low values have dark colours."""


def agreement_table(comparison: Comparison, measure: str = "spearman") -> pd.DataFrame:
    """Return one line per ordered pair of (model, method), with the measure of their agreement.

    A pair of the same (model, method) is included, with the value 1.
    """
    labels = [f"{model}: {method}" for model, method in comparison.attributions]
    pairs = comparison.agreement
    a, b = (pairs[f"model_{side}"] + ": " + pairs[f"method_{side}"] for side in "ab")
    one = pd.DataFrame({"a": a, "b": b, "value": pairs[measure]})
    same = pd.DataFrame({"a": labels, "b": labels, "value": 1.0})
    return pd.concat([one, one.rename(columns={"a": "b", "b": "a"}), same], ignore_index=True).assign(
        measure=measure
    )


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the lower half of the matrix. Lines separate the models, whose names are on the diagonal."""
    labels = list(table.loc[table["a"] == table["b"], "a"])
    models, methods = zip(*(label.split(": ", 1) for label in labels), strict=True)
    matrix = table.pivot(index="a", columns="b", values="value").loc[labels, labels].to_numpy()
    sns.heatmap(
        matrix,
        mask=~np.tri(len(labels), dtype=bool),
        vmin=min(0.0, np.nanmin(matrix)),
        vmax=1,
        cmap=VALUE_MAP,
        annot=[[_two_decimals(value) for value in line] for line in matrix],
        fmt="",
        annot_kws={"fontsize": min(11.0, 130 / len(matrix))},
        linewidths=0.6,
        cbar=False,
        xticklabels=methods,
        yticklabels=methods,
        ax=ax,
    )
    shown = matrix[np.tri(len(labels), dtype=bool)]
    for text, value in zip(ax.texts, shown[np.isfinite(shown)], strict=True):
        text.set_color("white" if value < _DARK else NEUTRAL)
    for at, model in enumerate(models):
        if at == 0 or model != models[at - 1]:
            ax.axhline(at, color="white", linewidth=4)
            ax.axvline(at, color="white", linewidth=4)
            colour = MODEL_LOOKS[model].colour
            ax.text(at + 1.2, at + 0.5, f"{model} model", va="center", color=colour, weight="bold")
    ax.tick_params(length=0, labelsize=11)
    ax.tick_params(axis="x", rotation=90)
    ax.tick_params(axis="y", rotation=0)
    measure = table["measure"].iloc[0].capitalize()
    ax.set_title(f"Agreement of the contributions, row by row ({measure})")


def _two_decimals(value: float) -> str:
    """Return a number with two decimals and no leading zero, and 1 as "1"."""
    return "1" if value == 1 else f"{value:.2f}".replace("-", "−").replace("0.", ".")


def finding(table: pd.DataFrame) -> str:
    """State the agreement between methods on the spectral model, and between the models."""
    pairs = table[table["a"] != table["b"]].dropna(subset=["value"])
    ours = pairs["a"].str.startswith(f"{SPECTRAL}: ")
    within = pairs.loc[ours & pairs["b"].str.startswith(f"{SPECTRAL}: "), "value"]
    between = pairs.loc[ours & ~pairs["b"].str.startswith(f"{SPECTRAL}: "), "value"]
    found = {
        "agreement between methods on the spectral model ranges": within,
        "agreement with methods on other models ranges": between,
    }
    parts = [
        f"{what} from {number(values.min())} to {number(values.max())}"
        for what, values in found.items()
        if len(values)
    ]
    return sentence("; ".join(parts)) if parts else "There are no two explanations to compare."


agreement = Figure(
    name="agreement",
    title="Do the explanations agree?",
    kind="Matrix of numbers",
    reading="Each number is the mean over rows of the rank correlation between the contributions of two "
    "explanations. At 1 they rank the columns identically; at 0 the rankings are unrelated. Blocks along the "
    "diagonal compare methods on the same model.",
    table=agreement_table,
    draw=draw,
    height=lambda table: 6.6,
    finding=finding,
    once=("measure",),
)
