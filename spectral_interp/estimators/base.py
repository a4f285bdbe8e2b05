"""Code shared by the regressor and the classifier: parameters, fitting and encoding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._common.arrays import FloatArray
from .._common.choices import ROWS
from .._common.memory import give_back
from .._common.messages import Found
from ..eigen.engine import one_thread
from ..pencil import MatrixPencil, SpectralFunction
from ..tables.encoder import without_columns
from ..tables.frames import with_names
from ..training.partition import (
    Fingerprints,
    Partition,
    Places,
    check_weights,
    count_of,
    distinct,
    draw_background,
    fingerprints,
    fingerprints_of,
    hold_out,
    to_keep,
)
from ..training.run import EncodedRows
from ..view import ClassesView, ModelView, Output, Rows, rows_of
from ..view.rows import Coordinates, labels_of
from .forms import FITS, Saving, check_room, check_saving, fit_like, identity_of, rungs_of
from .persistence import Saved
from .promises import check_certified, promised
from .streamed import FitsBatches
from .validation import (
    check_like,
    check_parameters,
    check_rows,
    check_targets,
    check_training,
    encoder_of,
    known_to,
    made_by,
    plain_seed,
    seed_from,
)

if TYPE_CHECKING:
    from ..models.network import Baseline


class SpectralEstimator(Saved, FitsBatches, BaseEstimator, ABC):
    """Parameters, fitting, encoding and saving, shared by the regressor and the classifier."""

    _task: str

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
        validation_fraction: float = 0.1,
        patience: int = 300,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.dim = dim
        self.form = form
        self.members = members
        self.structure = structure
        self.k = k
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.norm_penalty = norm_penalty
        self.provability = provability
        self.log = log
        self.drop = drop
        self.categorical = categorical
        self.na_values = na_values
        self.monotone = monotone
        self.curvature = curvature
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        checkpoint: str | Path | None = None,
        every: int = 10,
        resume: str | Path | None = None,
        like: SpectralEstimator | None = None,
    ) -> Self:
        """Fit encoder and model.

        Parameters
        ----------
        X : DataFrame or array_like, shape (n, columns)
            Also a table of polars, pyarrow or another library that exports Arrow streams. Arrays of objects
            may contain words.
        y : array_like, shape (n,)
        sample_weight : array_like, shape (n,), optional
            Non-negative. A weight of two means the row twice, a weight of zero that it is left out.
        checkpoint : str or Path, optional
            File to which training writes its state every ``every`` epochs and at the end.
        every : int
            Epochs between checkpoints.
        resume : str or Path, optional
            Checkpoint of the same fit to continue from; the result is the same, bit for bit.
        like : estimator, optional
            Fitted sum whose columns, knots and pairs are used, so that both models can be merged
            (:func:`spectral_interp.merge`).

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a parameter, a column, the targets or the weights cannot be used, fewer than 2 different rows
            are left, ``resume`` is not a checkpoint of this fit, ``like`` cannot be merged with this fit, or
            a promise cannot be proven.
        """
        check_parameters(self)
        check_like(self, like)
        check_saving(every, resume)
        self.target_name_ = str(getattr(y, "name", None) or "").strip() or "target"
        frame, targets, names = self._checked(X, y)
        weight = check_weights(sample_weight, len(frame))
        frame, targets, weight = frame[weight > 0], targets[weight > 0], weight[weight > 0]
        how = made_by(count_of(weight))
        data = self._prepared(*distinct(frame, self._encode_targets(targets), weight), names, like)
        del frame, targets, weight  # training needs memory
        pa.default_memory_pool().release_unused()
        give_back(len(data.groups))
        return self._trained(data, how, partial(Saving, checkpoint, every, resume), like)

    def _checked(self, X: Any, y: Any) -> tuple[pd.DataFrame, Any, tuple[str, ...]]:
        """Return the columns of a training table that the model may use, the targets, and all names."""
        frame, y = check_training(self, X, y, self.target_name_, numeric_targets=self._task == "regression")
        named = {"log": self.log, "categorical": self.categorical, "monotone": self.monotone}
        return without_columns(frame, self.drop, but=named), y, tuple(map(str, frame.columns))

    def _prepared(
        self,
        frame: pd.DataFrame,
        targets: FloatArray,
        weight: FloatArray,
        names: tuple[str, ...],
        like: SpectralEstimator | None = None,
    ) -> Partition:
        """Fit the encoder on different rows, draw the background, and return the encoded and split rows."""
        if len(frame) < 2:
            raise ValueError(
                "expected at least 2 different rows, to train on one and validate on one; got n_samples=1"
            )
        self.seed_ = seed_from(self.random_state)
        encoder = encoder_of(self, frame, weight) if like is None else known_to(self, like, frame)
        axes, self._promises = promised(self, encoder.axes)
        self.encoder_ = replace(encoder, axes=axes, table_names=names)
        check_room(self.form, len(frame), self.encoder_.plain.axes, self.n_outputs, self.members)
        data = self._partition(frame, targets, weight)
        drawn, self.background_of_ = draw_background(data, self.seed_)
        self.background_ = frame.iloc[drawn].reset_index(drop=True)
        return data

    def _trained(
        self,
        data: Partition,
        how: dict[str, Any],
        saving: Callable[[dict[str, Any]], Saving],
        like: SpectralEstimator | None = None,
    ) -> Self:
        """Fit the model on encoded rows; on a stream, these are a sample of the training rows."""
        fit = FITS[self.form] if like is None else partial(fit_like, like=like)
        saved = saving(identity_of(self, data))
        with one_thread(), saved.naming_the_checkpoint():
            fitted = fit(self, data, saved)
        self.module_, self.history_, self.form_ = fitted.module, fitted.history, fitted.form
        self.encoder_ = replace(self.encoder_, axes=fitted.axes, pairs=fitted.pairs)
        self.rungs_ = rungs_of(self, fitted.rungs, data)
        self.trained_on_: Fingerprints | None = to_keep(data.groups)
        if data.whole is not None:
            self.background_of_, self.trained_on_ = data.whole.n_rows, data.whole.trained_on
        self.heldout_: tuple[pd.DataFrame, pd.Series] | None = None
        self.baselines_: dict[str, Baseline] | None = None
        self.fitted_params_ = self.get_params()
        self.made_by_ = how
        check_certified(self.build_view(), self._promises)
        return self

    def partition(self, X: Any, y: Any, sample_weight: Any = None) -> Partition:
        """Return a training table of the fitted estimator as :meth:`fit` encodes and splits it.

        Raises
        ------
        ValueError
            If the table or its targets do not fit the model.
        """
        check_is_fitted(self)
        frame = with_names(check_rows(self, X))
        targets = self.encode_targets(check_targets(frame, y, self.target_name_))
        unused = [name for name in _listed(self.fitted_params_["drop"]) if name.strip() in frame]
        frame = without_columns(frame, unused)
        return self._partition(*distinct(frame, targets, check_weights(sample_weight, len(frame))))

    def _partition(self, frame: pd.DataFrame, targets: FloatArray, weight: FloatArray) -> Partition:
        plain = self.encoder_.plain
        table = EncodedRows(plain.axes, plain.coordinates(plain.select(frame), quiet=True), targets, weight)
        groups = fingerprints_of(table)
        rows, held = self._split(groups, targets)
        center, scale = self._target_scale(targets[rows], weight[rows])
        return Partition(replace(table, y=(targets - center) / scale), groups, rows, held, center, scale)

    @property
    def _loss(self) -> str:
        return "squared"

    @property
    def n_outputs(self) -> int:
        """Number of functions of the model."""
        return 1

    @property
    def feature_importances_(self) -> FloatArray:
        """Bounds on the change of f per unit of every feature, shape (p,): ``Σ ‖A_i‖₂`` over the neurons.

        With more than two classes, they are the largest bounds over the scores.
        """
        bounds = [function.neurons.sizes[1:].sum(axis=1) for function in self.module_.functions()]
        return np.max(bounds, axis=0)

    @property
    def function_(self) -> SpectralFunction:
        """The fitted function; predictions are its values, in the target's unit or log-odds.

        Raises
        ------
        ValueError
            For more than two classes; ``view().of(output, against)`` has the function of an output.
        """
        return _of_one(self.view()).function

    @property
    def pencil_(self) -> MatrixPencil:
        """The fitted coefficients of a model with one eigenvalue; ValueError for other models."""
        return self.view().pencil

    def view(self) -> ModelView:
        """Return the view of the fitted model that analyses use; it is built in :meth:`fit`.

        It is rebuilt only if weights, encoder, background or the name of the target have changed.
        """
        check_is_fitted(self)
        stamp, encoder, background, view = self._viewed
        same = encoder is self.encoder_ and background is self.background_
        return view if same and stamp == self._stamp() else self.build_view()

    def _stamp(self) -> tuple[Any, ...]:
        """Return the content from which the view is built, without encoder and background."""
        weights = (weight.detach().numpy().tobytes() for weight in self.module_.parameters())
        return (self.module_.k, self._output(), *weights)

    def build_view(self) -> ModelView:
        """Build the :meth:`view` from the fitted module, encoder and background."""
        functions = self.module_.functions()
        known: dict[str, Any] = {
            "axes": self.encoder_.axes,
            "pairs": self.encoder_.pairs,
            "output": self._output(),
            "background": self.encoder_.encode(self.background_, quiet=True),
            "background_name": self._background_name(),
        }
        if len(functions) == 1:
            view = ModelView(function=functions[0], **known)
        else:
            view = ClassesView(function=None, functions=functions, **known)  # type: ignore[arg-type]
        self._viewed = self._stamp(), self.encoder_, self.background_, view
        return view

    def encode(self, X: Any) -> FloatArray:
        """Return the features of the rows ``X``, shape (n, p)."""
        check_is_fitted(self)
        return self.encoder_.encode(check_rows(self, X))

    def values(self, X: Any) -> FloatArray:
        """Return the fitted function at the rows ``X``, shape (n,), in the target's unit or log-odds.

        With more than two classes, return the log-odds of each against the mean of all, shape (n, classes).
        """
        check_is_fitted(self)
        view, u = self.view(), self.encoder_.coordinates(self.encoder_.select(check_rows(self, X)))
        return view.values_in_chunks(len(u), lambda some: view.placed(u[some]))

    def rows(self, X: Any) -> Rows:
        """Return the rows ``X``, shape (n, columns), encoded once for any number of analyses."""
        check_is_fitted(self)
        frame = self.encoder_.select(check_rows(self, X))
        unknown: list[Found] = []
        encoded = Coordinates(self.encoder_.coordinates(frame, notes=unknown))
        labels, name = labels_of(frame, len(frame))
        return Rows(self.view(), encoded, self.encoder_.cells(frame), labels, name, tuple(unknown))

    def report(
        self,
        X: Any,
        y: Any = None,
        path: str | Path | None = None,
        *,
        methods: Sequence[str] | None = None,
        compare: bool = False,
        output: Any = None,
        against: Any = None,
        fixed: str | Iterable[str] = (),
        limits: Mapping[str, Any] | None = None,
        max_rows: int = ROWS,
        random_state: int = 0,
    ) -> Any:
        """Return a report of the model for some rows: a page that notebooks display and ``path`` stores.

        It is the page of ``spectral-interp analyze``. Notebooks display it in an isolated frame.

        Parameters
        ----------
        X : DataFrame or array_like, shape (n, columns)
            Rows to explain, preferably rows that were not trained on.
        y : array_like, shape (n,), optional
            Targets for the metrics; missing ones are left out.
        path : str or Path, optional
            Place to write to: the page alone if it ends in ``.html``, else a folder with the page, figures,
            tables and summary, which replaces an earlier report.
        methods : sequence of {"local", "path", "shapley"}, optional
            The first ranks the columns. By default, local and path; with more than 12 classes, local.
        compare : bool
            Whether to compare with SHAP and Captum, and with the models in ``baselines_``. This takes the
            most time.
        output, against : label, optional
            The class to explain, and the class against which its log-odds are measured, as in
            :func:`spectral_interp.explain`.
        fixed : str or iterable of str
            Columns that do not change in nearest changes and proven ranges.
        limits : dict, optional
            Permitted values of columns in nearest changes, as in :func:`spectral_interp.counterfactual`.
        max_rows : int
            Maximum number of rows to explain, drawn with ``random_state``; costly methods explain fewer.
        random_state : int
            Seed of the rows, of the redraws of the background and of the comparison.

        Returns
        -------
        spectral_interp.report.Report
            ``write(path)`` writes it later; ``analysis.tables`` are its tables.

        Raises
        ------
        ValueError
            If ``X``, ``y``, ``fixed`` or ``limits`` do not fit the model, or ``path`` is a folder of
            other files.
        OSError
            If the report cannot be written; an earlier report is kept.

        Examples
        --------
        >>> from spectral_interp import SpectralRegressor
        >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0)
        >>> est = est.fit(np.eye(20, 3), np.arange(20.0))
        >>> report = est.report(np.eye(5, 3), methods=["local"])  # the last line of a cell shows it
        >>> report.analysis.tables["importance_local"].columns[:2].tolist()
        ['column', 'mean_abs_contribution']
        """
        above = import_module("spectral_interp.report")  # imported here: this room is below that one
        return above.report_of(
            self,
            X,
            y,
            path,
            methods=methods,
            compare=compare,
            output=output,
            against=against,
            fixed=fixed,
            limits=limits,
            max_rows=max_rows,
            random_state=random_state,
        )

    def count_trained_on(self, X: Any) -> int | None:
        """Return how many of the rows ``X`` equal a training row in all features of the model.

        ``X`` is a table of shape (n, columns) or its :class:`~spectral_interp.view.Rows`. None if the model
        file is of an earlier version; a lower bound for training tables with over a million different rows.
        """
        check_is_fitted(self)
        if self.trained_on_ is None:
            return None
        return int(np.isin(fingerprints(rows_of(self, X).inputs), self.trained_on_).sum())

    def _background_name(self) -> str:
        """Return a description of ``background_``; a bare state dict has no history and no training rows."""
        if not self.history_:
            return "the origin"
        seed = plain_seed(self.fitted_params_["random_state"])
        chosen = "at random" if seed is None else f"with seed {seed}"
        return f"{len(self.background_)} training rows kept by the model, chosen {chosen}"

    def _split(self, groups: Fingerprints, targets: FloatArray) -> tuple[Places, Places]:
        """Return training and validation rows, with all classes in both where possible."""
        n = len(targets)
        smallest = np.unique(targets, return_counts=True)[1].min() if self._loss != "squared" else 0
        return hold_out(
            groups,
            max(round(self.validation_fraction * n), 2 if smallest > 1 else 1),
            self.seed_,
            classes=targets if smallest > 1 else None,
        )

    @abstractmethod
    def _encode_targets(self, y: npt.NDArray[Any]) -> FloatArray:
        """Return the targets (n,) of a fit as numbers."""

    def encode_targets(self, y: Any) -> FloatArray:
        """Return targets (n,) of the fitted estimator as numbers."""
        return self._encode_targets(y)

    @abstractmethod
    def metrics(self, prediction: FloatArray, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Return weighted metrics of predictions, as returned by :meth:`values`, and targets.

        Raises
        ------
        ValueError
            If the targets are not of the kind that the estimator was fitted on.
        """

    def evaluate(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Return :meth:`metrics` of the rows ``X``."""
        return self.metrics(self.values(X), y, sample_weight)

    @abstractmethod
    def _target_scale(self, targets: FloatArray, weight: FloatArray) -> tuple[float, float]:
        """Return center and scale for the standardisation of targets (n,), in the target's unit."""

    @abstractmethod
    def _output(self) -> Output:
        """Return a description of what the fitted model predicts."""

    @property
    def unit_(self) -> str:
        """Unit of the predictions that analyses explain."""
        return self.view().output.unit


def _of_one(view: ModelView) -> ModelView:
    """Return a view with one output; ValueError if it has one per class."""
    if isinstance(view, ClassesView):
        raise ValueError(
            f"expected a model with one output; got one with {len(view.functions)} classes; use "
            "view().of(output, against).function for the function of one class"
        )
    return view


def _listed(names: Any) -> list[str]:
    """Return the names of a parameter that may be None, a list or an array."""
    return [] if names is None else [str(name) for name in names]
