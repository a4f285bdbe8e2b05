"""How far mean sizes move when the background is drawn again."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from .._common.text import listed
from .figure import Figure

STRONGEST = 5
"""Columns of each method that the finding looks at."""


def background_stability_table(methods: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of :func:`spectral_interp.comparison.stability.stability_table` in one."""
    return pd.concat(methods, ignore_index=True)


def finding(table: pd.DataFrame) -> str:
    """State by how much the mean sizes of the strongest columns move from draw to draw."""
    if (table["background_rows"] >= table["drawn_from"]).all():
        return "The background holds every row that was trained on, so no other can be drawn."
    parts = []
    for method, lines in table.groupby("method", sort=False):
        top = lines.head(STRONGEST)
        if top["redraw_standard_deviation_relative"].notna().any():
            worst = top.iloc[int(top["redraw_standard_deviation_relative"].argmax())]
            parts.append(f"{worst['redraw_standard_deviation_relative']:.1%} by {method} ({worst['column']})")
    if not parts:
        return "The mean sizes do not depend on the draw of the background."
    return (
        "From draw to draw of the background the mean sizes of the five strongest columns have standard "
        f"deviations of up to {listed(parts)}."
    )


background_stability = Figure(
    name="background_stability",
    title="If the background had been drawn differently",
    kind="Table",
    reading="Mean size of each column's contributions over redraws of the background rows from the rows that "
    "were trained on: their standard deviation and the range of nine redraws in ten.",
    table=background_stability_table,
    finding=finding,
    headers={
        "mean_abs_contribution": "mean |contribution|",
        "redraw_standard_deviation": "standard deviation over redraws",
        "redraw_standard_deviation_relative": "as a share",
        "redraw_5_percent": "5% of redraws below",
        "redraw_95_percent": "5% of redraws above",
        "background_rows": "background rows",
        "drawn_from": "training rows that it was drawn from",
    },
    once=("unit", "method", "rows", "redraws", "background_rows", "drawn_from"),
)
