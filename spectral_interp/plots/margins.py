"""How the gaps and the linear radii are distributed over the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.text import at_most
from ..certificates.bounds import Certificate
from .style import NEUTRAL, WHOLE
from .text import UNIT, plain_text, shorten


def margins_table(certificate: Certificate, eps: float) -> pd.DataFrame:
    """Return one line per row: gap, and the radius within which its tangent plane holds to ``eps``."""
    return pd.DataFrame(
        {
            "row": np.arange(len(certificate.gap)),
            "gap": certificate.gap,
            "linear_radius": certificate.linear_radius(eps),
            "eps": eps,
            "unit": certificate.view.output.unit,
        }
    )


@plain_text
def margins(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the share of rows with at most a given gap (lower axis) and linear radius (upper axis)."""
    unit, eps = shorten(table["unit"].iloc[0], UNIT), table["eps"].iloc[0]
    upper = ax.twiny()
    upper.spines["top"].set_visible(True)
    lines = (
        (ax, "gap", NEUTRAL, "-", f"gap to the nearest eigenvalue ({unit})"),
        (upper, "linear_radius", WHOLE, "--", f"radius in features, linear to {at_most(eps)} ({unit})"),
    )
    for axes, name, colour, line, label in lines:
        values = np.sort(table[name].to_numpy())
        values = values[np.isfinite(values)]
        share = np.arange(1, len(values) + 1) / max(len(table), 1)
        axes.step(values, share, where="post", color=colour, linestyle=line)
        axes.set_xlabel(label, color=colour)
        axes.tick_params(axis="x", colors=colour)
        axes.locator_params(axis="x", nbins=5)
        if len(values):
            axes.set_xlim(0, 1.03 * values[-1] or 1.0)
    if not np.isfinite(table["gap"]).any():
        ax.text(0.5, 0.5, "one latent: no other eigenvalue, linear everywhere", ha="center", va="center")
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("share of rows with at most this")
    ax.set_title("Gaps (solid) and radii of linearity (dashed)", pad=12)
    return ax
