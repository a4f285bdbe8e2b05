"""Sources of rows of a stream: files, folders, tables, datasets and batches."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset

from .._common.caching import cached_property
from .._common.messages import shown, truncated_list
from ..tables.frames import as_frame, names_columns, with_names
from ..tables.parsing import is_numeric
from ..tables.reading import LOADERS
from .arrow import ParquetFile, dataset_batches, to_frame
from .csv_files import CsvFile, column_types

ROWS = 50_000
"""Maximum number of rows of a table that a source yields."""

PARQUET = ".parquet", ".pq"
CSV = tuple(f".{kind}{packed}" for kind in ("csv", "tsv", "txt") for packed in ("", ".gz"))


class Piece(NamedTuple):
    """A table of any number of rows, and the name of its file or batch."""

    origin: str
    frame: pd.DataFrame


class Source(ABC):
    """Rows of a table that need not fit into memory. Build it with :meth:`of`.

    Attributes
    ----------
    rows : int
        Maximum number of rows of a table that :meth:`frames` yields.
    one_pass : bool
        Whether the rows can be read only once.
    n_rows : int or None
        Number of rows; None where it is not known before the first pass.
    columns : list of str or None
        Names of the columns; None where they are not known before the first pass.

    Examples
    --------
    >>> source = Source.of(pd.DataFrame({"a": [1.0, 2.0, 3.0]}), rows=2)
    >>> [frame["a"].tolist() for frame in source.frames()], source.n_rows
    ([[1.0, 2.0], [3.0]], 3)
    """

    one_pass = False

    def __init__(self, rows: int) -> None:
        if not rows >= 1:
            raise ValueError(f"expected rows >= 1 of a table of a source; got {rows!r}")
        self.rows = rows
        self.n_rows: int | None = None
        self.columns: list[str] | None = None

    @classmethod
    def of(cls, source: Any, *, rows: int = ROWS, decimal: str = ".") -> Source:
        """Return a source of rows.

        Parameters
        ----------
        source : str, Path, list of these, DataFrame, table, Dataset, iterable or callable
            Path of a Parquet or CSV file, or of a folder of these, read in the order of their names; the name
            of a bundled data set; several paths; a table of pandas, pyarrow or another library that exports
            Arrow streams; a ``pyarrow.dataset.Dataset``; an iterable of Arrow record batches or DataFrames,
            such as a generator or a ``RecordBatchReader``, which can be read once; or a callable that returns
            such an iterable, which can be read again.
        rows : int
            Maximum number of rows of a table of :meth:`frames`.
        decimal : {".", ","}
            Decimal mark of CSV files.

        Raises
        ------
        TypeError
            If ``source`` is none of these.
        ValueError
            If a file is missing, unreadable or of another kind than the first, a folder is empty, a file has
            other columns than the first, or columns of another type; the message names file and column.

        Examples
        --------
        >>> batches = pa.table({"a": [1, 2, 3]}).to_batches(max_chunksize=2)
        >>> source = Source.of(iter(batches))
        >>> source.one_pass, [len(frame) for frame in source.frames()]
        (True, [2, 1])
        """
        if isinstance(source, Source):
            return source
        if isinstance(source, str) and source in LOADERS:
            return _Tables(LOADERS[source](), rows)
        if isinstance(source, str | Path):
            return _Files(_files_of(Path(source)), rows, decimal)
        if _are_paths(source):
            return _Files([path for one in source for path in _files_of(Path(one))], rows, decimal)
        if isinstance(source, pa.dataset.Dataset):
            return _Dataset(source, rows)
        if callable(source) or isinstance(source, Iterator | pa.RecordBatchReader):
            return _Batches(source, rows)
        if isinstance(source, pd.DataFrame | pa.RecordBatch) or names_columns(source):
            return _Tables(source, rows)
        if isinstance(source, Iterable) and not isinstance(source, np.ndarray | bytes | Mapping):
            return _Batches(source, rows)
        raise TypeError(
            "expected a source of rows: the path of a Parquet or CSV file or of a folder of these, a table, "
            f"a dataset, or an iterable of record batches; got {type(source).__name__}"
        )

    def frames(self) -> Iterator[pd.DataFrame]:
        """Yield the rows as tables of 1 to ``rows`` rows.

        All tables have the columns of the first, in the same order, with values of the same kinds. The index
        counts the rows of the source from 0.

        Raises
        ------
        ValueError
            If a file has changed or vanished since the source was made, a table has other columns than the
            first or values of another kind, or there are no rows.
        """
        count, like, origin = 0, Like(), None
        for piece in self._pieces():
            frame = with_names(piece.frame)
            if piece.origin != origin:
                frame, origin = like.check(piece.origin, frame), piece.origin
            elif list(frame.columns) != like.names:
                frame = frame[like.names]
            for start in range(0, len(frame), self.rows):
                some = frame.iloc[start : start + self.rows]
                yield some.set_axis(pd.RangeIndex(count, count + len(some)), axis=0)
                count += len(some)
        if not count:
            raise ValueError(f"expected rows in {self.name}; got none")
        self.n_rows, self.columns = count, like.names

    @abstractmethod
    def _pieces(self) -> Iterator[Piece]:
        """Yield tables of any size; the first of every origin is checked against the first of all."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the source in messages."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return plain values that identify the source; for batches, only their type."""


class Like:
    """Columns of the first table, and the kinds of their values, which later tables must share."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._origin = ""
        self._kinds: dict[str, tuple[str, str]] = {}  # kind and origin of the first values

    def check(self, origin: str, frame: pd.DataFrame, *, kinds: bool = True) -> pd.DataFrame:
        """Return the table with its columns in the order of the first.

        Raises
        ------
        ValueError
            If columns are missing, unknown or of another kind; the message names the origin of the table.
        """
        if not self._origin:
            self.names, self._origin = list(frame.columns), origin
        if problems := _differences(self.names, list(frame.columns)):
            raise ValueError(f"expected the columns of {self._origin} in {origin}; {'; '.join(problems)}")
        frame = frame[self.names]
        for name in self.names if kinds else ():
            kind = _kind(frame[name])
            known, first = self._kinds.get(name, (kind, origin))
            if kind is not None and known is not None:
                self._kinds[name] = known, first
                if kind != known and (frame.empty or frame[name].notna().any()):
                    raise ValueError(
                        f"expected {known} in column {shown(name)} of {origin}, as in {first}; got {kind}; "
                        "write all parts with the same type"
                    )
        return frame


def _differences(expected: list[str], found: list[str]) -> list[str]:
    missing = [shown(name) for name in expected if name not in found]
    extra = [shown(name) for name in found if name not in expected]
    problems = [f"missing {truncated_list(missing)}"] if missing else []
    return problems + ([f"got {truncated_list(extra)} too"] if extra else [])


def _kind(column: pd.Series) -> str | None:
    """Return the kind of a column's values, or None if its type does not determine it."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "categories of numbers" if is_numeric(dtype.categories.dtype) else "text"
    if is_numeric(dtype):
        return "numbers" if column.notna().any() or not len(column) else None
    if isinstance(dtype, pd.StringDtype):
        return "text"
    if dtype.kind != "O":
        return {"b": "booleans", "M": "dates", "m": "durations"}.get(dtype.kind, str(dtype))
    return _KIND_OF_OBJECTS.get(pd.api.types.infer_dtype(column, skipna=True))


_KIND_OF_OBJECTS = {
    **dict.fromkeys(("integer", "floating", "decimal"), "numbers"),
    **{"boolean": "booleans", "string": "text", "date": "dates", "datetime": "dates"},
}


class _Files(Source):
    """Files of one kind, read one after another."""

    def __init__(self, paths: Sequence[Path], rows: int, decimal: str) -> None:
        super().__init__(rows)
        self._paths = list(paths)
        self._stamps = {path: _stamp(path) for path in paths}
        _check_one_kind(self._paths)
        like = Like()
        self._parts: list[ParquetFile | CsvFile] = []
        for path in self._paths:
            with _readable(path):
                part = ParquetFile(path) if _is_parquet(path) else CsvFile(path, decimal)
                head = with_names(part.empty)
            like.check(str(path), head, kinds=isinstance(part, ParquetFile))
            self._parts.append(part)
        self.columns = like.names
        counts = [part.n_rows for part in self._parts if isinstance(part, ParquetFile)]
        self.n_rows = sum(counts) if counts else None
        if self.n_rows == 0:
            raise ValueError(f"expected rows in {self.name}; got none")

    @property
    def name(self) -> str:
        more = len(self._paths) - 1
        return str(self._paths[0]) + (f" and {more} more" if more else "")

    @cached_property
    def _types(self) -> dict[str, Any]:
        """Types of the columns of CSV files, determined by all files together, as for one table."""
        kinds: dict[str, set[str]] = {}
        for part in self._parts:
            if isinstance(part, CsvFile):
                with _readable(part.path):
                    for name, found in part.kinds.items():
                        kinds.setdefault(name.strip(), set()).update(found)
        return column_types(kinds)

    def _pieces(self) -> Iterator[Piece]:
        _check_unchanged(self._stamps)
        for part in self._parts:
            with _readable(part.path):
                options = {"types": self._types} if isinstance(part, CsvFile) else {}
                yield from (Piece(str(part.path), frame) for frame in part.chunks(self.rows, **options))
            _check_unchanged(self._stamps)

    def identity(self) -> dict[str, Any]:
        return {"files": [[str(path.resolve()), *self._stamps[path]] for path in self._paths]}


class _Tables(Source):
    """A table in memory."""

    def __init__(self, table: Any, rows: int) -> None:
        super().__init__(rows)
        self._frame = as_frame(pa.Table.from_batches([table]) if isinstance(table, pa.RecordBatch) else table)
        self.n_rows, self.columns = len(self._frame), list(with_names(self._frame).columns)
        if not self.n_rows:
            raise ValueError("expected rows in the table; got none")

    @property
    def name(self) -> str:
        return "the table"

    def _pieces(self) -> Iterator[Piece]:
        yield Piece("the table", self._frame)

    def identity(self) -> dict[str, Any]:
        hashes = pd.util.hash_pandas_object(self._frame.reset_index(drop=True)).to_numpy()
        names = [str(name) for name in self._frame.columns]
        return {"columns": names, "digest": hashlib.sha256(hashes.tobytes()).hexdigest()}


class _Dataset(Source):
    """A dataset of pyarrow, which may be partitioned, filtered or remote."""

    def __init__(self, dataset: pa.dataset.Dataset, rows: int) -> None:
        super().__init__(rows)
        self._dataset = dataset
        files = [Path(name) for name in self._files]
        self._stamps = {path: _stamp(path) for path in files if path.is_file()}

    @property
    def _files(self) -> list[str]:
        return list(getattr(self._dataset, "files", []))

    @property
    def name(self) -> str:
        return f"a {type(self._dataset).__name__}"

    def _pieces(self) -> Iterator[Piece]:
        _check_unchanged(self._stamps)
        for batch in dataset_batches(self._dataset, self.rows):
            yield Piece("the dataset", to_frame(batch))
        _check_unchanged(self._stamps)

    def identity(self) -> dict[str, Any]:
        stamps = [[str(path), *stamp] for path, stamp in self._stamps.items()]
        return {"schema": str(self._dataset.schema), "files": self._files, "stamps": stamps}


class _Batches(Source):
    """Batches from an iterable, or from a callable that returns one."""

    def __init__(self, batches: Any, rows: int) -> None:
        super().__init__(rows)
        self._batches = batches
        self.one_pass = isinstance(batches, Iterator | pa.RecordBatchReader)
        self._used = False

    @property
    def name(self) -> str:
        return f"the batches of a {type(self._batches).__name__}"

    def _pieces(self) -> Iterator[Piece]:
        if self._used and self.one_pass:
            raise ValueError(
                f"expected batches that can be read again; got a {type(self._batches).__name__}, which is "
                "used up; pass a callable that returns a new one"
            )
        self._used = True
        for place, batch in enumerate(self._batches() if callable(self._batches) else self._batches):
            frame = to_frame(batch) if isinstance(batch, pa.RecordBatch | pa.Table) else as_frame(batch)
            if len(frame):
                yield Piece(f"batch {place}", frame)

    def identity(self) -> dict[str, Any]:
        return {"batches": type(self._batches).__name__}


def _are_paths(source: Any) -> bool:
    return (
        isinstance(source, list | tuple) and bool(source) and all(isinstance(x, str | Path) for x in source)
    )


def _files_of(path: Path) -> list[Path]:
    """Return a file, or the files of a folder by name, except those whose names start with "." or "_"."""
    if not path.is_dir():
        if not path.is_file():
            raise ValueError(f"expected a file or a folder of files; got {path}, which is neither")
        return [path]
    found = [inner for inner in sorted(path.iterdir()) if not inner.name.startswith((".", "_"))]
    if nested := [inner for inner in found if inner.is_dir()]:
        raise ValueError(
            f"expected a folder of files; got the folder {nested[0].name} in {path}; pass "
            f"pyarrow.dataset.dataset({str(path)!r}, partitioning='hive')"
        )
    if not found:
        raise ValueError(f"expected Parquet or CSV files in the folder {path}; got none")
    return found


def _is_parquet(path: Path) -> bool:
    return path.name.lower().endswith(PARQUET)


def _check_one_kind(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.name.lower().endswith(PARQUET + CSV):
            raise ValueError(
                f"expected files named {', '.join(PARQUET + CSV)}; got {path}; convert or rename it"
            )
        if _is_parquet(path) != _is_parquet(paths[0]):
            raise ValueError(f"expected files of one kind; got {paths[0].name} and {path.name}")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Name the file in errors from reading it."""
    try:
        yield
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"expected a readable table in {path}; got: {reason}") from error


def _stamp(path: Path) -> tuple[int, int]:
    """Return the size of a file in bytes and its modification time in nanoseconds."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _check_unchanged(stamps: Mapping[Path, tuple[int, int]]) -> None:
    for path, stamp in stamps.items():
        if not path.is_file():
            raise ValueError(f"expected {path}, which existed when reading began; got no such file")
        if _stamp(path) != stamp:
            raise ValueError(
                f"expected {path} as it was when reading began; got a different size or modification time; "
                "wait until nothing writes to it"
            )
