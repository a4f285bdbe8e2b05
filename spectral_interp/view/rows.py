"""Rows of a table as analyses see them: encoded once, with what the user calls them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from .._common.caching import cached_property
from ..pencil import SpectralFunction
from .model import ModelView, view_of


@dataclass(frozen=True, eq=False)
class Rows:
    """Encoded rows of one model.

    Attributes
    ----------
    view : ModelView
    z : ndarray, shape (n, p)
        Features.
    data : ndarray, shape (n, c)
        The rows in the user's units.
    labels : ndarray, shape (n,)
        What the user calls the rows.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> rows = rows_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0), [[1.0], [3.0]])
    >>> rows.prediction, rows.take([1]).labels
    (array([2., 6.]), array([1]))
    """

    view: ModelView
    z: FloatArray
    data: npt.NDArray[Any]
    labels: npt.NDArray[Any]

    def __post_init__(self) -> None:
        if not len(self.z) == len(self.data) == len(self.labels):
            found = f"{len(self.z)}, {len(self.data)} and {len(self.labels)}"
            raise ValueError(f"expected z, data and labels of the same rows; got {found}")

    def __len__(self) -> int:
        return len(self.z)

    @cached_property
    def prediction(self) -> FloatArray:
        """The prediction f at the rows, shape (n,)."""
        return self.view.function.values(self.z)

    def take(self, places: Any) -> Self:
        """Return some of the rows, by their places."""
        return replace(self, z=self.z[places], data=self.data[places], labels=self.labels[places])


def rows_of(model: Any, X: Any) -> Rows:
    """Return the rows ``X`` of ``model``.

    Parameters
    ----------
    model : fitted estimator, Pencil, DensePencil or ModelView
    X : DataFrame or array_like, shape (n, columns), or Rows, or None
        None stands for no rows. A ModelView reads no tables and takes only Rows.

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
        if X.view.axes != view.axes:
            raise ValueError(
                "expected rows whose columns are encoded as the model's are; got rows of another model; "
                "encode them again"
            )
        return replace(X, view=view)
    if X is None:
        c, p = len(view.axes), len(view.column_of)
        return Rows(view, np.empty((0, p)), np.empty((0, c)), np.arange(0))
    if isinstance(model, SpectralFunction):
        z = model.check_features(X)
        return Rows(view, z, z, np.arange(len(z)))
    if isinstance(model, ModelView):
        raise TypeError(f"expected Rows to go with a ModelView; got {type(X).__name__}; call est.rows(X)")
    return model.rows(X)
