"""How faithful every explainer is."""

from __future__ import annotations

import pandas as pd

from .._common.text import listed
from ..comparison.compare import Comparison
from ..comparison.explainers import SPECTRAL
from .figure import Figure

EXACT = 1e-9
"""Gaps up to this share of the predictions' spread are rounding."""


def faithfulness_table(comparison: Comparison) -> pd.DataFrame:
    """Return one line per (model, method): completeness gap, deletion, insertion, infidelity, sensitivity."""
    return comparison.faithfulness


def finding(table: pd.DataFrame) -> str:
    """Name the methods whose sums miss the prediction."""
    ours = table[table["model"] == SPECTRAL].dropna(subset=["completeness_gap_relative"])
    missing = ours[ours["completeness_gap_relative"] > EXACT]
    if missing.empty:
        return (
            "On the spectral model every method's contributions add up to the prediction, but for rounding."
        )
    named = [
        f"{line.method} (by up to {line.completeness_gap_relative:.1%})" for line in missing.itertuples()
    ]
    return (
        f"On the spectral model the sums of {listed(named)} miss the prediction, as a share of the "
        "predictions' spread; all others only by rounding."
    )


faithfulness = Figure(
    name="faithfulness",
    title="Faithfulness of every explainer",
    kind="Table",
    reading="Completeness gap: by how much the sum misses the prediction. Lower is better for deletion, "
    "infidelity and sensitivity, higher for insertion.",
    table=faithfulness_table,
    finding=finding,
    headers={
        "completeness_gap": "completeness gap",
        "completeness_gap_relative": "gap as a share of the spread",
        "random_deletion": "deletion, random order",
        "random_insertion": "insertion, random order",
    },
    once=("unit",),
)
