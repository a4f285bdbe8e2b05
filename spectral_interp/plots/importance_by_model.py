"""What drives each of the three models."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..comparison.compare import Comparison
from .lines import Colours, fold, fold_names, label_x, legend_below, limit_others, name_lines
from .style import TOP, look_of
from .text import UNIT, plain_text, shorten


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


@plain_text
def importance_by_model(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> Axes:
    """Draw a bar per column and model; the columns after the first twenty are summed in one line.

    Parameters
    ----------
    table : DataFrame
        From :func:`importance_by_model_table`.
    ax : Axes
    colours : mapping, optional
        Of columns, as :func:`spectral_interp.plots.column_colours` gives them.
    """
    models = {str(model): rows for model, rows in table.groupby("model", sort=False)}
    columns = list(next(iter(models.values()))["column"])
    names = fold_names(columns)
    sizes = np.stack([fold(rows["mean_abs_contribution"].to_numpy()) for rows in models.values()])
    height = 0.8 / len(models)
    y = np.arange(len(names)) + height * (np.arange(len(models))[:, None] - (len(models) - 1) / 2)
    for model, widths, at in zip(models, sizes, y, strict=True):
        ax.barh(at, widths, 0.94 * height, label=model, **look_of(model, models).bars)
    name_lines(ax, names, colours=colours)
    ax.set_xlim(left=0)
    if len(names) < len(columns):
        limit_others(ax, sizes[:, :TOP].max(), sizes[:, TOP], sizes[:, TOP])
    label_x(ax, f"mean |contribution| ({shorten(table['unit'].iloc[0], UNIT)})")
    ax.set_title("What drives each model")
    legend_below(ax)
    return ax
