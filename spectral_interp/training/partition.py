"""Training tables: weights, merging of equal rows, held-out rows, the background, and hashes of rows."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import train_test_split

from .._common.arrays import FloatArray
from .._common.memory import chunks
from ..files.schema import MOST_FINGERPRINTS
from ..tables.dates import comparable
from .run import EncodedRows, Rows, SomeRows

BACKGROUND_ROWS = 100

LEAST_DIFFERENT = 10
"""Minimum number of different rows for a split that keeps equal rows together."""

MOST_COUNTED = 10**9
"""Limit on the sum of whole weights for a draw without replacement; beyond it, repeats are rare."""

TOTAL_WEIGHT = 1e-100, 1e100
"""Minimum and maximum sum of weights; beyond these, products with the weights overflow or vanish."""

HELD_SHARE, FOLDS, FOLDED_ROWS = 0.15, 4, 3_000
"""Share of the rows held out; number of folds, and number of rows below which they are used instead.

With C > 2 classes that number is 3,000 / √C, because a fit takes C times as long.
"""

GRID = 40
"""Features are rounded to multiples of 2⁻⁴⁰: the last digits of a logarithm depend on the processor."""

Places = npt.NDArray[np.intp]

Fingerprints = npt.NDArray[np.int64]
"""Hashes of rows. A model file keeps them instead of the rows, because they do not reveal values."""


@dataclass(frozen=True, eq=False)
class Partition:
    """An encoded training table with standardised targets, split into training and validation rows.

    Attributes
    ----------
    table : EncodedRows
    groups : ndarray of int, shape (n,)
        :func:`fingerprints` of the rows.
    trained, validated : ndarray of int
        Numbers of the training and validation rows, in random order.
    center, scale : float
        Standardisation of the targets: target = center + scale · y.
    whole : object, optional
        All rows, if the table is a sample of them: a :class:`~spectral_interp.streams.blocks.Blocks`.
    """

    table: EncodedRows
    groups: Fingerprints
    trained: Places
    validated: Places
    center: float
    scale: float
    whole: Any = None

    def with_features(self) -> Partition:
        """Return the same table with its features computed once, for training that reads them many times."""
        return replace(self, table=self.table.with_features())

    @property
    def train(self) -> SomeRows:
        """Training rows."""
        return SomeRows(self.table, self.trained)

    @property
    def validation(self) -> SomeRows:
        """Validation rows, which choose the epoch; the last cycle of training includes them."""
        return SomeRows(self.table, self.validated)


def check_weights(sample_weight: Any, n: int) -> FloatArray:
    """Return weights (n,), ones by default.

    Raises
    ------
    ValueError
        If they are not n finite numbers >= 0, all are zero, or their sum is too small or too large.

    Warns
    -----
    UserWarning
        If they sum to less than a tenth of the number of rows, as if the table had fewer rows.
    """
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n,) or not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
        raise ValueError(
            f"expected sample_weight of shape ({n},), finite, non-negative and not all zero; "
            f"got shape {weight.shape}"
        )
    with np.errstate(over="ignore"):
        check_total(float(weight.sum()), int(np.count_nonzero(weight)))
    return weight


def check_total(total: float, n_rows: int) -> None:
    """Raise ValueError if the sum of the weights of n rows is out of range; warn if it is small."""
    low, high = TOTAL_WEIGHT
    if not low <= total <= high:
        raise ValueError(
            f"expected sample_weight with a sum from {low:.0e} to {high:.0e}; got {total:.3g}; a weight of 1 "
            "is one row: divide all weights by their mean"
        )
    if total < n_rows / 10:
        warnings.warn(
            f"sample_weight sums to {total:.3g} for {n_rows} rows; a weight of 1 is one row, so the model is "
            f"regularised as one of {total:.3g} rows; divide all weights by their mean, "
            f"{total / n_rows:.3g}, unless this is intended",
            stacklevel=4,
        )


def whole(weight: FloatArray) -> bool:
    """Return whether all weights are whole numbers, so that they count rows."""
    return bool((weight == np.rint(weight)).all())


def count_of(weight: FloatArray) -> int:
    """Return the number of rows: the sum of weights (n,) if they are whole, else of positive weights."""
    return int(weight.sum()) if whole(weight) else int(np.count_nonzero(weight))


def distinct(
    frame: pd.DataFrame, targets: FloatArray, weight: FloatArray
) -> tuple[pd.DataFrame, FloatArray, FloatArray]:
    """Merge equal rows and add up their weights, in an order that depends only on their content.

    Raises
    ------
    ValueError
        If a column holds anything but numbers, dates, text and booleans; the message names it.
    """
    keys = np.where(weight > 0, row_keys(frame, targets), 0)
    keys, first, group = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(weight, kind="stable")  # makes sums independent of the order of the rows
    total = np.bincount(group[order], weights=weight[order]).astype(np.float64)
    kept = total > 0
    return frame.iloc[first[kept]], targets[first[kept]], total[kept]


def row_keys(frame: pd.DataFrame, targets: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Return a hash of every row and its target, (n,), which depends only on their content.

    Raises
    ------
    ValueError
        If a column holds anything but numbers, dates, text and booleans; the message names it.
    """
    columns = [comparable(frame.iloc[:, i], str(name)) for i, name in enumerate(frame.columns)]
    numeric = [pd.api.types.is_numeric_dtype(column.dtype) for column in columns]
    content = pd.DataFrame(
        {
            i: column.astype(np.float64) if number else column
            for i, (column, number) in enumerate(zip(columns, numeric, strict=True))
        }
    ).assign(target=targets)
    keys: npt.NDArray[Any] = pd.util.hash_pandas_object(content, index=False).to_numpy()
    return keys


def hold_out(
    groups: npt.NDArray[Any], n_held: int, seed: int, *, classes: npt.NDArray[Any] | None = None
) -> tuple[Places, Places]:
    """Return the rows to keep and about ``n_held`` to hold out, in random order; equal rows stay together.

    Repeated rows could otherwise be predicted from memory. Groups are held out in random order, except those
    that would exceed ``n_held``. If there are fewer than 10 groups, or none fits, groups are divided.

    Parameters
    ----------
    groups : ndarray, shape (n,)
        Equal for equal rows, such as their fingerprints.
    n_held : int
    seed : int
    classes : ndarray, shape (n,), optional
        Classes, each of which is held out in proportion, as far as its groups allow.

    Examples
    --------
    >>> kept, held = hold_out(np.arange(40) % 20, 8, seed=0)
    >>> len(held), np.intersect1d(kept % 20, held % 20).size
    (8, 0)
    """
    n = len(groups)
    different, group = np.unique(groups, return_inverse=True)
    if LEAST_DIFFERENT <= len(different) < n:
        rng = np.random.default_rng(seed)
        held = np.isin(group, _chosen(group, n_held, rng, np.zeros(n) if classes is None else classes))
        if held.any():
            return rng.permutation(np.flatnonzero(~held)), rng.permutation(np.flatnonzero(held))
    few = classes is not None and min(n_held, n - n_held) < len(np.unique(classes))
    stratify = None if few else classes
    kept, held = train_test_split(np.arange(n), test_size=n_held, random_state=seed, stratify=stratify)
    return kept, held


def _chosen(group: Places, n_held: int, rng: np.random.Generator, classes: npt.NDArray[Any]) -> list[int]:
    """Return groups that together hold at most each class's share of ``n_held``, rounded up."""
    codes = np.unique(classes, return_inverse=True)[1]
    sizes = np.zeros((group.max() + 1, codes.max() + 1), dtype=np.int64)
    np.add.at(sizes, (group, codes), 1)
    room, chosen = -(-n_held * sizes.sum(axis=0) // len(group)), []
    for g in rng.permutation(len(sizes)):
        if (sizes[g] <= room).all():
            room -= sizes[g]
            chosen.append(int(g))
    return chosen


def splits(y: FloatArray, groups: npt.NDArray[Any], *, loss: str, seed: int) -> list[tuple[Places, Places]]:
    """Return training and held-out rows: one split if there are many rows, several if there are few.

    Examples
    --------
    >>> y = np.arange(40.0)
    >>> [len(held) for _, held in splits(y, np.arange(40), loss="squared", seed=0)]
    [10, 10, 10, 10]
    """
    n = len(y)
    classes = np.unique(y).size if loss == "softmax" else 1
    folds = 1 if n >= FOLDED_ROWS / math.sqrt(classes) else min(FOLDS, n // 2)
    enough = loss != "squared" and np.unique(y, return_counts=True)[1].min() > folds
    strata = y if enough and len(np.unique(y)) > 1 else np.zeros(n)
    if folds == 1:
        size = max(1, round(HELD_SHARE * n))
        return [hold_out(groups, size, seed, classes=strata)]
    found, left = [], np.arange(n)
    for number in range(folds):
        held = left
        if number < folds - 1:
            rest, out = hold_out(groups[left], round(n / folds), seed + number, classes=strata[left])
            left, held = left[rest], left[out]
        found.append((np.setdiff1d(np.arange(n), held), np.sort(held)))
    return found


def draw_background(data: Partition, seed: int) -> tuple[Places, int | None]:
    """Return up to 100 training rows, in table order, and the number of rows they are a sample of.

    Rows are drawn without replacement. A whole weight w counts as w rows, unless all weights are equal: then
    each row counts once. If weights are not whole, or sum to 10⁹ or more, rows are drawn with replacement, in
    proportion to their weights, and the number is None.
    """
    weight = data.table.weight[data.trained]
    if (weight == weight[0]).all():
        return np.sort(data.trained[:BACKGROUND_ROWS]), len(weight)  # in random order already
    rng, total = np.random.default_rng(seed), weight.sum()
    if whole(weight) and total < MOST_COUNTED:
        most = min(BACKGROUND_ROWS, int(total))
        counts = rng.multivariate_hypergeometric(weight.astype(np.int64), most, method="marginals")
        return np.sort(np.repeat(data.trained, counts)), int(total)
    return np.sort(np.repeat(data.trained, rng.multinomial(BACKGROUND_ROWS, weight / total))), None


def fingerprints(z: FloatArray) -> Fingerprints:
    """Return a hash of every row of features (n, p), shape (n,); equal rows have equal ones.

    Different rows have equal hashes with a probability of 2⁻⁶⁴. The mixing function is that of SplitMix64
    (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014), applied column by column.

    Examples
    --------
    >>> one, two, again = fingerprints(np.array([[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0]]))
    >>> bool(one == again), bool(one == two)
    (True, False)
    """
    found = np.zeros(len(z), dtype=np.uint64)
    for some in chunks(len(z)):
        found[some] = mixed((np.rint(np.ldexp(z[some], GRID)) + 0.0).view(np.uint64))
    return found.view(np.int64)


def fingerprints_of(rows: Rows) -> Fingerprints:
    """Return the :func:`fingerprints` of rows, (n,), with features computed in chunks."""
    return np.concatenate([fingerprints(rows.take(some).z) for some in chunks(rows.shape[0])])


def mixed(cells: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return a hash of every row of cells (n, p), shape (n,), as :func:`fingerprints` describes it."""
    found = np.zeros(len(cells), dtype=np.uint64)
    for column in cells.T:
        found = (found ^ column) + np.uint64(0x9E3779B97F4A7C15)
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found ^= found >> np.uint64(31)
    return found


def to_keep(found: Fingerprints) -> Fingerprints:
    """Return the distinct fingerprints (n,) of a training table, ascending.

    At most :data:`~spectral_interp.files.schema.MOST_FINGERPRINTS` are kept, the smallest, which are a random
    part of a larger table.
    """
    return np.unique(found)[:MOST_FINGERPRINTS]
