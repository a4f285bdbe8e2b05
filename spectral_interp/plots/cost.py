"""What every explainer costs."""

from __future__ import annotations

import pandas as pd

from .._common.text import number
from ..comparison.compare import Comparison
from ..comparison.explainers import SPECTRAL
from .figure import Figure


def cost_table(comparison: Comparison) -> pd.DataFrame:
    """Return one line per (model, method): concentration, milliseconds and evaluations per row, status."""
    return comparison.cost


def finding(table: pd.DataFrame) -> str:
    """Name the cheapest and the most expensive explainer of the spectral model."""
    ours = table[(table["model"] == SPECTRAL) & table["ms_per_row"].notna()].sort_values("ms_per_row")
    if ours.empty:
        return "No explainer worked on the spectral model."
    cheap, costly = ours.iloc[0], ours.iloc[-1]
    return (
        f"On the spectral model {cheap['method']} is cheapest, {number(cheap['ms_per_row'])} ms a row, and "
        f"{costly['method']} the most expensive, {number(costly['ms_per_row'])} ms."
    )


cost = Figure(
    name="cost",
    title="Cost of every explainer",
    kind="Table",
    reading="Milliseconds and model evaluations for one row; Gini: 1 puts all on one column, 0 spreads "
    "evenly.",
    table=cost_table,
    finding=finding,
    headers={"ms_per_row": "ms per row", "evaluations_per_row": "evaluations per row"},
)
