"""The linear functions that the skeleton is made of."""

from __future__ import annotations

import pandas as pd

from .._common.text import counted
from ..regions.pieces import Regions
from .figure import Figure


def latents_table(regions: Regions) -> pd.DataFrame:
    """Return one line per latent that some row uses: its rows, intercept and slopes."""
    return regions.latents()


def finding(table: pd.DataFrame) -> str:
    """State how the rows are spread over the latents."""
    return (
        f"The rows use {counted(len(table), 'latent')}; latent {table['latent'].iloc[0]} alone holds "
        f"{table['share'].iloc[0]:.0%} of them."
    )


latents = Figure(
    name="latents",
    title="The linear functions of the diagonal part",
    kind="Table",
    reading="One line for each latent that some row uses: on its rows the diagonal part is the linear "
    "function with this intercept and one slope for each feature: a standard deviation of a number "
    "(of its logarithm, where that enters) or a level of a category.",
    table=latents_table,
    finding=finding,
    once=("unit",),
)
