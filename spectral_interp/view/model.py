"""The view of a model: everything that analyses need from it, without torch and pandas."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray, IntArray
from .._common.caching import cached_property
from .._common.messages import meant, shown, truncated_list
from .._common.text import class_text
from ..eigen.engine import in_chunks
from ..pencil import MatrixPencil, SpectralFunction, Total
from .association import Association, association
from .axes import Axis, NumberAxis
from .hats import Pair, features, slopes, with_pairs
from .levels import class_place
from .wrapped import renamed, unwrapped

TOGETHER = 2**19
"""Maximum number of features, or of entries of matrices, that a thread has in memory at a time: 4 MiB."""


@dataclass(frozen=True)
class Output:
    """Output of a model.

    Attributes
    ----------
    unit : str
        Unit of the predictions: the target's, or log-odds.
    classes : tuple
        For log-odds that decide between two classes, the class below 0 and the class above 0; for a model of
        more than two classes, all classes; empty for numbers and log-odds against the mean of all classes.
    target : str
        Name of the target of classes.
    paired : bool
        Whether the model has more classes than these two, so that log-odds do not determine probabilities.
    """

    unit: str
    classes: tuple[Any, ...] = ()
    target: str = ""
    paired: bool = False

    @property
    def decides(self) -> bool:
        """Whether the sign of a prediction is a class."""
        return len(self.classes) == 2

    def place(self, label: Any, name: str) -> int:
        """Return the position of a class, matched by value or as text; ValueError names the argument.

        Examples
        --------
        >>> Output("log-odds", ("no", "yes"), "sold").place("yes", "output")
        1
        """
        if not self.classes:
            raise ValueError(f"expected {name} only for a model of classes; got {label!r}")
        found = class_place(label, self.classes)
        if found < 0:
            near = meant(str(label), [class_text(one) for one in self.classes])
            raise ValueError(
                f"expected {name} to be a class of {self.target!r}: "
                f"{truncated_list(map(shown, self.classes))}; got {shown(label)}{near}"
            )
        return found


def log_odds_of_two(target: str, classes: tuple[Any, Any]) -> Output:
    """Return the output for the log-odds of the second of only two classes.

    Examples
    --------
    >>> log_odds_of_two("sold", ("no", "yes")).unit
    'log-odds of sold = yes'
    """
    return Output(f"log-odds of {target} = {class_text(classes[1])}", classes, target)


def log_odds(target: str, label: Any, against: Any = None) -> Output:
    """Return the output for the log-odds of a class against another, or against the mean of all classes.

    Examples
    --------
    >>> log_odds("kind", "a", "b").unit, log_odds("kind", "a").unit
    ('log-odds of kind = a against b', 'log-odds of kind = a against the mean of all classes')
    """
    if against is None:
        return Output(
            f"log-odds of {target} = {class_text(label)} against the mean of all classes", (), target
        )
    unit = f"log-odds of {target} = {class_text(label)} against {class_text(against)}"
    return Output(unit, (against, label), target, paired=True)


@dataclass(frozen=True, eq=False)
class ModelView:
    """A fitted model as analyses use it. It is small and can be pickled.

    Attributes
    ----------
    function : SpectralFunction
        The function f of the p features.
    axes : tuple of Axis, length c
        Encodings of the columns of the user's table, in the order of the features.
    output : Output
    background : ndarray, shape (b, p)
        Encoded rows: the default background of attributions.
    background_name : str
        Description of the background.
    pairs : tuple of Pair
        Inputs from two columns; their features follow those of the axes.

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
        """The pencil of a model with one eigenvalue; ValueError for a sum of several."""
        if isinstance(self.function, MatrixPencil):
            return self.function
        raise ValueError(f"expected a model with one eigenvalue; got a sum of {len(self.function.terms)}")

    @property
    def _entries(self) -> int:
        """Number of entries of the matrices of one row."""
        return self.function.neurons.entries[0].size

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
        """Return the axis of a column; for an unknown name, ValueError suggests the most similar one."""
        return self.axes[self._place(name)]

    def own(self, name: str) -> slice:
        """Return the features of a column; for an unknown name, ValueError suggests the most similar one."""
        place = self._place(name)
        return slice(int(self.firsts[place]), int(self.firsts[place]) + self.axes[place].n_features)

    def _place(self, name: str) -> int:
        if name in self._places:
            return self._places[name]
        near = difflib.get_close_matches(str(name), self.columns, n=1, cutoff=0.0)
        raise ValueError(f"expected one of the {len(self.columns)} columns; got {name!r}; is it {near[0]!r}?")

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.columns)}

    @cached_property
    def pair_own(self) -> tuple[slice, ...]:
        """The features of every pair."""
        ends = len(self.column_of) + np.cumsum([0, *(len(pair.knots) for pair in self.pairs)])
        return tuple(slice(int(first), int(end)) for first, end in pairwise(ends))

    def placed(self, u: FloatArray) -> FloatArray:
        """Return the features (n, p) at coordinates (n, c) of the columns, which may be NaN."""
        return features(self.axes, self.pairs, u.T, len(u))

    def with_pairs(self, own: FloatArray) -> FloatArray:
        """Return the features (n, p) of rows from the features of the axes."""
        return with_pairs(self.axes, self.pairs, own)

    def positions(self, z: FloatArray, place: int) -> FloatArray:
        """Return the coordinates (n,) at rows z of the number at a position among the axes."""
        first, axis = self.firsts[place], self.axes[place]
        return axis.positions(z[:, first : first + axis.n_features])

    def coordinates(self, z: FloatArray) -> FloatArray:
        """Return the coordinates (n, c) of all columns at rows (n, p), NaN where missing or unknown."""
        return np.column_stack([axis.locate(z[:, self.own(axis.name)]) for axis in self.axes])

    def moved(self, row: FloatArray, name: str, u: FloatArray) -> FloatArray:
        """Return copies (m, p) of the row (p,) with a column at each of the coordinates ``u`` (m,)."""
        rows = np.repeat(row[None, : len(self.column_of)], len(u), axis=0)
        rows[:, self.own(name)] = self.axis(name).place(u)
        return self.with_pairs(rows)

    def steps(self, name: str, own: FloatArray) -> FloatArray:
        """Return changes (m, p) of all features from those of a column, (m, f), without pairs."""
        steps = np.zeros((len(own), len(self.features)))
        steps[:, self.own(name)] = own
        return steps

    def per_column(self, per_input: FloatArray) -> FloatArray:
        """Sum numbers per input, (n, g), over the inputs of each column: shape (n, c)."""
        return np.add.reduceat(per_input, self.input_firsts, axis=1)

    def inputs(self, z: FloatArray) -> FloatArray:
        """Return the inputs (n, g), which are the encoded columns before hat functions.

        The inputs of a column are a standardised number and the indicator of a gap, or indicators of levels.
        """
        own = (axis.inputs(z[:, self.own(axis.name)]) for axis in self.axes)
        return np.hstack(list(own))

    def from_inputs(self, x: FloatArray) -> FloatArray:
        """Return the features (n, p) of inputs (n, g)."""
        blocks = zip(self.axes, np.split(x, self.input_firsts[1:], axis=1), strict=True)
        return self.with_pairs(np.hstack([axis.from_inputs(block) for axis, block in blocks]))

    def values_of_inputs(self, x: FloatArray) -> FloatArray:
        """Return f (n,) at inputs (n, g), computed in chunks of rows."""
        return self.values_in_chunks(len(x), lambda some: self.from_inputs(x[some]))

    def values_in_chunks(self, n: int, features: Callable[[slice], FloatArray]) -> FloatArray:
        """Return f at n rows, (n,) or (n, classes); ``features`` encodes a chunk of rows."""
        (found,) = self.in_chunks(n, lambda some: (self.values(features(some)),))
        return found

    def in_chunks(
        self, n: int, function: Callable[[slice], Sequence[npt.NDArray[Any]]], together: int | None = None
    ) -> list[npt.NDArray[Any]]:
        """Return arrays (n, …) for n rows from a function that computes them for a chunk of rows.

        Besides the results, memory is needed only for ``together`` rows per thread, by default
        :attr:`rows_together`.

        Examples
        --------
        >>> from spectral_interp import Pencil
        >>> view = view_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0))
        >>> view.in_chunks(3, lambda some: [np.arange(3)[some] ** 2], together=2)
        [array([0, 1, 4])]
        """
        found = [np.empty((n, *part.shape[1:]), part.dtype) for part in function(slice(0, 0))]

        def put(some: slice) -> None:
            for whole, part in zip(found, function(some), strict=True):
                whole[some] = part

        in_chunks(put, n, together or self.rows_together, n * self._entries)
        return found

    @property
    def rows_together(self) -> int:
        """Number of rows whose features and matrices are in memory at a time."""
        return max(1, TOGETHER // max(len(self.features), self._entries))

    def values(self, z: FloatArray) -> FloatArray:
        """Return f at features (n, p): shape (n,), or (n, classes) for more than two classes."""
        return self.function.values(z)

    def weights(self, output: Any = None, against: Any = None) -> FloatArray:
        """Return the weights (functions,) of one output over the functions of the model: here 1 or −1.

        Raises
        ------
        ValueError
            As in :meth:`of`.
        """
        if output is None and against is None:
            return np.ones(1)
        own = 1 if output is None else self.output.place(output, "output")
        other = 1 - own if against is None else self.output.place(against, "against")
        _check_different(own, other, output)
        return np.array([1.0 if own == 1 else -1.0])

    def of(self, output: Any = None, against: Any = None) -> ModelView:
        """Return the view of one output: this view, or that of the log-odds of the other class.

        Raises
        ------
        ValueError
            If the model predicts numbers, if ``output`` or ``against`` is not a class, or if both are the
            same.
        """
        if self.weights(output, against)[0] > 0:
            return self
        classes = self.output.classes
        target, paired = self.output.target, self.output.paired
        flipped = log_odds(target, *classes) if paired else log_odds_of_two(target, (classes[1], classes[0]))
        return replace(self, function=-self.function, output=flipped)

    @cached_property
    def input_column_of(self) -> IntArray:
        """Column of every input, shape (g,)."""
        return np.repeat(np.arange(len(self.axes)), [axis.n_features for axis in self.plain_axes])

    @cached_property
    def input_firsts(self) -> IntArray:
        """First input of every column, shape (c,)."""
        return np.searchsorted(self.input_column_of, np.arange(len(self.axes)))

    def input_slopes(self, z: FloatArray, per_feature: FloatArray) -> FloatArray:
        """Return derivatives by the inputs, (n, …, g), from those by the features, (n, …, p), at rows (n, p).

        At a knot they are the derivatives on its right.
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
        """Return the change (n, c, p) of the features at rows (n, p) per unit change of a column's inputs."""
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
        """Return the association of the columns over encoded rows (n, p); see :mod:`.association`."""
        return association(self.axes, self.coordinates(z))


@dataclass(frozen=True, eq=False)
class ClassesView(ModelView):
    """A fitted model of more than two classes, with a score for every class, as analyses use it.

    The softmax of the scores gives the probabilities. Analyses explain one output at a time, which is a
    difference of scores; :meth:`of` returns its view. ``function`` is None, and ``output`` has all classes.

    Attributes
    ----------
    functions : tuple of SpectralFunction
        The scores as functions of the same features.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> scores = tuple(Pencil(diag=[[0.0], [slope]], off=[[], []], k=0) for slope in (1.0, 2.0, 6.0))
    >>> output = Output("log-odds", ("a", "b", "c"), "kind")
    >>> view = ClassesView(None, (NumberAxis("x"),), output, np.zeros((1, 1)), functions=scores)
    >>> view.of("c", "a").function.values([[1.0]]), view.of("c").function.values([[1.0]])
    (array([5.]), array([3.]))
    """

    functions: tuple[SpectralFunction, ...] = ()

    @property
    @override
    def pencil(self) -> MatrixPencil:
        """Raise ValueError: there is a function for every class."""
        raise ValueError(
            f"expected a model with one output; got one with {len(self.functions)} classes; use "
            "view().of(output) for one of them"
        )

    @override
    def values(self, z: FloatArray) -> FloatArray:
        """Return the scores (n, classes) at features (n, p), minus their mean over the classes."""
        scores = np.column_stack([function.values(z) for function in self.functions])
        return scores - scores.mean(axis=1, keepdims=True)

    @override
    def weights(self, output: Any = None, against: Any = None) -> FloatArray:
        """Return the weights of the scores in an output, shape (classes,).

        Examples
        --------
        >>> from spectral_interp import Pencil
        >>> scores = (Pencil(diag=[[0.0], [1.0]], off=[[], []], k=0),) * 4
        >>> output = Output("log-odds", ("a", "b", "c", "d"), "kind")
        >>> view = ClassesView(None, (NumberAxis("x"),), output, np.zeros((1, 1)), functions=scores)
        >>> view.weights("a"), view.weights("a", "d")
        (array([ 0.75, -0.25, -0.25, -0.25]), array([ 1.,  0.,  0., -1.]))
        """
        count = len(self.functions)
        if output is None:
            listed = truncated_list(map(shown, self.output.classes))
            raise ValueError(f"expected output, the class to explain, one of {listed}; got none")
        own = self.output.place(output, "output")
        weights = np.zeros(count) if against is not None else np.full(count, -1 / count)
        weights[own] += 1
        if against is not None:
            other = self.output.place(against, "against")
            _check_different(own, other, output)
            weights[other] -= 1
        return weights

    @override
    def of(self, output: Any = None, against: Any = None) -> ModelView:
        """Return the view of the log-odds of a class, against another or against the mean of all classes.

        The latter are the score of the class minus the mean of all scores.

        Raises
        ------
        ValueError
            If ``output`` is missing, if ``output`` or ``against`` is not a class, or if both are the same.
        """
        weights, classes = self.weights(output, against), self.output.classes
        own = classes[self.output.place(output, "output")]
        other = None if against is None else classes[self.output.place(against, "against")]
        return ModelView(
            Total.combined(self.functions, weights),
            self.axes,
            log_odds(self.output.target, own, other),
            self.background,
            self.background_name,
            self.pairs,
        )

    @property
    @override
    def _entries(self) -> int:
        return max(function.neurons.entries[0].size for function in self.functions)


def _check_different(own: int, other: int, label: Any) -> None:
    if own == other:
        raise ValueError(f"expected output and against to be different classes; got {shown(label)} for both")


def view_of(model: Any) -> ModelView:
    """Return the view of a model.

    Parameters
    ----------
    model : fitted estimator, Pencil, DensePencil or ModelView, pipeline or search
        For a pencil, each feature is a column, and the background is the origin. The view of a pipeline is
        that of its last step, whose columns are the output of the earlier steps.

    Raises
    ------
    TypeError
        If ``model`` is none of these. The message names a spectral model inside, if there is one.
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
