"""Largest possible change of the prediction for a step of each column."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from .._common.text import at_most
from ..certificates.bounds import Certificate
from ..view.axes import MISSING
from .figure import Figure
from .lines import Colours, add_bars, fold_names, height_of_lines, label_x, legend_below, name_lines
from .style import CERTIFIED, NEUTRAL, WHOLE
from .text import sentence, unit_text

LEVEL, DATE, GAP = "change of level", "step of a date", "gap"
"""Kinds of steps: for levels, for dates whose month, weekday or hour enters, and to a missing value."""


def sensitivity_table(certificate: Certificate) -> pd.DataFrame:
    """Return the sensitivity bound of every column, the norm of the matrix of its step; largest first.

    ``step`` is the step to which the bound applies, and ``of`` is its kind: a standard deviation or a unit of
    a number (or of its logarithm if the model uses it), or the change of level with the largest bound. A
    column with missing values has a second line with ``of`` "gap", for a missing value in place of the
    median.
    """
    lines = []
    for axis, (_, found) in zip(certificate.view.axes, certificate.columns().iterrows(), strict=True):
        one = {"column": axis.name, "step": found["step"], "of": axis.step, "bound": found["norm"]}
        lines.append(one | {"unit": found["unit"]})
        if axis.gap() is not None:
            gap = {"step": found["gap_step"], "of": GAP, "bound": found["gap_norm"]}
            lines.append(one | gap | {"unit": found["unit"]})
    return pd.DataFrame(lines).sort_values("bound", ascending=False, ignore_index=True, kind="stable")


def _label(line: pd.Series) -> str:
    return f"{line['column']}: {MISSING}" if line["of"] == GAP else str(line["column"])


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw the bounds as bars. The lines after the first twenty are counted, with their largest bound.

    Parameters
    ----------
    table : DataFrame
        From :func:`sensitivity_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
    """
    names = fold_names([_label(line) for _, line in table.iterrows()])
    others = len(names) < len(table)
    shown = table.head(len(names) - others)
    add_bars(ax, shown["bound"], lines=len(names), color=CERTIFIED, edgecolor=NEUTRAL, linewidth=0.6)
    if others:
        bound = at_most(table["bound"][len(shown)])
        ax.text(0, len(shown), f"  not drawn: at most {bound} each", va="center", color=WHOLE)
    name_lines(ax, names, columns=[*shown["column"], *names[len(shown) :]], colours=colours)
    ax.set_xlim(left=0)
    ax.locator_params(axis="x", nbins=5)
    unit, steps = unit_text(table["unit"][0]), sorted(set(table["of"]), reverse=True)
    label_x(ax, f"largest possible change ({unit} per {' or '.join(steps)})")
    ax.set_title("Sensitivity bound of each column")
    legend_below(ax)


def finding(table: pd.DataFrame) -> str:
    """State the largest and the smallest bound."""
    first, last = table.iloc[0], table.iloc[-1]
    if not first["bound"]:
        return "No step of any column changes a prediction."
    most = f"{at_most(first['bound'])} ({first['unit']})"
    text = sentence(f"{_step(first)} never changes a prediction by more than {most}")
    if len(table) == 1:
        return text
    return f"{text} The bound for {_step(last)} is the smallest: {at_most(last['bound'])}."


def _step(line: pd.Series) -> str:
    """Return the step to which a bound applies. For levels the bound applies to every change."""
    if line["of"] == GAP:
        return f"a missing value in place of the median of {line['column']}"
    if line["of"] == DATE:
        return f"a change of {line['column']} ({line['step']} alone)"
    return f"a change of {line['column']}" if line["of"] == LEVEL else f"one {line['step']}"


sensitivity = Figure(
    name="sensitivity",
    title="Largest possible effect of each column",
    kind="Bar chart",
    reading="The bar bounds the change of the prediction for one step of the column, for every input. A step "
    "is a standard deviation or a unit of a number (or of its logarithm if the model uses it), a change of "
    "level, or a missing value in place of the median.",
    table=sensitivity_table,
    draw=draw,
    height=lambda table: height_of_lines(len(table)),
    finding=finding,
    headers={"of": "kind of step"},
    once=("unit",),
)
