"""Faithfulness of every explainer."""

from __future__ import annotations

import pandas as pd

from .._common.text import listed
from ..comparison.compare import Comparison
from ..comparison.explainers import SPECTRAL
from .figure import Figure

EXACT = 1e-9
"""Maximum relative completeness gap that counts as rounding error."""


def faithfulness_table(comparison: Comparison) -> pd.DataFrame:
    """Return one line per (model, method): completeness gap, deletion, insertion, infidelity, sensitivity."""
    return comparison.faithfulness


def finding(table: pd.DataFrame) -> str:
    """Name the methods whose contributions do not add up to the prediction."""
    ours = table[table["model"] == SPECTRAL].dropna(subset=["completeness_gap_relative"])
    missing = ours[ours["completeness_gap_relative"] > EXACT]
    if missing.empty:
        return "On the spectral model, the completeness gap of every method is zero up to rounding."
    named = [f"{line.method} (up to {line.completeness_gap_relative:.1%})" for line in missing.itertuples()]
    return (
        f"On the spectral model, the completeness gap relative to the spread of the predictions is not zero "
        f"for {listed(named)}. For every other method it is zero up to rounding."
    )


faithfulness = Figure(
    name="faithfulness",
    title="Faithfulness of every explainer",
    kind="Table",
    reading="The completeness gap is the difference between the sum of the contributions and the prediction. "
    "Lower is better for deletion, infidelity and sensitivity; higher is better for insertion.",
    table=faithfulness_table,
    finding=finding,
    headers={
        "completeness_gap": "completeness gap",
        "completeness_gap_relative": "gap relative to the spread",
        "random_deletion": "deletion, random order",
        "random_insertion": "insertion, random order",
    },
    once=("unit",),
)
