"""Validation of the parameters, tables, targets and seeds of estimators."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.utils.validation import validate_data

from .._common.arrays import FloatArray
from .._common.choices import FORMS
from .._common.messages import row_name, shown, truncated_list
from ..tables.encoder import TableEncoder
from ..tables.frames import as_frame, holds_words, names_columns, refuse_series, with_names
from ..tables.targets import refuse_dates
from .promises import check_promises

OF_ONE_NEURON = (
    *("dim", "structure", "k", "n_epochs", "batch_size", "learning_rate"),
    *("validation_fraction", "patience"),
)
"""Parameters that only single neurons have; the recipe of sums sets them."""

MOST_CLASSES = 100
"""Maximum number of classes of a target; with more than two, a model has a function for each."""

AT_LEAST = {
    "members": 1,
    "dim": 1,
    "n_epochs": 1,
    "batch_size": 1,
    "patience": 1,
    "alpha": 0,
    "norm_penalty": 0,
    "provability": 0,
}
"""Minimum values of numeric parameters."""


def check_parameters(est: Any) -> None:
    """Raise ValueError for values that no fit can use; by convention of scikit-learn, ``fit`` calls this."""
    if est.form not in FORMS:
        raise ValueError(f"expected form to be one of {', '.join(FORMS)}; got {est.form!r}")
    for name, low in AT_LEAST.items():
        if not getattr(est, name) >= low:
            raise ValueError(f"expected {name} >= {low}; got {getattr(est, name)!r}")
    if not est.learning_rate > 0:
        raise ValueError(f"expected learning_rate > 0; got {est.learning_rate!r}")
    if not 0 < est.validation_fraction < 1:
        raise ValueError(f"expected 0 < validation_fraction < 1; got {est.validation_fraction!r}")
    if est.provability and est.form != "single":
        raise ValueError(
            f"expected provability only with form='single'; got {est.provability!r} with form={est.form!r}"
        )
    defaults = {name: p.default for name, p in inspect.signature(type(est)).parameters.items()}
    foreign = {"single": ("members",), "sum": OF_ONE_NEURON}.get(est.form, ())
    for name in foreign:
        if getattr(est, name) != defaults[name]:
            other = "sum" if est.form == "single" else "single"
            raise ValueError(
                f"expected {name} only with form={other!r} or 'auto'; got {name}={getattr(est, name)!r} with "
                f"form={est.form!r}"
            )
    check_promises(est)


COLUMN_OPTIONS = "log", "drop", "categorical", "na_values", "monotone"
"""Parameters that determine how columns are encoded."""


def check_like(est: Any, like: Any) -> None:
    """Raise TypeError or ValueError unless a fit can use the columns of ``like``, or it is None."""
    if like is None:
        return
    if type(like) is not type(est) or not hasattr(like, "encoder_"):
        raise TypeError(f"expected like as a fitted {type(est).__name__}; got {type(like).__name__}")
    if (est.form, like.form_) != ("sum", "sum"):
        raise ValueError(
            f"expected form='sum' of both models with like; got {est.form!r} and a fitted {like.form_!r}"
        )
    for name in COLUMN_OPTIONS:
        if plain(getattr(est, name)) != plain(like.fitted_params_[name]):
            raise ValueError(
                f"expected {name} as in like, {like.fitted_params_[name]!r}; got {getattr(est, name)!r}"
            )


def known_to(est: Any, like: Any, frame: pd.DataFrame) -> TableEncoder:
    """Return the encoder of ``like`` without knots and pairs; warn about values that it does not know."""
    if hasattr(est, "classes_") and not np.array_equal(est.classes_, like.classes_):
        expected, found = (truncated_list(map(shown, one.classes_.tolist())) for one in (like, est))
        raise ValueError(
            f"expected the classes of like, {expected}; got {found}; divide rows at random, or by their hash"
        )
    encoder: TableEncoder = like.encoder_.plain
    encoder.coordinates(encoder.select(frame))
    return encoder


def check_classes(labels: npt.NDArray[Any], name: str) -> None:
    """Raise ValueError unless a target has 2 to 100 classes.

    Examples
    --------
    >>> check_classes(np.array(["a"]), "kind")
    Traceback (most recent call last):
    ValueError: expected a target with 2 to 100 classes in 'kind'; got 1 class: 'a'
    """
    count = len(labels)
    if 2 <= count <= MOST_CLASSES:
        return
    found = "1 class" if count == 1 else f"{count} classes"
    advice = "" if count == 1 else "; numbers need a SpectralRegressor; group rare classes"
    raise ValueError(
        f"expected a target with 2 to {MOST_CLASSES} classes in {name!r}; got {found}: "
        f"{truncated_list(map(shown, labels.tolist()))}{advice}"
    )


def check_training(
    est: Any, X: Any, y: Any, target: str, *, numeric_targets: bool
) -> tuple[pd.DataFrame, Any]:
    """Validate a training table as scikit-learn does; return it and its targets, named ``target``."""
    refuse_series(X)
    refuse_dates(y, target)
    if names_columns(X):
        frame = as_frame(X)
        named = with_names(frame)
        stripped = [name.strip() if isinstance(name, str) else name for name in frame.columns]
        validate_data(est, frame.set_axis(stripped, axis=1), skip_check_array=True)
        return named, check_targets(frame, y, target)
    if holds_words(X):
        frame = as_frame(X)
        validate_data(est, frame.to_numpy(), skip_check_array=True)
        return frame, check_targets(frame, y, target)
    X, y = validate_data(est, X, y, dtype=np.float64, y_numeric=numeric_targets)
    return as_frame(X), y


def check_rows(est: Any, X: Any) -> pd.DataFrame:
    """Validate rows to predict or explain; the encoder matches columns of tables by name."""
    refuse_series(X)
    if names_columns(X) or holds_words(X):
        return as_frame(X, est.encoder_.table_names)
    X = validate_data(est, X, reset=False, dtype=np.float64)
    return as_frame(X, est.encoder_.table_names)


def check_targets(frame: pd.DataFrame, y: Any, target: str) -> npt.NDArray[Any]:
    """Return the targets of the rows of ``frame``, shape (n,); ValueError for another shape or gaps."""
    refuse_dates(y, target)
    values = np.asarray(y)
    if values.ndim != 1 or len(values) != len(frame):
        raise ValueError(f"expected y of shape ({len(frame)},) to match X; got {values.shape}")
    missing = np.flatnonzero(pd.isna(values))
    if missing.size:
        raise ValueError(
            f"expected targets without gaps; got {missing.size} missing in {target!r}, the first in "
            f"{row_name(frame.index, missing[0])}; drop those rows"
        )
    return values


def seed_from(random_state: Any) -> int:
    """Return a seed without touching the global generator."""
    if random_state is None or isinstance(random_state, Integral):
        return int(np.random.default_rng(plain_seed(random_state)).integers(2**31))
    draw = getattr(random_state, "integers", None) or random_state.randint
    return int(draw(2**31 - 1))


def plain_seed(random_state: Any) -> int | None:
    """Return ``random_state`` if it is an integer seed, else None."""
    return int(random_state) if isinstance(random_state, Integral) else None


def plain(value: Any) -> Any:
    """Return a parameter as a plain value; None for generators, whose state has changed."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return None
    if isinstance(value, Mapping):
        return {str(key): plain(own) for key, own in value.items()}
    return value if isinstance(value, str) or not isinstance(value, Iterable) else [plain(v) for v in value]


def made_by(n_rows: int) -> dict[str, Any]:
    """Return the number of training rows and the versions used; callers may add more."""
    return {
        "training rows": n_rows,
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
    }


def encoder_of(est: Any, frame: pd.DataFrame, weight: FloatArray) -> TableEncoder:
    """Return the encoder of a training table for the parameters of the estimator."""
    return TableEncoder.fit(
        frame,
        log=est.log,
        categorical=est.categorical,
        na_values=est.na_values,
        weight=weight,
        choose_logs=est.form != "single",
    )
