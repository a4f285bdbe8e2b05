"""Variation of mean |contribution| over random draws of the background."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from .._common.text import listed
from .figure import Figure

STRONGEST = 5
"""Number of columns of each method that the finding considers."""


def background_stability_table(methods: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of :func:`spectral_interp.comparison.stability.stability_table` as one table."""
    return pd.concat(methods, ignore_index=True)


def finding(table: pd.DataFrame) -> str:
    """State how much mean |contribution| of the strongest columns varies between draws."""
    if (table["background_rows"] >= table["drawn_from"]).all():
        return "The background consists of every row used for training, so no other background can be drawn."
    parts = []
    for method, lines in table.groupby("method", sort=False):
        top = lines.head(STRONGEST)
        if top["redraw_standard_deviation_relative"].notna().any():
            worst = top.iloc[int(top["redraw_standard_deviation_relative"].argmax())]
            share = worst["redraw_standard_deviation_relative"]
            parts.append(f"{share:.1%} for {method} ({worst['column']})")
    if not parts:
        return "The mean |contribution| does not depend on the draw of the background."
    return (
        "Over draws of the background, the mean |contribution| of the five strongest columns has relative "
        f"standard deviations of up to {listed(parts)}."
    )


background_stability = Figure(
    name="background_stability",
    title="Sensitivity to the draw of the background",
    kind="Table",
    reading="The background rows are drawn repeatedly from the training rows. The table gives the standard "
    "deviation of each column's mean |contribution| over these draws, and the range of nine draws in ten.",
    table=background_stability_table,
    finding=finding,
    headers={
        "mean_abs_contribution": "mean |contribution|",
        "redraw_standard_deviation": "standard deviation over draws",
        "redraw_standard_deviation_relative": "relative to the mean",
        "redraw_5_percent": "5% quantile of draws",
        "redraw_95_percent": "95% quantile of draws",
        "background_rows": "background rows",
        "drawn_from": "training rows to draw from",
    },
    once=("unit", "method", "rows", "redraws", "background_rows", "drawn_from"),
)
