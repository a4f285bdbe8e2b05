"""Certificates by columns of a table, their levels and units."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralRegressor, certify
from tests.certificates.mixed import mixed


def test_the_table_speaks_in_columns_and_their_units():
    est, frame = mixed()
    cert = certify(est, frame)
    table = cert.columns().set_index("column")
    assert list(table.index) == list(frame.columns)
    assert table["step"]["age"] == "standard deviation of age"
    assert table["own_step"]["income"] == "unit of log income"
    assert set(table["unit"]) == {"risk"}
    age = est.encoder_.axes[0]
    assert table["high_per_unit"]["age"] == pytest.approx(table["high"]["age"] / age.scale)
    assert table["high_per_unit"]["age"] > 0.5
    assert np.isnan(table["norm_per_unit"]["city"])
    dose = est.encoder_.feature_names.index("dose")
    assert table["low"]["dose"] == cert.gradient_low[dose]
    assert table["kind"].tolist() == ["number", "number", "number with gaps", "levels", "levels"]
    assert (table["low"] <= table["observed_min"] + 1e-9).all()
    assert (table["observed_min"] <= table["observed_median"]).all()
    assert (table["observed_max"] <= table["high"] + 1e-9).all()
    assert "observed_min" not in certify(est).columns()


def test_levels_are_compared_by_their_worst_pair():
    est, frame = mixed()
    line = certify(est).columns().set_index("column").loc["city"]
    axis = est.view().axes[4]
    worst = 0.0
    for source in axis.levels:
        for target in axis.levels:
            rows = [frame.head(50).assign(city=city) for city in (source, target)]
            change = est.predict(rows[1]) - est.predict(rows[0])
            worst = max(worst, np.abs(change).max())
            if line["step"] == f"{source} → {target}":
                assert (change >= line["low"] - 1e-9).all()
                assert (change <= line["high"] + 1e-9).all()
    assert line["step"] == "Rome → Bergen"
    assert 0.5 * line["norm"] < worst <= line["norm"]


def test_a_pair_of_levels_is_turned_to_where_it_rises(rng):
    frame = pd.DataFrame({"city": rng.choice(["Oslo", "Rome"], 60), "x": rng.normal(size=60)})
    for sign in (1, -1):
        y = 5.0 * sign * (frame["city"] == "Oslo") + 0.1 * frame["x"]
        est = SpectralRegressor(dim=3, n_epochs=40, random_state=0, form="single").fit(frame, y)
        line = certify(est, frame).columns().iloc[0]
        assert line["step"] == ("Rome → Oslo" if sign > 0 else "Oslo → Rome")
        assert line["low"] <= line["observed_min"] <= line["observed_max"] <= line["high"] == line["norm"]


def test_the_range_of_a_level_is_that_of_its_step_from_every_background_row(rng):
    X = pd.DataFrame({"city": rng.choice(["Oslo", "Rome", "Bern"], 90), "x": rng.normal(size=90)})
    est = SpectralRegressor(dim=5, n_epochs=10, random_state=0, form="single").fit(
        X, (X["city"] == "Oslo") * X["x"]
    )
    cert, matrices = certify(est), est.pencil_.matrices
    own = [f"city = {level}" for level in ("Oslo", "Rome", "Bern")]
    place = {name: matrices[1 + cert.view.features.index(name)] for name in own}
    for level in ("Oslo", "Rome", "Bern"):
        ends = [
            np.linalg.eigvalsh(place[f"city = {level}"] - place[f"city = {other}"])[[0, -1]]
            for other in est.background_["city"]
        ]
        found = cert.contribution_range("city", [level], method="shapley")
        np.testing.assert_allclose(np.ravel(found), np.mean(ends, axis=0), atol=1e-9)
    with pytest.raises(ValueError, match=r"expected levels of 'city': .*; got 'Paris'"):
        cert.contribution_range("city", ["Oslo", "Paris"])
    with pytest.raises(ValueError, match="is it 'city'"):
        cert.contribution_range("cite", ["Oslo"])
