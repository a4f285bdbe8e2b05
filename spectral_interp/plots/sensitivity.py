"""How far each feature can move the prediction at most."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.text import at_most
from ..certificates.bounds import Certificate
from .figure import Figure
from .lines import Colours, add_bars, fold_names, height_of_lines, label_x, legend_below, name_lines
from .style import CERTIFIED, NEUTRAL, WHOLE
from .text import UNIT, shorten


def sensitivity_table(certificate: Certificate) -> pd.DataFrame:
    """Return the sensitivity bound ``‖A_i‖₂`` of every feature and its step, largest first."""
    view = certificate.view
    kinds = {axis.step for axis in view.axes}
    table = pd.DataFrame(
        {
            "feature": list(view.features),
            "column": np.array(view.columns, dtype=object)[view.column_of],
            "bound": certificate.feature_norm,
            "unit": view.output.unit,
            "step": " or ".join(sorted(kinds, reverse=True)),
        }
    )
    return table.sort_values("bound", ascending=False, ignore_index=True, kind="stable")


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw the bounds as bars; the features after the first twenty are counted, with the largest of theirs.

    Parameters
    ----------
    table : DataFrame
        From :func:`sensitivity_table`.
    ax : Axes
    colours : mapping, optional
        Of columns, as :func:`spectral_interp.plots.column_colours` gives them.
    """
    names = fold_names(list(table["feature"]))
    others = len(names) < len(table)
    shown = table.head(len(names) - others)
    add_bars(ax, shown["bound"], lines=len(names), color=CERTIFIED, edgecolor=NEUTRAL, linewidth=0.6)
    if others:
        bound = at_most(table["bound"][len(shown)])
        ax.text(0, len(shown), f"  not drawn: at most {bound} each", va="center", color=WHOLE)
    name_lines(ax, names, columns=[*shown["column"], *names[len(shown) :]], colours=colours)
    ax.set_xlim(left=0)
    ax.locator_params(axis="x", nbins=5)
    unit, step = shorten(table["unit"][0], UNIT), table["step"][0]
    label_x(ax, f"largest possible change ({unit} per {step})")
    ax.set_title("Sensitivity bound of each feature")
    legend_below(ax)


def finding(table: pd.DataFrame) -> str:
    """State the largest bound, and the smallest."""
    first, last = table.iloc[0], table.iloc[-1]
    most = f"{at_most(first['bound'])} ({first['unit']})"
    text = f"One step ({first['step']}) of {first['feature']} never moves a prediction by more than {most}"
    return f"{text}." if len(table) == 1 else f"{text}; one of {last['feature']}, {at_most(last['bound'])}."


sensitivity = Figure(
    name="sensitivity",
    title="The most a feature can do",
    kind="Bar chart",
    reading="No input lets the prediction change by more than this for one step of the feature.",
    table=sensitivity_table,
    draw=draw,
    height=lambda table: height_of_lines(len(table)),
    finding=finding,
    once=("unit", "step"),
)
