"""How far each feature can move the prediction at most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..eigen.checks import FloatArray
from .style import DIAGONAL, TOP, shorten


def sensitivity_table(features: Sequence[str], norms: FloatArray, unit: str) -> pd.DataFrame:
    """Return the sensitivity bound ``‖A_i‖₂`` (p,) per feature, largest first."""
    table = pd.DataFrame(
        {"feature": list(features), "bound": norms, "unit": f"{unit} per unit of the feature"}
    )
    return table.sort_values("bound", ascending=False, ignore_index=True, kind="stable")


def sensitivity(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the bounds of the top features as bars."""
    shown = table.head(TOP)
    y = np.arange(len(shown))
    ax.barh(y, shown["bound"], color=DIAGONAL)
    ax.set_yticks(y, [shorten(name) for name in shown["feature"]])
    ax.invert_yaxis()
    ax.set_xlabel(f"largest possible change ({table['unit'][0]})")
    more = f" (top {TOP} of {len(table)})" if len(table) > TOP else ""
    ax.set_title(f"Sensitivity bound of each feature (a number's unit is one standard deviation){more}")
    return ax
