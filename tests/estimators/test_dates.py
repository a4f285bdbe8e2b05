"""Models of a table with dates: what they learn, and what every analysis says of the one column."""

import warnings

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralRegressor, certify, explain, interactions, load
from spectral_interp.comparison.explainers import EXPLAINERS, explained_models
from spectral_interp.regions.slices import slice_plane, slice_spectrum
from spectral_interp.view import NumberAxis
from spectral_interp.view.dates import dates_of

WEEK = np.array([0, 0, 2, 3, 10, 20, 15.0])
YEAR = np.array([0, 0, 2, 1, 4, 8, 6, -10, 2, 3, 12, 30.0])


def sales(rng, n=800):
    """Return a table of which the target depends on trend, month and weekday of its dates."""
    days = pd.Series(pd.date_range("2022-03-01", periods=n))
    price = rng.normal(10, 2, n)
    y = 100 + 0.02 * np.arange(n) + WEEK[days.dt.day_of_week] + YEAR[days.dt.month - 1] - 2 * price
    text = days.dt.strftime("%d/%m/%Y").mask(rng.random(n) < 0.05)
    return pd.DataFrame({"day": text, "price": price}), pd.Series(y + rng.normal(0, 1, n), name="sales")


@pytest.fixture(scope="module")
def model():
    X, y = sales(np.random.default_rng(0))
    est = SpectralRegressor(dim=5, n_epochs=80, random_state=0, form="single").fit(X[::2], y[::2])
    return est, X[1::2], y[1::2]


def test_month_and_weekday_are_learnt(model):
    est, X, y = model
    there = X["day"].notna()
    days = pd.to_datetime(X["day"], dayfirst=True)
    elapsed = X.assign(day=(days - days.min()) / pd.Timedelta("1D"))
    straight = SpectralRegressor(dim=5, n_epochs=80, random_state=0, form="single").fit(elapsed[::2], y[::2])
    assert isinstance(straight.view().axes[0], NumberAxis)
    error = np.std(est.predict(X)[there] - y[there])
    assert error < 0.4 * np.std(straight.predict(elapsed)[there] - y[there])
    assert error < 4


def test_contributions_are_complete_and_of_one_column(model):
    est, X, _ = model
    for method in ("local", "path", "shapley"):
        att = explain(est, X[:12], method=method)
        assert att.columns == ("day", "price")
        assert att.completeness_gap.max() < 1e-11
        np.testing.assert_allclose(att.prediction, est.predict(X[:12]))
    assert interactions(est, X[:3]).shape == (3, 2, 2)


def test_shapley_values_are_those_of_shap_with_the_date_as_one_player(model):
    est, X, _ = model
    rows, background = est.rows(X[:5]), est.view().background[:20]
    run = {explainer.name: explainer for explainer in EXPLAINERS}
    (spectral,) = explained_models(est, None)
    ours, theirs = (run[name](spectral, rows, background, seed=0) for name in ("shapley", "SHAP Exact"))
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-9)


def test_certificates_hold_for_random_pairs_of_dates(model, rng):
    est, X, _ = model
    view, cert = est.view(), certify(est, X)
    day, function = view.axis("day"), view.function
    dates = np.datetime64("2022-01-01") + rng.integers(0, 1500, (2, 10_000))
    own = [day.encode(at) for at in dates]
    low, high = function.step_range(view.steps("day", own[1] - own[0]))
    rows = est.encode(X)[rng.integers(0, len(X), 10_000)]
    ends = [rows.copy() for _ in own]
    for z, features in zip(ends, own, strict=True):
        z[:, view.own("day")] = features
    change = function.values(ends[1]) - function.values(ends[0])
    assert (change >= low - 1e-9).all()
    assert (change <= high + 1e-9).all()
    directions = day.directions()
    most = np.abs(function.step_range(view.steps("day", directions.steps))).max(axis=0)
    firsts = np.array([label.split()[0] for label in directions.labels])
    parts = [most[firsts == part].max() for part in ("elapsed", "month", "weekday")]
    moved = np.abs(dates[1] - dates[0]).astype(float) / day.scale
    assert (np.abs(change) <= moved * parts[0] + parts[1] + parts[2] + 1e-9).all()
    line = cert.columns().set_index("column").loc["day"]
    assert (line["kind"], line["step"], line["own_step"]) == ("date with gaps", "month Aug → Dec", "")
    assert line["norm"] == pytest.approx(max(parts))
    att = explain(est, X[:50])
    there = X["day"][:50].notna().to_numpy()
    low, high = cert.contribution_range("day", att.data[there, 0])
    assert (low - 1e-9 <= att.values[there, 0]).all()
    assert (att.values[there, 0] <= high + 1e-9).all()


def test_sentences_name_the_part_that_changes(model):
    est, X, _ = model
    said = " ".join(certify(est, X).sentences())
    assert "when day rises" not in said
    assert "No step of day between rows that have a value moves a prediction by more than" in said
    assert "A missing day instead of its median moves a prediction by" in said
    assert "linear in day" not in said


def test_a_missing_date_is_within_its_certificate(model):
    est, X, _ = model
    line = certify(est).column("day")
    median = dates_of(np.array([est.view().axis("day").median]), time=False)[0]
    change = est.predict(X.assign(day=None)) - est.predict(X.assign(day=median))
    assert (line["gap_low"] - 1e-9 <= change).all()
    assert (change <= line["gap_high"] + 1e-9).all()


def test_shap_gets_days_and_shows_dates(model):
    est, X, _ = model
    found = explain(est, X[:30], method="path").to_shap()
    days = pd.to_datetime(X["day"][:30], dayfirst=True)
    np.testing.assert_array_equal(found.data[:, 0], (days - pd.Timestamp(0)) / pd.Timedelta("1D"))
    assert str(found.display_data[0, 0]) == str(days.iloc[0].date())


def test_rows_show_dates(model):
    est, X, _ = model
    att = explain(est, X[:30])
    values = att.to_frame().query("column == 'day'")["value"]
    expected = pd.to_datetime(X["day"][:30], dayfirst=True)
    assert [str(value) for value in values] == [str(day.date()) if day == day else "NaT" for day in expected]


def test_dates_survive_saving(model, tmp_path):
    est, X, y = model
    for name, frame in {
        "text": X,
        "datetime": X.assign(day=pd.to_datetime(X["day"], dayfirst=True)),
        "nanoseconds": X.assign(day=list(pd.to_datetime(X["day"], dayfirst=True).to_numpy("datetime64[ns]"))),
    }.items():
        est.save(tmp_path / name, heldout=(frame[:40], y[:40]))
        back = load(tmp_path / name)
        assert back.view().axes == est.view().axes
        np.testing.assert_array_equal(back.predict(back.heldout_[0]), est.predict(X[:40]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load(tmp_path / name)


def test_slices_along_dates(model):
    est, X, _ = model
    found = slice_spectrum(est, X[:200], "day", row=3)
    assert found.x.dtype == "datetime64[D]"
    assert found.which == "every Tue"
    assert not found.crossing.any()
    there = X.iloc[[3] * len(found.x)].assign(day=found.x)
    np.testing.assert_allclose(found.spectra[:, found.k], est.predict(there))
    with pytest.raises(ValueError, match="numeric columns; got 'day', which has months, weekdays or hours"):
        slice_plane(est, X, ("day", "price"))


def test_a_plane_over_elapsed_time(rng):
    X = pd.DataFrame({"born": pd.date_range("1950-01-01", periods=60, freq="YS"), "x": rng.normal(size=60)})
    est = SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single").fit(
        X, X["born"].dt.year * 0.1 * X["x"]
    )
    plane = slice_plane(est, X, ("born", "x"))
    assert plane.x.dtype == "datetime64[D]"
    there = pd.DataFrame({"born": plane.x[[0, 60]], "x": plane.y[[7, 90]]})
    np.testing.assert_allclose(plane.values[[7, 90], [0, 60]], est.predict(there))
    for line in plane.boundaries:
        assert (line[:, 0] >= plane.x[0].astype(float) - 1).all()
    table = certify(est).columns().set_index("column").loc["born"]
    assert (table["step"], table["own_step"]) == ("standard deviation of born", "day of born")


def test_arrays_of_dates_are_dates():
    days = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]")[:, None]
    objects = np.column_stack([days.astype("datetime64[s]").astype(object), np.arange(40)])
    for X, kinds in ((days.astype("datetime64[ns]"), ["date"]), (objects, ["date", "number"])):
        est = SpectralRegressor(dim=3, n_epochs=1, random_state=0, form="single").fit(X, np.arange(40.0))
        assert [axis.kind for axis in est.view().axes] == kinds
        assert est.predict(X[:3]).shape == (3,)
