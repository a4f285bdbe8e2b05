"""Readers of tables in CSV, Parquet and Feather files."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import struct
import warnings
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice, repeat
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from .._common.arrays import IntArray
from .._common.messages import shown
from ..files.feather import unpacked_size

MAX_TABLE_BYTES = 2 * 2**30
"""Maximum size of a file and of its unpacked table. Training needs the whole table in memory."""

SEPARATORS = ",", ";", "\t", "|"

LINE = "line"
"""Name of the row labels of a CSV file, which are the lines on which its rows begin, counted from 1."""

BLANKS = " \t\r\n"
"""Characters of a line that is not a row."""

FIRST_BLOCK, LARGEST_BLOCK = 2**14, 2**18
"""Numbers of bytes of a CSV file that are checked together: in the first block, and at most."""

TOGETHER = 2**14
"""Number of records that are checked together if the file has quotes."""

_DECIMAL_COMMA = r"\s*[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?\s*"


def check_size(size: int) -> None:
    """Raise ValueError if a table is too large."""
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


def _read_csv(path: Path, decimal: str, id_column: str | None) -> pd.DataFrame:
    """Read UTF-8 text whose lines have the same number of fields; the line numbers are the row labels."""
    if _zipped(path):
        _check_unzipped(path)
    try:
        separator, header = read_header(path, decimal)
        labels = label_column(header)
        check_names([name for place, name in enumerate(header) if place != labels])
        lines = _check_lines(path, separator, len(header))
    except ValueError:
        check_text(path)  # errors of the encoding come first
        raise
    options = {
        "sep": separator,
        "decimal": decimal,
        "index_col": labels,
        "dtype": {name: str for name in header if id_column and name.strip() == id_column},  # 007 is not 7
    }
    with open_file(path, "rb") as file:
        frame = _parse(file, **options)
    if len(frame) != len(lines):  # mixed line endings have joined two lines
        with open_file(path, newline=None) as file:
            frame = _parse(file, **options)
    if decimal == ",":
        frame = frame.apply(with_points)
    if labels is not None and not frame.index.hasnans:
        return frame.rename_axis(index=None)
    if labels is not None:
        text = f"the first column of {path}, which has no name, leaves rows without a label"
        warnings.warn(f"{text}; their labels are line numbers", stacklevel=2)
    return frame.set_index(pd.Index(lines, name=LINE))


def label_column(header: Sequence[str]) -> int | None:
    """Return the position of the nameless column that pandas writes for row labels; None without one."""
    return 0 if header[0] in ("", "Unnamed: 0") and len(header) > 1 else None


def _parse(file: IO[Any], **options: Any) -> pd.DataFrame:
    with parsing():
        return pd.read_csv(file, low_memory=False, skipinitialspace=True, **options)


@contextmanager
def parsing() -> Iterator[None]:
    """Turn pandas' errors for a CSV file that cannot be parsed into ValueError."""
    try:
        yield
    except pd.errors.ParserError as error:
        found = re.search(r"EOF inside string starting at row (\d+)", str(error))
        raise ValueError(_open_quote(int(found[1]) + 1) if found else str(error)) from error


def with_points(column: pd.Series) -> pd.Series:
    """Return a column of text with decimal points in place of decimal commas; other values are unchanged."""
    if not isinstance(column.dtype, pd.StringDtype):
        return column
    numbers = column.str.fullmatch(_DECIMAL_COMMA, na=False)
    return column.where(~numbers, column.str.replace(",", ".", regex=False))


def _zipped(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def open_file(path: Path, mode: str = "rt", newline: str | None = "") -> IO[Any]:
    """Open a text file, gzipped or not, as lines or as bytes."""
    how: dict[str, Any] = {"encoding": "utf-8-sig", "newline": newline} if mode == "rt" else {}
    opened: Any = gzip.open if _zipped(path) else open
    return opened(path, mode, **how)


def _check_unzipped(path: Path) -> None:
    """Refuse a gzipped file that is damaged or too large when unzipped; unzip it block by block."""
    size = 0
    try:
        with open_file(path, "rb") as file:
            while part := file.read(2**20):
                size += len(part)
                if size > MAX_TABLE_BYTES:
                    raise ValueError(
                        f"more than {MAX_TABLE_BYTES / 2**30:.3g} GiB when unzipped; write a sample of its "
                        "rows to a new file"
                    )
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError("a damaged gzip file, or a file that is not gzipped; write it again") from error


def check_text(path: Path) -> None:
    """Refuse a file that is blank, binary or not encoded in UTF-8."""
    decode, blank, more = codecs.getincrementaldecoder("utf-8-sig")().decode, True, True
    with open_file(path, "rb") as file:
        while more:
            part = file.read(2**24)
            more = bool(part)
            if b"\0" in part:
                raise ValueError("bytes that are not UTF-8 text; save the table as CSV in UTF-8")
            try:
                blank = not decode(part, final=not more).strip() and blank
            except UnicodeDecodeError as error:
                byte = error.object[error.start]
                raise ValueError(
                    f"byte 0x{byte:02x}, which is not UTF-8 (Latin-1?); save the table as CSV in UTF-8"
                ) from error
    if blank:
        raise ValueError("an empty file")


def read_header(path: Path, decimal: str) -> tuple[str, list[str]]:
    """Return the separator and the fields of the first line.

    In a .tsv file, a tab that splits the names is the separator. A comma that is the decimal mark is the
    separator only if no other one splits the names.
    """
    tops = {separator: _first_widths(path, separator) for separator in SEPARATORS}
    if not all(tops.values()):
        raise ValueError("an empty file")
    splitting = [separator for separator, counts in tops.items() if counts[0] > 1]
    if "\t" in splitting and path.name.lower().removesuffix(".gz").endswith(".tsv"):
        splitting = ["\t"]
    splitting = [separator for separator in splitting if separator != decimal] or splitting
    agreeing = [separator for separator in splitting if len(set(tops[separator])) == 1]
    default = "," if decimal != "," else ";"
    separator = max(agreeing or splitting or [default], key=lambda separator: tops[separator][0])
    with open_file(path) as file:
        return separator, next(fields for _, fields in _split(file, separator))


def _check_lines(path: Path, separator: str, fields: int) -> IntArray:
    """Return the lines on which the rows below the header begin, checked by :func:`checked_starts`."""
    return np.concatenate(list(checked_starts(path, separator, fields)))


def checked_starts(path: Path, separator: str, fields: int) -> Iterator[IntArray]:
    """Yield the lines on which the rows below the header begin, in groups.

    Refuse a file with lines longer than the first, or with bytes that are not text. Warn of shorter lines.
    """
    short = first = names = 0
    for numbers, counts in _widths(path, separator):
        yield numbers[1 - names :]
        names = 1
        wrong = np.flatnonzero(counts != fields)
        if (long := wrong[counts[wrong] > fields]).size:
            raise ValueError(
                f"{counts[long[0]]} fields in line {numbers[long[0]]}, but {fields} in the first line; "
                "remove lines above the header, and put text that contains the separator in quotes"
            )
        if wrong.size:
            first, short = first or numbers[wrong[0]], short + wrong.size
    if short:
        more = f" and {short - 1} more" if short > 1 else ""
        text = f"line {first}{more} of {path}: fewer fields than in the first line; the others are missing"
        warnings.warn(text, stacklevel=2)


def _first_widths(path: Path, separator: str) -> list[int]:
    """Return the numbers of fields of the first two records that are not blank."""
    found: list[int] = []
    for _, counts in _widths(path, separator):
        found += counts[:2].tolist()
        if len(found) > 1:
            break
    return found[:2]


def _widths(path: Path, separator: str) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the first lines and the numbers of fields of the records that are not blank, in groups.

    Lines count from 1. Up to the first quote, separators are counted in blocks of bytes, which is ten times
    as fast as splitting the lines.
    """
    with open_file(path, "rb") as file:
        above = begin = 0
        for block in _blocks(file):
            if b'"' in block or block.count(b"\r") != block.count(b"\r\n"):
                break
            if b"\0" in block:
                raise ValueError("a byte that is zero")
            block.decode()
            text = block if begin else block.removeprefix(codecs.BOM_UTF8)
            numbers, counts, lines = _widths_of_lines(text, separator)
            yield above + numbers, counts
            above, begin = above + lines, begin + len(block)
        else:
            return
        file.seek(begin)
        rest = io.TextIOWrapper(file, encoding="utf-8" if begin else "utf-8-sig", newline="")
        widths = (
            (start, len(fields)) for start, fields in _split(_without_zeros(rest), separator, above=above)
        )
        for most in chain([2], repeat(TOGETHER)):
            if not (some := list(islice(widths, most))):
                return
            yield tuple(np.array(some, dtype=np.int64).T)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks that end with a line; the first blocks are small."""
    size, parts = FIRST_BLOCK, list[bytes]()
    while part := file.read(size):
        size, end = min(4 * size, LARGEST_BLOCK), part.rfind(b"\n") + 1
        if end:
            yield b"".join([*parts, part[:end]])
            parts.clear()
        parts.append(part[end:])
    if rest := b"".join(parts):
        yield rest


def _widths_of_lines(block: bytes, separator: str) -> tuple[IntArray, IntArray, int]:
    r"""Return the lines that are not blank, from 1, their numbers of fields, and the total number of lines.

    Examples
    --------
    >>> _widths_of_lines(b"a,b\n\n1,2\n", ",")
    (array([1, 3]), array([2, 2]), 3)
    """
    found = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(found == ord("\n"))
    if not block.endswith(b"\n"):
        ends = np.append(ends, len(block) - 1)
    upto = np.searchsorted(np.flatnonzero(found == ord(separator)), ends, side="right")
    counts = np.diff(upto, prepend=0) + 1
    filled = counts > 1
    if not filled.all():
        starts = np.concatenate([[0], ends[:-1] + 1])
        filled |= np.logical_or.reduceat(~np.isin(found, list(BLANKS.encode())), starts)
    lines = np.flatnonzero(filled)
    return lines + 1, counts[lines], len(ends)


def _without_zeros(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise ValueError("a byte that is zero")
        yield line


def _split(lines: Iterable[str], separator: str, *, above: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the fields of each record that is not blank."""
    blank = array("b")  # for every line since the last record

    def noted() -> Iterator[str]:
        for line in lines:
            blank.append(not line.strip(BLANKS))
            yield line

    reader = csv.reader(noted(), delimiter=separator, skipinitialspace=True)
    start = above + 1
    try:
        for fields in reader:
            if len(fields) > 1 or not all(blank):
                yield start, fields
            start = above + reader.line_num + 1
            del blank[:]
    except csv.Error as error:
        raise ValueError(_open_quote(above + reader.line_num)) from error


def _open_quote(number: int) -> str:
    return f'a quote (") before or in line {number} that is never closed; close or remove it'


def _read_parquet(path: Path, *_: Any) -> pd.DataFrame:
    """Read a file if its metadata give an acceptable size and valid names."""
    with decoding("Parquet"), pq.ParquetFile(path) as file:
        schema, found = file.schema_arrow, file.metadata
        groups = sum(found.row_group(i).total_byte_size for i in range(found.num_row_groups))
    check_names(schema.names)
    check_size(max(8 * found.num_rows * len(schema), groups))
    return _read_arrow(pd.read_parquet, path, "Parquet", schema)


def _read_feather(path: Path, *_: Any) -> pd.DataFrame:
    """Read a file if its metadata give an acceptable size and valid names."""
    with decoding("Feather"), pa.OSFile(str(path)) as file:
        schema = pa.ipc.open_file(file).schema
    check_names(schema.names)
    with decoding("Feather"):
        rows, size = pa.dataset.dataset(path, format="feather").count_rows(), unpacked_size(path)
    check_size(max(8 * rows * len(schema), size))
    return _read_arrow(_valid_feather, path, "Feather", schema)


def _valid_feather(path: Path) -> pd.DataFrame:
    """Read a file and check its columns with their offsets and indices, which pandas does not check."""
    with pa.OSFile(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    table.validate(full=True)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _read_arrow(read: Callable[[Path], pd.DataFrame], path: Path, kind: str, schema: Any) -> pd.DataFrame:
    """Read a table of typed columns; decimals become float64, and nested row labels become text."""
    with decoding(kind):
        frame = read(path)
        if frame.index.nlevels > 1:
            name = ", ".join(str(name) for name in frame.index.names)
            labels = [", ".join(map(str, label)) for label in frame.index]
            frame = frame.set_index(pd.Index(labels, name=name))
    return floats_for_decimals(frame, schema)


def floats_for_decimals(frame: pd.DataFrame, schema: Any) -> pd.DataFrame:
    """Return a table read from Arrow columns with its decimals as float64."""
    decimals = [field.name for field in schema if pa.types.is_decimal(field.type) and field.name in frame]
    return frame.astype(dict.fromkeys(decimals, np.float64))


@contextmanager
def decoding(kind: str) -> Iterator[None]:
    """Turn errors from damaged files into ValueError, with the reason if it is readable."""
    try:
        yield
    except MemoryError as error:  # damaged files can cause it too
        raise ValueError(
            f"a {kind} file that is too large for the memory, or damaged; write a sample of its rows to a "
            "new file, or write it again"
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error) as error:
        raise ValueError(f"a damaged {kind} file; write it again") from error


READERS: dict[str, Callable[[Path, str, str | None], pd.DataFrame]] = {
    **{f".{kind}{packed}": _read_csv for packed in ("", ".gz") for kind in ("csv", "tsv", "txt")},
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
    ".feather": _read_feather,
}
"""End of the file name in lower case → reader of (path, decimal mark, column of row labels)."""
