"""Reading of tables and bundled data sets, and splitting of targets and weights."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

from .._common.arrays import FloatArray
from .._common.choices import BUNDLED_TARGETS
from .._common.messages import meant, row_name, row_names, shown, truncated_list
from .frames import with_names
from .parsing import check_values, is_numeric, numbers_or_none, to_numbers, without
from .readers import READERS, check_size
from .targets import refuse_dates


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


LOADERS = dict(zip(BUNDLED_TARGETS, (_diabetes, _breast_cancer, _two_or_five), strict=True))
"""Name of each bundled data set → function that loads it."""


def read_table(source: str | Path, *, id_column: str | None = None, decimal: str = ".") -> pd.DataFrame:
    """Read a CSV, Parquet or Feather file, or a bundled data set by name.

    CSV is UTF-8 text. The separator is a comma, semicolon, tab or vertical bar: the one that gives
    the most fields, among those that give the first two lines equally many. Blanks around names are
    removed.

    Parameters
    ----------
    source : str or Path
        Path that ends in ``.csv``, ``.tsv`` or ``.txt`` (optionally followed by ``.gz``), ``.parquet``,
        ``.pq`` or ``.feather``, of at most 2 GiB (unzipped); or "diabetes" (442 patients, target
        ``progression``), "breast_cancer" (569 tumours, target ``diagnosis``) or "two_or_five" (all 4,096
        words of 12 bits, target ``two_or_five``: 1 if exactly two or exactly five bits are set).
    id_column : str, optional
        Column that names the rows.
    decimal : {".", ","}
        Decimal mark of a CSV file.

    Returns
    -------
    DataFrame
        Column names are text. The index holds the row labels. Its name is ``id_column``, or "line" if the
        labels are the lines of a CSV file on which the rows begin (the first line of the file is 1). A
        nameless first column, which pandas writes for row labels, becomes the index, and so does the index
        of a Parquet file. Otherwise rows are numbered from 0.

    Raises
    ------
    ValueError
        If the file is missing, of another type, too large, unreadable, not UTF-8, or without rows or columns,
        if a column name is empty or repeated, or if ``id_column`` is missing or has gaps. The message names
        the file.

    Warns
    -----
    UserWarning
        If lines of a CSV file have fewer fields than its first line; the other fields are missing.

    Examples
    --------
    >>> read_table("diabetes").shape
    (442, 11)
    """
    wanted = None if id_column is None else id_column.strip()
    frame = LOADERS[str(source)]() if str(source) in LOADERS else _read_file(Path(source), decimal, wanted)
    return frame if wanted is None else _labelled(frame, wanted, source)


def _read_file(path: Path, decimal: str, id_column: str | None) -> pd.DataFrame:
    if not path.is_file():
        raise ValueError(
            f"expected the file of a table or one of {', '.join(LOADERS)}; got {str(path)!r}, which is not a "
            "file; check the path"
        )
    reader = next((READERS[end] for end in READERS if path.name.lower().endswith(end)), None)
    if reader is None:
        raise ValueError(f"expected a file named {', '.join(READERS)}; got {path}; convert or rename it")
    try:
        check_size(path.stat().st_size)
        frame = with_names(reader(path, decimal, id_column))
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"expected a readable table in {path}; got: {reason}") from error
    if not frame.shape[1]:
        raise ValueError(f"expected a table with columns in {path}; got none; check the file")
    if not len(frame):
        raise ValueError(f"expected a table with rows in {path}; got 0 rows; check the file")
    return frame


def _labelled(frame: pd.DataFrame, id_column: str, source: str | Path) -> pd.DataFrame:
    """Return the table with a column as its row labels."""
    check_known([id_column], frame.columns, f"the column of row names in {source}")
    labels = check_values(frame[id_column], id_column)
    unnamed = np.flatnonzero(labels.isna())
    if unnamed.size:
        raise ValueError(
            f"expected a value in every row of {shown(id_column)} in {source}, which names the rows; got "
            f"{unnamed.size} missing, the first in {row_name(frame.index, unnamed[0])}; fill it in or name "
            "another column"
        )
    if frame.shape[1] == 1:
        raise ValueError(
            f"expected columns besides {shown(id_column)}, which names the rows, in {source}; got none"
        )
    if isinstance(labels.dtype, pd.StringDtype):
        labels = labels.str.strip()
    return frame.drop(columns=id_column).set_index(pd.Index(labels, name=id_column))


def check_known(names: Collection[str], known: Collection[str], what: str) -> None:
    """Raise ValueError if a name is unknown, with the most similar known name.

    Examples
    --------
    >>> check_known(["pirce"], ["price", "size"], "the target")
    Traceback (most recent call last):
        ...
    ValueError: expected the target; got 'pirce', of columns 'price', 'size'; did you mean 'price'?
    """
    for name in names:
        if name not in known:
            columns = truncated_list(map(shown, known))
            raise ValueError(f"expected {what}; got {shown(name)}, of columns {columns}{meant(name, known)}")


def split_target(
    frame: pd.DataFrame,
    target: str,
    source: str | Path,
    *,
    na_values: Collection[str] = (),
    keep: bool = False,
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the table without its target column, and that column.

    Parameters
    ----------
    frame : DataFrame
    target : str
        Name of the column to predict.
    source : str or Path
        Origin of the table, for messages.
    na_values : collection of str
        Texts that count as missing; numbers by value. In numeric targets, "?", "-", "na" and similar
        placeholders are missing too.
    keep : bool
        Whether rows without a target are kept, with a missing target; by default they are left out.

    Raises
    ------
    ValueError
        If the column is missing or the only one, if it has no values (unless ``keep``), or if it holds
        infinity, dates, complex numbers or objects. The message names ``source`` or the column.

    Warns
    -----
    UserWarning
        If rows have no target, with their number.

    Examples
    --------
    >>> X, y = split_target(read_table("diabetes"), "progression", "diabetes")
    >>> X.shape, y.name
    ((442, 10), 'progression')
    """
    if target not in frame.columns:
        known = truncated_list(map(shown, frame.columns))
        raise ValueError(
            f"expected the target column {target!r} in {source}; got columns {known}"
            f"{meant(target, frame.columns)}"
        )
    if frame.shape[1] == 1:
        raise ValueError(f"expected columns besides the target {target!r} in {source}; got none")
    refuse_dates(frame[target], target)
    y = check_values(frame[target], target)
    y = without(y.map(_trimmed) if y.dtype == object or isinstance(y.dtype, pd.StringDtype) else y, na_values)
    if found := numbers_or_none(y):
        y = without(y, found.gaps)
    if is_numeric(y.dtype):
        infinite = np.flatnonzero(np.isinf(y.to_numpy(dtype=np.float64, na_value=np.nan)))
        if infinite.size:
            raise ValueError(
                f"expected a target without infinite values in {source}; got {infinite.size} in {target!r}, "
                f"the first in {row_name(y.index, infinite[0])}; correct or drop those rows"
            )
    missing = y.isna().to_numpy(dtype=bool)
    if missing.all() and not keep:
        raise ValueError(f"expected values of the target {target!r} in {source}; got none in {len(y)} rows")
    if missing.any() and not missing.all():
        what = "metrics use the other rows" if keep else "they are left out"
        warnings.warn(
            f"the target {shown(target)} has no value in {missing.sum()} of {len(y)} rows of {source}; "
            f"{what}: {row_names(y.index, np.flatnonzero(missing))}",
            stacklevel=2,
        )
    X = frame.drop(columns=target)
    return (X, y) if keep else (X[~missing], y[~missing])


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def split_weight(
    frame: pd.DataFrame, column: str, source: str | Path, *, part: bool = False
) -> tuple[pd.DataFrame, FloatArray]:
    """Return the table without its column of weights, and the weights (n,).

    Raises
    ------
    ValueError
        If the column is missing, a value in it is missing, negative, infinite or not a number, or all values
        are zero, unless the table is a ``part``.

    Examples
    --------
    >>> split_weight(pd.DataFrame({"a": [5, 6], "w": ["1", "0.5"]}), "w", "t.csv")[1]
    array([1. , 0.5])
    """
    check_known([column], frame.columns, f"the column of weights in {source}")
    weight = frame[column]
    values = np.full(len(weight), np.nan) if weight.dtype.kind in "mMc" else to_numbers(weight)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        raise ValueError(
            f"expected weights that are numbers >= 0 in {shown(column)} in {source}; got "
            f"{shown(weight.iloc[bad[0]])} in {row_name(weight.index, bad[0])}; correct it"
        )
    if not values.any() and not part:
        raise ValueError(f"expected a weight > 0 in {shown(column)} in {source}; got only zeros")
    return frame.drop(columns=column), values
