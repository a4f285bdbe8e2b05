"""Subject of an analysis: a model, rows, and their contributions.

Sections use a :class:`Subject`, which hides how the model and its rows are stored.
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
"""Maximum number of rows for counting pieces, whose memory grows with its square."""

CLASS_NUMBERS, FEWEST_CLASS_ROWS = 2**24, 50
"""Maximum number of contributions to all classes in memory, and minimum number of rows explained."""

EPS_SHARE = 0.1
"""Tolerance of linearity, as a share of the standard deviation of the predictions."""

CELLS, FEWEST_CELLS = 32, 4
"""Maximum number of cells in the proof of a nearest change, for small and for large models."""

FEW_NEURONS, FEW_COLUMNS = 16, 100
"""Maximum numbers of neurons and columns for which proofs in a region take seconds."""

ROUNDED = 1e-9
"""Relative difference below which predictions count as equal."""

INTERACTING, PAIRED = 0.01, 8
"""Minimum mean |interaction| that is shown, as a share of the standard deviation of the predictions, and
maximum number of columns that are paired."""

LINE = "line"
"""Name of an index of line numbers of a file."""


class LeftOut(Exception):
    """Reason why a figure is not defined for a model or its rows; ``built`` are the exhibits that are."""

    def __init__(self, reason: str, built: Sequence[plots.Exhibit] = ()) -> None:
        super().__init__(reason)
        self.built = built


@dataclass(frozen=True)
class Subject:
    """Model, rows, and their contributions.

    Attributes
    ----------
    est : fitted estimator
    rows : Rows
        Rows, encoded once for all sections.
    attributions : dict
        Contributions by method, in the requested order, for all rows or some of them.
    seconds : dict
        Seconds by method.
    seed : int
        Seed of the redraws of the background and of the comparison.
    y : Series, optional
        Targets of the rows.
    compare_rows : int, optional
        Maximum number of rows in the comparison; 0 for no comparison, None for its default.
    whole : Rows
        The same rows with the predictions of all classes.
    output, against : label, optional
        Explained class, and reference class of its log-odds.
    singled : dict
        Contributions to single predictions by method. With several classes and no given output, they are
        contributions to the log-odds of the predicted class against the runner-up.
    fixed : tuple of str
        Columns that do not change in nearest changes.
    limits : mapping
        Allowed values of columns in nearest changes, as in :func:`.counterfactual`.
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
        """Explain the rows by each method. Methods other than "local" explain ``most`` evenly spread rows.

        With more than two classes and no given output, the output is the most frequent class of the rows
        against the mean of all classes, and single predictions are explained for the predicted class against
        the runner-up.
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
        """Matrices of the explained output: of one neuron, or of a sum."""
        return self.rows.view.function

    @property
    def fitted(self) -> SpectralFunction:
        """Matrices of the model, or of its first score if there are more than two classes."""
        view = self.whole.view
        return view.functions[0] if isinstance(view, ClassesView) else view.function

    @property
    def is_sum(self) -> bool:
        """Whether the explained output is a sum of neurons, which always holds with several classes."""
        return not isinstance(self.function, MatrixPencil)

    @property
    def members(self) -> int:
        """Number of fits that the model averages."""
        return self.function.neurons.n_members

    @property
    def neurons(self) -> int:
        """Number of neurons of the explained output, over all fits."""
        return len(self.function.neurons)

    @property
    def unit(self) -> str:
        """Unit of predictions and contributions."""
        return self.rows.view.output.unit

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of predictions below and above 0; empty if the sign does not decide the class."""
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
        """Targets as numbers or positions in ``labels``, shape (n,); NaN for rows without a target."""
        found = np.full(len(self.rows), np.nan)
        if self.y is not None:
            known = self.y.notna().to_numpy(dtype=bool)
            found[known] = self.est.encode_targets(np.array(self.y[known].tolist()))
        return found

    @property
    def prediction(self) -> FloatArray:
        """Explained output, shape (n,), in the target's unit or as log-odds."""
        return self.rows.prediction

    @cached_property
    def errors(self) -> FloatArray:
        """Errors of the predictions, shape (n,); NaN for rows without a target.

        The error is the distance from the target. For classes it is the log-odds of the most likely other
        class against the true class.
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
        """Positions of the rows explained for all classes: all rows, unless this takes too much memory."""
        numbers = len(self.labels) * len(self.rows.view.columns)
        return spread(len(self.rows), max(CLASS_NUMBERS // max(numbers, 1), FEWEST_CLASS_ROWS))

    @property
    def truth(self) -> list[Any] | None:
        """True classes of the rows of ``class_rows``, with None for unknown ones; None if all are unknown."""
        if self.y is None or self.y.isna().all():
            return None
        labels = self.whole.view.output.classes
        return [None if np.isnan(at) else labels[int(at)] for at in self.targets[self.class_rows]]

    @property
    def row_labels(self) -> str:
        """Sentence about the labels of the rows."""
        name = self.rows.label_name
        if name == LINE:
            return "Rows are labelled by their line in the file; the header is line 1."
        if name:
            return f"Rows are labelled by their value of {name}."
        return "Rows are labelled by the index of the table, which by default counts from 0."

    @cached_property
    def inside(self) -> Attribution:
        """Local contributions at the rows used for averages by latent and bond."""
        entries = len(self.rows.view.columns) * self.function.neurons.entries[0].size
        return self._local(spread(len(self.rows), min(COVERED_ROWS, max(1, CLASS_NUMBERS // entries))))

    @cached_property
    def highest(self) -> Attribution:
        """Local contributions at the row with the highest prediction."""
        return self._local(np.argsort(self.prediction, kind="stable")[-1:])

    def _local(self, places: npt.NDArray[np.intp]) -> Attribution:
        """Return local contributions at some rows, without repeating warnings."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            some = self.whole.take(places)
            return explain(self.est, some, method="local", output=self.output, against=self.against)

    @property
    def first(self) -> Attribution:
        """Contributions of the first method, which ranks the columns."""
        return next(iter(self.attributions.values()))

    def places(self, attribution: Attribution) -> npt.NDArray[np.intp]:
        """Return the positions of the rows of an attribution among all rows."""
        return spread(len(self.rows), len(attribution.values))

    @cached_property
    def rankings(self) -> dict[str, pd.DataFrame]:
        """Tables of importance by method."""
        return {name: plots.importance.table(found) for name, found in self.attributions.items()}

    @cached_property
    def certificate(self) -> Certificate:
        """Certificate of the model at the rows."""
        return certify(self.rows.view, self.rows)

    @cached_property
    def regions(self) -> Regions:
        """Linear regions of the model at up to 1,000 rows."""
        return linear_regions(self.rows.view, self.rows.take(spread(len(self.rows), COVERED_ROWS)))

    def redraws(self) -> list[pd.DataFrame]:
        """Return for every method the variation of mean |contribution| over draws of the background."""
        if len(self.rows.view.background) < 2:
            raise LeftOut("redraws need at least 2 background rows")
        table = partial(stability_table, self.est, seed=self.seed, output=self.output, against=self.against)
        return [
            table(self.rows.take(self.places(found)) if len(found) < JUDGED_ROWS else self.rows, method)
            for method, found in self.attributions.items()
        ]

    def spectrum_along(self, column: str) -> SpectrumSlice:
        """Return all eigenvalues along a column, through the row with the median prediction.

        For a sum, they are the eigenvalues of the leading neuron.
        """
        neuron = self.leading.neuron if self.is_sum else None
        return slice_spectrum(self.rows.view, self.rows, column, row=self.row, neuron=neuron)

    @property
    def leading(self) -> Leading:
        """Leading neuron of a sum at the rows."""
        found = self.regions.leading
        if np.isnan(found.share):
            raise LeftOut("predictions do not vary over the rows, so no neuron is dominant")
        return found

    def plane_over(self, across: str, up: str) -> PlaneSlice:
        """Return predictions over two columns, through the row with the median prediction."""
        return slice_plane(self.rows.view, self.rows, (across, up), row=self.row)

    @property
    def proofs_take_long(self) -> bool:
        """Whether the model has many neurons or many columns."""
        return self.neurons > FEW_NEURONS or len(self.rows.view.columns) > FEW_COLUMNS

    def nearest_change(self, place: int, *, middle: bool) -> tuple[Counterfactual | None, str]:
        """Return the nearest change of a row to a target, and a description of the target.

        The target for a class is the other class, or the second most likely one, without a description. The
        target for a number is the median of the predictions, or their upper quartile for the row with the
        median prediction. The change is None if the row already reaches the target.

        Raises
        ------
        LeftOut
            If the row is outside the limits, or no column may change.
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
            target -= ROUNDED * way  # a row whose prediction equals the target has reached it
        cells = FEWEST_CELLS if self.proofs_take_long else CELLS
        nearest = partial(
            counterfactual, self.est, row, fixed=self.fixed, limits=self.limits, max_evaluations=cells
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about the rows were issued before
            try:
                return nearest(target=target), aim
            except ValueError as error:
                raise LeftOut(str(error)) from error

    @property
    def comparison(self) -> Comparison | None:
        """Comparison with other models and explainers; None if it was not requested."""
        if self.compare_rows == 0:
            return None
        if not self._compared.attributions:
            raise LeftOut("no explainer succeeded: " + "; ".join(self._compared.notes))
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
        """Names of the columns, in decreasing order of mean |contribution| by the first method."""
        return next(iter(self.rankings.values()))["column"].tolist()

    @cached_property
    def _pairs(self) -> pd.DataFrame:
        return plots.interactions.table(self.certificate, self.strongest[:PAIRED])

    @property
    def interactions(self) -> pd.DataFrame:
        """Table of interactions of the strongest columns. Raises LeftOut if no two interact."""
        if len(self.strongest) < 2:
            raise LeftOut("it needs two columns, and the model has 1")
        if not self.prediction.std():
            raise LeftOut("predictions do not vary over the rows")
        first = self._pairs.iloc[0]
        if first["share"] < INTERACTING:
            raise LeftOut(
                f"no two of the {min(PAIRED, len(self.strongest))} strongest columns interact: the mean "
                f"|interaction| of the strongest pair, {first['first']} and {first['second']}, is "
                f"{number(first['mean_abs_interaction'])}, less than {percent(INTERACTING)} of the standard "
                "deviation of the predictions"
            )
        return self._pairs

    @property
    def strongest_numeric(self) -> list[str]:
        """Names of the columns of numbers, with or without knots, in the same order."""
        axes = map(self.rows.view.axis, self.strongest)
        return [axis.name for axis in axes if axis.sloped]

    @cached_property
    def colours(self) -> dict[str, str]:
        """Colours of the strongest columns, the same in all figures."""
        return plots.column_colours(self.strongest)

    @cached_property
    def row(self) -> int:
        """Position of the row for slices: the row with the median prediction."""
        return int(np.argsort(self.prediction, kind="stable")[len(self.prediction) // 2])

    @property
    def eps(self) -> float:
        """Tolerance of linearity, in the unit of the prediction."""
        if len(self.rows) < 2:
            raise LeftOut("the tolerance is a share of the spread of predictions and needs at least 2 rows")
        deviation = float(self.prediction.std())
        if not deviation:
            raise LeftOut("predictions do not vary over the rows")
        return EPS_SHARE * deviation


def check_changes(view: ModelView, fixed: Sequence[str], limits: Mapping[str, Any]) -> None:
    """Raise ValueError if columns are unknown, limits do not fit them, or fixed columns have limits."""
    for name in fixed:
        view.axis(name)
    free_columns(view, limits, rows_of(view, None))
    if both := [name for name in limits if name in fixed]:
        raise ValueError(f"expected {both[0]!r} either in fixed or in limits; got both")


def _most_frequent(est: Estimator, whole: Rows, y: pd.Series | None) -> Any:
    """Return the most frequent class of the rows, by target, or by prediction if there are no targets."""
    places = whole.prediction.argmax(axis=1)
    if y is not None and y.notna().any():
        places = est.encode_targets(np.array(y.dropna().tolist())).astype(np.intp)
    labels = whole.view.output.classes
    return labels[int(np.bincount(places, minlength=len(labels)).argmax())]


def _of_predicted(est: Estimator, some: Rows, method: str) -> Attribution:
    """Explain rows for the predicted class against the runner-up, without repeating warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return explain(est, some, method=method)


def _load_kernels(rows: Rows, explained: Callable[..., Attribution]) -> None:
    """Explain a row against itself, so that the timing excludes compiling or loading machine code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the timed run issues the same warnings
        first = rows.take(slice(1))
        explained(first, background=first)
