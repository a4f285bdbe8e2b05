"""CSV files read in chunks of rows, with the same values as when the whole file is read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from .._common.caching import cached_property
from ..tables.parsing import is_numeric
from ..tables.readers import (
    check_names,
    check_text,
    checked_starts,
    label_column,
    open_file,
    parsing,
    read_header,
    with_points,
)

WHOLE, NUMBERS, BOOLEANS, TEXT = "whole numbers", "numbers", "booleans", "text"
"""Kinds of values in a chunk of a column."""

SURVEY_ROWS = 50_000
"""Number of rows of a chunk of the first pass."""


class CsvFile:
    r"""A CSV file that is read in chunks.

    The type of a column depends on all of its values: a single word makes it a column of text. A first pass
    checks the lines and finds the kinds of values; later passes use one type for all chunks.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "t.csv"
    >>> _ = path.write_text("size,code\n1,07\n2,x\n")
    >>> file = CsvFile(path)
    >>> types = column_types(file.kinds)
    >>> [chunk["code"].tolist() for chunk in file.chunks(1, types)]
    [['07'], ['x']]
    """

    def __init__(self, path: Path, decimal: str = ".") -> None:
        self.path, self.decimal = path, decimal
        with _readable(self.path):
            self._separator, header = read_header(path, decimal)
            self._labels = label_column(header)
            self._width = len(header)
            self.names = [name for place, name in enumerate(header) if place != self._labels]
            check_names(self.names)

    @property
    def empty(self) -> pd.DataFrame:
        """Table with the columns and no rows."""
        return pd.DataFrame(columns=self.names, dtype=object)

    @property
    def kinds(self) -> dict[str, set[str]]:
        """Kinds of values of every column."""
        return self._survey[0]

    @cached_property
    def _survey(self) -> tuple[dict[str, set[str]], bool]:
        """Kinds of values of every column, and whether line endings must be translated."""
        with _readable(self.path):
            lines = sum(map(len, checked_starts(self.path, self._separator, self._width)))
        kinds, rows = self._found(translated=False)
        if rows == lines:
            return kinds, False
        return self._found(translated=True)[0], True  # a different line ending joined two lines

    def _found(self, *, translated: bool) -> tuple[dict[str, set[str]], int]:
        kinds: dict[str, set[str]] = {name: set() for name in self.names}
        rows = 0
        for chunk in self._parsed(SURVEY_ROWS, {}, translated=translated):
            rows += len(chunk)
            for name in self.names:
                kinds[name] |= _kinds(chunk[name])
        return kinds, rows

    def chunks(self, rows: int, types: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
        """Yield tables of at most ``rows`` rows, with these types of columns (:func:`column_types`)."""
        own = {name: types[name.strip()] for name in self.names if name.strip() in types}
        for chunk in self._parsed(rows, own, translated=self._survey[1]):
            yield chunk.apply(with_points) if self.decimal == "," else chunk

    def _parsed(self, rows: int, types: dict[str, Any], *, translated: bool) -> Iterator[pd.DataFrame]:
        options: dict[str, Any] = {"sep": self._separator, "decimal": self.decimal, "dtype": types}
        options |= {"index_col": self._labels, "chunksize": rows, "low_memory": False}
        with (
            _readable(self.path),
            open_file(self.path, newline=None) if translated else open_file(self.path, "rb") as file,
            pd.read_csv(file, skipinitialspace=True, **options) as chunks,
        ):
            yield from chunks


def column_types(kinds: Mapping[str, set[str]]) -> dict[str, Any]:
    """Return the types of the columns that need one, given the kinds of their values.

    Examples
    --------
    >>> column_types({"a": {"whole numbers"}, "b": {"whole numbers", "numbers"}, "c": {"numbers", "text"}})
    {'b': 'float64', 'c': <class 'str'>}
    """
    types: dict[str, Any] = {}
    for name, found in kinds.items():
        if TEXT in found or (BOOLEANS in found and found & {WHOLE, NUMBERS}):
            types[name] = str
        elif NUMBERS in found:
            types[name] = "float64"
    return types


def _kinds(column: pd.Series) -> set[str]:
    """Return the kinds of the values of a column as read by pandas; empty if all are missing."""
    if column.isna().all():
        return set()
    if is_numeric(column.dtype):
        return {WHOLE if column.dtype == "int64" else NUMBERS}
    found = pd.api.types.infer_dtype(column, skipna=True)
    return {{"boolean": BOOLEANS, "integer": NUMBERS}.get(found, TEXT)}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn errors of damaged files into ValueError with a readable reason."""
    try:
        with parsing():
            yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError("a damaged gzip file, or a file that is not gzipped; write it again") from error
    except ValueError:
        check_text(path)  # errors in the bytes explain errors in the lines
        raise
