"""Dates in any form are the same dates, and parameters may be arrays."""

import warnings

import numpy as np
import pandas as pd
import pytest
import shap

from spectral_interp import SpectralRegressor, explain

N = 80


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=N).round(3),
            "b": rng.choice(["x", "y", "z"], N),
            "c": rng.integers(0, 5, N),
            "d": pd.date_range("2020-01-01", periods=N, freq="17D"),
        }
    )
    return X, 2 * X["a"] + (X["b"] == "x")


def fit(X, y, **options):
    return SpectralRegressor(n_epochs=5, random_state=0, **options, form="single").fit(X, y)


@pytest.mark.parametrize(
    "form",
    [
        lambda d: d.dt.strftime("%Y-%m-%d"),
        lambda d: d.astype("datetime64[s]"),
        lambda d: d.dt.date,
        lambda d: d.dt.tz_localize("UTC"),
    ],
    ids=["text", "seconds", "dates", "zone"],
)
def test_the_type_of_dates_changes_no_bit(table, form):
    X, y = table
    expected = fit(X, y).predict(X)
    other = X.assign(d=form(X["d"]))
    np.testing.assert_array_equal(fit(other, y).predict(other), expected)


@pytest.mark.parametrize("options", [{}, {"na_values": ["2020-01-01"]}])
def test_a_column_of_dates_without_values_is_left_out(table, options):
    X, y = table
    day = pd.Timestamp("2020-01-01") if options else pd.NaT
    with pytest.warns(UserWarning, match="'d' .*no values"):
        est = fit(X.assign(d=pd.Series([day] * N, dtype="datetime64[ns]")), y, **options)
    assert est.encoder_.names == ("a", "b", "c")


def test_dates_may_be_levels(table):
    X, y = table
    years = X["d"].dt.to_period("Y").dt.to_timestamp()
    text = fit(X.assign(d=years.dt.strftime("%Y-%m-%d")), y, categorical=["d"])
    for form in (years, years.dt.date):
        est = fit(X.assign(d=form), y, categorical=["d"])
        assert est.encoder_.axes[3].levels == text.encoder_.axes[3].levels
        assert est.encoder_.axes[3].levels[0].endswith("-01-01")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(text.predict(X.assign(d=form)), est.predict(X.assign(d=form)))


def test_shap_draws_dates(table):
    X, y = table
    found = explain(fit(X, y), X[:3], method="path").to_shap()
    assert found.display_data[0, 3] == "2020-01-01"
    shap.plots.force(found)
    shap.plots.force(found[0])
    np.testing.assert_allclose(np.diff(found.data[:, 3].astype(float)), 17)


@pytest.mark.parametrize("names", [np.array(["a", "c"]), pd.Index(["a", "c"]), pd.Series(["a", "c"])])
def test_columns_may_be_named_by_arrays(table, names):
    X, y = table
    est = fit(X, y, drop=names)
    np.testing.assert_array_equal(est.predict(X), fit(X, y, drop=["a", "c"]).predict(X))
    assert len(est.partition(X, y).table.z) == N
    with pytest.raises(TypeError, match="expected categorical as a list of texts; got True"):
        fit(X, y, categorical=True)


def test_rows_may_be_series_and_dictionaries(table):
    X, y = table
    est = fit(X, y)
    rows = [X.iloc[0], X.iloc[1].to_dict()]
    np.testing.assert_array_equal(est.predict(rows), est.predict(X[:2]))
