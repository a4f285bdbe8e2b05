"""The report of a model of more than two classes, from its numbers to the page in a browser."""

import json

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralClassifier, explain, report
from spectral_interp.comparison import study
from spectral_interp.comparison.baselines import fit_baselines
from spectral_interp.comparison.explainers import EXPLAINERS
from spectral_interp.report import writing
from spectral_interp.report.rows import class_data, picker_rows
from spectral_interp.report.subject import Subject
from tests.conftest import undrawn
from tests.report.test_page import Reader, picked_rows

HOSTILE = ["</script><script>window.broken = 1</script>", "", "n" * 200, "twin", "twin ", "<b>&amp;</b>"]
QUICK = ("local", "SHAP Linear", "SHAP Deep")


def subject_of(est, X, y, **options):
    options = {"methods": ["local"], "most": None, "compare_rows": 0, "seed": 0} | options
    return Subject.explained(est, X, y, options.pop("methods"), **options)


@pytest.fixture(scope="module")
def analysis(florist, flowers):
    X, y = flowers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "EXPLAINERS", tuple(one for one in EXPLAINERS if one.name in QUICK))
        return report.analyze(
            florist, X[:90], y[:90], methods=["local", "path"], most=4, compare_rows=3, seed=0
        )


def test_the_summary_says_what_is_explained_and_how_good_it_is(analysis, florist, flowers):
    X, y = flowers
    summary = analysis.summary.to_dict()
    assert summary["metrics"] == florist.evaluate(X[:90], y[:90])
    found = summary["classes"]
    assert (found["output"], found["against"], found["chosen"]) == ("iris", None, True)  # 30 rows each
    assert summary["unit"] == "log-odds of kind = iris against the mean of all classes"
    predicted = florist.predict(X[:90])
    for one in found["classes"]:
        own = (y[:90] == one["name"]).to_numpy()
        assert one["rows"] == own.sum()
        assert one["predicted"] == (predicted == one["name"]).sum()
        assert one["recognised"] == pytest.approx((predicted[own] == one["name"]).mean())
        sizes = np.abs(explain(florist, X[:90], output=one["name"]).values).mean(axis=0)
        assert one["top_columns"][0] == X.columns[sizes.argmax()]
    assert "most frequent class" in analysis.summary.classes.sentence
    assert {"confusion", "class_importance", "class_contrasts"} <= set(analysis.figures)
    json.dumps(summary, allow_nan=False)


def test_one_output_is_explained_everywhere_and_rows_for_their_own_classes(analysis, florist, flowers):
    X, _ = flowers
    subject = analysis.subject
    np.testing.assert_allclose(subject.first.values, explain(florist, X[:90], output="iris").values)
    assert subject.certificate.view.output.unit == subject.unit == subject.comparison.unit
    assert set(subject.comparison.accuracy["model"]) == {"spectral", "linear", "MLP"}
    assert subject.regions.rows.view.output.unit == subject.unit
    single = subject.singled["local"]
    np.testing.assert_array_equal(single.output, florist.predict(X[:90]))
    tables = analysis.tables
    assert tables["waterfall_high"]["unit"][0].count(" against ") == 1
    assert tables["background_stability"]["unit"].eq(subject.unit).all()


@pytest.mark.parametrize(("output", "against"), [("rose", None), ("rose", "lily")])
def test_an_output_that_is_asked_for(florist, flowers, output, against):
    X, y = flowers
    subject = subject_of(florist, X[:30], y[:30], output=output, against=against)
    assert subject.singled is not subject.attributions
    assert subject.singled == subject.attributions
    np.testing.assert_allclose(
        subject.first.values, explain(florist, X[:30], output=output, against=against).values
    )
    summary = report.analyze(
        florist, X[:30], y[:30], methods=["local"], seed=0, output=output, against=against
    ).summary
    assert (summary.classes.output, summary.classes.against, summary.classes.chosen) == (
        output,
        against,
        False,
    )
    assert "as requested" in summary.classes.sentence


def test_either_of_two_classes_can_be_explained(classifier, breast_cancer):
    X, y = breast_cancer
    subject = subject_of(classifier, X[:30], y[:30], output="benign")
    assert subject.unit == "log-odds of diagnosis = benign"
    assert subject.classes == ("malignant", "benign")
    usual = subject_of(classifier, X[:30], y[:30])
    np.testing.assert_allclose(subject.first.values, -usual.first.values)
    np.testing.assert_array_equal(subject.errors, usual.errors)
    summary = report.analyze(classifier, X[:30], y[:30], methods=["local"], seed=0, output="benign").summary
    assert summary.metrics == classifier.evaluate(X[:30], y[:30])
    assert summary.classes is None


def test_bad_outputs(florist, flowers, classifier, breast_cancer, regressor, diabetes):
    X, y = flowers
    with pytest.raises(ValueError, match=r"expected output to be a class of 'kind'.*got 'lilly'.*'lily'"):
        subject_of(florist, X[:5], y[:5], output="lilly")
    with pytest.raises(ValueError, match="different classes; got 'lily' for both"):
        subject_of(florist, X[:5], y[:5], output="lily", against="lily")
    with pytest.raises(ValueError, match="expected output, the class to explain"):
        subject_of(florist, X[:5], y[:5], against="lily")
    with pytest.raises(ValueError, match="expected output only for a model of classes"):
        subject_of(regressor, diabetes[0][:5], None, output="high")


def test_without_targets_the_predicted_classes_count(florist, flowers):
    X, _ = flowers
    built = report.analyze(florist, X[:40], None, methods=["local"], seed=0)
    assert any("the rows have no targets" in reason for reason in built.summary.left_out)
    assert "confusion" not in built.tables
    assert built.summary.classes.confused is None
    frequent = pd.Series(florist.predict(X[:40])).value_counts().sort_index().idxmax()
    assert built.summary.classes.output == frequent


def test_the_row_picker_has_probabilities_and_errors(florist, flowers, classifier, breast_cancer):
    X, y = flowers
    subject, chances = subject_of(florist, X[:30], y[:30]), florist.predict_proba(X[:30])
    for at, row in enumerate(picked_rows(picker_rows(subject)["methods"]["local"])):
        label = florist.classes_[chances[at].argmax()]
        assert row["target"] == y.iloc[at]
        assert row["chance"].startswith(f"probability of {label} ")
        assert float(row["chance"].split()[-2]) == pytest.approx(100 * chances[at].max(), rel=0.01)
        own = list(florist.classes_).index(y.iloc[at])
        log = np.log(chances[at])
        assert row["error"] == pytest.approx(np.delete(log, own).max() - log[own], rel=1e-4)
        total = row["base"] + sum(step[2] for step in row["steps"])
        assert total == pytest.approx(row["prediction"], abs=2e-4)
    X, y = breast_cancer
    row = picked_rows(picker_rows(subject_of(classifier, X[:3], y[:3]))["methods"]["local"])[0]
    share = float(row["chance"].removeprefix("probability of malignant ").removesuffix(" %"))
    assert share == pytest.approx(100 * classifier.predict_proba(X[:1])[0, 1], rel=0.06)


def test_the_class_picker_has_every_output_and_contrast(florist, flowers):
    X, y = flowers
    data = class_data(subject_of(florist, X, y))
    assert data["names"] == ["iris", "lily", "rose"]
    columns = list(X.columns)
    for i, one in enumerate(data["names"]):
        sizes = np.abs(explain(florist, X, output=one).values).mean(axis=0)
        assert data["mean"][i]["rows"] == len(X)
        for at, size, *_ in data["mean"][i]["steps"]:
            assert size == pytest.approx(sizes[at], rel=1e-4)
        for j, other in enumerate(data["names"]):
            if i == j:
                assert data["pairs"][i][j] is None
                continue
            rows = y.isin([one, other])
            att = explain(florist, X[rows], output=one, against=other)
            sizes = np.abs(att.values).mean(axis=0)
            assert [step[1] for step in data["pairs"][i][j]["steps"]] == pytest.approx(
                sorted(sizes, reverse=True), rel=1e-4
            )
            petal = next(s for s in data["pairs"][i][j]["steps"] if s[0] == columns.index("petal"))
            for text, label in zip(petal[3:], (one, other), strict=True):
                median = X.loc[y == label, "petal"].median()
                assert float(text.replace("−", "-")) == pytest.approx(median, rel=1e-3)
    assert class_data(subject_of(florist, X[:3], None))["left"] == 0


def test_only_the_most_frequent_of_many_classes_can_be_picked():
    rng, n = np.random.default_rng(0), 340
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})
    y = pd.Series([f"c{at % 17:02}" for at in range(n)], name="kind")
    est = SpectralClassifier(dim=3, n_epochs=2, random_state=0, form="single").fit(X, y)
    data = class_data(subject_of(est, X[:14], y[:14]))
    assert data["names"] == [f"c{at:02}" for at in range(12)]
    assert data["left"] == 5


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the folder of an analysis whose classes are named to do harm."""
    rng, n = np.random.default_rng(0), 180
    X = pd.DataFrame(rng.normal(size=(n, 13)), columns=[f"x{at}" for at in range(13)])
    y = pd.Series(np.array(HOSTILE, dtype=object)[np.arange(n) % 6], name="<i>kind</i>")
    est = SpectralClassifier(dim=3, n_epochs=4, random_state=0, form="single").fit(X, y)
    est.baselines_ = fit_baselines(est, X, y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "EXPLAINERS", tuple(one for one in EXPLAINERS if one.name in QUICK))
        patch.setattr(writing, "draw_figure", undrawn)
        found = report.analyze(est, X[:60], y[:60], methods=["local"], compare_rows=2, seed=0)
        folder = tmp_path_factory.mktemp("classes") / "out"
        report.write(found, folder)
    return folder


def test_the_page_says_near_the_top_what_tells_the_classes_apart(written):
    text = (written / "report.html").read_text(encoding="utf-8")
    page = Reader(text)
    links = [a["href"] for a in page.all("a")]
    at = links.index("#minute", 1)  # the first one skips to it
    assert links[at : at + 3] == ["#minute", "#whatif", "#classes"]
    figures = [attributes["id"] for attributes in page.all("figure")]
    assert figures[:3] == ["class_importance", "class_contrasts", "confusion"]
    assert "<script>window.broken" not in text
    for name in figures[:3]:
        assert (written / "tables" / f"{name}.csv").is_file()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_class_picker_in_a_browser(written, chromium, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get_log("browser")
    chromium.get((written / "report.html").as_uri())
    assert chromium.get_log("browser") == []
    assert chromium.execute_script("return window.broken") is None
    data = json.loads(chromium.execute_script("return document.getElementById('data').textContent"))
    classes = data["classes"]
    read = """return [...document.querySelectorAll('#class-bars tbody tr')].map((row) =>
        [row.cells[0].textContent, row.cells[2].textContent, row.cells[4].textContent])"""
    pick = """const box = document.getElementById(arguments[0]); box.value = arguments[1];
        box.dispatchEvent(new Event('change', {bubbles: true}))"""
    for own, against in (("2", ""), ("2", "0"), ("4", "3")):
        chromium.execute_script(pick, "class", own)
        chromium.execute_script(pick, "against", against)
        found = classes["mean"][int(own)] if against == "" else classes["pairs"][int(own)][int(against)]
        lines = chromium.execute_script(read)
        names = [f"{classes['others']} others, in total" if s[0] is None else data["columns"][s[0]] for s in
                 found["steps"]]  # fmt: skip
        assert [line[0] for line in lines] == names
        assert [float(line[1]) for line in lines] == pytest.approx([s[1] for s in found["steps"]], rel=1e-3)
        assert [line[2] for line in lines] == [step[3] for step in found["steps"]]
        said = chromium.execute_script("return document.getElementById('class-said').textContent")
        assert classes["names"][int(own)] in said
        assert f"{found['rows']} rows" in said
    chromium.execute_script(pick, "class", "3")  # which stood against
    assert chromium.execute_script("return document.getElementById('against').value") == ""
    assert "probability of" in chromium.execute_script("return document.getElementById('said').textContent")
    wide, room = chromium.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= room
    assert chromium.get_log("browser") == []
