"""Models that are compared, and the comparison of one of them."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralClassifier, SpectralRegressor, compare
from spectral_interp.comparison.baselines import fit_baselines
from tests.comparison.models import COLUMNS


@pytest.fixture(scope="session")
def est(diabetes):
    X, y = diabetes
    est = SpectralRegressor(dim=5, n_epochs=120, random_state=0, form="single").fit(X[COLUMNS], y)
    est.baselines_ = fit_baselines(est, X[COLUMNS], y)
    return est


@pytest.fixture(scope="session")
def rows(diabetes):
    return diabetes[0][COLUMNS][:12], diabetes[1][:12]


@pytest.fixture(scope="session")
def found(est, rows):
    return compare(est, *rows)


@pytest.fixture(scope="session")
def mixed():
    """Return a classifier with a column of levels, its table and its targets."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=300), "town": rng.choice(["Oslo", "Rome", "Bonn"], 300)})
    X["hue"] = rng.normal(size=300)
    y = pd.Series(np.where(X["size"] + 2.0 * (X["town"] == "Rome") + rng.normal(size=300) > 1, "yes", "no"))
    est = SpectralClassifier(dim=3, n_epochs=40, random_state=0, form="single").fit(X, y)
    est.baselines_ = fit_baselines(est, X, y)
    return est, X, y
