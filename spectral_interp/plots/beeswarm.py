"""Every contribution as a dot, coloured by the value of its column. Levels have no order and are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from .._common.arrays import FloatArray
from .._common.text import counted, listed, number
from ..attribution.result import Attribution
from .figure import Figure
from .lines import Colours, fold_names, height_of_lines, label_x, legend_below, name_lines
from .style import NEUTRAL, VALUE_MAP, WHOLE
from .text import LETTER, room, sentence, shorten_all, unit_text, value_text

STEADY = 0.6
"""Minimum |rank correlation| of values and contributions for a column to have a direction."""

_BEYOND = 0.25
"""Maximum extension of the axis beyond the dots of single columns, as a share of their range."""

_RAISED, _FLAT, _NAMES = 0.14, 0.6, 0.36
"""For a line with levels: upward shift of the dots, factor on their spread, downward shift of the names."""

_LETTERS, _LEVEL = 9.0, 14
"""Font size of the names of levels in points, and their maximum number of characters."""

_BINS, _HALF_WIDTH = 80, 0.42
_SMALL, _LARGE, _FEW = 10, 28, 20
"""Areas of small and large dots, and the maximum number of rows for large dots."""


def beeswarm_table(attribution: Attribution) -> pd.DataFrame:
    """Return one line per (row, column), with ``level``: the value's rank within its column, 0 to 1.

    ``level`` is NaN where a value is missing. Columns of levels have no ranks, and ``nominal`` is True.
    """
    nominal = attribution.leveled
    ranks = np.full(attribution.values.shape, np.nan)
    for at in range(len(nominal)):
        if not nominal[at]:
            ranks[:, at] = pd.Series(attribution.numbers(at)).rank(pct=True)
    return attribution.to_frame().assign(level=ranks.ravel(), nominal=np.tile(nominal, len(ranks)))


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw one line of dots per column, in decreasing order of mean |contribution|.

    Dots are coloured by rank. Dots of levels are grey, and each level is named below them at its mean. The
    columns after the first twenty share one line, with a grey dot per row for their sum. This line does not
    set the scale.

    Parameters
    ----------
    table : DataFrame
        From :func:`beeswarm_table`.
    ax : Axes
    colours : mapping, optional
        Colours of columns, from :func:`spectral_interp.plots.column_colours`.
    """
    sizes = table["contribution"].abs().groupby(table["column"], sort=False).mean()
    order = list(sizes.sort_values(ascending=False, kind="stable").index)
    names = fold_names(order)
    dots = _dots(table, order, len(names))
    rows = len(table) // len(order)
    size = _SMALL if rows > _FEW else _LARGE
    look: dict[str, Any] = {"x": "contribution", "y": "height", "s": size, "linewidth": 0, "legend": False}
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    ranked = dots[dots["level"].notna()]
    if len(ranked):
        sns.scatterplot(ranked, hue="level", hue_norm=(0, 1), palette=VALUE_MAP, ax=ax, **look)
        _add_bar(ax)
    if len(ranked) < len(dots):
        sns.scatterplot(dots[dots["level"].isna()], color=WHOLE, ax=ax, **look)
    ax.set_ylabel("")
    name_lines(ax, names, colours=colours)
    single = len(names) - (len(names) < len(order))
    beyond = _limit(dots, single, ax)
    for at, name in enumerate(order[:single]):
        own = table[table["column"] == name]
        if own["nominal"].iloc[0]:
            _name_levels(own, at, ax)
    ax.locator_params(axis="x", nbins=5)
    label_x(ax, f"contribution ({unit_text(table['unit'].iloc[0])}){beyond}")
    ax.set_title(f"{table['method'].iloc[0].capitalize()} contributions, {counted(rows, 'row')}")
    legend_below(ax)


def _dots(table: pd.DataFrame, order: list[str], lines: int) -> pd.DataFrame:
    """Return contribution, level, line and height of every dot. The sum of other columns has no level."""
    table = table.assign(place=table.groupby("column", sort=False).cumcount())  # row labels may repeat
    parts = [table[table["column"] == name] for name in order[:lines]]
    if lines < len(order):
        rest = table[table["column"].isin(order[lines - 1 :])]
        sums = rest.groupby("place")["contribution"].sum().reset_index()
        parts[-1] = sums.assign(level=np.nan, nominal=False)
    singles = table.loc[table["column"].isin(order[: lines - (lines < len(order))]), "contribution"]
    low, high = _reach(singles) if lines < len(order) else (float(singles.min()), float(singles.max()))
    edges = np.linspace(low, high, _BINS + 1)
    for at, part in enumerate(parts):
        x, heights = part["contribution"].to_numpy(), np.zeros(len(part))
        inside = (x >= edges[0]) & (x <= edges[-1])
        heights[inside] = fan(x[inside], edges)
        raised = part["nominal"].iloc[0]
        parts[at] = part.assign(line=at, height=at + (_FLAT * heights - _RAISED if raised else heights))
    return pd.concat(parts, ignore_index=True)[["contribution", "level", "line", "height"]]


def _reach(single: npt.ArrayLike) -> tuple[float, float]:
    """Return the outermost limits of the axis for contributions of single columns, (m,)."""
    ends = np.append(single, 0.0)
    beyond = _BEYOND * float(np.ptp(ends))
    return float(ends.min()) - beyond, float(ends.max()) + beyond


def _limit(dots: pd.DataFrame, single: int, ax: Axes) -> str:
    """Limit the axis so that single columns stay legible. Return a note on the sums beyond the limits."""
    drawn = dots["contribution"]
    others, (low, high) = drawn[dots["line"] >= single], ax.get_xlim()
    if len(others):
        least, most = _reach(drawn[dots["line"] < single])
        low, high = max(low, least), min(high, most)
    ax.set_xlim(low, high)
    outside = int(((others < low) | (others > high)).sum())
    ends = f"{number(float(others.min()))} to {number(float(others.max()))}" if outside else ""
    return f"\nother columns: {counted(outside, 'row')} beyond the axis, from {ends}" if outside else ""


def _name_levels(own: pd.DataFrame, at: int, ax: Axes) -> None:
    """Name the levels that fit below a line, at their means: first the ends, then the most frequent."""
    values = own["value"].map(value_text)
    means = own["contribution"].groupby(values, sort=False).agg(["mean", "size"]).sort_values("mean")
    texts = dict(zip(means.index, shorten_all(means.index, _LEVEL), strict=True))
    ends = [means.index[0], means.index[-1]]
    rest = means.drop(index=ends).sort_values("size", ascending=False, kind="stable").index
    low, high = ax.get_xlim()
    letter = LETTER * _LETTERS * (high - low) / room(ax)
    taken: list[tuple[float, float]] = []
    for level in dict.fromkeys([*ends, *rest]):
        width, mean = letter * (len(texts[level]) + 1), float(means.loc[level, "mean"])
        ha, shift = "center", 0.5
        if len(means) > 1 and level in ends:
            ha, shift = ("right", 1.0) if level == ends[0] else ("left", 0.0)
        left = mean - shift * width
        if all(left + width <= start or left >= end for start, end in taken):
            taken.append((left, left + width))
            look: dict[str, Any] = {"fontsize": _LETTERS, "color": NEUTRAL, "ha": ha, "va": "center"}
            ax.text(mean, at + _NAMES, texts[level], **look)


def _add_bar(ax: Axes) -> None:
    colours = ScalarMappable(Normalize(0, 1), VALUE_MAP)
    bar = ax.figure.colorbar(colours, ax=ax, ticks=[0, 1], aspect=30, pad=0.02)
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("value (rank)", labelpad=-16)


def fan(x: FloatArray, edges: FloatArray) -> FloatArray:
    """Return offsets within ±0.42 that spread the dots of each bin of ``x`` around their line."""
    bins = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, _BINS - 1)
    order = np.argsort(bins, kind="stable")
    starts = np.searchsorted(bins[order], np.arange(_BINS))
    place = np.empty(len(x))
    place[order] = np.arange(len(x)) - starts[bins[order]]
    counts = np.bincount(bins, minlength=_BINS)
    spread = np.ceil(place / 2) * np.where(place % 2, 1, -1)
    return _HALF_WIDTH * spread / max(counts.max() / 2, 8)


def finding(table: pd.DataFrame) -> str:
    """State, for the three strongest columns, whether high values raise or lower the prediction."""
    sizes = table["contribution"].abs().groupby(table["column"], sort=False).mean()
    strongest = sizes.sort_values(ascending=False, kind="stable").index[:3]
    ways: dict[str, list[str]] = {}
    for name in strongest:
        ways.setdefault(_way(table[table["column"] == name]), []).append(str(name))
    return sentence("; ".join(way.format(listed(names)) for way, names in ways.items()))


def _way(rows: pd.DataFrame) -> str:
    """Return the direction in which contributions of a column change with its values."""
    if not rows["contribution"].any():
        return "there is no contribution from {}"
    if rows["nominal"].any():
        return "levels of {} raise or lower predictions"
    ranks = rows.loc[rows["level"].notna(), ["level", "contribution"]].rank()
    if ranks["level"].nunique() < 2:
        return "there are no two values of {} to compare"
    steady = ranks["level"].corr(ranks["contribution"]) if ranks["contribution"].nunique() > 1 else 0.0
    if abs(steady) < STEADY:
        return "there is no single direction for {}"
    return "high values of {} raise predictions" if steady > 0 else "high values of {} lower predictions"


beeswarm = Figure(
    name="beeswarm",
    title="Every contribution ({method})",
    kind="Dot chart",
    reading="Each dot is a row. To the right of the vertical line the column raises the prediction, to the "
    "left it lowers it. The colour shows the column's value from low to high; missing values and levels are "
    "grey. Levels are named below the dots, each at the mean of its contributions.",
    table=beeswarm_table,
    draw=draw,
    height=lambda table: height_of_lines(table["column"].nunique()),
    finding=finding,
    headers={
        "standard_error": "standard error",
        "refit_deviation": "refit deviation",
        "level": "rank of the value",
        "nominal": "has levels",
    },
    once=("unit", "method", "background"),
)
