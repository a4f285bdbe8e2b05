"""What drives each of the three models."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..comparison import Comparison
from .style import COLOURS, TOP, shorten


def importance_by_model_table(comparison: Comparison) -> pd.DataFrame:
    """Return mean |contribution| per column and model, the columns that matter most on average first."""
    sizes = pd.DataFrame(
        {
            f"{model} ({method})": np.abs(attribution.values).mean(axis=0)
            for (model, method), attribution in comparison.representatives.items()
        }
    )
    first = next(iter(comparison.representatives.values()))
    order = sizes.mean(axis=1).sort_values(ascending=False, kind="stable").index
    table = sizes.assign(column=list(first.columns)).loc[order]
    return table.melt("column", var_name="model", value_name="mean_abs_contribution").assign(
        unit=comparison.unit
    )


def importance_by_model(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a bar per column and model."""
    columns = list(dict.fromkeys(table["column"]))
    shown, models = columns[:TOP], list(dict.fromkeys(table["model"]))
    height = 0.8 / len(models)
    for i, model in enumerate(models):
        sizes = table[table["model"] == model].set_index("column").loc[shown, "mean_abs_contribution"]
        y = np.arange(len(shown)) + height * (i - (len(models) - 1) / 2)
        ax.barh(y, sizes, height=height, color=COLOURS[i], label=model)
    ax.set_yticks(range(len(shown)), [shorten(name) for name in shown])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlabel(f"mean |contribution| ({table['unit'].iloc[0]})")
    more = f" (top {TOP} of {len(columns)})" if len(columns) > TOP else ""
    ax.set_title(f"What drives each model{more}")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    return ax
