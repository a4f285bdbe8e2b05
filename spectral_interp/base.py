"""What the regressor and the classifier share: parameters, fitting, encoding and saving."""

from __future__ import annotations

import hashlib
import platform
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted, validate_data

from . import artifact, training
from .eigen.checks import FloatArray
from .inputs import Inputs
from .models import STRUCTURES
from .partition import Partition, check_weights, distinct
from .pencil import AnyPencil
from .tables import TableEncoder, as_frame

if TYPE_CHECKING:
    from .baselines import Baseline

BACKGROUND_ROWS = 100
ROWS_PER_PARAMETER = 20
"""Where there are fewer, the initial features are as much smaller: few rows cannot undo a random start."""
STARTS = 3
"""Initial weights that are tried; the best after a tenth of the epochs goes on."""


class SpectralEstimator(BaseEstimator, ABC):
    """Parameters, fitting, encoding and saving shared by the regressor and the classifier."""

    _task: str
    _loss: str

    def __init__(
        self,
        dim: int = 15,
        *,
        structure: str = "tridiagonal",
        k: int | None = None,
        n_epochs: int = 300,
        batch_size: int = 512,
        learning_rate: float = 0.035,
        alpha: float = 250.0,
        norm_penalty: float = 0.0,
        log: Sequence[str] | None = None,
        validation_fraction: float = 0.1,
        patience: int = 300,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.dim = dim
        self.structure = structure
        self.k = k
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.norm_penalty = norm_penalty
        self.log = log
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
    ) -> Self:
        """Fit encoder and model.

        Parameters
        ----------
        X : DataFrame or array_like, shape (n, columns)
        y : array_like, shape (n,)
        sample_weight : array_like, shape (n,), optional
            Non-negative. A weight of two means the row twice; a weight of zero, that it is not there.
        checkpoint : str or Path, optional
            File that training writes its state to, after every ``every`` epochs and at the end.
        every : int
            Epochs between checkpoints.
        resume : str or Path, optional
            Checkpoint of the same fit to continue from; the result is the same to the bit.

        Returns
        -------
        self
        """
        self.check_parameters()
        if not every >= 1:
            raise ValueError(f"expected every >= 1 epochs between checkpoints; got {every!r}")
        frame, y = self._check_training(X, y)
        weight = check_weights(sample_weight, len(frame))
        frame, targets, weight = distinct(frame, self._encode_targets(y), weight)
        if len(frame) < 2:
            raise ValueError(
                "expected at least 2 different rows, to train on one and validate on one; got n_samples=1"
            )
        self.seed_ = _seed(self.random_state)
        self.encoder_ = TableEncoder.fit(frame, log=self.log or ())
        data = self._partition(frame, targets, weight)
        identity = self._identity(data.table)
        run = self._start(data, None if resume is None else Path(resume), identity)
        self.module_ = run.module
        events = training.epochs(run, data.train, data.validation)
        events = training.stop_early(events, run, patience=self.patience)
        if checkpoint is not None:
            events = training.save_checkpoints(events, run, Path(checkpoint), every=every, identity=identity)
        self.consume(events, run)
        if self.norm_penalty:
            training.prune(self.module_, data.train, run.options)
        self.history_ = [asdict(event) for event in run.history]
        self.module_.rescale_(data.scale, data.center)
        self.background_ = frame.iloc[np.sort(data.trained[:BACKGROUND_ROWS])].reset_index(drop=True)
        self.heldout_: tuple[pd.DataFrame, pd.Series] | None = None
        self.baselines_: dict[str, Baseline] | None = None
        self.fitted_params_ = self.get_params()
        self.made_by_ = _made_by(y)
        return self

    def _start(self, data: Partition, checkpoint: Path | None, identity: dict[str, Any]) -> training.Run:
        """Return the best of a few begun runs, or the one in a checkpoint."""
        n, p = data.train.z.shape
        runs = []
        for seed in range(self.seed_, self.seed_ + STARTS):
            module = self.new_module(p, seed)
            parameters = sum(parameter.numel() for parameter in module.parameters())
            module.scale_features_(min(1.0, n / (ROWS_PER_PARAMETER * parameters)))
            generator = torch.Generator().manual_seed(seed)
            runs.append(training.Run.start(module, self.options(data), n_rows=n, generator=generator))
        if checkpoint is not None:
            return training.resume(runs[0], checkpoint, identity)
        return training.best_start(runs, data.train, data.validation)

    def partition(self, X: Any, y: Any) -> Partition:
        """Return a training table of the fitted estimator as :meth:`fit` encodes and splits it.

        Raises
        ------
        ValueError
            If the table or its targets do not fit the model.
        """
        check_is_fitted(self)
        frame = self._check_rows(X)
        targets = self.encode_targets(self._check_target_column(frame, y))
        return self._partition(*distinct(frame, targets, np.ones(len(frame))))

    def _partition(self, frame: pd.DataFrame, targets: FloatArray, weight: FloatArray) -> Partition:
        rows, held = self._split(targets, self.seed_)
        center, scale = self._target_scale(targets[rows], weight[rows])
        table = training.Rows(self.encoder_.encode(frame), (targets - center) / scale, weight)
        return Partition(table, rows, held, center, scale)

    def consume(self, events: Iterable[training.Epoch], run: training.Run) -> None:
        """Train to the end and keep the best weights; a diverging run that had some ends with a warning."""
        try:
            for _ in training.show_progress(events, run) if self.verbose else events:
                pass
        except FloatingPointError as error:
            if not run.history:
                raise
            warnings.warn(
                f"{error}; the weights of epoch {run.best_epoch} are kept", ConvergenceWarning, stacklevel=3
            )
        run.finish()

    def options(self, data: Partition) -> training.Options:
        """Return what a training run on ``data`` is told."""
        return training.Options(
            loss=self._loss,
            n_epochs=int(self.n_epochs),
            batch_size=int(self.batch_size),
            learning_rate=self.learning_rate,
            weight_decay=self.alpha / float(data.train.weight.sum()),
            norm_penalty=self.norm_penalty,
        )

    def _identity(self, table: training.Rows) -> dict[str, Any]:
        """Return what a checkpoint must share with the fit that resumes from it."""
        params = self.get_params().items()
        options = {k: plain(v) for k, v in params if k not in ("random_state", "verbose")}
        digest = hashlib.sha256(b"".join(column.tobytes() for column in table)).hexdigest()
        return {"task": self._task, "seed": self.seed_, "options": options, "table": digest}

    def check_parameters(self) -> None:
        """Raise ValueError for values that no fit can use; scikit-learn wants this in ``fit``."""
        at_least = {"dim": 1, "n_epochs": 1, "batch_size": 1, "patience": 1, "alpha": 0, "norm_penalty": 0}
        for name, low in at_least.items():
            if not getattr(self, name) >= low:
                raise ValueError(f"expected {name} >= {low}; got {getattr(self, name)!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"expected learning_rate > 0; got {self.learning_rate!r}")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"expected 0 < validation_fraction < 1; got {self.validation_fraction!r}")

    @property
    def feature_importances_(self) -> FloatArray:
        """Spectral norm ``‖A_i‖₂`` of every feature, shape (p,): a unit of z_i changes f by no more."""
        low, high = self.pencil_.extremes()
        return np.maximum(-low, high)[1:]

    @property
    def pencil_(self) -> AnyPencil:
        """The fitted coefficients; predictions are its values, in the target's unit or log-odds."""
        check_is_fitted(self)
        return self.module_.pencil()

    def encode(self, X: Any) -> FloatArray:
        """Return the features of the rows ``X``, shape (n, p)."""
        check_is_fitted(self)
        return self.encoder_.encode(self._check_rows(X))

    def inputs(self, X: Any) -> Inputs:
        """Return the rows ``X``, or no rows if None, in the form that analyses start from."""
        check_is_fitted(self)
        frame = self.encoder_.select(self.background_.iloc[:0] if X is None else self._check_rows(X))
        return Inputs(
            pencil=self.pencil_,
            z=self.encoder_.encode(frame),
            columns=self.encoder_.names,
            column_of=self.encoder_.column_of,
            data=frame.to_numpy(),
            unit=self.unit_,
            reference=self.encoder_.encode(self.background_),
            axes=self.encoder_.axes,
            decides=self._task == "classification",
            background=self._background_name(),
        )

    def _background_name(self) -> str:
        """Return what ``background_`` is; a bare state dict has no history and no training rows."""
        if not self.history_:
            return "the origin"
        seed = _plain_seed(self.fitted_params_["random_state"])
        chosen = "at random" if seed is None else f"with seed {seed}"
        return f"{len(self.background_)} training rows kept by the model, chosen {chosen}"

    def save(self, path: str | Path, *, heldout: tuple[Any, Any] | None = None) -> None:
        """Write the fitted model to ``path``.

        Parameters
        ----------
        path : str or Path
        heldout : (X, y), optional
            Rows that were not trained on, with their targets; ``analyze`` explains them.

        Raises
        ------
        OSError
            If the file cannot be written; what was there before stays.
        """
        check_is_fitted(self)
        held = heldout if heldout is not None else self.heldout_
        state = {
            "task": self._task,
            "parameters": {k: plain(v) for k, v in self.fitted_params_.items()},
            "weights": self.module_.state_dict(),
            "encoder": self.encoder_.state(),
            "target": self.target_name_,
            "named": hasattr(self, "feature_names_in_"),
            "classes": self._plain_classes(),
            "background": artifact.pack_table(self.background_),
            "heldout": None if held is None else self._pack_heldout(*held),
            "history": {key: [event[key] for event in self.history_] for key in (self.history_ or [{}])[0]},
            "seed": self.seed_,
            "baselines": None
            if self.baselines_ is None
            else {name: baseline.state() for name, baseline in self.baselines_.items()},
            "made_by": self.made_by_,
        }
        artifact.write(path, state)

    def _pack_heldout(self, X: Any, y: Any) -> dict[str, Any]:
        frame = self.encoder_.select(as_frame(X, self.encoder_.table_names))
        values = self._check_target_column(frame, y)
        self.encode_targets(values)
        targets = pd.DataFrame({"y": values})
        return {"rows": artifact.pack_table(frame), "targets": artifact.pack_table(targets)}

    def _check_training(self, X: Any, y: Any) -> tuple[pd.DataFrame, npt.NDArray[Any]]:
        """Validate as scikit-learn does; return the table and its targets."""
        self.target_name_ = str(getattr(y, "name", None) or "target")
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, skip_check_array=True)
            return X, self._check_target_column(X, y)
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=self._task == "regression")
        return as_frame(X), y

    def _check_rows(self, X: Any) -> pd.DataFrame:
        """Validate rows to predict or explain; tables are matched by column name in :meth:`encode`."""
        if isinstance(X, pd.DataFrame):
            return X
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return as_frame(X, self.encoder_.table_names)

    def _check_target_column(self, frame: pd.DataFrame, y: Any) -> npt.NDArray[Any]:
        values = np.asarray(y)
        if values.ndim != 1 or len(values) != len(frame):
            raise ValueError(f"expected y of shape ({len(frame)},) to go with X; got {values.shape}")
        missing = np.flatnonzero(pd.isna(values))
        if missing.size:
            name = getattr(y, "name", None) or "y"
            raise ValueError(
                f"expected targets without gaps; got {missing.size} missing in {name!r}, the first in row "
                f"{frame.index[missing[0]]}; drop those rows"
            )
        return values

    def _split(self, targets: FloatArray, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return the rows to train on and those to validate on, with both classes in each where possible."""
        n = len(targets)
        smallest = np.unique(targets, return_counts=True)[1].min() if self._loss == "logistic" else 0
        return train_test_split(
            np.arange(n),
            test_size=max(round(self.validation_fraction * n), 2 if smallest > 1 else 1),
            random_state=seed,
            stratify=targets if smallest > 1 else None,
        )

    def new_module(self, n_features: int, seed: int) -> Any:
        """Return an untrained module of the estimator's structure."""
        if self.structure not in STRUCTURES:
            raise ValueError(
                f"expected structure to be one of {', '.join(STRUCTURES)}; got {self.structure!r}"
            )
        generator = torch.Generator().manual_seed(seed)
        module = STRUCTURES[self.structure]
        return module(n_features, self.dim, self.k, generator=generator, dtype=torch.float64)

    @abstractmethod
    def _encode_targets(self, y: npt.NDArray[Any]) -> FloatArray:
        """Return the targets (n,) of a fit as numbers."""

    def encode_targets(self, y: Any) -> FloatArray:
        """Return targets (n,) of the fitted estimator as numbers."""
        return self._encode_targets(y)

    @abstractmethod
    def metrics(self, prediction: FloatArray, y: Any) -> dict[str, float]:
        """Return how well predictions (n,), in the unit that analyses explain, meet the targets.

        Raises
        ------
        ValueError
            If the targets are not of the kind that the estimator was fitted on.
        """

    def evaluate(self, X: Any, y: Any) -> dict[str, float]:
        """Return :meth:`metrics` of the rows ``X``."""
        return self.metrics(self.pencil_.values(self.encode(X)), y)

    @abstractmethod
    def _target_scale(self, targets: FloatArray, weight: FloatArray) -> tuple[float, float]:
        """Return center and scale of the targets (n,) that training sees, in the target's unit."""

    def _plain_classes(self) -> list[Any] | None:
        return None

    @property
    def unit_(self) -> str:
        """Unit of the predictions that analyses explain."""
        return self.target_name_


def _made_by(y: npt.NDArray[Any]) -> dict[str, Any]:
    """Return what a training was made from and with; callers that know more add to it."""
    return {
        "training rows": len(y),
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
    }


def _seed(random_state: Any) -> int:
    """Return a seed without touching the global generator."""
    if random_state is None or isinstance(random_state, Integral):
        return int(np.random.default_rng(_plain_seed(random_state)).integers(2**31))
    draw = getattr(random_state, "integers", None) or random_state.randint
    return int(draw(2**31 - 1))


def _plain_seed(random_state: Any) -> int | None:
    return int(random_state) if isinstance(random_state, Integral) else None


def plain(value: Any) -> Any:
    """Return a parameter as a plain value; generators, whose state has moved on, as None."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return None
    return value if isinstance(value, str) or not isinstance(value, Iterable) else [plain(v) for v in value]
