"""Sums of neurons on piecewise-linear columns and pairs: all explainers see the user's columns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spectral_interp import compare, explain
from spectral_interp.comparison import faithfulness
from spectral_interp.comparison.baselines import evaluate_all
from spectral_interp.comparison.explainers import IG_STEPS, ExplainedModel, explained_models
from spectral_interp.comparison.inputs import FromInputs
from spectral_interp.comparison.stability import stability_table
from tests.comparison.models import BY_NAME, by_name
from tests.sums import encoded, mixed, random_sum, random_table, rows_of_table


def made_up(rng):
    """Return a random sum as a model to explain, a table of 3 rows and one of 4 background rows."""
    view = random_sum(rng)
    model = ExplainedModel("spectral", torch.nn.Identity(), view.values_of_inputs, view)
    return model, random_table(rng, 3), random_table(rng, 4)


def with_columns_of(row, background, columns):
    """Return background rows of a table with some columns of a row."""
    return background.assign(**{name: row[name] for name in columns})


def test_the_fitted_sum_has_what_is_tested(summed):
    view = summed[0].view()
    assert {axis.kind for axis in view.axes} == {"number", "number with gaps", "levels"}
    assert any(axis.log and axis.knots for axis in view.axes)
    assert view.pairs
    assert len(view.input_column_of) == 2 + 2 + 3 < len(view.features)


@pytest.mark.parametrize("seed", range(5))
def test_features_in_torch_are_those_of_the_view(seed):
    rng = np.random.default_rng(seed)
    view = random_sum(rng)
    z = encoded(view, random_table(rng, 20))
    x = torch.tensor(view.inputs(z), requires_grad=True)
    found = FromInputs(view)(x)
    np.testing.assert_allclose(found.detach(), view.from_inputs(x.detach().numpy()), rtol=0, atol=1e-12)
    weights = rng.normal(size=z.shape)
    (found * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(x.grad, view.input_slopes(z, weights), rtol=1e-10, atol=1e-12)


def test_the_models_are_functions_of_inputs(summed):
    est, X, y = summed
    models, rows = explained_models(est, est.baselines_), est.rows(X)
    for name, baseline in est.baselines_.items():
        expected = baseline.values(est.encoder_.plain.encode(X))
        np.testing.assert_allclose(by_name(models, name).values(rows.inputs), expected, rtol=1e-9, atol=1e-12)
    spectral = by_name(models, "spectral")
    module = spectral.module(torch.tensor(rows.inputs)).numpy()
    for found in (spectral.values(rows.inputs), module):
        np.testing.assert_allclose(found, est.predict(X), rtol=1e-9, atol=1e-9)
    assert spectral.evaluations == 2 * len(X)
    scores = {name: metrics["R²"] for name, metrics in evaluate_all(est, X, y).items()}
    assert scores["spectral"] == pytest.approx(est.score(X, y))
    assert scores["spectral"] > scores["MLP"] > 0.9


@pytest.mark.parametrize("name", ["SHAP Exact", "SHAP Kernel"])
def test_shap_values_of_columns_equal_ours(summed, name):
    est, X, _ = summed
    spectral, rows = explained_models(est, None)[0], est.rows(X[:8])
    reference = rows.view.background[:10]
    theirs = BY_NAME[name](spectral, rows, reference, seed=0)
    ours = explain(est, X[:8], method="shapley", background=est.background_[:10])
    spread = np.ptp(ours.prediction)
    np.testing.assert_allclose(theirs.values, ours.values, rtol=0, atol=1e-9 * spread)
    np.testing.assert_allclose(theirs.base_values, ours.base_values, rtol=0, atol=1e-9 * spread)


@pytest.mark.parametrize("seed", range(3))
def test_shap_values_equal_ours_on_every_kind_of_column(seed):
    model, table, background = made_up(np.random.default_rng(seed))
    rows, reference = rows_of_table(model.view, table), encoded(model.view, background)
    theirs, ours = (BY_NAME[name](model, rows, reference, seed=0) for name in ("SHAP Exact", "shapley"))
    np.testing.assert_allclose(theirs.values, ours.values, rtol=0, atol=1e-9 * np.ptp(ours.prediction))


@pytest.mark.parametrize("seed", range(3))
def test_coalitions_are_those_of_the_table(seed):
    rng = np.random.default_rng(seed)
    model, table, background = made_up(rng)
    rows, reference = rows_of_table(model.view, table), encoded(model.view, background)
    masks = rng.random((3, 5, 6)) < 0.5
    got = faithfulness.coalition_means(model, rows, reference, masks)
    for i, j in np.ndindex(3, 5):
        z = mixed(model.view, table, i, background, masks[i, j])
        assert got[i, j] == pytest.approx(model.view.function.values(z).mean(), abs=1e-11)


def test_deletion_and_insertion_are_those_of_the_table(summed):
    est, X, _ = summed
    spectral, rows = explained_models(est, None)[0], est.rows(X[:6])
    background = est.background_[:5]
    reference = est.encode(background)
    att = BY_NAME["path"](spectral, rows, reference, seed=0)
    none = est.predict(background).mean()
    order = faithfulness.attributed_order(att, none)
    found = faithfulness.curves(spectral, rows, reference, order)
    expected, distance = np.zeros((2, 6, 5)), np.abs(rows.prediction - none).mean()
    for i, columns in enumerate(np.array(X.columns)[order]):
        row, toward = X.iloc[i], np.sign(rows.prediction[i] - none)
        for gone in range(5):
            for curve, chosen in enumerate((columns[gone:], columns[:gone])):
                mean = est.predict(with_columns_of(row, background, chosen)).mean()
                expected[curve, i, gone] = (mean - none) * toward / distance
    np.testing.assert_allclose(found, expected.mean(axis=1), rtol=0, atol=1e-10)
    random = faithfulness.random_curves(spectral, rows, reference, np.random.default_rng(0))[0]
    assert faithfulness.area(found[0], 4) < faithfulness.area(random, 4)


def test_captum_integrates_gradients_in_the_inputs(summed):
    est, X, _ = summed
    spectral, rows = explained_models(est, None)[0], est.rows(X[:3])
    view, reference = rows.view, rows.view.background[:4]
    found = BY_NAME["Captum IG"](spectral, rows, reference, seed=0)
    nodes, weights = np.polynomial.legendre.leggauss(IG_STEPS)
    expected = np.zeros((3, len(view.input_column_of)))
    for i, x in enumerate(rows.inputs):
        for r in view.inputs(reference):
            z = view.from_inputs(r + (nodes[:, None] + 1) / 2 * (x - r))
            slopes = view.input_slopes(z, view.function.values_and_gradients(z)[1])
            expected[i] += weights / 2 @ slopes * (x - r) / len(reference)
    np.testing.assert_allclose(found.values, view.per_column(expected), rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.base_values, view.function.values(reference).mean(), rtol=1e-9)
    assert found.completeness_gap.max() < 0.02 * np.ptp(est.predict(X))  # kinks at knots


def test_all_exact_methods_agree_on_the_linear_baseline(summed):
    est, X, _ = summed
    linear, rows = by_name(explained_models(est, est.baselines_), "linear"), est.rows(X[:4])
    reference = rows.view.background[:10]
    expected = BY_NAME["SHAP Linear"](linear, rows, reference, seed=0)
    for name in ("path", "local", "shapley", "SHAP Exact", "SHAP Kernel", "Captum IG", "SHAP Deep"):
        att = BY_NAME[name](linear, rows, reference, seed=0)
        np.testing.assert_allclose(att.values, expected.values, rtol=0, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(att.base_values, expected.base_values, rtol=0, atol=1e-6, err_msg=name)
        assert att.completeness_gap.max() < 1e-6


def test_sensitivity_moves_values_of_the_table(summed):
    est, X, _ = summed
    spectral = explained_models(est, None)[0]
    X = X[X["price"].notna()][:4]
    rows, explainer = est.rows(X), BY_NAME["local"]
    reference = rows.view.background[:5]
    got = faithfulness.sensitivity(explainer, spectral, rows, reference, np.random.default_rng(2), seed=0)
    shift = np.random.default_rng(2).uniform(-0.1, 0.1, size=(4 * faithfulness.JITTERS, 3))
    moved = X.loc[np.repeat(X.index, faithfulness.JITTERS)]
    for name, step in zip(("size", "age", "price"), shift.T, strict=True):
        axis = rows.view.axis(name)
        moved[name] = axis.values(axis.coordinates(moved[name]) + step)
    before, after = (explainer(spectral, some, reference, seed=0).values for some in (rows, est.rows(moved)))
    change = np.linalg.norm(after.reshape(4, faithfulness.JITTERS, -1) - before[:, None], axis=2)
    assert got == pytest.approx((change.max(axis=1) / np.linalg.norm(before, axis=1)).mean(), rel=1e-6)


def test_infidelity_counts_pairs(summed):
    est, X, _ = summed
    spectral, rows = explained_models(est, None)[0], est.rows(X[:10])
    reference = rows.view.background[:5]
    shapley = BY_NAME["shapley"](spectral, rows, reference, seed=0)
    removed = faithfulness.removals(spectral, rows, reference, np.random.default_rng(1))
    swapped = replace(shapley, values=shapley.values[:, [1, 0, 2, 3]])
    assert 0 < faithfulness.infidelity(shapley, *removed) < faithfulness.infidelity(swapped, *removed)


@pytest.mark.parametrize("method", ["local", "shapley"])
def test_stability_judges_contributions_against_the_background(summed, method):
    est, X, _ = summed
    table = stability_table(est, X[:5], method, seed=0).set_index("column").loc[list(X.columns)]
    expected = np.abs(explain(est, X[:5], method=method).values).mean(axis=0)
    np.testing.assert_allclose(table["mean_abs_contribution"], expected, rtol=1e-9)
    assert (table["redraw_standard_deviation"] > 0).all()


@pytest.fixture(scope="module")
def found(summed):
    est, X, y = summed
    return compare(est, X[:100], y[:100], max_rows=3)


def test_every_explainer_works(found, summed):
    est, X, y = summed
    assert len(found.attributions) == 12
    assert set(found.cost["status"]) == set(found.faithfulness["status"]) == {"ok"}
    assert found.faithfulness.drop(columns=["unit", "status"]).notna().all(axis=None)
    shown = X.loc[found.rows]
    for (model, _), att in found.attributions.items():
        x = est.encoder_.plain.encode(shown)
        expected = est.predict(shown) if model == "spectral" else est.baselines_[model].values(x)
        np.testing.assert_allclose(att.prediction, expected, rtol=1e-9)
        assert att.columns == ("size", "age", "price", "town")
    accuracy = found.accuracy.set_index("model")["R²"]
    assert accuracy["spectral"] == pytest.approx(est.score(X[:100], y[:100]))


def test_completeness(found):
    gaps = found.faithfulness.set_index(["model", "method"])["completeness_gap_relative"]
    rough = [("spectral", "Captum IG"), ("MLP", "SHAP Gradient")]
    assert gaps.drop(rough).max() < 1e-6
    assert gaps["spectral", "Captum IG"] < 0.02


def test_costs_count_model_evaluations(found):
    cost = found.cost.set_index(["model", "method"])["evaluations_per_row"]
    assert cost["spectral", "local"] == 1
    assert cost["spectral", "shapley"] == pytest.approx(25 * 2**4 + 1 + 25 / 3)
    assert 25 * 2**4 <= cost["spectral", "SHAP Exact"] < 1.5 * 25 * 2**4
    assert cost["spectral", "Captum IG"] == pytest.approx(25 * 50, rel=0.1)
    assert 5 * 25 <= cost["spectral", "path"] < 100 * 25
