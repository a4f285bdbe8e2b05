"""Interactions: joint effects of two columns beyond the sum of their separate effects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import number
from ..certificates.bounds import Certificate
from .classes import SIZES_MAP
from .curves import averaged_rows, settings_along
from .figure import Figure
from .style import NEUTRAL
from .text import NAME, VALUE, shorten_all, unit_text, with_unit

ROWS = 200
"""Maximum number of rows to average over."""

_DARK = 0.6
"""Numbers above this share of the largest are white."""


def interactions_table(certificate: Certificate, columns: Sequence[str]) -> pd.DataFrame:
    """Return one line per pair of columns with the size of their interaction, the strongest first.

    Let r be the row. A column is "typical" if it is set to its median or most frequent level. The interaction
    of columns a and b at the row is the second difference

        f(r) − f(r, a typical) − f(r, b typical) + f(r, both typical).

    It is the joint effect minus both separate effects, in the unit of the prediction. It is zero at all rows
    if f is the sum of a function without a and a function without b, and it is exact for all kinds of
    columns. ``mean_abs_interaction`` is the mean absolute value over up to 200 rows, and ``share`` is its
    ratio to the standard deviation of the predictions.

    Parameters
    ----------
    certificate : Certificate
        Certificate with rows.
    columns : sequence of str

    Raises
    ------
    ValueError
        If a column does not exist, or the certificate has no rows.

    Examples
    --------
    >>> from spectral_interp import Pencil, certify
    >>> z = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    >>> larger = Pencil([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[0.0]] * 3, k=1)
    >>> interactions_table(certify(larger, z), ["z0", "z1"])["mean_abs_interaction"].tolist()
    [0.2]
    """
    rows = averaged_rows(certificate, ROWS)
    typical = {name: np.array([settings_along(certificate.rows, name).typical]) for name in columns}
    single = {name: rows.values_with({name: u})[:, 0] for name, u in typical.items()}
    deviation = float(certificate.rows.prediction.std())
    lines = []
    for one, other in combinations(columns, 2):
        both = rows.values_with({name: typical[name] for name in (one, other)})[:, 0]
        size = float(np.abs(rows.prediction - single[one] - single[other] + both).mean())
        share = size / deviation if deviation else np.nan
        lines.append({"first": one, "second": other, "mean_abs_interaction": size, "share": share})
    names = ["first", "second", "mean_abs_interaction", "share"]
    found = pd.DataFrame(lines, columns=names).assign(rows=len(rows), unit=certificate.view.output.unit)
    return found.sort_values("mean_abs_interaction", ascending=False, ignore_index=True, kind="stable")


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the mean |interactions| as half a matrix. Columns are in the order of their largest interaction.

    Parameters
    ----------
    table : DataFrame
        From :func:`interactions_table`.
    ax : Axes
    """
    names = list(dict.fromkeys(table[["first", "second"]].to_numpy().ravel()))
    matrix = np.full((len(names), len(names)), np.nan)
    for one, other, size in table[["first", "second", "mean_abs_interaction"]].itertuples(index=False):
        row, column = sorted((names.index(one), names.index(other)), reverse=True)
        matrix[row, column] = size
    below = matrix[1:, :-1]
    top = max(float(np.nanmax(below)), 1e-300)
    sns.heatmap(
        below,
        vmin=0,
        vmax=top,
        cmap=SIZES_MAP,
        annot=np.array([["" if np.isnan(x) else number(x, 2) for x in line] for line in below], dtype=object),
        fmt="",
        annot_kws={"fontsize": 11},
        linewidths=0.6,
        cbar=False,
        ax=ax,
    )
    for text in ax.texts:
        place = text.get_position()
        size = below[int(place[1]), int(place[0])]
        text.set_color("white" if size > _DARK * top else NEUTRAL)
    shown, short = shorten_all(names, NAME), shorten_all(names, VALUE + 4)
    ax.set_yticks(np.arange(len(names) - 1) + 0.5, shown[1:], rotation=0)
    ax.set_xticks(np.arange(len(names) - 1) + 0.5, short[:-1], rotation=90)
    ax.tick_params(length=0)
    ax.set_xlabel(f"mean |interaction| ({unit_text(table['unit'].iloc[0])})")
    ax.set_title("Interactions between two columns")


def finding(table: pd.DataFrame) -> str:
    """Name the strongest pair, and compare it with the standard deviation of the predictions.

    Examples
    --------
    >>> line = {"first": "a", "second": "b", "mean_abs_interaction": 2.0, "share": 0.4, "unit": "kg"}
    >>> print(finding(pd.DataFrame([line, line | {"second": "c", "mean_abs_interaction": 1.0}])))
    Of 2 pairs of columns, a and b interact most: the mean |interaction| is 2 (kg), 40% of the standard \
deviation of the predictions.
    """
    first = table.iloc[0]
    if not first["mean_abs_interaction"]:
        return "No two of these columns interact: the effect of each does not depend on the others."
    start = "" if len(table) == 1 else f"Of {len(table)} pairs of columns, "
    most = "interact" if len(table) == 1 else "interact most"
    share = first["share"]
    part = "" if pd.isna(share) else f", {share:.0%} of the standard deviation of the predictions"
    return (
        f"{start}{first['first']} and {first['second']} {most}: the mean |interaction| is "
        f"{with_unit(first['mean_abs_interaction'], table)}{part}."
    )


interactions = Figure(
    name="interactions",
    title="Interactions between columns",
    kind="Matrix of numbers",
    reading="Darker cells are stronger interactions: the part of the joint effect of two columns that is not "
    "the sum of their separate effects, when both change from their typical values to the values of a row. "
    "Each number is the mean absolute value over {rows:,} rows. Columns without a dark cell can be "
    "interpreted separately.",
    table=interactions_table,
    draw=draw,
    height=lambda table: 2.6 + 0.4 * table["first"].nunique(),
    finding=finding,
    headers={"mean_abs_interaction": "mean |interaction|", "share": "share of the standard deviation"},
    once=("rows", "unit"),
)
