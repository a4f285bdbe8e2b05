"""Which estimator fits a target."""

from __future__ import annotations

import pandas as pd

from ..tables.targets import holds_numbers
from .classifier import SpectralClassifier
from .regressor import SpectralRegressor
from .validation import check_classes


def estimator_for(y: pd.Series) -> type[SpectralRegressor] | type[SpectralClassifier]:
    """Return the classifier for labels or exactly two whole numbers, the regressor for other numbers.

    Raises
    ------
    ValueError
        If there are no two different values, or more than 100 classes, or if most but not all look like
        numbers, or like dates.

    Examples
    --------
    >>> estimator_for(pd.Series([0.5, 1.0, 2.0])).__name__
    'SpectralRegressor'
    """
    if holds_numbers(y):
        return SpectralRegressor
    check_classes(y.unique(), str(y.name))
    return SpectralClassifier
