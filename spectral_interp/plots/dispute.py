"""Explanations of one row by several models."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.text import number
from ..comparison.compare import Comparison
from ..comparison.disputes import Dispute
from .figure import Figure
from .lines import Colours, fold, fold_names, height_of_lines, label_x, legend_below, starts
from .style import look_of
from .text import row_name, shorten_all, unit_text, with_unit
from .waterfall import COLUMNS, follow, frame


def dispute_table(comparison: Comparison, dispute: Dispute) -> pd.DataFrame:
    """Return one waterfall of the row per model, with "start" and "contribution" of every column.

    The columns with the largest contributions come first. If there are more than ten, the smallest share one
    line, "N others".
    """
    shown = comparison.representatives
    if len(shown) < 2:
        shown = {key: comparison.attributions[key] for key in dispute.between}
    values = np.array([attribution.values[dispute.row] for attribution in shown.values()])
    columns = next(iter(shown.values())).columns
    order = np.argsort(-np.abs(values).max(axis=0), kind="stable")
    names = fold_names([columns[i] for i in order], COLUMNS)
    tables = []
    for (model, method), attribution, row in zip(
        shown, shown.values(), fold(values[:, order], COLUMNS), strict=True
    ):
        base = attribution.base_values[dispute.row]
        line = {
            "model": f"{model} ({method})",
            "column": names,
            "start": starts(base, row),
            "contribution": row,
            "base": base,
            "prediction": attribution.prediction[dispute.row],
            "row": dispute.label,
            "unit": comparison.unit,
        }
        tables.append(pd.DataFrame(line))
    return pd.concat(tables, ignore_index=True)


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw the waterfalls side by side, from the base value at the top to the prediction at the bottom.

    Parameters
    ----------
    table : DataFrame
        From :func:`dispute_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
    """
    models = {str(model): rows for model, rows in table.groupby("model", sort=False)}
    height = 0.8 / len(models)
    for i, (model, rows) in enumerate(models.items()):
        look = look_of(model, models)
        y = np.arange(len(rows), dtype=np.float64) + height * (i - (len(models) - 1) / 2)
        ax.barh(y, rows["contribution"], 0.94 * height, left=rows["start"], label=model, **look.bars)
        follow(rows, y, look.colour, ax)
    ax.margins(x=0.04)
    columns = list(next(iter(models.values()))["column"])
    frame(ax, shorten_all(columns), columns, colours)
    label_x(ax, f"prediction ({unit_text(table['unit'].iloc[0])})")
    ax.set_title(f"Row {row_name(table['row'].iloc[0])}, explained by each model")
    legend_below(ax)


def finding(table: pd.DataFrame) -> str:
    """Name the column on which the models differ most at this row."""
    by_model = table.pivot(index="column", columns="model", values="contribution")
    worst = by_model.iloc[int((by_model.max(axis=1) - by_model.min(axis=1)).argmax())]
    high, low = (worst.index[int(at)] for at in (worst.argmax(), worst.argmin()))
    return (
        f"The models differ most on {worst.name}: its contribution is {number(float(worst.max()))} for "
        f"{high} and {with_unit(worst.min(), table)} for {low}."
    )


dispute = Figure(
    name="dispute",
    title="Row {row}: different explanations",
    kind="Waterfall chart",
    reading="The bars lead from each model's base value to its prediction, column by column.",
    table=dispute_table,
    draw=draw,
    height=lambda table: height_of_lines(table["column"].nunique() + 3),
    finding=finding,
    once=("unit", "row"),
)
