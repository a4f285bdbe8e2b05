"""The summary of an analysis as the lines that are printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._common.text import at_least, at_most, number
from ..plots.style import count_rows
from .folder import SUMMARY

LABEL, SENTENCES = 18, 8
"""Width of the labels, and the most sentences that are certified aloud."""


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """Return the summary as the lines of a short table.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from spectral_interp import SpectralRegressor, report
    >>> est = SpectralRegressor(dim=3, n_epochs=2, random_state=0).fit(np.eye(20), np.arange(20.0))
    >>> X = pd.DataFrame(np.eye(20), columns=est.encoder_.table_names)
    >>> print(summary_lines(report.analyze(est, X, None, methods=["local"], seed=0).summary)[0])
    metric             no targets given
    """
    return [f"{name:<{LABEL}} {text}" for name, text in _lines(summary)]


def _lines(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    metrics, unit = summary["metrics"] or {}, summary["unit"]
    yield "metric", ", ".join(f"{k} {number(v)}" for k, v in metrics.items()) or "no targets given"
    yield "background", summary["background"]
    for name, method in summary["methods"].items():
        yield from _method_lines(name, method, unit)
    for name, moves in summary.get("background_stability", {}).items():
        yield f"{name}, redrawn", _stability(moves, summary["methods"][name]["top_columns"])
    yield from _certified_lines(summary["certified"])
    if "pieces" in summary:
        counts = ", ".join(f"{name} {count}" for name, count in summary["pieces"]["counts"].items())
        yield "linear pieces", f"{counts}, to within {at_most(summary['pieces']['eps'])} ({unit})"
    if "skeleton" in summary:
        yield "skeleton", _skeleton(summary["skeleton"])
    if "margins" in summary:
        yield from _margin_lines(summary["margins"], unit)
    if "comparison" in summary:
        yield from _comparison_lines(summary["comparison"])
    if "slices_at_row" in summary:
        yield "slices", f"through row {summary['slices_at_row']}, that of the median prediction"
    for place, reason in enumerate(summary["left_out"]):
        yield "" if place else "left out", reason
    yield "time", ", ".join(f"{k} {v:.1f} s" for k, v in summary["seconds"].items() if v >= 0.05)


def _comparison_lines(compared: dict[str, Any]) -> Iterator[tuple[str, str]]:
    accuracy = ", ".join(f"{model} {number(value)}" for model, value in compared["accuracy"].items())
    if accuracy:
        yield "comparison", f"{compared['metric']}: {accuracy}"
    for place, (name, method) in enumerate(compared["methods"].items()):
        gap, gain = (number(method[k]) for k in ("completeness_gap_relative", "gain_over_random_deletion"))
        told = f"{name}: {number(method['milliseconds_per_row'])} ms a row, gap {gap} of the spread, "
        yield ("" if accuracy or place else "comparison"), f"{told}deletion beats random by {gain}"
    for reason in compared["disputed"]:
        yield "most disputed", reason
    for note in compared["notes"]:
        yield "", note


def _method_lines(name: str, method: dict[str, Any], unit: str) -> Iterator[tuple[str, str]]:
    yield name, ", ".join(method["top_columns"])
    share = "" if method["coupling_share"] is None else f"; {method['coupling_share']:.0%} coupling"
    yield "", f"{count_rows(method['rows'])}, {method['milliseconds_per_row']:.3g} ms a row{share}"
    gap, relative = method["completeness_gap"], method["completeness_gap_relative"]
    yield "", f"completeness gap up to {gap:.1e} ({unit}), {relative:.1e} of the largest prediction"
    if "largest_standard_error" in method:
        yield "", f"sampled: standard errors up to {number(method['largest_standard_error'])} ({unit})"
    if method["degenerate_rows"]:
        yield "", f"{count_rows(method['degenerate_rows'])} degenerate"


def _margin_lines(margins: dict[str, Any], unit: str) -> Iterator[tuple[str, str]]:
    radius, eps = at_least(margins["median_linear_radius"]), at_most(margins["eps"])
    yield "gaps and radii", f"gap of the median row {at_least(margins['median_gap'])} ({unit})"
    yield "", f"half of the rows are linear to within {eps} up to a distance of {radius} in features"


def _stability(moves: dict[str, Any], columns: list[str]) -> str:
    """Return how far mean |contribution| of the columns moves over redraws of the background."""
    shares = [(name, moves["relative_standard_deviation"][name]) for name in columns]
    told = ", ".join(f"{name} ± {'undefined' if s is None else format(s, '.1%')}" for name, s in shares)
    return f"mean size of {told}"


def _certified_lines(certified: dict[str, Any]) -> Iterator[tuple[str, str]]:
    proven, share = (
        certified["columns_of_proven_direction"],
        certified["median_observed_over_certified_range"],
    )
    tight = "" if share is None else f"; slopes at the rows span {share:.0%} of what is possible (median)"
    yield "certified", f"direction proven for {proven} of {certified['columns']} columns{tight}"
    said = certified["sentences"]
    for sentence in said[:SENTENCES]:
        yield "", sentence
    if len(said) > SENTENCES:
        yield "", f"… and {len(said) - SENTENCES} more in {SUMMARY}"


def _skeleton(found: dict[str, Any]) -> str:
    pieces, r2, mixed = found["active_latents"], number(found["r2"]), number(found["median_participation"])
    return f"exact pieces {pieces}, R² against the model {r2}, latents that the median row mixes {mixed}"
