"""Every contribution as a dot, coloured by the value of its column."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from .._common.arrays import FloatArray
from ..attribution.result import Attribution
from .lines import Colours, fold_names, label_x, name_lines
from .style import NEUTRAL, VALUE_MAP, WHOLE, count_rows
from .text import UNIT, plain_text, shorten

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


@plain_text
def beeswarm(table: pd.DataFrame, ax: Axes, *, colours: Colours = None) -> Axes:
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
    lines = {at: table[table["column"] == name] for at, name in enumerate(order[: len(names)])}
    if len(names) < len(order):
        rest = table[table["column"].isin(order[len(names) - 1 :])]
        lines[len(names) - 1] = rest.groupby("row")["contribution"].sum().reset_index()
    drawn = np.concatenate([rows["contribution"] for rows in lines.values()])
    edges = np.linspace(drawn.min(), drawn.max(), _BINS + 1)
    size = _SMALL if table["row"].nunique() > _FEW else _LARGE
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    for at, rows in lines.items():
        x = rows["contribution"].to_numpy()
        colour: dict[str, Any] = {"color": WHOLE}
        if "level" in rows:
            colour = {"c": rows["level"], "cmap": VALUE_MAP, "vmin": 0, "vmax": 1}
        dots = ax.scatter(x, at + fan(x, edges), s=size, linewidths=0, **colour)
        if at == 0:
            _add_bar(ax, dots)
    name_lines(ax, names, colours=colours)
    ax.locator_params(axis="x", nbins=5)
    label_x(ax, f"contribution ({shorten(table['unit'].iloc[0], UNIT)})")
    method, count = table["method"].iloc[0].capitalize(), count_rows(table["row"].nunique())
    ax.set_title(f"{method} contributions, {count}")
    return ax


def _add_bar(ax: Axes, dots: Any) -> None:
    bar = ax.figure.colorbar(dots, ax=ax, ticks=[0, 1], aspect=30, pad=0.02)
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
