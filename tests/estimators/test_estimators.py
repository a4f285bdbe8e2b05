"""Estimators: shapes, units, seeds, saving and loading, bad input."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from spectral_interp import SpectralClassifier, SpectralRegressor, load
from spectral_interp.estimators.classifier import estimator_for


def test_predictions_are_in_the_targets_unit(regressor, diabetes):
    X, y = diabetes
    z = torch.tensor(regressor.encode(X))
    np.testing.assert_allclose(regressor.predict(X), regressor.module_(z).detach().numpy(), rtol=1e-12)
    assert abs(regressor.predict(X).mean() - y.mean()) < 10
    assert regressor.score(X, y) == pytest.approx(regressor.evaluate(X, y)["R²"])
    assert regressor.unit_ == "progression"


def test_log_odds_probabilities_and_labels_agree(classifier, breast_cancer):
    X, _ = breast_cancer
    log_odds, proba = classifier.decision_function(X), classifier.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(np.log(proba[:, 1] / proba[:, 0]), log_odds, atol=1e-6)
    np.testing.assert_array_equal(classifier.predict(X) == "malignant", log_odds > 0)
    assert classifier.unit_ == "log-odds of diagnosis = malignant"


def test_the_seed_decides_every_bit(diabetes):
    X, y = diabetes
    options = {"dim": 4, "n_epochs": 5}
    one, two, other = (
        SpectralRegressor(**options, random_state=seed, form="single").fit(X, y).module_.state_dict()
        for seed in (3, 3, 4)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["diag.weight"], other["diag.weight"])


def test_global_generators_are_left_alone(diabetes):
    X, y = diabetes
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    SpectralRegressor(dim=3, n_epochs=2, form="single").fit(X, y)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_arrays_and_tables_give_the_same_model(diabetes):
    X, y = diabetes
    options = {"dim": 3, "n_epochs": 3, "random_state": 0}
    table = SpectralRegressor(**options, form="single").fit(X, y)
    array = SpectralRegressor(**options, form="single").fit(X.to_numpy(), y.to_numpy())
    np.testing.assert_array_equal(table.predict(X), array.predict(X.to_numpy()))
    np.testing.assert_array_equal(table.predict(X[X.columns[::-1]]), table.predict(X))
    assert clone(table).get_params() == table.get_params()


@pytest.mark.parametrize("structure", ["tridiagonal", "diagonal", "dense"])
def test_saving_and_loading_change_nothing(tmp_path, diabetes, structure):
    X, y = diabetes
    est = SpectralRegressor(dim=5, structure=structure, k=-1, n_epochs=3, random_state=0, form="single").fit(
        X, y
    )
    est.save(tmp_path / "m.pt", heldout=(X[:5], y[:5]))
    back = load(tmp_path / "m.pt")
    np.testing.assert_array_equal(back.predict(X), est.predict(X))
    assert back.pencil_.structure == structure
    assert back.history_ == est.history_
    assert back.get_params() == est.get_params()
    pd.testing.assert_frame_equal(back.background_, est.background_, check_dtype=False)
    pd.testing.assert_series_equal(back.heldout_[1], y[:5], check_dtype=False)
    back.save(tmp_path / "again.pt")
    assert load(tmp_path / "again.pt").heldout_ is not None


def test_classifier_round_trip(tmp_path, classifier, breast_cancer):
    X, _ = breast_cancer
    classifier.save(tmp_path / "m.pt")
    back = load(tmp_path / "m.pt")
    np.testing.assert_array_equal(back.predict(X), classifier.predict(X))
    assert back.unit_ == classifier.unit_
    assert back.heldout_ is None


def test_background_is_seeded_training_rows(diabetes):
    X, y = diabetes
    one, two = (
        SpectralRegressor(dim=3, n_epochs=1, random_state=1, form="single").fit(X, y).background_
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, two)
    assert one.shape == (100, 10)
    assert len(one.merge(X.drop_duplicates(), how="inner")) == 100


def test_task_follows_the_target():
    assert estimator_for(pd.Series([1.0, 2.0, 3.0])) is SpectralRegressor
    assert estimator_for(pd.Series([0, 1, 1])) is SpectralClassifier
    assert estimator_for(pd.Series(["a", "b", "c"])) is SpectralClassifier
    assert estimator_for(pd.Series([True, False])) is SpectralClassifier


def table(n=40):
    return pd.DataFrame({"a": np.arange(n, dtype=float), "b": np.arange(n) % 7 + 0.5})


@pytest.mark.parametrize(
    ("estimator", "X", "y", "message"),
    [
        (SpectralRegressor(form="single"), table(), ["x"] * 40, "numbers in the target"),
        (SpectralRegressor(form="single"), table(), [np.nan] * 40, "targets without gaps; got 40 missing"),
        (SpectralRegressor(form="single"), table(), [np.inf] * 40, "finite targets"),
        (SpectralRegressor(form="single"), table(), np.zeros(39), r"y of shape \(40,\)"),
        (SpectralRegressor(form="single"), table(1), [0.0], "n_samples=1"),
        (
            SpectralRegressor(form="single"),
            pd.DataFrame({"a": [[1], [2]]}),
            [0, 1],
            r"column 'a'; got \[1\] in row 0; turn",
        ),
        (
            SpectralRegressor(structure="ring", form="single"),
            table(),
            np.arange(40.0),
            "one of tridiagonal, diagonal, dense",
        ),
        (
            SpectralClassifier(form="single"),
            table(),
            ["x"] * 40,
            "2 to 100 classes in 'target'; got 1 class: 'x'",
        ),
        (SpectralClassifier(form="single"), np.arange(120.0)[:, None], np.arange(120), "got 120 classes"),
        (
            SpectralClassifier(form="single", structure="dense"),
            table(),
            list("xyz") * 13 + ["x"],
            "3 classes; got 'dense'",
        ),
        (
            SpectralClassifier(form="single", positive="x"),
            table(),
            list("xyz") * 13 + ["x"],
            "positive only for a target of two classes",
        ),
        (SpectralClassifier(form="single"), table(), np.linspace(0, 1, 40), "Unknown label type"),
    ],
)
def test_bad_fits(estimator, X, y, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)


def test_an_empty_label_is_a_class_like_others(tmp_path):
    X = pd.DataFrame({"a": np.arange(40.0)})
    y = np.where(X["a"] > 20, "", "churned")
    est = SpectralClassifier(dim=3, n_epochs=5, random_state=0, form="single").fit(
        X, pd.Series(y, name="state")
    )
    est.save(tmp_path / "model.pt", heldout=(X, y))
    loaded = load(tmp_path / "model.pt")
    assert loaded.classes_.tolist() == ["", "churned"]
    np.testing.assert_array_equal(loaded.predict(X), est.predict(X))
    assert loaded.heldout_[1].tolist() == y.tolist()
    other = SpectralClassifier(dim=3, n_epochs=1, random_state=0, form="single").fit(
        X, np.where(X["a"] > 20, "", "!")
    )
    assert other.unit_ == "log-odds of target = !"
    blank = SpectralClassifier(dim=3, n_epochs=1, random_state=0, form="single").fit(
        X, np.where(X["a"] > 20, "", "  ")
    )
    assert blank.unit_ == "log-odds of target = '  '"
