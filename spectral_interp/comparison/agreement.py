"""Agreement of two attributions of the same rows: correlations, signs and the top three."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from .._common.arrays import FloatArray
from ..attribution.result import Attribution

Key = tuple[str, str]
"""(model, method)."""

MEASURES = ("spearman", "pearson", "sign", "top3", "ranking")


def agreement_table(attributions: Mapping[Key, Attribution]) -> pd.DataFrame:
    """Return one line per pair of (model, method) with the agreement of their contributions, at most 1.

    ``spearman`` and ``pearson`` are correlations of the contributions of a row, averaged over rows. ``sign``
    is the share of contributions with the same sign, weighted by size, and ``top3`` the share of the three
    largest contributions of a row that both have. ``ranking`` is the rank correlation of mean |contribution|.
    Undefined values are NaN: correlations of a single column, and the top three of three columns or fewer.
    ``within`` is true for pairs on the same model.

    Raises
    ------
    ValueError
        If two attributions have different units, columns or rows.
    """
    lines = []
    for (a, one), (b, other) in combinations(attributions.items(), 2):
        names = {"model_a": a[0], "method_a": a[1], "model_b": b[0], "method_b": b[1]}
        lines.append(names | {"within": a[0] == b[0]} | agreement(one, other))
    return pd.DataFrame(lines, columns=["model_a", "method_a", "model_b", "method_b", "within", *MEASURES])


def agreement(one: Attribution, other: Attribution) -> dict[str, float]:
    """Return the measures of :func:`agreement_table` for a pair.

    Examples
    --------
    >>> from spectral_interp import Pencil, explain
    >>> pencil = Pencil(np.ones((5, 2)), np.ones((5, 1)), 1)
    >>> one, other = (explain(pencil, [row]) for row in ([1, 2, 4, 7], [1, 2, 4, -7]))
    >>> {name: round(float(value), 2) for name, value in agreement(one, other).items()}
    {'spearman': -0.2, 'pearson': -0.73, 'sign': 0.5, 'top3': 1.0, 'ranking': 1.0}
    """
    for name in ("unit", "columns"):
        if getattr(one, name) != getattr(other, name):
            both = f"{getattr(one, name)} and {getattr(other, name)}"
            raise ValueError(f"expected attributions of the same {name}; got {both}")
    a, b = one.values, other.values
    if a.shape != b.shape:
        raise ValueError(f"expected attributions of the same rows; got shapes {a.shape} and {b.shape}")
    return {
        "spearman": _correlation(rankdata(a, axis=1), rankdata(b, axis=1)),
        "pearson": _correlation(a, b),
        "sign": _same_sign(a, b),
        "top3": _overlap(a, b, 3),
        "ranking": _correlation(*(rankdata(np.abs(x).mean(axis=0))[None] for x in (a, b))),
    }


def _correlation(a: FloatArray, b: FloatArray) -> float:
    """Return the mean correlation of rows of ``a`` with rows of ``b``, without constant rows."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    varying = norms > 0
    if not varying.any():
        return float("nan")
    return float(((a * b).sum(axis=1)[varying] / norms[varying]).mean())


def _same_sign(a: FloatArray, b: FloatArray) -> float:
    """Return the share of equal signs, weighted by the sizes of contributions in both attributions alike."""
    total = np.abs(a).sum(), np.abs(b).sum()
    if min(total) == 0:
        return float("nan")
    weight = np.abs(a) / total[0] + np.abs(b) / total[1]
    return float(weight[np.sign(a) == np.sign(b)].sum() / 2)


def _overlap(a: FloatArray, b: FloatArray, count: int) -> float:
    """Return the mean share of equal columns among the largest contributions of a row."""
    if a.shape[1] <= count:
        return float("nan")
    chosen = [np.argsort(-np.abs(x), axis=1, kind="stable")[:, :count] for x in (a, b)]
    same = (chosen[0][:, :, None] == chosen[1][:, None, :]).any(axis=2)
    return float(same.mean())
