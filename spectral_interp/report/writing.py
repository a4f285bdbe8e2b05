"""How an analysis reaches the disk."""

from __future__ import annotations

import io
import json
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from .. import plots
from .._common.choices import FIGURE_FORMATS
from .._common.text import visible
from .analysis import Analysis
from .folder import REPORT, SUMMARY, replacing
from .page import render
from .summary import Summary

FORMULA = {"=", "+", "-", "@"}
"""What the text of a formula starts with."""

DATELESS: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Metadata that keep the same figure the same bytes."""

WEBP, TONES = "webp", 128
"""How the page holds a figure, and the colours that it then has: a quarter of the bytes of a PNG."""


def write(analysis: Analysis, folder: Path, *, format: str = "png") -> Summary:
    """Write report, tables, figures and summary, replacing an earlier analysis whole.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
    format : {"png", "svg", "pdf"}
        Of the figures' files; the report holds its own copies.

    Returns
    -------
    Summary
        As it was written, with the seconds that the files took.

    Raises
    ------
    ValueError
        If ``folder`` holds files that are not an analysis, or the format is none of these.
    OSError
        If it cannot be written; an earlier analysis stays.
    """
    if format not in FIGURE_FORMATS:
        raise ValueError(f"expected format to be one of {', '.join(FIGURE_FORMATS)}; got {format!r}")
    with replacing(folder) as new:
        start = time.perf_counter()
        for name in ("tables", "figures"):
            (new / name).mkdir()
        for name, table in analysis.tables.items():
            for_spreadsheets(table).to_csv(new / "tables" / f"{name}.csv", index=False)
        images = {}
        for name, draw in analysis.figures.items():
            drawn = draw_figure(draw, analysis.heights[name], {WEBP, format})
            images[name] = drawn[WEBP]
            (new / "figures" / f"{name}.{format}").write_bytes(drawn[format])
        seconds = analysis.summary.seconds | {"tables and figures": time.perf_counter() - start}
        summary = replace(analysis.summary, seconds=seconds)
        page = render(analysis.exhibits, images, analysis.subject, summary)
        (new / REPORT).write_text(page, encoding="utf-8")
        text = json.dumps(summary.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        (new / SUMMARY).write_text(f"{_escaped(text)}\n", encoding="utf-8")
    return summary


def for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose text commands neither a spreadsheet nor a terminal; numbers stay as they are.

    An apostrophe goes before text that a spreadsheet would compute (OWASP, *CSV Injection*), and characters
    that cannot be seen become their code points.

    Examples
    --------
    >>> for_spreadsheets(pd.DataFrame({"value": ["=1+1", "Oslo", -2.0]}))["value"].tolist()
    ["'=1+1", 'Oslo', -2.0]
    """
    text = [name for name, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    cells: dict[str, Any] = {str(name): table[name].astype(object).map(_harmless) for name in text}
    return table.assign(**cells).rename(columns=_harmless)


def _harmless(cell: Any) -> Any:
    """Return a cell; what starts a formula may stand behind blanks and have the width of two letters."""
    if not isinstance(cell, str):
        return cell
    formula = unicodedata.normalize("NFKC", cell.lstrip()[:1]) in FORMULA
    return f"'{visible(cell)}" if formula else visible(cell)


def _escaped(text: str) -> str:
    """Return JSON whose strings hold no character that cannot be seen; they are read as they were."""
    seen = (char if char == "\n" or visible(char) == char else json.dumps(char)[1:-1] for char in text)
    return "".join(seen)


def draw_figure(draw: Callable[[Axes], Axes], height: float, formats: set[str]) -> dict[str, bytes]:
    """Return one figure as the bytes of a file of each format."""
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
    """Return a figure as a lossless WebP of few colours."""
    tones = Image.open(io.BytesIO(png)).convert("RGB").quantize(TONES, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    tones.convert("RGB").save(buffer, WEBP, lossless=True)
    return buffer.getvalue()
