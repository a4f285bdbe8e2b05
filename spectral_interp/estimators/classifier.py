"""Binary classification by one eigenvalue."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score, log_loss
from sklearn.utils.multiclass import type_of_target

from .._common.arrays import FloatArray
from .._common.messages import shown, truncated_list
from ..tables.targets import class_codes
from ..view import Output
from .base import SpectralEstimator


class SpectralClassifier(ClassifierMixin, SpectralEstimator):
    """Binary classification: the eigenvalue is the log-odds of the second class.

    Parameters and attributes are those of :class:`SpectralRegressor`; ``classes_`` holds the two labels.

    Raises
    ------
    ValueError
        In ``fit``, also for targets with other than two classes.

    Examples
    --------
    >>> from spectral_interp.tables.reading import read_table, split_target
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
        return self.function_.values(self.encode(X))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of the two classes, shape (n, 2)."""
        return _probabilities(self.decision_function(X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likelier class of every row, shape (n,)."""
        return self._decide(self.decision_function(X))

    def _decide(self, log_odds: FloatArray) -> npt.NDArray[Any]:
        return self.classes_[(log_odds > 0).astype(np.intp)]

    def metrics(self, prediction: FloatArray, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Return accuracy and log loss of log-odds."""
        targets = self.encode_targets(y)
        probabilities, weight = _probabilities(prediction), sample_weight
        return {
            "accuracy": float(accuracy_score(targets, prediction > 0, sample_weight=weight)),
            "log loss": float(log_loss(targets, probabilities, labels=[0, 1], sample_weight=weight)),
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
                f"{truncated_list(map(shown, self.classes_))}. "
                "Only binary classification is supported. For more classes wrap the estimator in "
                "sklearn.multiclass.OneVsRestClassifier"
            )
        return codes.astype(np.float64)

    def _target_scale(self, targets: FloatArray, weight: FloatArray) -> tuple[float, float]:
        return 0.0, 1.0

    def _output(self) -> Output:
        unit = f"log-odds of {self.target_name_} = {self.classes_[1]}"
        return Output(unit, tuple(self.classes_.tolist()))


def _probabilities(log_odds: FloatArray) -> FloatArray:
    """Return the probabilities of the two classes, shape (n, 2)."""
    return np.column_stack([expit(-log_odds), expit(log_odds)])
