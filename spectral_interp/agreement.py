"""Do two attributions of the same rows say the same? Ranks, signs, top three; and where they differ most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from .attribution import Attribution
from .eigen.checks import FloatArray
from .wording import number, signed

Key = tuple[str, str]
"""(model, method)."""

MEASURES = ("spearman", "pearson", "sign", "top3", "ranking")
CORRELATED = 0.5  # what is worth naming as a reason
ROUNDING = 1e-9  # differences below this share of the predictions are no dispute


def agreement_table(attributions: Mapping[Key, Attribution]) -> pd.DataFrame:
    """Return one line per pair of (model, method): how far their contributions agree, 1 being entirely.

    ``spearman`` and ``pearson`` correlate the contributions of a row, mean over the rows; ``sign`` is the
    share of rows and columns with the same sign, weighted by size; ``top3`` the share of the three largest
    that are the same; ``ranking`` the rank correlation of mean |contribution|. NaN where it says nothing:
    correlations of a single column, the top three of three or fewer. ``within`` tells pairs on one model from
    others.

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
    """Return the measures of :func:`agreement_table` for one pair.

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
    """Return the mean correlation of rows of ``a`` with rows of ``b``, those that do not vary left out."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    varying = norms > 0
    if not varying.any():
        return float("nan")
    return float(((a * b).sum(axis=1)[varying] / norms[varying]).mean())


def _same_sign(a: FloatArray, b: FloatArray) -> float:
    """Return the share of same signs; a contribution counts by its size, both attributions alike."""
    total = np.abs(a).sum(), np.abs(b).sum()
    if min(total) == 0:
        return float("nan")
    weight = np.abs(a) / total[0] + np.abs(b) / total[1]
    return float(weight[np.sign(a) == np.sign(b)].sum() / 2)


def _overlap(a: FloatArray, b: FloatArray, count: int) -> float:
    """Return the mean share of the largest contributions of a row that are the same columns."""
    if a.shape[1] <= count:
        return float("nan")
    chosen = [np.argsort(-np.abs(x), axis=1, kind="stable")[:, :count] for x in (a, b)]
    same = (chosen[0][:, :, None] == chosen[1][:, None, :]).any(axis=2)
    return float(same.mean())


@dataclass(frozen=True)
class Dispute:
    """A row on which two attributions differ much.

    Attributes
    ----------
    row : int
        Position in the attributions.
    between : (Key, Key)
        The two that differ most.
    reason : str
        Why, in a sentence or two.
    """

    row: int
    between: tuple[Key, Key]
    reason: str


def disputes(
    attributions: Mapping[Key, Attribution], correlation: FloatArray, *, count: int = 2
) -> list[Dispute]:
    """Return the rows whose contributions differ most between two attributions, the most disputed first.

    Rows that differ by no more than 1e-9 of the largest prediction are not disputed.

    Parameters
    ----------
    attributions : mapping of (model, method) to Attribution
        With fewer than two there is no dispute.
    correlation : ndarray, shape (c, c)
        Of the columns in the background; a reason may lie there.
    count : int
        How many rows, if there are as many.
    """
    pairs = list(combinations(attributions, 2))
    if not pairs:
        return []
    distance = np.array(
        [np.abs(attributions[a].values - attributions[b].values).sum(axis=1) for a, b in pairs]
    )
    size = max(float(np.abs(att.prediction).max()) for att in attributions.values())
    worst = distance.max(axis=0)
    rows = [row for row in np.argsort(-worst, kind="stable")[:count] if worst[row] > ROUNDING * size]
    found = []
    for row in map(int, rows):
        a, b = pairs[int(distance[:, row].argmax())]
        found.append(Dispute(row, (a, b), _reason(row, a, b, attributions, correlation)))
    return found


def _reason(
    row: int, a: Key, b: Key, attributions: Mapping[Key, Attribution], correlation: FloatArray
) -> str:
    """Return where a difference is largest, what share of it the predictions explain, and a likely cause."""
    one, other = attributions[a], attributions[b]
    difference = one.values[row] - other.values[row]
    total = float(np.abs(difference).sum())
    net = abs(float(difference.sum())) / total
    top = int(np.abs(difference).argmax())
    opposed = np.where(np.sign(difference) == -np.sign(difference[top]), np.abs(difference), 0.0)
    partner = int(opposed.argmax())
    names = one.columns
    text = (
        f"{_named(a)} gives {names[top]} {signed(one.values[row, top])} and {_named(b)} "
        f"{signed(other.values[row, top])} ({one.unit}); "
    )
    if net >= 0.5:
        text += (
            f"{net:.0%} of the whole difference is between what they have to explain: the predictions are "
            f"{number(one.prediction[row])} and {number(other.prediction[row])}."
        )
    else:
        same = "the same model" if a[0] == b[0] else "much the same change of the prediction"
        text += f"both explain {same} and share it out differently, mostly in exchange with {names[partner]}."
    together = correlation[top, partner]
    if opposed[partner] > 0 and abs(together) >= CORRELATED:
        text += (
            f" {names[top]} and {names[partner]} are correlated ({together:+.2f} in the background), so the "
            "rows do not tell which of them the effect belongs to."
        )
    return text


def _named(key: Key) -> str:
    return f"{key[0]} ({key[1]})"
