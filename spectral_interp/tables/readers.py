"""Files of tables: CSV in its dialects, and Parquet. What is wrong with one is told in its own words."""

from __future__ import annotations

import codecs
import csv
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .._common.messages import shown

MAX_TABLE_BYTES = 2 * 2**30
"""Larger files, and larger tables in compressed files, are refused unread: training holds all in memory."""

SEPARATORS = ",", ";", "\t", "|"


def check_size(size: int) -> None:
    """Raise ValueError if a table takes too many bytes."""
    if size > MAX_TABLE_BYTES:
        raise ValueError(
            f"{size / 2**30:.3g} GiB, more than {MAX_TABLE_BYTES / 2**30:.3g} GiB; write a sample of its "
            "rows to a new file"
        )


def check_names(names: Sequence[str]) -> None:
    """Raise ValueError if a name is empty or repeated."""
    for place, name in enumerate(names, start=1):
        if not name.strip():
            raise ValueError(f"an empty name for column {place}; name every column")
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"column {shown(repeated[0])} appears more than once; rename one of them")


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a file of UTF-8 text whose lines have one number of fields."""
    try:
        separator, header = _read_header(path)
        labels = 0 if header[0] in ("", "Unnamed: 0") and len(header) > 1 else None
        check_names([name for place, name in enumerate(header) if place != labels])
        _check_lines(path, separator, len(header))
    except ValueError:
        _check_text(path)  # what is wrong with the bytes comes before what is wrong with their lines
        raise
    try:
        frame = pd.read_csv(path, sep=separator, index_col=labels, low_memory=False, skipinitialspace=True)
    except pd.errors.ParserError as error:
        found = re.search(r"EOF inside string starting at row (\d+)", str(error))
        raise ValueError(_open_quote(int(found[1]) + 1) if found else str(error)) from error
    return frame if labels is None else frame.rename_axis(index=None)


def _check_text(path: Path) -> None:
    """Refuse a file that is blank, binary or in another encoding than UTF-8."""
    decode, blank, more = codecs.getincrementaldecoder("utf-8-sig")().decode, True, True
    with path.open("rb") as file:
        while more:
            part = file.read(2**24)
            more = bool(part)
            if b"\0" in part:
                raise ValueError("bytes that are no UTF-8 text; save the table as CSV in UTF-8")
            try:
                blank = not decode(part, final=not more).strip() and blank
            except UnicodeDecodeError as error:
                byte = error.object[error.start]
                raise ValueError(
                    f"byte 0x{byte:02x}, which is not UTF-8 (Latin-1?); save the table as CSV in UTF-8"
                ) from error
    if blank:
        raise ValueError("an empty file")


def _read_header(path: Path) -> tuple[str, list[str]]:
    """Return the separator and the fields of the first line."""
    tops = {sep: [count for _, count in islice(_widths(path, sep), 2)] for sep in SEPARATORS}
    if not all(tops.values()):
        raise ValueError("an empty file")
    splitting = [separator for separator, counts in tops.items() if counts[0] > 1]
    agreeing = [separator for separator in splitting if len(set(tops[separator])) == 1]
    separator = max(agreeing or splitting or [","], key=lambda separator: tops[separator][0])
    with path.open(encoding="utf-8-sig", newline="") as file:
        return separator, next(fields for _, fields in _split(file, separator))


def _check_lines(path: Path, separator: str, fields: int) -> None:
    """Refuse a file with lines longer than the first, or with bytes of no text; warn of shorter lines."""
    short = first = 0
    for number, count in _widths(path, separator):
        if count == fields:
            continue
        if count > fields:
            raise ValueError(
                f"{count} fields in line {number} where the first line has {fields}; take lines above "
                "the names away, and put text that holds the separator in quotes"
            )
        first, short = first or number, short + 1
    if short:
        more = f" and {short - 1} more" if short > 1 else ""
        text = (
            f"line {first}{more} of {path}: fewer fields than in the first line; those left out are missing"
        )
        warnings.warn(text, stacklevel=2)


def _widths(path: Path, separator: str) -> Iterator[tuple[int, int]]:
    """Yield the lines that are not blank: their number in the file, from 1, and their number of fields.

    Up to the first quote separators are counted, which is several times faster than splitting the lines.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _without_zeros(file)
        for number, line in enumerate(lines, start=1):
            if '"' in line:
                break
            count = line.count(separator) + 1
            if count > 1 or line.strip():
                yield number, count
        else:
            return
        for last, fields in _split(chain([line], lines), separator, above=number - 1):
            yield last, len(fields)


def _without_zeros(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise ValueError("a byte that is zero")
        yield line


def _split(lines: Iterable[str], separator: str, *, above: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank: the number of their last line, and their fields."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        for fields in reader:
            if len(fields) > 1 or (fields and fields[0].strip()):
                yield above + reader.line_num, fields
    except csv.Error as error:
        raise ValueError(_open_quote(above + reader.line_num)) from error


def _open_quote(number: int) -> str:
    return f'a quote (") before or in line {number} that is never closed; close it or take it away'


def _read_parquet(path: Path) -> pd.DataFrame:
    """Read a file whose metadata promise a size and names that can be used; decimals become float64."""
    with _decoding(), pq.ParquetFile(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    check_size(8 * rows * len(schema))
    check_names(schema.names)
    with _decoding():
        frame = pd.read_parquet(path)
    decimals = [field.name for field in schema if pa.types.is_decimal(field.type) and field.name in frame]
    return frame.astype(dict.fromkeys(decimals, np.float64))


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn what damaged Parquet files provoke into ValueError, with the reason if it is one for people."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError("a damaged Parquet file; write it again") from error


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}
"""By the end of the file's name."""
