"""Shapley values: SHAP's exact explainer, sampling, columns as players, budgets, figures."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
import shap

from spectral_interp import DensePencil, Pencil, explain, interactions
from spectral_interp.attribution.shapley import shapley
from tests.attribution.references import dense
from tests.views import grouped_rows


def shap_exact(pencil, z, background):
    masker = shap.maskers.Independent(background, max_samples=len(background))
    return shap.ExactExplainer(pencil.values, masker)(z)


@pytest.mark.parametrize(("p", "d"), [(1, 3), (2, 1), (4, 5), (7, 9)])
@pytest.mark.parametrize("structure", ["tridiagonal", "diagonal", "dense"])
def test_equal_to_shap_exact_explainer(rng, p, d, structure):
    off = rng.normal(size=(p + 1, d - 1)) * (structure != "diagonal")
    pencil = Pencil(rng.normal(size=(p + 1, d)), off, d // 2)
    pencil = DensePencil(dense(pencil), pencil.k) if structure == "dense" else pencil
    z, background = rng.normal(size=(5, p)), rng.normal(size=(9, p))
    att, expected = (
        explain(pencil, z, method="shapley", background=background),
        shap_exact(pencil, z, background),
    )
    np.testing.assert_allclose(att.values, expected.values, atol=1e-9)
    np.testing.assert_allclose(att.base_values, expected.base_values, atol=1e-9)
    assert att.completeness_gap.max() <= 1e-12 * max(1, np.ptp(att.prediction))
    assert (att.standard_error, att.diagonal, att.coupling) == (None, None, None)


def test_sampled_values_lie_within_their_errors(rng):
    """12 columns, sampled against exact: within 4 standard errors in 99 % of entries, and sums exact."""
    pencil = Pencil(rng.normal(size=(13, 5)), rng.normal(size=(13, 4)), 2)
    z, background = rng.normal(size=(40, 12)), rng.normal(size=(5, 12))
    exact = explain(pencil, z, method="shapley", background=background)
    sampled = explain(pencil, z, method="shapley", background=background, exact=False)
    assert sampled.completeness_gap.max() <= 1e-12
    within = np.abs(sampled.values - exact.values) <= 4 * sampled.standard_error
    assert within.mean() >= 0.99
    more = explain(pencil, z, method="shapley", background=background, exact=False, max_evaluations=2_000_000)
    assert more.evaluations <= 2_000_000
    ratio = np.mean(more.standard_error) / np.mean(sampled.standard_error)
    assert ratio == pytest.approx(np.sqrt(sampled.evaluations / more.evaluations), rel=0.15)


def test_standard_errors_match_the_scatter_of_repetitions(rng):
    pencil = Pencil(rng.normal(size=(7, 5)), rng.normal(size=(7, 4)), 2)
    z, background = rng.normal(size=(3, 6)), rng.normal(size=(4, 6))
    runs = [
        explain(pencil, z, method="shapley", background=background, exact=False, random_state=seed)
        for seed in range(200)
    ]
    scatter = np.std([run.values for run in runs], axis=0, ddof=1)
    stated = np.sqrt(np.mean([run.standard_error**2 for run in runs], axis=0))
    np.testing.assert_allclose(stated, scatter, rtol=0.25)


def test_many_columns_are_sampled(rng):
    pencil = Pencil(rng.normal(size=(21, 5)), rng.normal(size=(21, 4)), 2)
    z, background = rng.normal(size=(3, 20)), rng.normal(size=(4, 20))
    att = explain(pencil, z, method="shapley", background=background)
    again = explain(pencil, z, method="shapley", background=background)
    other = explain(pencil, z, method="shapley", background=background, random_state=1)
    np.testing.assert_array_equal(att.values, again.values)
    assert (other.values != att.values).any()
    assert att.standard_error.shape == (3, 20)
    assert att.completeness_gap.max() <= 1e-12
    assert "standard_error" in att.to_frame().columns


def test_column_is_one_player_not_the_sum_of_its_features(rng):
    """Level changed as a whole: v(S) mixes both features of the column or neither."""
    pencil = Pencil(rng.normal(size=(4, 5)), rng.normal(size=(4, 4)), 2)
    z, r = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
    rows = grouped_rows(pencil, z, ("a", "b"), np.array([0, 1, 1]), r)
    values = shapley(rows, r).values
    for row, found in zip(z, values, strict=True):
        none, both = pencil.values(r).mean(), pencil.values(row[None])[0]
        a = pencil.values(np.column_stack([np.full(5, row[0]), r[:, 1:]])).mean()
        b = pencil.values(np.column_stack([r[:, 0], np.tile(row[1:], (5, 1))])).mean()
        np.testing.assert_allclose(found, [(a - none + both - b) / 2, (b - none + both - a) / 2], atol=1e-12)
    single = explain(pencil, z, method="shapley", background=r).values
    assert np.abs(values[:, 1] - single[:, 1] - single[:, 2]).max() > 1e-3


def test_chunks_do_not_change_values(rng, monkeypatch):
    pencil = Pencil(rng.normal(size=(5, 5)), rng.normal(size=(5, 4)), 1)
    z, background = rng.normal(size=(7, 4)), rng.normal(size=(6, 4))
    whole = explain(pencil, z, method="shapley", background=background)
    monkeypatch.setattr(sys.modules[shapley.__module__], "TABLE", 40)
    monkeypatch.setattr(sys.modules[shapley.__module__], "ENTRIES", 200)
    parts = explain(pencil, z, method="shapley", background=background)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-14)
    assert parts.evaluations == whole.evaluations == 7 * 6 * 16 + 7 + 6


def test_budget_cuts_to_sampling_with_a_warning(rng):
    pencil = Pencil(rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), 1)
    z = rng.normal(size=(4, 8))
    with pytest.warns(UserWarning, match=r"would need 1,024 eigenvalues, more than max_evaluations=500"):
        att = explain(pencil, z, method="shapley", max_evaluations=500)
    assert att.standard_error is not None
    assert att.evaluations <= 500
    assert explain(pencil, z, method="shapley", max_evaluations=5000).standard_error is None
    with pytest.raises(ValueError, match=r"expected max_evaluations >= 117, two samples for 4 rows"):
        explain(pencil, z, method="shapley", exact=False, max_evaluations=116)
    with pytest.raises(ValueError, match=r"expected max_evaluations >= 1024 with exact=True; got 500"):
        explain(pencil, z, method="shapley", exact=True, max_evaluations=500)


def test_exact_beyond_fourteen_columns_is_refused(rng):
    pencil = Pencil(rng.normal(size=(16, 3)), rng.normal(size=(16, 2)), 0)
    with pytest.raises(ValueError, match="at most 14 columns with exact=True; got 15"):
        explain(pencil, np.zeros((1, 15)), method="shapley", exact=True)
    with pytest.raises(ValueError, match="at least one row"):
        explain(pencil, np.zeros((1, 15)), method="shapley", background=np.empty((0, 15)))


@pytest.mark.parametrize("method", ["path", "shapley"])
def test_shap_draws_the_explanations(regressor, diabetes, method, monkeypatch):
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: None)
    X, _ = diabetes
    att = explain(regressor, X[:30], method=method, background=X[30:34])
    assert att.columns == tuple(X.columns)
    explanation = att.to_shap()
    shap.plots.waterfall(explanation[0], show=False)
    shap.plots.beeswarm(explanation, show=False)
    shap.plots.bar(explanation, show=False)
    shap.plots.scatter(explanation[:, "bmi"], show=False)
    shap.plots.heatmap(explanation, show=False)
    plt.close("all")


@pytest.mark.parametrize("exponent", [-600, 600])
def test_standard_errors_of_very_small_and_very_large_values(exponent):
    """Squares vanish below 1e-162, where a standard error of zero would say that values are exact."""
    rng = np.random.default_rng(0)
    diag, off, z = rng.normal(size=(16, 5)), rng.normal(size=(16, 4)), np.ones((2, 15))
    errors = [
        explain(Pencil(np.ldexp(diag, e), np.ldexp(off, e), 2), z, method="shapley").standard_error
        for e in (0, exponent)
    ]
    np.testing.assert_array_equal(np.ldexp(errors[1], -exponent), errors[0])


@pytest.mark.parametrize("c", [6, 14])
def test_an_offset_costs_no_completeness(c):
    """Subtracting what all coalitions share: 2^c values of 2e5 would otherwise leave their own rounding."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        diag, off, z = rng.normal(size=(c + 1, 3)), rng.normal(size=(c + 1, 2)), rng.normal(size=(1, c))
        still = explain(Pencil(diag, off, 1), z, method="shapley", background=np.zeros((1, c)))
        diag[0] += 2e5
        pencil = Pencil(diag, off, 1)
        size = pencil.row_sums[0] + np.abs(z[0]) @ pencil.row_sums[1:]
        options = {"method": "shapley", "background": np.zeros((1, c))}
        exact, sampled = (explain(pencil, z, exact=exact, **options) for exact in (True, False))
        assert max(exact.completeness_gap[0], sampled.completeness_gap[0]) <= 2e-16 * size
        np.testing.assert_allclose(exact.values, still.values, atol=2e-15 * size)
        if c == 6:
            found = interactions(pencil, z, method="shapley", background=np.zeros((1, c)))
            assert abs(found.sum() - (exact.prediction - exact.base_values)[0]) <= 2e-16 * size
