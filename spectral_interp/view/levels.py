"""Columns of levels: text, categories and booleans."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray
from .axes import MISSING, Axis, Directions

OTHER = "other"
"""The level of rare values, and of those unseen in training where training had rare ones."""


@dataclass(frozen=True)
class LevelsAxis(Axis):
    """A column of levels: a feature per level, the indicator less its training mean.

    A value that is no level counts as "other". Where training saw nothing to learn "other" from, it is no
    level: such a value then counts as the average training row, z = 0.

    Attributes
    ----------
    name : str
    levels : tuple of str
        The most frequent first, then "other" and "missing" where training saw them.
    shares : tuple of float
        Share of the training rows in every level, the mean of its indicator.

    Examples
    --------
    >>> city = LevelsAxis("city", ("Oslo", "Bergen", "missing"), (0.5, 0.25, 0.25))
    >>> city.encode(["Bergen", "Rome", None])
    array([[-0.5 ,  0.75, -0.25],
           [ 0.  ,  0.  ,  0.  ],
           [-0.5 , -0.25,  0.75]])
    >>> city.decode(city.encode(["Bergen", "Rome"])).tolist()
    ['Bergen', None]
    """

    name: str
    levels: tuple[str, ...]
    shares: tuple[float, ...]

    @property
    @override
    def kind(self) -> str:
        return "levels"

    @property
    @override
    def continuous(self) -> bool:
        return False

    @property
    @override
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"{self.name} = {level}" for level in self.levels)

    @property
    @override
    def value_features(self) -> int:
        return len(self.levels)

    @property
    @override
    def step(self) -> str:
        return "change of level"

    @override
    def directions(self) -> Directions:
        """Return the changes from every level to every other, a pair and its reverse next to each other."""
        if len(self.levels) < 2:
            return Directions(("no change",), np.zeros((1, len(self.levels))))
        a, b = np.triu_indices(len(self.levels), k=1)
        sources, targets = (np.column_stack(pair).ravel() for pair in ((a, b), (b, a)))
        one = np.eye(len(self.levels))
        labels = (
            f"{self.levels[source]} → {self.levels[target]}"
            for source, target in zip(sources, targets, strict=True)
        )
        return Directions(tuple(labels), one[targets] - one[sources])

    @override
    def checked(self, values: Any) -> npt.NDArray[np.object_]:
        texts = _texts(values)
        unknown = sorted(set(texts) - set(self.levels))
        if unknown:
            raise ValueError(
                f"expected levels of {self.name!r}: {', '.join(self.levels)}; got {unknown[0]!r}"
            )
        return texts

    @override
    def coordinates(self, values: npt.ArrayLike) -> FloatArray:
        place = {level: float(u) for u, level in enumerate(self.levels)}
        unknown = place.get(OTHER, np.nan)
        return np.array([place.get(text, unknown) for text in _texts(values)], dtype=np.float64)

    @override
    def values(self, u: FloatArray) -> npt.NDArray[np.object_]:
        return np.array([*self.levels, None], dtype=object)[np.where(np.isnan(u), -1, u).astype(np.intp)]

    @override
    def place(self, u: FloatArray) -> FloatArray:
        z = (u[:, None] == np.arange(len(self.levels))) - np.array(self.shares)
        z[np.isnan(u)] = 0.0
        return z

    @override
    def locate(self, z: FloatArray) -> FloatArray:
        present = z > 0
        return np.where(present.any(axis=1), present.argmax(axis=1), np.nan)

    @override
    def grid(self, u: FloatArray, points: int) -> FloatArray:
        return np.arange(len(self.levels), dtype=np.float64)


def _texts(values: Any) -> npt.NDArray[np.object_]:
    """Return values as the text of levels, a missing one as "missing"."""
    values = [values] if isinstance(values, str) or not isinstance(values, Iterable) else values
    return np.array([MISSING if _is_missing(value) else text_of(value) for value in values], dtype=object)


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA compares to itself
        return True


def text_of(value: Any) -> str:
    """Return a value as text; whole numbers look the same whether a gap made their column float or not.

    Examples
    --------
    >>> text_of(2.0), text_of(2), text_of("x")
    ('2', '2', 'x')
    """
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)
