"""Mean |contribution| by column, split into diagonal and coupling parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from .._common.text import counted, listed, number
from ..attribution.changes import deviation
from ..attribution.result import Attribution
from .figure import Figure
from .lines import (
    Colours,
    add_bars,
    fold,
    fold_names,
    height_of_lines,
    label_x,
    legend_below,
    limit_others,
    name_lines,
)
from .style import COUPLING, COUPLING_HATCH, DIAGONAL, NEUTRAL, TOP, WHOLE
from .text import unit_text, with_unit

NAMED = 5
"""Maximum number of columns named in a sentence."""


def importance_table(attribution: Attribution) -> pd.DataFrame:
    """Return mean |contribution| per column, and of its two parts if the method splits it; largest first.

    For a model with several fits, ``refit_deviation`` is the standard deviation over the fits of the column's
    mean |contribution|. ``mean_refit_deviation`` is the mean over rows of the refit deviations of single
    contributions, and ``below_refit_deviation`` counts the rows with a |contribution| below its refit
    deviation.
    """
    parts = {"contribution": attribution.values}
    if attribution.diagonal is not None and attribution.coupling is not None:
        parts |= {"diagonal": attribution.diagonal, "coupling": attribution.coupling}
    means = {f"mean_abs_{name}": np.abs(values).mean(axis=0) for name, values in parts.items()}
    table = pd.DataFrame(
        {
            "column": list(attribution.columns),
            **means,
            **_refits(attribution),
            "unit": attribution.unit,
            "method": attribution.method,
            "rows": len(attribution.values),
        }
    )
    return table.sort_values("mean_abs_contribution", ascending=False, ignore_index=True, kind="stable")


def _refits(attribution: Attribution) -> dict[str, FloatArray]:
    """Return the refit deviations of mean |contributions| and of contributions, and counts of rows below."""
    own, of_sizes = attribution.refit_deviation, deviation_of_sizes(attribution)
    if own is None or of_sizes is None:
        return {}
    return {
        "refit_deviation": of_sizes,
        "mean_refit_deviation": own.mean(axis=0),
        "below_refit_deviation": (np.abs(attribution.values) < own).sum(axis=0),
    }


def deviation_of_sizes(attribution: Attribution) -> FloatArray | None:
    """Return the standard deviation over the fits of a model of each column's mean |contribution|, (c,).

    The result is None for a model with one fit, and for contributions from other explainers.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> from spectral_interp.pencil import Total
    >>> fits = [Pencil(diag=[[0.0], [slope]], off=[[], []], k=0) for slope in (1.0, 2.0)]
    >>> deviation_of_sizes(explain(Total(fits, weights=[0.5, 0.5], member=[0, 1]), [[2.0], [4.0]])).round(3)
    array([2.121])
    """
    if attribution.refit_deviation is None:
        return None
    return deviation(np.abs(attribution.by_member()).mean(axis=0), axis=1)


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Stack the mean |parts| of each column. A dot marks the mean |contribution|, as parts may cancel.

    Whiskers extend by the refit deviation to both sides. Methods without parts have grey bars, and models
    without couplings have plain bars. The columns after the first twenty share one line, with the sum of
    their mean |contributions|.

    Parameters
    ----------
    table : DataFrame
        From :func:`importance_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
    """
    whole, names = fold(table["mean_abs_contribution"].to_numpy()), fold_names(list(table["column"]))
    lines = len(names)
    ax.use_sticky_edges = False
    reach = whole
    if "mean_abs_coupling" not in table:
        add_bars(ax, whole, lines=lines, color=WHOLE)
    else:
        diagonal, coupling = (fold(table[f"mean_abs_{part}"].to_numpy()) for part in ("diagonal", "coupling"))
        add_bars(ax, diagonal, lines=lines, color=DIAGONAL, label="diagonal part")
        reach = diagonal + coupling
        if coupling.any():
            _add_couplings(diagonal, coupling, whole, ax)
    if "refit_deviation" in table:
        _add_deviations(whole, table["refit_deviation"].to_numpy(), ax)
    name_lines(ax, names, colours=colours)
    ax.set_xlim(left=0)
    if len(names) < len(table):
        limit_others(ax, reach[:TOP].max(), reach[TOP:], whole[TOP:])
    ax.locator_params(axis="x", nbins=5)
    label_x(ax, f"mean |contribution| ({unit_text(table['unit'][0])})")
    method, rows = table["method"][0].capitalize(), counted(int(table["rows"][0]), "row")
    ax.set_title(f"{method} contributions, {rows}")
    legend_below(ax)


def _add_couplings(diagonal: FloatArray, coupling: FloatArray, whole: FloatArray, ax: Axes) -> None:
    """Stack the coupling parts on the diagonal parts and mark the whole contributions."""
    add_bars(
        ax,
        coupling,
        lines=len(whole),
        left=diagonal,
        color=COUPLING,
        hatch=COUPLING_HATCH,
        edgecolor="white",
        linewidth=0,
        label="coupling part",
    )
    ax.plot(
        whole, range(len(whole)), "o", color=NEUTRAL, markeredgecolor="white", label="both (parts may cancel)"
    )


def _add_deviations(whole: FloatArray, deviation: FloatArray, ax: Axes) -> None:
    """Draw whiskers for single columns. The deviation of the sum of other columns is not known."""
    single = len(whole) if len(whole) == len(deviation) else len(whole) - 1
    add_deviations(whole[:single], deviation[:single], range(single), ax)


def add_deviations(sizes: FloatArray, deviation: FloatArray, places: Sequence[float], ax: Axes) -> None:
    """Draw whiskers of the given deviations (m,) at the ends of bars of the given sizes (m,), cut at zero."""
    ax.errorbar(
        sizes,
        places,
        xerr=[np.minimum(deviation, sizes), deviation],
        fmt="none",
        ecolor=NEUTRAL,
        elinewidth=1.2,
        capsize=3,
        label="± refit deviation",
    )


def finding(table: pd.DataFrame) -> str:
    """Name the strongest columns, and state the share of the couplings."""
    sizes = table["mean_abs_contribution"]
    if not sizes.sum():
        return "No column contributes anything at these rows."
    top = table["column"].head(3).tolist()
    share = sizes.head(3).sum() / sizes.sum()
    if len(table) == 1:
        text = f"{top[0]} is the only column, with a mean |contribution| of {with_unit(sizes[0], table)}"
    else:
        text = f"{listed(top)} account for {share:.0%} of the sum of all |contributions|"
    if "mean_abs_coupling" in table:
        parts = table["mean_abs_coupling"].sum(), table["mean_abs_diagonal"].sum()
        text += f"; {parts[0] / sum(parts):.0%} of the sum of all |parts| comes from couplings"
    return " ".join([f"{text}.", *refit_sentences(table)])


def refit_sentences(table: pd.DataFrame) -> list[str]:
    """Return sentences on the contributions and the columns that are below their refit deviation.

    Examples
    --------
    >>> sizes = {"column": ["a", "b"], "mean_abs_contribution": [5.0, 1.0], "rows": 10}
    >>> refits = {"mean_refit_deviation": [1.0, 2.0], "below_refit_deviation": [1, 8]}
    >>> print(refit_sentences(pd.DataFrame(sizes | refits))[0])
    9 of the 20 contributions (45%) are smaller than their refit deviation.
    """
    if "mean_refit_deviation" not in table:
        return []
    below, count = int(table["below_refit_deviation"].sum()), int(table["rows"].iloc[0]) * len(table)
    lines = [
        f"{below:,} of the {count:,} contributions ({below / count:.0%}) are smaller than their refit "
        "deviation."
    ]
    weak = table[table["mean_abs_contribution"] < table["mean_refit_deviation"]]
    if len(weak):
        sizes = weak[["column", "mean_abs_contribution", "mean_refit_deviation"]].head(NAMED)
        named = [
            f"{column} ({number(size)}, deviation {number(deviation)})"
            for column, size, deviation in sizes.itertuples(index=False, name=None)
        ]
        more = [counted(len(weak) - NAMED, "other")] if len(weak) > NAMED else []
        lines.append(
            "The mean |contribution| is smaller than the mean refit deviation for "
            f"{counted(len(weak), 'column')}: {listed([*named, *more])}."
        )
    return lines


READING = (
    "A longer bar means that the column changes predictions more, in either direction. The plain part is the "
    "column's effect through the diagonal; the hatched part is its effect through the coupling of "
    "neighbouring latents. The dot is the mean |contribution|, which is less than the bar where the parts "
    "cancel. Methods without parts have a grey bar."
)


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    if "refit_deviation" not in table:
        return READING
    return (
        f"{READING} The whisker is the refit deviation: the standard deviation of the column's mean "
        "|contribution| over the fits that the model averages."
    )


importance = Figure(
    name="importance",
    title="Mean |contribution| by column ({method}, {rows:,} rows)",
    kind="Bar chart",
    reading=reading,
    table=importance_table,
    draw=draw,
    height=lambda table: height_of_lines(len(table)),
    finding=finding,
    headers={
        "mean_abs_contribution": "mean |contribution|",
        "mean_abs_diagonal": "mean |diagonal|",
        "mean_abs_coupling": "mean |coupling|",
        "refit_deviation": "refit deviation",
        "mean_refit_deviation": "mean refit deviation of a contribution",
        "below_refit_deviation": "rows below their refit deviation",
    },
    once=("unit", "method", "rows"),
)
