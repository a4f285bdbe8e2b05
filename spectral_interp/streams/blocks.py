"""Encoded rows in files, each a random part of the table: what passes over a table read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._common.arrays import FloatArray
from ..files.schema import MOST_FINGERPRINTS
from ..training import TrainingRows
from ..training.partition import Fingerprints, fingerprints
from ..view import Axis
from ..view.hats import features

BLOCK_BYTES = 2**26
"""Most bytes of the features of a block, and of what they are made of."""

LEAST_ROWS, MOST_ROWS = 2**12, 2**17
"""Rows of a block."""

KNOWN = "known.npy"

CONTENTS = "contents.json"
"""File that is written last: without it the others are not complete."""

Encoded = tuple[Any, FloatArray, FloatArray, FloatArray]
"""Hashes (n,), coordinates (n, c), targets and weights (n,) of rows."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Training rows on disk, and rows held out.

    Attributes
    ----------
    folder : Path
    identity : str
        What the rows are, and how they are encoded.
    axes : tuple of Axis
        The columns, without knots.
    center, scale : float
        What targets are standardised with: target = center + scale · y.
    sizes : tuple of int
        Different rows of every block.
    weight : float
        Sum of the weights.
    held : TrainingRows
        Features of the axes, standardised targets and weights of the rows held out.
    verbose : bool
        Whether passes show a progress bar (on a terminal only).
    """

    folder: Path
    identity: str
    axes: tuple[Axis, ...]
    center: float
    scale: float
    sizes: tuple[int, ...]
    weight: float
    held: TrainingRows
    verbose: bool = False

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def trained_on(self) -> Fingerprints:
        """Hashes of the rows' features, ascending: at most those that a model file keeps."""
        known: Fingerprints = np.load(self.folder / KNOWN)
        return known

    @property
    def n_rows(self) -> int:
        """Number of different rows."""
        return sum(self.sizes)

    def read(self, place: int) -> TrainingRows:
        """Return the rows of a block: features (n, p), standardised targets, and weights with a mean of 1."""
        rows = np.load(_file(self.folder, place))
        z = features(self.axes, (), rows[:, :-2].T, len(rows))
        y = (rows[:, -2] - self.center) / self.scale
        return TrainingRows(z, y, rows[:, -1] * self.n_rows / self.weight)


def rows_of_block(n_features: int, n_columns: int) -> int:
    """Return the rows of a block of a table."""
    return int(np.clip(BLOCK_BYTES // (8 * (n_features + n_columns)), LEAST_ROWS, MOST_ROWS))


def write_blocks(
    folder: Path, encoded: Iterable[Encoded], axes: tuple[Axis, ...], n_blocks: int, identity: str
) -> dict[str, Any]:
    """Deal encoded rows to files by their hashes, merge equal rows, and return what the files hold.

    That is the attributes ``identity``, ``sizes`` and ``weight`` of :class:`Blocks`.

    Files of the same identity that are complete stay as they are; others are removed. The blocks depend on
    the content of the rows alone, not on their order.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    if (contents := _contents(folder)) is not None and contents["identity"] == identity:
        return contents
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    known = _Smallest()
    for keys, u, targets, weight in encoded:
        known.add(fingerprints(features(axes, (), u.T, len(u))))
        rows = np.column_stack([keys.view(np.float64), u, targets, weight])
        places = keys % np.uint64(n_blocks)
        order = np.argsort(places, kind="stable")
        for place, part in _runs(places[order], rows[order]):
            with _dealt(folder, place).open("ab") as file:
                file.write(part.tobytes())
    sizes, weights = zip(*(_settle(folder, place, len(axes)) for place in range(n_blocks)), strict=True)
    np.save(folder / KNOWN, known.settle())
    found = {"identity": identity, "sizes": sizes, "weight": sum(weights)}
    written = folder / f"{CONTENTS}.part"
    written.write_text(json.dumps(found))
    os.replace(written, folder / CONTENTS)
    return found


class _Smallest:
    """The smallest fingerprints of those added."""

    def __init__(self) -> None:
        self.known: Fingerprints = np.empty(0, dtype=np.int64)
        self.waiting: list[Fingerprints] = []

    def add(self, found: Fingerprints) -> None:
        full = len(self.known) == MOST_FINGERPRINTS
        self.waiting.append(found[found < self.known[-1]] if full else found)
        if sum(map(len, self.waiting)) > MOST_FINGERPRINTS // 4:
            self.settle()

    def settle(self) -> Fingerprints:
        """Return them in ascending order."""
        self.known = np.unique(np.concatenate([self.known, *self.waiting]))[:MOST_FINGERPRINTS]
        self.waiting = []
        return self.known


def _contents(folder: Path) -> dict[str, Any] | None:
    path = folder / CONTENTS
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _runs(places: Any, rows: FloatArray) -> Iterator[tuple[int, FloatArray]]:
    """Yield the rows of every place, of ascending places (n,)."""
    different, first = np.unique(places, return_index=True)
    yield from zip(different.tolist(), np.split(rows, first[1:]), strict=True)


def _settle(folder: Path, place: int, n_columns: int) -> tuple[int, float]:
    """Write the different rows of a block by ascending hash, and return their number and summed weight."""
    dealt = _dealt(folder, place)
    raw = np.fromfile(dealt) if dealt.is_file() else np.empty(0)
    rows = raw.reshape(-1, n_columns + 3)
    rows = rows[np.lexsort((rows[:, -1], rows[:, 0].view(np.uint64)))]  # sums do not depend on the order
    _, first, group = np.unique(rows[:, 0].view(np.uint64), return_index=True, return_inverse=True)
    weight = np.bincount(group, weights=rows[:, -1], minlength=len(first)).astype(np.float64)
    kept = rows[first, 1:]
    kept[:, -1] = weight
    np.save(_file(folder, place), kept)
    dealt.unlink(missing_ok=True)
    return len(kept), float(weight.sum())


def _dealt(folder: Path, place: int) -> Path:
    return folder / f"{place:05d}.dealt"


def _file(folder: Path, place: int) -> Path:
    return folder / f"{place:05d}.npy"
