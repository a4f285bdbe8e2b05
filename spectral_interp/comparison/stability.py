"""How far contributions move when the background is drawn again."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray
from .._common.sampling import spread
from ..attribution.explain import METHODS
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..view import rows_of

GROUPS, REDRAWS, JUDGED_ROWS = 20, 200, 30
"""The background is redrawn in so many groups, so often, and judged at up to so many rows."""


def stability_table(
    est: SpectralRegressor | SpectralClassifier, X: Any, method: str, *, seed: int
) -> pd.DataFrame:
    """Return how far mean |contribution| moves when the background is drawn again (bootstrap).

    Contributions of every method are averages over the background rows. So those of 20 random groups of
    background rows, computed once, give those of any draw of groups: 200 draws of as many groups, with
    replacement. To be quick this takes 30 of the rows to explain, which stay the same in all draws.

    Parameters
    ----------
    est : fitted estimator
    X : DataFrame, shape (n, columns), or Rows
    method : {"local", "path", "shapley"}
    seed : int
        Of the groups and draws.

    Returns
    -------
    DataFrame
        One line per column, largest ``mean_abs_contribution`` first; its ``redraw_standard_deviation`` and
        the interval from ``redraw_5_percent`` to ``redraw_95_percent`` over the draws.

    Examples
    --------
    >>> est = SpectralRegressor(dim=3, n_epochs=2, random_state=0).fit(np.eye(20), np.arange(20.0))
    >>> X = pd.DataFrame(np.eye(20), columns=est.encoder_.table_names)
    >>> stability_table(est, X, "local", seed=0)[["background_rows", "redraws", "rows"]].iloc[0].tolist()
    [18, 200, 20]
    """
    rng = np.random.default_rng(seed)
    rows = rows_of(est, X)
    few, background = rows.take(spread(len(rows), JUDGED_ROWS)), rows.view.background
    groups = np.array_split(rng.permutation(len(background)), min(GROUPS, len(background)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run over all rows gave them
        parts = [METHODS[method](few, background[group]) for group in groups]
    counts = np.array([len(g) for g in groups])
    draws = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=REDRAWS) * counts
    values = np.stack([part.values for part in parts])
    sizes = _mean_sizes(values, counts[None])[0]
    table = pd.DataFrame(
        {
            "method": method,
            "column": list(rows.view.columns),
            "mean_abs_contribution": sizes,
            **_moves(sizes, _mean_sizes(values, draws)),
            "redraws": REDRAWS,
            "background_rows": len(background),
            "rows": len(few),
            "unit": rows.view.output.unit,
        }
    )
    return table.sort_values("mean_abs_contribution", ascending=False, ignore_index=True, kind="stable")


def _mean_sizes(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return mean |contribution| (draws, c) from values (groups, n, c) and weights (draws, groups)."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    return np.stack([np.abs(np.tensordot(share, values, axes=1)).mean(axis=0) for share in shares])


def _moves(sizes: FloatArray, redrawn: FloatArray) -> dict[str, FloatArray]:
    """Return how mean sizes (c,) move over the redraws (draws, c); relative to nothing they are NaN."""
    deviation = redrawn.std(axis=0, ddof=1)
    low, high = np.quantile(redrawn, [0.05, 0.95], axis=0)
    relative = np.divide(deviation, sizes, out=np.full_like(sizes, np.nan), where=sizes > 0)
    return {
        "redraw_standard_deviation": deviation,
        "redraw_standard_deviation_relative": relative,
        "redraw_5_percent": low,
        "redraw_95_percent": high,
    }
