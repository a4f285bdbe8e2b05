"""Change of the predictions along one column: mean over rows, spread, and proven range.

A column is set to each of its values in turn while the other columns of a row keep their values. The
prediction is compared with the prediction at the column's typical value. These differences are centred
individual conditional expectations (Goldstein et al. 2015); their mean is the centred partial dependence
(Friedman 2001). They are exact evaluations of the model, and each is inside the range that
:meth:`Certificate.change_range` proves for the same change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .._common.arrays import FloatArray, spread
from .._common.text import counted
from ..certificates.bounds import Certificate
from ..certificates.contributions import ranges_from
from ..view import Axis, DateAxis, Rows
from ..view.axes import MISSING
from ..view.hats import SAME
from .dates import drawn, label_dates
from .figure import Figure
from .lines import label_y, name_levels
from .panels import ACROSS, height_of_panels, panels
from .style import CERTIFIED, DIAGONAL, FAINT, NEUTRAL, PROVEN, label_log
from .text import NAME, shorten_all, unit_text, value_text, with_unit

ROWS, POINTS, LEVELS = 100, 33, 8
"""Maximum number of rows averaged, of points of a curve in addition to its knots, and of levels drawn."""

FEW = 10
"""Maximum number of distinct values of a number for which a curve has no other points."""

CENTRAL = (0.01, 0.99)
"""Quantiles of a column between which its curve is drawn."""

SPREAD = (0.1, 0.9)
"""Quantiles over the rows that bound the band."""

_BEYOND = 0.35
"""Maximum extension of the axis beyond the spread, as a share of its range, to show the proven band."""


class Settings(NamedTuple):
    """Values to which figures set a column.

    Attributes
    ----------
    typical : float
        Coordinate of the median, or of the most frequent level.
    u : ndarray, shape (m,)
        Coordinates. Numbers and dates are ascending, with NaN last for a missing value. Levels are in
        decreasing order of frequency.
    which : str
        Description of the dates if not all can be shown.
    """

    typical: float
    u: FloatArray
    which: str = ""


def settings_of(axis: Axis, u: FloatArray, points: int = POINTS) -> Settings:
    """Return the values to which figures set a column with coordinates ``u`` (n,) at the rows.

    Examples
    --------
    >>> from spectral_interp.view import NumberAxis
    >>> settings_of(NumberAxis("age", mean=50.0, scale=10.0), np.array([-1.0, 0.0, 2.0]), 4)
    Settings(typical=0.0, u=array([-1.,  0.,  1.,  2.]), which='')
    """
    known = u[~np.isnan(u)]
    if not axis.continuous:
        levels, counts = np.unique(known, return_counts=True)
        levels = levels[np.argsort(-counts, kind="stable")]
        levels = levels if len(levels) else np.arange(float(axis.n_features))
        return Settings(float(levels[0]), levels)
    known = known if len(known) else np.zeros(1)
    typical, low, high = (
        float(np.quantile(known, share, method=method))  # type: ignore[call-overload]
        for share, method in ((0.5, "lower"), (CENTRAL[0], "lower"), (CENTRAL[1], "higher"))
    )
    central = known[(known >= low) & (known <= high)]
    grid, which = np.unique(central), ""
    if len(grid) == 1 or len(grid) > min(FEW, len(known) / 3):
        grid, which = axis.trace(central, points, typical)
    if isinstance(axis, DateAxis):
        grid = grid[spread(len(grid), 2 * points)]
    apart = np.abs(grid - typical) > SAME * max(np.ptp(grid), abs(typical))
    grid = np.union1d(grid[apart], typical)
    return Settings(typical, grid if axis.gap() is None else np.append(grid, np.nan), which)


def settings_along(rows: Rows, name: str, points: int = POINTS) -> Settings:
    """Return :func:`settings_of` for a named column at the rows."""
    axis = rows.view.axis(name)
    return settings_of(axis, axis.locate(rows.z[:, rows.view.own(name)]), points)


def averaged_rows(certificate: Certificate, most: int) -> Rows:
    """Return up to ``most`` evenly spread rows of a certificate. Raise ValueError if it has no rows."""
    if not len(certificate.rows):
        raise ValueError("expected a certificate with rows; got one without rows; call certify(model, X)")
    return certificate.rows.take(spread(len(certificate.rows), most))


def kind_of(axis: Axis) -> str:
    """Return "number", "date" or "levels"."""
    return "levels" if not axis.continuous else "date" if isinstance(axis, DateAxis) else "number"


def curves_table(certificate: Certificate, columns: Sequence[str]) -> pd.DataFrame:
    """Return one line per column and value, with the change of predictions when only this column changes.

    The change is the prediction with the column at ``value`` minus the prediction with the column at its
    typical value, with the other columns unchanged. ``mean``, ``lower`` and ``upper`` are its mean and its
    10 % and 90 % quantiles over up to 100 rows. ``proven_low`` and ``proven_high`` are bounds on the change
    for any values of the other columns. ``typical`` marks the typical value, ``knot`` marks values at which
    the column may bend, and ``rows`` counts the rows of the certificate nearest to the value. Values cover
    the 1 % to 99 % quantiles of the rows, with a missing value last. A column with few distinct values has
    only these values.

    Parameters
    ----------
    certificate : Certificate
        Certificate with rows.
    columns : sequence of str
        Names of columns, in the order of the panels.

    Raises
    ------
    ValueError
        If a column does not exist, or the certificate has no rows.

    Examples
    --------
    >>> from spectral_interp import Pencil, certify
    >>> cert = certify(Pencil(diag=[[0.0, 4.0], [1.0, 2.0]], off=[[0.0], [0.0]], k=0), [[-1.0], [0.0], [9.0]])
    >>> table = curves_table(cert, ["z0"])
    >>> table.iloc[[0, -1]][["value", "proven_low", "mean", "proven_high"]].values.tolist()
    [[-1.0, -2.0, -1.0, -1.0], [9.0, 9.0, 9.0, 18.0]]
    """
    some = averaged_rows(certificate, ROWS)
    return pd.concat([_curve(certificate.rows, some, name) for name in columns], ignore_index=True)


def _curve(rows: Rows, some: Rows, name: str) -> pd.DataFrame:
    """Return the lines of one column."""
    view, axis = rows.view, rows.view.axis(name)
    at_rows = axis.locate(rows.z[:, view.own(name)])
    typical, u, which = settings_of(axis, at_rows)
    start = axis.place(np.array([typical]))
    change = some.values_with({name: u}) - some.values_with({name: np.array([typical])})
    lower, upper = np.quantile(change, SPREAD, axis=0)
    low, high = ranges_from(view, name, start[0], axis.place(u))
    return pd.DataFrame(
        {
            "column": name,
            "kind": kind_of(axis),
            "value": _objects(axis.values(u)),
            "rows": _nearest(u, at_rows),
            "lower": lower,
            "mean": change.mean(axis=0),
            "upper": upper,
            "proven_low": low,
            "proven_high": high,
            "knot": (np.abs(u[:, None] - np.array(axis.knots)) <= SAME * np.ptp(axis.knots or 0.0)).any(
                axis=1
            ),
            "typical": u == typical,
            "which": which,
            "log_axis": axis.log,
            "rows_averaged": len(some),
            "unit": view.output.unit,
        }
    )


def _objects(values: npt.NDArray[Any]) -> list[Any]:
    """Return values as a list of objects, with None for missing values."""
    series = pd.Series(values)
    return series.astype(object).where(series.notna(), None).tolist()


def _nearest(u: FloatArray, at_rows: FloatArray) -> npt.NDArray[np.intp]:
    """Return the number of rows nearest to each of the coordinates (m,); NaN counts missing values."""
    known, gaps = at_rows[~np.isnan(at_rows)], np.isnan(u)
    found = np.zeros(len(u), dtype=np.intp)
    found[gaps] = np.isnan(at_rows).sum()
    order = np.argsort(u[~gaps], kind="stable")
    edges = (u[order][1:] + u[order][:-1]) / 2
    found[order] = np.bincount(np.searchsorted(edges, known), minlength=len(order))
    return found


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw a panel per column in place of the Axes: mean line, spread of the rows, proven band.

    Up to eight levels are bars with whiskers, in decreasing order of frequency. A missing value is a point
    with a whisker to the right of the curve. The grey area along the lower edge shows the density of the
    rows, and ticks mark knots. All panels share the vertical axis.

    Parameters
    ----------
    table : DataFrame
        From :func:`curves_table`.
    ax : Axes
        Axes of a grid, such as those of ``plt.subplots()``.
    """
    parts = [part for _, part in table.groupby("column", sort=False)]
    shown = panels(ax, len(parts), "Effect of each column alone, from its typical value", _entries(parts))
    names = shorten_all([str(part["column"].iloc[0]) for part in parts], NAME)
    for part, name, panel in zip(parts, names, shown, strict=True):
        (_draw_levels if part["kind"].iloc[0] == "levels" else _draw_line)(part, panel)
        panel.axhline(0, color=NEUTRAL, linewidth=0.8, zorder=1)
        which = part["which"].iloc[0]
        panel.set_title(f"{name} ({which})" if which else name, fontsize="medium")
    ends = _limits(table)
    for panel in shown:
        panel.set_ylim(ends)
        panel.locator_params(axis="y", nbins=5)
    unit = unit_text(table["unit"].iloc[0])
    label_y(shown[(len(shown) - 1) // (2 * ACROSS) * ACROSS], f"change of the prediction ({unit})")


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Return the limits of the vertical axis: the spreads of the rows and part of the proven ranges."""
    low, high = min(float(table["lower"].min()), 0.0), max(float(table["upper"].max()), 0.0)
    width = high - low or max(float(table["proven_high"].max()), 1.0)
    ends = float(table["proven_low"].min()), float(table["proven_high"].max())
    return (
        max(low - _BEYOND * width, min(ends[0], low) - 0.05 * width) - 0.05 * width,
        min(high + _BEYOND * width, max(ends[1], high) + 0.05 * width),
    )


def _is_signed(part: pd.DataFrame) -> bool:
    """Return whether the proven range of a curve has one sign on each side of the typical value."""
    if part["kind"].iloc[0] == "levels":
        return False
    here = part[part["value"].notna()]
    below = np.arange(len(here)) < int(here["typical"].argmax())
    rises = (here["proven_low"][~below] >= 0).all() and (here["proven_high"][below] <= 0).all()
    falls = (here["proven_high"][~below] <= 0).all() and (here["proven_low"][below] >= 0).all()
    return bool(rises or falls)


def _draw_line(part: pd.DataFrame, panel: Axes) -> None:
    """Draw the curve of a column of numbers or dates."""
    here, gap = part[part["value"].notna()], part[part["value"].isna()]
    is_date, log = part["kind"].iloc[0] == "date", bool(part["log_axis"].iloc[0])
    x = drawn(here["value"].to_numpy(dtype="datetime64[us]" if is_date else np.float64))
    band = PROVEN if _is_signed(part) else CERTIFIED
    panel.fill_between(x, here["proven_low"], here["proven_high"], color=band, linewidth=0, zorder=0)
    panel.fill_between(x, here["lower"], here["upper"], color=DIAGONAL, alpha=0.35, linewidth=0, zorder=2)
    panel.plot(x, here["mean"], color=DIAGONAL, zorder=3)
    if log:
        panel.set_xscale("log")
    share = (np.log(x) if log else x) if len(x) > 1 else x
    span = (share[-1] - share[0]) / (0.81 if len(gap) else 1.0)
    end = share[0] + span
    panel.set_xlim(x[0], np.exp(end) if log else end)
    _draw_hills(share, here["rows"].to_numpy(), x, panel)
    knots = x[here["knot"].to_numpy(dtype=bool)]
    edge: dict[str, Any] = {"transform": panel.get_xaxis_transform(), "zorder": 4, "color": NEUTRAL}
    panel.plot(knots, np.full(len(knots), 0.025), "|", markersize=5, markeredgewidth=0.7, **edge)
    if log:
        label_log(panel.xaxis, narrow=True)
    elif is_date:
        label_dates(panel.xaxis, narrow=True)
    else:
        panel.locator_params(axis="x", nbins=4)
    if len(gap):
        panel.set_xticks([tick for tick in panel.get_xticks() if x[0] <= tick <= x[-1]])
        panel.minorticks_off()
        _draw_gap(gap.iloc[0], panel)


def _draw_hills(share: FloatArray, rows: npt.NDArray[np.intp], x: FloatArray, panel: Axes) -> None:
    """Draw the density of the rows along the lower edge, at most 11 % of the height of the panel."""
    widths = np.gradient(share) if len(share) > 1 else np.ones(1)
    density = rows / np.maximum(widths, 1e-300)
    top = np.quantile(density, 0.95) or density.max() or 1.0
    heights = 0.11 * np.minimum(density / top, 1.0)
    look: dict[str, Any] = {"transform": panel.get_xaxis_transform(), "zorder": 1, "linewidth": 0}
    panel.fill_between(x, 0, heights, step="mid", color=FAINT, **look)


def _draw_gap(line: Any, panel: Axes) -> None:
    """Draw a missing value to the right of the curve, separated by a line."""
    place = panel.get_yaxis_transform()
    panel.plot([0.82] * 2, [0, 1], color=FAINT, linewidth=0.8, transform=panel.transAxes)
    look: dict[str, Any] = {"transform": place, "solid_capstyle": "butt"}
    ends = [[line["proven_low"], line["proven_high"]], [line["lower"], line["upper"]]]
    panel.plot([0.91] * 2, ends[0], color=CERTIFIED, linewidth=14, zorder=0, **look)
    panel.plot([0.91] * 2, ends[1], color=NEUTRAL, linewidth=1.2, zorder=3, **look)
    panel.plot([0.91], [line["mean"]], "o", color=DIAGONAL, markersize=6, zorder=4, transform=place)
    panel.text(0.91, 0.98, MISSING, transform=panel.transAxes, ha="center", va="top", fontsize=9)


def _draw_levels(part: pd.DataFrame, panel: Axes) -> None:
    """Draw the bars of a column of levels."""
    shown = part.head(LEVELS)
    x = np.arange(len(shown))
    low, mean = shown["proven_low"].to_numpy(), shown["mean"].to_numpy()
    panel.bar(x, shown["proven_high"] - low, 0.9, bottom=low, color=CERTIFIED, zorder=0)
    panel.bar(x, mean, 0.55, color=DIAGONAL, alpha=0.75, zorder=2)
    panel.vlines(x, shown["lower"], shown["upper"], color=NEUTRAL, linewidth=1.2, zorder=3)
    panel.plot(x, mean, "o", color=DIAGONAL, markeredgecolor="white", markersize=5, zorder=4)
    name_levels(panel, [value_text(value) for value in shown["value"]])
    panel.set_xlim(-0.6, len(shown) - 0.4)
    if len(shown) < len(part):
        panel.set_xlabel(f"{len(shown)} of {len(part)} levels", fontsize="small")


def _entries(parts: Sequence[pd.DataFrame]) -> list[Artist]:
    """Return the entries of the legend."""
    rows = counted(int(parts[0]["rows_averaged"].iloc[0]), "row")
    signed = [_is_signed(part) for part in parts]
    proven = [
        (CERTIFIED, "proven for every input", not all(signed)),
        (PROVEN, "proven, sign included", any(signed)),
    ]
    return [
        Line2D([], [], color=DIAGONAL, label=f"mean of {rows}"),
        Patch(color=DIAGONAL, alpha=0.35, linewidth=0, label="80% of these rows"),
        *(Patch(color=colour, label=label) for colour, label, is_drawn in proven if is_drawn),
    ]


def finding(table: pd.DataFrame) -> str:
    """State which column changes the mean prediction most, and between which values."""
    here = table[table["value"].notna()]
    ranges = here.groupby("column", sort=False)["mean"].agg(lambda means: means.max() - means.min())
    own = here[here["column"] == ranges.idxmax()]
    if not ranges.max():
        return "No column alone changes the mean prediction."
    means = own["mean"].to_numpy()
    least, most = own.iloc[int(means.argmin())], own.iloc[int(means.argmax())]
    furthest = "" if len(ranges) == 1 else f", the largest change among these {len(ranges)} columns"
    return (
        f"{own['column'].iloc[0]} alone changes the mean prediction by "
        f"{with_unit(float(ranges.max()), table)}{furthest}. The mean is lowest at "
        f"{value_text(least['value'])} and highest at {value_text(most['value'])}."
    )


READING = (
    "Each column is changed alone, from its typical value (its median or most frequent level), while the "
    "other columns of a row stay unchanged. {shapes}. A wide spread means that the effect depends on other "
    "columns. If columns are correlated, some of these combinations of values may never occur."
)

LINES = (
    "The line is the mean change of the prediction over the rows, and the dark band contains eight in ten "
    "rows. The light band is proven to contain the change for every input. The grey area at the bottom shows "
    "where the rows are"
)
BARS = (
    "At each level, the dark bar is the mean change, the thin line contains eight in ten rows, and the light "
    "bar is proven to contain the change for every input"
)


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    levels = table["kind"] == "levels"
    shapes = [] if levels.all() else [LINES]
    if table["knot"].any():
        shapes.append("Ticks mark knots, at which a curve may bend")
    if levels.any():
        shapes.append(BARS)
    return READING.format(shapes=". ".join(shapes))


curves = Figure(
    name="curves",
    title="Effect of each column alone",
    kind="Line charts",
    reading=reading,
    table=curves_table,
    draw=draw,
    height=lambda table: height_of_panels(table["column"].nunique()),
    finding=finding,
    headers={
        "lower": "10% quantile of rows",
        "upper": "90% quantile of rows",
        "proven_low": "proven, low",
        "proven_high": "proven, high",
        "rows_averaged": "rows averaged",
        "log_axis": "logarithmic",
    },
    once=("unit", "rows_averaged"),
)
