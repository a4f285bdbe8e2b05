"""Promises of a model: columns along which predictions never fall or never rise, and curvature.

Promises are checked before training, first against the parameters alone and then against the columns. After
training, and when a file is loaded, every promise is proven from the stored matrices.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from numbers import Real
from typing import Any

import numpy as np

from .._common.choices import CURVATURES
from .._common.messages import meant, shown, truncated_list
from .._common.text import listed
from ..certificates.slopes import keeps
from ..models.constraints import Chain
from ..view import Axis, DateAxis, LevelsAxis, ModelView, Promise
from ..view.levels import OTHER, UNKNOWN, text_of

ORDER = "a list of all levels, in the order in which predictions never fall"


def check_promises(est: Any) -> None:
    """Raise TypeError or ValueError for promises that are invalid for every table."""
    _check_curvature(est)
    if est.monotone is None:
        return
    if not isinstance(est.monotone, Mapping):
        raise TypeError(
            'expected monotone as a dict such as {"income": 1, "grade": ["A", "B"]}; '
            f"got {shown(est.monotone)}"
        )
    for name, wanted in est.monotone.items():
        where = f"for {shown(name)} in monotone"
        if not is_order(wanted):
            if isinstance(wanted, bool) or not isinstance(wanted, Real) or wanted not in (1, -1):
                raise ValueError(
                    f"expected 1, predictions never fall as the column rises, or -1, they never rise, {where}"
                    f"; for a column of levels {ORDER}; got {shown(wanted)}"
                )
        elif len(texts := [text_of(level).strip() for level in wanted]) < 2:
            raise ValueError(f"expected {ORDER}, at least two, {where}; got {texts}")


def is_order(wanted: Any) -> bool:
    """Return whether a promise is an order of levels, unlike sets and iterators."""
    if isinstance(wanted, np.ndarray):
        return wanted.ndim == 1
    return isinstance(wanted, Sequence) and not isinstance(wanted, str | bytes)


def _check_curvature(est: Any) -> None:
    """Raise ValueError if the curvature is unknown, or if the form or ``k`` does not allow it."""
    if est.curvature is None:
        return
    if est.curvature not in CURVATURES:
        raise ValueError(f"expected curvature to be convex, concave or None; got {est.curvature!r}")
    if est.form != "single":
        raise ValueError(
            f"expected curvature only with form='single'; got {est.curvature!r} with form={est.form!r}; sums "
            "have piecewise-linear columns, along which their eigenvalues need not be convex or concave"
        )
    k = index_of(est)
    if est.k is not None and est.k % est.dim != k:
        raise ValueError(
            f"expected k={k} of dim={est.dim} for a {est.curvature} model, or no k; got k={est.k}"
        )


def index_of(est: Any) -> int | None:
    """Return the index of the eigenvalue that the parameters select; None for the middle one."""
    k: int | None = est.k
    return k if est.curvature is None else CURVATURES[est.curvature] % est.dim


def promised(est: Any, axes: Sequence[Axis]) -> tuple[tuple[Axis, ...], tuple[Promise, ...]]:
    """Return the columns, adapted to the promises of an estimator, and the promises.

    A promised date is used as elapsed time alone: months, weekdays and hours recur, so with them a later date
    could lower a prediction.

    Warns
    -----
    UserWarning
        If parts of a date are left out.

    Raises
    ------
    ValueError
        If a column is not in the model, is of a kind that the promise does not allow, or has levels that do
        not match the order; if there are more than two classes.
    """
    wanted = {text_of(name).strip(): value for name, value in (est.monotone or {}).items()}
    classes = getattr(est, "classes_", ())
    for name in ("monotone", "curvature"):
        if getattr(est, name) and len(classes) > 2:
            raise ValueError(
                f"expected {name} only for regression or two classes; got {len(classes)} classes, whose "
                "log-odds are differences of functions"
            )
    if not wanted:
        return tuple(axes), ()
    if len(wanted) < len(est.monotone):
        raise ValueError(f"expected each column once in monotone; got {list(map(str, est.monotone))}")
    names, found, read = [axis.name for axis in axes], [], list(axes)
    for name, value in wanted.items():
        if name not in names:
            raise ValueError(
                f"expected monotone to name columns that the model uses; got {shown(name)}, which is left "
                f"out or not in the table{meant(name, names)}"
            )
        place = names.index(name)
        axis = axes[place]
        if is_order(value):
            found.append(Promise(place, 1, _places(axis, [text_of(level).strip() for level in value])))
            continue
        if isinstance(axis, LevelsAxis):
            raise ValueError(
                f"expected {ORDER}, for the column of levels {shown(name)} in monotone (from Python; the "
                f"command line has directions of numbers only); got {value}; its levels are "
                f"{truncated_list(map(shown, axis.levels))}"
            )
        if isinstance(axis, DateAxis) and not axis.linear:
            read[place] = replace(axis, month=(), weekday=(), hour=())
            warnings.warn(
                f"column {shown(name)}, which is in monotone, is used as elapsed time alone, without "
                f"{listed(list(axis.shares))}",
                stacklevel=3,
            )
        found.append(Promise(place, int(value)))
    return tuple(read), tuple(found)


def _places(axis: Axis, order: list[str]) -> tuple[int, ...]:
    """Return the places of a column's levels in the order of the texts, which must name all levels."""
    where = f"for {shown(axis.name)} in monotone"
    if not isinstance(axis, LevelsAxis):
        raise ValueError(f"expected 1 or -1, {where}, a column of {axis.kind}s; got the levels {order}")
    found = [axis.find(text) for text in order]
    known = f"the levels of training are {truncated_list(map(shown, axis.own))}"
    if unknown := [text for text, (_, how) in zip(order, found, strict=True) if how == UNKNOWN]:
        raise ValueError(
            f"expected levels of training in the order {where}; got {shown(unknown[0])}"
            f"{meant(unknown[0], axis.own)}; {known}"
        )
    places = [int(place) for place, _ in found]
    rare = axis.levels.index(OTHER) if OTHER in axis.levels else -1
    joined = [m for m, place in enumerate(places) if place == rare]  # rare levels share a place
    if joined != list(range(joined[0], joined[-1] + 1) if joined else []):
        apart = [order[m] for m in joined]
        raise ValueError(
            f"expected rare levels, which the model reads as one, next to each other in the order {where}; "
            f"got {truncated_list(map(shown, apart))} apart"
        )
    places = [place for m, place in enumerate(places) if m not in joined[1:]]
    if len(set(places)) < len(places):
        twice = next(order[m] for m, place in enumerate(places) if place in places[:m])
        raise ValueError(f"expected each level once in the order {where}; got {shown(twice)} twice")
    missing = [level for level in axis.own if axis.levels.index(level) not in places]
    missing += [text for text in axis.others if text not in order]
    if missing:
        raise ValueError(
            f"expected all levels of training in the order {where}; got none of "
            f"{truncated_list(map(shown, missing))}"
        )
    return tuple(places)


def chains_of(axes: Sequence[Axis], promises: Iterable[Promise]) -> list[Chain]:
    """Return the features that promises order, for columns without knots; the intercept is 0."""
    starts = list(accumulate((axis.n_features for axis in axes), initial=1))
    return [(promise.features(starts[promise.place]), promise.sign) for promise in promises]


def check_certified(view: ModelView, promises: Iterable[Promise]) -> None:
    """Raise ValueError unless the matrices of a model prove all promises."""
    for promise in promises:
        name = view.columns[promise.place]
        if not keeps(view, name, promise.sign, promise.levels):
            raise ValueError(
                f"expected matrices that prove the promise about the column {shown(name)}; got others"
            )
