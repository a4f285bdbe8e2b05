"""Tables: reading them, the bundled data sets, and encoding columns as features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import datasets

from .eigen.checks import FloatArray


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

    Parameters
    ----------
    source : str or Path
        Path ending in ``.csv``, ``.parquet`` or ``.pq``; or "diabetes" (442 patients, target
        ``progression``), "breast_cancer" (569 tumours, target ``diagnosis``) or "two_or_five" (all 4,096
        words of 12 bits, target ``two_or_five``: 1 where exactly two or exactly five bits are set).

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        If the file is missing, of another type, unreadable, empty, or repeats a column name.

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
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": _read_csv,
        ".parquet": pd.read_parquet,
        ".pq": pd.read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"expected a file named .csv, .parquet or .pq; got {path}; convert or rename it")
    try:
        frame = reader(path)
    except (ValueError, OSError, UnicodeError) as error:  # pandas' and pyarrow's parse errors are ValueErrors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"expected a readable table in {path}; got: {reason}") from error
    if frame.empty:
        raise ValueError(f"expected a table with rows in {path}; got {len(frame)} rows; check the file")
    return frame


def _read_csv(path: Path) -> pd.DataFrame:
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
    if header.duplicated().any():
        name = header[header.duplicated()].iloc[0]
        raise ValueError(f"column {name!r} appears more than once; rename one of them")
    return pd.read_csv(path)


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
        If the column is missing or nothing else is left; ``source`` is named.

    Examples
    --------
    >>> X, y = split_target(read_table("diabetes"), "progression", "diabetes")
    >>> X.shape, y.name
    ((442, 10), 'progression')
    """
    if target not in frame.columns:
        known = ", ".join(map(str, frame.columns[:20]))
        raise ValueError(f"expected the target column {target!r} in {source}; got columns {known}")
    if frame.shape[1] == 1:
        raise ValueError(f"expected columns besides the target {target!r} in {source}; got none")
    return frame.drop(columns=target), frame[target]


@dataclass(frozen=True)
class NumericColumn:
    """One numeric column, standardised: ``z = (x - mean) / scale``; one feature."""

    name: str
    mean: float
    scale: float

    @classmethod
    def fit(cls, name: str, values: FloatArray) -> NumericColumn:
        """Learn mean and population standard deviation from ``values`` (n,)."""
        scale = float(values.std())
        if not scale > 1e-12 * np.abs(values).max(initial=0.0):
            raise ValueError(
                f"expected column {name!r} to vary; got a constant, {values[0]:.6g}; drop the column"
            )
        return cls(name, float(values.mean()), scale)

    def encode(self, values: FloatArray) -> FloatArray:
        """Map column values (n,) to features (n, 1)."""
        return ((values - self.mean) / self.scale)[:, None]


@dataclass(frozen=True)
class TableEncoder:
    """Columns of a table as the features of a pencil.

    Build it with :meth:`fit`; its state (:meth:`state`) is plain values.

    Examples
    --------
    >>> encoder = TableEncoder.fit(pd.DataFrame({"age": [20.0, 40.0], "bmi": [21.0, 25.0]}))
    >>> encoder.encode(pd.DataFrame({"bmi": [25.0], "age": [30.0]}))
    array([[0., 1.]])
    """

    columns: tuple[NumericColumn, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> TableEncoder:
        """Learn the encoding of every column of ``frame``.

        Raises
        ------
        ValueError
            If a column is not numeric, holds NaN or infinity, is constant, or repeats another's name.
        """
        _check_names(frame)
        return cls(tuple(NumericColumn.fit(str(n), _numbers(frame[n], str(n))) for n in frame.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def column_of(self) -> npt.NDArray[np.intp]:
        """Column of every feature, shape (p,)."""
        return np.arange(len(self.columns))

    def select(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the encoder's columns of ``frame``, in its order; ValueError names missing or extra ones."""
        _check_names(frame)
        present = [str(name) for name in frame.columns]
        for problem, names in (
            ("is missing", [n for n in self.names if n not in present]),
            ("is not one the model knows", [n for n in present if n not in self.names]),
        ):
            if names:
                raise ValueError(f"column {names[0]!r} {problem}; expected columns {', '.join(self.names)}")
        return frame.set_axis(present, axis=1)[list(self.names)]

    def encode(self, frame: pd.DataFrame) -> FloatArray:
        """Map rows of a table to features, shape (n, p)."""
        frame = self.select(frame)
        return np.hstack([c.encode(_numbers(frame[c.name], c.name)) for c in self.columns])

    def state(self) -> list[dict[str, Any]]:
        """Return the encoding as plain values, one dict a column."""
        return [{"kind": "numeric", **asdict(column)} for column in self.columns]

    @classmethod
    def from_state(cls, state: Sequence[dict[str, Any]]) -> TableEncoder:
        """Rebuild an encoder from :meth:`state`."""
        return cls(tuple(NumericColumn(s["name"], s["mean"], s["scale"]) for s in state))


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


def _check_names(frame: pd.DataFrame) -> None:
    if frame.columns.duplicated().any():
        name = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"column {name!r} appears more than once; rename one of them")


def _numbers(series: pd.Series, name: str) -> FloatArray:
    """Return a column as float64 (n,), or name it, the row and the value that is not a finite number."""
    try:
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        numbers = pd.to_numeric(series, errors="coerce")
        row = int(np.flatnonzero((numbers.isna() & series.notna()).to_numpy())[0])
        raise ValueError(
            f"expected numbers in column {name!r}; got {series.iloc[row]!r} in row {series.index[row]}; "
            "drop or encode it"
        ) from None
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"expected finite numbers in column {name!r}; got {values[bad[0]]} in row {series.index[bad[0]]} "
            f"({bad.size} such rows); drop the rows or fill the values"
        )
    return values
