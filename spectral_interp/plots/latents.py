"""Linear functions of the skeleton."""

from __future__ import annotations

import pandas as pd

from .._common.text import counted
from ..regions.pieces import Regions
from .figure import Figure


def latents_table(regions: Regions) -> pd.DataFrame:
    """Return one line per latent that is active at some row, with its rows, intercept and slopes."""
    return regions.latents()


def finding(table: pd.DataFrame) -> str:
    """State the distribution of the rows over the latents."""
    return (
        f"The rows use {counted(len(table), 'latent')}; latent {table['latent'].iloc[0]} alone accounts for "
        f"{table['share'].iloc[0]:.0%} of them."
    )


latents = Figure(
    name="latents",
    title="Linear functions of the diagonal part",
    kind="Table",
    reading="Each line is a latent that is active at some row. On its rows, the diagonal part is the linear "
    "function with this intercept and one slope per feature: per standard deviation of a number (or of its "
    "logarithm if the model uses it), or for a level.",
    table=latents_table,
    finding=finding,
    once=("unit",),
)
