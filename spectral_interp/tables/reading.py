"""Tables: reading them, the bundled data sets, and encoding columns as features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

from .._common.choices import BUNDLED_TARGETS
from .._common.messages import shown, truncated_list
from .encoder import with_names
from .parsing import check_values
from .readers import READERS, check_size


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
    if str(source) in LOADERS:
        return LOADERS[str(source)]()
    path = Path(source)
    if not path.is_file():
        raise ValueError(
            f"expected a CSV or Parquet file or one of {', '.join(LOADERS)}; got {str(source)!r}, "
            "which is not a file; check the path"
        )
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"expected a file named .csv, .parquet or .pq; got {path}; convert or rename it")
    try:
        check_size(path.stat().st_size)
        frame = with_names(reader(path))
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
        known = truncated_list(map(shown, frame.columns))
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
