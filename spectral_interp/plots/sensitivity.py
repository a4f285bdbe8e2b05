"""How far each feature can move the prediction at most."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..eigen.checks import FloatArray
from .style import DIAGONAL, TOP, bar_height, shorten


def sensitivity_table(
    features: Sequence[str], norms: FloatArray, unit: str, *, step: str = "unit of the feature"
) -> pd.DataFrame:
    """Return the sensitivity bound ``‖A_i‖₂`` (p,) per feature and ``step``, largest first."""
    table = pd.DataFrame({"feature": list(features), "bound": norms, "unit": f"{unit} per {step}"})
    return table.sort_values("bound", ascending=False, ignore_index=True, kind="stable")


def sensitivity(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the bounds of the top features as bars."""
    shown = table.head(TOP)
    y = np.arange(len(shown))
    ax.barh(y, shown["bound"], bar_height(len(shown)), color=DIAGONAL)
    ax.set_yticks(y, [shorten(name) for name in shown["feature"]])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(textwrap.fill(f"largest possible change ({table['unit'][0]})", 60))
    more = f" (top {TOP} of {len(table)})" if len(table) > TOP else ""
    ax.set_title(f"Sensitivity bound of each feature{more}")
    return ax
