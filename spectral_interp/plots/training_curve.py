"""Training and validation loss per epoch."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from .style import NEUTRAL, WHOLE, label_log
from .text import plain_text


def training_curve_table(history: list[dict[str, float]]) -> pd.DataFrame:
    """Return one line per epoch: losses, learning rate, seconds."""
    return pd.DataFrame(history)


@plain_text
def training_curve(table: pd.DataFrame, ax: Axes, *, loss: str) -> Axes:
    """Draw both losses on a log scale and mark the epoch whose weights were kept.

    Parameters
    ----------
    table : DataFrame
        From :func:`training_curve_table`.
    ax : Axes
    loss : str
        What the loss is, with its unit.
    """
    best = table.iloc[int(table["validation_loss"].argmin())]
    ax.plot(table["epoch"], table["train_loss"], color=WHOLE, linestyle="--", label="training rows")
    ax.plot(table["epoch"], table["validation_loss"], color=NEUTRAL, label="validation rows")
    ax.plot(
        best["epoch"], best["validation_loss"], "o", color=NEUTRAL, label=f"kept: epoch {int(best['epoch'])}"
    )
    ax.set(xlabel="epoch", ylabel=loss, yscale="log", title="Training")
    label_log(ax.yaxis)
    ax.legend()
    return ax
