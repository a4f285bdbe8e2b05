"""What an analysis is about: a model, rows, and their contributions.

Sections ask a :class:`Subject`, which alone knows how the model and its rows are stored.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .. import plots
from .._common.arrays import FloatArray, spread
from .._common.caching import cached_property
from .._common.text import class_text, number, percent
from ..attribution.explain import explain, explain_every_class
from ..attribution.result import Attribution
from ..boxes.limits import free_columns
from ..certificates import Certificate, certify
from ..comparison.compare import Comparison, compare
from ..comparison.stability import JUDGED_ROWS, stability_table
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..nearest import Counterfactual, counterfactual
from ..pencil import MatrixPencil, SpectralFunction
from ..regions.pieces import Leading, Regions, linear_regions
from ..regions.slices import PlaneSlice, SpectrumSlice, slice_plane, slice_spectrum
from ..view import ClassesView, ModelView, Rows, output_rows, rows_of

Estimator = SpectralRegressor | SpectralClassifier

COVERED_ROWS = 1000
"""Rows that pieces are counted at: their memory grows with the square."""

CLASS_NUMBERS, FEWEST_CLASS_ROWS = 2**24, 50
"""Contributions to all classes that are held at a time, and the rows that are explained at least."""

EPS_SHARE = 0.1
"""Tolerance of linearity, as a share of the standard deviation of the predictions."""

CELLS, FEWEST_CELLS = 32, 4
"""Maximum number of cells in the proof of a nearest change, and that where proofs take long."""

FEW_NEURONS, FEW_COLUMNS = 16, 100
"""Sizes of a model up to which proofs in a region take seconds."""

ROUNDED = 1e-9
"""Predictions that differ by less, as a share of their size, are the same."""

INTERACTING, PAIRED = 0.01, 8
"""Mean size of interactions that are shown, as a share of the predictions' standard deviation; columns that
are paired."""

LINE = "line"
"""Name of an index that holds the lines of a file."""


class LeftOut(Exception):
    """Why a figure is not defined for this model or these rows; ``built`` are its exhibits that are."""

    def __init__(self, reason: str, built: Sequence[plots.Exhibit] = ()) -> None:
        super().__init__(reason)
        self.built = built


@dataclass(frozen=True)
class Subject:
    """A model, rows, and their contributions.

    Attributes
    ----------
    est : fitted estimator
    rows : Rows
        Encoded once, for all sections.
    attributions : dict
        Of every method, in the requested order; of all rows or of some.
    seconds : dict
        Of every method.
    seed : int
        Of the redraws of the background and of the comparison.
    y : Series, optional
        Targets of the rows.
    compare_rows : int, optional
        Maximum number of rows that the comparison explains; 0 for none, None for its default.
    whole : Rows
        The same rows as the model sees them, with the predictions of all classes.
    output, against : label, optional
        The explained class, and the class that its log-odds are against.
    singled : dict
        Contributions of every method to single predictions: where no output was asked for, of the predicted
        class against the runner-up.
    fixed : tuple of str
        Columns that nearest changes leave as they are.
    limits : mapping
        What columns may be in nearest changes, as in :func:`.counterfactual`.
    """

    est: Estimator
    rows: Rows
    attributions: dict[str, Attribution]
    seconds: dict[str, float]
    seed: int
    y: pd.Series | None
    compare_rows: int | None
    whole: Rows
    output: Any = None
    against: Any = None
    singled: dict[str, Attribution] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def explained(
        cls,
        est: Estimator,
        X: Any,
        y: pd.Series | None,
        methods: Sequence[str],
        *,
        most: int | None,
        compare_rows: int | None,
        seed: int,
        output: Any = None,
        against: Any = None,
        fixed: Iterable[str] = (),
        limits: Mapping[str, Any] | None = None,
    ) -> Subject:
        """Explain the rows by each method; all but "local" only ``most`` of them, evenly spread.

        Of more than two classes, without an output that is the most frequent class of the rows, against the
        mean of all, and single predictions are explained for the predicted class against the runner-up.
        """
        whole, attributions, seconds = rows_of(est, X), {}, {}
        still, within = tuple(fixed), dict(limits or {})
        check_changes(whole.view, still, within)
        each = isinstance(whole.view, ClassesView) and output is None and against is None
        chosen = _most_frequent(est, whole, y) if each else output
        singled: dict[str, Attribution] = {}
        for method in dict.fromkeys(methods):
            some = whole if most is None or method == "local" else whole.take(spread(len(whole), most))
            explained = partial(explain, est, method=method, output=chosen, against=against)
            _load_kernels(whole, explained)
            start = time.perf_counter()
            attributions[method] = explained(some)
            seconds[method] = time.perf_counter() - start
            singled[method] = _of_predicted(est, some, method) if each else attributions[method]
        rows = output_rows(est, whole, chosen, against)
        of = (whole, chosen, against, singled, still, within)
        return cls(est, rows, attributions, seconds, seed, y, compare_rows, *of)

    @property
    def is_of_predicted(self) -> bool:
        """Whether single predictions are explained for the predicted class of the row."""
        return self.singled != self.attributions

    @property
    def function(self) -> SpectralFunction:
        """The matrices of what is explained: of one neuron, or of a sum."""
        return self.rows.view.function

    @property
    def fitted(self) -> SpectralFunction:
        """The matrices of the model, of more than two classes those of the first score."""
        view = self.whole.view
        return view.functions[0] if isinstance(view, ClassesView) else view.function

    @property
    def is_sum(self) -> bool:
        """Whether what is explained is a sum of neurons, as the scores of several classes always are."""
        return not isinstance(self.function, MatrixPencil)

    @property
    def members(self) -> int:
        """Number of fits whose average the model is."""
        return self.function.neurons.n_members

    @property
    def neurons(self) -> int:
        """Number of neurons of what is explained, of all fits together."""
        return len(self.function.neurons)

    @property
    def unit(self) -> str:
        """Unit of predictions and contributions."""
        return self.rows.view.output.unit

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that predictions below and above 0 decide for; empty where their sign is no class."""
        return tuple(map(class_text, self.rows.view.output.classes))

    @property
    def labels(self) -> tuple[str, ...]:
        """All classes, in the order of their numbers in ``targets``; empty for a regressor."""
        return tuple(map(class_text, self.whole.view.output.classes))

    @property
    def is_many(self) -> bool:
        """Whether there are more than two classes."""
        return len(self.labels) > 2

    @cached_property
    def targets(self) -> FloatArray:
        """Targets as numbers, of classes their places in ``labels``, shape (n,); NaN where a row has none."""
        found = np.full(len(self.rows), np.nan)
        if self.y is not None:
            known = self.y.notna().to_numpy(dtype=bool)
            found[known] = self.est.encode_targets(np.array(self.y[known].tolist()))
        return found

    @property
    def prediction(self) -> FloatArray:
        """What is explained, shape (n,): the target's unit or log-odds."""
        return self.rows.prediction

    @cached_property
    def errors(self) -> FloatArray:
        """How wrong the predictions are, shape (n,), NaN where a row has no target.

        The distance from the target; of classes, the log-odds of the likeliest other class against the true.
        """
        prediction, targets = self.whole.prediction, self.targets
        if not self.labels:
            return np.abs(prediction - targets)
        if prediction.ndim == 1:
            return np.where(np.isnan(targets), np.nan, np.where(targets > 0, -prediction, prediction))
        own = np.where(np.isnan(targets), 0, targets).astype(np.intp)[:, None]
        others = prediction.copy()
        np.put_along_axis(others, own, -np.inf, axis=1)
        margin = others.max(axis=1) - np.take_along_axis(prediction, own, axis=1)[:, 0]
        return np.where(np.isnan(targets), np.nan, margin)

    @cached_property
    def of_classes(self) -> dict[Any, Attribution]:
        """Local contributions to the log-odds of every class, at the rows of ``class_rows``."""
        return explain_every_class(self.est, self.whole.take(self.class_rows))

    @property
    def class_rows(self) -> npt.NDArray[np.intp]:
        """Places of the rows that all classes are explained at: all, unless that takes much memory."""
        numbers = len(self.labels) * len(self.rows.view.columns)
        return spread(len(self.rows), max(CLASS_NUMBERS // max(numbers, 1), FEWEST_CLASS_ROWS))

    @property
    def truth(self) -> list[Any] | None:
        """True classes of the rows of ``class_rows``, None where one is not known; None if none is."""
        if self.y is None or self.y.isna().all():
            return None
        labels = self.whole.view.output.classes
        return [None if np.isnan(at) else labels[int(at)] for at in self.targets[self.class_rows]]

    @property
    def row_labels(self) -> str:
        """What rows are called, in a sentence."""
        name = self.rows.label_name
        if name == LINE:
            return "A row is called by its line in the file; the names of the columns are line 1."
        if name:
            return f"A row is called by its value of {name}."
        return "A row is called by its label in the index of the table, which by default counts from 0."

    @cached_property
    def inside(self) -> Attribution:
        """Local contributions at rows that those by latent and bond are averaged over."""
        entries = len(self.rows.view.columns) * self.function.neurons.entries[0].size
        return self._local(spread(len(self.rows), min(COVERED_ROWS, max(1, CLASS_NUMBERS // entries))))

    @cached_property
    def highest(self) -> Attribution:
        """Local contributions at the row of the highest prediction."""
        return self._local(np.argsort(self.prediction, kind="stable")[-1:])

    def _local(self, places: npt.NDArray[np.intp]) -> Attribution:
        """Return local contributions at some rows; warnings have been given."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            some = self.whole.take(places)
            return explain(self.est, some, method="local", output=self.output, against=self.against)

    @property
    def first(self) -> Attribution:
        """Contributions by the first method, which ranks the columns."""
        return next(iter(self.attributions.values()))

    def places(self, attribution: Attribution) -> npt.NDArray[np.intp]:
        """Return which of the rows are those of an attribution."""
        return spread(len(self.rows), len(attribution.values))

    @cached_property
    def rankings(self) -> dict[str, pd.DataFrame]:
        """Table of importance of every method."""
        return {name: plots.importance.table(found) for name, found in self.attributions.items()}

    @cached_property
    def certificate(self) -> Certificate:
        """What is proven, with what depends on the rows."""
        return certify(self.rows.view, self.rows)

    @cached_property
    def regions(self) -> Regions:
        """Where the model is linear, at up to 1,000 rows."""
        return linear_regions(self.rows.view, self.rows.take(spread(len(self.rows), COVERED_ROWS)))

    def redraws(self) -> list[pd.DataFrame]:
        """Return for every method how far mean sizes move when the background is drawn again."""
        if len(self.rows.view.background) < 2:
            raise LeftOut("1 background row cannot be drawn again")
        table = partial(stability_table, self.est, seed=self.seed, output=self.output, against=self.against)
        return [
            table(self.rows.take(self.places(found)) if len(found) < JUDGED_ROWS else self.rows, method)
            for method, found in self.attributions.items()
        ]

    def spectrum_along(self, column: str) -> SpectrumSlice:
        """Return all eigenvalues along a column, through the row of the median prediction.

        Of a sum they are those of the neuron that matters most.
        """
        neuron = self.leading.neuron if self.is_sum else None
        return slice_spectrum(self.rows.view, self.rows, column, row=self.row, neuron=neuron)

    @property
    def leading(self) -> Leading:
        """The neuron of a sum that matters most at the rows."""
        found = self.regions.leading
        if np.isnan(found.share):
            raise LeftOut("predictions do not vary over the rows, so no neuron leads")
        return found

    def plane_over(self, across: str, up: str) -> PlaneSlice:
        """Return predictions over two columns, through the row of the median prediction."""
        return slice_plane(self.rows.view, self.rows, (across, up), row=self.row)

    @property
    def proofs_take_long(self) -> bool:
        """Whether the model has many neurons or many columns."""
        return self.neurons > FEW_NEURONS or len(self.rows.view.columns) > FEW_COLUMNS

    def nearest_change(self, place: int, *, middle: bool) -> tuple[Counterfactual | None, str]:
        """Return the nearest change of a row to another prediction, and in words what the target is.

        Of classes it is the other one, or the second likeliest, which needs no words; of numbers the median
        of the predictions, for a row in their middle the upper quartile. None if the row is there already.

        Raises
        ------
        LeftOut
            If the row is outside of the limits, or nothing may change.
        """
        row, target, aim = self.whole.take([place]), None, ""
        if self.labels:
            order = np.argsort(-np.atleast_2d(row.prediction)[0], kind="stable")
            target = self.whole.view.output.classes[int(order[1])] if self.is_many else None
        else:
            share, aim = (0.75, "the upper quartile") if middle else (0.5, "the median")
            target, aim = float(np.quantile(self.prediction, share)), f"{aim} of the predictions"
            way = target - float(row.prediction[0])
            if abs(way) <= ROUNDED * max(abs(target), abs(way)):
                return None, aim
            target -= ROUNDED * way  # so that a row whose prediction is the target has reached it
        cells = FEWEST_CELLS if self.proofs_take_long else CELLS
        nearest = partial(
            counterfactual, self.est, row, fixed=self.fixed, limits=self.limits, max_evaluations=cells
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of the rows have been given
            try:
                return nearest(target=target), aim
            except ValueError as error:
                raise LeftOut(str(error)) from error

    @property
    def comparison(self) -> Comparison | None:
        """The comparison with other models and explainers; None where none was asked for."""
        if self.compare_rows == 0:
            return None
        if not self._compared.attributions:
            raise LeftOut("no explainer worked: " + "; ".join(self._compared.notes))
        return self._compared

    @cached_property
    def _compared(self) -> Comparison:
        return compare(
            self.est,
            self.rows,
            self.y,
            output=self.output,
            against=self.against,
            max_rows=self.compare_rows,
            random_state=self.seed,
        )

    @cached_property
    def strongest(self) -> list[str]:
        """Names of the columns, the largest |contribution| of the first method first."""
        return next(iter(self.rankings.values()))["column"].tolist()

    @cached_property
    def _pairs(self) -> pd.DataFrame:
        return plots.interactions.table(self.certificate, self.strongest[:PAIRED])

    @property
    def interactions(self) -> pd.DataFrame:
        """Table of the pairs of the strongest columns; LeftOut if no two interact."""
        if len(self.strongest) < 2:
            raise LeftOut("it needs two columns and the model has 1")
        if not self.prediction.std():
            raise LeftOut("predictions do not vary over the rows")
        first = self._pairs.iloc[0]
        if first["share"] < INTERACTING:
            raise LeftOut(
                f"no two of the {min(PAIRED, len(self.strongest))} strongest columns act together: beyond "
                f"what each does alone, {first['first']} and {first['second']}, the strongest pair, move "
                f"predictions by {number(first['mean_abs_interaction'])} on average, less than "
                f"{percent(INTERACTING)} of their standard deviation"
            )
        return self._pairs

    @property
    def strongest_numeric(self) -> list[str]:
        """Names of the columns of numbers, with knots or without, in the same order."""
        axes = map(self.rows.view.axis, self.strongest)
        return [axis.name for axis in axes if axis.sloped]

    @cached_property
    def colours(self) -> dict[str, str]:
        """Colours of the strongest columns, the same in all figures."""
        return plots.column_colours(self.strongest)

    @cached_property
    def row(self) -> int:
        """The row that slices go through: that of the median prediction."""
        return int(np.argsort(self.prediction, kind="stable")[len(self.prediction) // 2])

    @property
    def eps(self) -> float:
        """Tolerance of linearity, in the prediction's unit."""
        if len(self.rows) < 2:
            raise LeftOut("1 row has no spread of predictions to take a tolerance from")
        deviation = float(self.prediction.std())
        if not deviation:
            raise LeftOut("predictions do not vary over the rows")
        return EPS_SHARE * deviation


def check_changes(view: ModelView, fixed: Sequence[str], limits: Mapping[str, Any]) -> None:
    """Raise ValueError if a model has no such columns, limits do not fit them, or fixed ones have limits."""
    for name in fixed:
        view.axis(name)
    free_columns(view, limits, rows_of(view, None))
    if both := [name for name in limits if name in fixed]:
        raise ValueError(f"expected {both[0]!r} either in fixed or in limits; got both")


def _most_frequent(est: Estimator, whole: Rows, y: pd.Series | None) -> Any:
    """Return the most frequent class of the rows: of their targets, or predicted where there are none."""
    places = whole.prediction.argmax(axis=1)
    if y is not None and y.notna().any():
        places = est.encode_targets(np.array(y.dropna().tolist())).astype(np.intp)
    labels = whole.view.output.classes
    return labels[int(np.bincount(places, minlength=len(labels)).argmax())]


def _of_predicted(est: Estimator, some: Rows, method: str) -> Attribution:
    """Explain rows for the predicted class of each against the runner-up; warnings have been given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return explain(est, some, method=method)


def _load_kernels(rows: Rows, explained: Callable[..., Attribution]) -> None:
    """Explain a row against itself, so that compiling or loading machine code is not timed as explaining."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run that is timed repeats them
        first = rows.take(slice(1))
        explained(first, background=first)
