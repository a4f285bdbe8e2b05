"""Baselines and comparisons of more than two classes: one output at a time, accuracy over all."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

from spectral_interp import SpectralClassifier, compare, explain, load
from spectral_interp.comparison import study
from spectral_interp.comparison.baselines import PENALTIES, evaluate_all, fit_baselines
from spectral_interp.comparison.explainers import EXPLAINERS, explained_models
from spectral_interp.comparison.stability import stability_table
from spectral_interp.models.network import Baseline
from tests.comparison.models import by_name


@pytest.fixture(scope="module")
def found(florist, flowers):
    X, y = flowers
    return compare(florist, X[:6], y[:6], output="rose", against="iris")


def test_the_linear_baseline_is_multinomial_logistic_regression(florist, flowers):
    X, y = flowers
    data = florist.partition(X, y)
    inputs, scores = florist.rows(X).inputs, florist.baselines_["linear"].values(florist.rows(X).inputs)
    losses = {}
    for strength in PENALTIES:
        peer = LogisticRegression(C=1 / strength, max_iter=1000)
        peer.fit(data.train.z, data.train.y, sample_weight=data.train.weight)
        loss = log_loss(data.validation.y, peer.predict_proba(data.validation.z),
                        sample_weight=data.validation.weight)  # fmt: skip
        losses[loss] = peer.predict_proba(inputs)
    np.testing.assert_allclose(softmax(scores, axis=1), losses[min(losses)], atol=1e-6)
    np.testing.assert_allclose(scores.sum(axis=1), 0, atol=1e-12)


def test_baselines_learn_and_their_metrics_are_those_of_all_classes(florist, flowers):
    X, y = flowers
    for name, metrics in evaluate_all(florist, X, y).items():
        assert metrics["accuracy"] > 0.65, name
        assert list(metrics) == ["accuracy", "largest class", "log loss"]
    scores = florist.baselines_["MLP"].values(florist.rows(X).inputs)
    assert scores.shape == (len(X), 3)
    assert evaluate_all(florist, X, y)["MLP"]["accuracy"] == accuracy_score(
        y, florist.classes_[scores.argmax(axis=1)]
    )


def test_a_class_without_rows_to_fit_on_is_unlikely_and_finite():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
    y = pd.Series(["x", "y"] * 30)
    y[:1] = "z"
    est = SpectralClassifier(dim=3, n_epochs=3, random_state=0, form="single").fit(X, y)
    data = est.partition(X, y)
    linear = fit_baselines(est, X, y)["linear"].values(est.rows(X).inputs)
    assert np.isfinite(linear).all()
    if 2 not in data.train.y:
        assert (linear.argmax(axis=1) < 2).all()


@pytest.mark.parametrize("weights", [[0.0, -1.0, 1.0], [2 / 3, -1 / 3, -1 / 3]])
def test_one_output_of_a_baseline_is_a_weighted_sum_of_its_scores(florist, flowers, weights):
    inputs = florist.rows(flowers[0]).inputs
    for baseline in florist.baselines_.values():
        expected = baseline.values(inputs) @ weights
        np.testing.assert_allclose(baseline.of(np.array(weights)).values(inputs), expected, atol=1e-12)


def test_an_evaluation_of_two_classes_counts_twice_where_all_coalitions_are_too_many(
    monkeypatch, florist, flowers
):
    monkeypatch.setattr(study, "EXPLAINERS", (by_name(EXPLAINERS, "SHAP Exact"),))
    X, y = flowers
    background = len(florist.view().background[:25])
    for share, left_out in ((2.0, False), (1.9, True)):
        monkeypatch.setattr(study, "BUDGET", share * 2 * background * 2 ** X.shape[1])
        found = compare(florist, X[:2], y[:2], output="rose", against="iris")
        assert found.cost["status"].str.startswith("left out: all coalitions").tolist() == [left_out] * len(
            found.cost
        )


def test_models_to_explain_predict_the_output(florist, flowers):
    X, _ = flowers
    rows, probability = florist.rows(X), florist.predict_proba(X)
    for output, against in (("lily", "rose"), ("lily", None)):
        models = explained_models(florist, florist.baselines_, output, against)
        log = np.log(probability)
        other = log[:, 2] if against else log.mean(axis=1)
        ours = by_name(models, "spectral")
        np.testing.assert_allclose(ours.values(rows.inputs), log[:, 1] - other, atol=1e-9)
        with torch.no_grad():
            module = ours.module(torch.from_numpy(rows.inputs)).numpy().ravel()
        np.testing.assert_allclose(module, log[:, 1] - other, atol=1e-6)
        for name, baseline in florist.baselines_.items():
            scores = baseline.values(rows.inputs)
            expected = scores[:, 1] - (scores[:, 2] if against else scores.mean(axis=1))
            np.testing.assert_allclose(by_name(models, name).values(rows.inputs), expected, atol=1e-12)


def test_the_comparison_explains_the_output_and_measures_all_classes(found, florist, flowers):
    X, y = flowers
    assert found.unit == "log-odds of kind = rose against iris"
    table = found.accuracy.set_index("model")
    assert table.loc["spectral", "accuracy"] == florist.evaluate(X[:6], y[:6])["accuracy"]
    assert (found.faithfulness["status"] == "ok").all()
    ours, exact = (found.attributions["spectral", name] for name in ("shapley", "SHAP Exact"))
    np.testing.assert_allclose(ours.values, exact.values, atol=1e-9)
    background = pd.DataFrame(florist.background_[:25])
    own = explain(florist, X[:6], output="rose", against="iris", method="shapley", background=background)
    np.testing.assert_allclose(ours.values, own.values, atol=1e-9)
    assert (found.faithfulness["completeness_gap_relative"].dropna() < 0.2).all()


def test_the_other_of_two_classes(classifier, breast_cancer):
    X, y = breast_cancer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "EXPLAINERS", [e for e in EXPLAINERS if e.name in ("local", "Captum IG")])
        usual, turned = (compare(classifier, X[:4], y[:4], output=output) for output in (None, "benign"))
    for key, attribution in usual.attributions.items():
        np.testing.assert_allclose(turned.attributions[key].values, -attribution.values, atol=1e-9)
    pd.testing.assert_frame_equal(usual.accuracy, turned.accuracy)


def test_an_output_is_needed(florist, flowers):
    with pytest.raises(ValueError, match="expected output, the class to explain"):
        compare(florist, flowers[0][:3])
    with pytest.raises(ValueError, match="expected output to be a class"):
        compare(florist, flowers[0][:3], output="oak")


def test_redraws_are_of_the_output(florist, flowers):
    X, _ = flowers
    table = stability_table(florist, X[:20], "local", seed=0, output="rose")
    assert (table["unit"] == "log-odds of kind = rose against the mean of all classes").all()
    att = explain(florist, X[:20], output="rose")
    largest = table["column"][0]
    assert largest == att.columns[int(np.abs(att.values).mean(axis=0).argmax())]


def test_baselines_of_classes_are_stored_and_read_strictly(florist, flowers, tmp_path):
    X, _ = flowers
    florist.save(tmp_path / "model.pt")
    again, inputs = load(tmp_path / "model.pt"), florist.rows(X).inputs
    for name, baseline in florist.baselines_.items():
        np.testing.assert_array_equal(again.baselines_[name].values(inputs), baseline.values(inputs))
        state = baseline.state()
        with pytest.raises(ValueError, match="expected layers of the shapes"):
            Baseline.from_state(name, state)
        with pytest.raises(ValueError, match="expected layers of the shapes"):
            Baseline.from_state(name, {key: weight[:-1] for key, weight in state.items()}, 3)
