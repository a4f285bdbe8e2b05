"""Warnings about a table before training: columns that give the target away, and few rows."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from .._common.arrays import FloatArray, spread
from .._common.messages import shown, truncated_list
from .._common.text import counted, listed
from ..view import Axis

GIVEN_AWAY = 0.999
"""R², rank correlation or AUC from which a column that predicts the target alone is suspect."""

LEAK_ROWS, LEAK_CLASS_ROWS = 30, 10
"""Minimum number of rows in all, and of a class. With fewer, a column may predict the target by accident."""

MAX_LEAK_ROWS = 2000
"""Maximum number of rows, evenly spread, for these checks."""

FEW_ROWS, FEW_CLASS_ROWS, FEW_ROWS_PER_FEATURE = 50, 10, 5
"""Numbers of rows in all, of a class, and of training rows per feature below which a warning is given."""


def warn_of_leaks(
    axes: Sequence[Axis], z: FloatArray, targets: FloatArray, target: str, *, classes: int = 0
) -> None:
    """Warn of columns that predict the target almost perfectly by themselves.

    Parameters
    ----------
    axes : sequence of Axis
        The columns.
    z : ndarray, shape (n, p)
        Their features.
    targets : ndarray, shape (n,)
        0 and 1 for two classes, codes from 0 for more.
    target : str
    classes : int
        Number of classes; 0 for a numeric target. With more than two classes, a column is suspect if it
        separates each class from all others. Classes with few rows do not count.
    """
    binary = classes > 2 or bool(np.isin(targets, (0, 1)).all())
    rows = spread(len(targets), MAX_LEAK_ROWS)
    z, targets = z[rows], targets[rows]
    sought = [targets == one for one in range(classes)] if classes > 2 else [targets]
    if binary:
        sought = [one for one in sought if min(np.sum(one == 0), np.sum(one != 0)) >= LEAK_CLASS_ROWS]
    if len(axes) < 2 or len(targets) < LEAK_ROWS or not sought:
        return
    found = []
    for axis, features in zip(axes, _by_axis(axes, z), strict=True):
        scores = [_strength(features, one, binary, ordered=axis.continuous) for one in sought]
        measure, score = min(scores, key=lambda named: named[1])
        if score >= GIVEN_AWAY:
            found.append((axis.name, f"{shown(axis.name)} ({measure} {score:.4f})"))
    if found:
        names = shlex.join(name for name, _ in found[:5])
        one = len(found) == 1
        warnings.warn(
            f"column{'' if one else 's'} {truncated_list(text for _, text in found)} alone "
            f"predict{'s' if one else ''} the target {shown(target)} almost perfectly; if "
            f"{'it was' if one else 'they were'} measured after the target or made from it, train with "
            f"--drop {names}",
            stacklevel=2,
        )


def _by_axis(axes: Sequence[Axis], z: FloatArray) -> list[FloatArray]:
    ends = np.cumsum([len(axis.feature_names) for axis in axes])
    return np.split(z, ends[:-1], axis=1)


def _strength(features: FloatArray, targets: FloatArray, binary: bool, *, ordered: bool) -> tuple[str, float]:
    """Return the name and value of the best measure of how well a column (n, f) predicts targets (n,)."""
    alone = _left_out_means(features, targets)
    if binary:
        auc = float(roc_auc_score(targets, alone))
        if ordered:
            straight = float(roc_auc_score(targets, features[:, 0]))
            auc = max(auc, straight, 1 - straight)
        return "AUC", auc
    centered = targets - targets.mean()
    scale = np.abs(centered).max() or 1.0
    rest = ((targets - alone) / scale) ** 2
    r2 = 1 - float(rest.sum() / ((centered / scale) ** 2).sum()) if centered.any() else 0.0
    ranks = abs(_correlation(rankdata(features[:, 0]), rankdata(targets))) if ordered else 0.0
    return ("R²", r2) if r2 >= ranks else ("rank correlation", ranks)


def _left_out_means(features: FloatArray, targets: FloatArray) -> FloatArray:
    """Predict every row from other rows: the mean of the equal ones, or of the two neighbours."""
    _, group = np.unique(features, axis=0, return_inverse=True)
    group = group.ravel()
    sizes, sums = np.bincount(group), np.bincount(group, weights=targets)
    means = sums / sizes
    if len(means) < 2:
        return np.full(len(targets), targets.mean())
    below, above = np.r_[means[1], means[:-1]], np.r_[means[1:], means[-2]]
    others = (sums[group] - targets) / np.maximum(sizes[group] - 1, 1)
    return np.where(sizes[group] > 1, others, ((below + above) / 2)[group])


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else 0.0


def warn_of_few_rows(
    n_trained: int, n_held: int, n_features: int, classes: Mapping[Any, int], *, among: str = ""
) -> None:
    """Warn if there are few rows for training or testing.

    Parameters
    ----------
    n_trained, n_held, n_features : int
    classes : mapping of int
        Number of rows of each class; empty for a numeric target.
    among : str
        Where the rows of a class were counted, if not in the whole table.
    """
    few = list(_few(n_trained, n_held, n_features, classes, among))
    if few:
        warnings.warn(
            f"{listed(few)}: contributions may be accidents of these rows, and another split may give very "
            "different results; trust only what several values of --seed agree on",
            stacklevel=2,
        )


def _few(
    n_trained: int, n_held: int, n_features: int, classes: Mapping[Any, int], among: str
) -> Iterator[str]:
    if n_trained + n_held < FEW_ROWS:
        yield f"there are only {counted(n_trained, 'row')} to train on and {n_held} to test on"
    elif n_trained < FEW_ROWS_PER_FEATURE * n_features:
        yield f"there are only {counted(n_trained, 'row')} to train on for {counted(n_features, 'feature')}"
    rarest = min(classes, key=lambda label: classes[label], default=None)
    if rarest is not None and classes[rarest] < FEW_CLASS_ROWS:
        rows = counted(classes[rarest], "row is", "rows are")
        yield f"only {rows} of the class {shown(rarest)}{among}"
