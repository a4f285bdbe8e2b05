"""Values, names and lists in messages, cut to a readable length."""

from __future__ import annotations

import datetime
import difflib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from .text import counted

LIST_LENGTH = 300
"""Maximum number of characters of a list in a message."""

MOST_WARNINGS = 20
"""Maximum number of warnings for one table; the rest is counted."""


def shown(value: Any) -> str:
    """Return a value or name for a message, on one line and cut to 60 characters.

    Examples
    --------
    >>> shown("Oslo"), shown(np.float64(1.5)), shown(np.datetime64("2024-01-31"))
    ("'Oslo'", '1.5', "'2024-01-31'")
    """
    value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    text = repr(str(value) if isinstance(value, datetime.date) else value)
    text = " ".join(map(str.strip, text.splitlines()))
    return text if len(text) <= 60 else f"{text[:57]}..."


def truncated_list(texts: Iterable[str]) -> str:
    """Return the texts that fit into a message, and the number of further ones.

    Examples
    --------
    >>> truncated_list(["a", "b"])
    'a, b'
    """
    texts = list(texts)
    ends = np.cumsum([len(text) + 2 for text in texts])
    most = max(1, int((ends <= LIST_LENGTH).sum()))
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def row_name(index: Any, place: int | np.intp) -> str:
    """Return the user's name of a row: the name of the table's index and the row's label.

    Examples
    --------
    >>> import pandas as pd
    >>> row_name(pd.RangeIndex(3), 1), row_name(pd.Index([2, 5], name="line"), 1)
    ('row 1', 'line 5')
    """
    return f"{index.name or 'row'} {str(index[int(place)])[:60]}"


def row_names(index: Any, places: Iterable[int | np.intp]) -> str:
    """Return the user's names of rows, cut to a readable length.

    Examples
    --------
    >>> import pandas as pd
    >>> row_names(pd.Index([2, 5, 9], name="line"), [0, 2])
    'line 2, 9'
    """
    return f"{index.name or 'row'} {truncated_list(str(index[int(place)])[:60] for place in places)}"


def meant(name: str, known: Iterable[str]) -> str:
    """Return a question with the most similar known name; empty if no name is similar.

    Examples
    --------
    >>> meant("pirce", ["price", "size"]), meant("Size", ["price", "size"]), meant("x", ["price", "size"])
    ("; did you mean 'price'?", "; did you mean 'size'?", '')
    """
    spellings = {text.casefold().strip(): text for text in reversed([*known])}
    near = difflib.get_close_matches(name.casefold().strip(), spellings, n=1, cutoff=0.6)
    return f"; did you mean {shown(spellings[near[0]])}?" if near else ""


def with_counts(counts: Mapping[str, float], *, most: int = 3) -> str:
    """Return texts with their numbers of rows, the most frequent first.

    Examples
    --------
    >>> with_counts({"?": 3, "na": 1})
    "'?' in 3 rows, 'na' in 1 row"
    """
    order = sorted(counts, key=lambda text: (-counts[text], text))
    texts = [f"{shown(t)} in {counts[t]:,.6g} row{'' if counts[t] == 1 else 's'}" for t in order[:most]]
    return ", ".join(texts) + (f" and {len(order) - most} more" if len(order) > most else "")


class Found(str):
    """A sentence about values of a column, with the number of their rows.

    Attributes
    ----------
    column, what : str
        Name of the column, and a description of the values.
    rows : int
        Number of rows.

    Examples
    --------
    >>> found = Found("column 'a' has 2 gaps", "a", "missing values", 2)
    >>> found, found.rows
    ("column 'a' has 2 gaps", 2)
    """

    column: str
    what: str
    rows: int

    def __new__(cls, sentence: str, column: str, what: str, rows: float) -> Self:
        """Make the sentence."""
        found = super().__new__(cls, sentence)
        found.column, found.what, found.rows = column, what, int(rows)
        return found


class Totals:
    """Sentences about values of columns, with the numbers of rows added over batches.

    Examples
    --------
    >>> totals = Totals()
    >>> for rows in (3, 4):
    ...     totals.add([Found("column 'a' has …", "a", "missing values", rows)])
    >>> totals.sentences()
    ["column 'a' has missing values in 7 rows of 2 batches; in the first of them: column 'a' has …"]
    """

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], tuple[Found, int, int]] = {}

    def add(self, found: Iterable[Found]) -> None:
        """Add the sentences of one batch."""
        for one in found:
            first, rows, batches = self.found.get((one.column, one.what), (one, 0, 0))
            self.found[one.column, one.what] = first, rows + one.rows, batches + 1

    def sentences(self) -> list[str]:
        """Return a sentence for every column and kind of value."""
        return [
            f"column {shown(first.column)} has {first.what} in "
            f"{counted(rows, 'row')} of {counted(batches, 'batch', 'batches')}; in the first of them: {first}"
            for first, rows, batches in self.found.values()
        ]


def warn_of(sentences: Sequence[str], *, stacklevel: int = 3) -> None:
    """Give a warning for each sentence about a column, at most :data:`MOST_WARNINGS` of them."""
    for sentence in sentences[:MOST_WARNINGS]:
        warnings.warn(sentence, UserWarning, stacklevel=stacklevel)
    if len(sentences) > MOST_WARNINGS:
        text = f"{len(sentences) - MOST_WARNINGS} more columns have values of these kinds"
        warnings.warn(text, UserWarning, stacklevel=stacklevel)


class Notes:
    """Notes about columns of a table, with one sentence for each kind of note.

    Examples
    --------
    >>> notes = Notes()
    >>> notes.add("columns left out", "a", "always 2")
    >>> notes.add("columns left out", "b", "no values")
    >>> notes.sentences()
    ["columns left out: 'a' (always 2), 'b' (no values)"]
    """

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, kind: str, column: str, what: str) -> None:
        """Add a note of a kind about a column."""
        self._found.setdefault(kind, []).append(f"{shown(column)} ({what})")

    def of(self, kind: str) -> list[str]:
        """Return the notes of one kind."""
        return self._found.get(kind, [])

    def sentences(self) -> list[str]:
        """Return a sentence for every kind of note."""
        return [f"{kind}: {truncated_list(columns)}" for kind, columns in self._found.items()]
