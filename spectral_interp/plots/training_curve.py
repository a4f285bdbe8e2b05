"""Training and validation loss per epoch."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import number
from .figure import Figure
from .style import NEUTRAL, WHOLE, Look, label_log, line_looks

_LOOKS = {"training rows": Look(WHOLE, "--"), "validation rows": Look(NEUTRAL)}


def training_curve_table(history: list[dict[str, float]]) -> pd.DataFrame:
    """Return one line per epoch: losses, learning rate, seconds."""
    return pd.DataFrame(history)


def draw(table: pd.DataFrame, ax: Axes, *, loss: str) -> None:
    """Draw both losses on a log scale and mark the epoch that was chosen.

    Parameters
    ----------
    table : DataFrame
        From :func:`training_curve_table`.
    ax : Axes
    loss : str
        What the loss is, with its unit.
    """
    named = {"train_loss": "training rows", "validation_loss": "validation rows"}
    curves = table.rename(columns=named).melt("epoch", [*named.values()], "of", "loss")
    looks = line_looks(_LOOKS) | {"markers": False}
    sns.lineplot(curves, x="epoch", y="loss", hue="of", style="of", estimator=None, ax=ax, **looks)
    best = _chosen(table)
    label = f"chosen: epoch {int(best['epoch'])}"
    ax.plot(best["epoch"], best["validation_loss"], "o", color=NEUTRAL, label=label)
    ax.set(xlabel="epoch", ylabel=loss, yscale="log", title="Loss by epoch")
    label_log(ax.yaxis)
    ax.legend()


def _chosen(table: pd.DataFrame) -> pd.Series:
    return table.iloc[int(table["validation_loss"].argmin())]


def finding(table: pd.DataFrame) -> str:
    """Name the epoch that was chosen, and both losses there."""
    best = _chosen(table)
    return (
        f"Epoch {int(best['epoch'])} of {len(table)} was chosen, with a validation loss of "
        f"{number(best['validation_loss'])} and a training loss of {number(best['train_loss'])}."
    )


training_curve = Figure(
    name="training_curve",
    title="Training",
    kind="Line chart",
    reading="Losses by epoch. Where the loss of the validation rows rises while that of the training rows "
    "falls, training fits noise; the dot is the epoch that was chosen.",
    table=training_curve_table,
    draw=draw,
    finding=finding,
    headers={
        "train_loss": "training loss",
        "validation_loss": "validation loss",
        "learning_rate": "learning rate",
    },
)
