"""What is said of the columns of a training table: one warning of a kind, which names the columns."""

from __future__ import annotations

import warnings

from .._common.messages import shown, truncated_list

DROPPED = "columns that do not vary over the training rows are left out of the model"
IDENTIFIERS = (
    "columns in which almost every value is different, such as names and identifiers, are left out of the "
    "model (list them in drop)"
)
GAPS = (
    "columns of numbers in which text counts as a missing value (list them in categorical to keep the text)"
)
RARE = (
    'rare levels count as "other" (a level needs 5 rows or 5 % of them; list columns in drop to leave them '
    "out)"
)
MANY = (
    'columns of more levels than the rows can support; all but the most frequent count as "other" (group '
    "levels, or list the column in drop)"
)
SPELLINGS = "values that differ in spelling only count as one level"
CAPITALS_APART = "levels that differ in capitals only are kept apart (write them alike if they are the same)"
MIXED = "columns of numbers and other text are read as levels (list them in categorical)"
COUNTERS = (
    "columns of a different whole number in every row, as identifiers have, are used as numbers (list them "
    "in drop to leave them out)"
)


class Notes:
    """What was found in the columns of a training table.

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
        """Note something of one of the kinds above about a column."""
        self._found.setdefault(kind, []).append(f"{shown(column)} ({what})")

    def of(self, kind: str) -> list[str]:
        """Return what was noted of one kind."""
        return self._found.get(kind, [])

    def sentences(self) -> list[str]:
        """Return a sentence for every kind that was noted."""
        return [f"{kind}: {truncated_list(columns)}" for kind, columns in self._found.items()]

    def warn(self, stacklevel: int = 2) -> None:
        """Warn once of every kind that was noted."""
        for sentence in self.sentences():
            warnings.warn(sentence, UserWarning, stacklevel=stacklevel + 1)
