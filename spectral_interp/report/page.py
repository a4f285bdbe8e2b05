"""``report.html``: one page that needs nothing but itself, from the templates beside this module."""

from __future__ import annotations

import base64
import hashlib
import struct
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .._common.text import counted, number, value_text
from .findings import FINDINGS, kind_of
from .headlines import headlines, limits
from .rows import picker_rows
from .sections import Exhibit
from .subject import Subject

LINES = 25
"""Lines of a table on the page; its file has all."""

WIDE = 14
"""Columns of a table up to which it is shown beside its figure."""

COMMON = (
    "unit",
    "method",
    "rows",
    "redraws",
    "background_rows",
    "measure",
    "background",
    "eps",
    "row",
    "step",
)
"""Columns of our own tables that are said once, below the table, where they are the same in every line."""

HEADS = {
    "mean_abs_contribution": "mean |contribution|",
    "mean_abs_diagonal": "mean |diagonal|",
    "mean_abs_coupling": "mean |coupling|",
    "redraw_standard_deviation": "standard deviation over redraws",
    "redraw_standard_deviation_relative": "as a share",
    "redraw_5_percent": "5% of redraws below",
    "redraw_95_percent": "5% of redraws above",
    "background_rows": "background rows",
    "completeness_gap": "completeness gap",
    "completeness_gap_relative": "gap as a share of the spread",
    "random_deletion": "deletion, random order",
    "random_insertion": "insertion, random order",
    "ms_per_row": "ms per row",
    "evaluations_per_row": "evaluations per row",
    "train_loss": "training loss",
    "validation_loss": "validation loss",
    "learning_rate": "learning rate",
    "linear_radius": "linear radius",
    "flip_radius": "flip radius",
    "observed_min": "observed, smallest",
    "observed_median": "observed, median",
    "observed_max": "observed, largest",
    "own_step": "own step",
    "norm_per_unit": "norm per unit",
    "low_per_unit": "low per unit",
    "high_per_unit": "high per unit",
}
"""What the columns of our own tables are called on the page; all others appear as they are."""


def render(
    exhibits: list[Exhibit], images: Mapping[str, bytes], subject: Subject, summary: dict[str, Any]
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    exhibits : list of Exhibit
    images : mapping of name to bytes
        The figures as PNG.
    subject : Subject
    summary : dict
        Of the analysis.
    """
    environment = Environment(
        loader=PackageLoader("spectral_interp.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    script, style = (_template(f"report.{kind}") for kind in ("js", "css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    tables = {exhibit.name: exhibit.table for exhibit in exhibits}
    return environment.get_template("report.html").render(
        target=summary["target"],
        subtitle=_subtitle(summary),
        headlines=headlines(summary, tables),
        limits=limits(subject, summary),
        sections=_sections(exhibits, images, summary),
        made=_made(summary),
        rows=picker_rows(subject),
        style=Markup(style),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
    )


def _template(name: str) -> str:
    return (files("spectral_interp.report") / "templates" / name).read_text(encoding="utf-8")


def _subtitle(summary: dict[str, Any]) -> str:
    """Return what the model is, in a sentence."""
    d, k = summary["dim"], summary["k"]
    return (
        f"A spectral model: its prediction is number {k} of the eigenvalues 0–{d - 1} of a "
        f"{summary['structure']} matrix of order {d} that depends linearly on "
        f"{counted(summary['columns'], 'column')}. {counted(summary['rows'], 'row')} explained."
    )


def _sections(
    exhibits: list[Exhibit], images: Mapping[str, bytes], summary: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the sections that have something to show."""
    words = tomllib.loads(_template("words.toml"))
    others = tuple(f"_{method}" for method in list(summary["methods"])[1:])
    sections = []
    for section in words["section"]:
        mine = [e for kind in section["exhibits"] for e in exhibits if kind_of(e.name) == kind]
        further = [e for e in mine if others and e.name.endswith(others)]
        shown = {e.name: _shown(e, words["exhibit"][kind_of(e.name)], images) for e in mine}
        for one, other in pairwise(mine):
            if kind_of(one.name) == kind_of(other.name):
                shown[other.name]["reading"] = ""  # said beside the first of its kind
        section |= {
            "intro": section["intro"] or _accuracy(summary),
            "sentences": summary["certified"]["sentences"] if section["name"] == "certificates" else [],
            "exhibits": [shown[e.name] for e in mine if e not in further],
            "further": [shown[e.name] for e in further],
        }
        if mine or section["name"] == "rows":
            sections.append(section)
    return sections


def _accuracy(summary: dict[str, Any]) -> str:
    metrics = summary["metrics"]
    if not metrics:
        return "The rows have no targets, so nothing can be said of how well it predicts them."
    said = ", ".join(f"{name} {number(value)}" for name, value in metrics.items())
    return f"On the explained rows: {said}."


def _shown(exhibit: Exhibit, words: dict[str, str], images: Mapping[str, bytes]) -> dict[str, Any]:
    """Return an exhibit as the template wants it."""
    first = {str(name): exhibit.table[name].iloc[0] for name in exhibit.table} if len(exhibit.table) else {}
    title, finding = words["title"].format(**first), FINDINGS[kind_of(exhibit.name)](exhibit.table)
    image = images.get(exhibit.name)
    shown: dict[str, Any] = {
        "name": exhibit.name,
        "title": title,
        "reading": words["reading"].format(**first),
        "finding": finding,
        "image": None,
        "table": table_cells(exhibit.table) if image is None or exhibit.table.shape[1] <= WIDE else None,
    }
    if image is not None:
        shown["image"] = base64.b64encode(image).decode()
        shown["size"] = struct.unpack(">II", image[16:24])  # width and height in the header of a PNG
        shown["alt"] = f"{words['kind']}: {title}. {finding}"
    return shown


def table_cells(table: pd.DataFrame, lines: int = LINES) -> dict[str, Any]:
    """Return the first lines of a table as text, with keys that numbers are sorted by.

    Examples
    --------
    >>> cells = table_cells(pd.DataFrame({"ms_per_row": [0.5, 12000.0], "city": ["Oslo", None]}), lines=1)
    >>> cells["columns"], cells["rows"], cells["more"]
    (['ms per row', 'city'], [[{'text': '0.5', 'key': 0.5}, {'text': 'Oslo', 'key': None}]], 1)
    """
    common = [
        name for name in COMMON if name in table and len(table) > 1 and table[name].nunique(dropna=False) == 1
    ]
    shown = table.drop(columns=common)
    numeric = [
        pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) for kind in shown.dtypes
    ]
    return {
        "columns": [HEADS.get(str(name), str(name)) for name in shown.columns],
        "numeric": numeric,
        "rows": [
            [_cell(value, is_number) for value, is_number in zip(line, numeric, strict=True)]
            for line in shown.head(lines).itertuples(index=False, name=None)
        ],
        "more": max(len(table) - lines, 0),
        "common": [f"{HEADS.get(name, name)}: {value_text(table[name].iloc[0])}" for name in common],
    }


def _cell(value: Any, is_number: bool) -> dict[str, Any]:
    if is_number:
        return {"text": "" if pd.isna(value) else number(float(value)), "key": float(value)}
    return {"text": "" if value is None or value is pd.NA else str(value), "key": None}


def _made(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return how the analysis came about, line by line."""
    made = [(name, str(text)) for name, text in summary["provenance"].items()]
    made += [("seed", f"{summary['seed']}, of the choice of rows, the redraws and the comparison")]
    made += [("versions", ", ".join(f"{name} {version}" for name, version in summary["versions"].items()))]
    made += [("time", ", ".join(f"{k} {v:.1f} s" for k, v in summary["seconds"].items() if v >= 0.05))]
    made += [("left out", reason) for reason in summary["left_out"]]
    return made + [("note", note) for note in summary.get("comparison", {}).get("notes", [])]
