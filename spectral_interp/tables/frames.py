"""Conversion of tables of other libraries, arrays of objects and lists of rows to pandas DataFrames."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from .._common.messages import shown, truncated_list
from .readers import check_names, floats_for_decimals


def names_columns(X: Any) -> bool:
    """Return whether ``X`` names its columns: a table of pandas, polars, pyarrow, …, or a list of such rows.

    Examples
    --------
    >>> names_columns(pd.DataFrame({"a": [1.0]})), names_columns([{"a": 1.0}]), names_columns([[1.0]])
    (True, True, False)
    """
    rows = isinstance(X, list | tuple) and bool(X) and all(isinstance(row, pd.Series | dict) for row in X)
    return rows or isinstance(X, pd.DataFrame) or (hasattr(X, "columns") and _exports(X))


def _exports(X: Any) -> bool:
    return hasattr(X, "__arrow_c_stream__") or hasattr(X, "to_pandas")


def holds_words(X: Any) -> bool:
    """Return whether an array or a list of rows holds text, booleans or dates.

    Examples
    --------
    >>> holds_words([[1.0, "Oslo"]]), holds_words([[1.0, 2.0]])
    (True, False)
    """
    array = np.asarray(X)
    objects = array.ravel() if array.dtype.kind == "O" else ()
    words = str | bool | np.bool_ | datetime.date | np.datetime64
    return array.dtype.kind in "UM" or any(isinstance(value, words) for value in objects)


def as_frame(X: Any, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return ``X`` as a table; arrays and lists of rows get the names ``columns``, or x0, x1, ….

    Parameters
    ----------
    X : DataFrame, table, array_like, shape (n, columns), or list of Series or dict
        Tables of polars, pyarrow and other libraries that export Arrow streams keep their names, and so do
        rows that name their values. In an array of objects every column gets the type of its values.
    columns : sequence of str, optional
        Names of the columns of an array or a list of unnamed rows.

    Raises
    ------
    ValueError
        If ``X`` is a Series, or an array without two axes or with a different number of columns.

    Examples
    --------
    >>> list(as_frame([[1.0, 2.0]]).columns)
    ['x0', 'x1']
    """
    refuse_series(X)
    if isinstance(X, pd.DataFrame):
        return X
    if names_columns(X):
        if not isinstance(X, list | tuple):
            return _from_arrow(X)
        mixed = len({type(row) for row in X}) > 1
        return pd.DataFrame([dict(row) for row in X] if mixed else list(X)).infer_objects()
    array = np.asarray(X)
    if array.dtype.kind == "U" and not hasattr(X, "dtype"):
        array = np.array(X, dtype=object)  # otherwise NumPy converts numbers to text
    if array.ndim != 2:
        raise ValueError(f"expected a table or a 2D array of shape (rows, columns); got shape {array.shape}")
    names = list(columns) if columns is not None else [f"x{i}" for i in range(array.shape[1])]
    if array.shape[1] != len(names):
        raise ValueError(f"expected {len(names)} columns ({', '.join(names[:20])}); got {array.shape[1]}")
    return pd.DataFrame(array, columns=names).infer_objects()


def refuse_series(X: Any) -> None:
    """Raise ValueError for a Series, which may be a row or a column."""
    if hasattr(X, "name") and hasattr(X, "dtype") and not hasattr(X, "columns"):
        raise ValueError(
            f"expected a table or a 2D array of shape (rows, columns); got a Series named {shown(X.name)}; a "
            "row of a DataFrame X is X.loc[[label]] or X.iloc[[i]], and a column is X[[name]]"
        )


def _from_arrow(X: Any) -> pd.DataFrame:
    table = pa.table(X) if hasattr(X, "__arrow_c_stream__") else X
    frame: pd.DataFrame = table.to_pandas()
    return floats_for_decimals(frame, table.schema) if isinstance(table, pa.Table) else frame


def with_names(frame: pd.DataFrame, known: Sequence[str] = ()) -> pd.DataFrame:
    """Return the table with text for column names, or refuse names that are empty, repeated or nested.

    Blanks around names are removed. A name that equals one of the ``known`` names except for such blanks
    becomes that one.

    Examples
    --------
    >>> list(with_names(pd.DataFrame({" BMI ": [20.0], 7: [1.0]})).columns)
    ['BMI', '7']
    """
    if frame.columns.nlevels > 1:
        raise ValueError(
            f"expected one name per column; got {frame.columns.nlevels} levels; join them into one"
        )
    spelling = {name.strip(): name for name in known}
    given = [str(name) for name in frame.columns]
    names = [name if name in known else spelling.get(name.strip(), name.strip()) for name in given]
    _refuse_alike(given, names)
    check_names(names)
    same = all(isinstance(old, str) and old == new for old, new in zip(frame.columns, names, strict=True))
    return frame if same else frame.set_axis(names, axis=1)


def _refuse_alike(given: list[str], names: list[str]) -> None:
    """Refuse names that differ only in the blanks around them."""
    repeated = {name for name, count in Counter(names).items() if count > 1}
    alike = {name: {old for old, new in zip(given, names, strict=True) if new == name} for name in repeated}
    for name, spellings in alike.items():
        if name and len(spellings) > 1:
            both = truncated_list(map(shown, sorted(spellings)))
            raise ValueError(
                f"columns {both} have the same name except for blanks around it; rename one of them"
            )
