"""Summaries of all rows of a stream, as sums that add up over batches, processes and machines."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from .._common.text import value_text
from ..attribution.result import Attribution
from ..view import Axis, LevelsAxis, ModelView, Rows, view_of
from ..view.rows import Coordinates
from .portable import portable

BINS = 20
"""Number of bins of a number or a date: quantiles of the model's background, with open outer bins."""

RADII = tuple(0.01 * 2.0 ** (place / 2) for place in range(21))
"""Radii, in inputs, from 0.01 to about 10, at which rows with a certified class are counted."""


class Summary:
    """Importance and dependence of the columns over the rows of a stream, from sums that add up exactly.

    The order and the sizes of the batches do not matter, up to rounding. A summary can be pickled. Merging
    the summaries of the parts of a stream gives the summary of the whole. Build it with :meth:`of`.

    Attributes
    ----------
    columns : tuple of str, length c
    unit : str
        Unit of the contributions.
    n_rows : int

    Examples
    --------
    >>> from spectral_interp import Pencil, explain_batches
    >>> pencil = Pencil(diag=[[0.0], [2.0], [-1.0]], off=[[], [], []], k=0)
    >>> batches = [pd.DataFrame({"z0": [3.0, 1.0], "z1": [4.0, 0.0]})]
    >>> batches += [pd.DataFrame({"z0": [-2.0], "z1": [1.0]})]
    >>> summary = Summary.of(pencil)
    >>> for _ in explain_batches(pencil, batches, summary=summary):
    ...     pass
    >>> summary.importance()[["column", "mean_absolute", "mean"]]
      column  mean_absolute      mean
    0     z0       4.000000  1.333333
    1     z1       1.666667 -1.666667
    """

    def __init__(self, view: ModelView) -> None:
        self._axes = view.axes
        self.columns, self.unit, self.n_rows = view.columns, "", 0
        self._edges = [_edges(axis, u) for axis, u in zip(view.axes, _background(view).T, strict=True)]
        self._sums = {name: np.zeros(len(view.axes)) for name in ("absolute", "sum", "square")}
        self._bins = {name: np.zeros(int(self._firsts[-1])) for name in ("rows", "u", "contribution")}
        self._certified = np.zeros(len(RADII), dtype=np.int64)
        self._with_radius = 0

    @classmethod
    def of(cls, model: Any) -> Self:
        """Return an empty summary for rows of a model, for :func:`explain_batches`."""
        return cls(view_of(portable(model)))

    @cached_property
    def _firsts(self) -> IntArray:
        """First bin of every column, and the total number of bins; the last bin is for missing values."""
        sizes = [
            len(axis.levels) + 1 if isinstance(axis, LevelsAxis) else len(edges) + 2
            for axis, edges in zip(self._axes, self._edges, strict=True)
        ]
        return np.cumsum([0, *sizes])

    def add(self, rows: Rows, found: Attribution, flip_radius: FloatArray | None = None) -> None:
        """Add explained rows, with the certified radii of their classes if there are any."""
        self._check_unit(found.unit)
        self.n_rows += len(rows)
        self._sums["absolute"] += np.abs(found.values).sum(axis=0)
        self._sums["sum"] += found.values.sum(axis=0)
        self._sums["square"] += (found.values**2).sum(axis=0)
        u = _coordinates(rows)
        for place in range(len(self._axes)):
            own = slice(self._firsts[place], self._firsts[place + 1])
            bins, size = self._places(place, u[:, place]), own.stop - own.start
            here = np.where(np.isnan(u[:, place]), 0.0, u[:, place])
            self._bins["rows"][own] += np.bincount(bins, minlength=size)
            self._bins["u"][own] += np.bincount(bins, here, minlength=size)
            self._bins["contribution"][own] += np.bincount(bins, found.values[:, place], minlength=size)
        if flip_radius is not None:
            self._with_radius += len(rows)
            self._certified += (flip_radius[:, None] >= np.array(RADII)).sum(axis=0)

    def _check_unit(self, unit: str) -> None:
        if self.unit not in ("", unit):
            raise ValueError(f"expected contributions to {self.unit}; got contributions to {unit}")
        self.unit = unit

    def _places(self, place: int, u: FloatArray) -> IntArray:
        """Return the bins of coordinates (n,) within their column."""
        last = int(self._firsts[place + 1] - self._firsts[place] - 1)
        if isinstance(self._axes[place], LevelsAxis):
            return np.where(np.isnan(u), last, u).astype(np.intp)
        return np.where(np.isnan(u), last, np.searchsorted(self._edges[place], u, side="right"))

    def merge(self, other: Summary) -> Summary:
        """Return the summary of the rows of both.

        Raises
        ------
        ValueError
            If their models or outputs differ.

        Examples
        --------
        >>> from spectral_interp import Pencil
        >>> empty = Summary.of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0))
        >>> empty.merge(empty).n_rows
        0
        """
        if self.columns != other.columns or not all(map(np.array_equal, self._edges, other._edges)):
            raise ValueError("expected summaries of one model; got summaries of different models")
        found: Summary = object.__new__(type(self))
        vars(found).update(vars(self))
        if other.unit:
            found._check_unit(other.unit)
        found.n_rows += other.n_rows
        found._sums = {name: own + other._sums[name] for name, own in self._sums.items()}
        found._bins = {name: own + other._bins[name] for name, own in self._bins.items()}
        found._certified = self._certified + other._certified
        found._with_radius += other._with_radius
        return found

    def importance(self) -> pd.DataFrame:
        """Return one line per column, the most important first.

        Returns
        -------
        DataFrame
            column; mean_absolute, the mean absolute contribution; mean and standard_deviation of the
            contributions; rows, their number.
        """
        n = max(self.n_rows, 1)
        mean = self._sums["sum"] / n
        spread = np.sqrt(np.maximum(self._sums["square"] / n - mean**2, 0))
        table = pd.DataFrame({"column": self.columns, "mean_absolute": self._sums["absolute"] / n})
        table = table.assign(mean=mean, standard_deviation=spread, rows=self.n_rows)
        return table.sort_values("mean_absolute", ascending=False, kind="stable", ignore_index=True)

    def dependence(self) -> pd.DataFrame:
        """Return one line per column and non-empty bin, with the mean contribution of the column there.

        Returns
        -------
        DataFrame
            column; value, the level, or the mean of the values in the bin (of their logarithms if the model
            uses these), "missing" for gaps and for levels that the model does not know; rows;
            mean_contribution.
        """
        lines = []
        for place, axis in enumerate(self._axes):
            first, last = self._firsts[place], self._firsts[place + 1] - 1
            for at in first + np.flatnonzero(self._bins["rows"][first : last + 1]):
                rows = self._bins["rows"][at]
                value = "missing" if at == last else _value(axis, self._bins["u"][at] / rows)
                lines.append((axis.name, value, int(rows), self._bins["contribution"][at] / rows))
        return pd.DataFrame(lines, columns=["column", "value", "rows", "mean_contribution"])

    def margins(self) -> pd.DataFrame:
        """Return the share of the rows whose class is certified within a radius, for several radii.

        Returns
        -------
        DataFrame
            radius, in inputs; certified, a share; rows, their number; empty without ``flip_radius``.
        """
        if not self._with_radius:
            return pd.DataFrame({"radius": [], "certified": [], "rows": []})
        shares = self._certified / self._with_radius
        return pd.DataFrame({"radius": RADII, "certified": shares, "rows": self._with_radius})

    def state(self) -> dict[str, Any]:
        """Return the state as plain values; :meth:`restored` is the inverse."""
        arrays = {f"sums_{name}": own.tolist() for name, own in self._sums.items()}
        arrays |= {f"bins_{name}": own.tolist() for name, own in self._bins.items()}
        counts = {"unit": self.unit, "n_rows": self.n_rows, "with_radius": self._with_radius}
        return counts | arrays | {"certified": self._certified.tolist()}

    def restored(self, state: dict[str, Any]) -> Summary:
        """Return a summary for the same model from a state."""
        found: Summary = object.__new__(type(self))
        vars(found).update(vars(self))
        found.unit, found.n_rows = state["unit"], state["n_rows"]
        found._with_radius = state["with_radius"]
        found._sums = {name: np.array(state[f"sums_{name}"]) for name in self._sums}
        found._bins = {name: np.array(state[f"bins_{name}"]) for name in self._bins}
        found._certified = np.array(state["certified"])
        return found


def _edges(axis: Axis, u: FloatArray) -> FloatArray:
    """Return the inner edges of the bins of a number or a date, in coordinates."""
    known = u[~np.isnan(u)]
    if isinstance(axis, LevelsAxis) or not known.size:
        return np.empty(0)
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))


def _background(view: ModelView) -> FloatArray:
    return view.coordinates(view.background) if len(view.background) else np.empty((0, len(view.axes)))


def _coordinates(rows: Rows) -> FloatArray:
    return rows.encoded.u if isinstance(rows.encoded, Coordinates) else rows.view.coordinates(rows.encoded)


def _value(axis: Axis, u: float) -> Any:
    """Return the value at a coordinate as in tables: a number, or the text of a level or date."""
    (value,) = axis.values(np.array([u]))
    return float(value) if axis.kind.startswith("number") else value_text(value)
