"""``report.html``: one page that needs nothing but itself, from the templates beside this module."""

from __future__ import annotations

import base64
import datetime
import hashlib
import struct
from collections.abc import Mapping
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .._common.text import counted, number, row_text, visible
from ..plots import Exhibit, Figure
from ..plots.text import value_text
from ..whatif.model import TooLarge
from ..whatif.panel import asset, panel_data
from .headlines import headlines, limits
from .rows import picker_rows
from .sections import SECTIONS, Section
from .subject import Subject
from .summary import Summary

PICKER, CERTIFICATES = "rows", "certificates"
"""Sections that show more than exhibits: the row picker instead of waterfalls, and certified sentences."""

LABELS = "row"
"""Column of tables that holds what the user calls the rows."""

LINES = 25
"""Lines of a table on the page; its file has all."""

WIDE = 14
"""Columns of a table up to which it is shown beside its figure."""


def render(
    exhibits: list[Exhibit],
    images: Mapping[str, bytes],
    subject: Subject,
    summary: Summary,
    *,
    in_folder: bool = True,
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    exhibits : list of Exhibit
    images : mapping of name to bytes
        The figures as PNG.
    subject : Subject
    summary : Summary
    in_folder : bool
        Whether the page stands beside the files of its tables, which it then names.
    """
    environment = Environment(
        loader=PackageLoader("spectral_interp.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    tables = {exhibit.name: exhibit.table for exhibit in exhibits}
    whatif, too_large = _whatif(subject, summary)
    scripts = [_template("report.js")] + ([] if whatif is None else [asset("model.js"), asset("whatif.js")])
    return environment.get_template("report.html").render(
        in_folder=in_folder,
        target=summary.target,
        subtitle=_subtitle(summary),
        headlines=headlines(summary, tables),
        limits=limits(subject, summary),
        sections=_sections(exhibits, images, summary),
        made=_made(summary) + too_large,
        rows=picker_rows(subject),
        whatif=whatif,
        panel=Markup(asset("panel.html")),
        style=Markup(_template("report.css") + asset("whatif.css")),
        scripts=[Markup(script) for script in scripts],
        script_hashes=Markup(" ".join(map(_hash, scripts))),
    )


def _whatif(subject: Subject, summary: Summary) -> tuple[dict[str, Any] | None, list[tuple[str, str]]]:
    """Return what the what-if panel needs; or None, and why there is none."""
    try:
        found = panel_data(subject.whole, subject.strongest, target=summary.target, start=int(subject.row))
    except TooLarge as reason:
        return None, [("left out", f"what-if panel: {reason}")]
    return found, []


def _hash(script: str) -> str:
    """Return what allows a script in the page's security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _template(name: str) -> str:
    return (files("spectral_interp.report") / "templates" / name).read_text(encoding="utf-8")


def _subtitle(summary: Summary) -> str:
    """Return what the model is, in a sentence."""
    return f"A spectral model: {summary.description}. {counted(summary.rows, 'row')} explained."


def _sections(exhibits: list[Exhibit], images: Mapping[str, bytes], summary: Summary) -> list[dict[str, Any]]:
    """Return the sections that have something to show, as the template wants them."""
    others = list(summary.methods)[1:]
    sections = []
    for section in SECTIONS:
        figures = [part.figure.name for part in section.parts if section.name != PICKER]
        mine = [e for name in figures for e in exhibits if e.figure.name == name]
        shown = {e.name: _shown(e, images) for e in mine}
        for one, other in pairwise(mine):
            if one.figure.name == other.figure.name:
                shown[other.name]["reading"] = ""  # stands beside the first
        if mine or section.name == PICKER:
            sections.append(
                {
                    "name": section.name,
                    "title": section.title,
                    "intro": _intro(section, summary),
                    "sentences": summary.certified.all_sentences if section.name == CERTIFICATES else [],
                    "exhibits": [shown[e.name] for e in mine if e.label not in others],
                    "further": [shown[e.name] for e in mine if e.label in others],
                }
            )
    return sections


def _intro(section: Section, summary: Summary) -> str:
    """Return the introduction of a section; in that of single predictions also what rows are called."""
    sums = summary.form == "sum" or summary.classes is not None
    of_sums = f" {section.of_sums}" if section.of_sums and sums else ""
    intro = section.intro or _accuracy(summary)
    return f"{intro}{of_sums}{_output(section.name, summary)}{_labels(section.name, summary)}"


def _output(section: str, summary: Summary) -> str:
    """Return which output a section explains, of more than two classes."""
    if summary.classes is None or section in ("classes", "model", "changes"):
        return ""
    if section == PICKER and summary.classes.chosen:
        return " It is explained for the predicted class against the runner-up."
    return f" This section explains the {summary.unit}."


def _accuracy(summary: Summary) -> str:
    if not summary.metrics:
        return "The rows have no targets, so its accuracy on them is not known."
    metrics = ", ".join(f"{name} {number(value)}" for name, value in summary.metrics.items())
    return f"On the explained rows: {metrics}. {summary.not_held_out}".strip()


def _labels(section: str, summary: Summary) -> str:
    """Return what rows are called, where a row is to be picked."""
    return f" {summary.row_labels}" if section == PICKER else ""


def _shown(exhibit: Exhibit, images: Mapping[str, bytes]) -> dict[str, Any]:
    """Return an exhibit as the template wants it."""
    title, finding, image = exhibit.title, exhibit.finding, images.get(exhibit.name)
    with_table = image is None or exhibit.table.shape[1] <= WIDE
    shown: dict[str, Any] = {
        "name": exhibit.name,
        "title": title,
        "reading": exhibit.reading,
        "finding": finding,
        "image": None,
        "table": table_cells(exhibit.table, exhibit.figure) if with_table else None,
    }
    if image is not None:
        shown["image"] = Markup(base64.b64encode(image).decode())  # letters and digits
        shown["size"] = struct.unpack(">II", image[16:24])  # width and height in the header of a PNG
        shown["alt"] = f"{exhibit.figure.kind}: {title}. {finding}"
    return shown


def table_cells(table: pd.DataFrame, figure: Figure, lines: int = LINES) -> dict[str, Any]:
    """Return the first lines of a figure's table as text, with keys that numbers are sorted by.

    Examples
    --------
    >>> from spectral_interp import plots
    >>> table = pd.DataFrame({"ms_per_row": [0.5, 12000.0], "status": ["ok", None]})
    >>> cells = table_cells(table, plots.cost, lines=1)
    >>> cells["columns"], cells["rows"], cells["more"]
    (['ms per row', 'status'], [[{'text': '0.5', 'key': 0.5}, {'text': 'ok', 'key': None}]], 1)
    """
    headers = {str(name): figure.headers.get(str(name), str(name)) for name in table.columns}
    common = [
        name
        for name in figure.once
        if name in table and len(table) > 1 and table[name].nunique(dropna=False) == 1
    ]
    shown = table.drop(columns=common)
    numeric = [
        pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) for kind in shown.dtypes
    ]
    return {
        "columns": [headers[str(name)] for name in shown.columns],
        "numeric": numeric,
        "rows": [
            [
                _cell(value, is_number, is_label=name == LABELS)
                for value, is_number, name in zip(line, numeric, shown.columns, strict=True)
            ]
            for line in shown.head(lines).itertuples(index=False, name=None)
        ],
        "more": max(len(table) - lines, 0),
        "common": [f"{headers[name]}: {_once(table[name].iloc[0], name)}" for name in common],
    }


def _once(value: Any, name: str) -> str:
    return row_text(value) if name == LABELS else value_text(value)


def _cell(value: Any, is_number: bool, *, is_label: bool) -> dict[str, Any]:
    """Return a cell; counts and what rows are called have all their digits."""
    if is_number and pd.isna(value):
        return {"text": "", "key": float("nan")}
    if is_number:
        whole = f"{value:,}" if isinstance(value, int) else number(float(value))
        return {"text": row_text(value) if is_label else whole, "key": float(value)}
    if is_label and value is not None:
        return {"text": row_text(value), "key": None}
    if isinstance(value, datetime.datetime):
        return {"text": "" if pd.isna(value) else value_text(value), "key": None}
    return {"text": "" if value is None or value is pd.NA else value_text(value), "key": None}


def _made(summary: Summary) -> list[tuple[str, str]]:
    """Return how the analysis came about, line by line."""
    notes = [] if summary.comparison is None else summary.comparison.notes
    return [
        *summary.provenance.items(),
        ("seed", f"{summary.seed}, of the choice of rows, the redraws and the comparison"),
        ("versions", ", ".join(f"{name} {version}" for name, version in summary.versions.items())),
        ("time", ", ".join(f"{name} {s:.1f} s" for name, s in summary.seconds.items() if s >= 0.05)),
        *(("left out", reason) for reason in summary.left_out),
        *(("note", note) for note in notes),
    ]
