"""Output of an analysis to a notebook or to disk."""

from __future__ import annotations

import html
import io
import json
import os
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from sklearn.utils.validation import check_is_fitted

from .. import plots
from .._common.choices import COSTLY_ROWS, FIGURE_FORMATS, ROWS
from .._common.text import as_text, counted, visible
from ..estimators.validation import check_rows
from ..files.artifact import check_writable
from ..files.staging import staged
from .analysis import Analysis, analyze, default_methods, drawn, fewer, training
from .folder import REPORT, SUMMARY, check_folder, replacing
from .page import render
from .subject import Estimator
from .summary import Summary

FORMULA = {"=", "+", "-", "@"}
"""First characters of formulas."""

FRAME = (
    '<iframe title="{}" sandbox="allow-scripts" srcdoc="{}" '
    'style="width: 100%; height: 720px; border: 1px solid #999; resize: vertical; overflow: auto"></iframe>'
)

DATELESS: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Metadata without dates, so that equal figures have equal bytes."""

WEBP, TONES = "webp", 128
"""Format and number of colours of figures in the page, with a quarter of the bytes of a PNG."""


def write(analysis: Analysis, folder: Path, *, format: str = "png") -> Summary:
    """Write report, tables, figures and summary, replacing an earlier analysis completely.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
    format : {"png", "svg", "pdf"}
        Format of the files of figures. The report contains its own copies.

    Returns
    -------
    Summary
        The summary as written, with the seconds for the files.

    Raises
    ------
    ValueError
        If ``folder`` holds files that are not part of an analysis, or the format is unknown.
    OSError
        If the folder cannot be written. An earlier analysis is kept.
    """
    if format not in FIGURE_FORMATS:
        raise ValueError(f"expected format to be one of {', '.join(FIGURE_FORMATS)}; got {format!r}")
    check_folder(folder)  # fails before the figures are drawn
    report = Report.drawn(analysis, format)
    report.write_folder(folder)
    return report.summary


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """Analysis with its figures, which notebooks display as a page. Build it with :func:`report_of`.

    Attributes
    ----------
    analysis : Analysis
        The analysis. Its ``tables`` are DataFrames by name.
    summary : Summary
        Summary, with the seconds for the figures.
    figures : dict of str to dict of str to bytes
        Contents of the files of figures by name and format, including a WebP of each for the page.
    format : {"png", "svg", "pdf"}
        Format of the files of figures in a folder.
    """

    analysis: Analysis
    summary: Summary
    figures: Mapping[str, Mapping[str, bytes]]
    format: str

    @classmethod
    def drawn(cls, analysis: Analysis, format: str = "png") -> Self:
        """Draw the figures of an analysis."""
        start = time.perf_counter()
        figures = {
            name: draw_figure(draw, analysis.heights[name], {WEBP, format})
            for name, draw in analysis.figures.items()
        }
        seconds = analysis.summary.seconds | {"figures": time.perf_counter() - start}
        return cls(analysis, replace(analysis.summary, seconds=seconds), figures, format)

    def page(self, *, in_folder: bool = False) -> str:
        """Return the page as HTML. In a folder, it links to the files of its tables."""
        images = {name: files[WEBP] for name, files in self.figures.items()}
        found = self.analysis
        return render(found.exhibits, images, found.subject, self.summary, in_folder=in_folder)

    def write(self, path: str | Path) -> None:
        """Write only the page if the path ends in ``.html``, and a folder with all results otherwise.

        Raises
        ------
        ValueError
            If ``path`` is a folder with files that are not part of an analysis.
        OSError
            If the path cannot be written. Earlier files are kept.
        """
        path = check_path(path)
        if not is_page(path):
            self.write_folder(path)
            return
        with staged(path) as folder:
            (folder / path.name).write_text(self.page(), encoding="utf-8")
            os.replace(folder / path.name, path)

    def write_folder(self, folder: Path) -> None:
        """Write report, tables, figures and summary: see :func:`write`."""
        with replacing(folder) as new:
            for name in ("tables", "figures"):
                (new / name).mkdir()
            for name, table in self.analysis.tables.items():
                for_spreadsheets(table).to_csv(new / "tables" / f"{name}.csv", index=False)
            for name, files in self.figures.items():
                (new / "figures" / f"{name}.{self.format}").write_bytes(files[self.format])
            (new / REPORT).write_text(self.page(in_folder=True), encoding="utf-8")
            text = json.dumps(self.summary.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
            (new / SUMMARY).write_text(f"{_escaped(text)}\n", encoding="utf-8")

    def __repr__(self) -> str:
        n, target = counted(self.summary.rows, "row"), visible(self.summary.target)
        return f"<Report of {target}: {n}, {counted(len(self.figures), 'figure')}; write(path) saves it>"

    def _repr_html_(self) -> str:
        """Return the page in a frame, in which its scripts run without access to the notebook."""
        return FRAME.format(
            html.escape(f"Report of {visible(self.summary.target)}"), html.escape(self.page())
        )


def report_of(
    est: Estimator,
    X: Any,
    y: Any = None,
    path: str | Path | None = None,
    *,
    methods: Sequence[str] | None = None,
    compare: bool = False,
    output: Any = None,
    against: Any = None,
    fixed: str | Iterable[str] = (),
    limits: Mapping[str, Any] | None = None,
    max_rows: int = ROWS,
    random_state: int = 0,
) -> Report:
    """Analyze a fitted model at some rows, as the command line does, for a notebook or a path.

    Parameters
    ----------
    est : fitted SpectralRegressor or SpectralClassifier
    X, y, path, methods, compare, output, against, fixed, limits, max_rows, random_state
        As in :meth:`spectral_interp.SpectralRegressor.report`.

    Raises
    ------
    TypeError, ValueError, OSError
        As in :meth:`spectral_interp.SpectralRegressor.report`.

    Examples
    --------
    >>> import numpy as np
    >>> from spectral_interp import SpectralRegressor
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0)
    >>> est = est.fit(np.eye(20, 3), np.arange(20.0))
    >>> report = report_of(est, np.eye(5, 3), methods=["local"])
    >>> report.summary.rows, report.page().startswith("<!doctype html>")
    (5, True)
    """
    rows, targets = _rows_and_targets(est, X, y)
    if path is not None:
        check_path(path)
    some, known = drawn(rows, targets, limit=max_rows, seed=random_state)
    of = f", drawn from {counted(len(rows), 'row')} with seed {random_state}" if len(some) < len(rows) else ""
    made = {
        "model": f"{type(est).__name__} in Python",
        "rows": f"{counted(len(some), 'row')} given to report(X, y){of}",
        "training": as_text(training(est)),
    }
    usual = default_methods(est, made, "methods=['local', 'path']") if methods is None else methods
    analysis = analyze(
        est,
        some,
        known,
        methods=usual,
        most=fewer(COSTLY_ROWS, est),
        compare_rows=None if compare else 0,
        seed=random_state,
        provenance=made,
        output=output,
        against=against,
        fixed=(fixed,) if isinstance(fixed, str) else fixed,
        limits=limits,
    )
    report = Report.drawn(analysis)
    if path is not None:
        report.write(path)
    return report


def _rows_and_targets(est: Estimator, X: Any, y: Any) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return the rows as a table of the model's columns, and their targets if at least one is known."""
    check_is_fitted(est)
    rows = est.encoder_.select(check_rows(est, X))
    if not len(rows):
        raise ValueError("expected at least one row to explain; got none")
    if y is None:
        return rows, None
    targets = np.asarray(y)
    if targets.shape != (len(rows),):
        raise ValueError(f"expected y of shape ({len(rows)},), the number of rows of X; got {targets.shape}")
    found = pd.Series(targets, index=rows.index, name=est.target_name_)
    if found.isna().all():
        return rows, None
    est.encode_targets(found.dropna())
    return rows, found


def is_page(path: Path) -> bool:
    """Return whether a path is for a single page, not for a folder."""
    return path.suffix.lower() in (".html", ".htm")


def check_path(path: str | Path) -> Path:
    """Return the path for a report. Raise ValueError or OSError if it cannot be written there."""
    path = Path(path)
    if is_page(path):
        check_writable(path)
    else:
        check_folder(path)
    return path


def for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose text is safe for spreadsheets and terminals. Numbers do not change.

    Text that a spreadsheet would evaluate gets a leading apostrophe (OWASP, *CSV Injection*), and invisible
    characters are replaced by their code points.

    Examples
    --------
    >>> for_spreadsheets(pd.DataFrame({"value": ["=1+1", "Oslo", -2.0]}))["value"].tolist()
    ["'=1+1", 'Oslo', -2.0]
    """
    text = [name for name, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    cells: dict[str, Any] = {str(name): table[name].astype(object).map(_harmless) for name in text}
    return table.assign(**cells).rename(columns=_harmless)


def _harmless(cell: Any) -> Any:
    """Return a safe cell. Formulas may start after spaces or with a full-width character."""
    if not isinstance(cell, str):
        return cell
    formula = unicodedata.normalize("NFKC", cell.lstrip()[:1]) in FORMULA
    return f"'{visible(cell)}" if formula else visible(cell)


def _escaped(text: str) -> str:
    """Return JSON with invisible characters escaped, which does not change the parsed strings."""
    seen = (char if char == "\n" or visible(char) == char else json.dumps(char)[1:-1] for char in text)
    return "".join(seen)


def draw_figure(draw: Callable[[Axes], Axes], height: float, formats: set[str]) -> dict[str, bytes]:
    """Return the bytes of one figure in each format."""
    files = {}
    with plots.style():
        figure = Figure(figsize=(7.2, height))
        draw(figure.subplots())
        for kind in {*formats - {WEBP}, *({"png"} if WEBP in formats else ())}:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=DATELESS[kind])
            files[kind] = buffer.getvalue()
    return files | ({WEBP: _small(files["png"])} if WEBP in formats else {})


def _small(png: bytes) -> bytes:
    """Return a figure as a lossless WebP with few colours."""
    tones = Image.open(io.BytesIO(png)).convert("RGB").quantize(TONES, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    tones.convert("RGB").save(buffer, WEBP, lossless=True)
    return buffer.getvalue()
