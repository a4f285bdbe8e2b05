"""What every analysis starts from: a pencil, encoded rows, and how features and columns go together."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._common.arrays import FloatArray
from ..pencil.base import AnyPencil
from ..pencil.dense import DensePencil
from ..pencil.tridiagonal import Pencil
from .axes import Axis


@dataclass(frozen=True, eq=False)
class Inputs:
    """Rows of one model in the form that every analysis starts from.

    Attributes
    ----------
    pencil : Pencil or DensePencil
    z : ndarray, shape (n, p)
        Encoded features.
    columns : tuple of str, length c
        The user's columns.
    column_of : ndarray of int, shape (p,)
        Column of every feature, ascending; every column has one.
    data : ndarray, shape (n, c)
        The rows in the user's units.
    unit : str
        Unit of the predictions.
    reference : ndarray, shape (b, p)
        Background rows, encoded, when the caller names none.
    axes : tuple of Axis, length c
        How every column becomes features.
    decides : bool
        Whether the sign of f is a class.
    background : str
        What ``reference`` is, in words.
    """

    pencil: AnyPencil
    z: FloatArray
    columns: tuple[str, ...]
    column_of: npt.NDArray[np.intp]
    data: npt.NDArray[Any]
    unit: str
    reference: FloatArray
    axes: tuple[Axis, ...] = ()
    decides: bool = False
    background: str = "the origin"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, length p."""
        return tuple(name for axis in self.axes for name in axis.feature_names)

    def axis(self, name: str) -> Axis:
        """Return the axis of a column; ValueError suggests the nearest name if there is none."""
        if name in self.columns:
            return self.axes[self.columns.index(name)]
        near = difflib.get_close_matches(str(name), self.columns, n=1, cutoff=0.0)
        raise ValueError(f"expected one of the {len(self.columns)} columns; got {name!r}; is it {near[0]!r}?")

    def per_column(self, per_feature: FloatArray) -> FloatArray:
        """Sum numbers per feature, shape (n, p), over the features of each column: shape (n, c)."""
        firsts = np.searchsorted(self.column_of, np.arange(len(self.columns)))
        return np.add.reduceat(per_feature, firsts, axis=1)

    def correlation(self, z: FloatArray) -> FloatArray:
        """Return how the columns correlate over encoded rows (n, p), shape (c, c); 0 where one is constant.

        A number counts with its value, a column of levels with the level that correlates most.
        """
        told = [axis.first + i for axis in self.axes for i in range(len(axis.levels) if axis.levels else 1)]
        centred = z[:, told] - z[:, told].mean(axis=0)
        norm = np.linalg.norm(centred, axis=0)
        unit = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0)
        features, columns = unit.T @ unit, self.column_of[told]
        found = np.zeros((len(self.columns), len(self.columns)))
        order = np.argsort(np.abs(features), axis=None, kind="stable")  # the largest is written last
        i, j = np.unravel_index(order, features.shape)
        found[columns[i], columns[j]] = features[i, j]
        return found


def as_inputs(model: Any, X: Any) -> Inputs:
    """Return the rows ``X`` of ``model`` as :class:`Inputs`.

    Parameters
    ----------
    model : fitted estimator, Pencil or DensePencil
        With a pencil each feature is its own column, and the reference is the origin.
    X : DataFrame or array_like, shape (n, columns), or None
        None stands for no rows.

    Raises
    ------
    TypeError
        If ``model`` is neither.
    ValueError
        If ``X`` does not fit the model.
    """
    if isinstance(model, Pencil | DensePencil):
        p = model.n_features
        z = model.check_features(np.empty((0, p)) if X is None else X)
        names = tuple(f"z{i}" for i in range(p))
        axes = tuple(Axis(name, i) for i, name in enumerate(names))
        return Inputs(model, z, names, np.arange(p), z, "prediction", np.zeros((1, p)), axes)
    if hasattr(model, "inputs"):
        return model.inputs(X)
    raise TypeError(f"expected a fitted spectral estimator or a Pencil; got {type(model).__name__}")
