"""Columns of the user's table as features: the interface of all kinds of columns, and numeric columns.

Each kind is a class. It encodes values as features and decodes them, and gives the grid on which figures draw
the column, the directions in which certificates bound its effect, and its units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray

MISSING = "missing"
"""Name of a missing value, as a level and in the names of features."""

FAR = 10.0
"""Distance from the training mean, in standard deviations, beyond which values are far outside."""


@dataclass(frozen=True)
class Promise:
    """A direction of a column that the model keeps for all values of the other columns.

    Attributes
    ----------
    place : int
        Position of the column among the axes.
    sign : int
        1 if f never falls as the number rises, -1 if it never rises; 1 for levels.
    levels : tuple of int
        Positions of levels in the order in which f never falls; empty for numbers and dates.
    """

    place: int
    sign: int = 1
    levels: tuple[int, ...] = ()

    def features(self, start: int) -> tuple[int, ...]:
        """Return the features that the promise orders, where the column's first feature is ``start``.

        A number without knots and elapsed time have one such feature, whose matrix is compared with zero.
        """
        return tuple(start + level for level in self.levels) if self.levels else (start,)


@dataclass(frozen=True, eq=False)
class Directions:
    """The m changes of a column that certificates bound.

    Attributes
    ----------
    labels : tuple of str, length m
        Names of the steps, such as "standard deviation of age" or "Oslo → Rome".
    steps : ndarray, shape (m, f)
        Changes of the column's features. Changes of levels include the reverse of each.
    own_label : str
        Name of a step of the column's own unit, such as "unit of age"; empty for levels.
    per_own : float
        Number of steps in one unit of the column; NaN for levels.
    """

    labels: tuple[str, ...]
    steps: FloatArray
    own_label: str = ""
    per_own: float = float("nan")


class Axis(ABC):
    """One column as f features of a model.

    The coordinate u of the column counts standard deviations of a number, its logarithm or a date, or is the
    position of a level. Values are in the column's own unit.
    """

    name: str
    log: bool = False
    """Whether the column enters by its logarithm, so that figures draw it on a logarithmic axis."""

    knots: tuple[float, ...] = ()
    """Coordinates between which the features of a piecewise-linear number are linear."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """Kind of the column in words: "number", "date", either "with gaps", or "levels"."""

    @property
    @abstractmethod
    def continuous(self) -> bool:
        """Whether there are values between any two values."""

    @property
    def linear(self) -> bool:
        """Whether the features are linear in the coordinate of a value that is present."""
        return self.continuous

    @property
    def sloped(self) -> bool:
        """Whether f has slopes along the coordinate: true for numbers and elapsed time."""
        return self.linear or bool(self.knots)

    @property
    @abstractmethod
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, length f."""

    @property
    def n_features(self) -> int:
        """Number f of features."""
        return len(self.feature_names)

    @property
    @abstractmethod
    def value_features(self) -> int:
        """Number of features that carry the value; they come first."""

    @property
    @abstractmethod
    def step(self) -> str:
        """Unit of the steps that certificates bound, without the name of the column."""

    @abstractmethod
    def directions(self) -> Directions:
        """Return the changes of the column that certificates bound."""

    def gap(self) -> Directions | None:
        """Return the change to a missing value; None if :meth:`directions` or another value covers it."""
        return None

    @abstractmethod
    def checked(self, values: Any) -> npt.NDArray[Any]:
        """Return values (m,) as an array; ValueError names a value that is not valid for the column."""

    @abstractmethod
    def coordinates(self, values: npt.ArrayLike) -> FloatArray:
        """Return the coordinates of values, (m,), NaN where a value is missing or unknown."""

    @abstractmethod
    def values(self, u: FloatArray) -> npt.NDArray[Any]:
        """Return the values at coordinates, (m,), missing where a coordinate is NaN."""

    def drawn(self, u: FloatArray) -> FloatArray:
        """Return the positions in figures of the values at coordinates of a continuous column, (m,)."""
        return np.asarray(self.values(u), dtype=np.float64)

    @abstractmethod
    def place(self, u: FloatArray) -> FloatArray:
        """Return the features at coordinates (m,): shape (m, f)."""

    def put(self, u: FloatArray, into: FloatArray) -> None:
        """Write the features at coordinates (m,) into zeros (m, f)."""
        into[:] = self.place(u)

    @abstractmethod
    def locate(self, z: FloatArray) -> FloatArray:
        """Return the coordinates (m,) of features (m, f), NaN where a value is missing or unknown."""

    @property
    def offset(self) -> FloatArray:
        """Numbers (f,) subtracted from the features of every row: the means of indicators."""
        return np.zeros(self.n_features)

    @property
    def plain(self) -> Axis:
        """The axis whose features are the inputs of this one: the axis itself unless it has knots."""
        return self

    def positions(self, z: FloatArray) -> FloatArray:
        """Return the coordinates (m,) of the features of a number, with missing values replaced."""
        return z[:, 0]

    def inputs(self, z: FloatArray) -> FloatArray:
        """Return the inputs (m, g) of features (m, f); see :attr:`plain`."""
        return z

    def from_inputs(self, x: FloatArray) -> FloatArray:
        """Return the features (m, f) of inputs (m, g)."""
        return x

    def input_slopes(self, z: FloatArray, per_feature: FloatArray) -> FloatArray:
        """Return derivatives by the inputs, (m, …, g), from those by the features, (m, …, f), at z (m, f)."""
        return per_feature

    def along(self, z: FloatArray) -> FloatArray:
        """Return the change (m, f) of the features at rows z (m, f) per unit change of all inputs."""
        return np.ones_like(z)

    @abstractmethod
    def grid(self, u: FloatArray, points: int) -> FloatArray:
        """Return ascending coordinates at which figures draw a column with the coordinates ``u`` (m,)."""

    def trace(self, u: FloatArray, points: int, here: float) -> tuple[FloatArray, str]:
        """Return the coordinates of a line along the column through ``here``, and a text that describes them.

        The text is empty if they are those of :meth:`grid`.
        """
        return self.grid(u, points), ""

    def encode(self, values: npt.ArrayLike) -> FloatArray:
        """Return the features of values (m,): shape (m, f)."""
        return self.place(self.coordinates(values))

    def decode(self, z: FloatArray) -> npt.NDArray[Any]:
        """Return the values (m,) of features (m, f), missing where a value is missing or unknown."""
        return self.values(self.locate(z))


@dataclass(frozen=True)
class NumberAxis(Axis):
    """A standardised numeric column: ``u = (x - mean) / scale``, with ``log x`` for x if ``log``.

    If the training table had gaps, there is a second feature, the centred indicator of a missing value:
    ``1 - missing`` where the value is missing, and ``-missing`` elsewhere. It is within [-1, 1] even for rare
    gaps, and its mean over the training table is zero.

    Attributes
    ----------
    name : str
    mean, scale : float
        Mean and population standard deviation of the present training values, or of their logarithms if
        ``log``.
    log : bool
        Whether the column enters by its logarithm.
    median : float or None
        Replacement of missing values, in the column's unit. None if training had no gaps: missing values then
        count as average, u = 0.
    missing : float
        Share of the training rows without a value.
    low, high : float or None
        Least and largest training value, in the column's unit; None in models of earlier versions.
    gaps : tuple of str
        Texts that count as missing.
    floor : float or None
        Training minimum if the fit has chosen the logarithm. Smaller numbers, including zero, count as this
        minimum. None if numbers <= 0 are refused.

    Examples
    --------
    >>> age = NumberAxis("age", mean=50.0, scale=10.0, median=40.0, missing=0.25)
    >>> age.encode([40.0, np.nan])
    array([[-1.  , -0.25],
           [-1.  ,  0.75]])
    >>> age.decode(age.encode([70.0, np.nan])), age.directions().labels
    (array([70., nan]), ('standard deviation of age',))
    >>> age.gap().labels, age.gap().steps
    (('median → missing',), array([[0., 1.]]))
    """

    name: str
    mean: float = 0.0
    scale: float = 1.0
    log: bool = False
    median: float | None = None
    missing: float = 0.0
    low: float | None = None
    high: float | None = None
    gaps: tuple[str, ...] = ()
    floor: float | None = None

    @property
    def boolean(self) -> bool:
        """Whether all training values were 0 or 1; then x² = x, and the variance is that of a share."""
        if self.log or (self.low, self.high) != (0, 1):
            return False
        return abs(self.scale**2 - self.mean * (1 - self.mean)) <= 1e-9

    @property
    def reach(self) -> tuple[float, float]:
        """Coordinates beyond which values are far outside the training range: its width on either side.

        They are :data:`FAR` standard deviations if the range is unknown, and infinite for columns that are
        not standardised.
        """
        if self.low is None or self.high is None:
            far = FAR if (self.mean, self.scale) != (0, 1) else np.inf
            return -far, far
        low, high = map(float, self.coordinates([self.low, self.high]))
        return 2 * low - high, 2 * high - low

    @property
    @override
    def kind(self) -> str:
        return "number" if self.median is None else "number with gaps"

    @property
    @override
    def continuous(self) -> bool:
        return True

    @property
    @override
    def feature_names(self) -> tuple[str, ...]:
        return (self.name,) if self.median is None else (self.name, f"{self.name} {MISSING}")

    @property
    @override
    def value_features(self) -> int:
        return 1

    @property
    @override
    def step(self) -> str:
        return "unit" if self.scale == 1 else "standard deviation"

    @override
    def directions(self) -> Directions:
        quantity = f"log {self.name}" if self.log else self.name
        step = np.eye(1, self.n_features)
        return Directions((f"{self.step} of {quantity}",), step, f"unit of {quantity}", 1 / self.scale)

    @override
    def gap(self) -> Directions | None:
        """Return the step from the median, which replaces a missing value, to a missing value.

        The change from any other value is the step to the median plus this one.
        """
        if self.median is None:
            return None
        return Directions((f"median → {MISSING}",), np.eye(1, self.n_features, self.value_features))

    @override
    def checked(self, values: Any) -> FloatArray:
        x = np.atleast_1d(np.asarray(values, dtype=np.float64))
        if self.median is None and np.isnan(x).any():
            raise ValueError(f"expected numbers in column {self.name!r}, which has no gaps; got NaN")
        if self.log and self.floor is None and (x <= 0).any():
            first = x[np.flatnonzero(x <= 0)[0]]
            raise ValueError(f"expected positive numbers in column {self.name!r}; got {first:g}")
        return x

    @override
    def coordinates(self, values: npt.ArrayLike) -> FloatArray:
        x = np.asarray(values, dtype=np.float64)
        if self.floor is not None:
            x = np.maximum(x, self.floor)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return ((np.log(x) if self.log else x) - self.mean) / self.scale

    @override
    def values(self, u: FloatArray) -> FloatArray:
        x = self.mean + self.scale * u
        return np.exp(x) if self.log else x

    @override
    def place(self, u: FloatArray) -> FloatArray:
        gaps = np.isnan(u)
        replaced = 0.0 if self.median is None else float(self.coordinates(self.median))
        value = np.where(gaps, replaced, u)[:, None]
        return value if self.median is None else np.column_stack([value, gaps - self.missing])

    @property
    @override
    def offset(self) -> FloatArray:
        offset = np.zeros(self.n_features)
        offset[self.value_features :] = self.missing
        return offset

    @override
    def locate(self, z: FloatArray) -> FloatArray:
        return np.where((z[:, 1:] > 0).any(axis=1), np.nan, z[:, 0])

    @override
    def grid(self, u: FloatArray, points: int) -> FloatArray:
        return np.linspace(*extent(u), points)


def extent(u: FloatArray) -> tuple[float, float]:
    """Return the least and the largest coordinate (m,) without NaN; equal ones are widened by 1."""
    u = u[~np.isnan(u)]
    low, high = (float(u.min()), float(u.max())) if len(u) else (0.0, 0.0)
    return (low, high) if high - low > 1e-9 * max(1.0, abs(low), abs(high)) else (low - 1, high + 1)
