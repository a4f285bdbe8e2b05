"""Eigenvalue models as scikit-learn estimators."""

from .classifier import SpectralClassifier, estimator_for
from .persistence import load
from .regressor import SpectralRegressor

__all__ = ["SpectralClassifier", "SpectralRegressor", "estimator_for", "load"]
