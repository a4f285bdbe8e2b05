"""Mean |contribution| by column, for each model of a comparison."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import BarContainer

from .._common.text import listed
from ..comparison.compare import Comparison
from .figure import Figure
from .importance import add_deviations, deviation_of_sizes
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
    """Return mean |contribution| per column and model, in decreasing order of its mean over models.

    For a spectral model with several fits, ``refit_deviation`` is the standard deviation of the mean
    |contribution| over the fits. The other models have none.
    """
    found = comparison.representatives
    first = next(iter(found.values()))
    sizes = np.stack([np.abs(attribution.values).mean(axis=0) for attribution in found.values()])
    order = np.argsort(-sizes.mean(axis=0), kind="stable")
    deviations = [deviation_of_sizes(attribution) for attribution in found.values()]
    parts = [
        pd.DataFrame(
            {
                "column": np.array(first.columns, dtype=object)[order],
                "model": f"{model} ({method})",
                "mean_abs_contribution": own[order],
                "refit_deviation": np.nan if deviation is None else deviation[order],
            }
        )
        for (model, method), own, deviation in zip(found, sizes, deviations, strict=True)
    ]
    table = pd.concat(parts, ignore_index=True).assign(unit=comparison.unit)
    return table if table["refit_deviation"].notna().any() else table.drop(columns="refit_deviation")


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw a bar per column and model. The columns after the first twenty are summed in one line.

    Whiskers extend by the refit deviation to both sides, for models that have one.

    Parameters
    ----------
    table : DataFrame
        From :func:`importance_by_model_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
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
    drawn = [bars for bars in ax.containers if isinstance(bars, BarContainer)][-len(models) :]
    for bars, (model, look) in zip(drawn, looks.items(), strict=True):
        bars.set_label(model)
        for bar in bars:
            bar.set_hatch(look.hatch)
    if "refit_deviation" in table:
        for bars, rows in zip(drawn, models.values(), strict=True):
            _add_deviations(bars, rows, ax)
    name_lines(ax, names, colours=colours)
    ax.set_xlim(left=0)
    if len(names) < len(columns):
        limit_others(ax, sizes[:, :TOP].max(), sizes[:, TOP], sizes[:, TOP])
    label_x(ax, f"mean |contribution| ({unit_text(table['unit'].iloc[0])})")
    ax.set_title("Mean |contribution| by model")
    legend_below(ax)


def _add_deviations(bars: BarContainer, rows: pd.DataFrame, ax: Axes) -> None:
    """Draw whiskers at the bars of single columns if the model has refit deviations."""
    up = rows["refit_deviation"].to_numpy()
    if np.isnan(up).any():
        return
    single = len(bars) if len(bars) == len(up) else len(bars) - 1
    places = [bar.get_y() + bar.get_height() / 2 for bar in bars[:single]]
    add_deviations(rows["mean_abs_contribution"].to_numpy()[:single], up[:single], places, ax)


def finding(table: pd.DataFrame) -> str:
    """Name the columns that are among the top three of every model."""
    tops = [
        set(lines.nlargest(3, "mean_abs_contribution")["column"])
        for _, lines in table.groupby("model", sort=False)
    ]
    shared = [name for name in dict.fromkeys(table["column"]) if all(name in top for top in tops)]
    if len(tops) < 2:
        return "There is only one model."
    if not shared:
        return "No column is among the three strongest of every model."
    among = "is" if len(shared) == 1 else "are"
    return f"{listed(shared)} {among} among the three strongest columns of every model."


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    text = "The bars show the mean |contribution| for each model, on the same rows and the same background."
    if "refit_deviation" not in table:
        return text
    return f"{text} The whisker is the refit deviation: the standard deviation over the fits of the model."


importance_by_model = Figure(
    name="importance_by_model",
    title="Mean |contribution| by model",
    kind="Bar chart",
    reading=reading,
    table=importance_by_model_table,
    draw=draw,
    height=lambda table: height_of_lines(table["column"].nunique() + 1),
    finding=finding,
    headers={"mean_abs_contribution": "mean |contribution|", "refit_deviation": "refit deviation"},
    once=("unit",),
)
