"""Certified interval of the derivative by each column, and the derivatives observed at the rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from .._common.text import at_most, listed, number
from ..certificates.bounds import Certificate
from ..certificates.sentences import LOOSE, is_change
from .figure import Figure
from .lines import Colours, fold_names, height_of_lines, label_x, legend_below, name_lines
from .style import CERTIFIED, NEUTRAL, PROVEN, PROVEN_HATCH, WHOLE, bar_height
from .text import printable, shorten, shorten_all, unit_text

CHANGE, BRIEF = 34, 12
"""Maximum number of characters in the name of a change of level, and of the column in it."""


def certified_table(certificate: Certificate) -> pd.DataFrame:
    """Return the bounds of :meth:`Certificate.columns`, one line per column, the steepest first.

    ``neurons`` is the number of neurons in a sum.
    """
    table = certificate.columns()
    neurons = len(certificate.view.function.neurons)
    if neurons > 1:
        table = table.assign(neurons=neurons)
    steepest = table[["low", "high"]].abs().max(axis=1).sort_values(ascending=False, kind="stable")
    return table.loc[steepest.index].reset_index(drop=True)


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw the certified intervals, hatched where the sign is proven, and the observed ranges inside.

    The columns after the first twenty are not drawn; one line gives their number and a common bound.

    Parameters
    ----------
    table : DataFrame
        From :func:`certified_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
    """
    names = fold_names(_labels(table))
    shown, rest = table.iloc[: len(names)], table.iloc[:0]
    if len(names) < len(table):
        shown, rest = table.iloc[: len(names) - 1], table.iloc[len(names) - 1 :]
    y = np.arange(len(shown))
    ax.use_sticky_edges = False
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    _add_intervals(shown, y, 0.9 * bar_height(len(names)), ax)
    if "observed_min" in shown:
        ends = shown["observed_min"], shown["observed_max"]
        ax.hlines(y, *ends, color=NEUTRAL, linewidth=4, label="observed at the rows")
        median = shown["observed_median"]
        ax.plot(median, y, "o", color="white", markeredgecolor=NEUTRAL, label="median of the rows")
    if len(rest):
        bound = f"not drawn: each within ±{at_most(rest[['low', 'high']].abs().max().max())}"
        ax.text(0, len(shown), bound, ha="center", va="center", color=WHOLE, backgroundcolor="white")
    columns = [*shown["column"], *names[len(shown) :]]
    name_lines(ax, names, columns=columns, colours=colours, width=CHANGE)
    label_x(ax, f"derivative ({unit_text(table['unit'][0])} per {_step(shown)})")
    ax.locator_params(axis="x", nbins=5)
    ax.set_title("Certified response to each column")
    legend_below(ax)


def _add_intervals(shown: pd.DataFrame, y: npt.NDArray[np.int_], height: float, ax: Axes) -> None:
    for proven, colour, hatch, label in (
        (False, CERTIFIED, "", "certified for every input"),
        (True, PROVEN, PROVEN_HATCH, "certified, sign proven"),
    ):
        rows = (shown["monotone"] != 0).to_numpy() == proven
        if rows.any():
            ax.barh(
                y[rows],
                (shown["high"] - shown["low"])[rows],
                height,
                left=shown["low"][rows],
                color=colour,
                edgecolor="white" if hatch else colour,
                hatch=hatch,
                linewidth=0 if hatch else 1.5,  # shows intervals of width 0
                label=label,
            )


def _labels(table: pd.DataFrame) -> list[str]:
    """Return the names of the lines. In a change of level, both levels stay legible."""
    columns = list(map(str, table["column"]))
    names, brief = shorten_all(columns), shorten_all(columns, BRIEF)
    return [
        _change(column, brief[at], str(line["step"])) if is_change(line) else names[at]
        for at, (column, (_, line)) in enumerate(zip(columns, table.iterrows(), strict=True))
    ]


def _change(column: str, brief: str, step: str) -> str:
    whole = printable(f"{column}: {step}")
    if len(whole) <= CHANGE:
        return whole
    levels = step.split(" → ")
    if len(levels) != 2:  # a level has an arrow in its name
        return f"{brief}: {shorten(step, CHANGE - BRIEF - 2)}"
    spare = CHANGE - len(brief) - 5
    width = max(spare // 2, spare - min(len(printable(level)) for level in levels))
    return f"{brief}: {' → '.join(shorten_all(levels, width))}"


def _step(shown: pd.DataFrame) -> str:
    """Return the steps that the derivatives refer to, for all columns shown."""
    scaled = shown["step"].str.startswith("standard deviation").any()
    changes, rest = _split(shown)
    parts = ["standard deviation" if scaled else "unit"] if len(rest) else []
    parts += ["change of level"] if (changes["kind"] == "levels").any() else []
    return " or ".join(parts + ["step of a date"] * bool((changes["kind"] != "levels").any()))


def _split(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the columns with a certified change and the columns with a certified slope."""
    changes = table.apply(is_change, axis=1).astype(bool) if len(table) else pd.Series(dtype=bool)
    return table[changes], table[~changes]


def finding(table: pd.DataFrame) -> str:
    """Name the proven directions. For levels and dates the proof covers only the change that is named."""
    return " ".join([_directions(table), *_looseness(table)])


def _looseness(table: pd.DataFrame) -> list[str]:
    """Return how much wider the intervals of a sum are than the observed ranges, if much wider."""
    if "neurons" not in table or "observed_min" not in table:
        return []
    observed = table["observed_max"] - table["observed_min"]
    times = ((table["high"] - table["low"]) / observed)[observed > 0]
    if not len(times) or times.median() < LOOSE:
        return []
    return [
        f"In the median column the interval is {number(times.median(), 2)} times as wide as the observed "
        f"range, because it adds up the worst cases of all {table['neurons'].iloc[0]} neurons."
    ]


def _directions(table: pd.DataFrame) -> str:
    proven = table[table["monotone"] != 0]
    if proven.empty:
        return "No direction is proven: every interval contains zero."
    levels, numbers = _split(proven)
    gaps = np.where(numbers["kind"].str.endswith("with gaps"), " (where it has a value)", "")
    named = (numbers["column"] + gaps).groupby(numbers["monotone"]).agg(list)
    parts = [
        f"never {way} when {listed(named[sign], 'or')} rises"
        for sign, way in ((1, "fall"), (-1, "rise"))
        if sign in named
    ]
    parts += [f"never fall when {line.column} changes ({line.step})" for line in levels.itertuples()]
    return f"Proven for every input: predictions {listed(parts)}."


certified = Figure(
    name="certified",
    title=lambda table: "Bounds on the slopes" if "neurons" in table else "Possible slopes",
    kind="Interval chart",
    reading="The wide bar bounds the derivative by the column, or the effect of the change of level, for "
    "every input, whether or not it is in the data. The thin bar is the range observed at the rows. A wide "
    "bar that does not cross zero proves a direction.",
    table=certified_table,
    draw=draw,
    height=lambda table: height_of_lines(len(table) + 1),
    finding=finding,
    headers={
        "gap_step": "step to a gap",
        "gap_norm": "norm of a gap",
        "gap_low": "low of a gap",
        "gap_high": "high of a gap",
        "observed_min": "observed, smallest",
        "observed_median": "observed, median",
        "observed_max": "observed, largest",
        "own_step": "own step",
        "norm_per_unit": "norm per unit",
        "low_per_unit": "low per unit",
        "high_per_unit": "high per unit",
    },
    once=("unit", "step", "neurons"),
)
