"""Every contribution as a dot, coloured by the value of its column."""

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
from .._common.text import counted, listed
from ..attribution.result import Attribution
from .figure import Figure
from .lines import Colours, fold_names, height_of_lines, label_x, name_lines
from .style import NEUTRAL, VALUE_MAP, WHOLE
from .text import UNIT, sentence, shorten

STEADY = 0.6
"""Rank correlation of values and contributions from which on a column has a direction."""

_BINS, _HALF_WIDTH = 80, 0.42
_SMALL, _LARGE, _FEW = 10, 28, 20
"""Areas of the dots, large ones for few rows."""


def beeswarm_table(attribution: Attribution) -> pd.DataFrame:
    """Return one line per (row, column), with ``level``: the value's rank within its column, 0 to 1."""
    levels = np.column_stack([_level(values) for values in attribution.data.T])
    return attribution.to_frame().assign(level=levels.ravel())


def _level(values: npt.NDArray[Any]) -> FloatArray:
    """Return ranks from 0 to 1 of one column's values (n,); text by alphabet, gaps in the middle."""
    series = pd.Series(values).infer_objects()
    comparable = series if pd.api.types.is_numeric_dtype(series.dtype) else series.astype("string")
    return np.asarray(comparable.rank(pct=True).fillna(0.5), dtype=np.float64)


def draw(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> None:
    """Draw one line of dots per column, the columns with the largest mean |contribution| first.

    The columns after the first twenty are one line, a grey dot a row for their sum.

    Parameters
    ----------
    table : DataFrame
        From :func:`beeswarm_table`.
    ax : Axes
    colours : mapping, optional
        Of columns, as :func:`spectral_interp.plots.column_colours` gives them.
    """
    sizes = table["contribution"].abs().groupby(table["column"], sort=False).mean()
    order = list(sizes.sort_values(ascending=False, kind="stable").index)
    names = fold_names(order)
    dots = _dots(table, order, len(names))
    size = _SMALL if table["row"].nunique() > _FEW else _LARGE
    look: dict[str, Any] = {"x": "contribution", "y": "height", "s": size, "linewidth": 0, "legend": False}
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    single = dots[dots["level"].notna()]
    sns.scatterplot(single, hue="level", hue_norm=(0, 1), palette=VALUE_MAP, ax=ax, **look)
    if len(single) < len(dots):
        sns.scatterplot(dots[dots["level"].isna()], color=WHOLE, ax=ax, **look)
    _add_bar(ax)
    ax.set_ylabel("")
    name_lines(ax, names, colours=colours)
    ax.locator_params(axis="x", nbins=5)
    label_x(ax, f"contribution ({shorten(table['unit'].iloc[0], UNIT)})")
    method, count = table["method"].iloc[0].capitalize(), counted(table["row"].nunique(), "row")
    ax.set_title(f"{method} contributions, {count}")


def _dots(table: pd.DataFrame, order: list[str], lines: int) -> pd.DataFrame:
    """Return contribution, level and height of every dot; the sum of other columns has no level."""
    parts = [table[table["column"] == name] for name in order[:lines]]
    if lines < len(order):
        rest = table[table["column"].isin(order[lines - 1 :])]
        parts[-1] = rest.groupby("row")["contribution"].sum().reset_index().assign(level=np.nan)
    drawn = np.concatenate([part["contribution"] for part in parts])
    edges = np.linspace(drawn.min(), drawn.max(), _BINS + 1)
    heights = [at + fan(part["contribution"].to_numpy(), edges) for at, part in enumerate(parts)]
    levels = np.concatenate([part["level"] for part in parts])
    return pd.DataFrame({"contribution": drawn, "level": levels, "height": np.concatenate(heights)})


def _add_bar(ax: Axes) -> None:
    colours = ScalarMappable(Normalize(0, 1), VALUE_MAP)
    bar = ax.figure.colorbar(colours, ax=ax, ticks=[0, 1], aspect=30, pad=0.02)
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("value (rank)", labelpad=-16)


def fan(x: FloatArray, edges: FloatArray) -> FloatArray:
    """Return offsets within ±0.42 that fan the dots of each bin of ``x`` out around their line."""
    bins = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, _BINS - 1)
    order = np.argsort(bins, kind="stable")
    starts = np.searchsorted(bins[order], np.arange(_BINS))
    place = np.empty(len(x))
    place[order] = np.arange(len(x)) - starts[bins[order]]
    counts = np.bincount(bins, minlength=_BINS)
    spread = np.ceil(place / 2) * np.where(place % 2, 1, -1)
    return _HALF_WIDTH * spread / max(counts.max() / 2, 8)


def finding(table: pd.DataFrame) -> str:
    """State for the three strongest columns whether high values raise or lower the prediction."""
    sizes = table["contribution"].abs().groupby(table["column"], sort=False).mean()
    strongest = sizes.sort_values(ascending=False, kind="stable").index[:3]
    ways: dict[str, list[str]] = {}
    for name in strongest:
        ways.setdefault(_way(table[table["column"] == name]), []).append(str(name))
    return sentence("; ".join(way.format(listed(names)) for way, names in ways.items()))


def _way(rows: pd.DataFrame) -> str:
    """Return how the contributions of a column go with its values."""
    if not rows["contribution"].any():
        return "nothing comes from {}"
    if rows["value"].map(lambda value: isinstance(value, str)).any():
        return "levels of {} raise or lower predictions"
    ranks = rows.loc[rows["value"].notna(), ["level", "contribution"]].rank()
    if ranks["level"].nunique() < 2:
        return "no two values of {} to compare"
    steady = ranks["level"].corr(ranks["contribution"]) if ranks["contribution"].nunique() > 1 else 0.0
    if abs(steady) < STEADY:
        return "no single direction for {}"
    return "high values of {} raise predictions" if steady > 0 else "high values of {} lower predictions"


beeswarm = Figure(
    name="beeswarm",
    title="Every contribution ({method})",
    kind="Dot chart",
    reading="One dot is one row. Right of the line the column raised the prediction, left of it lowered it; "
    "the colour is the column's value, from low to high.",
    table=beeswarm_table,
    draw=draw,
    height=lambda table: height_of_lines(table["column"].nunique()),
    finding=finding,
    headers={"standard_error": "standard error", "level": "rank of the value"},
    once=("unit", "method", "background"),
)
