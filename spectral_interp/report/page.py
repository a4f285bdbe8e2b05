"""``report.html``: one page that needs nothing but itself, from the templates beside this module."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from .._common.text import counted, number, row_text, visible
from ..plots import Exhibit, Figure
from ..plots.text import value_text
from ..whatif.model import TooLarge
from ..whatif.panel import SCRIPTS, asset, panel_data
from .headlines import headlines, limits
from .rows import picker_rows
from .sections import SECTIONS, Part, Section
from .subject import Subject
from .summary import Summary

PICKER, CERTIFICATES = "rows", "certificates"
"""Sections that show more than exhibits: the row picker instead of waterfalls, and certified sentences."""

SHOWN, MORE, OTHERS = "", "More figures and tables", "The same by other methods"
"""Layers of a section: at once, and what the two further ones are called."""

LABELS = "row"
"""Column of tables that holds what the user calls the rows."""

LINES = 25
"""Lines of a table on the page; its file has all."""

WIDE = 14
"""Columns of a table up to which it is shown beside its figure."""

GLOSSARY = {
    "background": "The rows that a prediction is measured against: a sample of the rows trained on, unless "
    "other ones are given. Another background gives other contributions.",
    "base value": "Where the contributions of a row begin: what the model predicts for the background.",
    "contribution": "How much one column moved one prediction up or down from the base value, in the unit of "
    "the prediction. All contributions of a row add up to its prediction.",
    "coupling": "A link between two neighbouring latents. The coupling part of a contribution is what a "
    "column does by mixing latents; without couplings the model would be made of straight pieces only.",
    "diagonal": "The diagonal part of a contribution is what a column does by itself, by moving single "
    "latents up or down.",
    "latent": "A quantity inside the model, a weighted sum of the columns. The prediction is a mixture of a "
    "few latents.",
    "proven": "It follows from the numbers of the model by a theorem, for every input there can be, and not "
    "only for the rows seen. It is about the model, not about the world.",
}
"""Words that a reader may not know, in plain ones."""


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
        The figures as lossless WebP.
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
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters["glossed"] = Glosser(_names(subject, summary))
    tables = {exhibit.name: exhibit.table for exhibit in exhibits}
    first = _first(exhibits, summary)
    whatif, too_large = _whatif(subject, summary)
    scripts = [_template("report.js")] + ([] if whatif is None else [asset(name) for name in SCRIPTS])
    return environment.get_template("report.html").render(
        in_folder=in_folder,
        target=summary.target,
        columns=counted(summary.columns, "column"),
        count=counted(summary.rows, "row"),
        headlines=headlines(summary, tables),
        first=_shown(first, images),
        glossary=GLOSSARY,
        limits=limits(subject, summary),
        sections=_sections([one for one in exhibits if one is not first], images, summary),
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


class Glosser:
    """A filter of text that turns the first use of every word of the glossary into a button that explains it.

    Words that are in a name, of a column or a class, are left as they are.

    Examples
    --------
    >>> glossed = Glosser(["background <b>"])
    >>> markup = glossed("the latents of background <b>")
    >>> markup.count("<button"), markup.count('"term-latent">latents<'), markup.striptags()
    (1, 1, 'the latents of background <b>')
    """

    def __init__(self, names: Iterable[str]) -> None:
        taken = " ".join(names).lower()
        self.words = {word: f"term-{word.replace(' ', '-')}" for word in GLOSSARY if word not in taken}
        word = "|".join(self.words) or "(?!)"
        self.pattern = re.compile(rf"(\(?)\b(({word})s?)\b([).,:;]*)", re.IGNORECASE)

    def __call__(self, text: str) -> Markup:
        """Return the text as markup."""
        left = dict(self.words)

        def explained(match: re.Match[str]) -> str:
            before, text, word, after = match.groups()
            if (target := left.pop(word.lower(), None)) is None:
                return match[0]
            button = f'<button type="button" class="term" popovertarget="{target}">{text}</button>'
            return f'<span class="kept">{before}{button}{after}</span>'

        return Markup(self.pattern.sub(explained, str(escape(visible(text)))))


def _names(subject: Subject, summary: Summary) -> list[str]:
    """Return what the user named: columns, target, classes."""
    return [*subject.first.columns, summary.target, summary.unit, *map(str, subject.labels or ())]


def _first(exhibits: list[Exhibit], summary: Summary) -> Exhibit:
    """Return the exhibit of the first screen."""
    others = list(summary.methods)[1:]
    parts = [part.figure.name for section in SECTIONS for part in section.parts if part.depth == 0]
    return next(e for name in parts for e in exhibits if e.figure.name == name and e.label not in others)


def _sections(exhibits: list[Exhibit], images: Mapping[str, bytes], summary: Summary) -> list[dict[str, Any]]:
    """Return the sections that have something to show, as the template wants them."""
    others = list(summary.methods)[1:]
    sections = []
    for section in SECTIONS:
        parts = {} if section.name == PICKER else {part.figure.name: part for part in section.parts}
        mine = [e for name in parts for e in exhibits if e.figure.name == name]
        shown = {e.name: _shown(e, images) for e in mine}
        for one, other in pairwise(mine):
            if one.figure.name == other.figure.name:
                shown[other.name]["reading"] = ""  # stands beside the first
        if mine or section.name == PICKER:
            sections.append(
                {
                    "name": section.name,
                    "title": section.title,
                    "look": section.look,
                    "intro": _intro(section, summary),
                    "sentences": summary.certified.all_sentences if section.name == CERTIFICATES else [],
                    "exhibits": [shown[e.name] for e in mine if _layer(e, parts, others) == SHOWN],
                    "deeper": {
                        layer: [shown[e.name] for e in mine if _layer(e, parts, others) == layer]
                        for layer in (MORE, OTHERS)
                    },
                }
            )
    return sections


def _layer(exhibit: Exhibit, parts: Mapping[str, Part], others: list[str]) -> str:
    """Return where in its section an exhibit stands."""
    if exhibit.label in others:
        return OTHERS
    return MORE if parts[exhibit.figure.name].depth > 1 else SHOWN


def _intro(section: Section, summary: Summary) -> str:
    """Return the introduction of a section; in that of single predictions also what rows are called."""
    sums = summary.form == "sum" or summary.classes is not None
    of_sums = f" {section.of_sums}" if section.of_sums and sums else ""
    intro = section.intro or _model(summary)
    return f"{intro}{of_sums}{_output(section.name, summary)}{_labels(section.name, summary)}"


def _output(section: str, summary: Summary) -> str:
    """Return which output a section explains, of more than two classes."""
    if summary.classes is None or section in ("classes", "model", "changes"):
        return ""
    if section == PICKER and summary.classes.chosen:
        return " It is explained for the predicted class against the runner-up."
    return f" This section explains the {summary.unit}."


def _model(summary: Summary) -> str:
    """Return what kind of formula the model is, and how good."""
    what = f"The model: {summary.description}."
    if not summary.metrics:
        return f"{what} The rows have no targets, so its accuracy on them is not known."
    metrics = ", ".join(f"{name} {number(value)}" for name, value in summary.metrics.items())
    return f"{what} On the explained rows: {metrics}. {summary.not_held_out}".strip()


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
        shown["size"] = size_of(image)
        shown["alt"] = f"{exhibit.figure.kind}. {finding}"
    return shown


def size_of(image: bytes) -> tuple[int, int]:
    """Return width and height of a lossless WebP: 14 bits each, less one (RFC 9649, 3.4)."""
    bits = int.from_bytes(image[21:25], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


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
