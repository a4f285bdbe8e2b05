"""Batches of rows as tables, and findings about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset

from .._common.messages import Found, Totals, shown, truncated_list, warn_of
from ..streams import Source
from ..streams.arrow import to_frame
from ..tables.frames import as_frame, names_columns, with_names

TOGETHER = 50_000
"""Maximum number of rows analysed at a time, for any batch size."""


def frames_of(batches: Any) -> Iterator[pd.DataFrame]:
    """Yield batches as tables whose index holds the row labels.

    Parameters
    ----------
    batches : iterable of RecordBatch or DataFrame, or what :meth:`Source.of` takes
        Batches may have no rows. Row labels are the index of a DataFrame, unless it is the default index from
        0; other rows are numbered over all batches.
    """
    if _is_table(batches):
        yield from Source.of(batches).frames()
        return
    if not isinstance(batches, Iterable) and not callable(batches):
        raise TypeError(
            "expected batches to be an iterable of record batches or DataFrames, a table, or the path of "
            f"a table; got {type(batches).__name__}"
        )
    count = 0
    for batch in batches() if callable(batches) else batches:
        frame = to_frame(batch) if isinstance(batch, pa.RecordBatch | pa.Table) else as_frame(batch)
        if _counts_from_zero(frame.index):
            frame = frame.set_axis(pd.RangeIndex(count, count + len(frame)), axis=0)
        yield frame
        count += len(frame)


def _is_table(batches: Any) -> bool:
    """Return whether rows come from a table; unlike a table, batches may have no rows."""
    if isinstance(batches, str | Path | Source | pa.dataset.Dataset | pd.DataFrame | pa.RecordBatch):
        return True
    paths = isinstance(batches, list | tuple) and all(isinstance(one, str | Path) for one in batches)
    streamed = isinstance(batches, pa.RecordBatchReader | Iterator | list | tuple)
    return (paths and bool(batches)) or (not streamed and names_columns(batches))


def _counts_from_zero(index: pd.Index) -> bool:
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None


def split_kept(frame: pd.DataFrame, keep: Sequence[str], known: Sequence[str]) -> tuple[pd.DataFrame, Any]:
    """Return a table without the columns ``keep``, and a table of these; columns of the model are in both.

    Raises
    ------
    ValueError
        If a column to keep is missing.
    """
    if not keep:
        return frame, frame[[]]
    frame = with_names(frame, known)
    if missing := [shown(name) for name in keep if name not in frame.columns]:
        raise ValueError(f"expected columns to keep in every batch; got no {truncated_list(missing)}")
    apart = [name for name in keep if name not in known]
    return frame.drop(columns=apart), frame[list(keep)]


class Findings(Totals):
    """Values unknown to the model, and the number of degenerate rows, over all batches."""

    def __init__(self) -> None:
        super().__init__()
        self.degenerate, self.rows = 0, 0

    def state(self) -> dict[str, Any]:
        """Return the findings of one batch as plain values, which :meth:`restore` adds again."""
        found = [[str(first), *key, rows] for key, (first, rows, _) in self.found.items()]
        return {"found": found, "degenerate": self.degenerate, "rows": self.rows}

    def restore(self, state: dict[str, Any]) -> None:
        """Add the findings of a state."""
        self.add(Found(*values) for values in state["found"])
        self.degenerate += state["degenerate"]
        self.rows += state["rows"]

    def sentences(self) -> list[str]:
        """Return a sentence for every column and kind of value, and a sentence on degenerate rows."""
        found = super().sentences()
        if self.degenerate:
            found.append(
                f"{self.degenerate:,} of {self.rows:,} rows are degenerate: the eigenvalue is multiple "
                "there, and contributions may be one choice of several"
            )
        return found

    def warn(self) -> None:
        """Issue all warnings, once."""
        warn_of(self.sentences(), stacklevel=4)
