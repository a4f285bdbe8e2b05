"""What drives each of the three models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import listed
from ..comparison.compare import Comparison
from .figure import Figure
from .lines import (
    Colours,
    fold,
    fold_names,
    height_of_lines,
    label_x,
    legend_below,
    limit_others,
    name_lines,
)
from .style import TOP, look_of
from .text import unit_text


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


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
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
    looks = {model: look_of(model, models) for model in models}
    sns.barplot(
        x=sizes.ravel(),
        y=np.tile(np.arange(len(names)), len(models)),
        hue=np.repeat(list(models), len(names)),
        palette={model: look.colour for model, look in looks.items()},
        orient="h",
        native_scale=True,
        gap=0.06,
        saturation=1,
        errorbar=None,
        legend=False,
        edgecolor="white",
        linewidth=0,
        ax=ax,
    )
    for bars, (model, look) in zip(ax.containers[-len(models) :], looks.items(), strict=True):
        bars.set_label(model)
        for bar in bars:
            bar.set_hatch(look.hatch)
    name_lines(ax, names, colours=colours)
    ax.set_xlim(left=0)
    if len(names) < len(columns):
        limit_others(ax, sizes[:, :TOP].max(), sizes[:, TOP], sizes[:, TOP])
    label_x(ax, f"mean |contribution| ({unit_text(table['unit'].iloc[0])})")
    ax.set_title("Mean size of the contributions, by model")
    legend_below(ax)


def finding(table: pd.DataFrame) -> str:
    """Name the columns that are among the top three of every model."""
    tops = [
        set(lines.nlargest(3, "mean_abs_contribution")["column"])
        for _, lines in table.groupby("model", sort=False)
    ]
    shared = [name for name in dict.fromkeys(table["column"]) if all(name in top for top in tops)]
    if len(tops) < 2:
        return "There is a single model."
    if not shared:
        return "No column is among the three strongest of every model."
    among = "is" if len(shared) == 1 else "are"
    return f"{listed(shared)} {among} among the three strongest columns of every model."


importance_by_model = Figure(
    name="importance_by_model",
    title="What drives each model",
    kind="Bar chart",
    reading="Mean size of the contributions to each model, on the same rows against the same background.",
    table=importance_by_model_table,
    draw=draw,
    height=lambda table: height_of_lines(table["column"].nunique() + 1),
    finding=finding,
    headers={"mean_abs_contribution": "mean |contribution|"},
    once=("unit",),
)
