"""The analysis of one model: which rows, how tables and figures reach the disk whole, what is printed."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import plots
from .baselines import fit_baselines
from .plots.style import count_rows
from .sections import Estimator, Subject, build
from .tables import split_target

DEFAULT_METHODS = ("local", "path")
SUMMARY = "summary.json"
MADE_BY = "spectral_interp.analyze"
"""What an earlier analysis is recognised by."""

LABEL, SENTENCES = 18, 8
"""Width of the labels of the printed summary, and the most sentences that it says."""


@dataclass(frozen=True)
class Analysis:
    """What ``analyze`` found: tables, figures (name → function that draws on an Axes) and the summary.

    ``heights`` are those of the figures, in inches.
    """

    tables: dict[str, pd.DataFrame]
    figures: dict[str, Callable[[Axes], Axes]]
    heights: dict[str, float]
    summary: dict[str, Any]


def choose_rows(
    est: Estimator, data: pd.DataFrame | None, *, limit: int, seed: int
) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return up to ``limit`` rows to explain, in table order, and their targets where known.

    Parameters
    ----------
    est : fitted estimator
    data : DataFrame, optional
        The user's rows, with or without the target column; the model's held-out rows if not given.
    limit : int
        At most this many rows are kept, drawn with ``seed``.
    seed : int

    Raises
    ------
    ValueError
        If there are no rows.

    Examples
    --------
    >>> from spectral_interp import SpectralRegressor
    >>> est = SpectralRegressor(dim=3, n_epochs=2, random_state=0).fit(np.eye(20), np.arange(20.0))
    >>> X, y = choose_rows(est, pd.DataFrame(np.eye(20), columns=est.encoder_.table_names), limit=5, seed=0)
    >>> len(X), y
    (5, None)
    """
    if limit < 1:
        raise ValueError(f"expected at least 1 row to explain; got {limit}")
    found = est.heldout_ if data is None else _with_targets(est, data)
    if found is None:
        raise ValueError("expected rows to explain; got a model that stores none; pass --data ROWS")
    X, y = est.encoder_.select(found[0]), found[1]
    rows = np.sort(np.random.default_rng(seed).permutation(len(X))[:limit])
    return X.iloc[rows].reset_index(drop=True), None if y is None else y.iloc[rows].reset_index(drop=True)


def _with_targets(est: Estimator, data: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series | None]:
    """Split the target off the user's rows, where they hold it."""
    if est.target_name_ in data.columns and est.target_name_ not in est.encoder_.names:
        return split_target(data, est.target_name_, "the rows to explain")
    return data, None


def complete_baselines(est: Estimator, data: pd.DataFrame | None) -> None:
    """Fit linear model and MLP on the user's rows if the model carries none and the rows hold their targets.

    Parameters
    ----------
    est : fitted estimator
        Its ``baselines_`` are set.
    data : DataFrame, optional

    Raises
    ------
    ValueError
        If the rows do not fit the model.

    Examples
    --------
    >>> from spectral_interp import SpectralRegressor
    >>> X = pd.DataFrame({"a": np.arange(20.0)})
    >>> est = SpectralRegressor(dim=3, n_epochs=2, random_state=0).fit(X, X["a"].rename("b"))
    >>> complete_baselines(est, X.assign(b=X["a"]))
    >>> sorted(est.baselines_)
    ['MLP', 'linear']
    """
    if est.baselines_ is not None or data is None:
        return
    X, y = _with_targets(est, data)
    if y is not None:
        est.baselines_ = fit_baselines(est, est.encoder_.select(X), y)


def analyze(
    est: Estimator,
    X: pd.DataFrame,
    y: pd.Series | None,
    *,
    methods: Sequence[str] = DEFAULT_METHODS,
    most: int | None = None,
    compare_rows: int = 0,
    seed: int,
) -> Analysis:
    """Explain the rows ``X`` and gather tables, figures and summary.

    Parameters
    ----------
    est : fitted estimator
    X : DataFrame, shape (n, columns)
    y : Series, optional
        Targets of the rows, for the metrics.
    methods : sequence of {"local", "path", "shapley"}
        The first ranks the columns of spectra and region map.
    most : int, optional
        Methods that go through the whole background for every row explain only so many, evenly spread.
    compare_rows : int
        Compare with other models and explainers on at most so many rows; 0 leaves the comparison out.
    seed : int
        Of the redraws of the background and of the comparison; recorded in the summary.

    Examples
    --------
    >>> from spectral_interp import SpectralRegressor
    >>> est = SpectralRegressor(dim=3, n_epochs=2, random_state=0).fit(np.eye(20), np.arange(20.0))
    >>> X = pd.DataFrame(np.eye(20), columns=est.encoder_.table_names)
    >>> analysis = analyze(est, X, None, methods=["local"], seed=0)
    >>> sorted(analysis.figures)[:4]
    ['beeswarm_local', 'certified', 'importance_local', 'margins']
    """
    subject = Subject.explained(est, X, y, methods, most=most, compare_rows=compare_rows, seed=seed)
    exhibits, found = build(subject)
    summary = {
        "made_by": MADE_BY,
        "target": est.target_name_,
        "unit": est.unit_,
        "structure": est.pencil_.structure,
        "dim": est.pencil_.dim,
        "k": est.pencil_.k,
        "rows": len(X),
        "seed": seed,
        "metrics": None if y is None else est.evaluate(X, y),
        **found,
    }
    return Analysis(
        {exhibit.name: exhibit.table for exhibit in exhibits},
        {exhibit.name: exhibit.draw for exhibit in exhibits if exhibit.draw is not None},
        {exhibit.name: exhibit.height for exhibit in exhibits},
        _finite(summary),
    )


def _finite(value: Any) -> Any:
    """Return a summary with None for numbers that are undefined, such as R² of a single row."""
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_folder(folder: Path) -> None:
    """Raise ValueError unless ``folder`` is absent, empty or an earlier analysis and nothing else."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ValueError(f"expected a folder for --out; got {folder}, which is a file or a link")
    if not folder.parent.is_dir():
        raise ValueError(f"expected an existing folder to put {folder.name} in; create {folder.parent}")
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if found and not (found <= {"tables", "figures", SUMMARY} and _is_ours(folder / SUMMARY)):
        raise ValueError(
            f"expected --out to be new, empty or an earlier analysis; got {folder}, which holds other files; "
            "choose another folder"
        )


def _is_ours(summary: Path) -> bool:
    try:
        return json.loads(summary.read_text(encoding="utf-8")).get("made_by") == MADE_BY
    except (OSError, ValueError, AttributeError):
        return False


def write(analysis: Analysis, folder: Path) -> dict[str, Any]:
    """Write ``tables/*.csv``, ``figures/*.png`` and ``summary.json``, replacing an earlier analysis whole.

    Returns
    -------
    dict
        The summary as it was written, with the seconds that tables and figures took.

    Raises
    ------
    ValueError
        If ``folder`` holds files that are not an analysis.
    OSError
        If it cannot be written; an earlier analysis stays.
    """
    folder = folder.absolute()
    check_folder(folder)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        new, old = staging / "new", staging / "old"
        start = time.perf_counter()
        for name in ("tables", "figures"):
            (new / name).mkdir(parents=True)
        for name, table in analysis.tables.items():
            table.to_csv(new / "tables" / f"{name}.csv", index=False)
        for name, draw in analysis.figures.items():
            _save_figure(draw, analysis.heights[name], new / "figures" / f"{name}.png")
        seconds = analysis.summary["seconds"] | {"tables and figures": time.perf_counter() - start}
        summary = {**analysis.summary, "seconds": seconds}
        text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
        (new / SUMMARY).write_text(text + "\n", encoding="utf-8")
        _swap(new, folder, old)
    finally:
        shutil.rmtree(staging)
    return summary


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Put ``new`` in the place of ``folder``; if that fails, what was there returns."""
    had = folder.exists()
    if had:
        os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        if had:
            os.replace(old, folder)
        raise


def _save_figure(draw: Callable[[Axes], Axes], height: float, path: Path) -> None:
    with plots.style():
        figure = Figure(figsize=(7.2, height))
        draw(figure.subplots())
        figure.savefig(path)


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """Return the summary as the lines of a short table.

    Examples
    --------
    >>> from spectral_interp import SpectralRegressor
    >>> est = SpectralRegressor(dim=3, n_epochs=2, random_state=0).fit(np.eye(20), np.arange(20.0))
    >>> X = pd.DataFrame(np.eye(20), columns=est.encoder_.table_names)
    >>> lines = summary_lines(analyze(est, X, None, methods=["local"], seed=0).summary)
    >>> print(lines[0])
    metric             no targets given
    """
    return [f"{name:<{LABEL}} {text}" for name, text in _lines(summary)]


def _lines(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    metrics, unit = summary["metrics"] or {}, summary["unit"]
    yield "metric", ", ".join(f"{k} {_number(v)}" for k, v in metrics.items()) or "no targets given"
    yield "background", summary["background"]
    for name, method in summary["methods"].items():
        yield from _method_lines(name, method, unit)
    for name, moves in summary.get("background_stability", {}).items():
        yield f"{name}, redrawn", _stability(moves, summary["methods"][name]["top_columns"])
    yield from _certified_lines(summary["certified"])
    if "pieces" in summary:
        counts = ", ".join(f"{name} {count}" for name, count in summary["pieces"]["counts"].items())
        yield "linear pieces", f"{counts}, to within {_number(summary['pieces']['eps'])} ({unit})"
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
    accuracy = ", ".join(f"{model} {_number(value)}" for model, value in compared["accuracy"].items())
    if accuracy:
        yield "comparison", f"{compared['metric']}: {accuracy}"
    for place, (name, method) in enumerate(compared["methods"].items()):
        gap, gain = (_number(method[k]) for k in ("completeness_gap_relative", "gain_over_random_deletion"))
        told = f"{name}: {_number(method['milliseconds_per_row'])} ms a row, gap {gap} of the spread, "
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
        yield "", f"sampled: standard errors up to {_number(method['largest_standard_error'])} ({unit})"
    if method["degenerate_rows"]:
        yield "", f"{count_rows(method['degenerate_rows'])} degenerate"


def _margin_lines(margins: dict[str, Any], unit: str) -> Iterator[tuple[str, str]]:
    radius, eps = _number(margins["median_linear_radius"]), _number(margins["eps"])
    yield "gaps and radii", f"gap of the median row {_number(margins['median_gap'])} ({unit})"
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
    pieces, r2, mixed = found["active_latents"], _number(found["r2"]), _number(found["median_participation"])
    return f"exact pieces {pieces}, R² against the model {r2}, latents that the median row mixes {mixed}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3g}" if abs(value) < 1e-3 else f"{value:.4g}"
