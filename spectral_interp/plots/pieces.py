"""How many linear pieces a model needs, against how closely they must hold."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import at_most, counted
from ..regions.pieces import Regions
from .figure import Figure
from .style import DIAGONAL, MODEL_LOOKS, Look, label_log, line_looks
from .text import unit_text

_LOOKS = {"model": MODEL_LOOKS["spectral"], "skeleton": Look(DIAGONAL, "--")}
"""The skeleton is the diagonal part of the model."""


def pieces_table(regions: Regions) -> pd.DataFrame:
    """Return one line per tolerance: the pieces of the model and, where it has one, of its skeleton."""
    parts = [
        pd.DataFrame({"of": name, "eps": eps, "pieces": pieces})
        for name, (eps, pieces) in regions.piece_counts().items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(rows=len(regions.prediction), unit=regions.rows.view.output.unit)


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the numbers of pieces as steps, both axes logarithmic."""
    drawn = table[table["eps"] > 0]
    if drawn.empty:
        ax.text(0.5, 0.5, "one piece at any tolerance", ha="center", transform=ax.transAxes)
    else:
        looks = line_looks({name: _LOOKS[name] for name in dict.fromkeys(drawn["of"])}) | {"markers": False}
        sns.lineplot(
            drawn,
            x="eps",
            y="pieces",
            hue="of",
            style="of",
            estimator=None,
            drawstyle="steps-post",
            ax=ax,
            **looks,
        )
        ax.set(xscale="log", yscale="log")
        ax.set_ylim(0.9, 1.3 * max(table["pieces"].max(), 2))
        label_log(ax.xaxis)
        label_log(ax.yaxis)
        ax.legend()
    ax.set_xlabel(f"tolerance ε ({unit_text(table['unit'][0])})")
    ax.set_ylabel("tangent planes that cover the rows")
    ax.set_title(f"Pieces that are linear to within ε, {counted(int(table['rows'][0]), 'row')}")


def finding(table: pd.DataFrame) -> str:
    """State the tolerance at which ten pieces suffice, and one."""
    model = table[table["of"] == "model"].sort_values("eps")
    few = model[model["pieces"] <= 10]["eps"].min()
    one = model[model["pieces"] <= 1]["eps"].min()
    most = int(model["pieces"].max())
    if most <= 10:
        return f"{counted(most, 'tangent plane holds', 'tangent planes hold')} all rows exactly."
    return (
        f"Ten tangent planes hold every row to within {at_most(few)} ({table['unit'].iloc[0]}); a single "
        f"plane only to within {at_most(one)}."
    )


pieces = Figure(
    name="pieces",
    title="Tangent planes that cover {rows:,} rows",
    kind="Step chart",
    reading="How many tangent planes it takes to be within ε of every prediction. A curve that falls early "
    "is a model that is nearly piecewise linear.",
    table=pieces_table,
    draw=draw,
    finding=finding,
    headers={"eps": "ε"},
    once=("unit", "rows"),
)
