"""The models of glass_boxes.py, fitted as their users fit them, and their exact explanations of rows.

The models are ours in its three forms; explainable boosting machines (interpret), whose terms are the
explanation; gradient boosting by scikit-learn, XGBoost and CatBoost; ridge and logistic regression; and
scikit-learn's MLP, which has no exact explanation. All have their defaults, and each gets the encoding that
it is made for.

There are three kinds of explanations. "own": the parts of the model, or the Shapley values of its own paths
through trees, which need no background. "path" and "shapley": against background rows; for trees, these are
100 training rows.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Self

import numpy as np
import pandas as pd
import shap
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from spectral_interp import SpectralClassifier, SpectralRegressor, explain

ONE_NEURON = {"n_epochs": 5, "dim": 3}  # options of a quick run
THREADS = 2
BACKGROUND = 100  # rows
MOST_PLAYERS = 14  # columns whose coalitions are all evaluated

Explain = Callable[[pd.DataFrame], object]


@dataclass(frozen=True)
class Peer:
    """A contestant: its constructor, from the task and the training columns, and its exact explanations.

    ``explain`` takes the fitted model and the training rows and returns a function of rows by kind; ``rows``
    has the number of rows per call by kind, if it is not 100; ``tiny`` has the options of a quick run.
    """

    make: Callable[..., Any]
    explain: Callable[[Any, pd.DataFrame], dict[str, Explain]]
    tiny: dict[str, Any]
    rows: dict[str, int] = field(default_factory=dict)
    package: str = "sklearn"

    @property
    def installed(self) -> bool:
        """Whether the package is installed."""
        return find_spec(self.package) is not None


def texts(X: pd.DataFrame) -> list[str]:
    """Return the names of the columns of levels."""
    return list(X.select_dtypes(exclude="number"))


def name_gaps(X: pd.DataFrame) -> pd.DataFrame:
    """Return the table with gaps in columns of levels as a level of their own."""
    return X.assign(**{column: X[column].astype(object).fillna("missing") for column in texts(X)})


class Categories(TransformerMixin, BaseEstimator):
    """Convert columns of levels to categories; levels that are not in training become gaps."""

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Store the levels."""
        self.levels_ = {column: sorted(X[column].dropna().unique()) for column in texts(X)}
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with categories."""
        known = {column: X[column].where(X[column].isin(levels)) for column, levels in self.levels_.items()}
        return X.assign(**known).astype(
            {column: pd.CategoricalDtype(levels) for column, levels in self.levels_.items()}
        )


def dense() -> Pipeline:
    """Return a transformer of a table to standardised numbers without gaps."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    levels = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(
        FunctionTransformer(name_gaps),
        make_column_transformer(
            (numbers, make_column_selector(dtype_include="number")),
            (levels, make_column_selector(dtype_exclude="number")),
        ),
    )


def spectral(form: str) -> Peer:
    """Return our model in one of its forms."""

    def make(task: str, X: pd.DataFrame, seed: int, **options: Any) -> BaseEstimator:
        kind = SpectralRegressor if task == "regression" else SpectralClassifier
        return kind(form=form, random_state=seed, **options)

    def explainers(est: Any, X: pd.DataFrame) -> dict[str, Explain]:
        methods = {"own": "local", "path": "path"}
        if X.shape[1] <= MOST_PLAYERS:
            methods["shapley"] = "shapley"
        return {
            kind: lambda rows, method=method: explain(est, rows, method=method)
            for kind, method in methods.items()
        }

    return Peer(
        make,
        explainers,
        tiny={**({} if form == "sum" else ONE_NEURON), **({} if form == "single" else {"members": 1})},
        rows={"path": 20, "shapley": 2},
        package="spectral_interp",
    )


def ebm(task: str, X: pd.DataFrame, seed: int, **options: Any) -> BaseEstimator:
    """Return an explainable boosting machine."""
    glassbox = importlib.import_module("interpret.glassbox")
    regression = task == "regression"
    kind = glassbox.ExplainableBoostingRegressor if regression else glassbox.ExplainableBoostingClassifier
    return kind(random_state=seed, **{"n_jobs": THREADS} | options)


def hist_gb(task: str, X: pd.DataFrame, seed: int, **options: Any) -> Pipeline:
    """Return scikit-learn's gradient boosting."""
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return make_pipeline(Categories(), kind(random_state=seed, **options))


def xgboost(task: str, X: pd.DataFrame, seed: int, **options: Any) -> Pipeline:
    """Return XGBoost."""
    package = importlib.import_module("xgboost")
    kind = package.XGBRegressor if task == "regression" else package.XGBClassifier
    model = kind(enable_categorical=True, n_jobs=THREADS, random_state=seed, **options)
    return make_pipeline(Categories(), model)


def catboost(task: str, X: pd.DataFrame, seed: int, **options: Any) -> Pipeline:
    """Return CatBoost."""
    package = importlib.import_module("catboost")
    kind = package.CatBoostRegressor if task == "regression" else package.CatBoostClassifier
    quiet = {"verbose": False, "allow_writing_files": False}
    model = kind(cat_features=texts(X), thread_count=THREADS, random_seed=seed, **quiet, **options)
    return make_pipeline(FunctionTransformer(name_gaps), model)


def linear(task: str, X: pd.DataFrame, seed: int, **options: Any) -> Pipeline:
    """Return ridge or logistic regression."""
    return make_pipeline(dense(), (RidgeCV if task == "regression" else LogisticRegression)(**options))


def mlp(task: str, X: pd.DataFrame, seed: int, **options: Any) -> Pipeline:
    """Return a network with a hidden layer of 100."""
    kind = MLPRegressor if task == "regression" else MLPClassifier
    return make_pipeline(dense(), kind(early_stopping=True, random_state=seed, **options))


def by_terms(model: Any, X: pd.DataFrame) -> dict[str, Explain]:
    """Explain by the terms of the model."""
    return {"own": model.eval_terms}


def by_coefficients(model: Pipeline, X: pd.DataFrame) -> dict[str, Explain]:
    """Explain by coefficients times standardised features."""
    coefficients = np.ravel(model[-1].coef_)
    return {"own": lambda rows: model[:-1].transform(rows) * coefficients}


def by_background(model: Pipeline, X: pd.DataFrame) -> dict[str, Explain]:
    """Explain by interventional Tree SHAP, which does not support columns of levels."""
    if texts(X):
        return {}
    background = X.sample(min(BACKGROUND, len(X)), random_state=0)
    explainer = shap.TreeExplainer(model[-1], model[:-1].transform(background))
    return {"shapley": lambda rows: explainer(model[:-1].transform(rows), check_additivity=False)}


def by_xgboost(model: Pipeline, X: pd.DataFrame) -> dict[str, Explain]:
    """Explain by XGBoost's own Tree SHAP, and against a background where possible."""
    matrix = importlib.import_module("xgboost").DMatrix
    booster = model[-1].get_booster()

    def own(rows: pd.DataFrame) -> np.ndarray:
        features = matrix(model[:-1].transform(rows), enable_categorical=True, nthread=THREADS)
        return booster.predict(features, pred_contribs=True)

    return {"own": own} | by_background(model, X)


def by_catboost(model: Pipeline, X: pd.DataFrame) -> dict[str, Explain]:
    """Explain by CatBoost's own Tree SHAP, and against a background where possible."""
    pool = importlib.import_module("catboost").Pool

    def own(rows: pd.DataFrame) -> np.ndarray:
        features = pool(model[:-1].transform(rows), cat_features=texts(X))
        return model[-1].get_feature_importance(features, type="ShapValues", thread_count=THREADS)

    return {"own": own} | by_background(model, X)


def not_exactly(model: Any, X: pd.DataFrame) -> dict[str, Explain]:
    """Return nothing: the model has no exact explanation."""
    return {}


OURS = ("single", "sum", "auto")

PEERS = {form: spectral(form) for form in OURS} | {
    "linear": Peer(linear, by_coefficients, tiny={}),
    "HistGB": Peer(hist_gb, by_background, tiny={"max_iter": 10}),
    "XGBoost": Peer(xgboost, by_xgboost, tiny={"n_estimators": 10}, package="xgboost"),
    "CatBoost": Peer(catboost, by_catboost, tiny={"iterations": 10}, package="catboost"),
    "MLP": Peer(mlp, not_exactly, tiny={"max_iter": 10}),
    "EBM": Peer(ebm, by_terms, tiny={"max_rounds": 20, "outer_bags": 2, "n_jobs": 1}, package="interpret"),
}
"""Contestants by their names in tables and options."""
