"""One pass over a table, which draws a sample for choosing a model and held-out rows by the hashes of rows.

The different rows with the smallest hashes are a sample without replacement, and so are those with the
largest. Neither sample depends on the order of the rows or on their division into frames, and equal rows stay
together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from .._common.arrays import FloatArray
from .._common.messages import shown
from ..tables.dates import alone
from ..tables.encoder import without_columns
from ..tables.parsing import distinct, is_numeric
from ..tables.reading import split_target, split_weight
from ..training.partition import check_total, mixed

SAMPLE_ROWS = 100_000
"""Number of different rows on which a model is chosen; tables with at most this many are fitted in memory."""

HELD_ROWS, HELD_SHARE = 50_000, 0.1
"""Maximum number of different rows held out, and maximum share of all."""

KEYS = 2.0**64
"""Number of hashes."""

GAP = np.uint64(0)
"""Hash of a missing value."""

Keys = npt.NDArray[np.uint64]


class Part(NamedTuple):
    """Rows of a table: columns (n, c), targets, weights and hashes (n,)."""

    frame: pd.DataFrame
    targets: pd.Series
    weight: FloatArray
    keys: Keys

    def take(self, places: Any) -> Part:
        """Return some of the rows."""
        return Part(
            self.frame.iloc[places], self.targets.iloc[places], self.weight[places], self.keys[places]
        )

    @classmethod
    def joined(cls, parts: Sequence[Part]) -> Part:
        """Return the rows of several parts."""
        frames, targets, weights, keys = zip(*parts, strict=True)
        return cls(pd.concat(frames), pd.concat(targets), np.concatenate(weights), np.concatenate(keys))

    @property
    def digest(self) -> int:
        """Sum of the hashes of the rows and weights, which identifies a table regardless of row order."""
        cells = np.column_stack([self.keys, self.weight.view(np.uint64)])
        return int(mixed(cells).sum(dtype=np.uint64))


@dataclass(frozen=True)
class Roles:
    """Roles of columns: target, weight and unused ones; and texts that count as missing."""

    target: str
    weight: str | None = None
    drop: Collection[str] = ()
    na_values: Collection[str] = ()

    def part(self, frame: pd.DataFrame, source: str) -> Part:
        """Return the rows of a frame that have a target and a weight above zero.

        Raises
        ------
        ValueError
            If a column is missing or cannot be used; the message names it.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rows without a target are counted over all frames
            X, y = split_target(frame, self.target, source, na_values=self.na_values, keep=True)
        weight = np.ones(len(X))
        if self.weight is not None:
            X, weight = split_weight(X, self.weight, source, part=True)
        kept = y.notna().to_numpy(dtype=bool) & (weight > 0)
        X, y = X[kept], y[kept]
        return Part(X, y, weight[kept], keys_of(without_columns(X, self.drop), y))


def keys_of(frame: pd.DataFrame, targets: pd.Series) -> Keys:
    """Return a hash of every row and its target, (n,), which depends only on its values.

    It depends neither on other rows of the frame nor on the types of its columns.

    Raises
    ------
    ValueError
        If a column holds anything but numbers, dates, text and booleans; the message names it.

    Examples
    --------
    >>> rows, y = pd.DataFrame({"day": ["1/2/2024", "31/1/2024", None]}), pd.Series([1, 0, 0])
    >>> bool((keys_of(rows, y)[:1] == keys_of(rows[:1], y[:1])).all())
    True
    """
    columns = [alone(frame.iloc[:, i], str(name)) for i, name in enumerate(frame.columns)]
    return mixed(np.column_stack([_hashes(column) for column in [*columns, targets]]))


def _hashes(column: pd.Series) -> Keys:
    """Return a hash of every value, (n,)."""
    if is_numeric(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isnan(numbers), GAP, pd.util.hash_array(numbers))
    codes, values = distinct(column)
    number = np.array([isinstance(value, Real) and not isinstance(value, bool) for value in values], bool)
    found = np.full(len(values) + 1, GAP)
    found[:-1][number] = pd.util.hash_array(values[number].astype(np.float64))
    texts = np.array([str(value) for value in values[~number]], dtype=object)
    found[:-1][~number] = pd.util.hash_array(texts, categorize=False)
    return found[codes]


@dataclass
class Extreme:
    """The different rows with the smallest ranks among those added; weights of equal rows are summed.

    Attributes
    ----------
    most : int
        Number of rows to keep.
    rank : callable
        Function from hashes (n,) to ranks (n,).
    """

    most: int
    rank: Callable[[Keys], Keys]
    parts: list[Part] = field(default_factory=list)
    last: int = int(KEYS) - 1
    waiting: int = 0

    def add(self, part: Part) -> None:
        """Add the rows that are among the first."""
        first = self.rank(part.keys) <= np.uint64(self.last)
        if not first.any():
            return
        self.parts.append(part.take(np.flatnonzero(first)))
        self.waiting += int(first.sum())
        if self.waiting > self.most:
            self.settle()

    def settle(self) -> Part:
        """Merge equal rows, and return at most :attr:`most` of them by ascending rank."""
        whole = Part.joined(self.parts)
        ranks, first, group = np.unique(self.rank(whole.keys), return_index=True, return_inverse=True)
        weight = np.bincount(group, weights=whole.weight)[: self.most]
        kept = whole.take(first[: self.most])._replace(weight=weight.astype(np.float64))
        if len(ranks) >= self.most:
            self.last = int(ranks[self.most - 1])
        self.parts, self.waiting = [kept], 0
        return kept


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows drawn in one pass over a large table.

    Attributes
    ----------
    sample : Part
        Sample on which a model is chosen, by ascending hash.
    held : Part
        Held-out rows, by descending hash.
    n_rows : int
        Number of rows with a target and a weight.
    digest : int
        Identification of the table: see :attr:`Part.digest`.
    """

    sample: Part
    held: Part
    n_rows: int
    digest: int

    @property
    def first_held(self) -> np.uint64:
        """Smallest hash of held-out rows."""
        last: np.uint64 = self.held.keys[-1]
        return last


def draw(frames: Iterable[pd.DataFrame], roles: Roles, source: str) -> Drawn | Part:
    """Draw a sample and held-out rows from a table in one pass; for a small table, return its rows.

    Parameters
    ----------
    frames : iterable of DataFrame
    roles : Roles
    source : str
        Name of the table, for messages.

    Raises
    ------
    ValueError
        If no row has a target and a weight, the sum of the weights is too small or too large, or a column is
        missing or cannot be used; the message names it.

    Warns
    -----
    UserWarning
        If rows have no target or no weight, or weights are small.
    """
    smallest, largest = Extreme(SAMPLE_ROWS, _same), Extreme(HELD_ROWS, np.invert)
    small: list[Part] | None = []
    n_read = n_rows = digest = 0
    total = 0.0
    for frame in frames:
        part = roles.part(frame, source)
        n_read, n_rows = n_read + len(frame), n_rows + len(part.keys)
        digest, total = digest + part.digest, total + float(part.weight.sum())
        if small is not None:
            small = [*small, part] if n_rows <= SAMPLE_ROWS else None
        for drawn in (smallest, largest):
            drawn.add(part)
    if not n_rows:
        weight = "" if roles.weight is None else f" and a weight in {shown(roles.weight)}"
        raise ValueError(f"expected rows with a value of {shown(roles.target)}{weight} in {source}; got none")
    if n_rows < n_read:
        warnings.warn(
            f"{n_read - n_rows:,} of {n_read:,} rows of {source} have no value of {shown(roles.target)} or "
            "no weight; they are left out",
            stacklevel=3,
        )
    if small is not None:
        return Part.joined(small)
    check_total(total, n_rows)
    sample, held = _apart(smallest.settle(), largest.settle())
    return Drawn(sample, held, n_rows, digest % 2**64)


def _apart(sample: Part, held: Part) -> tuple[Part, Part]:
    """Return a sample, and held-out rows that are not in it: at most a tenth of the different rows.

    The number of different rows is estimated from the largest of the smallest hashes (Bar-Yossef et al.,
    *Counting distinct elements in a data stream*, 2002).
    """
    share = float(sample.keys[-1]) / KEYS
    different = len(sample.keys) / share if len(sample.keys) == SAMPLE_ROWS else len(sample.keys)
    held = held.take(slice(max(1, min(len(held.keys), round(HELD_SHARE * different)))))
    return sample.take(np.flatnonzero(sample.keys < held.keys[-1])), held


def _same(keys: Keys) -> Keys:
    return keys
