"""A figure as one object: its table, its drawing, and the words that go with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from .._common.text import row_text
from .style import HEIGHT
from .text import plain_text

Words = str | Callable[[pd.DataFrame], str]
"""A format string over the first line of a table, or what returns one for a table."""


@dataclass(frozen=True)
class Figure:
    """A kind of figure, or of a table that has no drawing. Called with a table and Axes, it draws.

    Attributes
    ----------
    name : str
        Also the start of the names of its files.
    title : str or callable
        Heading on a page, a format string over the first line of the table; or what returns it for a table.
    kind : str
        What a screen reader announces, such as "Bar chart".
    reading : str or callable
        How to read it, like the title.
    table : callable
        Builds the table. The columns are those of its file.
    finding : callable
        Returns what the table shows, in one sentence.
    draw : callable, optional
        Draws the table on Axes: ``draw(table, ax, **options)``. None for a table without a drawing.
    height : callable
        Returns the height of the figure in inches, from the table.
    headers : mapping of str to str
        What columns of the table are called on a page. The others keep their names.
    once : tuple of str
        Columns that a page states once, below the table, where they have one value in all lines.

    Examples
    --------
    >>> from matplotlib.figure import Figure as Canvas
    >>> from spectral_interp import Pencil, explain, plots
    >>> att = explain(Pencil([[5.0, 5.0], [1.0, 2.0]], [[0.0], [0.5]], k=1), [[2.0], [-1.0]])
    >>> table = plots.importance.table(att)
    >>> plots.importance(table, Canvas().subplots()).get_xlabel()
    'mean |contribution| (prediction)'
    >>> plots.importance.finding(table).split(",")[0]
    'z0 is the only column'
    """

    name: str
    title: Words
    kind: str
    reading: Words
    table: Callable[..., pd.DataFrame]
    finding: Callable[[pd.DataFrame], str]
    draw: Callable[..., None] | None = None
    height: Callable[[pd.DataFrame], float] = lambda table: HEIGHT
    headers: Mapping[str, str] = field(default_factory=dict)
    once: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take the docstring of the drawing, for interactive help."""
        if self.draw is not None:
            object.__setattr__(self, "__doc__", self.draw.__doc__)

    def __call__(self, table: pd.DataFrame, ax: Axes, **options: Any) -> Axes:
        """Draw the table on the Axes and return them."""
        if self.draw is None:
            raise TypeError(f"expected a figure with a drawing; got {self.name}, which is a table only")
        with plain_text(ax):
            self.draw(table, ax, **options)
        return ax

    def of(self, table: pd.DataFrame, label: str = "", **options: Any) -> Exhibit:
        """Return the figure of one table. The options are those of the drawing."""
        return Exhibit(self, table, label, options)


@dataclass(frozen=True)
class Exhibit:
    """A figure with its table.

    Attributes
    ----------
    figure : Figure
    table : DataFrame
    label : str
        Distinguishes exhibits of the same figure, such as by the method; empty for a single one.
    options : mapping
        Of the drawing.

    Examples
    --------
    >>> from spectral_interp import plots
    >>> curve = plots.training_curve_table([{"epoch": 1, "train_loss": 0.5, "validation_loss": 0.6}])
    >>> exhibit = plots.training_curve.of(curve, loss="mean squared error")
    >>> exhibit.name, exhibit.finding
    ('training_curve', 'Epoch 1 of 1 was chosen, with a validation loss of 0.6 and a training loss of 0.5.')
    """

    figure: Figure
    table: pd.DataFrame
    label: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.figure.name}_{self.label}" if self.label else self.figure.name

    @property
    def title(self) -> str:
        """Its heading on a page."""
        return self._filled(self.figure.title)

    @property
    def reading(self) -> str:
        """How to read it."""
        return self._filled(self.figure.reading)

    @property
    def finding(self) -> str:
        """What it shows, in one sentence."""
        return self.figure.finding(self.table)

    @property
    def height(self) -> float:
        """Height of the figure in inches."""
        return self.figure.height(self.table)

    @property
    def is_drawn(self) -> bool:
        """Whether there is a figure beside the table."""
        return self.figure.draw is not None

    def draw(self, ax: Axes) -> Axes:
        """Draw it on the Axes and return them."""
        return self.figure(self.table, ax, **self.options)

    def _filled(self, words: Words) -> str:
        template = words(self.table) if callable(words) else words
        first = {str(name): self.table[name].iloc[0] for name in self.table} if len(self.table) else {}
        if "row" in first:
            first["row"] = row_text(first["row"])
        return template.format(**first)
