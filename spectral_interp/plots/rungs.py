"""The price of readability: what every form of the model costs in held-out error."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._common.choices import FORM_TOLERANCE
from .._common.text import counted, number
from .figure import Figure
from .lines import add_bars, label_x
from .style import MODEL_LOOKS, NEUTRAL, WHOLE, height
from .text import UNIT, sentence, shorten

INPUTS = {
    "linear": "linear columns",
    "hats": "piecewise-linear columns",
    "all": "piecewise-linear columns, finer knots and pairs of columns",
}
"""What the inputs of a sum are called; a single neuron is called that."""

FORMS = {"single": "single neuron", "sum": "sum of neurons"}

_ROOM, _LETTERS = 0.6, 30
"""Beside the bars for their numbers, as a share of the longest; letters in a line of a name."""


def rungs_table(rungs: pd.DataFrame, unit: str, *, squared: bool) -> pd.DataFrame:
    """Return one line per form of the model that was tried, the simplest first.

    Parameters
    ----------
    rungs : DataFrame
        ``rungs_`` of a fitted estimator.
    unit : str
        Of the target.
    squared : bool
        Whether the held-out loss is a root mean squared error, and not a log loss.

    Returns
    -------
    DataFrame
        ``held_out`` is the error, in ``measure``; ``ratio`` its multiple of the best one. The choice is by
        the squared error or the log loss, ``above_best`` that of the best by this share.

    Examples
    --------
    >>> tried = {"form": "sum", "inputs": ["linear", "hats"], "held_out_loss": [4.0, 2.0]}
    >>> tried |= {"parameters": [9, 99], "epochs": [5, 6], "chosen": [False, True]}
    >>> table = rungs_table(pd.DataFrame(tried), "kg", squared=True)
    >>> table[["inputs", "held_out", "ratio", "above_best"]].values.tolist()
    [['linear columns', 4.0, 2.0, 3.0], ['piecewise-linear columns', 2.0, 1.0, 0.0]]
    """
    loss = rungs["held_out_loss"].to_numpy(dtype=np.float64)
    best = loss.min()
    ratio = np.divide(loss, best, out=np.ones_like(loss), where=best > 0)
    return pd.DataFrame(
        {
            "form": rungs["form"].map(FORMS),
            "inputs": rungs["inputs"].map(lambda name: INPUTS.get(name, name)),
            "held_out": loss,
            "measure": f"RMSE ({unit})" if squared else "log loss (nats)",
            "ratio": ratio,
            "above_best": (ratio**2 if squared else ratio) - 1,
            "parameters": rungs["parameters"],
            "epochs": rungs["epochs"],
            "chosen": rungs["chosen"].astype(bool),
        }
    ).reset_index(drop=True)


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the held-out errors as bars, that of the chosen form in the colour of the model.

    Parameters
    ----------
    table : DataFrame
        From :func:`rungs_table`.
    ax : Axes
    """
    chosen, lines = table["chosen"].to_numpy(), len(table)
    ax.use_sticky_edges = False
    held_out = table["held_out"].to_numpy()
    add_bars(ax, held_out, lines=lines, color=WHOLE)
    for bar, own in zip(ax.patches, chosen, strict=True):
        bar.set_facecolor(MODEL_LOOKS["spectral"].colour if own else WHOLE)
    for at, line in table.iterrows():
        text = f"{number(line['held_out'])}\n{of_lowest(line['ratio'])}"
        weight = "bold" if line["chosen"] else "normal"
        ax.annotate(
            text,
            (line["held_out"], float(at)),  # type: ignore[arg-type]
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            color=NEUTRAL,
            fontweight=weight,
        )
    names = [name + " (chosen)" * int(own) for name, own in zip(table["inputs"], chosen, strict=True)]
    sizes = [counted(int(size), "parameter") for size in table["parameters"]]
    texts = [f"{textwrap.fill(name, _LETTERS)}\n{size}" for name, size in zip(names, sizes, strict=True)]
    ax.set_yticks(range(lines), texts)
    ax.set_ylim(lines - 0.5, -0.5)
    ax.set_xlim(0, (1 + _ROOM) * float(held_out.max()) or 1.0)
    ax.locator_params(axis="x", nbins=4)
    label_x(ax, f"held-out {shorten(table['measure'][0], UNIT)}")
    ax.set_title("Error of every form that was tried")


def of_lowest(ratio: float) -> str:
    """Return how an error compares with the lowest, in words.

    Examples
    --------
    >>> of_lowest(1.0), of_lowest(1.25)
    ('the lowest', '25% above the lowest')
    """
    return "the lowest" if ratio <= 1 else f"{_more(ratio - 1)} above the lowest"


def _more(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}" if share >= 0.001 else "less than 0.1%"


def finding(table: pd.DataFrame) -> str:
    """State which form was chosen and why, and what the simplest one costs."""
    first, chosen, best = (table.iloc[at] for at in (0, table["chosen"].argmax(), table["ratio"].argmin()))
    measure, error = chosen["measure"], number(chosen["held_out"])
    name = _called(chosen)
    if len(table) == 1:
        more = ' form="auto" shows what the other forms reach.' if chosen["form"] == FORMS["single"] else ""
        return f"Only {name} was fitted, with a held-out {measure} of {error}.{more}"
    if chosen["ratio"] <= 1:
        text = f"{name} was chosen: no other form has a lower held-out {measure} than its {error}"
    else:
        text = (
            f"{name} was chosen, the simplest form whose held-out "
            f"{_within(measure, f', that of {_called(best)},')}: "
            f"{measure} {error} against {number(best['held_out'])}"
        )
    if not first["chosen"]:
        text += (
            f"; the simplest form, {_called(first)}, has {number(first['held_out'])}, "
            f"{of_lowest(first['ratio'])}"
        )
    return sentence(text)


def _within(measure: str, best: str = "") -> str:
    """Return which forms are as good as the best, in words."""
    if measure.startswith("RMSE"):
        return f"squared error is within {FORM_TOLERANCE:.0%} of the lowest{best.rstrip(',')}"
    gain = "gains over always predicting the shares of the classes"
    return f"log loss gives up at most {FORM_TOLERANCE:.0%} of what the lowest{best} {gain}"


def _called(line: pd.Series) -> str:
    """Return a form with its article; that of one neuron and its inputs are one name."""
    return f"a {line['form']}" if line["form"] == FORMS["single"] else f"a sum on {line['inputs']}"


def reading(table: pd.DataFrame) -> str:
    """Return how to read it."""
    text = (
        "The held-out error of every form that was tried, the simplest first: one fit of each, on rows that "
        "it was not trained on. The same rows chose form and number of epochs, so that the errors are a "
        "little too low."
    )
    choice = f" The simplest form is chosen whose {_within(table['measure'].iloc[0])}."
    average = " A sum is the average of several fits, and usually better than the one measured here."
    sums = (table["form"] == FORMS["sum"]).any()
    return text + (choice if len(table) > 1 else "") + (average if sums else "")


rungs = Figure(
    name="rungs",
    title="The price of readability",
    kind="Bar chart",
    reading=reading,
    table=rungs_table,
    draw=draw,
    height=lambda table: height(2 * len(table)),
    finding=finding,
    headers={
        "held_out": "held-out error",
        "ratio": "times the lowest",
        "above_best": "loss above the lowest",
    },
    once=("measure",),
)
