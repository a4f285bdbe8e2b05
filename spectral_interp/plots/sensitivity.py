"""How far a step of each column can move the prediction at most."""

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
"""Steps of columns of levels, of dates whose month, weekday or hour enter, and to a missing value."""


def sensitivity_table(certificate: Certificate) -> pd.DataFrame:
    """Return the sensitivity bound of every column, the largest first: the norm of its step's matrix.

    ``step`` is the step that is bounded, ``of`` its kind: a standard deviation or a unit of a number (of its
    logarithm, where that enters), or a change of level, that which can move predictions most. A column with
    gaps has a second line: a missing value in place of the median, ``of`` "gap".
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
    """Draw the bounds as bars; the lines after the first twenty are counted, with the largest of theirs.

    Parameters
    ----------
    table : DataFrame
        From :func:`sensitivity_table`.
    ax : Axes
    colours : mapping, optional
        Of columns, as :func:`spectral_interp.plots.column_colours` gives them.
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
    """State the largest bound, and the smallest."""
    first, last = table.iloc[0], table.iloc[-1]
    if not first["bound"]:
        return "No step of any column moves a prediction."
    most = f"{at_most(first['bound'])} ({first['unit']})"
    text = sentence(f"{_step(first)} never moves a prediction by more than {most}")
    if len(table) == 1:
        return text
    return f"{text.removesuffix('.')}, nor does {_step(last)} by more than {at_most(last['bound'])}."


def _step(line: pd.Series) -> str:
    """Return in words which step is bounded; of levels every change, as the largest is."""
    if line["of"] == GAP:
        return f"a missing value in place of the median of {line['column']}"
    if line["of"] == DATE:
        return f"a change of {line['column']} ({line['step']} alone)"
    return f"a change of {line['column']}" if line["of"] == LEVEL else f"one {line['step']}"


sensitivity = Figure(
    name="sensitivity",
    title="The most a column can do",
    kind="Bar chart",
    reading="No input lets the prediction change by more than this for one step of the column: a standard "
    "deviation or a unit of a number (of its logarithm, where that enters), a change of level, or a missing "
    "value in place of the median.",
    table=sensitivity_table,
    draw=draw,
    height=lambda table: height_of_lines(len(table)),
    finding=finding,
    headers={"of": "kind of step"},
    once=("unit",),
)
