"""How good the models are on the bundled data, on five splits or one. The README states these figures."""

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectral_interp import SpectralClassifier, SpectralRegressor
from spectral_interp.tables.reading import read_table, split_target


def splits(X, y, test_size, n=5):
    return [train_test_split(X, y, test_size=test_size, random_state=seed) for seed in range(n)]


def test_diabetes_is_close_to_ridge_regression(diabetes):
    scores = []
    for seed, (X_train, X_test, y_train, y_test) in enumerate(splits(*diabetes, 0.2)):
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 20)))
        models = (SpectralRegressor(random_state=seed, form="single"), ridge)
        scores.append([model.fit(X_train, y_train).score(X_test, y_test) for model in models])
    ours, theirs = np.median(scores, axis=0)
    print(f"median R² {ours:.3f}, ridge {theirs:.3f}")
    assert ours >= theirs - 0.05


def test_breast_cancer(breast_cancer):
    scores = [
        SpectralClassifier(random_state=seed, form="single").fit(X_train, y_train).score(X_test, y_test)
        for seed, (X_train, X_test, y_train, y_test) in enumerate(splits(*breast_cancer, 0.2))
    ]
    print(f"median accuracy {np.median(scores):.3f}")
    assert np.median(scores) >= 0.96


def test_two_or_five():
    X, y = split_target(read_table("two_or_five"), "two_or_five", "two_or_five")
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
    est = SpectralClassifier(dim=9, alpha=10, batch_size=64, random_state=0, form="single").fit(
        X_train, y_train
    )
    loss = est.evaluate(X_test, y_test)["log loss"]
    print(f"test log loss {loss:.3f}")
    assert loss <= 0.03
