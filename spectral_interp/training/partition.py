"""Training tables: weights, equal rows merged, and which rows train and which validate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .._common.arrays import FloatArray
from ..tables.parsing import check_values
from .run import TrainingRows


@dataclass(frozen=True, eq=False)
class Partition:
    """A training table, encoded, its targets standardised, and which of its rows train and which validate.

    Attributes
    ----------
    table : TrainingRows
    trained, validated : ndarray of int
        Row numbers.
    center, scale : float
        What the targets were standardised with: target = center + scale · y.
    """

    table: TrainingRows
    trained: npt.NDArray[np.intp]
    validated: npt.NDArray[np.intp]
    center: float
    scale: float

    @property
    def train(self) -> TrainingRows:
        """The rows to train on."""
        return TrainingRows(*(column[self.trained] for column in self.table))

    @property
    def validation(self) -> TrainingRows:
        """The rows that choose the epoch."""
        return TrainingRows(*(column[self.validated] for column in self.table))


def check_weights(sample_weight: Any, n: int) -> FloatArray:
    """Return weights (n,), one where none are given."""
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n,) or not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
        raise ValueError(
            f"expected sample_weight of shape ({n},), finite, non-negative and not all zero; "
            f"got shape {weight.shape}"
        )
    return weight


def distinct(
    frame: pd.DataFrame, targets: FloatArray, weight: FloatArray
) -> tuple[pd.DataFrame, FloatArray, FloatArray]:
    """Merge equal rows and add up their weights, in an order that depends on nothing but their content.

    So a fit depends neither on the order of the rows nor on whether a row is repeated or weighted.

    Raises
    ------
    ValueError
        If a column holds anything but numbers, text and booleans; it is named.
    """
    columns = [check_values(frame.iloc[:, i], str(name)) for i, name in enumerate(frame.columns)]
    numeric = [pd.api.types.is_numeric_dtype(column.dtype) for column in columns]
    content = pd.DataFrame(
        {
            i: column.astype(np.float64) if number else column
            for i, (column, number) in enumerate(zip(columns, numeric, strict=True))
        }
    ).assign(target=targets)
    keys = pd.util.hash_pandas_object(content, index=False).to_numpy()
    keys, first, group = np.unique(np.where(weight > 0, keys, 0), return_index=True, return_inverse=True)
    total = np.bincount(group, weights=weight).astype(np.float64)
    kept = total > 0
    return frame.iloc[first[kept]], targets[first[kept]], total[kept]
