"""The analysis of one model: which rows, which tables and figures, and how they reach the disk whole."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import plots
from .attribution import Attribution, explain
from .estimators import SpectralClassifier, SpectralRegressor
from .tables import split_target

Estimator = SpectralRegressor | SpectralClassifier
SUMMARY = "summary.json"
MADE_BY = "spectral_interp.analyze"
"""What an earlier analysis is recognised by."""


@dataclass(frozen=True)
class Analysis:
    """What ``analyze`` found: tables, figures (name → function that draws on an Axes) and the summary."""

    tables: dict[str, pd.DataFrame]
    figures: dict[str, Callable[[Axes], Axes]]
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
    >>> est = SpectralRegressor(dim=3, n_epochs=2, random_state=0).fit(np.eye(20), np.arange(20.0))
    >>> X, y = choose_rows(est, pd.DataFrame(np.eye(20), columns=est.encoder_.table_names), limit=5, seed=0)
    >>> len(X), y
    (5, None)
    """
    if limit < 1:
        raise ValueError(f"expected at least 1 row to explain; got {limit}")
    if data is None:
        if est.heldout_ is None:
            raise ValueError("expected rows to explain; got a model that stores none; pass --data ROWS")
        X, y = est.heldout_
    elif est.target_name_ in data.columns and est.target_name_ not in est.encoder_.names:
        X, y = split_target(data, est.target_name_, "the rows to explain")
    else:
        X, y = data, None
    X = est.encoder_.select(X)
    rows = np.sort(np.random.default_rng(seed).permutation(len(X))[:limit])
    return X.iloc[rows].reset_index(drop=True), None if y is None else y.iloc[rows].reset_index(drop=True)


def analyze(est: Estimator, X: pd.DataFrame, y: pd.Series | None, *, seed: int) -> Analysis:
    """Explain the rows ``X`` and gather tables, figures and summary.

    Parameters
    ----------
    est : fitted estimator
    X : DataFrame, shape (n, columns)
    y : Series, optional
        Targets of the rows, for the metrics.
    seed : int
        Recorded in the summary.

    Examples
    --------
    >>> est = SpectralRegressor(dim=3, n_epochs=2, random_state=0).fit(np.eye(20), np.arange(20.0))
    >>> analysis = analyze(est, pd.DataFrame(np.eye(20), columns=est.encoder_.table_names), None, seed=0)
    >>> sorted(analysis.figures)
    ['beeswarm', 'importance', 'sensitivity', 'training_curve']
    """
    attribution = explain(est, X)
    tables = {
        "importance": plots.importance_table(attribution),
        "sensitivity": plots.sensitivity_table(
            est.encoder_.feature_names, est.feature_importances_, attribution.unit
        ),
        "beeswarm": plots.beeswarm_table(attribution),
    }
    figures: dict[str, Callable[[Axes], Axes]] = {
        name: lambda ax, name=name: getattr(plots, name)(tables[name], ax)  # type: ignore[misc]
        for name in tables
    }
    if est.history_:
        tables["training_curve"] = plots.training_curve_table(est.history_)
        loss = {"regression": "mean squared error, target standardised", "classification": "log loss, nats"}
        figures["training_curve"] = lambda ax: plots.training_curve(
            tables["training_curve"], ax, loss=loss[est._task]
        )
    return Analysis(tables, figures, _summary(est, attribution, tables["importance"], X, y, seed))


def _summary(
    est: Estimator,
    attribution: Attribution,
    ranking: pd.DataFrame,
    X: pd.DataFrame,
    y: pd.Series | None,
    seed: int,
) -> dict[str, Any]:
    diagonal, coupling = ranking["mean_abs_diagonal"].sum(), ranking["mean_abs_coupling"].sum()
    scale = float(np.abs(attribution.prediction).max())
    gap = float(attribution.completeness_gap.max())
    return {
        "made_by": MADE_BY,
        "target": est.target_name_,
        "unit": attribution.unit,
        "structure": est.pencil_.structure,
        "dim": est.pencil_.dim,
        "k": est.pencil_.k,
        "rows": len(X),
        "seed": seed,
        "metrics": None if y is None else _finite(est.evaluate(X, y)),
        "method": attribution.method,
        "background": f"mean of {len(est.background_)} training rows",
        "top_columns": ranking["column"].head(5).tolist(),
        "coupling_share": float(coupling / (diagonal + coupling)) if diagonal + coupling > 0 else 0.0,
        "completeness_gap": gap,
        "completeness_gap_relative": gap / scale if scale > 0 else gap,
        "degenerate_rows": int(attribution.degenerate.sum()),
    }


def _finite(metrics: dict[str, float]) -> dict[str, float | None]:
    """Return the metrics with None for those that are undefined, such as R² of a single row."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


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


def write(analysis: Analysis, folder: Path) -> None:
    """Write ``tables/*.csv``, ``figures/*.png`` and ``summary.json``, replacing an earlier analysis whole.

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
        for name in ("tables", "figures"):
            (new / name).mkdir(parents=True)
        for name, table in analysis.tables.items():
            table.to_csv(new / "tables" / f"{name}.csv", index=False)
        for name, draw in analysis.figures.items():
            _save_figure(draw, new / "figures" / f"{name}.png")
        text = json.dumps(analysis.summary, indent=2, ensure_ascii=False, allow_nan=False)
        (new / SUMMARY).write_text(text + "\n", encoding="utf-8")
        _swap(new, folder, old)
    finally:
        shutil.rmtree(staging)


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


def _save_figure(draw: Callable[[Axes], Axes], path: Path) -> None:
    with plots.style():
        figure = Figure(figsize=(7.2, 4.6))
        draw(figure.subplots())
        figure.savefig(path)


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """Return the summary as the lines of a short table.

    Examples
    --------
    >>> example = {"metrics": None, "top_columns": ["bmi"], "coupling_share": 0.25, "degenerate_rows": 0,
    ...            "completeness_gap": 1e-14, "completeness_gap_relative": 1e-16, "unit": "mmHg"}
    >>> print(summary_lines(example)[1])
    top columns               bmi
    """
    metrics = summary["metrics"] or {}
    rows = {
        "metric": ", ".join(f"{name} {_number(value)}" for name, value in metrics.items())
        or "no targets given",
        "top columns": ", ".join(summary["top_columns"]),
        "share of coupling": f"{summary['coupling_share']:.0%}",
        "largest completeness gap": f"{summary['completeness_gap']:.1e} ({summary['unit']}), "
        f"{summary['completeness_gap_relative']:.1e} of the largest prediction",
    }
    if summary["degenerate_rows"]:
        rows["degenerate rows"] = str(summary["degenerate_rows"])
    return [f"{name:<25} {text}" for name, text in rows.items()]


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
