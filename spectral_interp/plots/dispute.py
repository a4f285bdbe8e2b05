"""One row, as each of the models explains it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..comparison.compare import Comparison
from ..comparison.disputes import Dispute
from .lines import Colours, fold, fold_names, label_x, legend_below, starts
from .style import look_of
from .text import UNIT, plain_text, shorten, shorten_all
from .waterfall import COLUMNS, follow, frame


def dispute_table(comparison: Comparison, dispute: Dispute) -> pd.DataFrame:
    """Return a waterfall per model of the row: "start" and "contribution" of every column.

    The columns with the largest contributions come first; beyond ten the others are one line, "N others".
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
            "row": int(comparison.rows[dispute.row]),
            "unit": comparison.unit,
        }
        tables.append(pd.DataFrame(line))
    return pd.concat(tables, ignore_index=True)


@plain_text
def dispute(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> Axes:
    """Draw the waterfalls beside each other, from the base value at the top to the prediction below.

    Parameters
    ----------
    table : DataFrame
        From :func:`dispute_table`.
    ax : Axes
    colours : mapping, optional
        Of columns, as :func:`spectral_interp.plots.column_colours` gives them.
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
    label_x(ax, f"prediction ({shorten(table['unit'].iloc[0], UNIT)})")
    ax.set_title(f"Row {table['row'].iloc[0]}, as each model explains it")
    legend_below(ax)
    return ax
