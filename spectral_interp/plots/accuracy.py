"""Accuracy of each model."""

from __future__ import annotations

import pandas as pd

from .._common.text import listed, number
from ..comparison.compare import Comparison
from ..comparison.explainers import SPECTRAL
from .figure import Figure

HIGHER_IS_BETTER = {"R²", "accuracy"}
"""Primary metrics for which a higher value is better."""

LARGEST = "largest class"
"""Column with the accuracy of always predicting the largest class."""


def accuracy_table(comparison: Comparison) -> pd.DataFrame:
    """Return one line per model with its metrics on the rows. The table is empty without targets."""
    return comparison.accuracy


def finding(table: pd.DataFrame) -> str:
    """Name the best model."""
    if table.empty:
        return "No targets were given, so there is no accuracy to compare."
    metric = table.columns[1]
    higher = metric in HIGHER_IS_BETTER
    order = table.sort_values(metric, ascending=not higher, kind="stable", ignore_index=True)
    first, ours = order.iloc[0], table[table["model"] == SPECTRAL].iloc[0]
    best = order[order[metric] == first[metric]]["model"].tolist()
    if len(best) > 1:
        text = f"The {listed(best)} models are equally good on these rows: {metric} {number(first[metric])}"
    else:
        text = f"The {first['model']} model is best on these rows: {metric} {number(first[metric])}"
    if SPECTRAL not in best:
        text += f", compared with {number(ours[metric])} for the spectral model"
    elif len(best) == 1 and len(order) > 1:
        text += f"; {order['model'][1]} is second with {number(order[metric][1])}"
    if LARGEST in table:
        text += f". Always predicting the largest class gives {number(first[LARGEST])}"
    return f"{text}."


accuracy = Figure(
    name="accuracy",
    title="Accuracy",
    kind="Table",
    reading="Each line is a model. All models are evaluated on the same rows.",
    table=accuracy_table,
    finding=finding,
    once=("unit", "rows", LARGEST),
)
