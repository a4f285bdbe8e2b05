"""Waterfall of one prediction: from the base value, through the contributions of all columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from .._common.text import class_text, number, percent, signed
from ..attribution.result import Attribution
from .figure import Figure
from .lines import (
    Colours,
    add_squares,
    fold,
    fold_names,
    height_of_lines,
    label_x,
    legend_below,
    starts,
)
from .style import COUPLING, COUPLING_HATCH, DIAGONAL, FAINT, NEUTRAL, WHOLE
from .text import NAME, VALUE, row_name, shorten, shorten_all, shorten_value, unit_text, value_text, with_unit

COLUMNS = 9
"""Number of columns with their own line where there are more than ten columns."""

_PART, _WHOLE = 0.3, 0.76
"""Heights of the bars of a part and of a whole contribution."""

_ROOM = 0.18
"""Room beside the bars for numbers, as a share of the axis."""

_ABOVE, _BELOW = -0.8, -0.2
"""Height of the base value, and of the prediction relative to the number of lines."""


def waterfall_table(attribution: Attribution, row: int | None = None) -> pd.DataFrame:
    """Return one line per column for one row, with the start of its bar; largest |contribution| first.

    If there are more than ten columns, the smallest share one line, "N others". ``diagonal`` and ``coupling``
    are the parts of the contribution, NaN if the method has none. For a model with several fits,
    ``refit_deviation`` is the standard deviation of the contribution over the fits, NaN for "N others". For
    log-odds of a class, ``probability`` is the probability of the class.

    Parameters
    ----------
    attribution : Attribution
    row : int, optional
        Position in the attribution; negative values count from the end. Optional if there is only one row.

    Raises
    ------
    ValueError
        If the row does not exist, or if there are several rows and ``row`` is not given.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> att = explain(Pencil([[5.0, 5.0], [1.0, 2.0], [4.0, 3.0]], [[0.0], [0.5], [0.0]], k=1), [[2.0, -1.0]])
    >>> waterfall_table(att, 0)[["column", "value", "start", "contribution"]].round(3).values.tolist()
    [['z0', '2', 5.0, 4.387], ['z1', '−1', 9.387, -3.084]]
    """
    n, c = attribution.values.shape
    if row is None and n != 1:
        raise ValueError(f"expected one row for a waterfall, such as att[0]; got {n} rows; pass row=")
    row = row or 0
    if not -n <= row < n:
        raise ValueError(f"expected row below {n}, the number of rows explained; got {row}")
    row %= n
    order = np.argsort(-np.abs(attribution.values[row]), kind="stable")
    contribution, diagonal, coupling = (
        np.full(min(c, COLUMNS + 1), np.nan) if part is None else fold(part[row, order], COLUMNS)
        for part in (attribution.values, attribution.diagonal, attribution.coupling)
    )
    values = [value_text(value) for value in attribution.data[row, order]]
    return pd.DataFrame(
        {
            "column": fold_names([attribution.columns[i] for i in order], COLUMNS),
            "value": values if c <= COLUMNS + 1 else [*values[:COLUMNS], ""],
            "start": starts(attribution.base_values[row], contribution),
            "contribution": contribution,
            "diagonal": diagonal,
            "coupling": coupling,
            **_refits(attribution, row, order),
            "base": attribution.base_values[row],
            "prediction": attribution.prediction[row],
            **_chances(attribution, row),
            "row": attribution.rows[row],
            "method": attribution.method,
            "unit": attribution.unit_of(row),
        }
    )


def _chances(attribution: Attribution, row: int) -> dict[str, Any]:
    """Return the probability of the explained class if there is one, and the class if it varies by row."""
    if attribution.probability is None:
        return {}
    own = {} if attribution.output is None else {"class": class_text(attribution.output[row])}
    return {"probability": float(attribution.probability[row]), **own}


def _refits(attribution: Attribution, row: int, order: npt.NDArray[np.intp]) -> dict[str, FloatArray]:
    """Return the refit deviations of the lines if the model has several fits."""
    if attribution.refit_deviation is None:
        return {}
    own = attribution.refit_deviation[row, order]
    return {"refit_deviation": own if len(own) <= COLUMNS + 1 else np.append(own[:COLUMNS], np.nan)}


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw the contributions from the base value at the top to the prediction at the bottom.

    A pale bar is the whole contribution. Inside it, the coupling part starts at the end of the diagonal part,
    and points back if the signs differ. Whiskers at the end of a bar extend by the refit deviation to both
    sides.

    Parameters
    ----------
    table : DataFrame
        From :func:`waterfall_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
    """
    y, first = np.arange(len(table)), table.iloc[0]
    if table["coupling"].fillna(0).any():
        _add_parts(table, ax)
    else:
        colour = DIAGONAL if table["diagonal"].notna().all() else WHOLE
        ax.barh(y, table["contribution"], _WHOLE, left=table["start"], color=colour)
    follow(table, y.astype(np.float64), NEUTRAL, ax)
    if "refit_deviation" in table:
        _add_deviations(table, ax)
    _add_numbers(table, ax)
    names = zip(shorten_all(table["column"], NAME - 4), table["value"], strict=True)
    texts = [f"{name} = {shorten_value(value)}" if value else name for name, value in names]
    frame(ax, texts, list(table["column"]), colours)
    low, high = ax.get_xlim()
    ax.set_xlim(low, high + _ROOM * (high - low))
    label_x(ax, f"prediction ({unit_text(first['unit'])})")
    ax.set_title(f"Row {row_name(first['row'])}: {first['method']} contributions")
    legend_below(ax)


def _add_parts(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the whole contributions as pale bars, with the two parts inside, one above the other."""
    y, start = np.arange(len(table)), table["start"]
    ax.barh(y, table["contribution"], _WHOLE, left=start, color=FAINT, label="contribution")
    ax.barh(y - _PART / 2, table["diagonal"], _PART, left=start, color=DIAGONAL, label="diagonal part")
    ax.barh(
        y + _PART / 2,
        table["coupling"],
        _PART,
        left=start + table["diagonal"],
        color=COUPLING,
        hatch=COUPLING_HATCH,
        edgecolor="white",
        linewidth=0,
        label="coupling part",
    )


def _add_deviations(table: pd.DataFrame, ax: Axes) -> None:
    known = table["refit_deviation"].notna().to_numpy()
    ax.errorbar(
        (table["start"] + table["contribution"])[known],
        np.flatnonzero(known),
        xerr=table["refit_deviation"][known],
        fmt="none",
        ecolor=NEUTRAL,
        elinewidth=1.2,
        capsize=3,
        label="± refit deviation",
    )


def _add_numbers(table: pd.DataFrame, ax: Axes) -> None:
    """Write the contributions at the ends of their bars, and the base value and the prediction."""
    start = table["start"].to_numpy()
    reach = table["refit_deviation"].fillna(0) if "refit_deviation" in table else 0.0
    ends = [start, start + table["contribution"] + reach, start + table["diagonal"].fillna(0)]
    for at, (value, end) in enumerate(zip(table["contribution"], np.max(ends, axis=0), strict=True)):
        _write(ax, signed(value), end, at)
    _write(ax, number(table["base"][0]), table["base"][0], _ABOVE)
    _write(ax, _prediction(table), table["prediction"][0], len(table) + _BELOW)


def _prediction(table: pd.DataFrame) -> str:
    """Return the prediction as text, with the probability in parentheses for log-odds."""
    text = number(table["prediction"].iloc[0])
    if "probability" not in table:
        return text
    chance = percent(table["probability"].iloc[0])
    return (
        f"{text} ({shorten(table['class'].iloc[0], VALUE)}: {chance})"
        if "class" in table
        else f"{text} ({chance})"
    )


def _write(ax: Axes, text: str, x: float, y: float) -> None:
    ax.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", fontsize=11)


def follow(table: pd.DataFrame, y: FloatArray, colour: str, ax: Axes) -> None:
    """Draw a thin line from the base value (dot), along bars at ``y`` (c,), to the prediction (diamond)."""
    base, prediction = table["base"].iloc[0], table["prediction"].iloc[0]
    below = len(table) + _BELOW
    x = np.concatenate([[base, base], np.repeat(table["start"] + table["contribution"], 2)])
    ax.plot(x, [_ABOVE, *np.repeat(y, 2), below], color=colour, linewidth=0.7, zorder=0)
    ax.plot(base, _ABOVE, "o", color=colour, markersize=6)
    ax.plot(prediction, below, "D", color=colour, markersize=6)


def frame(ax: Axes, texts: Sequence[str], columns: Sequence[str], colours: Colours) -> None:
    """Name the lines of a waterfall, with the base value above and the prediction below."""
    ticks = [_ABOVE, *range(len(texts)), len(texts) + _BELOW]
    ax.set_yticks(ticks, ["base value", *texts, "prediction"])
    ax.set_ylim(len(texts) + 0.2, -1.2)
    add_squares(ax, dict(enumerate(columns)), colours)
    ax.use_sticky_edges = False
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="x", color=NEUTRAL, alpha=0.12)
    ax.set_axisbelow(True)


def finding(table: pd.DataFrame) -> str:
    """Name the column with the largest contribution."""
    single = table[(table["value"] != "") | ~table["column"].str.endswith(" others")]
    first = single.iloc[single["contribution"].abs().argmax()]
    base, prediction = table["base"].iloc[0], table["prediction"].iloc[0]
    chance = f", a probability of {percent(table['probability'].iloc[0])}" if "probability" in table else ""
    if "class" in table:
        chance += f" for {table['class'].iloc[0]} among all classes"
    text = (
        f"The contributions lead from {number(base)} to {with_unit(prediction, table)}{chance}. The largest "
        f"is that of {first['column']}, {number(first['contribution'])}"
    )
    if "refit_deviation" in table:
        text += f", with a refit deviation of {number(first['refit_deviation'])}"
    return f"{text}."


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    text = "The bars lead from the base value at the top to the prediction at the bottom, one per column."
    if "refit_deviation" not in table:
        return text
    return f"{text} The whisker is the refit deviation: the standard deviation over the fits of the model."


waterfall = Figure(
    name="waterfall",
    title="Row {row}",
    kind="Waterfall chart",
    reading=reading,
    table=waterfall_table,
    draw=draw,
    height=lambda table: height_of_lines(len(table) + 2),
    finding=finding,
    headers={"refit_deviation": "refit deviation"},
    once=("unit", "method", "row", "base", "prediction", "probability"),
)
