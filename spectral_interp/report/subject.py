"""What the sections of an analysis are about: a model, rows, and their contributions."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import plots
from .._common.arrays import FloatArray
from .._common.caching import cached_property
from .._common.sampling import spread
from ..attribution.explain import explain
from ..attribution.result import Attribution
from ..certificates.bounds import Certificate, certify
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..regions.pieces import Regions, linear_regions

Estimator = SpectralRegressor | SpectralClassifier

COVERED_ROWS = 1000
"""Rows that pieces are counted at: their memory grows with the square."""

EPS_SHARE = 0.1
"""Tolerance of linearity, as a share of the standard deviation of the predictions."""


class LeftOut(Exception):
    """Why a section is not defined for this model or these rows."""


@dataclass(frozen=True)
class Subject:
    """What the sections are about: a model, rows, and their contributions.

    Attributes
    ----------
    est : fitted estimator
    X : DataFrame, shape (n, columns)
    attributions : dict
        Of every method, in the order asked for; of all rows or of some.
    seconds : dict
        That every method took.
    seed : int
        Of the redraws of the background and of the comparison.
    y : Series, optional
        Targets of the rows.
    compare_rows : int
        How many rows the comparison explains; 0 for none.
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

    @cached_property
    def prediction(self) -> FloatArray:
        """What is explained, shape (n,): the target's unit or log-odds."""
        return self.est.pencil_.values(self.est.encode(self.X))

    @cached_property
    def certificate(self) -> Certificate:
        """What is proven, with what depends on the rows."""
        return certify(self.est, self.X)

    @cached_property
    def regions(self) -> Regions:
        """Where the model is linear, at up to 1,000 rows."""
        return linear_regions(self.est, self.X.iloc[spread(len(self.X), COVERED_ROWS)])

    @cached_property
    def strongest(self) -> list[str]:
        """Names of the columns, the largest |contribution| of the first method first."""
        first = next(iter(self.attributions.values()))
        return plots.importance_table(first)["column"].tolist()

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
