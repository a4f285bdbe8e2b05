"""Printed lines for the summary of an analysis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from .._common.text import at_least, at_most, counted, listed, number
from ..plots.classes import by_frequency
from ..plots.rungs import of_lowest, rungs_table
from ..report.folder import SUMMARY
from ..report.summary import (
    CertifiedFound,
    ClassesFound,
    ComparisonFound,
    MarginsFound,
    MethodFound,
    RefitFound,
    RungFound,
    SkeletonFound,
    StabilityFound,
    Summary,
)

LABEL = 18
"""Width of the labels."""

PRINTED_CLASSES = 12
"""Maximum number of printed classes."""

PRINTED_SENTENCES = 8
"""Maximum number of printed certified sentences."""


def summary_lines(summary: Summary) -> list[str]:
    """Return the summary as the lines of a short table.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from spectral_interp import SpectralRegressor, report
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0)
    >>> est = est.fit(np.eye(20), np.arange(20.0))
    >>> X = pd.DataFrame(np.eye(20), columns=est.encoder_.table_names)
    >>> print(summary_lines(report.analyze(est, X, None, methods=["local"], seed=0).summary)[0])
    metric             no targets given
    """
    return [f"{name:<{LABEL}} {text}" for name, text in _lines(summary)]


def _lines(summary: Summary) -> Iterator[tuple[str, str]]:
    metrics, unit = summary.metrics or {}, summary.unit
    yield "metric", ", ".join(f"{k} {number(v)}" for k, v in metrics.items()) or "no targets given"
    if summary.not_held_out:
        yield "", summary.not_held_out
    if summary.classes:
        yield from _class_lines(summary.classes)
    if summary.form == "sum" or summary.classes:
        yield "model", summary.description
    for place, line in enumerate(rung_lines(summary.rungs, summary.target, squared="RMSE" in metrics)):
        yield "" if place else "forms", line
    yield "rows", summary.row_labels
    yield "background", summary.background
    for name, method in summary.methods.items():
        yield from _method_lines(name, method, unit)
    for name, moves in (summary.background_stability or {}).items():
        yield f"{name}, redrawn", _stability(moves, summary.methods[name].top_columns)
    yield from _certified_lines(
        summary.certified, "proven" if summary.form == "sum" or summary.classes else "possible"
    )
    for place, change in enumerate((summary.changes or {}).values()):
        yield "" if place else "nearest changes", change.sentence
    if summary.ranges:
        yield "proven ranges", summary.ranges.sentence
    if summary.pieces:
        counts = ", ".join(f"{name} {count}" for name, count in summary.pieces.counts.items())
        yield "linear pieces", f"{counts}, to within {at_most(summary.pieces.eps)} ({unit})"
    if summary.skeleton:
        yield "skeleton", _skeleton(summary.skeleton)
    if summary.margins:
        yield from _margin_lines(summary.margins, unit)
    if summary.comparison:
        yield from _comparison_lines(summary.comparison)
    if summary.slices_at_row is not None:
        yield "slices", f"through row {summary.slices_at_row}, the row of the median prediction"
    for place, reason in enumerate(summary.left_out):
        yield "" if place else "left out", reason
    yield "time", ", ".join(f"{k} {v:.1f} s" for k, v in summary.seconds.items() if v >= 0.05)


def _class_lines(found: ClassesFound) -> Iterator[tuple[str, str]]:
    yield "explained", found.sentence
    printed = by_frequency([one.predicted for one in found.classes], PRINTED_CLASSES)
    for place, one in enumerate(found.classes[at] for at in printed):
        yield "" if place else "classes", f"{one.name}: {', '.join(one.top_columns)}"
    if len(found.classes) > PRINTED_CLASSES:
        yield "", f"… and {len(found.classes) - PRINTED_CLASSES} more in {SUMMARY}"
    for place, sentence in enumerate(filter(None, [found.confused, *found.contrasts])):
        yield "" if place else "contrasts", sentence


def rung_lines(rungs: Sequence[RungFound], target: str, *, squared: bool) -> list[str]:
    """Return a line for every form of a model that was tried, and no lines for a single form.

    Parameters
    ----------
    rungs : sequence of RungFound
    target : str
    squared : bool
        Whether the held-out losses are root mean squared errors; they are log losses otherwise.
    """
    if len(rungs) < 2:
        return []
    table = rungs_table(pd.DataFrame([rung.to_dict() for rung in rungs]), target, squared=squared)
    return [
        f"{line['inputs']}: held-out {line['measure']} {number(line['held_out'])}, "
        f"{of_lowest(line['ratio'])}, {counted(line['parameters'], 'parameter')}"
        + (", chosen" if line["chosen"] else "")
        for _, line in table.iterrows()
    ]


def _method_lines(name: str, method: MethodFound, unit: str) -> Iterator[tuple[str, str]]:
    yield name, ", ".join(method.top_columns)
    share = "" if method.coupling_share is None else f"; {method.coupling_share:.0%} coupling"
    yield "", f"{counted(method.rows, 'row')}, {method.milliseconds_per_row:.3g} ms a row{share}"
    gap, relative = method.completeness_gap, method.completeness_gap_relative
    yield "", f"completeness gap up to {gap:.1e} ({unit}), {relative:.1e} of the largest prediction"
    if method.largest_standard_error is not None:
        yield "", f"sampled: standard errors up to {number(method.largest_standard_error)} ({unit})"
    if method.refit:
        yield "", _refit(method.refit)
    if method.degenerate_rows:
        yield "", f"{counted(method.degenerate_rows, 'row')} degenerate"
    if method.widest_interval:
        yield "", method.widest_interval.sentence(unit)


def _refit(found: RefitFound) -> str:
    share = f"{found.below_deviation / found.contributions:.0%}"
    text = (
        f"{found.below_deviation:,} of {found.contributions:,} contributions ({share}) are smaller than their"
    )
    weak = (
        f"; mean |contribution| is smaller than the mean deviation for {listed(found.columns)}"
        if found.columns
        else ""
    )
    return f"{text} refit deviation{weak}"


def _stability(moves: StabilityFound, columns: list[str]) -> str:
    """Return how much mean |contribution| of the columns varies over redraws of the background."""
    if moves.is_all:
        return "the background holds every training row and cannot be redrawn"
    shares = [(name, moves.relative_standard_deviation[name]) for name in columns]
    listed = ", ".join(f"{name} ± {'undefined' if s is None else format(s, '.1%')}" for name, s in shares)
    return f"mean |contribution| of {listed}"


def _certified_lines(certified: CertifiedFound, bounded: str) -> Iterator[tuple[str, str]]:
    share = certified.median_observed_over_certified_range
    tight = "" if share is None else f"; slopes at the rows span {share:.0%} of the {bounded} range (median)"
    proven = f"{certified.columns_of_proven_direction} of {certified.columns} columns"
    yield "certified", f"direction proven for {proven}{tight}"
    for sentence in certified.sentences[:PRINTED_SENTENCES]:
        yield "", sentence
    if len(certified.sentences) > PRINTED_SENTENCES:
        yield "", f"… and {len(certified.sentences) - PRINTED_SENTENCES} more in {SUMMARY}"
    for sentence in certified.where_data_are:
        yield "", sentence


def _skeleton(found: SkeletonFound) -> str:
    pieces, r2, mixed = found.active_latents, number(found.r2), number(found.median_participation)
    return f"exact pieces {pieces}, R² against the model {r2}, latents mixed in the median row {mixed}"


def _margin_lines(margins: MarginsFound, unit: str) -> Iterator[tuple[str, str]]:
    radius, eps = at_least(margins.median_linear_radius), at_most(margins.eps)
    which = "smallest gap of all neurons" if margins.space else "gap"
    yield "gaps and radii", f"{which} in the median row {at_least(margins.median_gap)} ({unit})"
    space = margins.space or "features"
    yield "", f"half of the rows are linear to within {eps} up to a distance of {radius} in {space}"


def _comparison_lines(compared: ComparisonFound) -> Iterator[tuple[str, str]]:
    accuracy = ", ".join(f"{model} {number(value)}" for model, value in compared.accuracy.items())
    if accuracy:
        yield "comparison", f"{compared.metric}: {accuracy}"
    for place, (name, method) in enumerate(compared.methods.items()):
        gap, gain = number(method.completeness_gap_relative), number(method.gain_over_random_deletion)
        cost = f"{name}: {number(method.milliseconds_per_row)} ms a row, gap {gap} of the spread"
        yield ("" if accuracy or place else "comparison"), f"{cost}, deletion beats random by {gain}"
    for reason in compared.disputed:
        yield "most disputed", reason
    for note in compared.notes:
        yield "", note
