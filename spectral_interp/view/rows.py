"""Rows of a table as analyses use them: encoded once, with the user's labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.caching import cached_property
from .._common.messages import Found
from ..pencil import SpectralFunction
from .model import ModelView, view_of
from .wrapped import transformed, unwrapped


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Rows as coordinates (n, c) of their columns, NaN where a value is missing or unknown.

    Features with hat functions are many times larger, so they are computed on demand.
    """

    u: FloatArray

    def __len__(self) -> int:
        return len(self.u)

    def __getitem__(self, places: Any) -> Self:
        return replace(self, u=self.u[places])


@dataclass(frozen=True, eq=False)
class Rows:
    """Encoded rows of one model.

    Attributes
    ----------
    view : ModelView
    encoded : ndarray, shape (n, p), or Coordinates
        Features, or the coordinates from which they are computed.
    data : ndarray, shape (n, c)
        The rows in the user's units.
    labels : ndarray, shape (n,)
        The user's labels of the rows. Labels may repeat: code finds rows by position and shows labels.
    label_name : str
        Name of the labels, such as "line" or a column of ids; empty if the index has no name.
    unknown : tuple of Found
        Sentences about values of the table that the model does not know.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> rows = rows_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0), [[1.0], [3.0]])
    >>> rows.prediction, rows.take([1]).labels
    (array([2., 6.]), array([1]))
    """

    view: ModelView
    encoded: FloatArray | Coordinates
    data: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    label_name: str = ""
    unknown: tuple[Found, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.encoded) == len(self.data) == len(self.labels):
            found = f"{len(self.encoded)}, {len(self.data)} and {len(self.labels)}"
            raise ValueError(f"expected features, data and labels of the same rows; got {found}")

    def __len__(self) -> int:
        return len(self.encoded)

    def features(self, some: slice) -> FloatArray:
        """Return the features (m, p) of some rows."""
        own = self.encoded[some]
        return self.view.placed(own.u) if isinstance(own, Coordinates) else own

    def in_chunks(
        self, function: Callable[[Self], Sequence[npt.NDArray[Any]]], together: int | None = None
    ) -> list[npt.NDArray[Any]]:
        """Return arrays (n, …) that a function computes for chunks of rows; see :meth:`ModelView.in_chunks`.

        Examples
        --------
        >>> from spectral_interp import Pencil
        >>> rows = rows_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0), [[1.0], [3.0]])
        >>> rows.in_chunks(lambda some: [some.z.sum(axis=1)])
        [array([1., 3.])]
        """
        return self.view.in_chunks(len(self), lambda some: function(self.take(some)), together)

    @cached_property
    def z(self) -> FloatArray:
        """The features (n, p) of all rows, which remain in memory; for analyses of few rows."""
        return self.features(slice(None))

    @cached_property
    def prediction(self) -> FloatArray:
        """The prediction f at the rows, shape (n,), or (n, classes) for more than two classes."""
        return self.view.values_in_chunks(len(self), self.features)

    @cached_property
    def inputs(self) -> FloatArray:
        """The encoded columns before hat functions, shape (n, g); see :meth:`ModelView.inputs`."""
        (found,) = self.in_chunks(lambda some: [self.view.inputs(some.z)])
        return found

    def values_with(self, settings: Mapping[str, FloatArray]) -> FloatArray:
        """Return f (n, m) at every row with some columns set to each of m coordinates.

        Parameters
        ----------
        settings : mapping of str to ndarray, shape (m,)
            Coordinates of the columns to set, NaN for a missing value; all columns are set together.

        Examples
        --------
        >>> from spectral_interp import Pencil
        >>> pencil = Pencil(diag=[[0.0], [2.0], [1.0]], off=[[], [], []], k=0)
        >>> rows_of(pencil, [[1.0, 10.0], [3.0, 20.0]]).values_with({"z0": np.array([0.0, 5.0])})
        array([[10., 20.],
               [20., 30.]])
        """
        view, own = self.view, self.z[:, : len(self.view.column_of)]
        placed = {name: view.axis(name).place(u) for name, u in settings.items()}
        (count,) = {len(features) for features in placed.values()}

        def features(some: slice) -> FloatArray:
            row, at = np.divmod(np.arange(len(self) * count)[some], count)
            moved = own[row]
            for name, there in placed.items():
                moved[:, view.own(name)] = there[at]
            return view.with_pairs(moved)

        found = view.values_in_chunks(len(self) * count, features)
        return found.reshape(len(self), count, *found.shape[1:])

    def take(self, places: Any) -> Self:
        """Return the rows at the given positions."""
        return replace(self, encoded=self.encoded[places], data=self.data[places], labels=self.labels[places])


def labels_of(X: Any, n: int) -> tuple[npt.NDArray[Any], str]:
    """Return the row labels (n,) of a table and their name; without an index they count from 0.

    The labels of an index with several levels are joined to one text.

    Examples
    --------
    >>> labels_of([[1.0], [3.0]], 2)
    (array([0, 1]), '')
    """
    index = X.index if hasattr(X, "iloc") else None
    if index is None:
        return np.arange(n), ""
    labels, name = index.to_numpy(), index.name
    if index.nlevels > 1:
        labels = np.array([", ".join(map(str, label)) for label in labels], dtype=object)
        name = ", ".join(str(part) for part in index.names if part is not None)
    return labels, "" if name is None else str(name)


def rows_of(model: Any, X: Any) -> Rows:
    """Return the rows ``X`` of ``model``.

    Parameters
    ----------
    model : fitted estimator, Pencil, DensePencil or ModelView, pipeline or search
    X : DataFrame or array_like, shape (n, columns), or Rows, or None
        None stands for no rows. A ModelView cannot read tables and takes only Rows.

    Raises
    ------
    TypeError
        If ``model`` is none of these, or a ModelView is given a table.
    ValueError
        If ``X`` does not fit the model.
    """
    view = view_of(model)
    if isinstance(X, Rows):
        if X.view is view:
            return X
        if (X.view.axes, X.view.pairs) != (view.axes, view.pairs):
            raise ValueError(
                "expected rows with the model's encoding of columns; got rows of another model; encode them "
                "again"
            )
        return replace(X, view=view)
    if X is None:
        c, p = len(view.axes), len(view.features)
        return Rows(view, np.empty((0, p)), np.empty((0, c)), np.arange(0))
    if isinstance(model, ModelView):
        raise TypeError(f"expected Rows to go with a ModelView; got {type(X).__name__}; call est.rows(X)")
    model, steps = unwrapped(model)
    if steps:
        rows = rows_of(model, transformed(X, steps))
        labels, label_name = labels_of(X, len(rows))
        return replace(rows, view=view, labels=labels, label_name=label_name)
    if isinstance(model, SpectralFunction):
        z = model.check_features(X)
        return Rows(view, z, z, *labels_of(X, len(z)))
    return model.rows(X)


def output_rows(model: Any, X: Any, output: Any = None, against: Any = None) -> Rows:
    """Return the rows ``X`` of ``model`` with the view of one of its outputs; see :meth:`ModelView.of`.

    Raises
    ------
    TypeError, ValueError
        As in :func:`rows_of` and :meth:`ModelView.of`.
    """
    rows = rows_of(model, X)
    view = rows.view.of(output, against)
    return rows if view is rows.view else replace(rows, view=view)


def background_of(model: Any, rows: Rows, background: Any) -> tuple[FloatArray, str]:
    """Return the encoded background (b, p) for rows of a model, and a description of it.

    The default is the estimator's own background, which are rows drawn from its training table with its seed.
    For a pencil or a bare state dict it is the origin.

    Raises
    ------
    TypeError, ValueError
        If ``background`` does not fit the model, or has no rows.
    """
    view = rows.view
    if background is None:
        return view.function.check_features(view.background), view.background_name
    reference = view.function.check_features(rows_of(model, background).z)
    if not len(reference):
        raise ValueError("expected a background with at least one row; got none")
    return reference, f"{len(reference)} given rows" if len(reference) > 1 else "1 given row"
