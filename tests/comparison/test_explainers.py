"""Explainers on one model: exact ones agree, and none touches the global generators."""

import numpy as np
import pytest
import torch

from spectral_interp import Pencil, explain
from spectral_interp.comparison.explainers import ExplainedModel, explained_models
from spectral_interp.view import rows_of
from tests.comparison.models import BY_NAME, COLUMNS, by_name


def test_all_exact_methods_agree_on_the_linear_baseline(mixed):
    est, X, _ = mixed
    linear = by_name(explained_models(est, est.baselines_), "linear")
    inputs = est.rows(X[:4])
    reference = inputs.view.background[:10]
    names = [
        "path",
        "local",
        "shapley",
        "SHAP Exact",
        "SHAP Permutation",
        "SHAP Kernel",
        "Captum IG",
        "SHAP Deep",
    ]
    expected = BY_NAME["SHAP Linear"](linear, inputs, reference, seed=0)
    for name in names:
        att = BY_NAME[name](linear, inputs, reference, seed=0)
        np.testing.assert_allclose(att.values, expected.values, rtol=0, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(att.base_values, expected.base_values, rtol=0, atol=1e-6, err_msg=name)
        assert att.completeness_gap.max() < 1e-6
        assert att.unit == est.unit_ == "log-odds of target = yes"


@pytest.mark.parametrize(("method", "c"), [("SHAP Permutation", 250), ("SHAP Exact", 17)])
def test_shap_takes_more_columns_than_its_own_limits_allow(rng, method, c):
    """By default it stops at 500 evaluations, two for every column and one, or at 100,000 coalitions."""
    pencil = Pencil(rng.normal(size=(c + 1, 1)), np.empty((c + 1, 0)), 0)
    rows = rows_of(pencil, rng.normal(size=(1, c)))
    model = ExplainedModel("spectral", torch.nn.Identity(), pencil.values)
    found = BY_NAME[method](model, rows, np.zeros((1, c)), seed=0)
    np.testing.assert_allclose(found.values, rows.z * pencil.diag[1:, 0], atol=1e-9)


@pytest.mark.parametrize("model", ["est", "mixed"])
def test_our_exact_shapley_values_equal_shap_s(request, model, diabetes):
    fixture = request.getfixturevalue(model)
    est, X = fixture[:2] if model == "mixed" else (fixture, diabetes[0][COLUMNS])
    spectral = explained_models(est, est.baselines_)[0]
    inputs = est.rows(X[:6])
    reference = inputs.view.background[:10]
    theirs = [BY_NAME[n](spectral, inputs, reference, seed=0) for n in ("SHAP Exact", "SHAP Kernel")]
    own = BY_NAME["shapley"](spectral, inputs, reference, seed=0)
    direct = explain(est, X[:6], method="shapley", background=est.background_[:10])
    for att in (*theirs, own):
        np.testing.assert_allclose(att.values, direct.values, rtol=0, atol=1e-8)


def test_the_global_generators_are_left_alone(est, rows):
    np.random.seed(3)  # noqa: NPY002
    before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    models, inputs = explained_models(est, est.baselines_), est.rows(rows[0][:1])
    for name in ("SHAP Permutation", "SHAP Gradient"):
        one, two = (BY_NAME[name](models[2], inputs, inputs.view.background[:5], seed=4) for _ in range(2))
        np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(torch_before, torch.get_rng_state())
