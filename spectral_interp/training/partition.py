"""Training tables: weights, equal rows merged, rows held out, the background, and hashes of rows."""

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
"""With fewer different rows, some of them are no sample: equal rows then lie on both sides of a split."""

MOST_COUNTED = 10**9
"""Rows that whole weights may count, for a draw without replacement; among more there are hardly repeats."""

TOTAL_WEIGHT = 1e-100, 1e100
"""Sums of weights outside are refused: products with them overflow or vanish."""

HELD_SHARE, FOLDS, FOLDED_ROWS = 0.15, 4, 3_000
"""Share of the rows held out; with fewer rows than the last, each is held out once, in so many parts.

Of C > 2 classes that takes fewer than 3,000 / √C rows: a fit takes C times as long."""

GRID = 40
"""Features that agree to within 2⁻⁴⁰ are equal: the last digits of a logarithm depend on the processor."""

Places = npt.NDArray[np.intp]

Fingerprints = npt.NDArray[np.int64]
"""Hashes of rows: a model file keeps these instead of the rows, and no value can be read off them."""


@dataclass(frozen=True, eq=False)
class Partition:
    """A training table, encoded, its targets standardised, and which of its rows train and which validate.

    Attributes
    ----------
    table : EncodedRows
    groups : ndarray of int, shape (n,)
        The :func:`fingerprints` of its rows.
    trained, validated : ndarray of int
        Row numbers, in random order.
    center, scale : float
        What the targets were standardised with: target = center + scale · y.
    whole : object, optional
        All rows, where the table is a sample of them: a :class:`~spectral_interp.streams.blocks.Blocks`.
    """

    table: EncodedRows
    groups: Fingerprints
    trained: Places
    validated: Places
    center: float
    scale: float
    whole: Any = None

    def with_features(self) -> Partition:
        """Return the same table with its features made once, for training that reads them many times."""
        return replace(self, table=self.table.with_features())

    @property
    def train(self) -> SomeRows:
        """The rows to train on."""
        return SomeRows(self.table, self.trained)

    @property
    def validation(self) -> SomeRows:
        """The rows that choose the epoch; the last cycle of training takes them in."""
        return SomeRows(self.table, self.validated)


def check_weights(sample_weight: Any, n: int) -> FloatArray:
    """Return weights (n,), one where none are given.

    Raises
    ------
    ValueError
        If they are no n finite numbers >= 0, or their sum is of no use.

    Warns
    -----
    UserWarning
        If they sum to less than a tenth of their number: regularisation takes the table for so few rows.
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
    """Raise ValueError if the sum of the weights of n rows is of no use, and warn if it is small."""
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
            f"{total / n_rows:.3g}, unless this is meant",
            stacklevel=4,
        )


def whole(weight: FloatArray) -> bool:
    """Return whether all weights are whole numbers, which count rows."""
    return bool((weight == np.rint(weight)).all())


def count_of(weight: FloatArray) -> int:
    """Return how many rows weights (n,) stand for: their sum where they are whole, else the positive ones."""
    return int(weight.sum()) if whole(weight) else int(np.count_nonzero(weight))


def distinct(
    frame: pd.DataFrame, targets: FloatArray, weight: FloatArray
) -> tuple[pd.DataFrame, FloatArray, FloatArray]:
    """Merge equal rows and add up their weights, in an order that depends on nothing but their content.

    So a fit depends neither on the order of the rows nor on whether a row is repeated or weighted.

    Raises
    ------
    ValueError
        If a column holds anything but numbers, dates, text and booleans; it is named.
    """
    keys = np.where(weight > 0, row_keys(frame, targets), 0)
    keys, first, group = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(weight, kind="stable")  # sums do not depend on that of the rows
    total = np.bincount(group[order], weights=weight[order]).astype(np.float64)
    kept = total > 0
    return frame.iloc[first[kept]], targets[first[kept]], total[kept]


def row_keys(frame: pd.DataFrame, targets: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Return a hash of every row and its target, (n,): it depends on nothing but their content.

    Raises
    ------
    ValueError
        If a column holds anything but numbers, dates, text and booleans; it is named.
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

    Rows that repeat would otherwise be predicted from memory. Groups are held out in random order, those left
    aside that would exceed ``n_held``. Fewer than 10 groups, or groups none of which fits, are split.

    Parameters
    ----------
    groups : ndarray, shape (n,)
        The same for rows that are equal, such as their fingerprint.
    n_held : int
    seed : int
    classes : ndarray, shape (n,), optional
        Each class is held out to its share, as far as its groups allow.

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
    """Return rows to train on and rows held out: one split of many rows, and of few rows several.

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
    """Return up to 100 of the rows trained on, in table order, and of how many rows they are a sample.

    A background is drawn without replacement from the rows trained on, one of weight w being w rows. Weights
    that are not whole count no rows: the draw is then one with replacement, by weight, and the number None.
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

    Different rows have the same one with a probability of 2⁻⁶⁴. The mixing is that of SplitMix64 (Steele, Lea
    and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014), column after column.

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
    """Return the :func:`fingerprints` of rows, (n,), whose features are made some at a time."""
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
    """Return the different ones of the fingerprints (n,) of a training table, ascending.

    At most :data:`~spectral_interp.files.schema.MOST_FINGERPRINTS`: of a larger table the smallest, which
    are a random part.
    """
    return np.unique(found)[:MOST_FINGERPRINTS]
