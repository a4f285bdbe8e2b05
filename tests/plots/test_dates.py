"""Figures of columns of dates: dates beside the axes, and ranges that hold every dot."""

import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure

from spectral_interp import SpectralRegressor, certify, explain, plots
from spectral_interp.plots.dates import label_dates
from spectral_interp.regions.slices import slice_plane, slice_spectrum


@pytest.fixture(scope="module", params=["D", "7h"])
def model(request):
    rng = np.random.default_rng(0)
    days = pd.Series(pd.date_range("2022-03-01", periods=300, freq=request.param)).mask(rng.random(300) < 0.1)
    X = pd.DataFrame({"day": days, "city": rng.choice(["Oslo", "Rome"], 300)})
    y = np.where(days.dt.day_of_week > 4, 3.0, 0.0) + (X["city"] == "Oslo")
    return SpectralRegressor(dim=3, n_epochs=10, random_state=0, form="single").fit(X, y), X[:80]


def drawn(figure, table):
    ax = Figure().subplots()
    figure(table, ax, **({"boundaries": []} if figure is plots.region_map else {}))
    return ax


@pytest.mark.parametrize("method", ["local", "path"])
def test_dependence_along_dates(model, method):
    est, X = model
    att, cert = explain(est, X, method=method), certify(est)
    table = plots.dependence.table(att, cert, "day")
    dots = table[table["of"] == "row"].dropna(subset=["value"])
    assert len(dots) == X["day"].notna().sum()
    slack = 1e-4 * np.ptp(att.prediction)
    assert (dots["low"] - slack <= dots["contribution"]).all()
    assert (dots["contribution"] <= dots["high"] + slack).all()
    ranges = table.loc[table["of"] == "range", "value"]
    assert dots["value"].isin(ranges).all()  # the range is drawn at the date of every dot
    assert ranges.is_monotonic_increasing
    ax = drawn(plots.dependence, table)
    assert isinstance(ax.xaxis.get_major_formatter(), ConciseDateFormatter)
    assert ax.get_xlabel() == f"day\nnot drawn: {80 - len(dots)} without a value"
    (text, *_) = ax.get_legend_handles_labels()[1]
    assert text.startswith("certified for every input, date by date")
    text = table.to_csv(index=False).splitlines()[1 + X["day"].notna().argmax()]
    assert str(X["day"].dropna().iloc[0].date()) in text


def test_spectrum_along_dates(model):
    est, X = model
    table = plots.spectrum.table(slice_spectrum(est, X, "day", row=5))
    ax = drawn(plots.spectrum, table)
    assert isinstance(ax.xaxis.get_major_formatter(), ConciseDateFormatter)
    assert ax.get_xlabel() == f"day ({table['which'].iloc[0]})"
    assert "at 2022-" in plots.spectrum.finding(table)


def test_other_figures_name_dates(model):
    est, X = model
    att, cert = explain(est, X), certify(est, X)
    row = int(X["day"].notna().to_numpy().argmax())
    table = plots.waterfall.table(att, row)
    expected = str(X["day"].iloc[row]).replace(" ", "T").removesuffix(":00").removesuffix("T00:00")
    assert table.set_index("column")["value"]["day"] == expected
    lines = [text.get_text() for text in drawn(plots.waterfall, table).get_yticklabels()]
    assert f"day = {expected}" in lines
    levels = plots.beeswarm.table(att).query("column == 'day' and value.notna()")
    np.testing.assert_allclose(levels["level"].rank(), X["day"].dropna().rank())
    bars = drawn(plots.certified, plots.certified.table(cert))
    labels = [label.get_text() for label in bars.get_yticklabels()]
    assert any(label.startswith(("day: weekday ", "day: hour ")) for label in labels)


@pytest.mark.parametrize("narrow", [False, True])
def test_few_dates_beside_an_axis_of_any_length(narrow):
    for days in np.geomspace(0.01, 20_000, 60):
        ax = Figure().subplots()
        ax.set_xlim(19_000, 19_000 + days)
        label_dates(ax.xaxis, narrow=narrow)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of Matplotlib, which found no dates that are few enough
            dates = ax.get_xticks()
        assert 1 <= np.sum((dates >= 19_000) & (dates <= 19_000 + days)) <= (4 if narrow else 7)


def test_region_map_over_elapsed_time(rng):
    X = pd.DataFrame({"born": pd.date_range("1950-01-01", periods=60, freq="YS"), "x": rng.normal(size=60)})
    est = SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single").fit(
        X, X["born"].dt.year * 0.1 * X["x"]
    )
    table = plots.region_map.table(slice_plane(est, X, ("born", "x")))
    ax = drawn(plots.region_map, table)
    assert isinstance(ax.xaxis.get_major_formatter(), ConciseDateFormatter)
    low, high = ax.get_xlim()
    first, last = (X["born"].iloc[[0, -1]] - pd.Timestamp(0)).dt.days
    assert low <= first < last <= high
    turned = plots.region_map.table(slice_plane(est, X, ("x", "born")))
    assert isinstance(drawn(plots.region_map, turned).yaxis.get_major_formatter(), ConciseDateFormatter)
    straight = plots.dependence.table(explain(est, X), certify(est), "born")
    text = drawn(plots.dependence, straight).get_legend_handles_labels()[1][0]
    assert "per day of born" in text
