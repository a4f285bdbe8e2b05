"""Binary classification by one eigenvalue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.utils.multiclass import type_of_target

from .._common.arrays import FloatArray
from .._common.messages import meant, shown, truncated_list
from .._common.text import class_text
from ..tables.targets import class_codes, class_place
from ..view import Output
from .base import SpectralEstimator


class SpectralClassifier(ClassifierMixin, SpectralEstimator):
    """Binary classification: the eigenvalue is the log-odds of one class against the other.

    Parameters and attributes are those of :class:`SpectralRegressor`, and these:

    Parameters
    ----------
    positive : label, optional
        The class that log-odds, contributions and certificates are of; its text will do. By default the
        second of ``classes_``.

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
        The two labels in ascending order, which is what scikit-learn's scorers take for granted. It is the
        order of the columns of ``predict_proba``, and ``decision_function`` is the log-odds of the second.
    positive_ : label
        The class that ``function_`` and all analyses are about.

    Raises
    ------
    ValueError
        In ``fit``, also for targets with other than two classes, or if ``positive`` is none of them.

    Examples
    --------
    >>> from spectral_interp.tables.reading import read_table, split_target
    >>> X, y = split_target(read_table("breast_cancer"), "diagnosis", "breast_cancer")
    >>> est = SpectralClassifier(form="single", dim=5, n_epochs=20, random_state=0).fit(X, y)
    >>> est.classes_.tolist(), est.predict_proba(X).shape
    (['benign', 'malignant'], (569, 2))
    """

    _task, _loss = "classification", "logistic"

    def __init__(
        self,
        dim: int = 15,
        *,
        form: str = "auto",
        members: int = 4,
        structure: str = "tridiagonal",
        k: int | None = None,
        n_epochs: int = 300,
        batch_size: int = 512,
        learning_rate: float = 0.035,
        alpha: float = 250.0,
        norm_penalty: float = 0.0,
        log: Sequence[str] | None = None,
        drop: Sequence[str] | None = None,
        categorical: Sequence[str] | None = None,
        na_values: Sequence[str] | None = None,
        monotone: Mapping[str, int | Sequence[str]] | None = None,
        curvature: str | None = None,
        positive: str | bool | float | None = None,
        validation_fraction: float = 0.1,
        patience: int = 300,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            dim,
            form=form,
            members=members,
            structure=structure,
            k=k,
            n_epochs=n_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            alpha=alpha,
            norm_penalty=norm_penalty,
            log=log,
            drop=drop,
            categorical=categorical,
            na_values=na_values,
            monotone=monotone,
            curvature=curvature,
            validation_fraction=validation_fraction,
            patience=patience,
            random_state=random_state,
            verbose=verbose,
        )
        self.positive = positive

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log-odds of ``classes_[1]``, shape (n,)."""
        log_odds = self.values(X)
        return log_odds if self.positive_ == self.classes_[1] else -log_odds

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of the two classes, shape (n, 2)."""
        return _probabilities(self.decision_function(X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likelier class of every row, shape (n,)."""
        return self._decide(self.decision_function(X))

    def _decide(self, log_odds: FloatArray) -> npt.NDArray[Any]:
        return self.classes_[(log_odds > 0).astype(np.intp)]

    def metrics(self, prediction: FloatArray, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Return how good log-odds of ``positive_`` (n,) are.

        The accuracy stands beside the share of the largest class, which is the accuracy of always guessing
        that one. "AUC" is the area under the receiver operating characteristic, NaN where all rows are of one
        class. The log loss is in nats.
        """
        targets, weight = self.encode_targets(y), sample_weight
        probabilities, share = _probabilities(prediction), float(np.average(targets, weights=weight))
        auc = roc_auc_score(targets, prediction, sample_weight=weight) if 0 < share < 1 else np.nan
        return {
            "accuracy": float(accuracy_score(targets, prediction > 0, sample_weight=weight)),
            "largest class": max(share, 1 - share),
            "AUC": float(auc),
            "log loss": float(log_loss(targets, probabilities, labels=[0, 1], sample_weight=weight)),
        }

    def encode_targets(self, y: Any) -> FloatArray:
        """Return 1 for ``positive_`` and 0 for the other class, by value or as text.

        Raises
        ------
        ValueError
            If there are labels that training did not have; it names them.
        """
        return class_codes(y, self._labels(), self.target_name_)

    def set_positive(self) -> None:
        """Set ``positive_`` from ``positive`` and ``classes_``; ValueError if it is none of them."""
        labels = self.classes_.tolist()
        place = 1 if self.positive is None else class_place(self.positive, labels)
        if place < 0:
            near = meant(str(self.positive), map(str, labels))
            raise ValueError(
                f"expected positive to be a class of {self.target_name_!r}, "
                f"{' or '.join(map(shown, labels))}; got {shown(self.positive)}{near}"
            )
        self.positive_ = self.classes_[place]

    def _labels(self) -> list[Any]:
        """Return the class that negative log-odds decide for, and the positive one."""
        labels = self.classes_.tolist()
        return labels if self.positive_ == self.classes_[1] else labels[::-1]

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
        self.set_positive()
        return (codes if self.positive_ == self.classes_[1] else 1 - codes).astype(np.float64)

    def _target_scale(self, targets: FloatArray, weight: FloatArray) -> tuple[float, float]:
        return 0.0, 1.0

    def _output(self) -> Output:
        unit = f"log-odds of {self.target_name_} = {class_text(self.positive_)}"
        return Output(unit, tuple(self._labels()))


def _probabilities(log_odds: FloatArray) -> FloatArray:
    """Return the probabilities of the two classes, shape (n, 2)."""
    return np.column_stack([expit(-log_odds), expit(log_odds)])
