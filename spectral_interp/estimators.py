"""Eigenvalue models as scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error
from sklearn.utils.multiclass import type_of_target

from .base import SpectralEstimator, plain
from .columns import listed, shown
from .eigen.checks import FloatArray
from .targets import class_codes, holds_numbers, target_numbers, target_scale


class SpectralRegressor(RegressorMixin, SpectralEstimator):
    """Regression by one eigenvalue of a matrix that is affine in the columns.

    Parameters
    ----------
    dim : int, default 15
        Order d of the matrices.
    structure : {"tridiagonal", "diagonal", "dense"}
    k : int, optional
        0-based index of the eigenvalue, ascending, negative from the top; ``dim // 2`` by default.
    n_epochs, batch_size : int
        Length of training and rows per step.
    learning_rate : float
        Peak of the one-cycle schedule of AdamW.
    alpha : float
        Strength of regularisation. The weight decay of AdamW is ``alpha / n`` for n training rows: like the
        penalty of ridge regression it matters less, the more rows there are.
    norm_penalty : float
        Strength of ``norm_penalty · Σ_i ‖A_i‖₂`` in the loss (of the standardised target, or the log loss),
        which removes whole features: the norms of useless ones become exactly zero.
    log : list of str, optional
        Columns whose logarithm enters, for skewed positive ones.
    validation_fraction : float
        Share of the rows set aside to choose the epoch.
    patience : int
        Epochs without improvement on those rows after which training ends.
    random_state : int, Generator or RandomState, optional
        Seed of split, initial weights and order of rows.
    verbose : bool
        Whether to show a progress bar (on a terminal only).

    Attributes
    ----------
    module_ : Module
        Predicts in the target's unit.
    pencil_ : Pencil or DensePencil
    encoder_ : TableEncoder
    history_ : list of dict, one an epoch
    fitted_params_ : dict
        The parameters as they were in ``fit``; ``save`` writes these.
    background_ : DataFrame
        100 training rows, the default background of explanations.
    heldout_ : (DataFrame, Series) or None
        Held-out rows that came with a loaded model.
    baselines_ : dict of Baseline, or None
        Linear model and MLP, where :func:`spectral_interp.baselines.fit_baselines` has made some.
    seed_ : int
        Of split, initial weights and order of rows.

    Raises
    ------
    ValueError
        In ``fit``, for tables and targets that cannot be used; the message names the column.

    Examples
    --------
    >>> from spectral_interp.tables import read_table, split_target
    >>> X, y = split_target(read_table("diabetes"), "progression", "diabetes")
    >>> est = SpectralRegressor(dim=5, n_epochs=20, random_state=0).fit(X, y)
    >>> est.predict(X).shape
    (442,)
    """

    _task, _loss = "regression", "squared"

    def predict(self, X: Any) -> FloatArray:
        """Return predictions in the target's unit, shape (n,)."""
        return self.pencil_.values(self.encode(X))

    def metrics(self, prediction: FloatArray, y: Any) -> dict[str, float]:
        """Return R² and root mean squared error (in the target's unit)."""
        targets = self.encode_targets(y)
        return {
            "R²": float(r2_score(targets, prediction)),
            "RMSE": float(root_mean_squared_error(targets, prediction)),
        }

    def _encode_targets(self, y: Any) -> FloatArray:
        return target_numbers(y, self.target_name_)

    def _target_scale(self, targets: FloatArray, weight: FloatArray) -> tuple[float, float]:
        return target_scale(targets, weight, self.target_name_)


class SpectralClassifier(ClassifierMixin, SpectralEstimator):
    """Binary classification: the eigenvalue is the log-odds of the second class.

    Parameters and attributes are those of :class:`SpectralRegressor`; ``classes_`` holds the two labels.

    Raises
    ------
    ValueError
        In ``fit``, also for targets with other than two classes.

    Examples
    --------
    >>> from spectral_interp.tables import read_table, split_target
    >>> X, y = split_target(read_table("breast_cancer"), "diagnosis", "breast_cancer")
    >>> est = SpectralClassifier(dim=5, n_epochs=20, random_state=0).fit(X, y)
    >>> est.classes_.tolist(), est.predict_proba(X).shape
    (['benign', 'malignant'], (569, 2))
    """

    _task, _loss = "classification", "logistic"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log-odds of ``classes_[1]``, shape (n,)."""
        return self.pencil_.values(self.encode(X))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of the two classes, shape (n, 2)."""
        return _probabilities(self.decision_function(X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likelier class of every row, shape (n,)."""
        return self._decide(self.decision_function(X))

    def _decide(self, log_odds: FloatArray) -> npt.NDArray[Any]:
        return self.classes_[(log_odds > 0).astype(np.intp)]

    def metrics(self, prediction: FloatArray, y: Any) -> dict[str, float]:
        """Return accuracy and log loss of log-odds."""
        targets = self.encode_targets(y)
        return {
            "accuracy": float(accuracy_score(targets, prediction > 0)),
            "log loss": float(log_loss(targets, _probabilities(prediction), labels=[0, 1])),
        }

    def encode_targets(self, y: Any) -> FloatArray:
        """Return 0 and 1 for the two classes, by value or as text.

        Raises
        ------
        ValueError
            If there are labels that training did not have; it names them.
        """
        return class_codes(y, self.classes_.tolist(), self.target_name_)

    def _encode_targets(self, y: npt.NDArray[Any]) -> FloatArray:
        if type_of_target(y, input_name="y") not in ("binary", "multiclass"):
            raise ValueError(
                f"Unknown label type: expected class labels in y; got {type_of_target(y)} values"
            )
        self.classes_, codes = np.unique(y, return_inverse=True)
        if not all(isinstance(label, str | bool | int | float) for label in self.classes_.tolist()):
            raise ValueError(
                f"expected class labels that are text, numbers or booleans in {self.target_name_!r}; got "
                f"{self.classes_.dtype}; turn them into text"
            )
        if len(self.classes_) != 2:
            found = "1 class" if len(self.classes_) == 1 else f"{len(self.classes_)} classes"
            raise ValueError(
                f"expected a target with 2 classes in {self.target_name_!r}; got {found}: "
                f"{listed(map(shown, self.classes_))}. "
                "Only binary classification is supported. For more classes wrap the estimator in "
                "sklearn.multiclass.OneVsRestClassifier"
            )
        return codes.astype(np.float64)

    def _target_scale(self, targets: FloatArray, weight: FloatArray) -> tuple[float, float]:
        return 0.0, 1.0

    def _plain_classes(self) -> list[Any]:
        return plain(self.classes_.tolist())

    @property
    def unit_(self) -> str:
        """Unit of the predictions that analyses explain."""
        return f"log-odds of {self.target_name_} = {self.classes_[1]}"


def estimator_for(y: pd.Series) -> type[SpectralRegressor] | type[SpectralClassifier]:
    """Return the classifier for labels or exactly two whole numbers, the regressor for other numbers.

    Raises
    ------
    ValueError
        If there are no two different values, or if most but not all look like numbers, or like dates.

    Examples
    --------
    >>> estimator_for(pd.Series([0.5, 1.0, 2.0])).__name__
    'SpectralRegressor'
    """
    return SpectralRegressor if holds_numbers(y) else SpectralClassifier


def _probabilities(log_odds: FloatArray) -> FloatArray:
    """Return the probabilities of the two classes, shape (n, 2)."""
    return np.column_stack([expit(-log_odds), expit(log_odds)])
