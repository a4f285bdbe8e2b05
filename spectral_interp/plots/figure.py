"""A figure as one object: its table, its drawing, and its texts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from .._common.text import row_text
from .style import HEIGHT, style
from .text import plain_text

WIDTH = 7.2
"""Width of a figure in inches."""

Words = str | Callable[[pd.DataFrame], str]
"""A format string over the first line of a table, or a function that returns one for a table."""


@dataclass(frozen=True)
class Figure:
    """A kind of figure, or of a table without a drawing.

    Call it with a table, or with the arguments from which the table is built, to draw the table: on given
    Axes, or on a new figure of suitable height in the screen style of :func:`spectral_interp.plots.style`. A
    new figure belongs to pyplot, so a notebook displays it, and so does ``plt.show()`` in a script. The
    current pyplot figure is never drawn over, because it may have a different height.

    Attributes
    ----------
    name : str
        Name of the figure, and prefix of the names of its files.
    title : str or callable
        Heading on a page: a format string over the first line of the table, or a function of the table that
        returns one.
    kind : str
        Text that a screen reader announces, such as "Bar chart".
    reading : str or callable
        How to read the figure, in the same form as the title.
    table : callable
        Builds the table. Its columns are the columns of the file.
    finding : callable
        Returns one sentence with the main result of the table.
    draw : callable, optional
        Draws the table on Axes: ``draw(table, ax, **options)``. None for a table without a drawing.
    height : callable
        Returns the height of the figure in inches, from the table.
    headers : mapping of str to str
        Headers of columns on a page. Other columns keep their names.
    once : tuple of str
        Columns that a page states once, below the table, if all lines have the same value.

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
    >>> plots.waterfall(att[0], ax=Canvas().subplots()).get_xlabel()
    'prediction (prediction)'
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
        """Use the docstring of the drawing, for interactive help."""
        if self.draw is not None:
            object.__setattr__(self, "__doc__", self.draw.__doc__)

    def __call__(self, *data: Any, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the figure and return its Axes.

        Parameters
        ----------
        *data
            A table, or the arguments of ``table``, such as an attribution. Axes may come last.
        ax : Axes, optional
            Axes to draw on. By default, the Axes of a new figure.
        **options
            Options of the drawing, and of ``table`` if no table is given.

        Raises
        ------
        TypeError
            If the figure has no drawing, or ``data`` or ``options`` do not match its arguments.
        ValueError
            If the table belongs to another figure.
        """
        if self.draw is None:
            raise TypeError(f"expected a figure with a drawing; got {self.name}, which is a table only")
        if ax is None and data and isinstance(data[-1], Axes):
            *data, ax = data  # type: ignore[assignment]
        built = len(data) != 1 or not isinstance(data[0], pd.DataFrame)
        own = self._own(options) if built else {}
        look = {name: value for name, value in options.items() if name not in own}
        self._check_look(look)
        table = self._built(data, own) if built else data[0]
        try:
            return self._drawn(table, ax, look)
        except KeyError as error:
            raise ValueError(f"expected the table of plots.{self.name}_table; it has no {error}") from error

    def _drawn(self, table: pd.DataFrame, ax: Axes | None, look: Mapping[str, Any]) -> Axes:
        """Draw on the Axes, or on a new figure, which is closed if drawing fails."""
        if ax is not None:
            with plain_text(ax):
                self.draw(table, ax, **look)  # type: ignore[misc]
            return ax
        with style():
            figure, new = plt.subplots(figsize=(WIDTH, self.height(table)))
            try:
                return self._drawn(table, new, look)
            except BaseException:
                plt.close(figure)
                raise

    def _own(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that belong to the table."""
        takes = inspect.signature(self.table).parameters
        return {name: value for name, value in options.items() if name in takes}

    def _check_look(self, look: Mapping[str, Any]) -> None:
        """Raise TypeError unless the drawing accepts these options."""
        takes = [*inspect.signature(self.draw).parameters][2:]  # type: ignore[arg-type]
        other = [name for name in look if name not in takes]
        if other:
            known = f"options {', '.join(takes)}" if takes else "no options"
            raise TypeError(f"expected {known} for the drawing of plots.{self.name}; got {', '.join(other)}")

    def _built(self, data: Sequence[Any], own: Mapping[str, Any]) -> pd.DataFrame:
        """Return the table built from its arguments. Raise TypeError if they do not match."""
        signature = inspect.signature(self.table, eval_str=True)
        try:
            given = signature.bind(*data, **own).arguments
        except TypeError as error:
            takes = ", ".join(signature.parameters)
            raise TypeError(f"expected a table or {takes} for plots.{self.name}; {error}") from None
        for name, value in given.items():
            kind: Any = signature.parameters[name].annotation
            if isinstance(kind, type) and is_dataclass(kind) and not isinstance(value, kind):
                raise TypeError(
                    f"expected {name} to be of type {kind.__name__} for plots.{self.name}; "
                    f"got {type(value).__name__}"
                )
        return self.table(*data, **own)

    def of(self, table: pd.DataFrame, label: str = "", **options: Any) -> Exhibit:
        """Return the figure with its table and the options of the drawing."""
        return Exhibit(self, table, label, options)


@dataclass(frozen=True)
class Exhibit:
    """A figure with its table.

    Attributes
    ----------
    figure : Figure
    table : DataFrame
    label : str
        Distinguishes exhibits of the same figure, for example by method; empty for a single exhibit.
    options : mapping
        Options of the drawing.

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
        """Name of the files of the exhibit."""
        return f"{self.figure.name}_{self.label}" if self.label else self.figure.name

    @property
    def title(self) -> str:
        """Heading on a page."""
        return self._filled(self.figure.title)

    @property
    def reading(self) -> str:
        """How to read the figure."""
        return self._filled(self.figure.reading)

    @property
    def finding(self) -> str:
        """Main result of the table, in one sentence."""
        return self.figure.finding(self.table)

    @property
    def height(self) -> float:
        """Height of the figure in inches."""
        return self.figure.height(self.table)

    @property
    def is_drawn(self) -> bool:
        """Whether the table has a drawing."""
        return self.figure.draw is not None

    def draw(self, ax: Axes) -> Axes:
        """Draw the figure on the Axes and return them."""
        return self.figure(self.table, ax, **self.options)

    def _filled(self, words: Words) -> str:
        template = words(self.table) if callable(words) else words
        first = {str(name): self.table[name].iloc[0] for name in self.table} if len(self.table) else {}
        if "row" in first:
            first["row"] = row_text(first["row"])
        return template.format(**first)
