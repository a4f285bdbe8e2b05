"""Several panels in place of one Axes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes

ACROSS = 2
"""Maximum number of panels side by side."""

HEAD, PANEL = 0.55, 2.3
"""Heights of the strip above the panels and of a line of panels, in inches."""


def panels(ax: Axes, count: int, title: str, entries: Sequence[Artist] = ()) -> list[Axes]:
    """Return Axes of panels, line by line, with a shared vertical axis, below a strip of title and legend.

    Parameters
    ----------
    ax : Axes
        Axes of a grid, such as those of ``plt.subplots()``. They become the strip.
    count : int
    title : str
    entries : sequence of Artist
        Entries of the legend, with labels.

    Raises
    ------
    ValueError
        If the Axes do not belong to a grid.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> len(panels(ax, 3, "three columns")), ax.get_title(loc="left")
    (3, 'three columns')
    """
    spec = ax.get_subplotspec()
    if spec is None:
        raise ValueError("expected Axes of a grid, such as those of plt.subplots(); got Axes without a grid")
    lines, across = -(-count // ACROSS), min(ACROSS, count)
    grid = spec.subgridspec(1 + lines, across, height_ratios=[HEAD * bool(entries) + 0.01, *[PANEL] * lines])
    ax.set_subplotspec(grid[0, :])
    ax.set_axis_off()
    ax.set_title(title, loc="left")
    if entries:
        ax.legend(handles=entries, loc="upper left", ncols=2, borderaxespad=0, borderpad=0, columnspacing=1.2)
    found: list[Axes] = []
    for at in range(count):
        line, place = divmod(at, across)
        found.append(ax.figure.add_subplot(grid[1 + line, place], sharey=found[0] if found else None))
        found[-1].tick_params(labelleft=place == 0)
    return found


def height_of_panels(count: int) -> float:
    """Return the height in inches of a figure of panels.

    Examples
    --------
    >>> height_of_panels(1), height_of_panels(6)
    (3.3, 7.9)
    """
    return round(0.45 + HEAD + PANEL * -(-count // ACROSS), 1)
