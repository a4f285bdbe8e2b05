"""Distribution of the gaps and the linear radii over the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import at_least, at_most
from ..certificates.bounds import Certificate
from ..view import ModelView
from .figure import Figure
from .style import NEUTRAL, WHOLE
from .text import unit_text


def margins_table(certificate: Certificate, eps: float) -> pd.DataFrame:
    """Return one line per row: its gap, and the radius in which its tangent plane is within ``eps``.

    The gap of a sum is the smallest over its ``neurons``. The radius is measured in ``space``: in features,
    or in inputs if columns have knots.
    """
    view = certificate.view
    neurons = len(view.function.neurons)
    of_sum = {"neurons": neurons, "space": space_of(view)} if neurons > 1 else {}
    return pd.DataFrame(
        {
            "row": certificate.rows.labels,
            "gap": certificate.gap,
            "linear_radius": certificate.linear_radius(eps),
            "eps": eps,
            **of_sum,
            "unit": certificate.view.output.unit,
        }
    )


def space_of(view: ModelView) -> str:
    """Return the space in which distances are measured."""
    return "features" if view.plain_axes == view.axes else "inputs"


def _space(table: pd.DataFrame) -> str:
    return str(table["space"].iloc[0]) if "space" in table else "features"


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the share of rows with at most a given gap (lower axis) and linear radius (upper axis)."""
    unit, eps = unit_text(table["unit"].iloc[0]), table["eps"].iloc[0]
    upper = ax.twiny()
    upper.spines["top"].set_visible(True)
    gap = "smallest gap of all neurons" if "neurons" in table else "gap to the nearest eigenvalue"
    lines = (
        (ax, "gap", NEUTRAL, "-", f"{gap} ({unit})"),
        (
            upper,
            "linear_radius",
            WHOLE,
            "--",
            f"radius in {_space(table)}, linear within {at_most(eps)} ({unit})",
        ),
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
        text = "one latent: there is no other eigenvalue, the model is linear"
        ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    rows = max(len(table), 1)
    ax.set_ylim(0, 1.02 * rows)
    shares = np.linspace(0, 1, 6)
    ax.set_yticks(rows * shares, [f"{share:.0%}" for share in shares])
    ax.set_ylabel("share of rows with at most this")
    ax.set_title("Gaps (solid) and radii of linearity (dashed)", pad=12)


def finding(table: pd.DataFrame) -> str:
    """State the median gap and the median linear radius."""
    radius, gap, eps = (table[name].median() for name in ("linear_radius", "gap", "eps"))
    of_sum = f" in all of the {table['neurons'].iloc[0]} neurons" if "neurons" in table else ""
    unit = table["unit"].iloc[0]
    return (
        f"Half of the rows have a gap of at least {at_least(gap)} ({unit}){of_sum}, and for half of them the "
        f"model is linear within {at_most(eps)} up to a distance of {at_least(radius)} in {_space(table)}."
    )


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    text = (
        "The solid line (lower axis) is the share of rows with at most a given gap to the next eigenvalue. "
        "The dashed line (upper axis) is the share of rows with at most a given radius in which the tangent "
        "plane is provably within ε of the prediction."
    )
    if "neurons" in table:
        text += " The gap of a row is the smallest over all neurons."
    if _space(table) == "inputs":
        text += " The radius accounts for the knots of the columns, at which predictions may also bend."
    return text


margins = Figure(
    name="margins",
    title="Distance from kinks",
    kind="Step chart",
    reading=reading,
    table=margins_table,
    draw=draw,
    finding=finding,
    headers={"linear_radius": "linear radius", "flip_radius": "flip radius", "eps": "ε"},
    once=("unit", "eps", "neurons", "space"),
)
