"""A row of weight w is the row w times, for everything that a fit learns and keeps."""

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp import SpectralClassifier, SpectralRegressor, explain, load
from spectral_interp.comparison.baselines import evaluate_all, fit_baselines
from spectral_interp.estimators.persistence import _state
from spectral_interp.tables.columns import fit_column
from spectral_interp.training.partition import distinct


def random_table(rng, n):
    """Return numbers and dates with gaps, skewed numbers, levels of all sizes and a target of many values."""
    X = pd.DataFrame(
        {
            "number": rng.normal(size=n).round(int(rng.integers(0, 3))) * 10.0 ** rng.integers(-3, 4),
            "skewed": np.exp(rng.normal(size=n)).round(1) + 0.1,
            "level": rng.choice([*"abcdefgh"], n, p=np.r_[0.5, 0.2, 0.1, 0.1, 0.04, 0.03, 0.02, 0.01]),
            "flag": rng.random(n) < 0.3,
        }
    )
    X.loc[rng.random(n) < 0.2, "number"] = np.nan
    X["level"] = X["level"].mask(rng.random(n) < 0.1)
    y = pd.Series((X["skewed"] + rng.normal(size=n)).round(1), name="y")
    X["day"] = pd.Timestamp("2021-03-01") + pd.to_timedelta(7 * rng.integers(0, 2000, n), unit="h")
    X["day"] = X["day"].mask(rng.random(n) < 0.2)
    return X, y


def assert_same(one, other, place="state"):
    """Compare two states to the bit, but for seconds."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one.keys() - {"seconds"}:
            assert_same(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one.nan_to_num(-9), other.nan_to_num(-9)), place
    else:
        assert repr(one) == repr(other), place


@pytest.mark.parametrize("seed", range(12))
def test_whole_weights_are_repeats_to_the_bit(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 160))
    X, y = random_table(rng, n)
    kind = SpectralRegressor if seed % 2 else SpectralClassifier
    y = y if seed % 2 else y > y.median()
    weight = rng.integers(0, 4, n)
    weight[rng.integers(n)] = 50
    repeated = rng.permutation(np.repeat(np.arange(n), weight))
    options = {"dim": 2, "n_epochs": 2, "random_state": seed, "log": ["skewed"]}
    one = kind(**options).fit(X, y, sample_weight=weight)
    two = kind(**options).fit(X.iloc[repeated], y.iloc[repeated])
    three = kind(**options).fit(X[weight > 0], y[weight > 0], sample_weight=weight[weight > 0])
    assert_same(_state(one, None), _state(two, None))
    assert_same(_state(one, None), _state(three, None))
    np.testing.assert_array_equal(
        one.view().function.values(one.encode(X)), two.function_.values(two.encode(X))
    )
    assert one.made_by_["training rows"] == weight.sum()


@pytest.mark.parametrize("seed", range(5))
def test_a_column_learns_from_weights_what_it_learns_from_repeats(seed):
    """Against NumPy and pandas on the table written out."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(10, 60))
    X, _ = random_table(rng, n)
    weight = rng.integers(1, 5, n)
    out = X.iloc[np.repeat(np.arange(n), weight)]
    number = fit_column(X["number"], weight=weight.astype(float))
    assert number.mean == pytest.approx(out["number"].mean(), rel=1e-12)
    assert number.scale == pytest.approx(out["number"].std(ddof=0), rel=1e-12)
    assert number.median == out["number"].median()
    assert number.missing == out["number"].isna().mean()
    day = fit_column(X["day"], weight=weight.astype(float))
    days = (out["day"] - pd.Timestamp(0)) / pd.Timedelta("1D")
    assert day.mean == pytest.approx(days.mean(), rel=1e-12)
    assert day.scale == pytest.approx(days.std(ddof=0), rel=1e-12)
    assert day.median == days.median()
    assert day.missing == days.isna().mean()
    months = out["day"].dt.month.value_counts(normalize=True).reindex(range(1, 13), fill_value=0)
    np.testing.assert_allclose(day.month, months, rtol=1e-12)
    levels = fit_column(X["level"], weight=weight.astype(float))
    shares = out["level"].fillna("missing").value_counts(normalize=True)
    for level, share in zip(levels.levels, levels.shares, strict=True):
        assert level == "other" or share == shares[level]
    assert sum(levels.shares) == pytest.approx(1, abs=1e-12)


def test_rows_that_repeat_with_other_weights_may_come_in_any_order():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(np.tile(rng.normal(size=(40, 2)), (5, 1)))
    weight = rng.random(200)
    totals = []
    for order in (np.arange(200), rng.permutation(200)):
        _, _, total = distinct(frame.iloc[order], np.zeros(200), weight[order])
        totals.append(total.tobytes())
    assert totals[0] == totals[1]


@pytest.mark.parametrize(
    ("values", "weight", "median"),
    [
        ([1, 2, 3], [1, 1, 1], 2),
        ([3, 1], [2, 2], 2),
        ([1, 2, 3], [1, 1, 2], 2.5),
        ([1, 2, 3], [0.1, 0.1, 0.2], 2.5),
        ([1, 2, 3, 4], [0.1, 0.2, 0.2, 0.1], 2.5),
        ([1, 2, 3], [0.1, 0.1, 0.3], 3),
        ([5], [0.3], 5),
        ([1e300, -1e300], [7, 7], 0),
    ],
)
def test_weighted_medians(values, weight, median):
    column = pd.Series([*values, 0.5, np.nan], name="x", dtype=float)
    tiny = 1e-14
    axis = fit_column(column, weight=np.array([*weight, tiny, 1.0]))
    assert axis.median == median


def test_numbers_of_a_table_in_which_most_rows_repeat():
    """Twenty different rows of 2,000: moments, shares and base value are those of the table."""
    rng, n = np.random.default_rng(0), 2000
    visits = rng.choice([0.0, 1, 2, 3, 10, 50], n, p=[0.6, 0.2, 0.1, 0.06, 0.03, 0.01])
    X = pd.DataFrame({"visits": visits, "plan": rng.choice(["free", "pro"], n, p=[0.95, 0.05])})
    X.loc[rng.random(n) < 0.1, "visits"] = np.nan
    est = SpectralClassifier(dim=3, n_epochs=30, random_state=0, form="single").fit(
        X, X["visits"].fillna(0) > 1
    )
    number, plan = est.encoder_.axes
    assert number.median == X["visits"].median() == 0
    assert number.mean == pytest.approx(X["visits"].mean(), rel=1e-12)
    assert number.scale == pytest.approx(X["visits"].std(ddof=0), rel=1e-12)
    assert number.missing == X["visits"].isna().mean()
    assert (
        dict(zip(plan.levels, plan.shares, strict=True)) == X["plan"].value_counts(normalize=True).to_dict()
    )
    predictions = est.decision_function(X)
    base = explain(est, X[:1], method="path").base_values[0]
    assert abs(base - predictions.mean()) < 3 * predictions.std() / 10
    assert len(est.background_) == 100
    assert (est.background_["plan"] == "free").sum() >= 80


def test_a_level_of_rows_that_are_all_alike_is_not_rare():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "x": np.r_[np.zeros(300), rng.normal(size=700)],
            "kind": ["standard"] * 300 + list(rng.choice(list("abcdef"), 700)),
        }
    )
    y = np.r_[np.full(300, 5.0), rng.normal(size=700)]
    est = SpectralRegressor(dim=3, n_epochs=3, random_state=0, form="single").fit(X, y)
    assert est.encoder_.axes[1].levels[0] == "standard"
    assert 15 < (est.background_["kind"] == "standard").sum() < 45


def test_levels_do_not_get_rare_because_weights_are_small():
    column = pd.Series(["a"] * 200 + ["b"] * 6 + ["c"] * 2, name="level")
    levels = ("a", "b", "other")
    assert fit_column(column).levels == levels
    assert fit_column(column, weight=np.full(208, 1e-3)).levels == levels
    assert fit_column(column, weight=np.full(208, 3.0)).levels == ("a", "b", "c")
    heavy = np.ones(208)
    heavy[-1] = 4.0
    assert fit_column(column, weight=heavy).levels == ("a", "b", "c")


def test_weights_that_are_no_counts(rng):
    X = pd.DataFrame({"a": rng.normal(size=400)})
    weight = np.where(X["a"] > 0, 1000.0, 1e-3)
    est = SpectralRegressor(dim=3, n_epochs=5, random_state=0, form="single").fit(
        X, X["a"], sample_weight=weight
    )
    assert est.encoder_.axes[0].mean == pytest.approx(np.average(X["a"], weights=weight))
    assert (est.background_["a"] > 0).all()
    assert est.background_of_ is None
    assert est.made_by_["training rows"] == 400


def test_metrics_and_baselines_take_weights(rng):
    X = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80)})
    weight = rng.integers(0, 4, 80)
    repeated = np.repeat(np.arange(80), weight)
    for kind, y in ((SpectralRegressor, X["a"] + X["b"] ** 2), (SpectralClassifier, X["a"] > 0.3)):
        est = kind(dim=3, n_epochs=3, random_state=0, form="single").fit(X, y, sample_weight=weight)
        est.baselines_ = fit_baselines(est, X, y, weight)
        again = fit_baselines(est, X.iloc[repeated], y.iloc[repeated])
        for name, baseline in again.items():
            for key, value in baseline.state().items():
                assert torch.equal(value, est.baselines_[name].state()[key])
        one, two = evaluate_all(est, X, y, weight), evaluate_all(est, X.iloc[repeated], y.iloc[repeated])
        for name, metrics in one.items():
            assert metrics == pytest.approx(two[name], rel=1e-9)
        assert est.evaluate(X, y, weight) == pytest.approx(one["spectral"])


def test_equal_features_with_other_targets_validate_together(rng):
    X = pd.DataFrame(np.repeat(rng.normal(size=(60, 2)), 10, axis=0), columns=["a", "b"])
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(
        X, y := rng.normal(size=600)
    )
    data = est.partition(X, y)
    assert len(data.validated) == 60
    trained, validated = ({*map(tuple, data.table.z[rows])} for rows in (data.trained, data.validated))
    assert not trained & validated


def test_a_model_knows_the_rows_it_was_trained_on(tmp_path, rng):
    X, y = random_table(rng, 120)
    new, _ = random_table(rng, 50)
    new["skewed"] += 0.05
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(X, y)
    est.save(tmp_path / "m.pt")
    for model in (est, load(tmp_path / "m.pt")):
        assert model.count_trained_on(X) == 120
        assert model.count_trained_on(model.rows(new)) == 0
        assert model.count_trained_on(pd.concat([X[:7], new])) == 7
    as_text = X.astype({"level": "category"}).assign(skewed=X["skewed"].map(str), flag=X["flag"].map(str))
    assert est.count_trained_on(as_text) == 120
    X.to_csv(tmp_path / "X.csv", index=False)
    assert est.count_trained_on(pd.read_csv(tmp_path / "X.csv")) == 120


def test_earlier_files_do_not_know_them(tmp_path, regressor):
    regressor.save(tmp_path / "m.pt")
    state = torch.load(tmp_path / "m.pt", weights_only=True)
    torch.save(
        {k: v for k, v in state.items() if k not in ("background_of", "trained_on")}, tmp_path / "m.pt"
    )
    old = load(tmp_path / "m.pt")
    assert old.count_trained_on(old.background_) is None
    assert old.background_of_ == regressor.background_of_ == 442 - 44
    old.save(tmp_path / "again.pt")
    assert load(tmp_path / "again.pt").trained_on_ is None
