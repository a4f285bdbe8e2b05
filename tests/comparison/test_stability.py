"""Redraws of the background, against backgrounds that are really drawn again."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralRegressor
from spectral_interp.attribution.explain import METHODS
from spectral_interp.comparison.stability import stability_table


def fitted(n, weight=None):
    """Return a model of n rows, its partition, and rows to one side, whose sizes move with the background."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.uniform(-1, 1, n), "b": rng.normal(size=n), "c": rng.normal(size=n)})
    y = 2 * X["a"] + X["b"] - np.abs(X["c"])
    est = SpectralRegressor(dim=3, n_epochs=20, random_state=0, form="single").fit(X, y, sample_weight=weight)
    return est, est.partition(X, y, weight), X[:8] / 4 + 2


def deviation_of_real_draws(data, rows, method):
    """Return the standard deviation over 400 backgrounds from the rows trained on, written out by weight."""
    trained = data.trained
    values = np.stack([METHODS[method](rows, one[None]).values for one in data.table.z[trained]])
    everyone = np.repeat(np.arange(len(trained)), data.table.weight[trained].astype(int))
    rng, most = np.random.default_rng(1), min(100, len(everyone))
    draws = [rng.choice(everyone, most, replace=False) for _ in range(400)]
    return np.std([np.abs(values[draw].mean(axis=0)).mean(axis=0) for draw in draws], axis=0)


@pytest.mark.parametrize(
    ("n", "method"), [(130, "local"), (130, "path"), (130, "shapley"), (250, "local"), (1500, "local")]
)
def test_deviations_are_those_of_backgrounds_drawn_from_the_rows_trained_on(n, method):
    est, data, rows = fitted(n)
    table = stability_table(est, rows, method, seed=0).set_index("column").loc[list("abc")]
    expected = deviation_of_real_draws(data, est.rows(rows), method)
    np.testing.assert_allclose(table["redraw_standard_deviation"], expected, rtol=0.15)
    assert (table["drawn_from"] == len(data.trained)).all()
    width = table["redraw_95_percent"] - table["redraw_5_percent"]
    np.testing.assert_allclose(width, 2 * 1.645 * table["redraw_standard_deviation"], rtol=0.15)


def test_deviations_of_a_weighted_background():
    weight = np.random.default_rng(2).integers(0, 4, 150)
    est, data, rows = fitted(150, weight)
    table = stability_table(est, rows, "local", seed=0).set_index("column").loc[list("abc")]
    expected = deviation_of_real_draws(data, est.rows(rows), "local")
    np.testing.assert_allclose(table["redraw_standard_deviation"], expected, rtol=0.15)


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
def test_a_background_of_all_rows_does_not_move(method):
    est, data, rows = fitted(90)
    assert len(est.background_) == len(data.trained) == 81
    table = stability_table(est, rows, method, seed=0)
    assert (table["redraw_standard_deviation"] == 0).all()
    np.testing.assert_allclose(table["redraw_5_percent"], table["mean_abs_contribution"], rtol=1e-12)
