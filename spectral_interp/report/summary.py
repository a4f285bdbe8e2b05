"""Results of an analysis as plain values: the content of its ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray
from .._common.plain import Found
from .._common.text import counted, number, row_text
from ..attribution.result import Attribution
from ..certificates.bounds import Certificate
from ..comparison.compare import Comparison
from ..comparison.stability import REDRAWS
from ..estimators.base import SpectralEstimator
from ..plots.central_slopes import central_sentences
from ..plots.nearest_change import ChangeFound
from ..plots.proven_ranges import RangesFound
from ..regions.pieces import Regions

STRONGEST = 5
"""Number of columns named as the strongest."""


@dataclass(frozen=True, kw_only=True)
class RungFound(Found):
    """A fitted form of the model: its inputs and cost, from ``rungs_`` of the estimator."""

    form: str
    inputs: str
    held_out_loss: float | None
    parameters: int
    epochs: int
    chosen: bool
    decay: float | None = None

    @classmethod
    def of(cls, est: SpectralEstimator) -> list[RungFound]:
        """Return the fitted forms, the simplest first; empty if the file does not record them."""
        lines: list[Any] = est.rungs_.to_dict("records")
        return [cls(**line) for line in lines]


@dataclass(frozen=True, kw_only=True)
class RefitFound(Found):
    """Number of contributions below their standard deviation over the fits of the model.

    ``columns`` are the columns whose mean |contribution| is below the mean of these deviations.
    """

    contributions: int
    below_deviation: int
    columns: list[str]

    @classmethod
    def of(cls, ranking: pd.DataFrame) -> RefitFound | None:
        """Return the summary of a table of importance; None for a model with one fit."""
        if "mean_refit_deviation" not in ranking:
            return None
        weak = ranking["mean_abs_contribution"] < ranking["mean_refit_deviation"]
        return cls(
            contributions=int(ranking["rows"].iloc[0]) * len(ranking),
            below_deviation=int(ranking["below_refit_deviation"].sum()),
            columns=ranking.loc[weak, "column"].tolist(),
        )


@dataclass(frozen=True, kw_only=True)
class IntervalFound(Found):
    """Widest interval of a contribution over all eigenvectors of a degenerate row."""

    row: str
    column: str
    low: float
    high: float

    @classmethod
    def of(cls, attribution: Attribution) -> IntervalFound | None:
        """Return the widest interval; None if no row is degenerate or the method has no intervals."""
        if attribution.method != "local" or not attribution.degenerate.any():
            return None
        low, high = attribution.intervals()
        row, column = np.unravel_index(int((high - low).argmax()), low.shape)
        return cls(
            row=row_text(attribution.rows[row]),
            column=attribution.columns[column],
            low=float(low[row, column]),
            high=float(high[row, column]),
        )

    def sentence(self, unit: str) -> str:
        """Return the interval as a sentence."""
        return (
            f"Over all eigenvectors, the local contribution of {self.column} in row {self.row} ranges from "
            f"{number(self.low)} to {number(self.high)} ({unit}), which is the widest range."
        )


@dataclass(frozen=True, kw_only=True)
class MethodFound(Found):
    """Contributions of one method."""

    rows: int
    top_columns: list[str]
    coupling_share: float | None
    completeness_gap: float
    completeness_gap_relative: float
    degenerate_rows: int
    evaluations: int
    milliseconds_per_row: float
    widest_interval: IntervalFound | None = None
    largest_standard_error: float | None = None
    refit: RefitFound | None = None

    @classmethod
    def of(cls, attribution: Attribution, ranking: pd.DataFrame, seconds: float) -> MethodFound:
        """Return the summary of an attribution, from its table of importance and its seconds."""
        largest = float(np.abs(attribution.prediction).max())
        gap = float(attribution.completeness_gap.max())
        rows, error = len(attribution.prediction), attribution.standard_error
        return cls(
            rows=rows,
            top_columns=ranking["column"].head(STRONGEST).tolist(),
            coupling_share=_coupling_share(ranking),
            completeness_gap=gap,
            completeness_gap_relative=gap / largest if largest > 0 else gap,
            degenerate_rows=int(attribution.degenerate.sum()),
            evaluations=attribution.evaluations,
            milliseconds_per_row=1000 * seconds / rows,
            widest_interval=IntervalFound.of(attribution),
            largest_standard_error=None if error is None else float(error.max()),
            refit=RefitFound.of(ranking),
        )


def _coupling_share(ranking: pd.DataFrame) -> float | None:
    """Return the couplings' share of the sum of all |parts|; None if a method has no parts."""
    if "mean_abs_coupling" not in ranking:
        return None
    diagonal, coupling = ranking["mean_abs_diagonal"].sum(), ranking["mean_abs_coupling"].sum()
    return float(coupling / (diagonal + coupling)) if diagonal + coupling > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class ClassFound(Found):
    """One of more than two classes: its rows, and the columns with the largest mean |contribution|.

    ``recognised`` is the recall of the class. ``rows`` and ``recognised`` are None without targets.
    """

    name: str
    rows: int | None
    predicted: int
    recognised: float | None
    top_columns: list[str]

    @classmethod
    def of(cls, importance: pd.DataFrame, confusion: pd.DataFrame | None) -> list[ClassFound]:
        """Return the summary of every class, from the tables of both figures."""
        columns = importance["column"].nunique()
        parts = [importance.iloc[first : first + columns] for first in range(0, len(importance), columns)]
        found = []
        for at, part in enumerate(parts):
            own = None if confusion is None else confusion.iloc[at * len(parts) : (at + 1) * len(parts)]
            top = part.sort_values("mean_abs_contribution", ascending=False, kind="stable")
            found.append(
                cls(
                    name=str(part["output"].iloc[0]),
                    rows=None if own is None else int(own["rows"].sum()),
                    predicted=int(part["predicted"].iloc[0]),
                    recognised=None if own is None else float(own["share"].iloc[at]),
                    top_columns=top["column"].head(STRONGEST).tolist(),
                )
            )
        return found


@dataclass(frozen=True, kw_only=True)
class ClassesFound(Found):
    """Explained output of a model with more than two classes, and differences between the classes.

    ``chosen`` is True if no output was given. Then the output is the most frequent class, by target if
    ``labelled`` is True (some rows have targets), and by prediction otherwise.
    """

    output: str
    against: str | None
    chosen: bool
    labelled: bool
    classes: list[ClassFound]
    contrasts: list[str]
    confused: str | None

    @property
    def sentence(self) -> str:
        """Sentence about the explained output."""
        against = "the mean of all classes" if self.against is None else self.against
        what = f"Sections on a single output explain the log-odds of {self.output} against {against}"
        if not self.chosen:
            return f"{what}, as requested."
        return (
            f"{what}, the most frequent {'class' if self.labelled else 'predicted class'} of these rows. "
            "Single predictions are explained for the predicted class against the runner-up. The options "
            "--output and --against of analyze choose another output for both."
        )


@dataclass(frozen=True, kw_only=True)
class StabilityFound(Found):
    """Variation of mean |contribution| over redraws of the background, by column."""

    relative_standard_deviation: dict[str, float | None]
    redraws: int
    rows: int
    background_rows: int
    drawn_from: float | None

    @property
    def is_all(self) -> bool:
        """Whether the background consists of all training rows, so that no other can be drawn."""
        return self.drawn_from is not None and self.background_rows >= self.drawn_from

    @classmethod
    def by_method(cls, table: pd.DataFrame) -> dict[str, StabilityFound]:
        """Return the summary of every method in the table of redraws."""
        return {
            str(method): cls(
                relative_standard_deviation=dict(
                    zip(lines["column"], lines["redraw_standard_deviation_relative"], strict=True)
                ),
                redraws=REDRAWS,
                rows=int(lines["rows"].iloc[0]),
                background_rows=int(lines["background_rows"].iloc[0]),
                drawn_from=float(lines["drawn_from"].iloc[0]),
            )
            for method, lines in table.groupby("method", sort=False)
        }


@dataclass(frozen=True, kw_only=True)
class CertifiedFound(Found):
    """Statements proven for every input, and where the data are."""

    sentences: list[str]
    columns_of_proven_direction: int
    columns: int
    lipschitz: float | None
    curvature: str | None
    median_observed_over_certified_range: float | None
    where_data_are: list[str]

    @property
    def all_sentences(self) -> list[str]:
        """Statements proven for every input, followed by statements proven where the data are."""
        return [*self.sentences, *self.where_data_are]

    @classmethod
    def of(
        cls, certificate: Certificate, intervals: pd.DataFrame, rows: int, central: pd.DataFrame | None = None
    ) -> CertifiedFound:
        """Return the summary of a certificate, its table of intervals, and the table of central slopes."""
        wide = intervals[intervals["high"] > intervals["low"]]
        tightness = (wide["observed_max"] - wide["observed_min"]) / (wide["high"] - wide["low"])
        return cls(
            sentences=certificate.sentences(),
            columns_of_proven_direction=int((intervals["monotone"] != 0).sum()),
            columns=len(intervals),
            lipschitz=certificate.lipschitz,
            curvature=certificate.curvature,
            median_observed_over_certified_range=float(tightness.median()) if rows > 1 else None,
            where_data_are=[] if central is None else central_sentences(central),
        )


@dataclass(frozen=True, kw_only=True)
class PiecesFound(Found):
    """Numbers of linear pieces at one tolerance."""

    rows: int
    eps: float
    counts: dict[str, int]

    @classmethod
    def of(cls, regions: Regions, eps: float) -> PiecesFound:
        """Return the numbers of pieces of the regions of a model."""
        counts = {name: _pieces_at(*found, eps) for name, found in regions.piece_counts().items()}
        return cls(rows=len(regions.prediction), eps=eps, counts=counts)


def _pieces_at(tolerances: FloatArray, counts: Any, eps: float) -> int:
    """Return the number of pieces at the largest tolerance up to ``eps``."""
    return int(counts[np.searchsorted(tolerances, eps, side="right") - 1])


@dataclass(frozen=True, kw_only=True)
class SkeletonFound(Found):
    """Piecewise-linear part of the model."""

    active_latents: int
    r2: float | None
    median_participation: float

    @classmethod
    def of(cls, regions: Regions, latents: pd.DataFrame) -> SkeletonFound:
        """Return the summary of the regions of a model and its table of latents."""
        return cls(
            active_latents=len(latents),
            r2=regions.skeleton_r2,
            median_participation=float(np.median(regions.participation)),
        )


@dataclass(frozen=True, kw_only=True)
class MarginsFound(Found):
    """Gaps and radii of the median row."""

    eps: float
    median_gap: float
    median_linear_radius: float
    median_flip_radius: float | None = None
    space: str | None = None

    @classmethod
    def of(cls, table: pd.DataFrame) -> MarginsFound:
        """Return the medians of a table of margins."""
        flip = float(np.median(table["flip_radius"])) if "flip_radius" in table else None
        return cls(
            eps=float(table["eps"].iloc[0]),
            median_gap=float(np.median(table["gap"])),
            median_linear_radius=float(np.median(table["linear_radius"])),
            median_flip_radius=flip,
            space=str(table["space"].iloc[0]) if "space" in table else None,
        )


@dataclass(frozen=True, kw_only=True)
class ComparedMethod(Found):
    """Cost and faithfulness of a method on the spectral model."""

    milliseconds_per_row: float | None
    completeness_gap_relative: float | None
    gain_over_random_deletion: float | None


@dataclass(frozen=True, kw_only=True)
class AgainstShap(Found):
    """Differences of a method from SHAP on the same model, and the column with the largest difference."""

    spearman: float | None
    column: str
    mean_abs_difference: float
    mean_abs_contribution: float
    mean_abs_contribution_shap: float


@dataclass(frozen=True, kw_only=True)
class ShapFound(Found):
    """Differences of every method from one method of SHAP."""

    method: str
    methods: dict[str, AgainstShap]


@dataclass(frozen=True, kw_only=True)
class ComparisonFound(Found):
    """Comparison with other models and explainers."""

    rows: int
    metric: str | None
    accuracy: dict[str, float | None]
    methods: dict[str, ComparedMethod]
    shap: ShapFound | None
    models: dict[str, float | None]
    disputed: list[str]
    notes: list[str]

    @classmethod
    def of(cls, comparison: Comparison) -> ComparisonFound:
        """Return the summary of a comparison."""
        plain = comparison.summary()
        methods = {name: ComparedMethod(**entry) for name, entry in plain["methods"].items()}
        shap = plain["shap"]
        if shap is not None:
            against = {name: AgainstShap(**entry) for name, entry in shap["methods"].items()}
            shap = ShapFound(method=shap["method"], methods=against)
        return cls(**(plain | {"methods": methods, "shap": shap}))


@dataclass(frozen=True, kw_only=True)
class Summary(Found):
    """All results of an analysis, in the order of ``summary.json``.

    ``members`` is the number of fits that a sum averages, ``neurons`` is the number of neurons of all fits
    (for one class, if there are more than two), and ``k`` is the index of the eigenvalue of each neuron.
    ``bent_columns`` counts the piecewise-linear columns, and ``pairs`` counts inputs of two columns.
    ``rungs`` are the fitted forms. ``rows_trained_on`` counts the explained rows that equal a training row in
    all columns of the model; it is None if the training rows are unknown. ``unknown_values`` lists, by
    column, the values unknown to the model.
    """

    made_by: str
    target: str
    unit: str
    form: str
    members: int
    neurons: int
    structure: str
    dim: int
    k: int
    bent_columns: int
    pairs: int
    rungs: list[RungFound]
    rows: int
    row_labels: str
    columns: int
    seed: int
    metrics: Mapping[str, float | None] | None
    classes: ClassesFound | None = None
    rows_trained_on: int | None
    unknown_values: list[str]
    provenance: Mapping[str, str]
    versions: dict[str, str]
    background: str
    top_columns: list[str]
    methods: dict[str, MethodFound]
    background_stability: dict[str, StabilityFound] | None = None
    certified: CertifiedFound
    changes: dict[str, ChangeFound] | None = None
    ranges: RangesFound | None = None
    slices_at_row: int | str | None = None
    pieces: PiecesFound | None = None
    skeleton: SkeletonFound | None = None
    margins: MarginsFound | None = None
    comparison: ComparisonFound | None = None
    left_out: list[str]
    seconds: dict[str, float]

    @property
    def description(self) -> str:
        """Description of the model, without a capital letter or a final period."""
        d, k, columns = self.dim, self.k, counted(self.columns, "column")
        if self.form == "single":
            what = "its prediction"
            if self.classes:
                what = f"the score of each of {len(self.classes.classes)} classes"
            return (
                f"{what} is eigenvalue {k} (of 0–{d - 1}) of a {self.structure} matrix of order {d} that "
                f"depends linearly on {columns}"
            )
        each = f"for each of {len(self.classes.classes)} classes " if self.classes else ""
        fits = "" if self.members == 1 else f" in {self.members} fits, which the prediction averages"
        bent = f", {self.bent_columns} of them made piecewise linear" if self.bent_columns else ""
        pairs = counted(self.pairs, "sum or difference", "sums or differences")
        return (
            f"{each}a sum of {self.neurons} neurons{fits}. Each neuron is eigenvalue {k} (of 0–{d - 1}) of a "
            f"{self.structure} matrix of order {d} that depends linearly on {columns}{bent}"
            + (f", and on {pairs} of two columns" if self.pairs else "")
        )

    @property
    def not_held_out(self) -> str:
        """Sentence about explained rows that equal training rows; empty if there are none."""
        count, n = self.rows_trained_on, self.rows
        if not count:
            return ""
        which = f"{count:,} of the {n:,} rows" if count < n else f"All {n:,} rows"
        text = which if n > 1 else "The row"
        equal = "equals a training row" if count == 1 else "equal training rows"
        these = "this row" if count == 1 else "these rows"
        about = f" Metrics on {these} are not held out." if self.metrics else ""
        return f"{text} {equal} in all columns of the model.{about}"
