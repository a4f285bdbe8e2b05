"""Figures with one named line per column: which columns are drawn or summed, and their names."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.transforms import ScaledTranslation, Transform

from .._common.arrays import FloatArray
from .._common.text import number
from .style import TOP, WHOLE, bar_height, height
from .text import LETTER, NAME, VALUE, room, shorten_all

Colours = Mapping[str, str] | None
"""Colours by name of column, or None for no colours."""

_CHIP = 8.0
"""Side of the square with a column's colour, in points."""

_LABEL = 44
"""Maximum number of characters in a line of the label of an axis next to names."""

_LABEL_UP = 32


def fold(values: FloatArray, most: int = TOP) -> FloatArray:
    """Return ``values`` (..., c) with those after the first ``most`` summed, if there are at least two.

    Examples
    --------
    >>> fold(np.array([5.0, 3.0, 2.0, 1.0]), 2), fold(np.array([5.0, 3.0, 2.0]), 2)
    (array([5., 3., 3.]), array([5., 3., 2.]))
    """
    if values.shape[-1] <= most + 1:
        return values
    return np.concatenate([values[..., :most], values[..., most:].sum(axis=-1, keepdims=True)], axis=-1)


def fold_names(names: Sequence[str], most: int = TOP) -> list[str]:
    """Return ``names`` with those after the first ``most`` counted where :func:`fold` sums their values.

    Examples
    --------
    >>> fold_names(["a", "b", "c", "d"], 2), fold_names(["a", "b", "c"], 2)
    (['a', 'b', '2 others'], ['a', 'b', 'c'])
    """
    few = len(names) <= most + 1
    return list(names) if few else [*names[:most], f"{len(names) - most} others"]


def add_bars(ax: Axes, lengths: npt.ArrayLike, *, lines: int, **look: Any) -> None:
    """Draw a bar on each of the lines 0, 1, … from the top, with a thickness suitable for ``lines`` lines.

    Parameters
    ----------
    ax : Axes
    lengths : array_like, shape (m,)
    lines : int
        Number of lines of the figure. There may be fewer bars.
    **look
        Properties of the bars, as in matplotlib.
    """
    sns.barplot(
        x=np.asarray(lengths, dtype=np.float64),
        y=np.arange(np.size(lengths)),
        orient="h",
        native_scale=True,
        width=bar_height(lines),
        saturation=1,
        errorbar=None,
        ax=ax,
        **look,
    )


def starts(base: float, contributions: FloatArray) -> FloatArray:
    """Return the start of each contribution (c,), which is the end of the previous one.

    Examples
    --------
    >>> starts(10.0, np.array([3.0, -1.0, 2.0]))
    array([10., 13., 12.])
    """
    return base + np.concatenate([[0.0], np.cumsum(contributions)[:-1]])


def height_of_lines(lines: int) -> float:
    """Return the height in inches of a figure in which the lines after the first twenty share one line.

    Examples
    --------
    >>> height_of_lines(10), height_of_lines(200) == height_of_lines(21)
    (4.9, True)
    """
    return height(min(lines, TOP + 1))


def name_lines(
    ax: Axes,
    names: Sequence[str],
    *,
    columns: Sequence[str] | None = None,
    colours: Colours = None,
    width: int = NAME,
) -> None:
    """Name the lines 0, 1, … from the top, each next to a square in the colour of its column.

    Parameters
    ----------
    ax : Axes
    names : sequence of str
        Names as the user typed them.
    columns : sequence of str, optional
        Column of every line. By default, the name of the line.
    colours : mapping, optional
    width : int
        Maximum number of characters shown of a name.
    """
    ax.set_yticks(range(len(names)), shorten_all(names, width))
    ax.set_ylim(len(names) - 0.5, -0.5)
    add_squares(ax, dict(enumerate(columns or names)), colours)


def add_squares(ax: Axes, columns: Mapping[float, str], colours: Colours) -> None:
    """Draw squares in the colours of the columns between the axis and the names, at the given heights.

    The first square has a label for the legend.
    """
    if not colours:
        return
    ax.tick_params(axis="y", length=0, pad=_CHIP + 8)
    place = ax.get_yaxis_transform() + _points(ax, -_CHIP / 2 - 5, 0)
    label = "colour of the column"
    for at, name in columns.items():
        if name in colours:
            look: dict[str, Any] = {"markersize": _CHIP, "transform": place, "clip_on": False}
            ax.plot(0, at, "s", color=colours[name], label=label, **look)
            label = "_nolegend_"


def name_levels(ax: Axes, levels: Sequence[str]) -> None:
    """Name the positions 0, 1, … along the axis, with vertical text if the names would overlap."""
    texts = shorten_all(levels, VALUE)
    size = float(ax.xaxis.get_ticklabels()[0].get_fontsize())
    longest = max((len(one) + len(other) for one, other in pairwise(texts)), default=0) / 2 + 1
    wide = longest * len(texts) * LETTER * size > room(ax)
    if wide:
        size = max(5.0, min(size, 1.2 * room(ax) / len(texts)))
    ax.set_xticks(range(len(texts)), texts, rotation=90 if wide else 0, fontsize=size)


def label_x(ax: Axes, text: str) -> None:
    """Label the horizontal axis, with as many lines of text as necessary."""
    size = rcParams["font.size"]
    fits = int(1.1 * room(ax) / (LETTER * size))
    ax.set_xlabel("\n".join(_wrapped(line, min(_LABEL, max(fits, _LABEL // 2))) for line in text.split("\n")))


def label_y(ax: Axes, text: str) -> None:
    """Label the vertical axis, in several lines if one is too long for a low figure."""
    ax.set_ylabel(_wrapped(text, _LABEL_UP))


def _wrapped(text: str, width: int) -> str:
    """Return a wrapped label. If it does not fit in one line, the unit in parentheses starts a new line.

    Examples
    --------
    >>> print(_wrapped("contribution (log-odds of yes)", 20))
    contribution
    (log-odds of yes)
    """
    if len(text) <= width:
        return text
    what, bracket, unit = text.partition(" (")
    parts = [what, f"({unit}"] if bracket else [what]
    return "\n".join(textwrap.fill(part, width) for part in parts)


def legend_below(ax: Axes, *, ncols: int = 2) -> None:
    """Put the legend below the label of the axis, for any height of the figure."""
    entries = list(zip(*ax.get_legend_handles_labels(), strict=True))
    if not entries:
        return
    handles, labels = zip(
        *sorted(entries, key=lambda entry: not isinstance(entry[0], BarContainer)), strict=True
    )
    lines = 1 + ax.get_xlabel().count("\n")
    below = 9 + rcParams["font.size"] * (1.15 + 1.25 * lines) + _upright(ax)
    place = ax.transAxes + _points(ax, 0, -below)
    ax.legend(
        handles,
        labels,
        loc="upper right",
        bbox_to_anchor=(1, 0),
        bbox_transform=place,
        ncols=ncols,
        borderaxespad=0,
        columnspacing=1.2,
    )


def _upright(ax: Axes) -> float:
    """Return how much further down, in points, vertical names on the axis extend than numbers."""
    upright = [label for label in ax.get_xticklabels() if label.get_rotation() == 90]
    lengths = (LETTER * float(label.get_fontsize()) * len(label.get_text()) for label in upright)
    return max(0.0, max(lengths, default=0.0) - 9)


def limit_others(ax: Axes, longest: float, others: FloatArray, sizes: FloatArray) -> None:
    """Limit the axis so that single columns stay legible, and write longer sums of other columns as numbers.

    Parameters
    ----------
    ax : Axes
        Axes with bars that start at zero. The last line is the sum of other columns.
    longest : float
        Length of the longest bar of a single column.
    others, sizes : ndarray, shape (m,)
        Lengths of the bars of the last line, and the numbers that they represent.
    """
    end = 1.25 * longest
    if not longest or others.max() <= end:
        return
    ax.set_xlim(0, end)
    text = f"{', '.join(map(number, sizes))} in total →"
    box = {"facecolor": "white", "edgecolor": WHOLE, "boxstyle": "round,pad=0.2", "linewidth": 0.6}
    at = len(ax.get_yticks()) - 1
    ax.text(0.98 * end, at, text, ha="right", va="center", fontsize=10, bbox=box)


def _points(ax: Axes, x: float, y: float) -> Transform:
    """Return a shift in points."""
    return ScaledTranslation(x / 72, y / 72, ax.figure.dpi_scale_trans)
