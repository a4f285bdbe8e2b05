"""What notebooks show: results as sentences and tables, and the report in a frame of its own."""

import re
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from spectral_interp import (
    DensePencil,
    Pencil,
    SpectralRegressor,
    certify,
    compare,
    counterfactual,
    explain,
    linear_regions,
    report,
)
from spectral_interp._common.markup import CELL, LINES
from spectral_interp._common.text import at_least, at_most, number, row_text, signed
from spectral_interp.comparison import study
from spectral_interp.comparison.explainers import EXPLAINERS

SCRIPT = "</iframe></script><script>window.broken = parent.broken = 1</script>"
NAMES = [SCRIPT, "<img src=x onerror='window.broken = 2'>", "n" * 2000, "\x1b[2J\u202ea", "\"'&lt;", "k"]


class Reader(HTMLParser):
    """Collects tags and their attributes, the cells of tables by line, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.lines, self.text, self.in_cell = [], [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.lines.append([])
        elif tag in ("td", "th"):
            self.lines[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
        if self.in_cell:
            self.lines[-1][-1] += data


@pytest.fixture(scope="module")
def hostile():
    """Return a model, and rows, whose columns, levels, target and rows have names that do harm."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, len(NAMES))), columns=NAMES)
    y = (2 * X[SCRIPT] + X["k"] * X[NAMES[1]]).rename("<i>target</i>")
    X["<script>city</script>"] = np.where(X["k"] > 0, "<u>Oslo</u>", "Rome")
    X.index = [f"<b>row {i}</b>" for i in range(80)]
    y.index = X.index
    return SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single").fit(X, y), X, y


@pytest.fixture(scope="module")
def compared(hostile):
    est, X, y = hostile
    few = [one for one in EXPLAINERS if one.name in ("local", "shapley")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "EXPLAINERS", tuple(few))
        return compare(est, X[:5], y[:5])


@pytest.fixture(scope="module")
def results(hostile, compared):
    est, X, _ = hostile
    att, cert = explain(est, X[:20]), certify(est, X[:20])
    near = cert.range({SCRIPT: (-1, 1), "k": (-1, 1)}, X[:1], max_evaluations=20)
    target = est.predict(X[:1])[0] + 1
    return {
        "attribution": att,
        "row": att[3],
        "certificate": cert,
        "regions": linear_regions(est, X[:20]),
        "comparison": compared,
        "range": near,
        "slopes": cert.slopes(SCRIPT, {SCRIPT: (-1, 1)}, X[:1], max_evaluations=20),
        "robustness": cert.robustness(X[:1], {SCRIPT: 0.5, "k": 0.5}, band=0.5, max_evaluations=20),
        "direction": cert.direction(SCRIPT, 1, row=X[:1], max_evaluations=5),
        "spread": cert.spread("<script>city</script>"),
        "counterfactual": counterfactual(est, X[:1], target=target, answers=2, max_evaluations=8),
    }


KINDS = [
    *("attribution", "row", "certificate", "regions", "comparison", "range", "slopes", "robustness"),
    *("direction", "spread", "counterfactual"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_becomes_markup_and_nothing_is_long(results, kind):
    text = results[kind]._repr_html_()
    found = Reader(text)
    assert {tag for tag, _ in found.tags} <= {"div", "p", "table", "thead", "tbody", "tr", "td", "th"}
    assert {name for _, attributes in found.tags for name in attributes} <= {"style"}
    assert not {"\x1b", "\u202e"} & set(text)
    assert len(text) < 20_000
    assert len(found.lines) <= 2 * (LINES + 2)
    assert all(len(cell) <= CELL for line in found.lines for cell in line)
    assert found.text.strip()
    if kind != "regions":
        assert "<script>" in found.text or "[U+001B]" in found.text


def test_an_attribution_is_a_table_of_its_first_rows(results):
    att = results["attribution"]
    found = Reader(att._repr_html_())
    head, *lines = found.lines
    order = np.argsort(-np.abs(att.values).sum(axis=0))
    top, others = order[:5], order[5:]
    assert head[:2] == ["row", "base value"]
    assert head[-2:] == ["2 others", "prediction"]
    assert len(lines) == 10
    assert "… 10 more rows" in found.text
    for i, line in enumerate(lines):
        values = [att.base_values[i], *att.values[i, top], att.values[i, others].sum(), att.prediction[i]]
        assert line == [row_text(att.rows[i]), *map(number, values)]


def test_one_row_is_its_waterfall(results):
    att = results["row"]
    found = Reader(att._repr_html_())
    order = np.argsort(-np.abs(att.values[0]))
    assert [line[-1] for line in found.lines] == [
        number(att.base_values[0]),
        *(signed(value) for value in att.values[0, order]),
        number(att.prediction[0]),
    ]
    bars = [a["style"] for tag, a in found.tags if tag == "div" and "left" in a.get("style", "")]
    bars = np.array([re.findall(r"(?:left|width): ([\d.]+)%", style) for style in bars], dtype=float)
    ends = att.base_values[0] + np.append(0.0, np.cumsum(att.values[0, order]))
    low, high = min(0, ends.min()), max(0, ends.max())
    expected = [np.minimum(ends[:-1], ends[1:]) - low, np.abs(np.diff(ends))]
    np.testing.assert_allclose(bars.T, 100 * np.array(expected) / (high - low), atol=0.0051)


def test_many_columns_of_a_row_are_summed(rng):
    pencil = Pencil(rng.normal(size=(31, 3)), rng.normal(size=(31, 2)), 1)
    att = explain(pencil, rng.normal(size=(1, 30)))
    lines = Reader(att._repr_html_()).lines
    rest = np.sort(np.abs(att.values[0]))[:-9]
    assert lines[-2][0] == "21 others"
    assert lines[-2][-1] == signed(att.values[0, np.abs(att.values[0]) <= rest.max()].sum())


def test_rows_of_several_classes_name_the_class(florist, flowers):
    X, _ = flowers
    att = explain(florist, X[:4])
    head, *lines = Reader(att._repr_html_()).lines
    assert head[:3] == ["row", "class", "base value"]
    assert [line[:2] for line in lines] == [[f"f{i}", att.output[i]] for i in range(4)]
    assert att.unit_of(2) in Reader(att[2]._repr_html_()).text
    text = Reader(linear_regions(florist, X[:20], output="iris", against="lily")._repr_html_()).text
    assert (
        f"of neuron {linear_regions(florist, X[:20], output='iris', against='lily').leading.neuron}," in text
    )


def test_a_certificate_has_its_sentences_and_the_ends_of_all_slopes(results):
    cert = results["certificate"]
    found = Reader(cert._repr_html_())
    assert all(one[:20].replace("\x1b", "[U+001B]") in found.text for one in cert.sentences())
    table = cert.columns().sort_values("norm", ascending=False, kind="stable")
    ends = [[at_least(low), at_most(high)] for low, high in table[["low", "high"]].to_numpy()]
    assert sorted(line[2:4] for line in found.lines[1:]) == sorted(ends)


def test_regions_of_dense_matrices_have_no_latents():
    dense = DensePencil(np.array([np.diag([0.0, 1.0]), [[1.0, 0.5], [0.5, 2.0]]]), 1)
    assert Reader(linear_regions(dense, [[1.0], [2.0]])._repr_html_()).lines == []


def test_a_comparison_has_accuracy_and_agreement(compared):
    found = Reader(compared._repr_html_())
    assert [line[0] for line in found.lines] == ["model", "spectral", "model_a", "spectral"]
    assert found.lines[1][1] == number(compared.accuracy["R²"][0])
    assert found.lines[3][4] == number(compared.agreement["spearman"][0])


def test_the_nearest_change_is_a_table(results):
    near = results["counterfactual"]
    found = Reader(near._repr_html_())
    first = near.changes.iloc[0]
    assert found.lines[1][1:] == [number(first["from"]), number(first["to"]), number(first["cost"])]
    assert str(near)[:20] in found.text


@pytest.fixture(scope="module")
def reported(hostile):
    est, X, y = hostile
    return est.report(X[:20], y[:20], methods=["local"])


def test_the_frame_is_one_element_and_holds_the_page(reported):
    found = Reader(reported._repr_html_())
    assert [tag for tag, _ in found.tags] == ["iframe"]
    ((_, attributes),) = found.tags
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == reported.page()
    assert not found.text.strip()
    assert len(repr(reported)) < 200


def test_the_frame_works_and_reaches_nothing_outside(chromium, tmp_path, reported):
    path = tmp_path / "notebook.html"
    path.write_text(
        f"<!doctype html><meta charset='utf-8'><title>notebook</title>{reported._repr_html_()}", "utf-8"
    )
    chromium.get_log("browser")
    chromium.get(path.as_uri())
    chromium.switch_to.frame(chromium.find_element("css selector", "iframe"))
    try:
        ready = """const done = arguments[0];
            const wait = () => document.getElementById('whatif')?.panel ? done(true) : setTimeout(wait, 20);
            wait()"""
        chromium.execute_async_script(ready)
        title = chromium.execute_script("return document.title")
        outside = "try { return parent.document.title } catch (error) { return error.name }"
        assert chromium.execute_script(outside) == "SecurityError"
        assert chromium.execute_script("return window.broken") is None
        assert not chromium.find_element("css selector", "#whatif [id$=link]").is_displayed()
        chromium.execute_script("document.querySelector('nav a[href=\"#made\"]').click()")
        scrolled = """const done = arguments[0];
            const wait = () => scrollY > 0 ? done(document.title) : setTimeout(wait, 20);
            wait()"""
        assert chromium.execute_async_script(scrolled) == title
        assert chromium.find_element("css selector", "#made").is_displayed()
    finally:
        chromium.switch_to.default_content()
    assert chromium.execute_script("return [document.title, window.broken]") == ["notebook", None]
    assert [entry for entry in chromium.get_log("browser") if "favicon" not in entry["message"]] == []


def test_a_written_page_is_that_of_analyze(tmp_path, monkeypatch, no_drawings, hostile):
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    est, X, y = hostile
    found = est.report(X[:20], y[:20], tmp_path / "one", methods=["local"])
    made = found.summary.provenance
    analysis = report.analyze(est, X[:20], y[:20], methods=["local"], seed=0, provenance=made)
    report.write(analysis, tmp_path / "other")
    files = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "other")
    ]
    assert files[0] == files[1]
    assert Path("report.html") in files[0]
    page = files[0][Path("report.html")].decode()
    est.report(X[:20], y[:20], str(tmp_path / "page.html"), methods=["local"])
    alone = (tmp_path / "page.html").read_text("utf-8")
    assert alone == found.page()
    assert re.sub(r'<p class="small file"><a href="tables/[^<]*</a></p>', "", page).split() == alone.split()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other", "page.html"]


def test_rows_may_be_an_array_some_of_many_and_without_targets(no_drawings, rng):
    X = rng.normal(size=(40, 3))
    y = X[:, 0].copy()
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(X, y)
    y[:39] = np.nan
    found = est.report(X, y, methods=["local"], max_rows=10, random_state=3)
    rows = np.sort(np.random.default_rng(3).permutation(40)[:10])
    assert found.analysis.subject.rows.labels.tolist() == rows.tolist()
    assert found.summary.provenance["rows"] == "10 rows given to report(X, y), drawn from 40 rows with seed 3"
    assert est.report(X[:5], np.full(5, np.nan), methods=["local"]).summary.metrics is None
    assert est.baselines_ is None


def test_nearest_changes_keep_columns_and_limits(no_drawings, rng):
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=["age", "bmi", "bp"])
    y = X["age"] + 2 * X["bmi"] + X["bp"]
    est = SpectralRegressor(dim=3, n_epochs=20, random_state=0, form="single").fit(X, y.rename("y"))
    kept = est.report(X[:20], methods=["local"], fixed="bmi", limits={"bp": (-9, 9)}).analysis
    changed = kept.tables["nearest_change_low"]["column"]
    assert len(changed)
    assert "bmi" not in set(changed)
    assert kept.subject.fixed == ("bmi",)
    assert kept.subject.limits == {"bp": (-9, 9)}
    free = est.report(X[:20], methods=["local"]).analysis.tables["nearest_change_low"]["column"]
    assert "bmi" in set(free)
    with pytest.raises(ValueError, match="either in fixed or in limits"):
        est.report(X[:20], fixed=["bmi"], limits={"bmi": (0, 1)})


def test_what_cannot_be_reported_is_refused_before_the_work(tmp_path, monkeypatch, hostile):
    est, X, y = hostile
    monkeypatch.setattr("spectral_interp.report.writing.analyze", None)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        est.report(X, y, tmp_path)
    with pytest.raises(FileNotFoundError, match="expected an existing folder"):
        est.report(X, y, tmp_path / "missing" / "page.html")
    with pytest.raises(ValueError, match=r"expected y of shape \(80,\)"):
        est.report(X, y[:3])
    with pytest.raises(ValueError, match="at least one row"):
        est.report(X[:0])
    with pytest.raises(ValueError, match="at least 1 row"):
        est.report(X, max_rows=0)
    with pytest.raises(NotFittedError):
        SpectralRegressor().report(X)
