"""What an analysis is about: a model, rows, and their contributions.

Sections ask a :class:`Subject`, which alone knows how the model and its rows are stored.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .. import plots
from .._common.arrays import FloatArray
from .._common.caching import cached_property
from .._common.sampling import spread
from ..attribution.explain import explain
from ..attribution.result import Attribution
from ..certificates.bounds import Certificate, certify
from ..comparison.compare import Comparison, compare
from ..comparison.stability import stability_table
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..pencil.base import AnyPencil
from ..regions.pieces import Regions, linear_regions
from ..regions.slices import PlaneSlice, SpectrumSlice, slice_plane, slice_spectrum

Estimator = SpectralRegressor | SpectralClassifier

COVERED_ROWS = 1000
"""Rows that pieces are counted at: their memory grows with the square."""

EPS_SHARE = 0.1
"""Tolerance of linearity, as a share of the standard deviation of the predictions."""


class LeftOut(Exception):
    """Why a figure is not defined for this model or these rows."""


@dataclass(frozen=True)
class Subject:
    """A model, rows, and their contributions.

    Attributes
    ----------
    est : fitted estimator
    X : DataFrame, shape (n, columns)
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
    X: pd.DataFrame
    attributions: dict[str, Attribution]
    seconds: dict[str, float]
    seed: int
    y: pd.Series | None
    compare_rows: int

    @classmethod
    def explained(
        cls,
        est: Estimator,
        X: pd.DataFrame,
        y: pd.Series | None,
        methods: Sequence[str],
        *,
        most: int | None,
        compare_rows: int,
        seed: int,
    ) -> Subject:
        """Explain the rows by each method; all but "local" only ``most`` of them, evenly spread."""
        attributions, seconds = {}, {}
        for method in dict.fromkeys(methods):
            rows = X if most is None or method == "local" else X.iloc[spread(len(X), most)]
            _load_kernels(est, X, method)
            start = time.perf_counter()
            attributions[method] = explain(est, rows, method=method)
            seconds[method] = time.perf_counter() - start
        return cls(est, X, attributions, seconds, seed, y, compare_rows)

    @property
    def pencil(self) -> AnyPencil:
        """The matrices of the model."""
        return self.est.pencil_

    @property
    def unit(self) -> str:
        """Unit of predictions and contributions."""
        return self.est.unit_

    @property
    def classes(self) -> tuple[str, str] | None:
        """The classes below and above 0 of a classifier."""
        if isinstance(self.est, SpectralRegressor):
            return None
        below, above = map(str, self.est.classes_)
        return below, above

    @cached_property
    def prediction(self) -> FloatArray:
        """What is explained, shape (n,): the target's unit or log-odds."""
        return self.pencil.values(self.est.encode(self.X))

    @property
    def first(self) -> Attribution:
        """Contributions by the first method, which ranks the columns."""
        return next(iter(self.attributions.values()))

    def places(self, attribution: Attribution) -> npt.NDArray[np.intp]:
        """Return which rows of ``X`` are the rows of an attribution."""
        return spread(len(self.X), len(attribution.values))

    @cached_property
    def rankings(self) -> dict[str, pd.DataFrame]:
        """Table of importance of every method."""
        return {name: plots.importance.table(found) for name, found in self.attributions.items()}

    @cached_property
    def certificate(self) -> Certificate:
        """What is proven, with what depends on the rows."""
        return certify(self.est, self.X)

    @cached_property
    def regions(self) -> Regions:
        """Where the model is linear, at up to 1,000 rows."""
        return linear_regions(self.est, self.X.iloc[spread(len(self.X), COVERED_ROWS)])

    def redraws(self) -> list[pd.DataFrame]:
        """Return for every method how far mean sizes move when the background is drawn again."""
        if len(self.est.background_) < 2:
            raise LeftOut("1 background row cannot be drawn again")
        return [stability_table(self.est, self.X, name, seed=self.seed) for name in self.attributions]

    def spectrum_along(self, column: str) -> SpectrumSlice:
        """Return all eigenvalues along a column, through the row of the median prediction."""
        return slice_spectrum(self.est, self.X, column, row=self.row)

    def plane_over(self, across: str, up: str) -> PlaneSlice:
        """Return predictions over two columns, through the row of the median prediction."""
        return slice_plane(self.est, self.X, (across, up), row=self.row)

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
        return compare(self.est, self.X, self.y, max_rows=self.compare_rows, random_state=self.seed)

    @cached_property
    def strongest(self) -> list[str]:
        """Names of the columns, the largest |contribution| of the first method first."""
        return next(iter(self.rankings.values()))["column"].tolist()

    @property
    def strongest_numeric(self) -> list[str]:
        """Names of the numeric columns, in the same order."""
        axes = {axis.name: axis for axis in self.certificate.inputs.axes}
        return [name for name in self.strongest if not axes[name].levels]

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
        if len(self.X) < 2:
            raise LeftOut("1 row has no spread of predictions to take a tolerance from")
        deviation = float(self.prediction.std())
        if not deviation:
            raise LeftOut("predictions do not vary over the rows")
        return EPS_SHARE * deviation


def _load_kernels(est: Estimator, X: pd.DataFrame, method: str) -> None:
    """Explain a row against itself, so that compiling or loading machine code is not timed as explaining."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run that is timed repeats them
        explain(est, X.iloc[:1], method=method, background=X.iloc[:1])
