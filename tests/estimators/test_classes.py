"""Targets of more than two classes: estimators, files, weights, hard tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, load_wine
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score

from spectral_interp import SpectralClassifier, load
from spectral_interp.models import TridiagonalSpectral
from spectral_interp.models.spectral import PerClass
from spectral_interp.models.sums import SumSpectral

FORMS = {"single": {"dim": 5, "n_epochs": 60}, "sum": {"members": 2}, "auto": {"dim": 5, "n_epochs": 60}}


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True, as_frame=True)
    X = X.iloc[:, :6].assign(hue=pd.cut(X["hue"], 3, labels=["low", "middle", "high"]).astype(str))
    X.iloc[::17, 1] = np.nan
    return X, y.map({0: "a", 1: "b", 2: "c"}).rename("kind")


@pytest.fixture(scope="module", params=list(FORMS))
def fitted(request, wine):
    return SpectralClassifier(form=request.param, random_state=0, **FORMS[request.param]).fit(*wine)


def test_predictions(fitted, wine):
    X, y = wine
    log_odds, shares = fitted.decision_function(X), fitted.predict_proba(X)
    assert log_odds.shape == shares.shape == (len(X), 3)
    np.testing.assert_allclose(log_odds.sum(axis=1), 0, atol=1e-10)
    np.testing.assert_allclose(
        np.log(shares[:, 0] / shares[:, 2]), log_odds[:, 0] - log_odds[:, 2], atol=1e-9
    )
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[shares.argmax(axis=1)])
    assert fitted.score(X, y) > 0.95
    metrics = fitted.evaluate(X, y)
    assert metrics["accuracy"] == fitted.score(X, y)
    assert metrics["log loss"] == pytest.approx(log_loss(y, shares))
    assert metrics["largest class"] == y.value_counts(normalize=True).max()
    assert "AUC" not in metrics


def test_module_and_functions_agree(fitted, wine):
    z = fitted.encode(wine[0])
    expected = fitted.module_(torch.from_numpy(z)).detach().numpy()
    found = np.column_stack([function.values(z) for function in fitted.module_.functions()])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(fitted.view().values(z), found - found.mean(axis=1, keepdims=True), atol=1e-12)
    for name in ("function_", "pencil_"):
        with pytest.raises(ValueError, match=r"one output; got .*3 classes.*view\(\)"):
            getattr(fitted, name)
    bounds = [function.neurons.sizes[1:].sum(axis=1) for function in fitted.module_.functions()]
    np.testing.assert_array_equal(fitted.feature_importances_, np.max(bounds, axis=0))


def test_saved_and_loaded(fitted, wine, tmp_path):
    fitted.save(tmp_path / "model.pt", heldout=(wine[0][:9], wine[1][:9]))
    back = load(tmp_path / "model.pt")
    np.testing.assert_array_equal(back.decision_function(wine[0]), fitted.decision_function(wine[0]))
    assert back.classes_.tolist() == ["a", "b", "c"]
    assert back.form_ == fitted.form_
    np.testing.assert_array_equal(back.heldout_[1], wine[1][:9])


def test_a_weight_is_a_repeat(wine):
    X, y = wine
    weight = np.arange(len(y)) % 3
    options = {"form": "sum", "members": 1, "random_state": 0}
    one = SpectralClassifier(**options).fit(X, y, weight)
    other = SpectralClassifier(**options).fit(X.loc[np.repeat(X.index, weight)], np.repeat(y, weight))
    np.testing.assert_array_equal(one.decision_function(X), other.decision_function(X))


def test_a_class_of_no_weight_is_not_there(wine):
    X, y = wine
    est = SpectralClassifier(form="single", random_state=0, **FORMS["single"])
    assert est.fit(X, y, (y != "c").astype(float)).classes_.tolist() == ["a", "b"]


def test_resumed_to_the_bit(wine, tmp_path):
    X, y = wine
    path = tmp_path / "checkpoint.pt"
    est = SpectralClassifier(form="sum", members=1, random_state=0).fit(X, y, checkpoint=path)
    again = SpectralClassifier(form="sum", members=1, random_state=0).fit(X, y, resume=path)
    np.testing.assert_array_equal(est.decision_function(X), again.decision_function(X))


def test_tools_of_scikit_learn():
    X, y = load_iris(return_X_y=True)
    est = SpectralClassifier(form="single", dim=3, n_epochs=40, random_state=0)
    assert cross_val_score(est, X, y, cv=3, scoring="roc_auc_ovr").min() > 0.95
    assert CalibratedClassifierCV(est, cv=3).fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("form", ["single", "sum"])
def test_a_class_of_one_row(form, wine):
    X, y = wine
    y = y.where(y.index != 7, "rare")
    est = SpectralClassifier(form=form, random_state=0, **FORMS[form]).fit(X, y)
    assert est.classes_.tolist() == ["a", "b", "c", "rare"]
    assert np.isfinite(est.decision_function(X)).all()
    assert est.score(X, y) > 0.9


def test_as_many_classes_as_are_allowed(rng):
    y = np.repeat(np.arange(100), 4)
    X = np.column_stack([y % 10, y // 10]) + 0.05 * rng.normal(size=(400, 2))
    est = SpectralClassifier(form="single", dim=3, n_epochs=30, random_state=0).fit(X, y)
    assert est.predict_proba(X).shape == (400, 100)
    assert est.score(X, y) > 0.3


def test_numbers_and_booleans_are_labels():
    X, y = load_iris(return_X_y=True)
    est = SpectralClassifier(form="single", dim=3, n_epochs=30, random_state=0)
    assert est.fit(X, y * 10.0).classes_.tolist() == [0.0, 10.0, 20.0]
    assert est.predict(X).dtype == np.float64


def test_a_file_whose_weights_are_of_other_classes_is_refused(fitted):
    from spectral_interp.estimators.persistence import _from_state, _state

    state = _state(fitted, None)
    for classes in (list("abcde"), ["a", "b", "b"], list(map(str, range(101))), ["a", "b", 1]):
        with pytest.raises(ValueError, match="expected"):
            _from_state(state | {"classes": classes})


def test_modules_of_several_outputs(rng):
    z = torch.from_numpy(rng.normal(size=(6, 3)))
    made = SumSpectral(3, 4, members=2, neurons=2, outputs=3, dtype=torch.float64)
    made.set_entries_(rng.normal(size=made.entries.shape))
    assert made(z).shape == (6, 3)
    expected = np.column_stack([function.values(z.numpy()) for function in made.functions()])
    np.testing.assert_allclose(made(z).detach(), expected, atol=1e-12)
    single = PerClass([TridiagonalSpectral(3, 4, dtype=torch.float64) for _ in range(2)])
    norms = single.feature_norms()
    single.rescale_(2.0, 0.0)
    torch.testing.assert_close(single.feature_norms(), 2 * norms)
    single.drop_feature_(1)
    assert single.feature_norms()[1] == 0
