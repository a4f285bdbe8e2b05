"""Variation of contributions over redraws of the background."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from .._common.arrays import FloatArray, spread
from ..attribution.explain import METHODS
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..view import output_rows

REDRAWS, JUDGED_ROWS = 1000, 30
"""Number of redraws of the background, and maximum number of rows at which they are evaluated."""


def stability_table(
    est: SpectralRegressor | SpectralClassifier,
    X: Any,
    method: str,
    *,
    seed: int,
    output: Any = None,
    against: Any = None,
) -> pd.DataFrame:
    """Return the variation of mean |contribution| over redraws of the background.

    The background is a sample of b of the N training rows without replacement, and contributions of every
    method are means over it. The variance of a mean over such a sample is ``(1 − b/N) s²/b``, where s² is the
    variance over the sample with the divisor ``b − 1`` (Cochran, *Sampling Techniques*, 1977, section 2.6).
    The variance of a bootstrap draw, b of the b rows with replacement, is ``(b − 1)/b · s²/b``. Therefore the
    contributions of every background row, computed once, give those of a redraw: the mean over all, plus the
    deviation of a bootstrap draw times ``√((1 − b/N) b/(b − 1))`` (Rao and Wu, *Resampling Inference with
    Complex Survey Data*, 1988). A background of all training rows has no variation. To save time, at most 30
    of the rows are used, the same in all draws.

    Parameters
    ----------
    est : fitted estimator
    X : DataFrame, shape (n, columns), or Rows
    method : {"local", "path", "shapley"}
    seed : int
        Seed of the draws.
    output, against : label, optional
        The class to explain, and the class that its log-odds are measured against, as in
        :func:`spectral_interp.explain`. A model of more than two classes needs ``output``.

    Returns
    -------
    DataFrame
        One line per column, largest ``mean_abs_contribution`` first, with ``redraw_standard_deviation`` and
        the interval from ``redraw_5_percent`` to ``redraw_95_percent`` over the draws. ``drawn_from`` is N,
        or NaN if N is unknown or rows are drawn with replacement; b/N is then taken as 0.

    Examples
    --------
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0)
    >>> est = est.fit(np.eye(20), np.arange(20.0))
    >>> X = pd.DataFrame(np.eye(20), columns=est.encoder_.table_names)
    >>> table = stability_table(est, X, "local", seed=0)
    >>> table[["background_rows", "drawn_from", "redraws", "rows"]].iloc[0].tolist()
    [18, 18, 1000, 20]
    >>> float(table["redraw_standard_deviation"].max())
    0.0
    """
    rows = output_rows(est, X, output, against)
    few, background = rows.take(spread(len(rows), JUDGED_ROWS)), rows.view.background
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # already given for all rows
        values = np.stack([METHODS[method](few, one[None]).values for one in background])
    b, n = len(background), est.background_of_
    draws = np.random.default_rng(seed).multinomial(b, np.full(b, 1 / b), size=REDRAWS) / b
    left = 1.0 if n is None else max(0.0, 1 - b / n)
    sizes = np.abs(values.mean(axis=0)).mean(axis=0)
    table = pd.DataFrame(
        {
            "method": method,
            "column": list(rows.view.columns),
            "mean_abs_contribution": sizes,
            **_moves(sizes, _redrawn_sizes(values, draws, np.sqrt(left * b / max(b - 1, 1)))),
            "redraws": REDRAWS,
            "background_rows": b,
            "drawn_from": np.nan if n is None else n,
            "rows": len(few),
            "unit": rows.view.output.unit,
        }
    )
    return table.sort_values("mean_abs_contribution", ascending=False, ignore_index=True, kind="stable")


def _redrawn_sizes(values: FloatArray, draws: FloatArray, factor: float) -> FloatArray:
    """Return mean |contribution| for every draw, shape (draws, c).

    ``values`` (b, n, c) are the contributions for every background row, and ``draws`` (draws, b) the shares
    of these rows in a draw. Deviations from the mean are multiplied by ``factor``.
    """
    total = np.zeros((len(draws), values.shape[2]))
    for at_row in values.transpose(1, 0, 2):
        mean = at_row.mean(axis=0)
        total += np.abs(mean + factor * (draws @ (at_row - mean)))
    return total / values.shape[1]


def _moves(sizes: FloatArray, redrawn: FloatArray) -> dict[str, FloatArray]:
    """Return the variation of mean sizes (c,) over the redraws (draws, c); relative to zero it is NaN."""
    deviation = (redrawn - redrawn[0]).std(axis=0, ddof=1)  # exactly zero for equal redraws
    low, high = np.quantile(redrawn, [0.05, 0.95], axis=0)
    relative = np.divide(deviation, sizes, out=np.full_like(sizes, np.nan), where=sizes > 0)
    return {
        "redraw_standard_deviation": deviation,
        "redraw_standard_deviation_relative": relative,
        "redraw_5_percent": low,
        "redraw_95_percent": high,
    }
