"""Baselines: what they are fitted to, in which unit, and that files carry them."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from spectral_interp import SpectralClassifier, SpectralRegressor, load, train
from spectral_interp.comparison.baselines import evaluate_all, fit_baselines
from spectral_interp.models.network import Baseline, network


@pytest.fixture(scope="module")
def with_baselines(diabetes):
    X, y = diabetes
    est = SpectralRegressor(dim=5, n_epochs=150, random_state=0, form="single").fit(X, y)
    est.baselines_ = fit_baselines(est, X, y)
    return est


def test_the_linear_model_is_ridge_regression_on_the_same_rows(with_baselines, diabetes):
    data = with_baselines.partition(*diabetes)
    assert set(data.trained) | set(data.validated) == set(range(442))
    linear = with_baselines.baselines_["linear"]
    fits = [Ridge(alpha=a).fit(data.train.z, data.train.y) for a in np.logspace(-3, 3, 13)]
    best = min(fits, key=lambda m: ((m.predict(data.validation.z) - data.validation.y) ** 2).mean())
    expected = data.center + data.scale * best.predict(data.validation.z)
    np.testing.assert_allclose(linear.values(data.validation.z), expected, rtol=1e-10)


def test_the_mlp_learns_and_predicts_in_the_target_s_unit(with_baselines, diabetes):
    scores = {name: metrics["R²"] for name, metrics in evaluate_all(with_baselines, *diabetes).items()}
    assert list(scores) == ["spectral", "linear", "MLP"]
    assert min(scores.values()) > 0.4


def test_the_mlp_bends(rng):
    X = rng.uniform(-1, 1, size=(600, 2))
    y = np.abs(X[:, 0])
    est = SpectralRegressor(dim=3, n_epochs=150, batch_size=64, alpha=1.0, random_state=0, form="single").fit(
        X, y
    )
    est.baselines_ = fit_baselines(est, X, y)
    scores = evaluate_all(est, X, y)
    assert scores["linear"]["R²"] < 0.1
    assert scores["MLP"]["R²"] > 0.95


def test_classifiers_give_log_odds(breast_cancer):
    X, y = breast_cancer
    est = SpectralClassifier(dim=3, n_epochs=60, random_state=0, form="single").fit(X, y)
    est.baselines_ = fit_baselines(est, X, y)
    data = est.partition(X, y)
    values = est.baselines_["linear"].values(data.validation.z)
    fits = [
        LogisticRegression(C=c, max_iter=1000).fit(data.train.z, data.train.y) for c in np.logspace(-3, 3, 13)
    ]
    distance = [np.abs(fit.decision_function(data.validation.z) - values).max() for fit in fits]
    assert min(distance) < 1e-8
    assert all(metrics["accuracy"] > 0.93 for metrics in evaluate_all(est, X, y).values())


def test_seeded_and_the_global_generator_is_left_alone(with_baselines, diabetes):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again = fit_baselines(with_baselines, *diabetes)
    assert torch.equal(before, torch.get_rng_state())
    for name, baseline in with_baselines.baselines_.items():
        for key, weight in baseline.state().items():
            assert torch.equal(weight, again[name].state()[key])


def test_files_carry_them(tmp_path, with_baselines, diabetes):
    with_baselines.save(tmp_path / "m.pt")
    loaded = load(tmp_path / "m.pt")
    z = loaded.encode(diabetes[0])
    for name, baseline in with_baselines.baselines_.items():
        np.testing.assert_array_equal(loaded.baselines_[name].values(z), baseline.values(z))
    refitted = fit_baselines(loaded, *diabetes)["linear"]
    np.testing.assert_array_equal(refitted.values(z), loaded.baselines_["linear"].values(z))


def test_files_without_them_still_load(tmp_path, regressor, diabetes):
    path = tmp_path / "m.pt"
    regressor.save(path)
    assert load(path).baselines_ is None
    state = torch.load(path, weights_only=True)
    old = {key: value for key, value in state.items() if key not in ("baselines", "seed")}
    torch.save(old, path)
    assert load(path).baselines_ is None


@pytest.mark.parametrize("damage", [{"linear": {}}, {"linear": {"0.weight": torch.zeros(2, 2)}}, [1], "text"])
def test_damaged_baselines_are_refused(tmp_path, regressor, damage):
    path = tmp_path / "m.pt"
    regressor.save(path)
    torch.save(torch.load(path, weights_only=True) | {"baselines": damage}, path)
    with pytest.raises(ValueError, match=r"expected an undamaged model in .*m\.pt"):
        load(path)


def test_train_stores_them_unless_told_not_to(tmp_path, run):
    options = ("--form", "single", "--dim", 3, "--epochs", 5)
    status, text, _ = run(train, "diabetes", "--out", tmp_path / "with.pt", *options)
    assert status == 0
    assert "linear baseline: R²" in text
    assert "MLP baseline: R²" in text
    assert sorted(load(tmp_path / "with.pt").baselines_) == ["MLP", "linear"]
    _, text, _ = run(train, "diabetes", "--out", tmp_path / "without.pt", "--no-baselines", *options)
    assert "baseline" not in text
    assert load(tmp_path / "without.pt").baselines_ is None


def test_bad_tables(with_baselines, classifier, diabetes, breast_cancer):
    X, y = diabetes
    with pytest.raises(ValueError, match="column"):
        fit_baselines(with_baselines, X.drop(columns="bmi"), y)
    with pytest.raises(ValueError, match=r"targets without gaps; got 1 missing"):
        fit_baselines(with_baselines, X, y.astype(float).where(y.index != 3))
    X, y = breast_cancer
    with pytest.raises(ValueError, match=r"expected labels .* in 'diagnosis'; got 'unclear'"):
        fit_baselines(classifier, X, y.where(y.index != 3, "unclear"))
    one = y == "benign"
    with pytest.raises(ValueError, match="at least two classes for the baselines"):
        fit_baselines(classifier, X[one], y[one])


def test_rows_in_pieces_equal_rows_at_once(rng):
    baseline = Baseline("MLP", network([3, 8]).requires_grad_(False))
    z = rng.normal(size=(10_000, 3))
    expected = baseline.module(torch.tensor(z))[:, 0].numpy()
    np.testing.assert_allclose(baseline.values(z), expected, rtol=1e-12)


def test_baselines_see_the_split_of_the_fit_without_dropped_columns():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60), " id ": np.arange(60) / 7, "b": rng.normal(size=60)})
    est = SpectralRegressor(dim=3, n_epochs=1, random_state=0, drop=["id"], form="single").fit(X, X["a"])
    without = SpectralRegressor(dim=3, n_epochs=1, random_state=0, form="single").fit(X[["a", "b"]], X["a"])
    for one, other in zip(
        est.partition(X, X["a"]).train, without.partition(X[["a", "b"]], X["a"]).train, strict=True
    ):
        np.testing.assert_array_equal(one, other)
