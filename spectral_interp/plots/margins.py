"""How the gaps and the linear radii are distributed over the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import at_least, at_most
from ..certificates.bounds import Certificate
from .figure import Figure
from .style import NEUTRAL, WHOLE
from .text import UNIT, shorten


def margins_table(certificate: Certificate, eps: float) -> pd.DataFrame:
    """Return one line per row: gap, and the radius within which its tangent plane holds to ``eps``."""
    return pd.DataFrame(
        {
            "row": certificate.rows.labels,
            "gap": certificate.gap,
            "linear_radius": certificate.linear_radius(eps),
            "eps": eps,
            "unit": certificate.view.output.unit,
        }
    )


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the share of rows with at most a given gap (lower axis) and linear radius (upper axis)."""
    unit, eps = shorten(table["unit"].iloc[0], UNIT), table["eps"].iloc[0]
    upper = ax.twiny()
    upper.spines["top"].set_visible(True)
    lines = (
        (ax, "gap", NEUTRAL, "-", f"gap to the nearest eigenvalue ({unit})"),
        (upper, "linear_radius", WHOLE, "--", f"radius in features, linear to {at_most(eps)} ({unit})"),
    )
    for axes, name, colour, line, label in lines:
        values = table.loc[np.isfinite(table[name]), name].to_numpy()
        if len(values):
            sns.ecdfplot(x=values, stat="count", color=colour, linestyle=line, ax=axes)
            axes.set_xlim(0, 1.03 * values.max() or 1.0)
        axes.set_xlabel(label, color=colour)
        axes.tick_params(axis="x", colors=colour)
        axes.locator_params(axis="x", nbins=5)
    if not np.isfinite(table["gap"]).any():
        text = "one latent: no other eigenvalue, linear everywhere"
        ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    rows = max(len(table), 1)
    ax.set_ylim(0, 1.02 * rows)
    shares = np.linspace(0, 1, 6)
    ax.set_yticks(rows * shares, [f"{share:.0%}" for share in shares])
    ax.set_ylabel("share of rows with at most this")
    ax.set_title("Gaps (solid) and radii of linearity (dashed)", pad=12)


def finding(table: pd.DataFrame) -> str:
    """State how far the median row is linear."""
    radius, gap, eps = (table[name].median() for name in ("linear_radius", "gap", "eps"))
    return (
        f"Half of the rows have a gap of at least {at_least(gap)} ({table['unit'].iloc[0]}), and half are "
        f"linear to within {at_most(eps)} up to a distance of {at_least(radius)} in features."
    )


margins = Figure(
    name="margins",
    title="How far from a kink",
    kind="Step chart",
    reading="The share of rows with at most a given gap to the next eigenvalue (solid, lower axis), and "
    "with at most a given radius in which the tangent plane provably holds to ε (dashed, upper "
    "axis).",
    table=margins_table,
    draw=draw,
    finding=finding,
    headers={"linear_radius": "linear radius", "flip_radius": "flip radius", "eps": "ε"},
    once=("unit", "eps"),
)
