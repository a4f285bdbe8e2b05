"""``report.html``: one self-contained page, rendered from the templates in this package."""

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
"""Sections with further content: the row picker in place of waterfalls, and certified sentences."""

SHOWN, MORE, OTHERS = "", "More figures and tables", "Results of other methods"
"""Titles of the layers of a section. The first layer is always visible."""

LABELS = "row"
"""Column of tables with the labels of the rows."""

LINES = 25
"""Maximum number of lines of a table on the page. The file has all lines."""

WIDE = 14
"""Maximum number of columns of a table that is shown with its figure."""

GLOSSARY = {
    "background": "The rows against which a prediction is measured: by default a sample of the training "
    "rows. A different background gives different contributions.",
    "base value": "The starting point of the contributions of a row: the prediction for the background.",
    "contribution": "The amount by which one column raises or lowers one prediction, in the unit of the "
    "prediction. The base value and all contributions of a row add up to its prediction.",
    "coupling": "A link between two neighbouring latents. The coupling part of a contribution is the effect "
    "of a column through mixing latents. Without couplings, the model would consist of linear pieces.",
    "diagonal": "The diagonal part of a contribution is the direct effect of a column on single latents.",
    "latent": "A quantity inside the model, a weighted sum of the columns. The prediction is a mixture of a "
    "few latents.",
    "proven": "A proven statement follows from the numbers of the model by a theorem, for every possible "
    "input and not only for the rows in the data. It describes the model, not reality.",
}
"""Explanations of words that a reader may not know."""


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
        Figures as lossless WebP.
    subject : Subject
    summary : Summary
    in_folder : bool
        Whether the page is in a folder with the files of its tables, to which it then links.
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
    """Return the data of the what-if panel, or None and the reason for its absence."""
    try:
        found = panel_data(subject.whole, subject.strongest, target=summary.target, start=int(subject.row))
    except TooLarge as reason:
        return None, [("omitted", f"what-if panel: {reason}")]
    return found, []


def _hash(script: str) -> str:
    """Return the hash that allows a script in the security policy of the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _template(name: str) -> str:
    return (files("spectral_interp.report") / "templates" / name).read_text(encoding="utf-8")


class Glosser:
    """Filter that turns the first use of every word of the glossary into a button that explains it.

    Words that occur in a name of a column or a class are not changed.

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
    """Return all names given by the user: columns, target, classes."""
    return [*subject.first.columns, summary.target, summary.unit, *map(str, subject.labels or ())]


def _first(exhibits: list[Exhibit], summary: Summary) -> Exhibit:
    """Return the exhibit of the first screen."""
    others = list(summary.methods)[1:]
    parts = [part.figure.name for section in SECTIONS for part in section.parts if part.depth == 0]
    return next(e for name in parts for e in exhibits if e.figure.name == name and e.label not in others)


def _sections(exhibits: list[Exhibit], images: Mapping[str, bytes], summary: Summary) -> list[dict[str, Any]]:
    """Return the sections that are not empty, in the form that the template needs."""
    others = list(summary.methods)[1:]
    sections = []
    for section in SECTIONS:
        parts = {} if section.name == PICKER else {part.figure.name: part for part in section.parts}
        mine = [e for name in parts for e in exhibits if e.figure.name == name]
        shown = {e.name: _shown(e, images) for e in mine}
        for one, other in pairwise(mine):
            if one.figure.name == other.figure.name:
                shown[other.name]["reading"] = ""  # the same as for the first
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
    """Return the layer of an exhibit in its section."""
    if exhibit.label in others:
        return OTHERS
    return MORE if parts[exhibit.figure.name].depth > 1 else SHOWN


def _intro(section: Section, summary: Summary) -> str:
    """Return the introduction of a section, with a note on row labels for single predictions."""
    sums = summary.form == "sum" or summary.classes is not None
    of_sums = f" {section.of_sums}" if section.of_sums and sums else ""
    intro = section.intro or _model(summary)
    return f"{intro}{of_sums}{_output(section.name, summary)}{_labels(section.name, summary)}"


def _output(section: str, summary: Summary) -> str:
    """Return a note on the output that a section explains, if there are more than two classes."""
    if summary.classes is None or section in ("classes", "model", "changes"):
        return ""
    if section == PICKER and summary.classes.chosen:
        return " The prediction is explained for the predicted class against the runner-up."
    return f" This section explains the {summary.unit}."


def _model(summary: Summary) -> str:
    """Return a description of the model and its accuracy."""
    what = f"The model: {summary.description}."
    if not summary.metrics:
        return f"{what} The rows have no targets, so its accuracy on these rows is unknown."
    metrics = ", ".join(f"{name} {number(value)}" for name, value in summary.metrics.items())
    return f"{what} Metrics on the explained rows: {metrics}. {summary.not_held_out}".strip()


def _labels(section: str, summary: Summary) -> str:
    """Return a note on row labels in the section with the row picker."""
    return f" {summary.row_labels}" if section == PICKER else ""


def _shown(exhibit: Exhibit, images: Mapping[str, bytes]) -> dict[str, Any]:
    """Return an exhibit in the form that the template needs."""
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
    """Return width and height of a lossless WebP, stored as 14 bits each, minus one (RFC 9649, 3.4)."""
    bits = int.from_bytes(image[21:25], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def table_cells(table: pd.DataFrame, figure: Figure, lines: int = LINES) -> dict[str, Any]:
    """Return the first lines of a figure's table as text, with keys for sorting numbers.

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
    """Return a cell. Counts and row labels keep all their digits."""
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
    """Return the origin of the analysis, line by line."""
    notes = [] if summary.comparison is None else summary.comparison.notes
    return [
        *summary.provenance.items(),
        ("seed", f"{summary.seed}, for the choice of rows, the redraws and the comparison"),
        ("versions", ", ".join(f"{name} {version}" for name, version in summary.versions.items())),
        ("time", ", ".join(f"{name} {s:.1f} s" for name, s in summary.seconds.items() if s >= 0.05)),
        *(("omitted", reason) for reason in summary.left_out),
        *(("note", note) for note in notes),
    ]
