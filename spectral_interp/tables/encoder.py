"""A table as the features of a pencil."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray
from .._common.messages import shown, truncated_list
from ..view import Axis, LevelsAxis, NumberAxis
from .columns import DroppedColumn, encode_column, fit_column
from .frames import with_names


@dataclass(frozen=True)
class TableEncoder:
    """Columns of a table as the features of a pencil.

    Build it with :meth:`fit`; its state (:meth:`state`) is plain values. Every feature is zero for an
    average row of the training table: numbers are standardised, indicators of levels and gaps have their mean
    taken off.

    Attributes
    ----------
    axes : tuple of Axis
        The columns that the model uses.
    table_names : tuple of str
        All columns of the training table in its order; the names of ``axes`` if not given.

    Examples
    --------
    >>> encoder = TableEncoder.fit(pd.DataFrame({"age": [20.0, 40.0], "smoker": [True, False]}))
    >>> encoder.feature_names
    ('age', 'smoker = False', 'smoker = True')
    >>> encoder.encode(pd.DataFrame({"smoker": [True], "age": [30.0]}))
    array([[ 0. , -0.5,  0.5]])
    """

    axes: tuple[Axis, ...]
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
            :func:`~spectral_interp.tables.columns.fit_column`).

        Warns
        -----
        UserWarning
            If columns without two different values are dropped; it names them.
        """
        frame = with_names(frame)
        logged = _check_log(log, frame)
        if not len(frame):
            raise ValueError("expected a table with rows; got 0 rows")
        fitted = [fit_column(frame[name], log=name in logged) for name in frame.columns]
        dropped = [f"{shown(c.name)} ({c.why})" for c in fitted if isinstance(c, DroppedColumn)]
        if len(dropped) == len(fitted):
            raise ValueError(f"expected a column that varies; got only {truncated_list(dropped)}")
        if dropped:
            text = "columns that do not vary over the training rows are left out of the model"
            warnings.warn(f"{text}: {truncated_list(dropped)}", UserWarning, stacklevel=2)
        axes = tuple(axis for axis in fitted if not isinstance(axis, DroppedColumn))
        return cls(axes, tuple(frame.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(axis.name for axis in self.axes)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, length p."""
        return tuple(name for axis in self.axes for name in axis.feature_names)

    def select(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the encoder's columns of ``frame``, in its order; ValueError names missing or extra ones."""
        frame = with_names(frame, self.table_names)
        missing = [name for name in self.names if name not in frame.columns]
        extra = [name for name in frame.columns if name not in self.table_names]
        problems = []
        if missing:
            problems.append(f"{_column_is(missing)} missing")
        if extra:
            problems.append(f"{_column_is(extra)} not known to the model; drop or rename")
        if problems:
            raise ValueError(
                f"{'; '.join(problems)}; expected columns {truncated_list(map(shown, self.names))}"
            )
        return frame[list(self.names)]

    def encode(self, frame: pd.DataFrame) -> FloatArray:
        """Map rows of a table to features, shape (n, p).

        Raises
        ------
        ValueError
            If a column is missing or unknown, holds text where training had numbers or the reverse, infinity,
            numbers <= 0 under a logarithm, or has gaps though a numeric column had none in training.
        """
        return self.features(self.select(frame))

    def features(self, selected: pd.DataFrame) -> FloatArray:
        """Map rows that :meth:`select` returned to features, shape (n, p)."""
        return np.hstack([encode_column(axis, selected[axis.name]) for axis in self.axes])

    def state(self) -> list[dict[str, Any]]:
        """Return the encoding as plain values, one dict a column of the training table."""
        states: dict[str, dict[str, Any]] = {
            name: {"kind": "dropped", "name": name} for name in self.table_names
        }
        for axis in self.axes:
            plain = {key: list(v) if isinstance(v, tuple) else v for key, v in vars(axis).items()}
            states[axis.name] = {"kind": _KIND_OF[type(axis)], **plain}
        return list(states.values())

    @classmethod
    def from_state(cls, state: Sequence[dict[str, Any]]) -> TableEncoder:
        """Rebuild an encoder from :meth:`state`; ValueError if a kind of column is unknown."""
        axes: list[Axis] = []
        for entry in state:
            values: dict[str, Any] = {
                key: tuple(v) if isinstance(v, list) else v for key, v in entry.items() if key != "kind"
            }
            if entry["kind"] in _KINDS:
                axes.append(_KINDS[entry["kind"]](**values))
            elif entry["kind"] != "dropped":
                known = ", ".join([*_KINDS, "dropped"])
                raise ValueError(
                    f"expected kinds of column {known}; got {entry['kind']!r} for {entry['name']!r}"
                )
        return cls(tuple(axes), tuple(entry["name"] for entry in state))


_KINDS: dict[str, type[Axis]] = {"numeric": NumberAxis, "categorical": LevelsAxis}

_KIND_OF = {axis: kind for kind, axis in _KINDS.items()}


def _check_log(log: Iterable[str], frame: pd.DataFrame) -> set[str]:
    if isinstance(log, str):
        raise TypeError(f"expected log as a list of column names; got the text {log!r}; write [{log!r}]")
    logged = [str(name) for name in log]
    unknown = [name for name in logged if name not in frame.columns]
    if unknown:
        raise ValueError(
            f"expected log to name columns of {truncated_list(map(shown, frame.columns))}; got {unknown[0]!r}"
        )
    return set(logged)


def _column_is(names: Sequence[str]) -> str:
    """Return the subject and verb of what is wrong with the columns."""
    quoted = truncated_list(map(shown, names))
    return f"column {quoted} is" if len(names) == 1 else f"columns {quoted} are"
