"""Proven and attained ranges of predictions when the numbers of a row change slightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from .._common.plain import Found
from .._common.text import at_most, class_text
from ..certificates.bounds import Certificate
from ..view import NumberAxis, Rows
from .figure import Figure
from .lines import height_of_lines, label_x, legend_below
from .style import CERTIFIED, NEUTRAL, PROVEN, PROVEN_HATCH, bar_height
from .text import row_name, shorten_all, unit_text

OFF = 0.1
"""Maximum change of every number, in standard deviations."""

BOXES = 40
"""Maximum number of boxes bounded per row."""


def proven_ranges_table(
    certificate: Certificate, places: npt.ArrayLike, fixed: Sequence[str] = ()
) -> pd.DataFrame:
    """Return one line per row: the range of its prediction when every number changes slightly.

    Every number changes by up to a tenth of a standard deviation of its column (or of its logarithm if the
    model uses it). Levels, dates, missing values, and numbers that are only 0 or 1 do not change.

    Parameters
    ----------
    certificate : Certificate
        Certificate with rows.
    places : array_like of int, shape (m,)
        Positions of the rows.
    fixed : sequence of str
        Further columns that do not change.

    Returns
    -------
    DataFrame
        In decreasing order of the prediction. ``low`` and ``high`` are proven bounds; ``attained_low`` and
        ``attained_high`` are the extreme predictions found. If the sign of a prediction decides the class,
        ``class`` is the predicted class of the row, and ``stays`` is true if it provably does not change.

    Raises
    ------
    ValueError
        If a row has no number that may change.

    Examples
    --------
    >>> from spectral_interp import Pencil, certify
    >>> pencil = Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0)
    >>> table = proven_ranges_table(certify(pencil, [[3.0], [1.0]]), [0, 1])
    >>> table[["row", "prediction", "low", "high"]].round(9).values.tolist()
    [[0.0, 6.0, 5.8, 6.2], [1.0, 2.0, 1.8, 2.2]]
    """
    rows, prediction = certificate.rows, certificate.rows.prediction
    order = sorted(np.asarray(places, dtype=np.intp).tolist(), key=lambda at: -prediction[at])
    lines = [_line(certificate, rows.take([place]), fixed) for place in order]
    return pd.DataFrame(lines).assign(off=OFF, unit=certificate.view.output.unit)


def _line(certificate: Certificate, row: Rows, fixed: Sequence[str]) -> dict[str, Any]:
    prediction, classes = float(row.prediction[0]), certificate.view.output.classes
    found = certificate.range(nearly(row, fixed), row, max_evaluations=BOXES)
    line = {
        "row": row.labels[0],
        "prediction": prediction,
        "low": found.low,
        "high": found.high,
        "attained_low": found.attained_low,
        "attained_high": found.attained_high,
    }
    if not classes:
        return line
    stays = found.low > 0 if prediction > 0 else found.high <= 0
    return line | {"class": class_text(classes[int(prediction > 0)]), "stays": bool(stays)}


def nearly(row: Rows, fixed: Sequence[str] = ()) -> dict[str, tuple[float, float]]:
    """Return limits for the numbers of one row: up to a tenth of a standard deviation in both directions.

    Raises
    ------
    ValueError
        If the row has no number that may change.
    """
    view, limits = row.view, {}
    for axis in view.axes:
        u = float(axis.locate(row.z[:, view.own(axis.name)])[0])
        stays = axis.name in fixed or not isinstance(axis, NumberAxis) or axis.boolean or np.isnan(u)
        if not stays:
            low, high = np.asarray(axis.values(np.array([u - OFF, u + OFF])), dtype=np.float64).tolist()
            limits[axis.name] = low, high
    if not limits:
        raise ValueError("expected a number in the row that may change; got none")
    return limits


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the proven range of every row, hatched if its class stays, with the attained range and a dot.

    Parameters
    ----------
    table : DataFrame
        From :func:`proven_ranges_table`.
    ax : Axes
    """
    y = np.arange(len(table))
    ax.use_sticky_edges = False
    stays = table["stays"].to_numpy(dtype=bool) if "stays" in table else np.zeros(len(table), dtype=bool)
    looks = ((~stays, CERTIFIED, "", "proven"), (stays, PROVEN, PROVEN_HATCH, "proven, the class stays"))
    for some, colour, hatch, label in looks:
        if some.any():
            width, left = (table["high"] - table["low"])[some], table["low"][some]
            edge = "white" if hatch else colour
            look: dict[str, Any] = {"color": colour, "edgecolor": edge, "hatch": hatch, "linewidth": 0}
            ax.barh(y[some], width, 0.9 * bar_height(len(table)), left=left, label=label, **look)
    ends = table["attained_low"], table["attained_high"]
    ax.hlines(y, *ends, color=NEUTRAL, linewidth=4, label="attained")
    ax.plot(table["prediction"], y, "o", color="white", markeredgecolor=NEUTRAL, label="prediction")
    if "stays" in table:
        ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    ax.set_yticks(y, shorten_all(map(row_name, table["row"])))
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_ylabel("row")
    label_x(ax, unit_text(table["unit"].iloc[0]))
    ax.locator_params(axis="x", nbins=5)
    ax.set_title("Predictions under small changes of the numbers")
    legend_below(ax)


def finding(table: pd.DataFrame) -> str:
    """State the number of rows that keep their class, or the change of the predictions."""
    off, rows = "If every number changes by up to a tenth of a standard deviation", len(table)
    if "stays" in table:
        kept = int(table["stays"].sum())
        if rows == 1:
            return f"{off}, the row {'provably keeps' if kept else 'may change'} its class."
        keep = "keeps its" if kept == 1 else "keep their"
        return f"{off}, {kept or 'none'} of {rows} rows provably {keep} class."
    ends = [table["high"] - table["prediction"], table["prediction"] - table["low"]]
    most = at_most(pd.concat(ends, axis=1).max(axis=1).median())
    who = "the prediction provably changes" if rows == 1 else "half of these predictions provably change"
    return f"{off}, {who} by at most {most} ({table['unit'].iloc[0]})."


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    text = (
        "Each line is a row; the rows are evenly spread over the predictions. All numbers of a row may "
        "change at once, each by up to a tenth of a standard deviation of its column (or of its logarithm if "
        "the model uses it). Levels, dates and missing values do not change. The wide bar is proven to "
        "contain every possible prediction. The ends of the thin bar were attained, and the dot is the "
        "prediction."
    )
    if "stays" in table:
        text += " A bar that does not cross zero proves that the class stays."
    return text


@dataclass(frozen=True, kw_only=True)
class RangesFound(Found):
    """Ranges of the predictions of some rows under small changes of their numbers."""

    rows: int
    off: float
    median_proven_width: float
    median_attained_width: float
    rows_that_keep_their_class: int | None = None
    sentence: str

    @classmethod
    def of(cls, table: pd.DataFrame) -> RangesFound:
        """Return the summary of a table of proven ranges."""
        return cls(
            rows=len(table),
            off=float(table["off"].iloc[0]),
            median_proven_width=float((table["high"] - table["low"]).median()),
            median_attained_width=float((table["attained_high"] - table["attained_low"]).median()),
            rows_that_keep_their_class=int(table["stays"].sum()) if "stays" in table else None,
            sentence=finding(table),
        )


proven_ranges = Figure(
    name="proven_ranges",
    title="Predictions under small changes of the numbers",
    kind="Interval chart",
    reading=reading,
    table=proven_ranges_table,
    draw=draw,
    height=lambda table: height_of_lines(len(table) + 2),
    finding=finding,
    headers={"attained_low": "attained, lowest", "attained_high": "attained, highest"},
    once=("off", "unit"),
)
