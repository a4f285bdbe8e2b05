"""Contributions to every class at once, and the probability beside log-odds."""

from dataclasses import replace

import numpy as np
import pytest

from spectral_interp import SpectralClassifier, explain
from spectral_interp.attribution.explain import explain_every_class


def test_all_classes_at_once_are_each_class_by_itself(florist, flowers):
    X, _ = flowers
    found = explain_every_class(florist, X[:40])
    assert list(found) == florist.classes_.tolist()
    for label, att in found.items():
        own = explain(florist, X[:40], output=label)
        for name in ("values", "base_values", "prediction", "diagonal", "coupling", "probability"):
            np.testing.assert_allclose(getattr(att, name), getattr(own, name), atol=1e-12)
        assert (att.unit, att.background, att.columns) == (own.unit, own.background, own.columns)
        assert att.completeness_gap.max() < 1e-12
        assert (att.output == label).all()
    np.testing.assert_allclose(sum(att.values for att in found.values()), 0, atol=1e-12)


def test_refit_deviations_of_all_classes_are_those_of_each(flowers):
    X, y = flowers
    est = SpectralClassifier(form="sum", members=3, random_state=0).fit(X[:60], y[:60])
    for label, att in explain_every_class(est, X[:20]).items():
        own = explain(est, X[:20], output=label)
        np.testing.assert_allclose(att.refit_deviation, own.refit_deviation, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(att.by_member(), own.by_member(), atol=1e-12)
        assert att.refit_deviation.max() > 1e-3


def test_only_models_of_more_than_two_classes_have_them(classifier, breast_cancer, regressor, diabetes):
    for est, X in ((classifier, breast_cancer[0]), (regressor, diabetes[0])):
        with pytest.raises(ValueError, match="more than two classes; got one for"):
            explain_every_class(est, X[:2])


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
def test_the_probability_is_that_of_predict_proba(florist, flowers, method):
    X, _ = flowers
    chances = florist.predict_proba(X[:8])
    att = explain(florist, X[:8], method=method)
    np.testing.assert_allclose(att.probability, chances.max(axis=1), atol=1e-12)
    np.testing.assert_allclose(att[2:5].probability, chances[2:5].max(axis=1), atol=1e-12)
    att = explain(florist, X[:8], method=method, output="rose", against="iris")
    np.testing.assert_allclose(att.probability, chances[:, 2], atol=1e-12)
    assert att.unit_of(3) == att.unit


def test_there_is_none_where_log_odds_do_not_tell_it(florist, flowers, regressor, diabetes):
    rows = florist.rows(flowers[0][:3])
    view = rows.view.of("rose", "iris")
    assert explain(view, replace(rows, view=view)).probability is None
    assert explain(regressor, diabetes[0][:3]).probability is None
    shares = explain(florist, rows, output="rose", unit="probability", method="shapley")
    assert shares.probability is None
