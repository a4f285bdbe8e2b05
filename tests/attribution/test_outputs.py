"""Models of several classes: outputs and contrasts against sums of pencils, SHAP and plain arithmetic."""

from dataclasses import replace

import numpy as np
import pytest
import shap
from scipy.special import softmax

from spectral_interp import Pencil, certify, explain, interactions, linear_regions
from spectral_interp.attribution.explain import explain_every_class
from spectral_interp.view import ClassesView, NumberAxis, Output, Rows, output_rows
from tests.sums import random_sum, random_table, rows_of_table

CLASSES = ("a", "b", "c")


def of_classes(rng, **options):
    """Return a view of three sums on columns of every kind, and rows of a made-up table."""
    views = [random_sum(rng, **options) for _ in CLASSES]
    functions = tuple(view.function for view in views)
    rows = rows_of_table(views[0], random_table(rng, 12))
    background = rows_of_table(views[0], random_table(rng, 5)).z
    view = ClassesView(
        None,
        views[0].axes,
        Output("log-odds", CLASSES, "kind"),
        background,
        pairs=views[0].pairs,
        functions=functions,
    )
    return view, replace(rows, view=view)


def scores(view, z):
    return np.column_stack([function.values(z) for function in view.functions])


def test_outputs_are_differences_of_scores(rng):
    view, rows = of_classes(rng)
    raw = scores(view, rows.z)
    for place, label in enumerate(CLASSES):
        centred = output_rows(view, rows, label)
        np.testing.assert_allclose(centred.prediction, raw[:, place] - raw.mean(axis=1), atol=1e-12)
        assert label in centred.view.output.unit
        assert not centred.view.output.decides
    contrast = output_rows(view, rows, "c", "a")
    np.testing.assert_allclose(contrast.prediction, raw[:, 2] - raw[:, 0], atol=1e-12)
    assert contrast.view.output.classes == ("a", "c")
    np.testing.assert_allclose(rows.prediction, raw - raw.mean(axis=1, keepdims=True), atol=1e-12)


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
@pytest.mark.parametrize("against", [None, "a"])
def test_contributions_of_outputs_add_up(rng, method, against):
    view, rows = of_classes(rng)
    att = explain(view, rows.take(slice(4)), method=method, output="b", against=against)
    raw = scores(view, rows.z[:4])
    expected = raw[:, 1] - (raw.mean(axis=1) if against is None else raw[:, 0])
    np.testing.assert_allclose(att.prediction, expected, atol=1e-12)
    assert att.completeness_gap.max() <= 1e-9 * np.ptp(raw)
    assert att.refit_deviation.shape == att.values.shape
    assert att.output.tolist() == ["b"] * 4
    assert att.against.tolist() == [against] * 4
    if method != "shapley":
        np.testing.assert_allclose(att.by_latent().sum(axis=(2, 3)), att.diagonal, atol=1e-10)


@pytest.mark.parametrize("method", ["local", "shapley"])
def test_contributions_to_scores_are_linear(rng, method):
    """Those to the log-odds between two classes are the difference of those to each, against the mean."""
    view, rows = of_classes(rng)
    one, other, between = (
        explain(view, rows, method=method, output=output, against=against).values
        for output, against in (("a", None), ("c", None), ("a", "c"))
    )
    np.testing.assert_allclose(one - other, between, atol=1e-10)


def test_by_default_the_predicted_class_is_explained_against_its_runner_up(rng):
    view = numeric(rng)
    rows = numeric_rows(view, rng.normal(size=(30, 4)))
    att, raw = explain(view, rows), scores(view, rows.z)
    order = np.argsort(-raw, axis=1)
    assert att.output.tolist() == [CLASSES[place] for place in order[:, 0]]
    assert att.against.tolist() == [CLASSES[place] for place in order[:, 1]]
    assert len({*zip(att.output, att.against, strict=True)}) > 2
    np.testing.assert_allclose(att.prediction, np.diff(np.sort(raw, axis=1))[:, -1], atol=1e-12)
    for i in range(len(rows)):
        one = explain(view, rows.take([i]), output=att.output[i], against=att.against[i])
        np.testing.assert_allclose(one.values[0], att.values[i], atol=1e-12)
    np.testing.assert_allclose(att.by_bond().sum(axis=(2, 3)), att.coupling, atol=1e-10)
    frame = att.to_frame()
    np.testing.assert_array_equal(frame["output"], np.repeat(att.output, len(att.columns)))
    assert (att[3:5].output == att.output[3:5]).all()
    assert len(explain(view, rows.take([]))) == 0


@pytest.mark.parametrize("budget", [None, 600, 1_700, 2_000])
def test_rows_of_all_contrasts_share_a_budget(rng, budget):
    """A few classes are predicted for many rows, others for one: all are sampled alike, or none is."""
    view = numeric(rng)
    rows = numeric_rows(view, rng.normal(size=(9, 4)))
    options = {"method": "shapley", "random_state": np.random.default_rng(5)}
    if budget == 600:
        with pytest.raises(ValueError, match="two samples for 9 rows"):
            explain(view, rows, max_evaluations=budget, **options)
        return
    att = explain(view, rows, max_evaluations=budget, **options)
    assert (att.standard_error is None) == (budget is None)
    assert att.completeness_gap.max() < 1e-10
    groups = len({*zip(att.output, att.against, strict=True)})
    assert groups > 2
    if budget is None:
        assert att.evaluations == 2 * (9 * 7 * 16 + 9 + 7 * groups)
    else:
        assert 0.3 * budget < att.evaluations <= budget


def test_outputs_of_contrasts(rng):
    view = numeric(rng)
    contrast = view.of("c", "a")
    flipped = contrast.of("a")
    assert flipped.output.unit == "log-odds of kind = a against c"
    z = rng.normal(size=(3, 4))
    np.testing.assert_allclose(flipped.values(z), -contrast.values(z), atol=1e-12)
    with pytest.raises(ValueError, match="expected all classes"):
        explain(contrast, numeric_rows(contrast, z), method="shapley", unit="probability")


def test_a_contrast_keeps_the_likelier_of_two_classes_and_not_the_class():
    """The scores are 0, −5 and x − 0.1: a stays likelier than b everywhere, and c takes over at 0.1."""
    lines = [(0.0, 0.0), (-5.0, 0.0), (-0.1, 1.0)]
    functions = tuple(Pencil(diag=[[start], [slope]], off=[[], []], k=0) for start, slope in lines)
    output = Output("log-odds", CLASSES, "kind")
    view = ClassesView(None, (NumberAxis("x"),), output, np.zeros((1, 1)), functions=functions)
    rows = numeric_rows(view, np.zeros((1, 1)))
    cert = certify(view, rows, output="a", against="b")
    assert cert.flip_radius == np.inf
    (said,) = [sentence for sentence in cert.sentences() if "stays" in sentence]
    assert "the likelier of b and a" in said
    assert not any("class" in sentence for sentence in cert.sentences())
    with pytest.raises(ValueError, match="name a class against it"):
        _ = certify(view, rows, output="a").flip_radius


def numeric(rng, p=4, d=5):
    """Return a view of three pencils on p numbers."""
    functions = tuple(
        Pencil(rng.normal(size=(p + 1, d)), rng.normal(size=(p + 1, d - 1)), 1) for _ in CLASSES
    )
    axes = tuple(NumberAxis(f"x{i}") for i in range(p))
    output = Output("log-odds", CLASSES, "kind")
    return ClassesView(None, axes, output, rng.normal(size=(7, p)), functions=functions)


def numeric_rows(view, z):
    return Rows(view, z, z, np.arange(len(z)))


@pytest.mark.parametrize("unit", ["log-odds", "probability"])
def test_shapley_values_of_outputs_are_those_of_shap(rng, unit):
    view = numeric(rng)
    z = rng.normal(size=(5, 4))

    def model(x):
        found = view.values(x)
        return softmax(found, axis=1) if unit == "probability" else found

    masker = shap.maskers.Independent(view.background, max_samples=len(view.background))
    expected = shap.ExactExplainer(model, masker)(z)
    for place, label in enumerate(CLASSES):
        att = explain(view, numeric_rows(view, z), method="shapley", output=label, unit=unit)
        np.testing.assert_allclose(att.values, expected.values[:, :, place], atol=1e-9)
        np.testing.assert_allclose(att.base_values, expected.base_values[:, place], atol=1e-9)
        np.testing.assert_allclose(att.prediction, model(z)[:, place], atol=1e-12)
        assert unit in att.unit
        assert f"kind = {label}" in att.unit


def test_probabilities_of_members_are_those_of_their_mean(rng):
    view, rows = of_classes(rng, neurons=2, members=3)
    expected = softmax(scores(view, rows.z), axis=1)
    for place, label in enumerate(CLASSES):
        att = explain(view, rows.take(slice(2)), method="shapley", output=label, unit="probability")
        np.testing.assert_allclose(att.prediction, expected[:2, place], atol=1e-12)
        assert att.completeness_gap.max() < 1e-12
        assert att.refit_deviation is None


def test_sampled_shapley_values_of_probabilities(rng):
    view = numeric(rng)
    rows = numeric_rows(view, rng.normal(size=(5, 4)))
    options = {"method": "shapley", "output": "a", "unit": "probability"}
    exact, sampled = (explain(view, rows, exact=exact, **options) for exact in (True, False))
    assert sampled.completeness_gap.max() < 1e-12
    assert (np.abs(sampled.values - exact.values) <= 5 * sampled.standard_error + 1e-12).all()


def test_probabilities_of_two_classes(classifier, breast_cancer):
    est, X = classifier, breast_cancer[0][:3]
    narrow = explain(est, X, method="shapley", unit="probability", exact=False, max_evaluations=200_000)
    np.testing.assert_allclose(narrow.prediction, est.predict_proba(X)[:, 1], atol=1e-12)
    other = explain(
        est, X, method="shapley", unit="probability", output="benign", exact=False, max_evaluations=200_000
    )
    np.testing.assert_allclose(other.values, -narrow.values, atol=1e-12)


def test_the_other_of_two_classes(classifier, breast_cancer):
    est, X = classifier, breast_cancer[0][:5]
    malignant, benign = explain(est, X), explain(est, X, output="benign")
    np.testing.assert_allclose(benign.values, -malignant.values, atol=1e-12)
    np.testing.assert_allclose(benign.prediction, -malignant.prediction, atol=1e-12)
    np.testing.assert_array_equal(
        explain(est, X, output="malignant", against="benign").values, malignant.values
    )
    assert "benign" in benign.unit
    up, down = certify(est, X), certify(est, X, output="benign")
    np.testing.assert_allclose(up.flip_radius, down.flip_radius, rtol=1e-9)
    np.testing.assert_allclose(up.gradient_low, -down.gradient_high, atol=1e-12)


def test_analyses_of_an_output(rng):
    view = numeric(rng)
    rows = numeric_rows(view, rng.normal(size=(6, 4)))
    contrast = view.of("a", "b").function
    found = interactions(view, rows, output="a", against="b")
    np.testing.assert_allclose(found, contrast.hessian(rows.z), atol=1e-10)
    cert = certify(view, rows, output="a", against="b")
    gradient = contrast.values_and_gradients(rows.z)[1]
    assert (cert.gradient_low <= gradient + 1e-12).all()
    assert (gradient <= cert.gradient_high + 1e-12).all()
    radius = cert.flip_radius
    for _ in range(20):
        step = rng.normal(size=rows.z.shape)
        step *= 0.999 * radius[:, None] / np.linalg.norm(step, axis=1, keepdims=True)
        np.testing.assert_array_equal(
            np.sign(contrast.values(rows.z + step)), np.sign(contrast.values(rows.z))
        )
    regions = linear_regions(view, rows, output="c")
    np.testing.assert_allclose(regions.prediction, view.values(rows.z)[:, 2], atol=1e-12)


@pytest.mark.parametrize("call", [certify, interactions, linear_regions])
def test_an_output_is_needed_where_there_are_several(rng, call):
    view = numeric(rng)
    with pytest.raises(ValueError, match="expected output, the class to explain, one of 'a', 'b', 'c'"):
        call(view, numeric_rows(view, rng.normal(size=(2, 4))))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "d"}, "expected output to be a class of 'kind': 'a', 'b', 'c'; got 'd'"),
        ({"output": "a", "against": "e"}, "expected against to be a class"),
        ({"output": "a", "against": "a"}, "different classes; got 'a' for both"),
        ({"against": "a"}, "expected output"),
        ({"output": "a", "unit": "probability"}, "method='shapley'"),
        ({"method": "shapley", "unit": "probability"}, "expected output"),
        ({"method": "shapley", "unit": "probability", "output": "a", "against": "b"}, "no against"),
        ({"unit": "odds"}, "expected unit to be one of log-odds, probability"),
    ],
)
def test_outputs_that_are_none(rng, options, message):
    view = numeric(rng)
    with pytest.raises(ValueError, match=message):
        explain(view, numeric_rows(view, rng.normal(size=(2, 4))), **options)


def test_numbers_have_no_output(regressor, diabetes):
    for options in ({"output": "a"}, {"against": "a"}, {"unit": "probability", "method": "shapley"}):
        with pytest.raises(ValueError, match="only for a model of classes"):
            explain(regressor, diabetes[0][:2], **options)


def test_degenerate_rows_are_flagged_and_counted_once_for_all_contrasts():
    """The scores of b and c are degenerate at zero; rows are explained in two contrasts."""
    kink = Pencil(diag=[[0.0, 0.0], [1.0, -1.0]], off=[[0.0], [0.0]], k=1)
    lines = (Pencil(diag=[[0.5, 9.0], [3.0, 3.0]], off=[[0.0], [0.0]], k=0), kink, -kink)
    output = Output("log-odds", CLASSES, "kind")
    view = ClassesView(None, (NumberAxis("x"),), output, np.ones((1, 1)), functions=lines)
    rows = numeric_rows(view, np.array([[0.0], [1.0], [-1.0]]))
    with pytest.warns(UserWarning, match="1 of 3 rows are degenerate") as caught:
        att = explain(view, rows)
    assert len(caught) == 1
    assert att.degenerate.tolist() == [True, False, False]
    for found in explain_every_class(view, rows).values():
        assert found.degenerate.tolist() == [True, False, False]
