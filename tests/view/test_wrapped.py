"""Pipelines and searches are explained by the spectral model inside; other wrappers say what to pass."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from spectral_interp import SpectralClassifier, SpectralRegressor, certify, explain, interactions
from spectral_interp.view import rows_of, view_of

SMALL = {"dim": 3, "n_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"a": rng.normal(size=60), "b": rng.normal(3, 2, size=60), "c": rng.choice(list("uv"), 60)}
    )
    return X.set_axis([f"row {i}" for i in range(60)]), X["a"].to_numpy() + 2 * X["b"].to_numpy()


@pytest.fixture(scope="module", params=["array", "pandas"])
def pipeline(request, table):
    numbers = ("n", StandardScaler(), ["b", "a"])
    columns = ColumnTransformer([numbers, ("c", OneHotEncoder(sparse_output=False), ["c"])])
    model = make_pipeline(columns, "passthrough", FunctionTransformer(feature_names_out="one-to-one"))
    model.steps.append(("spectral", SpectralRegressor(**SMALL, form="single")))
    if request.param == "pandas":
        columns.set_output(transform="pandas")
    return model.fit(*table)


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
def test_a_pipeline_is_explained_on_the_columns_of_its_last_step(pipeline, table, method):
    X, _ = table
    att = explain(pipeline, X[:4], method=method, background=X[10:20])
    np.testing.assert_allclose(att.prediction, pipeline.predict(X[:4]), rtol=1e-12)
    np.testing.assert_allclose(att.base_values + att.values.sum(axis=1), att.prediction, rtol=1e-9)
    assert att.columns[:2] == ("n__b", "n__a")
    assert set(att.columns[2:]) <= {"c__c_u", "c__c_v"}
    assert att.rows.tolist() == ["row 0", "row 1", "row 2", "row 3"]
    mean, scale = (getattr(pipeline[0].named_transformers_["n"], name)[0] for name in ("mean_", "scale_"))
    np.testing.assert_allclose(att.data[:, 0].astype(float), (X["b"][:4] - mean) / scale)


def test_every_analysis_takes_a_pipeline(pipeline, table):
    X, _ = table
    assert set(certify(pipeline, X).columns()["column"]) == set(view_of(pipeline).columns)
    assert interactions(pipeline, X[:2]).shape == (2, 4, 4)
    rows = rows_of(pipeline, X[:2])
    assert explain(pipeline, rows).rows.tolist() == ["row 0", "row 1"]


def test_a_fitted_search_is_its_best_estimator(table):
    X, y = table
    search = GridSearchCV(SpectralRegressor(**SMALL, form="single"), {"dim": [2, 3]}, cv=2).fit(X, y)
    att = explain(search, X[:3])
    np.testing.assert_array_equal(att.values, explain(search.best_estimator_, X[:3]).values)
    nested = GridSearchCV(
        make_pipeline(StandardScaler(), SpectralRegressor(**SMALL, form="single")), {}, cv=2
    )
    nested.fit(X[["a", "b"]], y)
    assert explain(nested, X[["a", "b"]][:3]).columns == ("a", "b")
    search = GridSearchCV(SpectralRegressor(**SMALL, form="single"), {}, cv=2, refit=False).fit(X, y)
    with pytest.raises(TypeError, match="GridSearchCV without best_estimator_; search with refit=True"):
        explain(search, X)


def test_a_model_that_is_not_fitted_says_so(table):
    for model in (
        SpectralRegressor(form="single"),
        make_pipeline(StandardScaler(), SpectralRegressor(form="single")),
    ):
        with pytest.raises(NotFittedError):
            explain(model, table[0][["a", "b"]])


def test_a_frozen_model_is_the_model(table):
    X, y = table
    est = SpectralRegressor(**SMALL, form="single").fit(X, y)
    assert (explain(FrozenEstimator(est), X[:2]).values == explain(est, X[:2]).values).all()


def test_other_wrappers_say_which_object_to_pass(table):
    X, y = table
    three = pd.cut(y, 3, labels=list("pqr")).astype(str)
    classifier = SpectralClassifier(**SMALL, form="single")
    cubed = {"func": np.cbrt, "inverse_func": lambda t: t**3}
    wrappers = {
        "model.estimators_[0]": OneVsRestClassifier(classifier).fit(X, three),
        "model.calibrated_classifiers_[0].estimator": CalibratedClassifierCV(classifier, cv=2).fit(X, y > 6),
        "model.estimator_": FixedThresholdClassifier(classifier).fit(X, y > 6),
        "model.regressor_": TransformedTargetRegressor(
            SpectralRegressor(**SMALL, form="single"), **cubed
        ).fit(X, y),
    }
    numbers = X[["a", "b"]].to_numpy()
    wrappers["model.estimators_[0] "] = BaggingRegressor(SpectralRegressor(**SMALL, form="single"), 2).fit(
        numbers, y
    )
    for inside, model in wrappers.items():
        with pytest.raises(TypeError) as raised:
            explain(model, X[:2])
        assert str(raised.value).endswith(f"pass {inside.strip()}")
        explain(eval(inside, {"model": model}), (numbers if inside.endswith(" ") else X)[:2])


@pytest.mark.parametrize("model", [np.eye(2), "model", LinearRegression(), make_pipeline(LinearRegression())])
def test_what_holds_no_spectral_model_is_refused(model):
    with pytest.raises(TypeError, match="expected a fitted spectral estimator, a Pencil, a pipeline"):
        explain(model, np.eye(2))
