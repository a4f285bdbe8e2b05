"""The view of a model: everything that analyses ask of it, without torch and pandas."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from ..pencil import MatrixPencil, SpectralFunction
from .association import Association, association
from .axes import Axis, NumberAxis
from .hats import Pair, positions, slopes, with_pairs
from .wrapped import renamed, unwrapped


@dataclass(frozen=True)
class Output:
    """What a model predicts.

    Attributes
    ----------
    unit : str
        Unit of the predictions: the target's, or log-odds.
    classes : tuple
        The two classes, the first below 0 and the second above; empty for numbers.
    """

    unit: str
    classes: tuple[Any, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether the sign of a prediction is a class."""
        return bool(self.classes)


@dataclass(frozen=True, eq=False)
class ModelView:
    """What analyses see of a fitted model. It is small and can be pickled.

    Attributes
    ----------
    function : SpectralFunction
        f of the p features.
    axes : tuple of Axis, length c
        How every column of the user's table becomes features, in the order of the features.
    output : Output
    background : ndarray, shape (b, p)
        Encoded rows that attributions are measured against when the caller names none.
    background_name : str
        What they are, in words.
    pairs : tuple of Pair
        Inputs of two columns; their features follow those of the axes.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> view = view_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0))
    >>> view.columns, view.output.unit, view.background_name
    (('z0',), 'prediction', 'the origin')
    """

    function: SpectralFunction
    axes: tuple[Axis, ...]
    output: Output
    background: FloatArray
    background_name: str = "the origin"
    pairs: tuple[Pair, ...] = ()

    def __post_init__(self) -> None:
        background = np.array(self.background, dtype=np.float64)
        background.setflags(write=False)
        object.__setattr__(self, "background", background)

    @property
    def pencil(self) -> MatrixPencil:
        """The pencil of a model that is one eigenvalue; ValueError for a sum of several."""
        if isinstance(self.function, MatrixPencil):
            return self.function
        raise ValueError(f"expected a model of one eigenvalue; got a sum of {len(self.function.terms)}")

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the user's columns, length c."""
        return tuple(axis.name for axis in self.axes)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Names of the features, length p."""
        own = tuple(name for axis in self.axes for name in axis.feature_names)
        return (*own, *(name for pair in self.pairs for name in pair.feature_names(self.columns)))

    @cached_property
    def firsts(self) -> IntArray:
        """First feature of every column, shape (c,)."""
        return np.cumsum([0, *(axis.n_features for axis in self.axes)])[:-1].astype(np.intp)

    @cached_property
    def column_of(self) -> IntArray:
        """Column of every feature, shape (p,)."""
        return np.repeat(np.arange(len(self.axes)), [axis.n_features for axis in self.axes])

    def axis(self, name: str) -> Axis:
        """Return the axis of a column; ValueError suggests the nearest name if there is none."""
        return self.axes[self._place(name)]

    def own(self, name: str) -> slice:
        """Return the features of a column; ValueError suggests the nearest name if there is none."""
        place = self._place(name)
        return slice(int(self.firsts[place]), int(self.firsts[place]) + self.axes[place].n_features)

    def _place(self, name: str) -> int:
        if name in self.columns:
            return self.columns.index(name)
        near = difflib.get_close_matches(str(name), self.columns, n=1, cutoff=0.0)
        raise ValueError(f"expected one of the {len(self.columns)} columns; got {name!r}; is it {near[0]!r}?")

    @cached_property
    def pair_own(self) -> tuple[slice, ...]:
        """The features of every pair."""
        ends = len(self.column_of) + np.cumsum([0, *(len(pair.knots) for pair in self.pairs)])
        return tuple(slice(int(first), int(end)) for first, end in pairwise(ends))

    def with_pairs(self, own: FloatArray) -> FloatArray:
        """Return the features (n, p) of rows from those of the axes."""
        return with_pairs(self.axes, self.pairs, own)

    def positions(self, z: FloatArray, place: int) -> FloatArray:
        """Return the coordinates (n,) at rows z of a number, given by its place among the axes."""
        return positions(self.axes, z, place)

    def moved(self, row: FloatArray, name: str, u: FloatArray) -> FloatArray:
        """Return the row (p,) with a column at each of the coordinates ``u`` (m,): shape (m, p)."""
        rows = np.repeat(row[None, : len(self.column_of)], len(u), axis=0)
        rows[:, self.own(name)] = self.axis(name).place(u)
        return self.with_pairs(rows)

    def steps(self, name: str, own: FloatArray) -> FloatArray:
        """Return changes of all features, (m, p), from those of a column, (m, f), pairs apart."""
        steps = np.zeros((len(own), len(self.features)))
        steps[:, self.own(name)] = own
        return steps

    def per_column(self, per_feature: FloatArray) -> FloatArray:
        """Sum numbers per feature of the axes, (n, p), over the features of each column: shape (n, c)."""
        return np.add.reduceat(per_feature, self.firsts, axis=1)

    def inputs(self, z: FloatArray) -> FloatArray:
        """Return what columns become before they are made piecewise linear: shape (n, g).

        Of every column, in order: a standardised number and the indicator of a gap, or indicators of levels.
        """
        own = (axis.inputs(z[:, self.own(axis.name)]) for axis in self.axes)
        return np.hstack(list(own))

    def from_inputs(self, x: FloatArray) -> FloatArray:
        """Return the features (n, p) of inputs (n, g)."""
        counts = np.cumsum([axis.plain.n_features for axis in self.axes])[:-1]
        blocks = zip(self.axes, np.split(x, counts, axis=1), strict=True)
        return self.with_pairs(np.hstack([axis.from_inputs(block) for axis, block in blocks]))

    def input_slopes(self, z: FloatArray, per_feature: FloatArray) -> FloatArray:
        """Return derivatives in the inputs, (n, …, g), from those in the features, (n, …, p), at rows (n, p).

        At a knot they are those on its right.
        """
        blocks = [
            axis.input_slopes(z[:, own], per_feature[..., own])
            for axis, own in ((axis, self.own(axis.name)) for axis in self.axes)
        ]
        for pair, own in zip(self.pairs, self.pair_own, strict=True):
            along = slopes(pair.coordinates(*(self.positions(z, at) for at in pair.columns)), pair.knots)
            slope = np.einsum("nm,n...m->n...", along, per_feature[..., own]) / pair.scale
            for at, sign in zip(pair.columns, (1.0, pair.sign), strict=True):
                blocks[at] = blocks[at].copy()
                blocks[at][..., 0] += sign * slope
        return np.concatenate(blocks, axis=-1)

    def along(self, z: FloatArray) -> FloatArray:
        """Return how the features change at rows (n, p) as all inputs of a column do: shape (n, c, p)."""
        found = np.zeros((len(z), len(self.axes), len(self.features)))
        for place, axis in enumerate(self.axes):
            own = self.own(axis.name)
            found[:, place, own] = axis.along(z[:, own])
        for pair, own in zip(self.pairs, self.pair_own, strict=True):
            coordinates = pair.coordinates(*(self.positions(z, at) for at in pair.columns))
            step = slopes(coordinates, pair.knots) / pair.scale
            found[:, pair.first, own], found[:, pair.second, own] = step, pair.sign * step
        return found

    @cached_property
    def plain_axes(self) -> tuple[Axis, ...]:
        """Axes whose features are the inputs."""
        return tuple(axis.plain for axis in self.axes)

    def association(self, z: FloatArray) -> Association:
        """Return how the columns go together over encoded rows (n, p): see :mod:`.association`."""
        own = [z[:, self.own(axis.name)] for axis in self.axes]
        u = [axis.locate(features) for axis, features in zip(self.axes, own, strict=True)]
        return association(self.axes, np.column_stack(u))


def view_of(model: Any) -> ModelView:
    """Return the view of a model.

    Parameters
    ----------
    model : fitted estimator, Pencil, DensePencil or ModelView, pipeline or search
        With a pencil each feature is its own column, and the background is the origin. Of a pipeline it is
        the last step, on the columns that the steps before it make.

    Raises
    ------
    TypeError
        If ``model`` is none of these; the message says which object to pass where there is one inside.
    """
    if isinstance(model, ModelView):
        return model
    model, steps = unwrapped(model)
    if isinstance(model, SpectralFunction):
        p = model.n_features
        axes = tuple(NumberAxis(f"z{i}") for i in range(p))
        return ModelView(model, axes, Output("prediction"), np.zeros((1, p)))
    view: ModelView = model.view()
    return replace(view, axes=renamed(view.axes, steps)) if steps else view
