"""How many linear pieces a model needs, against how closely they must hold."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ..regions.pieces import Regions
from .style import DIAGONAL, MODELS, count_rows, label_log
from .text import UNIT, plain_text, shorten

_STYLES = {"model": (MODELS["spectral"].colour, "-"), "skeleton": (DIAGONAL, "--")}
"""The skeleton is the diagonal part of the model."""


def pieces_table(regions: Regions) -> pd.DataFrame:
    """Return one line per tolerance: the pieces of the model and, where it has one, of its skeleton."""
    parts = [
        pd.DataFrame({"of": name, "eps": eps, "pieces": pieces})
        for name, (eps, pieces) in regions.piece_counts().items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(rows=len(regions.prediction), unit=regions.rows.view.output.unit)


@plain_text
def pieces(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the numbers of pieces as steps, both axes logarithmic."""
    drawn = table[table["eps"] > 0]
    for name, rows in drawn.groupby("of", sort=False):
        colour, line = _STYLES[str(name)]
        ax.step(rows["eps"], rows["pieces"], where="post", color=colour, linestyle=line, label=name)
    if drawn.empty:
        ax.text(0.5, 0.5, "one piece at any tolerance", ha="center", transform=ax.transAxes)
    else:
        ax.set(xscale="log", yscale="log")
        ax.set_ylim(0.9, 1.3 * max(table["pieces"].max(), 2))
        label_log(ax.xaxis)
        label_log(ax.yaxis)
        ax.legend()
    ax.set_xlabel(f"tolerance ε ({shorten(table['unit'][0], UNIT)})")
    ax.set_ylabel("tangent planes that cover the rows")
    ax.set_title(f"Pieces that are linear to within ε, {count_rows(table['rows'][0])}")
    return ax
