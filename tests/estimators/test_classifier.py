"""The classifier: which class log-odds are of, and its metrics."""

import inspect

import numpy as np
import pytest
from sklearn.metrics import get_scorer, log_loss, roc_auc_score

from spectral_interp import SpectralClassifier, SpectralRegressor, explain, load


def quick(**options):
    return SpectralClassifier(dim=3, n_epochs=5, random_state=0, **options, form="single")


@pytest.fixture(scope="module")
def rows(breast_cancer):
    X, y = breast_cancer
    return X.iloc[:, :4], y


def test_its_parameters_are_the_regressors_and_positive():
    ours, theirs = (inspect.signature(cls).parameters for cls in (SpectralClassifier, SpectralRegressor))
    assert [name for name in ours if name != "positive"] == list(theirs)
    assert all(ours[name].default == theirs[name].default for name in theirs)
    set_, defaults = {name: object() for name in ours}, SpectralClassifier().get_params()
    assert SpectralClassifier(**set_).get_params() == set_ != defaults


def test_log_odds_are_of_the_positive_class(rows):
    X, y = rows
    first, second = quick(positive="benign").fit(X, y), quick(positive="malignant").fit(X, y)
    np.testing.assert_array_equal(second.predict_proba(X), quick().fit(X, y).predict_proba(X))
    assert (first.unit_, second.unit_) == (
        "log-odds of diagnosis = benign",
        "log-odds of diagnosis = malignant",
    )
    assert first.view().output.classes == ("malignant", "benign")
    att = explain(first, X[:9])
    np.testing.assert_allclose(att.prediction, -first.decision_function(X[:9]), rtol=1e-12)
    benign = first.predict_proba(X)[:, first.classes_.tolist().index("benign")]
    np.testing.assert_allclose(att.prediction, np.log(benign / (1 - benign))[:9], rtol=1e-6)
    np.testing.assert_array_equal(first.predict(X), np.where(benign > 0.5, "benign", "malignant"))


def test_scikit_learns_scorers_hold_for_either_class(rows):
    """They take it for granted that classes are in ascending order."""
    X, y = rows
    for positive in (None, "benign", "malignant"):
        est = quick(positive=positive).fit(X, y)
        assert est.classes_.tolist() == ["benign", "malignant"]
        found = est.evaluate(X, y)
        assert get_scorer("roc_auc")(est, X, y) == pytest.approx(found["AUC"])
        assert get_scorer("neg_log_loss")(est, X, y) == pytest.approx(-found["log loss"])
        assert get_scorer("accuracy")(est, X, y) == est.score(X, y) == found["accuracy"]


def test_booleans_of_a_column_that_had_gaps(rows):
    X, y = rows
    plain, objects = y == "benign", (y == "benign").astype(object)
    one, other = quick().fit(X, plain), quick().fit(X, objects)
    assert other.classes_.tolist() == [False, True]
    assert (one.predict_proba(X) == other.predict_proba(X)).all()


def test_metrics(rows, classifier, breast_cancer):
    X, y = breast_cancer
    found, malignant = classifier.evaluate(X, y), y == "malignant"
    assert list(found) == ["accuracy", "largest class", "AUC", "log loss"]
    assert found["largest class"] == (~malignant).mean()
    assert found["AUC"] == roc_auc_score(malignant, classifier.decision_function(X))
    assert found["log loss"] == pytest.approx(log_loss(malignant, classifier.predict_proba(X)))
    alone = classifier.evaluate(X[malignant], y[malignant])
    assert alone["largest class"] == 1
    assert np.isnan(alone["AUC"])


@pytest.mark.parametrize(
    ("labels", "positive", "expected"),
    [
        ((0, 1), 0, 0),
        ((0, 1), "0", 0),
        ((False, True), "False", False),
        ((2.0, 7.0), "2", 2.0),
        ((0, 1), None, 1),
    ],
)
def test_the_positive_class_by_value_or_as_text(tmp_path, rows, labels, positive, expected):
    X, y = rows
    y = np.array(labels)[(y == "malignant").astype(int)]
    est = quick(positive=positive).fit(X, y)
    assert est.positive_ == expected
    assert est.evaluate(X, y)["accuracy"] == est.score(X, y)
    est.save(tmp_path / "m.pt", heldout=(X[:9], y[:9]))
    back = load(tmp_path / "m.pt")
    assert (back.positive_, back.unit_, back.positive) == (est.positive_, est.unit_, positive)
    np.testing.assert_array_equal(back.predict_proba(X), est.predict_proba(X))
    np.testing.assert_array_equal(
        back.view().function.values(est.encode(X)), est.function_.values(est.encode(X))
    )
    assert back.evaluate(X, y) == est.evaluate(X, y)


def test_a_class_that_there_is_none_of(rows):
    message = r"class of 'diagnosis', 'benign' or 'malignant'; got 'bening'; did you mean 'benign'\?"
    with pytest.raises(ValueError, match=message):
        quick(positive="bening").fit(*rows)
