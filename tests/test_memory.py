"""Memory of fits and of analyses, and that what is computed some rows at a time is what all rows give."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralRegressor, certify, explain, interactions, linear_regions
from spectral_interp.view import model as view_model
from tests.sums import random_sum, random_table, rows_of_table


def peak(work):
    """Return the bytes that work needs at its peak, above what there is before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_fit_of_one_neuron_holds_little_more_than_its_table(rng):
    n, p = 60_000, 26
    X = pd.DataFrame(rng.normal(size=(n, p)), columns=[f"x{i}" for i in range(p)])
    est = SpectralRegressor(form="single", dim=3, n_epochs=1, batch_size=4096, random_state=0)
    est.fit(X[:100], X["x0"][:100])
    assert peak(lambda: est.fit(X, X["x0"])) < 2.5 * 8 * n * p + 2**24


PRODUCTS = "hessian", "gradient", "radius", "planes"
"""What BLAS adds up, in an order that depends on the number of rows; the rest is the same to the bit."""


def computed(rows):
    cert, regions = certify(rows.view, rows), linear_regions(rows.view, rows)
    local, path = (explain(rows.view, rows, method=method) for method in ("local", "path"))
    return {
        "hessian": interactions(rows.view, rows),
        "prediction": rows.prediction,
        "inputs": rows.inputs,
        "gradient": cert.margins.gradient,
        "gap": cert.gap,
        "radius": cert.linear_radius(0.1),
        "planes": regions.gradient,
        "local": local.values,
        "path": path.values,
        "path split": path.diagonal,
        "path base": path.base_values,
        "refits": path.refit_deviation,
        "degenerate": path.degenerate,
    }


@pytest.mark.parametrize("diagonal", [False, True])
def test_some_rows_at_a_time_give_what_all_together_give(rng, monkeypatch, diagonal):
    view = random_sum(rng, neurons=2, dim=3, diagonal=diagonal)
    table, background = random_table(rng, 23), rows_of_table(view, random_table(rng, 3)).z
    view = view_model.replace(view, background=background)

    def fresh():
        return rows_of_table(view, table)

    whole = computed(fresh())
    monkeypatch.setattr(view_model, "TOGETHER", 5 * max(len(view.features), view._entries))
    assert view.rows_together == 5
    for name, found in computed(fresh()).items():
        tolerance = 1e-13 if name in PRODUCTS else 0
        np.testing.assert_allclose(found, whole[name], rtol=tolerance, atol=tolerance, err_msg=name)


def test_analyses_need_memory_for_their_results(rng):
    """A certificate of rows once took all their matrices, twenty times as much."""
    view = random_sum(rng, neurons=20, dim=5, pairs=False)
    rows = rows_of_table(view, random_table(rng, 20_000))
    certify(view, rows.take(slice(10)))
    results = 20_000 * 8 * (len(view.features) + len(view.input_column_of) + 40)
    matrices = 20_000 * 8 * view._entries
    assert peak(lambda: certify(view, rows)) < results + 2**25 < results + matrices
