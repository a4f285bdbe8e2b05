"""Eigenvalue models as scikit-learn estimators."""

from .choice import estimator_for
from .classifier import SpectralClassifier
from .persistence import load
from .regressor import SpectralRegressor

__all__ = ["SpectralClassifier", "SpectralRegressor", "estimator_for", "load"]
