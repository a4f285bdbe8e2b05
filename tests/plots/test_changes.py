"""Nearest changes, proven ranges and central slopes: tables against their definitions, and sentences."""

import datetime
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_interp import Pencil, SpectralClassifier, certify, counterfactual, plots
from spectral_interp._common.text import at_least, at_most, number
from spectral_interp.plots.central_slopes import candidates, central_sentences
from spectral_interp.plots.proven_ranges import nearly
from tests.plots.test_legible import boxes, clear, drawn


@pytest.fixture(scope="module")
def sold():
    rng = np.random.default_rng(0)
    n = 200
    X = pd.DataFrame(
        {"income_of_the_household_in_euro": rng.normal(3e4, 8e3, n), "age": rng.integers(18, 80, n)}
    )
    X["city"] = rng.choice(["Oslo", "a very long name of a city"], n)
    X["day"] = pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 60, n), unit="D")
    score = (X["income_of_the_household_in_euro"] - 3e4) / 8e3 + 2 * (X["city"] == "Oslo") - 1
    y = pd.Series(np.where(score + rng.normal(0, 0.3, n) > 0, "yes", "no"), name="sold")
    est = SpectralClassifier(dim=3, n_epochs=40, random_state=0, form="single").fit(X, y)
    return est, X, est.view()


@pytest.fixture(scope="module")
def change(sold):
    est, X, view = sold
    found = counterfactual(est, X[:1], fixed=["age"])
    return found, plots.nearest_change_table(found, view, 17, fixed=["age"])


def test_the_table_of_a_change_is_that_of_the_counterfactual(sold, change):
    est, X, _ = sold
    found, table = change
    assert table["column"].tolist() == found.changes["column"].tolist()
    assert (table["cost"].sum(), table["distance"][0]) == (pytest.approx(found.distance), found.distance)
    changed = X[:1].copy()
    for line in table.itertuples(index=False):
        changed[line.column] = [line.to]
        if not np.isnan(line.to_share) and line.column != "day":
            ends = X[line.column].min(), X[line.column].max()
            assert (line.low, line.high) == pytest.approx(ends)
            assert line.to_share == pytest.approx((line.to - ends[0]) / (ends[1] - ends[0]))
    assert est.predict(changed)[0] == table["target"][0] != est.predict(X[:1])[0] == table["now"][0]


def test_the_sentence_of_a_change_holds_its_numbers_and_columns(change):
    _, table = change
    text = plots.nearest_change.finding(table)
    first = table.iloc[0]
    assert "row 17 " in text
    assert f"'{first['now']}'" in text
    assert f"'{first['target']}'" in text
    assert all(column in text for column in table["column"])
    assert number(first["distance"]) in text
    assert at_least(first["proven_distance"]) in text
    assert "age" in plots.nearest_change.reading(table)


@pytest.mark.parametrize(("lower", "proven"), [(np.inf, True), (1.2348, False), (0.0, False)])
def test_what_is_impossible_is_not_what_was_not_found(change, sold, lower, proven):
    found = replace(change[0], found=None, distance=np.inf, lower=lower)
    table = plots.nearest_change_table(found, sold[2], 17)
    text = plots.nearest_change.finding(table)
    assert ("was found" in text) != proven
    assert ("proven" in text) == (lower > 0)
    assert ("1.234 " in text) == (lower == 1.2348)  # rounded down
    ax = drawn(plots.nearest_change, table)
    assert any(("proven" in text.get_text()) == proven for text in ax.texts)
    assert plots.nearest_change.of(table).title


def test_nothing_runs_into_anything_else(sold):
    est, X, view = sold
    found = counterfactual(est, X[:1])
    place = list(view.columns).index
    point, costs = found.row.copy(), np.ones(4)
    point[place("income_of_the_household_in_euro")] = 31234.5
    point[place("age")] = found.row[place("age")] + 1
    point[place("city")] = next(c for c in X["city"].unique() if c != found.row[place("city")])
    point[place("day")] = datetime.date(2024, 2, 20)
    table = plots.nearest_change_table(replace(found, found=point, costs=costs), view, 17)
    assert len(table) == 4
    ax = drawn(plots.nearest_change, table, colours=plots.column_colours(list(view.columns)))
    values = [text for text in ax.texts if text.get_text()]
    assert clear(values)
    legend = ax.get_legend().get_window_extent()
    assert not any(legend.overlaps(box) for box in boxes([*values, ax.xaxis.label]))
    sheet = ax.figure.bbox
    assert all(sheet.x0 - 1 <= box.x0 < box.x1 <= sheet.x1 + 1 for box in boxes(values))
    names = boxes(ax.get_yticklabels())
    assert not any(name.overlaps(box) for name in names for box in boxes(values))


def test_proven_ranges_hold_predictions_of_rows_that_are_a_little_off(sold):
    est, X, view = sold
    rng, cert = np.random.default_rng(1), certify(est, X[:20])
    table = plots.proven_ranges_table(cert, np.arange(20), ["age"])
    assert table["prediction"].is_monotonic_decreasing
    for line in table.itertuples(index=False):
        near = X.loc[[line.row] * 200].copy()
        income = "income_of_the_household_in_euro"
        near[income] += 0.1 * view.axis(income).scale * rng.uniform(-1, 1, 200)
        values = view.values(est.rows(near).z)
        assert line.low <= values.min() <= values.max() <= line.high
        assert line.low <= line.attained_low <= line.prediction <= line.attained_high <= line.high
        assert line.stays == (line.low > 0 or line.high <= 0)
        assert (
            getattr(line, "_6", table.loc[table["row"] == line.row, "class"].iloc[0])
            == est.predict(X.loc[[line.row]])[0]
        )
    assert table["class"].tolist() == est.predict(X.loc[table["row"]]).tolist()
    assert f"{int(table['stays'].sum())} of 20 rows" in plots.proven_ranges.finding(table)
    assert set(nearly(cert.rows.take([0]), ["age"])) == {"income_of_the_household_in_euro"}


def test_a_class_stays_only_where_that_is_proven(sold, monkeypatch):
    """Predictions are shifted so that the proven range of a row crosses zero, the attained one not."""
    est, X, view = sold
    monkeypatch.setattr(sys.modules[nearly.__module__], "BOXES", 1)  # proven ranges are wide
    table = plots.proven_ranges_table(certify(est, X), np.arange(50))
    line = table.loc[(table["attained_low"] - table["low"]).idxmax()]
    pencil, shift = view.function, (line["attained_low"] + line["low"]) / 2
    diag = np.concatenate([pencil.diag[:1] - shift, pencil.diag[1:]])
    moved = replace(view, function=Pencil(diag, pencil.off, pencil.k))
    rows = replace(est.rows(X.loc[[line["row"]]]), view=moved)
    (line,) = plots.proven_ranges_table(certify(moved, rows), [0]).to_dict("records")
    assert line["low"] < 0 < line["attained_low"]
    assert not line["stays"]


@pytest.mark.parametrize(("norm", "size"), [("l2", "standard deviations"), ("columns", "2 columns")])
def test_the_size_of_a_change_is_in_its_own_norm(sold, change, norm, size):
    found = replace(change[0], distance=2.0, lower=1.5, norm=norm)
    text = plots.nearest_change.finding(plots.nearest_change_table(found, sold[2], 17))
    assert size in text
    assert ("standard deviation" in text) == (norm != "columns")


def test_a_change_of_level_is_no_standard_deviation(sold, change):
    found, view = change[0], sold[2]
    place = list(view.columns).index("city")
    point, costs = found.row.copy(), np.zeros(4)
    point[place], costs[place] = next(c for c in ("Oslo", "Rome") if c != found.row[place]), 1.0
    table = plots.nearest_change_table(replace(found, found=point, costs=costs, distance=1.0), view, 17)
    assert "level" in plots.nearest_change.finding(table)
    point, costs = found.row.copy(), np.zeros(4)
    point[0], costs[0] = point[0] + 1, 0.1
    table = plots.nearest_change_table(replace(found, found=point, costs=costs, distance=0.1), view, 17)
    assert "level" not in plots.nearest_change.finding(table)


def test_the_median_move_of_numbers(rng):
    pencil = Pencil([[0.0], [2.0]], [[], []], 0)
    table = plots.proven_ranges_table(certify(pencil, rng.normal(size=(5, 1))), np.arange(5))
    np.testing.assert_allclose(table["high"] - table["low"], 0.4)
    assert at_most(0.2) in plots.proven_ranges.finding(table)
    ax = drawn(plots.proven_ranges, table)
    assert clear(ax.get_yticklabels())


def test_a_row_without_numbers_has_no_range(sold):
    est, X, _ = sold
    with pytest.raises(ValueError, match="number in the row"):
        plots.proven_ranges_table(certify(est, X[:1]), [0], [*X.columns])


def test_central_slopes_hold_those_at_rows_of_the_region(diabetes, regressor):
    X, _ = diabetes
    cert = certify(regressor, X)
    columns = cert.columns().set_index("column")
    found = candidates(cert, list(X.columns))
    assert found
    assert all(columns.loc[name, "monotone"] == 0 for name in found)
    table = plots.central_slopes_table(cert, found[:2])
    usual = cert.usual(0.4)
    inside = np.all([X[name].between(*usual[name][:2]) for name in X.columns], axis=0)
    middle = pd.DataFrame({name: np.linspace(*usual[name][:2], 9) for name in X.columns})
    slopes = certify(regressor, pd.concat([X[inside], middle])).margins.slopes
    for line in table.itertuples(index=False):
        own = slopes[:, list(X.columns).index(line.column)]
        assert line.low - 1e-9 <= own.min() <= own.max() <= line.high + 1e-9
        if line.monotone:
            assert line.monotone * own.min() >= -1e-9 or line.monotone * own.max() >= -1e-9
    sentences = central_sentences(table)
    assert len(sentences) == (table["monotone"] != 0).sum()
    for text, line in zip(sentences, table[table["monotone"] != 0].itertuples(), strict=True):
        assert line.column in text
        assert at_most(line.high) in text
        assert ("never fall" in text) == (line.low >= 0)


def test_a_target_of_numbers_and_its_name(diabetes, regressor):
    X, _ = diabetes
    target = float(regressor.predict(X[:1])[0]) + 20
    found = counterfactual(regressor, X[:1], target=target)
    table = plots.nearest_change_table(found, regressor.view(), 0, "the median of the predictions")
    text = plots.nearest_change.finding(table)
    assert number(target) in text
    assert "the median of the predictions" in text
    assert "(progression)" in text
    plots.nearest_change(table, Figure().subplots())
