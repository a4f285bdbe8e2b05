"""One prediction, from the base value through the contribution of every column."""

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
"""Columns of a waterfall that have a line of their own where there are more than ten."""

_PART, _WHOLE = 0.3, 0.76
"""Heights of the bars of a part and of the whole contribution."""

_ROOM = 0.18
"""Beside the bars for their numbers, as a share of the axis."""

_ABOVE, _BELOW = -0.8, -0.2
"""Where the base value stands above the first line, and the prediction from the number of lines."""


def waterfall_table(attribution: Attribution, row: int | None = None) -> pd.DataFrame:
    """Return one line per column of one row, the largest |contribution| first, and where its bar starts.

    Beyond ten columns the smallest are one line, "N others". ``diagonal`` and ``coupling`` are the parts of
    the contribution, NaN where the method has none. Of a model of several fits ``refit_deviation`` is the
    standard deviation of the contribution over these, NaN for the others. Of log-odds of a class
    ``probability`` is that of the class.

    Parameters
    ----------
    attribution : Attribution
    row : int, optional
        Place in the attribution; negative counts from the last. It may be left out where there is one row.

    Raises
    ------
    ValueError
        If there is no such row, or there are several and none is chosen.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> att = explain(Pencil([[5.0, 5.0], [1.0, 2.0], [4.0, 3.0]], [[0.0], [0.5], [0.0]], k=1), [[2.0, -1.0]])
    >>> waterfall_table(att, 0)[["column", "value", "start", "contribution"]].round(3).values.tolist()
    [['z0', '2', 5.0, 4.387], ['z1', '−1', 9.387, -3.084]]
    """
    n, c = attribution.values.shape
    if row is None and n != 1:
        raise ValueError(f"expected one row for a waterfall, such as att[0]; got {n} and no place of one")
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
    """Return the probability of the class that is explained, where log-odds are; of several classes which."""
    if attribution.probability is None:
        return {}
    own = {} if attribution.output is None else {"class": class_text(attribution.output[row])}
    return {"probability": float(attribution.probability[row]), **own}


def _refits(attribution: Attribution, row: int, order: npt.NDArray[np.intp]) -> dict[str, FloatArray]:
    """Return the deviations of the lines over several fits, where the model has them."""
    if attribution.refit_deviation is None:
        return {}
    own = attribution.refit_deviation[row, order]
    return {"refit_deviation": own if len(own) <= COLUMNS + 1 else np.append(own[:COLUMNS], np.nan)}


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw the contributions from the base value at the top to the prediction below.

    A pale bar is the whole contribution; inside it the diagonal part goes first and the coupling part goes on
    from there, or back where they have opposite signs. A whisker at the end of a bar is as long as the refit
    deviation, to both sides.

    Parameters
    ----------
    table : DataFrame
        From :func:`waterfall_table`.
    ax : Axes
    colours : mapping, optional
        Of columns, as :func:`spectral_interp.plots.column_colours` gives them.
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
    """Draw the whole contributions as pale bars, and their parts inside, one above the other."""
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
    """Write the contributions at the ends of their bars, base value and prediction at theirs."""
    start = table["start"].to_numpy()
    reach = table["refit_deviation"].fillna(0) if "refit_deviation" in table else 0.0
    ends = [start, start + table["contribution"] + reach, start + table["diagonal"].fillna(0)]
    for at, (value, end) in enumerate(zip(table["contribution"], np.max(ends, axis=0), strict=True)):
        _write(ax, signed(value), end, at)
    _write(ax, number(table["base"][0]), table["base"][0], _ABOVE)
    _write(ax, _prediction(table), table["prediction"][0], len(table) + _BELOW)


def _prediction(table: pd.DataFrame) -> str:
    """Return the prediction and, of log-odds, the probability beside it."""
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
    """Draw the thin line from the base value, a dot, past bars at ``y`` (c,) to the prediction, a diamond."""
    base, prediction = table["base"].iloc[0], table["prediction"].iloc[0]
    below = len(table) + _BELOW
    x = np.concatenate([[base, base], np.repeat(table["start"] + table["contribution"], 2)])
    ax.plot(x, [_ABOVE, *np.repeat(y, 2), below], color=colour, linewidth=0.7, zorder=0)
    ax.plot(base, _ABOVE, "o", color=colour, markersize=6)
    ax.plot(prediction, below, "D", color=colour, markersize=6)


def frame(ax: Axes, texts: Sequence[str], columns: Sequence[str], colours: Colours) -> None:
    """Name the lines of a waterfall, the base value above them and the prediction below."""
    ticks = [_ABOVE, *range(len(texts)), len(texts) + _BELOW]
    ax.set_yticks(ticks, ["base value", *texts, "prediction"])
    ax.set_ylim(len(texts) + 0.2, -1.2)
    add_squares(ax, dict(enumerate(columns)), colours)
    ax.use_sticky_edges = False
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="x", color=NEUTRAL, alpha=0.12)
    ax.set_axisbelow(True)


def finding(table: pd.DataFrame) -> str:
    """Name the column with the largest step from the base value to the prediction."""
    single = table[(table["value"] != "") | ~table["column"].str.endswith(" others")]
    first = single.iloc[single["contribution"].abs().argmax()]
    base, prediction = table["base"].iloc[0], table["prediction"].iloc[0]
    chance = f", a probability of {percent(table['probability'].iloc[0])}" if "probability" in table else ""
    if "class" in table:
        chance += f" for {table['class'].iloc[0]} among all classes"
    text = (
        f"From {number(base)} to {with_unit(prediction, table)}{chance}; the largest step is "
        f"{first['column']}, {number(first['contribution'])}"
    )
    if "refit_deviation" in table:
        text += f", with a refit deviation of {number(first['refit_deviation'])}"
    return f"{text}."


def reading(table: pd.DataFrame) -> str:
    """Return how to read it."""
    text = "From the base value at the top to the prediction at the bottom, one step for each column."
    if "refit_deviation" not in table:
        return text
    return (
        f"{text} A whisker is the refit deviation: the standard deviation of the step over the model's fits."
    )


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
