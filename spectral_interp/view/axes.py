"""One column of the user's table as features of the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._common.arrays import FloatArray


@dataclass(frozen=True)
class Axis:
    """One column as features: where it stands in z, and how its values become features.

    A number x is ``z = (x - mean) / scale`` in the first feature, of log x if ``log``. A column of levels has
    one feature a level, its indicator less its share.

    Attributes
    ----------
    name : str
    first : int
        Its first feature.
    mean, scale : float
    log : bool
    rest : tuple of float
        Further features of a numeric column where it has a value (the indicator of a gap).
    levels : tuple of str
        Empty for a numeric column.
    shares : tuple of float

    Examples
    --------
    >>> age = Axis("age", first=0, mean=50.0, scale=10.0)
    >>> age.value(np.array([-1.0, 2.0])), age.step
    (array([40., 70.]), 'standard deviation of age')
    >>> age.feature(np.array([40.0, 70.0]))
    array([-1.,  2.])
    >>> age.place(np.array([0.0, 7.0]), np.array([-1.0, 2.0]))
    array([[-1.,  7.],
           [ 2.,  7.]])
    """

    name: str
    first: int
    mean: float = 0.0
    scale: float = 1.0
    log: bool = False
    rest: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()

    @property
    def step(self) -> str:
        """What a step of one in its first feature is: a standard deviation, or the column's own unit."""
        return f"standard deviation of {self.quantity}" if self.scale != 1 else self.own_unit

    @property
    def own_unit(self) -> str:
        """The unit of the column, or of its logarithm."""
        return f"unit of {self.quantity}"

    @property
    def quantity(self) -> str:
        """What is standardised: the column or its logarithm."""
        return f"log {self.name}" if self.log else self.name

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of its features."""
        if self.levels:
            return tuple(f"{self.name} = {level}" for level in self.levels)
        return (self.name, f"{self.name} missing")[: 1 + len(self.rest)]

    def value(self, z: FloatArray) -> FloatArray:
        """Return the numbers of the column, in its own unit, whose first feature is ``z``."""
        x = self.mean + self.scale * z
        return np.exp(x) if self.log else x

    def feature(self, x: FloatArray) -> FloatArray:
        """Return the first feature of numbers ``x`` of the column, in its own unit."""
        return ((np.log(x) if self.log else x) - self.mean) / self.scale

    def place(self, row: FloatArray, z: FloatArray) -> FloatArray:
        """Return ``row`` (p,) with the column's first feature set to each of ``z`` (m,): shape (m, p)."""
        rows = np.repeat(row[None], len(z), axis=0)
        rows[:, self.first] = z
        rows[:, self.first + 1 : self.first + 1 + len(self.rest)] = self.rest
        return rows

    def place_levels(self, row: FloatArray) -> FloatArray:
        """Return ``row`` (p,) with the column at each of its levels: shape (levels, p)."""
        rows = np.repeat(row[None], len(self.levels), axis=0)
        rows[:, self.first : self.first + len(self.levels)] = np.eye(len(self.levels)) - np.array(self.shares)
        return rows
