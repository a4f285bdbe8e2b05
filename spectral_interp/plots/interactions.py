"""Which columns act together: what two of them do beyond the sum of what each does alone."""

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
"""Rows that sizes are means over."""

_DARK = 0.6
"""Numbers on colours above this share of the largest are white."""


def interactions_table(certificate: Certificate, columns: Sequence[str]) -> pd.DataFrame:
    """Return one line per pair of columns, the strongest first: how much they do only together.

    With r the row, and a column "typical" when it is put to its median (of levels, to the most frequent), the
    interaction of a and b at the row is the second difference

        f(r) − f(r, a typical) − f(r, b typical) + f(r, both typical):

    what both do together less what each does alone, in the unit of the prediction. It is zero at all rows if
    f is a sum of one function without a and one without b, and is exact for columns of every kind.
    ``mean_abs_interaction`` is the mean size over up to 200 rows, ``share`` that over the standard deviation
    of the predictions.

    Parameters
    ----------
    certificate : Certificate
        With rows.
    columns : sequence of str

    Raises
    ------
    ValueError
        If there is no such column, or the certificate has no rows.

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
    """Draw the mean sizes as half a matrix; columns stand in the order of their largest interaction.

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
    ax.set_title("What two columns do only together")


def finding(table: pd.DataFrame) -> str:
    """Name the strongest pair of those measured, and compare it with the predictions' standard deviation.

    Examples
    --------
    >>> line = {"first": "a", "second": "b", "mean_abs_interaction": 2.0, "share": 0.4, "unit": "kg"}
    >>> print(finding(pd.DataFrame([line, line | {"second": "c", "mean_abs_interaction": 1.0}])))
    Of 2 pairs of columns, a and b interact most: beyond what each does alone, they move predictions by \
2 (kg) on average, 40% of the predictions' standard deviation.
    """
    first = table.iloc[0]
    if not first["mean_abs_interaction"]:
        return "No two of these columns interact: each does the same whatever the others are."
    start = "" if len(table) == 1 else f"Of {len(table)} pairs of columns, "
    most = "interact" if len(table) == 1 else "interact most"
    share = first["share"]
    part = "" if pd.isna(share) else f", {share:.0%} of the predictions' standard deviation"
    return (
        f"{start}{first['first']} and {first['second']} {most}: beyond what each does alone, they move "
        f"predictions by {with_unit(first['mean_abs_interaction'], table)} on average{part}."
    )


interactions = Figure(
    name="interactions",
    title="Which columns act together",
    kind="Matrix of numbers",
    reading="The darker, the more two columns do together that is not the sum of what each does alone, as "
    "both go from their typical values to those of a row: the mean size over {rows:,} rows. Columns that "
    "never share a dark cell can be read one by one.",
    table=interactions_table,
    draw=draw,
    height=lambda table: 2.6 + 0.4 * table["first"].nunique(),
    finding=finding,
    headers={"mean_abs_interaction": "mean |interaction|", "share": "share of the standard deviation"},
    once=("rows", "unit"),
)
