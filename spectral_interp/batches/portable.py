"""A portable fitted model: without PyTorch, small, and pickled in one piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, softmax

from .._common.arrays import FloatArray
from .._common.messages import Found
from ..pencil import SpectralFunction
from ..tables.encoder import TableEncoder
from ..tables.frames import as_frame
from ..view import ModelView, Rows, view_of
from ..view.rows import Coordinates, labels_of
from ..view.wrapped import transformed, unwrapped


@dataclass(frozen=True, eq=False)
class Portable:
    """A fitted model for other processes: its view and its encoder. Build it with :func:`portable`.

    Analyses accept it in place of a fitted estimator. It contains no PyTorch objects and is unpickled without
    PyTorch.

    Attributes
    ----------
    encoder : TableEncoder or None
        Encoder of tables as features; None for a pencil, whose columns are its features.
    model_view : ModelView
    classes : tuple
        Classes in the order of their probabilities; empty for numbers.
    steps : tuple
        Transformers of a pipeline that are applied to rows first.
    """

    encoder: TableEncoder | None
    model_view: ModelView
    classes: tuple[Any, ...] = ()
    steps: tuple[Any, ...] = ()

    def view(self) -> ModelView:
        """Return the model's view for analyses."""
        return self.model_view

    build_view = view  # analyses recognise a model by this name

    def rows(self, X: Any) -> Rows:
        """Return the rows ``X``, shape (n, columns), encoded for any number of analyses.

        Raises
        ------
        ValueError
            If ``X`` does not fit the model.
        """
        return self._rows(X, lambda encoder, frame: encoder.cells(frame), quiet=False)

    def encoded(self, frame: pd.DataFrame) -> Rows:
        """Return the same rows without values or warnings; the warnings are in :attr:`Rows.unknown`."""
        return self._rows(frame, lambda _, frame: np.empty((len(frame), 0)), quiet=True)

    def _rows(
        self, X: Any, cells: Callable[[TableEncoder, pd.DataFrame], npt.NDArray[Any]], *, quiet: bool
    ) -> Rows:
        labels = labels_of(X, len(X))
        if self.encoder is None:
            z = self.model_view.function.check_features(X)
            return Rows(self.model_view, z, z, *labels)
        given = transformed(X, self.steps) if self.steps else X
        frame = self.encoder.select(as_frame(given, self.encoder.table_names))
        unknown: list[Found] = []
        encoded = Coordinates(self.encoder.coordinates(frame, quiet=quiet, notes=unknown))
        return Rows(self.model_view, encoded, cells(self.encoder, frame), *labels, tuple(unknown))

    def probabilities(self, prediction: FloatArray) -> FloatArray:
        """Return the probabilities of ``classes``, (n, classes), from predictions of the view."""
        if prediction.ndim == 2:
            shares: FloatArray = softmax(prediction, axis=1)
            return shares
        of_positive = np.column_stack([expit(-prediction), expit(prediction)])
        return of_positive[:, ::-1] if self._flipped else of_positive

    def decided(self, prediction: FloatArray) -> npt.NDArray[np.intp]:
        """Return the indices of the likeliest classes in ``classes``, (n,)."""
        if prediction.ndim == 2:
            return prediction.argmax(axis=1)
        return ((-prediction if self._flipped else prediction) > 0).astype(np.intp)

    @property
    def _flipped(self) -> bool:
        """Whether predictions are log-odds of the first of two classes."""
        return self.model_view.output.classes != self.classes


def portable(model: Any) -> Portable:
    """Return a fitted model in a form that can be pickled and is free of PyTorch.

    Parameters
    ----------
    model : fitted estimator, Pencil or DensePencil, pipeline or search, or Portable
        The steps of a pipeline before the last are included, and need their own libraries.

    Raises
    ------
    TypeError
        If ``model`` is none of these.

    Examples
    --------
    >>> import pickle
    >>> from spectral_interp import Pencil, explain
    >>> model = portable(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0))
    >>> explain(pickle.loads(pickle.dumps(model)), [[3.0]]).values
    array([[6.]])
    """
    if isinstance(model, Portable):
        return model
    inner, steps = unwrapped(model)
    if isinstance(inner, SpectralFunction):
        return Portable(None, view_of(inner))
    classes = tuple(inner.classes_.tolist()) if hasattr(inner, "classes_") else ()
    return Portable(inner.encoder_, view_of(model), classes, tuple(steps))
