"""One row, as each of the models explains it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..agreement import Dispute
from ..comparison import Comparison
from .style import COLOURS, NEUTRAL, shorten

TOP_COLUMNS = 10


def dispute_table(comparison: Comparison, dispute: Dispute) -> pd.DataFrame:
    """Return a waterfall per model of the row: "start" and "contribution" of every column.

    The columns with the largest contributions come first; beyond ten the others are one line, "N others".
    """
    shown = comparison.representatives
    if len(shown) < 2:
        shown = {key: comparison.attributions[key] for key in dispute.between}
    values = np.array([attribution.values[dispute.row] for attribution in shown.values()])
    names = np.array(next(iter(shown.values())).columns, dtype=object)
    order = np.argsort(-np.abs(values).max(axis=0), kind="stable")
    values, names = values[:, order], names[order]
    if len(names) > TOP_COLUMNS:
        others = values[:, TOP_COLUMNS - 1 :].sum(axis=1, keepdims=True)
        values = np.hstack([values[:, : TOP_COLUMNS - 1], others])
        names = np.append(names[: TOP_COLUMNS - 1], f"{len(order) - TOP_COLUMNS + 1} others")
    tables = []
    for (model, method), attribution, row in zip(shown, shown.values(), values, strict=True):
        base = attribution.base_values[dispute.row]
        line = {
            "model": f"{model} ({method})",
            "column": names,
            "start": base + np.concatenate([[0.0], np.cumsum(row)[:-1]]),
            "contribution": row,
            "base": base,
            "prediction": attribution.prediction[dispute.row],
            "row": int(comparison.rows[dispute.row]),
            "unit": comparison.unit,
        }
        tables.append(pd.DataFrame(line))
    return pd.concat(tables, ignore_index=True)


def dispute(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the waterfalls beside each other, from the base value at the top to the prediction below."""
    models = list(dict.fromkeys(table["model"]))
    columns = list(dict.fromkeys(table["column"]))
    height = 0.8 / len(models)
    for i, model in enumerate(models):
        rows = table[table["model"] == model]
        y = np.arange(len(columns)) + height * (i - (len(models) - 1) / 2)
        end = rows["start"] + rows["contribution"]
        ax.barh(
            y, rows["contribution"], left=rows["start"], height=0.9 * height, color=COLOURS[i], label=model
        )
        path_x = np.concatenate([np.repeat(rows["base"].iloc[0], 2), np.repeat(end, 2)])
        path_y = np.concatenate([[-0.8], np.repeat(y, 2), [len(columns) - 0.2]])
        ax.plot(path_x, path_y, color=COLOURS[i], linewidth=0.6, zorder=0)
        ax.plot(rows["base"].iloc[0], -0.8, "o", color=COLOURS[i], markersize=4)
        ax.plot(rows["prediction"].iloc[0], len(columns) - 0.2, "D", color=COLOURS[i], markersize=5)
    ax.use_sticky_edges = False
    ax.margins(x=0.04)
    ticks = [-0.8, *range(len(columns)), len(columns) - 0.2]
    ax.set_yticks(ticks, ["base value", *(shorten(str(name)) for name in columns), "prediction"])
    ax.set_ylim(len(columns) + 0.2, -1.2)
    ax.grid(axis="x", color=NEUTRAL, alpha=0.12)
    ax.set_xlabel(f"from the base value to the prediction ({table['unit'].iloc[0]})")
    ax.set_title(f"Row {table['row'].iloc[0]}, as each model explains it")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    return ax
