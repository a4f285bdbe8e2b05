"""Figures of several classes: their numbers computed another way, names as they were typed, many classes."""

import io
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.stats import spearmanr
from sklearn.metrics import confusion_matrix

from spectral_interp import Pencil, SpectralClassifier, explain, plots
from spectral_interp._common.text import number
from spectral_interp.attribution.explain import explain_every_class
from spectral_interp.pencil import Total
from spectral_interp.plots.class_contrasts import contrast_sentences
from spectral_interp.plots.class_importance import driver_sentences
from spectral_interp.plots.confusion import confused_pairs

HOSTILE = ["", "<script>window.broken = 1</script>", "x" * 200, "twin", "twin ", "$a_1$ {0}", "%s \\n"]


@pytest.fixture(scope="module")
def contributions(florist, flowers):
    return explain_every_class(florist, flowers[0])


def drawn(figure, table, **options):
    """Draw a figure to a file, and return all its text."""
    exhibit = figure.of(table, **options)
    with plots.style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        canvas = Figure(figsize=(7.2, exhibit.height))
        ax = exhibit.draw(canvas.subplots())
        canvas.savefig(io.BytesIO(), format="png")
    labels = [*ax.get_xticklabels(), *ax.get_yticklabels()]
    return [text.get_text() for text in [*ax.texts, *labels]]


def test_confusion_counts_rows_as_scikit_learn_does(florist, flowers):
    X, y = flowers
    predicted = florist.predict(X)
    table = plots.confusion_table(y.tolist(), predicted.tolist(), florist.classes_.tolist())
    expected = confusion_matrix(y, predicted)
    np.testing.assert_array_equal(table["rows"].to_numpy().reshape(3, 3), expected)
    shares = expected / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(table["share"].to_numpy().reshape(3, 3), shares)
    both = expected + expected.T
    pairs = {(a, b): both[i, j] for i, a in enumerate(florist.classes_) for j, b in
             enumerate(florist.classes_) if i < j}  # fmt: skip
    worst = max(pairs, key=pairs.get)
    assert confused_pairs(table)[0][:3] == (*worst, pairs[worst])
    assert all(name in plots.confusion.finding(table) for name in worst)
    assert str(expected.sum() - np.trace(expected)) in plots.confusion.finding(table)


def test_confusion_without_errors_rows_or_known_labels():
    right = plots.confusion_table(["a", "b"], ["a", "b"])
    assert "all 2 rows" in plots.confusion.finding(right)
    absent = plots.confusion_table(["a", "b"], ["b", "b"], ["a", "b", "c"])
    assert np.isnan(absent["share"].to_numpy()[-3:]).all()
    assert re.search(r"\ba .*: 0% of its rows", plots.confusion.finding(absent))
    with pytest.raises(ValueError, match="2 for 1"):
        plots.confusion_table(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="expected classes a and b; got 'c'"):
        plots.confusion_table(["a", "c"], ["a", "b"], ["a", "b"])


def test_class_importance_is_the_mean_size_of_what_explain_says(florist, flowers, contributions):
    X, _ = flowers
    table = plots.class_importance_table(contributions)
    predicted = pd.Series(florist.predict(X)).value_counts()
    for label in florist.classes_:
        own = table[table["output"] == label].set_index("column")
        att = explain(florist, X, output=label)
        expected = pd.Series(np.abs(att.values).mean(axis=0), list(att.columns))
        np.testing.assert_allclose(own["mean_abs_contribution"], expected[own.index], rtol=1e-9)
        assert (own["predicted"] == predicted[label]).all()
        assert own["unit"].eq(att.unit).all()
        for column in ("petal", "stem"):
            ranks = spearmanr(X[column], att.values[:, att.columns.index(column)]).statistic
            way = "high values" if ranks >= 0.6 else "low values" if ranks <= -0.6 else ""
            assert own.loc[column, "raised_by"] == way
        soil = pd.Series(att.values[:, att.columns.index("soil")]).groupby(X["soil"].to_numpy()).mean()
        assert own.loc["soil", "raised_by"] == soil.idxmax()
    assert table[table["output"] == "rose"].set_index("column")["raised_by"]["petal"] == "high values"
    assert any(line.startswith("rose: ") and "petal" in line for line in driver_sentences(table))


def test_sizes_of_classes_have_their_refit_deviation(rng):
    """Two fits a class, whose contributions are slopes times values: deviations by hand."""
    X, slopes = rng.normal(size=(20, 2)), rng.normal(size=(2, 2, 2))
    sizes = np.abs(X - X.mean(axis=0)).mean(axis=0)
    parts = {}
    for name, fits in zip(("a", "b"), slopes, strict=True):
        pencils = [Pencil(np.array([[0.0], [one], [other]]), np.zeros((3, 0)), 0) for one, other in fits]
        total = Total(pencils, weights=[0.5, 0.5], member=[0, 1])
        parts[name] = explain(total, X, background=X)
    table = plots.class_importance_table(parts)
    for at, name in enumerate(parts):
        own = table[table["output"] == name].set_index("column").loc[["z0", "z1"]]
        expected = np.std(np.abs(slopes[at]) * sizes, axis=0, ddof=1)
        np.testing.assert_allclose(own["refit_deviation"], expected, rtol=1e-9)
    texts = drawn(plots.class_importance, table)
    assert sum("±" in text for text in texts) == 4
    assert f"± {number(table['refit_deviation'][0], 1)}" in texts[0]
    assert "refit deviation" in plots.class_importance.of(table).reading


def test_class_contrasts_are_those_between_the_two_at_their_rows(florist, flowers, contributions):
    X, y = flowers
    table, predicted = plots.class_contrasts_table(contributions, y.tolist()), florist.predict(X)
    pairs = list(dict.fromkeys(zip(table["output"], table["against"], strict=True)))
    assert len(pairs) == 3
    counts = []
    for one, other in pairs:
        own = table[(table["output"] == one) & (table["against"] == other)].set_index("column")
        rows = y.isin([one, other]).to_numpy()
        att = explain(florist, X[rows], output=one, against=other)
        expected = pd.Series(np.abs(att.values).mean(axis=0), list(att.columns))
        np.testing.assert_allclose(own["mean_abs_contribution"], expected[own.index], rtol=1e-9)
        assert own["mean_abs_contribution"].is_monotonic_decreasing
        assert (own["unit"] == att.unit).all()
        crossed = (predicted == one) & (y == other) | (predicted == other) & (y == one)
        counts.append(int(crossed.sum()))
        assert (own["confused"] == counts[-1]).all()
        assert (own["rows"] == rows.sum()).all()
        for side, label in (("typical_output", one), ("typical_against", other)):
            assert float(own.loc["petal", side].replace("−", "-")) == pytest.approx(
                X.loc[y == label, "petal"].median(), rel=1e-3
            )
        shares = pd.crosstab(y[rows], X.loc[rows, "soil"], normalize="index")
        level = (shares.loc[one] - shares.loc[other]).abs().idxmax()
        assert own.loc["soil", "typical_output"] == f"{level} ({shares.loc[one, level]:.0%})"
        assert own.loc["soil", "typical_against"] == f"{level} ({shares.loc[other, level]:.0%})"
        assert (own["labelled"] == rows.sum()).all()
    assert counts == sorted(counts, reverse=True)
    said = contrast_sentences(table)[0]
    assert all(name in said for name in (*pairs[0], table["column"][0], str(counts[0])))


def test_rows_without_a_true_class_count_as_predicted(florist, flowers, contributions):
    X, y = flowers
    predicted = florist.predict(X).tolist()
    unknown = plots.class_contrasts_table(contributions, None)
    known = plots.class_contrasts_table(contributions, predicted)
    pd.testing.assert_frame_equal(unknown.drop(columns="labelled"), known.drop(columns="labelled"))
    assert (unknown["labelled"] == 0).all()
    assert (known["labelled"] == known["rows"]).all()
    assert not any("confused" in sentence for sentence in contrast_sentences(unknown))
    assert all("none of their" in sentence for sentence in contrast_sentences(known))
    some = [label if at % 2 else None for at, label in enumerate(y)]
    filled = [label if at % 2 else predicted[at] for at, label in enumerate(y)]
    partly, whole = (plots.class_contrasts_table(contributions, truth) for truth in (some, filled))
    pd.testing.assert_frame_equal(partly.drop(columns="labelled"), whole.drop(columns="labelled"))
    first, odd = partly.iloc[0], np.arange(len(y)) % 2 == 1
    assert first["labelled"] == (odd & y.isin([first["output"], first["against"]])).sum()
    assert "labelled rows" in contrast_sentences(partly)[0]
    with pytest.raises(ValueError, match="true classes that have contributions; got 'oak'"):
        plots.class_contrasts_table(contributions, ["oak", *y[1:]])


def test_contributions_of_one_class_or_other_rows_are_refused(contributions):
    first, second, _ = contributions
    with pytest.raises(ValueError, match="at least 2 classes; got 1"):
        plots.class_importance_table({first: contributions[first]})
    with pytest.raises(ValueError, match="at the same rows"):
        plots.class_contrasts_table({first: contributions[first], second: contributions[second][:4]})


def test_rows_of_one_class_have_nothing_to_be_told_apart(contributions):
    few = {label: attribution[:1] for label, attribution in contributions.items()}
    table = plots.class_contrasts_table(few, ["iris"])
    assert table.empty
    assert "one class" in plots.class_contrasts.finding(table)


def test_hostile_names_of_classes_appear_and_twins_stay_apart():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=140), "b": rng.normal(size=140)})
    y = pd.Series(np.array(HOSTILE, dtype=object)[np.arange(140) % 7], name="<b>kind</b>")
    est = SpectralClassifier(dim=3, n_epochs=3, random_state=0, form="single").fit(X, y)
    found = explain_every_class(est, X)
    confusion = plots.confusion_table(y.tolist(), est.predict(X).tolist(), est.classes_.tolist())
    np.testing.assert_array_equal(
        confusion["rows"].to_numpy().reshape(7, 7), confusion_matrix(y, est.predict(X), labels=est.classes_)
    )
    assert len(plots.class_importance_table(found)) == 14
    texts = drawn(plots.confusion, confusion)
    assert "''" in texts
    texts = drawn(plots.class_importance, plots.class_importance_table(found))
    assert {"''", "twin", "twin "} <= set(texts)
    drawn(plots.class_contrasts, plots.class_contrasts_table(found, y.tolist()))


def test_many_classes_and_columns_are_cut_and_counted():
    z = np.random.default_rng(0).normal(size=(60, 30))
    found = {}
    for label in range(40):
        pencil = Pencil(np.random.default_rng(label).normal(size=(31, 1)), np.empty((31, 0)), 0)
        found[label] = explain(pencil, z)
    table = plots.class_importance_table(found)
    assert len(table) == 40 * 30
    texts = drawn(plots.class_importance, table)
    assert len(texts) == 12 * 15 + 12 + 15
    assert "34 other classes" in plots.class_importance.finding(table)
    contrasts = plots.class_contrasts_table(found, [at % 40 for at in range(60)])
    assert len(contrasts) == 10 * 30
    drawn(plots.class_contrasts, contrasts)
    confusion = plots.confusion_table([at % 40 for at in range(60)], [0] * 60, range(40))
    assert len([text for text in drawn(plots.confusion, confusion) if text.isdigit()]) > 26


def test_a_waterfall_names_the_two_classes_of_its_row_and_the_probability(florist, flowers):
    X, _ = flowers
    att, chances = explain(florist, X), florist.predict_proba(X)
    for row in (0, 1, 2):
        table = plots.waterfall_table(att, row)
        second, first = florist.classes_[np.argsort(chances[row])[-2:]]
        assert table["unit"][0] == f"log-odds of kind = {first} against {second}"
        assert table["probability"][0] == pytest.approx(chances[row].max(), abs=1e-12)
        assert first in plots.waterfall.finding(table)
        texts = drawn(plots.waterfall, table)
        assert any(text.endswith(" %)") for text in texts)
    numbers = explain(Pencil([[0.0], [1.0]], [[], []], 0), [[1.0]])
    assert "probability" not in plots.waterfall_table(numbers, 0)


def test_a_waterfall_of_two_classes_has_the_probability_too(classifier, breast_cancer):
    X, _ = breast_cancer
    table = plots.waterfall_table(explain(classifier, X[:5]), 3)
    assert table["probability"][0] == pytest.approx(classifier.predict_proba(X[:5])[3, 1], abs=1e-12)
    turned = plots.waterfall_table(explain(classifier, X[:5], output="benign"), 3)
    assert turned["probability"][0] == pytest.approx(classifier.predict_proba(X[:5])[3, 0], abs=1e-12)


def test_labels_of_log_odds_name_the_class_whatever_its_length():
    unit = plots.text.unit_text("log-odds of kind = a against the mean of all classes")
    assert unit == "log-odds of kind = a against the mean of all classes"
    long = plots.text.unit_text(f"log-odds of kind = {'y' * 200} against {'z' * 200}")
    assert len(long) < 90
