"""Tables: reading them, the bundled data sets, and encoding columns as features."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import datasets

from .columns import (
    CategoricalColumn,
    Column,
    DroppedColumn,
    NumericColumn,
    check_values,
    fit_column,
    listed,
    shown,
)
from .eigen.checks import FloatArray
from .inputs import Axis
from .readers import READERS, check_names, check_size


def _diabetes() -> pd.DataFrame:
    bunch = datasets.load_diabetes(as_frame=True, scaled=False)
    return bunch.frame.rename(columns={"target": "progression"})


def _breast_cancer() -> pd.DataFrame:
    bunch = datasets.load_breast_cancer(as_frame=True)
    return bunch.data.assign(diagnosis=bunch.target_names[bunch.target])


def _two_or_five() -> pd.DataFrame:
    bits = (np.arange(4096)[:, None] >> np.arange(12)) & 1
    frame = pd.DataFrame(bits.astype(np.float64), columns=[f"bit_{i}" for i in range(12)])
    return frame.assign(two_or_five=np.isin(bits.sum(axis=1), (2, 5)).astype(np.int64))


BUNDLED = {
    "diabetes": (_diabetes, "progression"),
    "breast_cancer": (_breast_cancer, "diagnosis"),
    "two_or_five": (_two_or_five, "two_or_five"),
}
"""Name → (loader, target column)."""


def read_table(source: str | Path) -> pd.DataFrame:
    """Read a CSV or Parquet file, or a bundled data set by name.

    CSV is UTF-8 text. Its separator is the comma, semicolon, tab or vertical bar that splits the first two
    lines into the same number of fields, and into most. A nameless first column, which pandas writes for row
    labels, becomes the row labels.

    Parameters
    ----------
    source : str or Path
        Path ending in ``.csv``, ``.parquet`` or ``.pq``, of at most 2 GiB; or "diabetes" (442 patients,
        target ``progression``), "breast_cancer" (569 tumours, target ``diagnosis``) or "two_or_five" (all
        4,096 words of 12 bits, target ``two_or_five``: 1 where exactly two or exactly five bits are set).

    Returns
    -------
    DataFrame
        Column names are text.

    Raises
    ------
    ValueError
        If the file is missing, of another type, too large, unreadable, not UTF-8, without rows or columns, or
        leaves out or repeats a column name. Names the file.

    Warns
    -----
    UserWarning
        If lines of a CSV file are shorter than its first one; what they leave out is missing.

    Examples
    --------
    >>> read_table("diabetes").shape
    (442, 11)
    """
    if str(source) in BUNDLED:
        return BUNDLED[str(source)][0]()
    path = Path(source)
    if not path.is_file():
        raise ValueError(
            f"expected a CSV or Parquet file or one of {', '.join(BUNDLED)}; got {str(source)!r}, "
            "which is not a file; check the path"
        )
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"expected a file named .csv, .parquet or .pq; got {path}; convert or rename it")
    try:
        check_size(path.stat().st_size)
        frame = _named(reader(path))
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"expected a readable table in {path}; got: {reason}") from error
    if not frame.shape[1]:
        raise ValueError(f"expected a table with columns in {path}; got none; check the file")
    if not len(frame):
        raise ValueError(f"expected a table with rows in {path}; got 0 rows; check the file")
    return frame


def split_target(frame: pd.DataFrame, target: str, source: str | Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return the table without its target column, and that column.

    Parameters
    ----------
    frame : DataFrame
    target : str
        Name of the column to predict.
    source : str or Path
        Where the table is from, for messages.

    Raises
    ------
    ValueError
        If the column is missing or nothing else is left, or if it holds gaps, infinity, dates or objects;
        ``source`` or the column is named.

    Examples
    --------
    >>> X, y = split_target(read_table("diabetes"), "progression", "diabetes")
    >>> X.shape, y.name
    ((442, 10), 'progression')
    """
    if target not in frame.columns:
        known = listed(map(shown, frame.columns))
        raise ValueError(f"expected the target column {target!r} in {source}; got columns {known}")
    if frame.shape[1] == 1:
        raise ValueError(f"expected columns besides the target {target!r} in {source}; got none")
    y = check_values(frame[target], target)
    bad = y.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(y.dtype):
        bad = bad | np.isinf(y.to_numpy(dtype=np.float64, na_value=np.nan))
    if bad.any():
        row = y.index[int(bad.argmax())]
        raise ValueError(
            f"expected a target without missing or infinite values in {source}; got {int(bad.sum())} in "
            f"{target!r}, the first in row {row}; drop those rows"
        )
    return frame.drop(columns=target), y


@dataclass(frozen=True)
class TableEncoder:
    """Columns of a table as the features of a pencil.

    Build it with :meth:`fit`; its state (:meth:`state`) is plain values. Every feature is zero for an
    average row of the training table: numbers are standardised, indicators of levels and gaps have their mean
    taken off.

    Attributes
    ----------
    columns : tuple of NumericColumn and CategoricalColumn
        The columns that the model uses.
    table_names : tuple of str
        All columns of the training table in its order; `columns` without the dropped ones if not given.

    Examples
    --------
    >>> encoder = TableEncoder.fit(pd.DataFrame({"age": [20.0, 40.0], "smoker": [True, False]}))
    >>> encoder.feature_names
    ('age', 'smoker = False', 'smoker = True')
    >>> encoder.encode(pd.DataFrame({"smoker": [True], "age": [30.0]}))
    array([[ 0. , -0.5,  0.5]])
    """

    columns: tuple[Column, ...]
    table_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "table_names", self.table_names or self.names)

    @classmethod
    def fit(cls, frame: pd.DataFrame, *, log: Iterable[str] = ()) -> TableEncoder:
        """Learn the encoding of every column of ``frame``.

        Parameters
        ----------
        frame : DataFrame, shape (n, columns)
            Its column names are taken as text.
        log : iterable of str, optional
            Numeric columns of positive numbers whose logarithm is standardised instead.

        Raises
        ------
        ValueError
            If the table has no rows, a column has no name or that of another, ``log`` names an unknown
            column, no column varies, or a column cannot be encoded (see
            :func:`~spectral_interp.columns.fit_column`).

        Warns
        -----
        UserWarning
            If columns without two different values are dropped; it names them.
        """
        frame = _named(frame)
        logged = _check_log(log, frame)
        if not len(frame):
            raise ValueError("expected a table with rows; got 0 rows")
        fitted = [fit_column(frame[name], log=name in logged) for name in frame.columns]
        dropped = [f"{shown(c.name)} ({c.why})" for c in fitted if isinstance(c, DroppedColumn)]
        if len(dropped) == len(fitted):
            raise ValueError(f"expected a column that varies; got only {listed(dropped)}")
        if dropped:
            text = "columns that do not vary over the training rows are left out of the model"
            warnings.warn(f"{text}: {listed(dropped)}", UserWarning, stacklevel=2)
        columns = tuple(column for column in fitted if not isinstance(column, DroppedColumn))
        return cls(columns, tuple(frame.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, length p."""
        return tuple(name for column in self.columns for name in column.feature_names)

    @property
    def column_of(self) -> npt.NDArray[np.intp]:
        """Column of every feature, shape (p,)."""
        counts = [column.n_features for column in self.columns]
        return np.repeat(np.arange(len(counts), dtype=np.intp), counts)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Every column as an axis of the features."""
        firsts = np.cumsum([0, *(column.n_features for column in self.columns)])
        return tuple(column.axis(int(first)) for column, first in zip(self.columns, firsts, strict=False))

    def select(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the encoder's columns of ``frame``, in its order; ValueError names missing or extra ones."""
        frame = _named(frame)
        missing = [name for name in self.names if name not in frame.columns]
        extra = [name for name in frame.columns if name not in self.table_names]
        problems = []
        if missing:
            problems.append(f"{_column_is(missing)} missing")
        if extra:
            problems.append(f"{_column_is(extra)} not known to the model; drop or rename")
        if problems:
            raise ValueError(f"{'; '.join(problems)}; expected columns {listed(map(shown, self.names))}")
        return frame[list(self.names)]

    def encode(self, frame: pd.DataFrame) -> FloatArray:
        """Map rows of a table to features, shape (n, p).

        Raises
        ------
        ValueError
            If a column is missing or unknown, holds text where training had numbers or the reverse, infinity,
            numbers <= 0 under a logarithm, or has gaps though a numeric column had none in training.
        """
        frame = self.select(frame)
        return np.hstack([column.encode(frame[column.name]) for column in self.columns])

    def state(self) -> list[dict[str, Any]]:
        """Return the encoding as plain values, one dict a column of the training table."""
        states: dict[str, dict[str, Any]] = {
            name: {"kind": "dropped", "name": name} for name in self.table_names
        }
        for column in self.columns:
            plain = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(column).items()}
            states[column.name] = {"kind": _KIND_OF[type(column)], **plain}
        return list(states.values())

    @classmethod
    def from_state(cls, state: Sequence[dict[str, Any]]) -> TableEncoder:
        """Rebuild an encoder from :meth:`state`; ValueError if a kind of column is unknown."""
        columns: list[Column] = []
        for entry in state:
            values: dict[str, Any] = {
                key: tuple(v) if isinstance(v, list) else v for key, v in entry.items() if key != "kind"
            }
            if entry["kind"] in _KINDS:
                columns.append(_KINDS[entry["kind"]](**values))
            elif entry["kind"] != "dropped":
                known = ", ".join([*_KINDS, "dropped"])
                raise ValueError(
                    f"expected kinds of column {known}; got {entry['kind']!r} for {entry['name']!r}"
                )
        return cls(tuple(columns), tuple(entry["name"] for entry in state))


_KINDS: dict[str, type[Column]] = {"numeric": NumericColumn, "categorical": CategoricalColumn}
_KIND_OF = {column: kind for kind, column in _KINDS.items()}


def as_frame(X: Any, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return ``X`` as a table; arrays take the names ``columns``, or x0, x1, ….

    Raises
    ------
    ValueError
        If an array has not two axes, or not as many columns as ``columns``.

    Examples
    --------
    >>> list(as_frame([[1.0, 2.0]]).columns)
    ['x0', 'x1']
    """
    if isinstance(X, pd.DataFrame):
        return X
    array = np.asarray(X)
    if array.ndim != 2:
        raise ValueError(f"expected a table or a 2D array of shape (rows, columns); got shape {array.shape}")
    names = list(columns) if columns is not None else [f"x{i}" for i in range(array.shape[1])]
    if array.shape[1] != len(names):
        raise ValueError(f"expected {len(names)} columns ({', '.join(names[:20])}); got {array.shape[1]}")
    return pd.DataFrame(array, columns=names)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with text for column names, or refuse names that are empty, repeated or nested."""
    if frame.columns.nlevels > 1:
        raise ValueError(
            f"expected one name per column; got {frame.columns.nlevels} levels; join them into one"
        )
    names = [str(name) for name in frame.columns]
    check_names(names)
    return frame if all(isinstance(name, str) for name in frame.columns) else frame.set_axis(names, axis=1)


def _check_log(log: Iterable[str], frame: pd.DataFrame) -> set[str]:
    if isinstance(log, str):
        raise TypeError(f"expected log as a list of column names; got the text {log!r}; write [{log!r}]")
    logged = [str(name) for name in log]
    unknown = [name for name in logged if name not in frame.columns]
    if unknown:
        raise ValueError(
            f"expected log to name columns of {listed(map(shown, frame.columns))}; got {unknown[0]!r}"
        )
    return set(logged)


def _column_is(names: Sequence[str]) -> str:
    """Return the subject and verb of what is wrong with the columns."""
    quoted = listed(map(shown, names))
    return f"column {quoted} is" if len(names) == 1 else f"columns {quoted} are"
