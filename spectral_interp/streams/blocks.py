"""Files of encoded rows, each a random part of the table, which passes over the table read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .._common.arrays import FloatArray
from .._common.messages import shown
from ..files.schema import MOST_FINGERPRINTS
from ..files.staging import check_place, locked, replace_file
from ..training import TrainingRows
from ..training.partition import Fingerprints, fingerprints
from ..training.run import EncodedRows
from ..view import Axis
from ..view.hats import features

BLOCK_BYTES = 2**26
"""Maximum number of bytes of a block's features and coordinates."""

LEAST_ROWS, MOST_ROWS = 2**12, 2**17
"""Minimum and maximum number of rows of a block."""

KNOWN = "known.npy"

CONTENTS = "encoded-rows.json"
"""File that is created first, empty, and written last, when the other files are complete."""

_OURS = re.compile(rf"\d{{5,}}\.(dealt|npy)|{re.escape(KNOWN)}|{re.escape(CONTENTS)}(\.draft)?")

Encoded = tuple[Any, FloatArray, FloatArray, FloatArray]
"""Hashes (n,), coordinates (n, c), targets and weights (n,) of rows."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Training rows on disk, and rows held out.

    Attributes
    ----------
    folder : Path
    identity : str
        Hash that identifies the rows and their encoding.
    axes : tuple of Axis
        The columns, without knots.
    center, scale : float
        Standardisation of the targets: target = center + scale · y.
    sizes : tuple of int
        Number of different rows in every block.
    weight : float
        Sum of the weights.
    n_dealt : int
        Number of rows, including repeats.
    held : EncodedRows
        Held-out rows, with standardised targets.
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
    n_dealt: int
    held: EncodedRows
    verbose: bool = False

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def trained_on(self) -> Fingerprints:
        """Hashes of the rows' features, ascending, as many as a model file keeps."""
        known: Fingerprints = np.load(self.folder / KNOWN)
        return known

    @property
    def n_rows(self) -> int:
        """Number of different rows."""
        return sum(self.sizes)

    def read(self, place: int) -> TrainingRows:
        """Return the rows of a block: features (n, p), standardised targets, and weights with a mean of 1."""
        rows = np.load(_file(self.folder, place))
        y, weight = (rows[:, -2] - self.center) / self.scale, rows[:, -1] * self.n_rows / self.weight
        return EncodedRows(self.axes, rows[:, :-2], y, weight).take(slice(None))


def rows_of_block(n_features: int, n_columns: int) -> int:
    """Return the number of rows of a block, before repeats are merged."""
    return int(np.clip(BLOCK_BYTES // (8 * (n_features + n_columns)), LEAST_ROWS, MOST_ROWS))


def write_blocks(
    folder: Path, encoded: Iterable[Encoded], axes: tuple[Axis, ...], n_blocks: int, identity: str
) -> dict[str, Any]:
    """Distribute encoded rows to files by their hashes, and merge equal rows.

    Complete files of the same identity are kept; others are removed. The blocks depend on the content of the
    rows, not on their order.

    Returns
    -------
    dict
        The attributes ``identity``, ``sizes``, ``weight`` and ``n_dealt`` of :class:`Blocks`.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    contents = _contents(folder)
    if contents.get("identity") == identity and all(path.is_file() for path in _files(folder, n_blocks)):
        return contents
    clear(folder)
    try:
        return _write(folder, encoded, axes, n_blocks, identity)
    except OSError as error:
        raise OSError(
            f"expected to write encoded rows to {folder}; got: {error}; make room, or choose another "
            "folder with checkpoint or scratch"
        ) from error


def _write(
    folder: Path, encoded: Iterable[Encoded], axes: tuple[Axis, ...], n_blocks: int, identity: str
) -> dict[str, Any]:
    known, n_dealt = _Smallest(), 0
    for keys, u, targets, weight in encoded:
        n_dealt += len(keys)
        known.add(fingerprints(features(axes, (), u.T, len(u))))
        rows = np.column_stack([keys.view(np.float64), u, targets, weight])
        places = keys % np.uint64(n_blocks)
        order = np.argsort(places, kind="stable")
        for place, part in _runs(places[order], rows[order]):
            with _dealt(folder, place).open("ab") as file:
                file.write(part.tobytes())
    sizes, weights = zip(*(_settle(folder, place, len(axes)) for place in range(n_blocks)), strict=True)
    np.save(folder / KNOWN, known.settle())
    found = {"identity": identity, "sizes": sizes, "weight": sum(weights), "n_dealt": n_dealt}
    replace_file(folder / CONTENTS, partial(_write_text, json.dumps(found)))
    return found


def _write_text(text: str, path: Path) -> None:
    path.write_text(text)


@contextmanager
def own_folder(folder: Path, *, stays: bool) -> Iterator[Path]:
    """Lock a folder for encoded rows within the context, so that no other process uses it.

    Unless it ``stays``, it is removed at the end; after an error, only if its rows are incomplete.

    Raises
    ------
    ValueError
        If the folder holds anything else, or another process uses it.
    OSError
        If the folder cannot be created.
    """
    check_own(folder)
    folder.mkdir(exist_ok=True)
    done = False
    with locked(folder, folder):
        (folder / CONTENTS).touch()
        try:
            yield folder
            done = True
        finally:
            if not stays and (done or not _contents(folder)):
                clear(folder)
                (folder / CONTENTS).unlink()
                folder.rmdir()


def check_own(folder: Path) -> None:
    """Raise ValueError unless a folder holds encoded rows, is empty, or does not exist yet."""
    check_place(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"expected a folder for encoded rows; got the file {folder}; choose another place")
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    foreign = [name for name in names if not _OURS.fullmatch(name)]
    if foreign or (names and CONTENTS not in names):
        raise ValueError(
            f"expected a folder for encoded rows that is empty or holds those of an earlier fit; got "
            f"{folder}, which holds {shown((foreign or names)[0])}; choose another place"
        )


def clear(folder: Path) -> None:
    """Remove encoded rows from a folder; the file that marks the folder stays, empty."""
    (folder / CONTENTS).write_text("")
    for path in folder.iterdir():
        if path.name != CONTENTS and _OURS.fullmatch(path.name):
            path.unlink()


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


def _contents(folder: Path) -> dict[str, Any]:
    """Return the description of the files of a folder; empty if they are incomplete."""
    try:
        found: dict[str, Any] = json.loads((folder / CONTENTS).read_text())
    except ValueError:
        return {}
    return found


def _files(folder: Path, n_blocks: int) -> list[Path]:
    return [folder / KNOWN, *(_file(folder, place) for place in range(n_blocks))]


def _runs(places: Any, rows: FloatArray) -> Iterator[tuple[int, FloatArray]]:
    """Yield the rows of every place, for ascending places (n,)."""
    different, first = np.unique(places, return_index=True)
    for place, start, end in zip(different.tolist(), first, [*first[1:], len(rows)], strict=False):
        yield place, rows[start:end]


def _settle(folder: Path, place: int, n_columns: int) -> tuple[int, float]:
    """Write the different rows of a block by ascending hash, and return their number and summed weight."""
    dealt = _dealt(folder, place)
    raw = np.fromfile(dealt) if dealt.is_file() else np.empty(0)
    rows = raw.reshape(-1, n_columns + 3)
    rows = rows[np.lexsort((rows[:, -1], rows[:, 0].view(np.uint64)))]  # makes sums independent of the order
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
