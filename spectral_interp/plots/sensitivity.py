"""How far each feature can move the prediction at most."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.text import at_most
from ..certificates.bounds import Certificate
from .lines import Colours, fold_names, label_x, name_lines
from .style import CERTIFIED, NEUTRAL, WHOLE, bar_height
from .text import UNIT, plain_text, shorten


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


@plain_text
def sensitivity(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> Axes:
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
    height = bar_height(len(names))
    ax.barh(np.arange(len(shown)), shown["bound"], height, color=CERTIFIED, edgecolor=NEUTRAL, linewidth=0.6)
    if others:
        bound = at_most(table["bound"][len(shown)])
        ax.text(0, len(shown), f"  not drawn: at most {bound} each", va="center", color=WHOLE)
    name_lines(ax, names, columns=[*shown["column"], *names[len(shown) :]], colours=colours)
    ax.set_xlim(left=0)
    ax.locator_params(axis="x", nbins=5)
    unit, step = shorten(table["unit"][0], UNIT), table["step"][0]
    label_x(ax, f"largest possible change ({unit} per {step})")
    ax.set_title("Sensitivity bound of each feature")
    return ax
