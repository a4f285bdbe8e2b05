"""Number of linear pieces that approximate a model, against the tolerance."""

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
    """Return one line per tolerance: the pieces of the model and of its skeleton, if it has one."""
    parts = [
        pd.DataFrame({"of": name, "eps": eps, "pieces": pieces})
        for name, (eps, pieces) in regions.piece_counts().items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(rows=len(regions.prediction), unit=regions.rows.view.output.unit)


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the numbers of pieces as steps on two logarithmic axes."""
    drawn = table[table["eps"] > 0]
    if drawn.empty:
        ax.text(0.5, 0.5, "one piece for any tolerance", ha="center", transform=ax.transAxes)
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
    ax.set_title(f"Linear pieces within ε, {counted(int(table['rows'][0]), 'row')}")


def finding(table: pd.DataFrame) -> str:
    """State the tolerances at which ten pieces and one piece suffice."""
    model = table[table["of"] == "model"].sort_values("eps")
    few = model[model["pieces"] <= 10]["eps"].min()
    one = model[model["pieces"] <= 1]["eps"].min()
    most = int(model["pieces"].max())
    if most <= 10:
        return f"{counted(most, 'tangent plane reproduces', 'tangent planes reproduce')} all rows exactly."
    return (
        f"Ten tangent planes approximate every row within {at_most(few)} ({table['unit'].iloc[0]}); a single "
        f"plane does so within {at_most(one)}."
    )


pieces = Figure(
    name="pieces",
    title="Tangent planes that cover {rows:,} rows",
    kind="Step chart",
    reading="The curve shows the number of tangent planes needed to be within ε of every prediction. An "
    "early fall means that the model is nearly piecewise linear.",
    table=pieces_table,
    draw=draw,
    finding=finding,
    headers={"eps": "ε"},
    once=("unit", "rows"),
)
