"""The page as a document: whole by itself, every figure with its words, every number where it belongs."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralClassifier, SpectralRegressor, explain, plots, report
from spectral_interp.report import headlines
from spectral_interp.report.page import render, table_cells
from spectral_interp.report.rows import picker_rows
from spectral_interp.report.subject import Subject
from spectral_interp.whatif import model


class Reader(HTMLParser):
    """Collects elements with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def picked_rows(method):
    """Return the rows that a picker shows by one method, as dictionaries."""
    return [dict(zip(method["keys"], row, strict=True)) for row in method["rows"]]


@pytest.fixture(scope="module")
def written(tmp_path_factory, regressor, diabetes):
    X, y = diabetes
    folder = tmp_path_factory.mktemp("page") / "out"
    analysis = report.analyze(regressor, X[:40], y[:40], methods=["local", "path"], most=5, seed=0)
    report.write(analysis, folder)
    return folder, (folder / "report.html").read_text(encoding="utf-8"), analysis


def test_the_page_needs_nothing_but_itself(written):
    _, text, _ = written
    found = Reader(text)
    assert not re.search(r"https?://", text)
    assert all(image["src"].startswith("data:image/webp;base64,") for image in found.all("img"))
    assert [link["href"] for link in found.all("link")] == ["data:,"]
    assert "default-src 'none'" in next(m for m in found.all("meta") if "http-equiv" in m)["content"]
    assert len(text) < 3e6


def test_scripts_are_those_that_the_policy_allows(written):
    _, text, _ = written
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    policy = next(m for m in Reader(text).all("meta") if "http-equiv" in m)["content"]
    allowed = re.search(r"script-src ([^;]*);", policy)[1].split()
    assert allowed == [f"'sha256-{one}'" for one in hashes]
    assert len(scripts) == 4


def test_models_that_are_too_large_have_no_what_if(written, monkeypatch):
    _, _, analysis = written
    monkeypatch.setattr(model, "LARGEST", 10)
    text = render(analysis.exhibits, {}, analysis.subject, analysis.summary)
    found = Reader(text)
    assert {"whatif", "whatif-data"}.isdisjoint(attributes.get("id") for _, attributes in found.elements)
    assert "#whatif" not in [a["href"] for a in found.all("a")]
    assert "what-if panel: expected matrices up to" in "".join(found.text)


def test_every_figure_has_words_and_its_table(written):
    folder, text, analysis = written
    found = Reader(text)
    shown = [figure["id"] for figure in found.all("figure")]
    assert len(shown) == len(set(shown))
    assert shown[0] == "importance_local"
    assert {name for name in analysis.figures if not name.startswith("waterfall")} <= set(shown)
    assert all(len(image["alt"]) > 40 for image in found.all("img"))
    links = [a["href"] for a in found.all("a") if not a["href"].startswith("#")]
    assert sorted(links) == sorted(f"tables/{name}.csv" for name in shown)
    assert all((folder / link).is_file() for link in links)
    ids = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    assert {a["href"][1:] for a in found.all("a") if a["href"].startswith("#")} <= ids


def test_the_page_says_what_the_summary_says(written):
    _, text, analysis = written
    said = "".join(Reader(text).text)
    assert all(sentence in said for sentence in analysis.summary.certified.sentences)
    assert analysis.summary.background in said
    assert "No comparison was made" in said
    assert f"torch {analysis.summary.versions['torch']}" in said


def test_the_first_screen_compares_with_what_needs_no_model(written, classifier, breast_cancer, diabetes):
    _, text, analysis = written
    targets = diabetes[1][:40]
    quality, drivers, proven, _ = headlines.headlines(analysis.summary, analysis.tables)
    heads, *lines = quality.scores
    assert heads[1:] == ["R²", "RMSE"]
    error = np.sqrt(np.mean((targets - analysis.subject.whole.prediction) ** 2))
    assert [float(line[2]) for line in lines] == pytest.approx([error, np.std(targets)], rel=1e-3)
    assert float(lines[-1][1]) == 0
    strongest = analysis.tables["importance_local"]["column"].head(3)
    assert all(name in drivers.lines[0] for name in strongest)
    assert set(analysis.summary.certified.sentences[:2]) <= set(proven.lines)
    pairs = analysis.tables["interactions"]
    for share, count in ((0.3, 1), (0.09, 0)):
        tables = analysis.tables | {"interactions": pairs.assign(share=share)}
        lines = headlines.headlines(analysis.summary, tables)[1].lines
        assert lines.count(plots.interactions.finding(tables["interactions"])) == count
    assert all(sentence in "".join(Reader(text).text) for sentence in quality.lines)
    for count, known in ((0, True), (None, False)):
        summary = replace(analysis.summary, rows_trained_on=count)
        lines = headlines.headlines(summary, analysis.tables)[0].lines
        assert any("training row" in line for line in lines) == known
    X, y = breast_cancer
    found = report.analyze(classifier, X[:50], y[:50], methods=["local"], seed=0)
    quality = headlines.headlines(found.summary, found.tables)[0]
    scores = dict(zip(quality.scores[0], quality.scores[-1], strict=True))
    assert float(scores["accuracy"]) == pytest.approx(y[:50].value_counts(normalize=True).max(), rel=1e-3)
    assert scores["log loss"] == ""
    without = report.analyze(classifier, X[:50], None, methods=["local"], seed=0)
    assert headlines.headlines(without.summary, without.tables)[0].scores == []


def test_words_of_the_glossary_that_are_names_are_left_alone(diabetes):
    X, y = diabetes
    named = X.rename(columns={"age": "my background", "bmi": "<b>latent</b>"})
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(named, y)
    analysis = report.analyze(est, named[:5], y[:5], methods=["local"], seed=0)
    text = render(analysis.exhibits, {}, analysis.subject, analysis.summary)
    buttons = {button.get("popovertarget") for button in Reader(text).all("button")} - {None}
    assert {"term-coupling", "term-proven"} <= buttons
    assert buttons.isdisjoint({"term-background", "term-latent"})
    assert "<b>latent</b>" in "".join(Reader(text).text)


@pytest.mark.parametrize("method", ["local", "shapley"])
def test_steps_of_the_picker_add_up_to_the_prediction(regressor, diabetes, method):
    X, y = diabetes
    wide = pd.concat([X, X.iloc[:, :3].add_prefix("_")], axis=1)
    est = SpectralRegressor(dim=3, n_epochs=3, random_state=0, form="single").fit(wide, y)
    subject = Subject.explained(est, wide[:4], y[:4], [method], most=None, compare_rows=0, seed=0)
    data = picker_rows(subject)
    att = explain(est, wide[:4], method=method)
    json.dumps(data, allow_nan=False)
    assert data["methods"][method]["others"] == 3
    for i, row in enumerate(picked_rows(data["methods"][method])):
        steps = row["steps"]
        assert len(steps) == 11
        assert row["base"] + sum(step[2] for step in steps) == pytest.approx(att.prediction[i], rel=1e-4)
        sizes = [abs(step[2]) for step in steps[:10]]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] == pytest.approx(np.abs(att.values[i]).max(), rel=1e-4)
        assert row["error"] == pytest.approx(abs(att.prediction[i] - y[i]), rel=1e-4)
        if att.coupling is not None:
            assert sum(step[3] for step in steps) == pytest.approx(att.coupling[i].sum(), rel=1e-3)
    assert (picked_rows(data["methods"][method])[0]["steps"][0][3] is None) == (method == "shapley")


def test_a_single_column_is_not_called_others(diabetes):
    X, y = diabetes
    for more, others in ((1, 0), (2, 2)):
        wide = pd.concat([X, X.iloc[:, :more].add_prefix("_")], axis=1)
        est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(wide, y)
        subject = Subject.explained(est, wide[:2], None, ["local"], most=None, compare_rows=0, seed=0)
        found = picker_rows(subject)["methods"]["local"]
        assert (found["others"], len(picked_rows(found)[0]["steps"])) == (others, 11)


def test_rows_of_slower_methods_keep_their_numbers(regressor, diabetes):
    X, _ = diabetes
    subject = Subject.explained(regressor, X[:40], None, ["path"], most=3, compare_rows=0, seed=0)
    rows = picked_rows(picker_rows(subject)["methods"]["path"])
    assert [(row["place"], row["row"]) for row in rows] == [(0, "0"), (19, "19"), (39, "39")]
    assert [row["target"] for row in rows] == [None] * 3


def test_a_wrong_class_is_an_error_in_log_odds(classifier, breast_cancer):
    X, y = breast_cancer
    flipped = y[:6].map({a: b for a, b in zip(classifier.classes_, classifier.classes_[::-1], strict=True)})
    right, wrong = (
        [
            row["error"]
            for row in picked_rows(
                picker_rows(
                    Subject.explained(classifier, X[:6], labels, ["local"], most=None, compare_rows=0, seed=0)
                )["methods"]["local"]
            )
        ]
        for labels in (y[:6], flipped)
    )
    np.testing.assert_allclose(right, np.negative(wrong))
    decided = classifier.predict(X[:6]) == y[:6].to_numpy()
    assert ((np.array(right) < 0) == decided).all()


def test_tables_keep_names_keys_and_what_is_common():
    table = pd.DataFrame({"my_column_a": [1e-9, np.nan], "ms_per_row": [2.0, 1.0], "unit": ["kg", "kg"]})
    cells = table_cells(table, replace(plots.cost, once=("unit",)))
    assert cells["columns"] == ["my_column_a", "ms per row"]
    assert [cell["text"] for cell in cells["rows"][1]] == ["", "1"]
    assert cells["common"] == ["unit: kg"]


def test_limits_name_associated_columns_sampling_and_classes(rng):
    a = rng.normal(size=90)
    X = pd.DataFrame({"a": a, "twin": -a + 0.1 * rng.normal(size=90), "c": rng.normal(size=90)})
    X["city"] = np.where(a > 0, "Oslo", "Rome")
    X["far"] = np.where(a > 0, "north", "south")
    est = SpectralClassifier(dim=3, n_epochs=3, random_state=0, form="single").fit(
        X, np.where(a > 0, "yes", "no")
    )
    subject = Subject.explained(est, X[:20], None, ["local"], most=None, compare_rows=0, seed=0)
    pairs = {frozenset(pair[:2]): pair[2] for pair in headlines.associated_columns(subject)}
    assert set(pairs) >= {frozenset(("a", "twin")), frozenset(("city", "far"))}
    assert frozenset(("a", "c")) not in pairs
    z = np.concatenate([est.encode(X[:20]), est.encode(est.background_)])
    r = np.corrcoef(z[:, 0], z[:, 1])[0, 1]
    assert pairs[frozenset(("a", "twin"))] == f"r = {r:+.2f}".replace("-", "−")
    assert pairs[frozenset(("city", "far"))] == "V = 1.00"
    summary = report.analyze(est, X[:20], None, methods=["local"], seed=0).summary
    said = dict(headlines.limits(subject, summary))
    assert "a and twin (r = −0.9" in said["Associated columns"]
    assert "Diagonal and coupling" not in said
    assert "yes above 0 and no below 0" in said["Unit"]
    assert said["Sampling error"] == "None: local contributions are computed, not sampled."


def test_limits_say_standard_errors_and_degenerate_rows(classifier, breast_cancer):
    X = breast_cancer[0][:2]
    subject = Subject.explained(classifier, X, None, ["shapley"], most=None, compare_rows=0, seed=0)
    summary = report.analyze(classifier, X, None, methods=["shapley"], seed=0).summary
    assert "standard errors: shapley up to" in dict(headlines.limits(subject, summary))["Sampling error"]
    shapley = replace(summary.methods["shapley"], degenerate_rows=2)
    summary = replace(summary, methods={"shapley": shapley})
    assert dict(headlines.limits(subject, summary))["Degenerate rows"].startswith("2 for shapley")


def test_limits_say_where_the_split_depends_on_the_basis(rng):
    X = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
    for dim, said in ((2, True), (5, False)):
        est = SpectralRegressor(dim=dim, n_epochs=3, random_state=0, form="single").fit(X, X["a"])
        subject = Subject.explained(est, X[:9], None, ["local"], most=None, compare_rows=0, seed=0)
        summary = report.analyze(est, X[:9], None, methods=["local"], seed=0).summary
        assert ("Diagonal and coupling" in dict(headlines.limits(subject, summary))) == said


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_other_formats_of_figures(tmp_path, regressor, diabetes, kind):
    analysis = report.analyze(regressor, diabetes[0][:5], None, methods=["local"], seed=0)
    local = [exhibit for exhibit in analysis.exhibits if exhibit.label == "local"]
    few = report.Analysis(analysis.subject, local, analysis.summary)
    report.write(few, tmp_path / "out", format=kind)
    files = list((tmp_path / "out" / "figures").iterdir())
    assert {path.suffix for path in files} == {f".{kind}"}
    content = files[0].read_bytes()
    report.write(few, tmp_path / "again", format=kind)
    assert (tmp_path / "again" / "figures" / files[0].name).read_bytes() == content
    assert b"<svg" in content[:2000] if kind == "svg" else content.startswith(b"%PDF")
    assert "data:image/webp" in (tmp_path / "out" / "report.html").read_text()
    with pytest.raises(ValueError, match="expected format to be one of png, svg, pdf; got 'gif'"):
        report.write(few, tmp_path / "out", format="gif")
