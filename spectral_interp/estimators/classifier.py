"""Classification: one function for the log-odds of two classes, one per class for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.utils.multiclass import type_of_target

from .._common.arrays import FloatArray
from .._common.messages import meant, shown
from ..tables.targets import class_codes, holds_numbers
from ..view import Output
from ..view.levels import class_place
from ..view.model import log_odds_of_two
from .base import SpectralEstimator
from .regressor import SpectralRegressor
from .validation import check_classes


class SpectralClassifier(ClassifierMixin, SpectralEstimator):
    """Classification by eigenvalues: with two classes, the log-odds of one against the other.

    With more than two classes, every class has a score, which is a function of its own, and the softmax of
    the scores gives the probabilities. Analyses then explain one output: the log-odds of a class against
    another class or against the mean of all classes.

    Parameters and attributes are those of :class:`SpectralRegressor`, and the following:

    Parameters
    ----------
    positive : label, optional
        With two classes, the class to which log-odds, contributions and certificates refer, as a label or as
        its text. By default, the second of ``classes_``.

    Attributes
    ----------
    classes_ : ndarray, shape (classes,)
        The labels in ascending order, as scikit-learn's scorers require. The columns of ``predict_proba``
        have this order. With two classes, ``decision_function`` is the log-odds of the second.
    positive_ : label or None
        The class to which ``function_`` and all analyses refer; None with more than two classes.

    Raises
    ------
    ValueError
        In ``fit``, also for targets with one class or more than 100 classes, if ``positive`` is not a class,
        or for ``positive`` or ``structure="dense"`` with more than two classes.

    Examples
    --------
    >>> from spectral_interp.tables.reading import read_table, split_target
    >>> X, y = split_target(read_table("breast_cancer"), "diagnosis", "breast_cancer")
    >>> est = SpectralClassifier(form="single", dim=5, n_epochs=20, random_state=0).fit(X, y)
    >>> est.classes_.tolist(), est.predict_proba(X).shape
    (['benign', 'malignant'], (569, 2))
    """

    _task = "classification"

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
        provability: float = 0.0,
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
            provability=provability,
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

    @property
    def _loss(self) -> str:
        return "logistic" if self.n_outputs == 1 else "softmax"

    @property
    def n_outputs(self) -> int:
        """Number of functions of the fitted model: one for two classes, else one per class."""
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log-odds of ``classes_[1]``, shape (n,).

        With more than two classes, return the log-odds of each against the mean of all, shape (n, classes):
        the scores minus their mean over the classes.
        """
        log_odds = self.values(X)
        flipped = self.n_outputs == 1 and self.positive_ != self.classes_[1]
        return -log_odds if flipped else log_odds

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of the classes, shape (n, classes)."""
        return _probabilities(self.decision_function(X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class of every row, shape (n,)."""
        return self._decide(self.decision_function(X))

    def _decide(self, log_odds: FloatArray) -> npt.NDArray[Any]:
        place = (log_odds > 0).astype(np.intp) if log_odds.ndim == 1 else log_odds.argmax(axis=1)
        return self.classes_[place]

    def metrics(self, prediction: FloatArray, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Return metrics of the log-odds of ``positive_`` (n,), or of all classes (n, classes).

        "largest class" is its share, which is the accuracy of always predicting it. "AUC" is the area under
        the receiver operating characteristic for two classes; it is NaN if all rows are of one class. The log
        loss is in nats.
        """
        targets, weight = self.encode_targets(y), sample_weight
        probabilities, places = _probabilities(prediction), np.arange(len(self.classes_))
        shares = np.bincount(targets.astype(np.intp), weight, len(places))
        decided = prediction > 0 if prediction.ndim == 1 else prediction.argmax(axis=1)
        found = {
            "accuracy": float(accuracy_score(targets, decided, sample_weight=weight)),
            "largest class": float(shares.max() / shares.sum()),
        }
        if prediction.ndim == 1:
            auc = roc_auc_score(targets, prediction, sample_weight=weight) if shares.min() > 0 else np.nan
            found["AUC"] = float(auc)
        found["log loss"] = float(log_loss(targets, probabilities, labels=places, sample_weight=weight))
        return found

    def encode_targets(self, y: Any) -> FloatArray:
        """Return 1 for ``positive_`` and 0 for the other class, or class indices; labels may be text.

        Raises
        ------
        ValueError
            If there are labels that are not in the training table; the message names them.
        """
        return class_codes(y, self._labels(), self.target_name_)

    def set_positive(self) -> None:
        """Set ``positive_`` from ``positive`` and ``classes_``; ValueError if it cannot be used."""
        labels = self.classes_.tolist()
        if self.n_outputs > 1:
            if self.positive is not None:
                raise ValueError(
                    f"expected positive only for a target of two classes; got {shown(self.positive)} and "
                    f"{len(labels)} classes in {self.target_name_!r}; use output and against of the analyses"
                )
            self.positive_ = None
            return
        place = 1 if self.positive is None else class_place(self.positive, labels)
        if place < 0:
            near = meant(str(self.positive), map(str, labels))
            raise ValueError(
                f"expected positive to be a class of {self.target_name_!r}, "
                f"{' or '.join(map(shown, labels))}; got {shown(self.positive)}{near}"
            )
        self.positive_ = self.classes_[place]

    def _labels(self) -> list[Any]:
        """Return the class that negative log-odds predict, and the positive class; or all of several."""
        labels = self.classes_.tolist()
        return labels[::-1] if self.n_outputs == 1 and self.positive_ != self.classes_[1] else labels

    def _encode_targets(self, y: npt.NDArray[Any]) -> FloatArray:
        if pd.api.types.infer_dtype(y, skipna=False) == "boolean":  # from a column that had gaps
            y = y.astype(bool)
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
        check_classes(self.classes_, self.target_name_)
        count = len(self.classes_)
        if count > 2 and self.structure == "dense":
            raise ValueError(
                f"expected structure='tridiagonal' or 'diagonal' for {count} classes; got 'dense', which is "
                "available for two"
            )
        self.set_positive()
        flipped = count == 2 and self.positive_ != self.classes_[1]
        return (1 - codes if flipped else codes).astype(np.float64)

    def _target_scale(self, targets: FloatArray, weight: FloatArray) -> tuple[float, float]:
        return 0.0, 1.0

    def _output(self) -> Output:
        labels = tuple(self._labels())
        if self.n_outputs > 1:
            return Output(f"log-odds of {self.target_name_}", labels, self.target_name_)
        return log_odds_of_two(self.target_name_, labels)


def _probabilities(log_odds: FloatArray) -> FloatArray:
    """Return the probabilities of two classes, (n, 2), or those for log-odds (n, classes)."""
    if log_odds.ndim == 2:
        shares: FloatArray = softmax(log_odds, axis=1)
        return shares
    return np.column_stack([expit(-log_odds), expit(log_odds)])


def estimator_for(y: pd.Series) -> type[SpectralRegressor] | type[SpectralClassifier]:
    """Return the classifier for labels or exactly two whole numbers, the regressor for other numbers.

    Raises
    ------
    ValueError
        If there are fewer than two different values, or more than 100 classes, if most but not all values
        look like numbers, or if they look like dates.

    Examples
    --------
    >>> estimator_for(pd.Series([0.5, 1.0, 2.0])).__name__
    'SpectralRegressor'
    """
    if holds_numbers(y):
        return SpectralRegressor
    check_classes(y.unique(), str(y.name))
    return SpectralClassifier
