"""Confusion matrix: numbers of rows by true and predicted class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from .._common.text import counted, listed
from ..view.levels import class_place
from .classes import heat_map, names_of
from .figure import Figure
from .style import height

DRAWN = 26
"""Maximum number of classes drawn. The classes with the most errors are chosen."""


def confusion_table(
    truth: Sequence[Any], predicted: Sequence[Any], classes: Sequence[Any] | None = None
) -> pd.DataFrame:
    """Return one line per true and predicted class: the number of rows and their share of the true class.

    Parameters
    ----------
    truth, predicted : sequence of labels, length n
    classes : sequence of labels, optional
        All classes in their order. By default, the classes that occur, in ascending order.

    Raises
    ------
    ValueError
        If ``truth`` and ``predicted`` have different lengths, or contain a label that is not in ``classes``.

    Examples
    --------
    >>> confusion_table(["a", "a", "b"], ["a", "b", "b"])[["true", "predicted", "rows"]].values.tolist()
    [['a', 'a', 1], ['a', 'b', 1], ['b', 'a', 0], ['b', 'b', 1]]
    """
    if len(truth) != len(predicted):
        raise ValueError(f"expected a prediction for each true class; got {len(predicted)} for {len(truth)}")
    labels = list(np.unique([*truth, *predicted])) if classes is None else list(classes)
    found = [[class_place(label, labels) for label in side] for side in (truth, predicted)]
    for side, places in zip((truth, predicted), found, strict=True):
        if -1 in places:
            raise ValueError(f"expected classes {listed(names_of(labels))}; got {side[places.index(-1)]!r}")
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(counts, (found[0], found[1]), 1)
    rows = counts.sum(axis=1, keepdims=True)
    names = np.array(names_of(labels), dtype=object)
    return pd.DataFrame(
        {
            "true": np.repeat(names, len(names)),
            "predicted": np.tile(names, len(names)),
            "rows": counts.ravel(),
            "share": np.divide(counts, rows, out=np.full(counts.shape, np.nan), where=rows > 0).ravel(),
        }
    )


def _counts(table: pd.DataFrame) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the counts (classes, classes) and the classes."""
    n = round(len(table) ** 0.5)
    return table["rows"].to_numpy().reshape(n, n), table["predicted"].head(n).tolist()


def draw(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the counts as a heat map. Darker cells are a larger share of the true class.

    Parameters
    ----------
    table : DataFrame
        From :func:`confusion_table`.
    ax : Axes
    """
    counts, names = _counts(table)
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    drawn = np.sort(np.argsort(-errors, kind="stable")[:DRAWN])
    shares = np.nan_to_num(table["share"].to_numpy().reshape(counts.shape))[np.ix_(drawn, drawn)]
    texts = [[f"{count:,}" if count else "" for count in line] for line in counts[np.ix_(drawn, drawn)]]
    chosen = [names[at] for at in drawn]
    heat_map(shares, texts, chosen, chosen, ax)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    some = f", {DRAWN} of {len(names)} classes with the most errors" if len(drawn) < len(names) else ""
    ax.set_title(f"{counted(int(counts.sum()), 'row')} by true and predicted class{some}")


def confused_pairs(table: pd.DataFrame) -> list[tuple[str, str, int, int]]:
    """Return pairs of classes, the number of rows confused, and of all their rows; most confused first.

    Examples
    --------
    >>> confused_pairs(confusion_table(["a", "a", "b", "c"], ["a", "b", "a", "c"]))
    [('a', 'b', 2, 3)]
    """
    counts, names = _counts(table)
    rows = counts.sum(axis=1)
    pairs = [
        (names[a], names[b], int(counts[a, b] + counts[b, a]), int(rows[a] + rows[b]))
        for a, b in combinations(range(len(names)), 2)
        if counts[a, b] + counts[b, a]
    ]
    return sorted(pairs, key=lambda pair: -pair[2])


def finding(table: pd.DataFrame) -> str:
    """Name the most confused pair of classes and the class with the lowest recall."""
    counts, names = _counts(table)
    n, right = int(counts.sum()), int(counts.diagonal().sum())
    if right == n:
        return f"The predicted class is correct in all {n:,} rows." if n else "There are no rows."
    a, b, confused, rows = confused_pairs(table)[0]
    wrong = f"{n - right:,} of {n:,} rows {'is' if n - right == 1 else 'are'}"
    swapped = f"{'is' if confused == 1 else 'are'} predicted as the other"
    text = (
        f"{wrong} predicted as another class. {a} and {b} are confused most often: {confused:,} of the "
        f"{counted(rows, 'row')} of these two classes {swapped}"
    )
    known = np.flatnonzero(counts.sum(axis=1))
    recall = counts.diagonal()[known] / counts.sum(axis=1)[known]
    worst = int(recall.argmin())
    return f"{text}. {names[known[worst]]} has the lowest recall: {recall[worst]:.0%} of its rows."


confusion = Figure(
    name="confusion",
    title="Confusion matrix",
    kind="Heat map",
    reading="Each line is a true class and each column a predicted class; the numbers count rows. "
    "Predictions on the diagonal are correct. Darker cells are a larger share of the true class.",
    table=confusion_table,
    draw=draw,
    height=lambda table: height(min(round(len(table) ** 0.5), DRAWN) + 2),
    finding=finding,
    headers={"true": "true class", "predicted": "predicted class", "share": "share of the true class"},
)
