"""Merged models: the mean of their members, in predictions and contributions."""

import warnings

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralClassifier, SpectralRegressor, explain, load, merge
from spectral_interp.training.partition import fingerprints

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def rows(n, seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"a": rng.normal(size=n), "b": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))}
    )
    X["city"] = rng.choice(["Oslo", "Rome", "Bergen"], n)
    y = np.sin(2 * X["a"]) + X["b"].fillna(0) * (X["city"] == "Oslo") + 0.1 * rng.normal(size=n)
    return X, y.rename("y")


@pytest.fixture(scope="module")
def fits():
    """Return three fits of parts of a table, the columns, knots and pairs those of the first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        first = SpectralRegressor(form="sum", members=1, random_state=0).fit(*rows(120, 0))
        later = [
            SpectralRegressor(form="sum", members=1, random_state=seed).fit(*rows(90, seed), like=first)
            for seed in (1, 2)
        ]
    return [first, *later]


def test_a_fit_like_another_has_its_inputs(fits):
    first, second, _ = fits
    assert second.encoder_ == first.encoder_
    assert second.rungs_["inputs"].tolist() == ["given"]
    X, y = rows(200, 9)
    assert second.score(X, y) > 0.5
    assert not np.allclose(second.predict(X), first.predict(X))


def test_merged_predictions_are_the_mean(fits):
    X, _ = rows(60, 5)
    both = merge(fits)
    np.testing.assert_allclose(both.predict(X), np.mean([fit.predict(X) for fit in fits], axis=0), **EXACT)
    assert both.members == both.module_.members == 3
    assert fits[0].members == fits[0].module_.members == 1  # the parts stay as they are
    background = both.background_
    merged, parts = (
        explain(both, X, background=background).values,
        [explain(fit, X, background=background).values for fit in fits],
    )
    np.testing.assert_allclose(merged, np.mean(parts, axis=0), **EXACT)
    spread = explain(both, X, background=background).refit_deviation
    np.testing.assert_allclose(spread, np.std(parts, axis=0, ddof=1), rtol=1e-9, atol=1e-12)


def test_merged_models_are_saved_and_know_all_training_rows(fits, tmp_path):
    both = merge(fits)
    both.save(tmp_path / "m.pt")
    again, (X, _) = load(tmp_path / "m.pt"), rows(90, 2)
    np.testing.assert_array_equal(again.predict(X), both.predict(X))
    assert again.count_trained_on(X) == len(X)
    assert both.made_by_["training rows"] == 300
    assert len(both.background_) == 100
    assert fingerprints(both.encoder_.plain.encode(X)).size == 90


def test_merged_classifiers():
    X, y = rows(120, 0)
    kinds = pd.Series(np.where(y > 0, "up", "down"), name="kind")
    first = SpectralClassifier(form="sum", members=1, random_state=0).fit(X, kinds)
    second = SpectralClassifier(form="sum", members=1, random_state=1).fit(X[::-1], kinds[::-1], like=first)
    both = merge([first, second])
    expected = (first.decision_function(X) + second.decision_function(X)) / 2
    np.testing.assert_allclose(both.decision_function(X), expected, **EXACT)
    with pytest.raises(ValueError, match="expected the classes of like"):
        SpectralClassifier(form="sum", members=1).fit(X, np.where(y > 0, "up", "left"), like=first)


def test_what_cannot_be_merged(fits, regressor):
    apart = SpectralRegressor(form="sum", members=1, random_state=5).fit(*rows(60, 3))
    with pytest.raises(ValueError, match=r"same encoders \(fit with like=models\[0\]\)"):
        merge([fits[0], apart])
    with pytest.raises(ValueError, match="form 'sum' to merge; got 'single' at index 1"):
        merge([fits[0], regressor])
    with pytest.raises(
        ValueError, match="same numbers of members to merge; got 3 at index 1 and 1 at index 0"
    ):
        merge([fits[0], merge(fits)])
    with pytest.raises(
        TypeError, match="expected fitted estimators to merge; got SpectralRegressor at index 0"
    ):
        merge([SpectralRegressor()])
    with pytest.raises(ValueError, match="got none"):
        merge([])


def test_what_like_cannot_be(fits, regressor):
    X, y = rows(60, 4)
    with pytest.raises(ValueError, match="form='sum' of both models with like; got 'auto'"):
        SpectralRegressor().fit(X, y, like=fits[0])
    with pytest.raises(ValueError, match="expected drop as in like, None; got \\['a'\\]"):
        SpectralRegressor(form="sum", drop=["a"]).fit(X, y, like=fits[0])
    with pytest.raises(TypeError, match="expected like as a fitted SpectralRegressor; got str"):
        SpectralRegressor(form="sum").fit(X, y, like="m.pt")


def test_values_that_like_does_not_know_are_warned_of(fits):
    X, y = rows(60, 4)
    X.loc[:20, "city"] = "Paris"
    with pytest.warns(UserWarning, match="not levels of the model: 'Paris' in 21 rows"):
        SpectralRegressor(form="sum", members=1, random_state=3).fit(X, y, like=fits[0])
