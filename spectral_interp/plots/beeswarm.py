"""Every contribution as a dot, coloured by the value of its column."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from ..attribution import Attribution
from ..eigen.checks import FloatArray
from .style import NEUTRAL, TOP, VALUE_MAP, count_rows, shorten

_BINS, _HALF_WIDTH = 80, 0.42
_SMALL, _LARGE, _FEW = 7, 28, 20
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


def beeswarm(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw one row of dots per column, the columns with the largest mean |contribution| first."""
    sizes = table["contribution"].abs().groupby(table["column"], sort=False).mean()
    order = list(sizes.sort_values(ascending=False, kind="stable").index[:TOP])
    edges = np.linspace(table["contribution"].min(), table["contribution"].max(), _BINS + 1)
    size = _SMALL if table["row"].nunique() > _FEW else _LARGE
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    for at, name in enumerate(order):
        rows = table[table["column"] == name]
        x = rows["contribution"].to_numpy()
        dots = ax.scatter(
            x, at + _offsets(x, edges), c=rows["level"], cmap=VALUE_MAP, vmin=0, vmax=1, s=size, linewidths=0
        )
    ax.set_yticks(range(len(order)), [shorten(name) for name in order])
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(f"contribution ({table['unit'].iloc[0]})")
    more = f" (top {TOP} of {len(sizes)})" if len(sizes) > TOP else ""
    rows = count_rows(table["row"].nunique())
    ax.set_title(f"{table['method'].iloc[0].capitalize()} contributions, {rows}{more}")
    bar = ax.figure.colorbar(dots, ax=ax, ticks=[0, 1], aspect=30, pad=0.02)
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("value of the column (rank)", labelpad=-14)
    return ax


def _offsets(x: FloatArray, edges: FloatArray) -> FloatArray:
    """Return vertical offsets that fan the dots of each bin of ``x`` out around the line."""
    bins = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, _BINS - 1)
    order = np.argsort(bins, kind="stable")
    starts = np.searchsorted(bins[order], np.arange(_BINS))
    place = np.empty(len(x))
    place[order] = np.arange(len(x)) - starts[bins[order]]
    counts = np.bincount(bins, minlength=_BINS)
    fan = np.ceil(place / 2) * np.where(place % 2, 1, -1)
    return _HALF_WIDTH * fan / max(counts.max() / 2, 8)
