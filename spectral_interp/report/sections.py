"""The sections of an analysis: each builds its tables, its figures and its part of the summary.

A section that a model or its rows do not define raises :class:`LeftOut` with the reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .. import plots
from .._common.arrays import FloatArray
from .._common.sampling import spread
from ..attribution.result import Attribution
from ..comparison.compare import compare
from ..comparison.stability import REDRAWS, stability_table
from ..regions.slices import slice_plane, slice_spectrum
from .subject import LeftOut, Subject

SPECTRA = 3
"""Columns whose spectrum is drawn."""

DEPENDENCES = 3
"""Columns whose contributions are drawn against their values."""


@dataclass(frozen=True)
class Exhibit:
    """A table and, if there is one, how to draw it."""

    name: str
    table: pd.DataFrame
    draw: Callable[[Axes], Axes] | None = None
    height: float = 4.6
    """Of the figure, in inches."""


@dataclass(frozen=True)
class Section:
    """What a builder returns: exhibits, and entries of the summary."""

    exhibits: list[Exhibit] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)


def contributions(subject: Subject) -> Section:
    """Tables and figures of every method, and what they cost."""
    exhibits, methods = [], {}
    for name, attribution in subject.attributions.items():
        ranking, dots = plots.importance_table(attribution), plots.beeswarm_table(attribution)
        exhibits += [
            _lines(subject, f"importance_{name}", ranking, plots.importance, len(ranking)),
            _lines(subject, f"beeswarm_{name}", dots, plots.beeswarm, len(ranking)),
        ]
        methods[name] = _method_summary(attribution, ranking, subject.seconds[name])
    background = next(iter(subject.attributions.values())).background
    return Section(
        exhibits, {"background": background, "top_columns": subject.strongest[:5], "methods": methods}
    )


def _lines(
    subject: Subject, name: str, table: pd.DataFrame, draw: Callable[..., Axes], lines: int
) -> Exhibit:
    """Return a figure with one named line per column, in the colours of the columns, as high as it needs."""
    height = plots.height(min(lines, plots.TOP + 1))
    return Exhibit(name, table, partial(draw, table, colours=subject.colours), height)


def _method_summary(attribution: Attribution, ranking: pd.DataFrame, seconds: float) -> dict[str, Any]:
    largest = float(np.abs(attribution.prediction).max())
    gap = float(attribution.completeness_gap.max())
    rows = len(attribution.prediction)
    entry: dict[str, Any] = {
        "rows": rows,
        "top_columns": ranking["column"].head(5).tolist(),
        "coupling_share": _coupling_share(ranking),
        "completeness_gap": gap,
        "completeness_gap_relative": gap / largest if largest > 0 else gap,
        "degenerate_rows": int(attribution.degenerate.sum()),
        "evaluations": attribution.evaluations,
        "milliseconds_per_row": 1000 * seconds / rows,
    }
    if attribution.standard_error is not None:
        entry["largest_standard_error"] = float(attribution.standard_error.max())
    return entry


def _coupling_share(ranking: pd.DataFrame) -> float | None:
    """Return the couplings' share of the sizes of all parts; None where a method has no parts."""
    if "mean_abs_coupling" not in ranking:
        return None
    diagonal, coupling = ranking["mean_abs_diagonal"].sum(), ranking["mean_abs_coupling"].sum()
    return float(coupling / (diagonal + coupling)) if diagonal + coupling > 0 else 0.0


def single_predictions(subject: Subject) -> Section:
    """Waterfalls of the rows of the lowest, the median and the highest prediction that are explained."""
    first = next(iter(subject.attributions.values()))
    places, numbers = _low_to_high(first.prediction), spread(len(subject.X), len(first.prediction))
    exhibits = []
    for name, place in places.items():
        table = plots.waterfall_table(first, place, label=int(numbers[place]))
        exhibits.append(_lines(subject, f"waterfall_{name}", table, plots.waterfall, len(table) + 2))
    return Section(exhibits)


def _low_to_high(prediction: FloatArray) -> dict[str, int]:
    """Return the places of the lowest, the median and the highest; a row is named once.

    Examples
    --------
    >>> _low_to_high(np.array([3.0, 1.0, 2.0])), _low_to_high(np.array([1.0]))
    ({'low': 1, 'median': 2, 'high': 0}, {'median': 0})
    """
    order = np.argsort(prediction, kind="stable")
    median = int(order[len(order) // 2])
    ends = {"low": int(order[0]), "high": int(order[-1])}
    own = {name: place for name, place in ends.items() if place != median}
    return {name: place for name, place in {"low": -1, "median": median, **own}.items() if place >= 0}


def background_stability(subject: Subject) -> Section:
    """Tell how far the mean |contribution| of every column moves when the background is drawn again."""
    if len(subject.est.background_) < 2:
        raise LeftOut("1 background row cannot be drawn again")
    tables = [stability_table(subject.est, subject.X, m, seed=subject.seed) for m in subject.attributions]
    table = pd.concat(tables, ignore_index=True)
    moves = {
        str(method): {
            "relative_standard_deviation": dict(
                zip(lines["column"], lines["redraw_standard_deviation_relative"], strict=True)
            ),
            "redraws": REDRAWS,
            "rows": int(lines["rows"].iloc[0]),
        }
        for method, lines in table.groupby("method", sort=False)
    }
    return Section([Exhibit("background_stability", table)], {"background_stability": moves})


def certificates(subject: Subject) -> Section:
    """Intervals that hold every derivative, and in words what is proven for every input."""
    cert = subject.certificate
    norms = plots.sensitivity_table(cert)
    intervals = plots.certified_table(cert)
    wide = intervals[intervals["high"] > intervals["low"]]
    tightness = (wide["observed_max"] - wide["observed_min"]) / (wide["high"] - wide["low"])
    certified = {
        "sentences": cert.sentences(),
        "columns_of_proven_direction": int((intervals["monotone"] != 0).sum()),
        "columns": len(intervals),
        "lipschitz": cert.lipschitz,
        "curvature": cert.curvature,
        "median_observed_over_certified_range": float(tightness.median()) if len(subject.X) > 1 else None,
    }
    return Section(
        [
            _lines(subject, "sensitivity", norms, plots.sensitivity, len(norms)),
            _lines(subject, "certified", intervals, plots.certified, len(intervals) + 1),
        ],
        {"certified": certified},
    )


def dependence(subject: Subject) -> Section:
    """Contributions of each of the three strongest columns against its values, in what is certified."""
    first = next(iter(subject.attributions.values()))
    exhibits = []
    for place, column in enumerate(subject.strongest[:DEPENDENCES], start=1):
        table = plots.dependence_table(first, subject.certificate, column)
        draw = partial(plots.dependence, table, colours=subject.colours)
        exhibits.append(Exhibit(f"dependence_{place}", table, draw, 5.0))
    return Section(exhibits)


def spectra(subject: Subject) -> Section:
    """All eigenvalues along each of the three strongest columns."""
    if subject.est.pencil_.dim == 1:
        raise LeftOut("a model of one latent has one eigenvalue, its prediction")
    exhibits = []
    for place, name in enumerate(subject.strongest[:SPECTRA], start=1):
        table = plots.spectrum_table(slice_spectrum(subject.est, subject.X, name, row=subject.row))
        draw = partial(plots.spectrum, table, colours=subject.colours)
        exhibits.append(Exhibit(f"spectrum_{place}", table, draw, 5.0))
    return Section(exhibits, {"slices_at_row": subject.row})


def region_map(subject: Subject) -> Section:
    """Predictions and linear pieces over the two strongest numeric columns."""
    _need_latents(subject)
    view = subject.certificate.view
    numeric = [name for name in subject.strongest if view.axis(name).continuous][:2]
    if len(numeric) < 2:
        raise LeftOut(f"it needs two numeric columns and the model has {len(numeric)}")
    plane = slice_plane(subject.est, subject.X, (numeric[0], numeric[1]), row=subject.row)
    table = plots.region_map_table(plane)
    draw = Exhibit("region_map", table, partial(plots.region_map, table, boundaries=plane.boundaries))
    return Section([draw], {"slices_at_row": subject.row})


def pieces(subject: Subject) -> Section:
    """How many tangent planes cover the rows, against how closely they must hold."""
    eps, regions = subject.eps, subject.regions
    table = plots.pieces_table(regions)
    summary: dict[str, Any] = {
        "rows": len(regions.prediction),
        "eps": eps,
        "counts": {name: _pieces_at(counts, eps) for name, counts in regions.piece_counts().items()},
    }
    return Section([Exhibit("pieces", table, partial(plots.pieces, table))], {"pieces": summary})


def skeleton(subject: Subject) -> Section:
    """How much of the model its piecewise linear part explains, and that part, piece by piece."""
    _need_latents(subject)
    regions = subject.regions
    table = regions.latents()
    summary = {
        "active_latents": len(table),
        "r2": regions.skeleton_r2,
        "median_participation": float(np.median(regions.participation)),
    }
    return Section([Exhibit("latents", table)], {"skeleton": summary})


def _need_latents(subject: Subject) -> None:
    if subject.est.pencil_.structure == "dense":
        raise LeftOut("the latents of a dense model depend on the basis")


def _pieces_at(counts: tuple[FloatArray, Any], eps: float) -> int:
    """Return the number of pieces at the largest tolerance up to ``eps``."""
    tolerances, numbers = counts
    return int(numbers[np.searchsorted(tolerances, eps, side="right") - 1])


def margins(subject: Subject) -> Section:
    """How gaps and radii of linearity are distributed over the rows."""
    if subject.est.pencil_.dim == 1:
        raise LeftOut("a model of one latent has no other eigenvalue and is linear everywhere")
    eps, cert = subject.eps, subject.certificate
    table = plots.margins_table(cert, eps)
    summary = {
        "eps": eps,
        "median_gap": float(np.median(cert.gap)),
        "median_linear_radius": float(np.median(table["linear_radius"])),
    }
    if cert.view.output.decides:
        table["flip_radius"] = cert.flip_radius
        summary["median_flip_radius"] = float(np.median(table["flip_radius"]))
    return Section([Exhibit("margins", table, partial(plots.margins, table))], {"margins": summary})


def training_curve(subject: Subject) -> Section:
    """Losses per epoch."""
    est = subject.est
    if not est.history_:
        raise LeftOut("the file holds no history of the training")
    table = plots.training_curve_table(est.history_)
    loss = {"regression": "mean squared error, target standardised", "classification": "log loss, nats"}
    draw = Exhibit("training_curve", table, partial(plots.training_curve, table, loss=loss[est._task]))
    return Section([draw])


def comparison(subject: Subject) -> Section:
    """Set the model beside a linear one and an MLP, and its contributions beside those of SHAP and Captum."""
    if not subject.compare_rows:
        return Section()
    found = compare(
        subject.est, subject.X, subject.y, max_rows=subject.compare_rows, random_state=subject.seed
    )
    if not found.attributions:
        raise LeftOut("no explainer worked: " + "; ".join(found.notes))
    exhibits = [Exhibit("accuracy", found.accuracy), Exhibit("faithfulness", found.faithfulness)]
    exhibits += [Exhibit("cost", found.cost)]
    columns = len(subject.strongest)
    table = plots.importance_by_model_table(found)
    exhibits.append(_lines(subject, "importance_by_model", table, plots.importance_by_model, columns + 1))
    table = plots.agreement_table(found)
    exhibits.append(Exhibit("agreement", table, partial(plots.agreement, table), 6.6))
    table = plots.deletion_table(found)
    exhibits.append(Exhibit("deletion", table, partial(plots.deletion, table)))
    table = plots.faithfulness_cost_table(found)
    exhibits.append(Exhibit("faithfulness_cost", table, partial(plots.faithfulness_cost, table)))
    for place, dispute in enumerate(found.disputed, start=1):
        table = plots.dispute_table(found, dispute)
        lines = table["column"].nunique() + 3
        exhibits.append(_lines(subject, f"dispute_{place}", table, plots.dispute, lines))
    return Section(exhibits, {"comparison": found.summary()})


SECTIONS: dict[str, Callable[[Subject], Section]] = {
    "contributions": contributions,
    "single predictions": single_predictions,
    "redraws of the background": background_stability,
    "certificates": certificates,
    "dependence": dependence,
    "spectra": spectra,
    "region map": region_map,
    "linear pieces": pieces,
    "skeleton": skeleton,
    "gaps and radii": margins,
    "training curve": training_curve,
    "comparison": comparison,
}
"""In the order of the summary. A builder returns a Section or raises LeftOut."""


def build(subject: Subject) -> tuple[list[Exhibit], dict[str, Any]]:
    """Return the exhibits of all sections, and their summaries with what was left out and what took how long.

    Times are in seconds.
    """
    exhibits: list[Exhibit] = []
    summary: dict[str, Any] = {}
    left_out, seconds = [], dict(subject.seconds)
    for name, builder in SECTIONS.items():
        start = time.perf_counter()
        try:
            section = builder(subject)
        except LeftOut as reason:
            left_out.append(f"{name}: {reason}")
            continue
        exhibits += section.exhibits
        summary |= section.summary
        seconds[name] = time.perf_counter() - start
    return exhibits, {**summary, "left_out": left_out, "seconds": seconds}
