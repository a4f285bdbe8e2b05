"""What every section of an analysis says, against its definition, and what is left out where."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_interp import SpectralRegressor, certify, explain, linear_regions, report
from spectral_interp._common.arrays import spread
from spectral_interp.commands.printing import summary_lines
from spectral_interp.comparison.stability import REDRAWS, stability_table


@pytest.fixture(scope="module")
def analysis(regressor, diabetes):
    X, y = diabetes
    return report.analyze(regressor, X[:40], y[:40], methods=["path", "local"], most=8, seed=0)


def test_methods_stand_side_by_side(analysis, regressor, diabetes):
    at = spread(40, 8)
    att = explain(regressor, diabetes[0].iloc[at], method="path")
    found = analysis.summary.methods["path"]
    assert list(analysis.summary.methods) == ["path", "local"]
    assert (found.rows, analysis.summary.methods["local"].rows) == (8, 40)
    assert found.evaluations == att.evaluations
    assert found.milliseconds_per_row > 0
    assert found.degenerate_rows == 0
    assert analysis.summary.background == "100 training rows kept by the model, chosen with seed 0"
    dots = analysis.tables["beeswarm_path"]
    assert sorted(dots["row"].unique()) == at.tolist()
    np.testing.assert_array_equal(dots["contribution"], att.values.ravel())
    ages = dots.loc[dots["column"] == "age"].set_index("row")["value"]
    np.testing.assert_array_equal(ages.astype(float), diabetes[0]["age"].iloc[at])


def test_slices_are_of_the_strongest_columns_of_the_first_method(analysis, regressor, diabetes):
    ranking = analysis.tables["importance_path"]["column"].tolist()
    assert analysis.summary.top_columns == ranking[:5]
    drawn = [analysis.tables[f"spectrum_{place}"]["column"].iloc[0] for place in (1, 2, 3)]
    assert drawn == ranking[:3]
    plane = analysis.tables["region_map"].iloc[0]
    assert [plane["x_column"], plane["y_column"]] == ranking[:2]
    prediction = np.sort(regressor.predict(diabetes[0][:40]))
    row = analysis.summary.slices_at_row
    assert regressor.predict(diabetes[0][row : row + 1])[0] == prediction[20]
    assert plane["row"] == row


def test_waterfalls_of_the_lowest_the_median_and_the_highest_prediction(analysis, regressor, diabetes):
    explained = regressor.predict(diabetes[0].iloc[spread(40, 8)])
    rows = {name: analysis.tables[f"waterfall_{name}"].iloc[0] for name in ("low", "median", "high")}
    expected = np.sort(explained)[[0, 4, 7]]
    np.testing.assert_allclose([row["prediction"] for row in rows.values()], expected)
    assert {row["method"] for row in rows.values()} == {"path"}
    places = [row["row"] for row in rows.values()]
    np.testing.assert_allclose(regressor.predict(diabetes[0].iloc[places]), expected)


def test_the_chain_of_the_highest_prediction_and_the_mean(analysis, regressor, diabetes):
    X = diabetes[0][:40]
    att = explain(regressor, X)
    high = int(att.prediction.argmax())
    table = analysis.tables["chain_high"]
    assert table["row"].unique().tolist() == [high]
    by_column = table.groupby("column")["contribution"].sum()
    for at in np.argsort(-np.abs(att.values[high]))[:7]:
        assert by_column[att.columns[at]] == pytest.approx(att.values[high, at])
    mean = analysis.tables["chain_mean"]
    weights = mean[(mean["column"] == mean["column"].iloc[0]) & (mean["of"] == "latent")]["weight"]
    _, v = regressor.pencil_.eigenpairs(regressor.rows(X).z)
    np.testing.assert_allclose(weights, (v**2).mean(axis=0))


def test_dependence_is_drawn_of_the_strongest_columns(analysis, regressor, diabetes):
    ranking = analysis.tables["importance_path"]["column"].tolist()
    for place, column in enumerate(ranking[:3], start=1):
        table = analysis.tables[f"dependence_{place}"]
        rows = table[table["of"] == "row"]
        assert rows["row"].tolist() == spread(40, 8).tolist()
        assert (table["column"] == column).all()
        np.testing.assert_array_equal(rows["value"].astype(float), diabetes[0][column].iloc[rows["row"]])


def test_figures_are_as_high_as_they_have_lines(classifier, breast_cancer):
    analysis = report.analyze(classifier, breast_cancer[0][:20], None, methods=["local"], seed=0)
    heights = analysis.heights
    assert heights["importance_local"] == heights["beeswarm_local"] == heights["sensitivity"]
    assert heights["importance_local"] > heights["waterfall_low"] > heights["spectrum_1"]


def test_certified_intervals_hold_what_is_observed(analysis, regressor, diabetes):
    table = analysis.tables["certified"]
    slack = 1e-9 * table["norm"]
    assert (table["observed_min"] >= table["low"] - slack).all()
    assert (table["observed_max"] <= table["high"] + slack).all()
    found = analysis.summary.certified
    assert found.sentences == certify(regressor, diabetes[0][:40]).sentences()
    assert found.columns_of_proven_direction == (table["monotone"] != 0).sum()
    assert 0 < found.median_observed_over_certified_range <= 1
    lines = summary_lines(analysis.summary)
    assert all(any(sentence in line for line in lines) for sentence in found.sentences[:8])


def test_pieces_and_radii_at_one_tolerance(analysis, regressor, diabetes):
    X = diabetes[0][:40]
    eps = 0.1 * regressor.predict(X).std()
    regions, cert = linear_regions(regressor, X), certify(regressor, X)
    pieces = analysis.summary.pieces
    assert pieces.eps == pytest.approx(eps)
    assert pieces.counts["model"] == len(regions.pieces(eps)[0])
    assert analysis.summary.skeleton.r2 == regions.skeleton_r2
    margins = analysis.summary.margins
    assert margins.median_linear_radius == pytest.approx(np.median(cert.linear_radius(eps)))
    assert margins.median_gap == pytest.approx(np.median(cert.gap))


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
def test_groups_of_the_background_average_to_the_contributions(regressor, diabetes, method):
    X = diabetes[0][["age", "bmi"]]
    est = SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single").fit(X[:60], diabetes[1][:60])
    table = stability_table(est, X[:12], method, seed=0).set_index("column")
    whole = np.abs(explain(est, X[:12], method=method).values).mean(axis=0)
    np.testing.assert_allclose(table.loc[["age", "bmi"], "mean_abs_contribution"], whole, rtol=1e-3)
    assert (table["redraw_5_percent"] <= table["redraw_95_percent"]).all()
    assert (table[["rows", "redraws", "background_rows"]] == [12, REDRAWS, len(est.background_)]).all(
        axis=None
    )


def test_a_background_of_equal_rows_does_not_move(diabetes):
    X, y = diabetes
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(X[:40], y[:40])
    est.background_ = est.background_.iloc[[0] * 30]
    table = stability_table(est, X[:5], "local", seed=0)
    assert table["redraw_standard_deviation"].max() < 1e-12 * table["mean_abs_contribution"].max()


def test_sampled_shapley_values_say_their_error(classifier, breast_cancer):
    X = breast_cancer[0][:2]
    analysis = report.analyze(classifier, X, None, methods=["shapley"], seed=0)
    found = analysis.summary.methods["shapley"]
    assert found.largest_standard_error > 0
    assert found.coupling_share is None
    assert any("sampled: standard errors up to" in line for line in summary_lines(analysis.summary))
    assert (analysis.tables["margins"]["flip_radius"] > 0).all()


DENSE = "the latents of a dense model depend on the basis"
LATENT = "a model with one latent has"
FLAT = "predictions do not vary over the rows"
ALONE = "interactions: no two of the 2 strongest columns interact"
ONE = "interactions: it needs two columns, and the model has 1"
NO_SPREAD = "the tolerance is a share of the spread of predictions and needs at least 2 rows"


@pytest.mark.parametrize(
    ("columns", "options", "rows", "left_out"),
    [
        (
            ["a", "b"],
            {"structure": "dense"},
            9,
            [f"{study}: {DENSE}" for study in ("latents and bonds", "region map", "skeleton")],
        ),
        (["a", "b"], {"structure": "diagonal"}, 9, [ALONE]),
        (
            ["a", "b"],
            {"dim": 1},
            9,
            [
                ALONE,
                f"latents and bonds: {LATENT} no chain of latents",
                f"spectra: {LATENT} one eigenvalue, its prediction",
                f"gaps and radii: {LATENT} no other eigenvalue and is linear everywhere",
            ],
        ),
        (["a"], {}, 9, [ONE, "region map: it needs two numeric columns, and the model has 1"]),
        (
            ["city"],
            {},
            9,
            [
                ONE,
                "proven ranges: expected a number in the row that may change; got none",
                "region map: it needs two numeric columns, and the model has 0",
            ],
        ),
        (
            ["a", "b"],
            {},
            1,
            [f"interactions: {FLAT}", f"linear pieces: {NO_SPREAD}", f"gaps and radii: {NO_SPREAD}"],
        ),
        (["gappy", "positive", "city"], {"log": ["positive"]}, 9, []),
        (
            ["a", "b"],
            {"norm_penalty": 1e3},
            9,
            [f"interactions: {FLAT}", f"linear pieces: {FLAT}", f"gaps and radii: {FLAT}"],
        ),
    ],
)
def test_what_a_model_does_not_define_is_left_out(rng, columns, options, rows, left_out):
    table = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
    table["gappy"] = table["a"].where(table["b"] > -0.5)
    table["positive"] = np.exp(table["b"])
    table["city"] = np.where(table["a"] > 0, "Oslo", "Rome")
    est = SpectralRegressor(**({"dim": 4, "n_epochs": 3, "random_state": 0} | options), form="single")
    est.fit(table[columns], table["a"] + table["b"] ** 2)
    analysis = report.analyze(est, table.loc[: rows - 1, columns], None, methods=["local"], seed=0)
    assert [reason.partition(": the mean")[0] for reason in analysis.summary.left_out] == left_out
    assert "certified" in analysis.tables
    low_to_high = {name for name in analysis.tables if name.startswith("waterfall_")}
    assert low_to_high == {
        f"waterfall_{name}" for name in (["median"] if rows == 1 else ["low", "median", "high"])
    }
    assert len([name for name in analysis.tables if name.startswith("dependence_")]) == len(columns)
    for draw in analysis.figures.values():
        draw(Figure().subplots())
    lines = summary_lines(analysis.summary)
    assert all(any(reason in line for line in lines) for reason in left_out)


def test_nearest_changes_are_of_the_rows_of_the_waterfalls_and_reach_their_targets(
    analysis, regressor, diabetes
):
    predictions = regressor.predict(diabetes[0][:40])
    targets = {"low": np.median(predictions), "high": np.median(predictions)}
    targets["median"] = np.quantile(predictions, 0.75)
    for label, target in targets.items():
        table = analysis.tables[f"nearest_change_{label}"]
        row = table["row"].iloc[0]
        assert row == analysis.tables[f"waterfall_{label}"]["row"].iloc[0]
        changed = diabetes[0].loc[[row]].astype(float)
        changed[table["column"].tolist()] = table["to"].astype(float).tolist()
        reached = regressor.predict(changed)[0]
        assert reached == pytest.approx(target, rel=0.02)  # age is a whole number
        assert (reached > target - 1e-6) if label != "high" else (reached < target + 1e-6)
        assert analysis.summary.changes[label].proven_distance <= table["cost"].sum() * (1 + 1e-9)
    lines = summary_lines(analysis.summary)
    assert all(any(c.sentence in line for line in lines) for c in analysis.summary.changes.values())


def test_proven_ranges_are_of_rows_spread_over_the_predictions(analysis, regressor, diabetes):
    table = analysis.tables["proven_ranges"]
    predictions = np.sort(regressor.predict(diabetes[0][:40]))
    np.testing.assert_allclose(table["prediction"], predictions[spread(40, 12)][::-1])
    found = analysis.summary.ranges
    assert found.rows == 12
    assert found.median_attained_width <= found.median_proven_width
    assert found.rows_that_keep_their_class is None


def test_wide_models_have_fewer_proven_ranges_and_no_proofs_where_the_data_are(rng):
    """Beside a model of few columns on the same rows, which has both."""
    table = pd.DataFrame(rng.normal(size=(60, 160))).rename(columns="c{}".format)
    y = table["c0"] + table["c0"] * table["c1"]
    left_out, ranges = [], []
    for columns in (list(table)[:6], list(table)):
        est = SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single").fit(table[columns], y)
        found = report.analyze(est, table.loc[:19, columns], None, methods=["local"], seed=0)
        ranges.append(len(found.tables["proven_ranges"]))
        left_out.append([reason for reason in found.summary.left_out if "160 columns" in reason])
    assert ranges == [12, 7]
    assert left_out[0] == []
    assert len(left_out[1]) == 1
    assert "central_slopes" not in found.tables


def test_what_may_not_change_is_left_out_for_the_row_alone(regressor, diabetes):
    X = diabetes[0][:9]
    high = int(regressor.predict(X).argmax())
    bmi = X["bmi"].iloc[high]
    others = X["bmi"].drop(X.index[high])
    limits = {"bmi": (float(others.min()), float(others.max()))}
    limits = limits if not limits["bmi"][0] <= bmi <= limits["bmi"][1] else {"bmi": (0.0, float(bmi) - 1e-3)}
    found = report.analyze(regressor, X, None, methods=["local"], seed=0, fixed=["age"], limits=limits)
    (reason,) = [text for text in found.summary.left_out if text.startswith("nearest changes: ")]
    assert f"{X.index[high]}" in reason
    assert "limits of 'bmi'" in reason
    assert "nearest_change_high" not in found.tables
    with pytest.raises(ValueError, match="either in fixed or in limits"):
        report.analyze(regressor, X, None, methods=["local"], seed=0, fixed=["bmi"], limits=limits)
    with pytest.raises(ValueError, match="columns"):
        report.analyze(regressor, X, None, methods=["local"], seed=0, fixed=["size"])


def test_classes_change_to_the_other_or_to_the_second_likeliest(florist, flowers, classifier, breast_cancer):
    X, _ = flowers
    found = report.analyze(florist, X[:30], None, methods=["local"], seed=0)
    for change in found.summary.changes.values():
        order = np.argsort(-florist.predict_proba(X.loc[[change.row]])[0])
        assert change.target == florist.classes_[order[1]]
    X, _ = breast_cancer
    found = report.analyze(classifier, X[:20], None, methods=["local"], seed=0)
    ranges = found.tables["proven_ranges"]
    assert found.summary.ranges.rows_that_keep_their_class == ranges["stays"].sum()
    for change in found.summary.changes.values():
        assert change.target != str(classifier.predict(X.loc[[change.row]])[0])
