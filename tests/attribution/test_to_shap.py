"""``to_shap`` is a regular Explanation: SHAP's ordering, slicing, arithmetic and plots work and are right."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from spectral_interp import Pencil, SpectralRegressor, explain

shap = pytest.importorskip("shap")
ROWS = 12


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    cities, flags = rng.choice(["Oslo", "Rome", "Bern"], 80), rng.random(80) > 0.4
    X = pd.DataFrame({"a": rng.normal(size=80), "city": cities, "b": rng.normal(size=80), "flag": flags})
    y = 2 * X["a"] * X["b"] + 2 * (X["city"] == "Rome") + X["flag"]
    est = SpectralRegressor(dim=5, n_epochs=10, random_state=0, form="single").fit(X, y)
    rows = X[:ROWS].astype({"city": object}).copy()
    rows.loc[3, "city"], rows.loc[4, "city"], rows.loc[5, "a"] = "Atlantis", None, 7.0
    return est, rows


@pytest.fixture(scope="module")
def explanation(mixed):
    return explain(*mixed, method="path").to_shap()


PLOTS = {
    "bar": lambda ex: shap.plots.bar(ex, show=False),
    "beeswarm in an order": lambda ex: shap.plots.beeswarm(ex, order=ex.abs.max(0), show=False),
    "waterfall": lambda ex: shap.plots.waterfall(ex[2], show=False),
    "waterfall of a difference": lambda ex: shap.plots.waterfall(ex[0] - ex[1], show=False),
    "heatmap in an order": lambda ex: shap.plots.heatmap(ex, instance_order=ex.sum(1), show=False),
    "violin": lambda ex: shap.plots.violin(ex, show=False),
    "scatter, coloured by levels": lambda ex: shap.plots.scatter(ex[:, "a"], color=ex[:, "city"], show=False),
    "scatter of levels": lambda ex: shap.plots.scatter(ex[:, "city"], show=False),
    "decision": lambda ex: shap.plots.decision(ex.base_values[0], ex.values, ex.data, show=False),
    "force of one row": lambda ex: shap.plots.force(ex[0]),
    "cohorts": lambda ex: shap.plots.bar(ex.cohorts(2).abs.mean(0), show=False),
}


@pytest.mark.parametrize("plot", PLOTS)
def test_plots_of_shap_take_it(explanation, plot):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SHAP's own, of matplotlib and NumPy
        PLOTS[plot](explanation)
    plt.close("all")


def test_ordering_slicing_and_arithmetic(mixed, explanation):
    att = explain(*mixed, method="path")
    strongest = int(np.abs(att.values).mean(axis=0).argmax())
    np.testing.assert_array_equal(
        explanation[:, explanation.abs.mean(0).argsort[-1]].values, att.values[:, strongest]
    )
    np.testing.assert_array_equal(explanation[:, "b"].values, att.values[:, 2])
    np.testing.assert_array_equal(explanation[2:5, :2].values, att.values[2:5, :2])
    np.testing.assert_array_equal((explanation[0] - explanation[1]).values, att.values[0] - att.values[1])
    np.testing.assert_allclose(explanation[3].base_values + explanation[3].values.sum(), att.prediction[3])


def test_levels_are_codes_with_their_names_beside(mixed, explanation):
    est, rows = mixed
    levels = est.view().axis("city").levels
    codes = explanation[:, "city"].data
    expected = [levels.index(city) if city in levels else len(levels) for city in rows["city"]]
    np.testing.assert_array_equal(np.delete(codes, 4), np.delete(expected, 4).astype(float))
    assert np.isnan(codes[4])
    assert explanation[:, "flag"].data.tolist() == rows["flag"].astype(float).tolist()
    assert explanation.display_data[:, 1].tolist() == rows["city"].tolist()
    assert explanation.data.dtype == np.float64
    numbers = explain(Pencil([[0.0], [1.0]], [[], []], 0), [[2.0]]).to_shap()
    assert numbers.display_data is None


@pytest.mark.parametrize("method", ["path", "shapley"])
def test_force_plots_of_several_rows_end_at_the_predictions(mixed, method):
    att = explain(*mixed, method=method)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        drawn = shap.plots.force(att.to_shap()).data
    np.testing.assert_allclose([row["outValue"] for row in drawn["explanations"]], att.prediction)


def test_base_values_of_each_row_say_what_shap_draws_wrong(mixed):
    att = explain(*mixed)
    with pytest.warns(UserWarning, match="force, decision and heatmap plots draw one base value"):
        ex = att.to_shap()
    np.testing.assert_array_equal(ex.base_values, att.base_values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = explain(mixed[0], mixed[1][:1]).to_shap()  # a single row has one base value
    assert one.base_values.shape == (1,)
