"""Training and validation loss per epoch."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from .._common.text import counted, number
from .figure import Figure
from .style import NEUTRAL, WHOLE, Look, label_log, line_looks

_LOOKS = {"training rows": Look(WHOLE, "--"), "validation rows": Look(NEUTRAL)}


def training_curve_table(history: list[dict[str, float]], *, members: int | None = None) -> pd.DataFrame:
    """Return one line per epoch: losses, learning rate, seconds.

    For a sum that averages ``members`` fits, the history is from the fits that chose the number of epochs.
    """
    table = pd.DataFrame(history)
    return table if members is None else table.assign(members=members)


def draw(table: pd.DataFrame, ax: Axes, *, loss: str) -> None:
    """Draw both losses on a logarithmic scale and mark the chosen epoch.

    Parameters
    ----------
    table : DataFrame
        From :func:`training_curve_table`.
    ax : Axes
    loss : str
        Name of the loss, with its unit.
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
    """State the chosen epoch and its losses."""
    best = _chosen(table)
    if "members" in table:
        fits = counted(int(table["members"].iloc[0]), "fit of the model ends", "fits of the model end")
        done = f"The {fits} after epoch {int(best['epoch'])}"
        return (
            f"{done}: of {len(table)} epochs, it has the lowest validation loss, "
            f"{number(best['validation_loss'])}, with a training loss of {number(best['train_loss'])}."
        )
    return (
        f"Epoch {int(best['epoch'])} of {len(table)} was chosen, with a validation loss of "
        f"{number(best['validation_loss'])} and a training loss of {number(best['train_loss'])}."
    )


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    text = (
        "The lines are the losses by epoch. If the validation loss rises while the training loss falls, the "
        "model overfits. The dot is the chosen epoch."
    )
    if "members" not in table:
        return text
    return (
        f"{text} The curves are from fits without the validation rows, which chose the number of epochs. The "
        "fits of the model use all rows for the same number of epochs."
    )


training_curve = Figure(
    name="training_curve",
    title="Training",
    kind="Line chart",
    reading=reading,
    table=training_curve_table,
    draw=draw,
    finding=finding,
    headers={
        "train_loss": "training loss",
        "validation_loss": "validation loss",
        "learning_rate": "learning rate",
    },
    once=("members",),
)
