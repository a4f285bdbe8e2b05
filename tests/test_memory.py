"""Memory of fits and of analyses, and that what is computed some rows at a time is what all rows give."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralRegressor, certify, explain, interactions, linear_regions
from spectral_interp._common import memory
from spectral_interp.estimators import forms
from spectral_interp.training import selection, stages, sums
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


@pytest.mark.parametrize("form", ["sum", "auto"])
def test_a_row_of_a_sum_needs_about_twice_its_features(form, monkeypatch):
    """From two numbers of rows, so that what does not grow with them is left out; fits one after another.

    All features at once would be half as much again, eigenvalues that a finished fit keeps a third.
    """
    monkeypatch.setattr(memory, "CHUNK", 500)
    monkeypatch.setattr(sums, "LEAST_SCORED", 300)
    monkeypatch.setattr(sums, "SCORED_ROWS", 300)
    monkeypatch.setattr(stages, "allowed_threads", lambda: 1)
    monkeypatch.setattr(selection, "THRESHOLD", 0.0)  # as many pairs as there can be
    monkeypatch.setattr(selection, "ROUNDS", 0)
    monkeypatch.setattr(selection, "KNOTS", 3)
    monkeypatch.setattr(forms, "TRIED_ROWS", 500)
    for name in ("LEAST_STEPS", "EPOCHS", "LEAST_EPOCHS"):
        monkeypatch.setattr(selection, name, 2)
    est = SpectralRegressor(form=form, members=1, random_state=0)
    est.set_params(**({"dim": 3, "n_epochs": 2} if form == "auto" else {}))
    few, many = (mixed_table(n) for n in (10_000, 20_000))
    p = est.fit(*few).encoder_.plain.encode(few[0][:1]).size
    assert p == 26
    assert len(est.encoder_.pairs) == selection.MOST_PAIRS
    more = peak(lambda: est.fit(*many)) - peak(lambda: est.fit(*few))
    assert more < 2.05 * 8 * p * 10_000


def mixed_table(n):
    """Return ten numbers and sixteen levels of two columns, and a target that is no sum over the columns."""
    rng = np.random.default_rng(n)
    X = pd.DataFrame(rng.normal(size=(n, 10)), columns=[f"x{i}" for i in range(10)])
    for name, count in (("kind", 6), ("town", 10)):
        X[name] = np.array([f"{name} {i}" for i in range(count)])[rng.integers(0, count, n)]
    return X, np.sin(3 * X["x0"]) + X["x1"] * X["x2"] + (X["kind"] == "kind 1")


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
