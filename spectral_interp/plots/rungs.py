"""Price of readability: held-out error of every form of the model."""

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
"""Descriptions of the inputs of a sum."""

FORMS = {"single": "single neuron", "sum": "sum of neurons"}

_ROOM, _LETTERS = 0.6, 30
"""Room beside the bars for numbers, as a share of the longest bar; characters in a line of a name."""


def rungs_table(rungs: pd.DataFrame, unit: str, *, squared: bool) -> pd.DataFrame:
    """Return one line per form of the model that was fitted, the simplest first.

    Parameters
    ----------
    rungs : DataFrame
        ``rungs_`` of a fitted estimator.
    unit : str
        Unit of the target.
    squared : bool
        Whether the held-out loss is a root mean squared error. Otherwise it is a log loss.

    Returns
    -------
    DataFrame
        ``held_out`` is the error in ``measure``, and ``ratio`` is its ratio to the lowest error. The form is
        chosen by squared error or log loss; ``above_best`` is its relative excess over the lowest.

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
    """Draw the held-out errors as bars, with the chosen form in the colour of the model.

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
    ax.set_title("Held-out error of every form")


def of_lowest(ratio: float) -> str:
    """Return an error relative to the lowest error, as text.

    Examples
    --------
    >>> of_lowest(1.0), of_lowest(1.25)
    ('the lowest', '25% above the lowest')
    """
    return "the lowest" if ratio <= 1 else f"{_more(ratio - 1)} above the lowest"


def _more(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}" if share >= 0.001 else "less than 0.1%"


def finding(table: pd.DataFrame) -> str:
    """State which form was chosen and why, and the error of the simplest form."""
    first, chosen, best = (table.iloc[at] for at in (0, table["chosen"].argmax(), table["ratio"].argmin()))
    measure, error = chosen["measure"], number(chosen["held_out"])
    name = _called(chosen)
    if len(table) == 1:
        more = ' Use form="auto" to compare all forms.' if chosen["form"] == FORMS["single"] else ""
        return f"Only {name} was fitted, with a held-out {measure} of {error}.{more}"
    if chosen["ratio"] <= 1:
        text = f"{name} was chosen, with the lowest held-out {measure}, {error}"
    else:
        text = (
            f"{name} was chosen, the simplest form whose held-out "
            f"{_within(measure, f' ({_called(best)})')}: its {measure} is {error}, and the lowest is "
            f"{number(best['held_out'])}"
        )
    if not first["chosen"]:
        text += (
            f"; the simplest form, {_called(first)}, has {number(first['held_out'])}, "
            f"{of_lowest(first['ratio'])}"
        )
    return sentence(text)


def _within(measure: str, best: str = "") -> str:
    """Return the criterion for a form to be as good as the best, as text."""
    if measure.startswith("RMSE"):
        return f"squared error is within {FORM_TOLERANCE:.0%} of the lowest{best}"
    gain = f"the improvement of the best form{best} over always predicting the class frequencies"
    return f"log loss gives up at most {FORM_TOLERANCE:.0%} of {gain}"


def _called(line: pd.Series) -> str:
    """Return the name of a form with its article, and for a sum its inputs."""
    return f"a {line['form']}" if line["form"] == FORMS["single"] else f"a sum on {line['inputs']}"


def reading(table: pd.DataFrame) -> str:
    """Return how to read the figure."""
    text = (
        "The bars show the held-out error of every form, the simplest first: of one fit or, for small "
        "tables, over four fits that each hold out a different part of the rows. The same rows are used to "
        "choose the form and the number of epochs, so the errors are slightly optimistic."
    )
    choice = f" The chosen form is the simplest whose {_within(table['measure'].iloc[0])}."
    average = " A sum averages several fits, and is usually better than the fits measured here."
    sums = (table["form"] == FORMS["sum"]).any()
    return text + (choice if len(table) > 1 else "") + (average if sums else "")


rungs = Figure(
    name="rungs",
    title="Price of readability",
    kind="Bar chart",
    reading=reading,
    table=rungs_table,
    draw=draw,
    height=lambda table: height(2 * len(table)),
    finding=finding,
    headers={
        "held_out": "held-out error",
        "ratio": "ratio to the lowest",
        "above_best": "excess loss over the lowest",
    },
    once=("measure",),
)
