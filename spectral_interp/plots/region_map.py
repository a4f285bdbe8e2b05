"""Predictions over two columns, and the linear pieces of the skeleton."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from scipy import ndimage

from .._common.arrays import FloatArray, IntArray
from .._common.text import counted, number
from ..regions.slices import PlaneSlice
from .dates import drawn, holds_dates, label_dates
from .figure import Figure
from .lines import label_y
from .style import VALUE_MAP, label_log
from .text import NAME, row_name, shorten, unit_text, with_unit

_LABELLED = 0.01
"""Minimum share of the plane for a piece to be labelled with its latent."""

_NEIGHBOURS = np.ones((3, 3))
"""Neighbours of a grid point, including diagonal ones, so that a thin oblique piece stays connected."""


def region_map_table(plane: PlaneSlice) -> pd.DataFrame:
    """Return one line per point of the grid: both values, prediction, active latent, piece, names and unit.

    A piece is a set of connected grid points with the same active latent. Pieces are numbered from 0 in
    decreasing order of size. A latent may have several pieces, and pieces narrower than the grid may be
    missing or split; the boundaries are exact. A sum has neither latents nor pieces.
    """
    latents = plane.active_latent
    of_skeleton = {} if latents is None else {"active_latent": latents, "piece": _pieces(latents)}
    x, y = np.meshgrid(plane.x, plane.y)
    across, up = plane.axes
    here = plane.here or (None, None)
    return pd.DataFrame(
        {
            "x": x.ravel(),
            "y": y.ravel(),
            "prediction": plane.values.ravel(),
            **{name: found.ravel() for name, found in of_skeleton.items()},
            "x_column": across.name,
            "y_column": up.name,
            "x_log": across.log,
            "y_log": up.log,
            "row_x": here[0],
            "row_y": here[1],
            "row": plane.row,
            "unit": plane.unit,
        }
    )


def _pieces(latents: IntArray) -> IntArray:
    """Return the connected piece of every point (m, m) in a grid of latents, numbered by decreasing size."""
    pieces, found = np.empty(latents.shape, dtype=np.intp), 0
    for latent in np.unique(latents):
        labels, count = ndimage.label(latents == latent, structure=_NEIGHBOURS)
        pieces[labels > 0] = found + labels[labels > 0] - 1
        found += count
    order = np.argsort(-np.bincount(pieces.ravel()), kind="stable")
    return np.argsort(order)[pieces]


def draw(table: pd.DataFrame, ax: Axes, *, boundaries: Sequence[FloatArray]) -> None:
    """Colour the plane by prediction, draw the boundaries of the skeleton and label its larger pieces.

    Parameters
    ----------
    table : DataFrame
        From :func:`region_map_table`.
    ax : Axes
    boundaries : sequence of ndarray, shape (points, 2)
        Boundaries in the same plane.
    """
    first = table.iloc[0]
    x, y = np.unique(drawn(table["x"])), np.unique(drawn(table["y"]))
    shape = len(y), len(x)
    colours = ax.pcolormesh(
        x,
        y,
        table["prediction"].to_numpy().reshape(shape),
        cmap=VALUE_MAP,
        shading="nearest",
        rasterized=True,
    )
    for line in boundaries:
        ax.plot(*line.T, color="white", linewidth=1.4, solid_capstyle="round")
    for piece, rows in table.groupby("piece") if "piece" in table else ():
        if len(rows) >= _LABELLED * len(table):
            place = _inner_point((table["piece"] == piece).to_numpy().reshape(shape))
            halo = [withStroke(linewidth=2.5, foreground="black")]
            at = (x[place[1]], y[place[0]])
            latent = str(rows["active_latent"].iloc[0])
            ax.text(*at, latent, color="white", ha="center", va="center", path_effects=halo)
    if first["row_x"] is not None:
        ax.plot(
            drawn(table["row_x"].head(1)),
            drawn(table["row_y"].head(1)),
            "X",
            color="white",
            markeredgecolor="black",
            markersize=9,
            clip_on=False,
        )
    ax.set(xlabel=shorten(first["x_column"], 2 * NAME), ylabel=shorten(first["y_column"], NAME))
    ax.set(xscale="log" if first["x_log"] else "linear", yscale="log" if first["y_log"] else "linear")
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    for axis, side in ((ax.xaxis, "x"), (ax.yaxis, "y")):
        if first[f"{side}_log"]:
            label_log(axis)
        if holds_dates(table[side]):
            label_dates(axis)
    what = "Pieces of the skeleton, by latent" if "piece" in table else "Predictions"
    ax.set_title(f"{what} (✕ row {row_name(first['row'])})")
    bar = ax.figure.colorbar(colours, ax=ax, aspect=30, pad=0.02)
    label_y(bar.ax, f"prediction ({unit_text(first['unit'])})")


def _inner_point(inside: np.ndarray) -> tuple[int, int]:
    """Return the point of a region (rows, columns) farthest from its edge, found by peeling layers."""
    left = inside
    while True:
        padded = np.pad(left, 1)
        peeled = left & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        if not peeled.any():
            rows, columns = np.nonzero(left)
            middle = len(rows) // 2
            return int(rows[middle]), int(columns[middle])
        left = peeled


def finding(table: pd.DataFrame) -> str:
    """State the numbers of active latents and connected pieces on the plane, or for a sum the range."""
    if "piece" not in table:
        low, high = table["prediction"].min(), table["prediction"].max()
        return f"On this plane, predictions range from {number(low)} to {with_unit(high, table)}."
    first = table[table["piece"] == 0]
    latents, pieces = (table[name].nunique() for name in ("active_latent", "piece"))
    latent, share = first["active_latent"].iloc[0], len(first) / len(table)
    return (
        f"On this plane, {counted(latents, 'latent')} of the diagonal part {'is' if latents == 1 else 'are'} "
        f"active, in {counted(pieces, 'connected piece')} at the resolution of the grid. The largest piece, "
        f"of latent {latent}, covers {share:.0%} of the plane."
    )


def title(table: pd.DataFrame) -> str:
    """Return the heading on a page."""
    return f"{'Linear pieces' if 'piece' in table else 'Predictions'} over {{x_column}} and {{y_column}}"


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    pieces = (
        " White lines separate the linear pieces of the diagonal part. Larger pieces are labelled with their "
        "latent, which may have several pieces. Couplings smooth the kinks at these lines."
    )
    sums = " A sum of neurons has no linear pieces that all its neurons share."
    return (
        f"The colour is the prediction.{pieces if 'piece' in table else sums} The cross is row {{row}}; all "
        "other columns are fixed at its values."
    )


region_map = Figure(
    name="region_map",
    title=title,
    kind="Heat map",
    reading=reading,
    table=region_map_table,
    draw=draw,
    finding=finding,
    headers={
        "active_latent": "active latent",
        "x_column": "column of x",
        "y_column": "column of y",
        "x_log": "x logarithmic",
        "y_log": "y logarithmic",
        "row_x": "x of the row",
        "row_y": "y of the row",
    },
    once=("unit", "row", "x_column", "y_column", "x_log", "y_log", "row_x", "row_y"),
)
