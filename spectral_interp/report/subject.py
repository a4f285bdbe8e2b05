"""What an analysis is about: a model, rows, and their contributions.

Sections ask a :class:`Subject`, which alone knows how the model and its rows are stored.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .. import plots
from .._common.arrays import FloatArray
from .._common.caching import cached_property
from .._common.sampling import spread
from .._common.text import class_text
from ..attribution.explain import explain
from ..attribution.result import Attribution
from ..certificates import Certificate, certify
from ..comparison.compare import Comparison, compare
from ..comparison.stability import stability_table
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..pencil import SpectralFunction
from ..regions.pieces import Leading, Regions, linear_regions
from ..regions.slices import PlaneSlice, SpectrumSlice, slice_plane, slice_spectrum
from ..view import Rows, rows_of

Estimator = SpectralRegressor | SpectralClassifier

COVERED_ROWS = 1000
"""Rows that pieces are counted at: their memory grows with the square."""

EPS_SHARE = 0.1
"""Tolerance of linearity, as a share of the standard deviation of the predictions."""


LINE = "line"
"""Name of an index that holds the lines of a file."""


class LeftOut(Exception):
    """Why a figure is not defined for this model or these rows."""


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
    compare_rows : int
        Maximum number of rows that the comparison explains; 0 for none.
    """

    est: Estimator
    rows: Rows
    attributions: dict[str, Attribution]
    seconds: dict[str, float]
    seed: int
    y: pd.Series | None
    compare_rows: int

    @classmethod
    def explained(
        cls,
        est: Estimator,
        X: Any,
        y: pd.Series | None,
        methods: Sequence[str],
        *,
        most: int | None,
        compare_rows: int,
        seed: int,
    ) -> Subject:
        """Explain the rows by each method; all but "local" only ``most`` of them, evenly spread."""
        rows, attributions, seconds = rows_of(est, X), {}, {}
        for method in dict.fromkeys(methods):
            some = rows if most is None or method == "local" else rows.take(spread(len(rows), most))
            _load_kernels(est, rows, method)
            start = time.perf_counter()
            attributions[method] = explain(est, some, method=method)
            seconds[method] = time.perf_counter() - start
        return cls(est, rows, attributions, seconds, seed, y, compare_rows)

    @property
    def function(self) -> SpectralFunction:
        """The matrices of the model: of one neuron, or of a sum."""
        return self.rows.view.function

    @property
    def is_sum(self) -> bool:
        """Whether the model is a sum of neurons."""
        return self.est.form_ == "sum"

    @property
    def members(self) -> int:
        """Number of fits whose average the model is."""
        return self.function.neurons.n_members

    @property
    def neurons(self) -> int:
        """Number of neurons, of all fits together."""
        return len(self.function.neurons)

    @property
    def unit(self) -> str:
        """Unit of predictions and contributions."""
        return self.rows.view.output.unit

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes below and above 0 of a classifier; empty for a regressor."""
        return tuple(map(class_text, self.rows.view.output.classes))

    @cached_property
    def targets(self) -> FloatArray:
        """Targets as numbers, 0 and 1 for classes, shape (n,); NaN where a row has none."""
        found = np.full(len(self.rows), np.nan)
        if self.y is not None:
            known = self.y.notna().to_numpy(dtype=bool)
            found[known] = self.est.encode_targets(np.array(self.y[known].tolist()))
        return found

    @property
    def prediction(self) -> FloatArray:
        """What is explained, shape (n,): the target's unit or log-odds."""
        return self.rows.prediction

    @property
    def row_labels(self) -> str:
        """What rows are called, in a sentence."""
        name = self.rows.label_name
        if name == LINE:
            return "A row is called by its line in the file; the names of the columns are line 1."
        if name:
            return f"A row is called by its value of {name}."
        return "A row is called by its label in the index of the table, which by default counts from 0."

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
        return certify(self.est, self.rows)

    @cached_property
    def regions(self) -> Regions:
        """Where the model is linear, at up to 1,000 rows."""
        return linear_regions(self.est, self.rows.take(spread(len(self.rows), COVERED_ROWS)))

    def redraws(self) -> list[pd.DataFrame]:
        """Return for every method how far mean sizes move when the background is drawn again."""
        if len(self.rows.view.background) < 2:
            raise LeftOut("1 background row cannot be drawn again")
        return [stability_table(self.est, self.rows, name, seed=self.seed) for name in self.attributions]

    def spectrum_along(self, column: str) -> SpectrumSlice:
        """Return all eigenvalues along a column, through the row of the median prediction.

        Of a sum they are those of the neuron that matters most.
        """
        neuron = self.leading.neuron if self.is_sum else None
        return slice_spectrum(self.est, self.rows, column, row=self.row, neuron=neuron)

    @property
    def leading(self) -> Leading:
        """The neuron of a sum that matters most at the rows."""
        found = self.regions.leading
        if np.isnan(found.share):
            raise LeftOut("predictions do not vary over the rows, so no neuron leads")
        return found

    def plane_over(self, across: str, up: str) -> PlaneSlice:
        """Return predictions over two columns, through the row of the median prediction."""
        return slice_plane(self.est, self.rows, (across, up), row=self.row)

    @property
    def comparison(self) -> Comparison | None:
        """The comparison with other models and explainers; None where none was asked for."""
        if not self.compare_rows:
            return None
        if not self._compared.attributions:
            raise LeftOut("no explainer worked: " + "; ".join(self._compared.notes))
        return self._compared

    @cached_property
    def _compared(self) -> Comparison:
        return compare(self.est, self.rows, self.y, max_rows=self.compare_rows, random_state=self.seed)

    @cached_property
    def strongest(self) -> list[str]:
        """Names of the columns, the largest |contribution| of the first method first."""
        return next(iter(self.rankings.values()))["column"].tolist()

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


def _load_kernels(est: Estimator, rows: Rows, method: str) -> None:
    """Explain a row against itself, so that compiling or loading machine code is not timed as explaining."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run that is timed repeats them
        first = rows.take(slice(1))
        explain(est, first, method=method, background=first)
