"""Encoding of a table as the features of a pencil."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .._common.arrays import FloatArray
from .._common.messages import Found, Notes, meant, shown, truncated_list, warn_of
from ..view import Axis, DateAxis, HatsAxis, LevelsAxis, NumberAxis, Pair
from ..view.hats import features
from ..view.levels import text_of
from .columns import DROPPED, IDENTIFIERS, DroppedColumn, column_coordinates, fit_column
from .dates import shown_dates
from .frames import with_names


@dataclass(frozen=True)
class TableEncoder:
    """Encoder of the columns of a table as the features of a pencil.

    :meth:`fit` builds it, and :meth:`state` returns it as plain values. Every feature is zero for an average
    row of the training table: numbers are standardised, and indicators of levels and gaps are centred.

    Attributes
    ----------
    axes : tuple of Axis
        The columns that the model uses.
    table_names : tuple of str
        All columns of the training table in its order; by default the names of ``axes``.
    pairs : tuple of Pair
        Inputs from two columns; their features follow those of the axes.

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
    pairs: tuple[Pair, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "table_names", self.table_names or self.names)

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        *,
        log: Iterable[str] | None = None,
        drop: Iterable[str] | None = None,
        categorical: Iterable[str] | None = None,
        na_values: Iterable[str] | None = None,
        weight: FloatArray | None = None,
        choose_logs: bool = False,
    ) -> TableEncoder:
        """Fit the encoding of every column of ``frame``.

        Parameters
        ----------
        frame : DataFrame, shape (n, columns)
            Training table. Its column names are converted to text.
        log : iterable of str, optional
            Numeric columns of positive numbers whose logarithm is standardised instead.
        drop : iterable of str, optional
            Columns that the model does not use. Tables to encode may contain them.
        categorical : iterable of str, optional
            Columns to read as levels.
        na_values : iterable of str, optional
            Texts that count as missing in every column, numbers by value: "-999" is also -999.0.
        weight : ndarray, shape (n,), optional
            Positive weights; one by default. A weight of two counts the row twice.
        choose_logs : bool
            Whether skewed columns of positive numbers enter by their logarithm if ``log`` is None.

        Raises
        ------
        TypeError
            If ``log``, ``drop``, ``categorical`` or ``na_values`` is a text instead of a list of texts.
        ValueError
            If the table has no rows, a column name is empty or repeated, a list names an unknown column, two
            lists name the same column, no column varies, or a column cannot be encoded (see
            :func:`~spectral_interp.tables.columns.fit_column`).

        Warns
        -----
        UserWarning
            Once for every kind of value that is left out, folded or reinterpreted; the warning names the
            columns.
        """
        frame = with_names(frame)
        names = tuple(frame.columns)
        logged, levels = named_columns("log", log, frame), named_columns("categorical", categorical, frame)
        gaps = tuple(dict.fromkeys(text for text in _texts("na_values", na_values) if text.strip()))
        frame = without_columns(frame, drop, but={"log": logged, "categorical": levels})
        _refuse_both(logged, levels, "log", "categorical")
        if not len(frame):
            raise ValueError("expected a table with rows; got 0 rows")
        notes, axes = Notes(), []
        for name in frame.columns:
            options: dict[str, Any] = {"log": name in logged, "categorical": name in levels}
            if choose_logs and log is None:
                options["log"] = None
            fitted = fit_column(frame[name], notes, weight=weight, na_values=gaps, **options)
            if isinstance(fitted, DroppedColumn):
                notes.add(fitted.kind, fitted.name, fitted.why)
            else:
                axes.append(fitted)
        if not axes:
            unused = truncated_list([*notes.of(DROPPED), *notes.of(IDENTIFIERS)])
            raise ValueError(f"expected a column that varies; got {f'only {unused}' if unused else 'none'}")
        warn_of(notes.sentences())
        return cls(tuple(axes), names)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(axis.name for axis in self.axes)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, length p."""
        own = tuple(name for axis in self.axes for name in axis.feature_names)
        return (*own, *(name for pair in self.pairs for name in pair.feature_names(self.names)))

    @property
    def plain(self) -> TableEncoder:
        """The encoder without knots and pairs, whose features are the inputs of this one."""
        return replace(self, axes=tuple(axis.plain for axis in self.axes), pairs=())

    def select(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the encoder's columns of ``frame``, in order; ValueError names missing or extra columns."""
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
        return frame if tuple(frame.columns) == self.names else frame[list(self.names)]

    def encode(self, frame: pd.DataFrame, *, quiet: bool = False) -> FloatArray:
        """Map rows of a table to features, shape (n, p).

        Parameters
        ----------
        frame : DataFrame, shape (n, columns)
        quiet : bool
            Whether to give no warnings, for rows on which the encoder was fitted.

        Raises
        ------
        ValueError
            If a column is missing or unknown, holds text where training had numbers or the reverse, infinity,
            or numbers <= 0 under a logarithm.

        Warns
        -----
        UserWarning
            For every column with values that the model does not know: new levels, gaps in a column that had
            none, numbers far outside the training range.
        """
        selected, notes = self.select(frame), list[Found]()
        own = (column_coordinates(axis, selected[axis.name], notes) for axis in self.axes)
        z = features(self.axes, self.pairs, own, len(selected))
        if not quiet:
            warn_of(notes, stacklevel=3)
        return z

    def coordinates(
        self, selected: pd.DataFrame, *, quiet: bool = False, notes: list[Found] | None = None
    ) -> FloatArray:
        """Map rows that :meth:`select` returned to coordinates of the columns, shape (n, columns).

        Features are computed from them. They are NaN where a value is missing or unknown. Warnings are those
        of :meth:`encode`; their sentences are also added to ``notes``.
        """
        notes = [] if notes is None else notes
        u = np.empty((len(selected), len(self.axes)))
        for place, axis in enumerate(self.axes):
            u[:, place] = column_coordinates(axis, selected[axis.name], notes)
        if not quiet:
            warn_of(notes, stacklevel=4)
        return u

    def cells(self, selected: pd.DataFrame) -> npt.NDArray[Any]:
        """Return rows from :meth:`select` for display in explanations, (n, columns); dates are datetime64."""
        dates = {a.name: shown_dates(a, selected[a.name]) for a in self.axes if isinstance(a, DateAxis)}
        cells = selected.to_numpy(dtype=object if dates else None)
        for place, name in enumerate(self.names):
            if name in dates:
                cells[:, place] = dates[name]
        return cells

    def state(self) -> list[dict[str, Any]]:
        """Return the encoding as plain values, one dict for each column of the training table."""
        states: dict[str, dict[str, Any]] = {
            name: {"kind": "dropped", "name": name} for name in self.table_names
        }
        for axis in self.axes:
            values = {field.name: getattr(axis, field.name) for field in fields(axis)}  # type: ignore[arg-type]
            plain = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
            states[axis.name] = {"kind": _KIND_OF[type(axis)], **plain}
        return list(states.values())

    def pair_state(self) -> list[dict[str, Any]]:
        """Return the pairs as plain values."""
        return [asdict(pair) | {"knots": list(pair.knots)} for pair in self.pairs]

    @classmethod
    def from_state(
        cls, state: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]] = ()
    ) -> TableEncoder:
        """Rebuild an encoder from :meth:`state` and :meth:`pair_state`.

        Raises
        ------
        ValueError
            If a kind of column is unknown, or a pair is not of two numeric columns.
        """
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
        found = tuple(Pair(**(pair | {"knots": tuple(pair["knots"])})) for pair in pairs)
        for pair in found:
            if not all(place < len(axes) and isinstance(axes[place], NumberAxis) for place in pair.columns):
                raise ValueError(f"expected pairs of two columns of numbers; got columns {pair.columns}")
        return cls(tuple(axes), tuple(entry["name"] for entry in state), found)


_KINDS: dict[str, type[Axis]] = {
    "numeric": NumberAxis,
    "hats": HatsAxis,
    "categorical": LevelsAxis,
    "date": DateAxis,
}

_KIND_OF = {axis: kind for kind, axis in _KINDS.items()}


def without_columns(
    frame: pd.DataFrame, drop: Iterable[str] | None, *, but: Mapping[str, Iterable[str] | None] | None = None
) -> pd.DataFrame:
    """Return the table without the columns ``drop``.

    Raises
    ------
    TypeError, ValueError
        If ``drop`` is not a list of columns of the table, names all of them, or shares a column with an
        argument in ``but``.
    """
    frame = with_names(frame)
    dropped = named_columns("drop", drop, frame)
    for argument, names in (but or {}).items():
        _refuse_both(dropped, named_columns(argument, names, frame), "drop", argument)
    if dropped and len(dropped) == frame.shape[1]:
        raise ValueError("expected drop to leave a column; got all of them")
    return frame.drop(columns=list(dropped)) if dropped else frame


def named_columns(argument: str, names: Iterable[str] | None, frame: pd.DataFrame) -> set[str]:
    """Return the columns named by an argument; TypeError or ValueError unless they are in the table."""
    found = _texts(argument, names)
    unknown = [name for name in found if name not in frame.columns]
    if unknown:
        known = truncated_list(map(shown, frame.columns))
        raise ValueError(
            f"expected {argument} to name some of the columns {known}; got {unknown[0]!r}"
            f"{meant(unknown[0], frame.columns)}"
        )
    return set(found)


def _texts(argument: str, texts: Iterable[str] | None) -> list[str]:
    if isinstance(texts, str):
        what = "texts" if argument == "na_values" else "column names"
        raise TypeError(f"expected {argument} as a list of {what}; got the text {texts!r}; write [{texts!r}]")
    if texts is not None and not isinstance(texts, Iterable):
        raise TypeError(f"expected {argument} as a list of texts; got {texts!r}")
    return [] if texts is None else [text_of(text).strip() for text in texts]


def _refuse_both(some: set[str], others: set[str], first: str, second: str) -> None:
    if both := sorted(some & others):
        raise ValueError(f"expected {first} and {second} to name different columns; got {both[0]!r} in both")


def _column_is(names: Sequence[str]) -> str:
    """Return the subject and verb of a sentence about columns."""
    quoted = truncated_list(map(shown, names))
    return f"column {quoted} is" if len(names) == 1 else f"columns {quoted} are"
