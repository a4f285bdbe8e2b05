"""Cost of every explainer."""

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
        return "No explainer succeeded on the spectral model."
    cheap, costly = ours.iloc[0], ours.iloc[-1]
    return (
        f"On the spectral model, {cheap['method']} is the cheapest at {number(cheap['ms_per_row'])} ms per "
        f"row, and {costly['method']} is the most expensive at {number(costly['ms_per_row'])} ms."
    )


cost = Figure(
    name="cost",
    title="Cost of every explainer",
    kind="Table",
    reading="The table gives milliseconds and model evaluations per row. The Gini coefficient is near 1 if "
    "one column has the whole contribution, and 0 if all columns have equal contributions.",
    table=cost_table,
    finding=finding,
    headers={"ms_per_row": "ms per row", "evaluations_per_row": "evaluations per row"},
)
