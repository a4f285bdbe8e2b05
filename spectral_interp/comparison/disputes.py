"""Rows on which two attributions differ most, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .._common.text import number, row_text, signed
from ..attribution.result import Attribution
from ..view import Association
from .agreement import Key

ASSOCIATION_NAMED = 0.5  # minimum for a reason

SAME = 1e-9  # smaller differences, as a share of the predictions, are ignored


@dataclass(frozen=True)
class Dispute:
    """A row on which two attributions differ strongly.

    Attributes
    ----------
    row : int
        Position in the attributions.
    label : object
        The user's label of the row.
    between : (Key, Key)
        The two attributions that differ most.
    reason : str
        The reason in one or two sentences.
    """

    row: int
    label: Any
    between: tuple[Key, Key]
    reason: str


def disputes(
    attributions: Mapping[Key, Attribution], association: Association, *, count: int = 2
) -> list[Dispute]:
    """Return the rows whose contributions differ most between two attributions, the most disputed first.

    Rows that differ by no more than 1e-9 of the largest prediction are not disputed.

    Parameters
    ----------
    attributions : mapping of (model, method) to Attribution
        With fewer than two there are no disputes.
    association : Association
        Association of the columns in the background, a possible reason.
    count : int
        Maximum number of rows.
    """
    pairs = list(combinations(attributions, 2))
    if not pairs:
        return []
    distance = np.array(
        [np.abs(attributions[a].values - attributions[b].values).sum(axis=1) for a, b in pairs]
    )
    size = max(float(np.abs(att.prediction).max()) for att in attributions.values())
    worst = distance.max(axis=0)
    rows = [row for row in np.argsort(-worst, kind="stable")[:count] if worst[row] > SAME * size]
    found = []
    for row in map(int, rows):
        a, b = pairs[int(distance[:, row].argmax())]
        label = attributions[a].rows[row]
        found.append(Dispute(row, label, (a, b), _reason(row, a, b, attributions, association)))
    return found


def _reason(
    row: int, a: Key, b: Key, attributions: Mapping[Key, Attribution], association: Association
) -> str:
    """Return the column of the largest difference, the share due to the predictions, and a likely cause."""
    one, other = attributions[a], attributions[b]
    difference = one.values[row] - other.values[row]
    total = float(np.abs(difference).sum())
    net = abs(float(difference.sum())) / total
    top = int(np.abs(difference).argmax())
    opposed = np.where(np.sign(difference) == -np.sign(difference[top]), np.abs(difference), 0.0)
    partner = int(opposed.argmax())
    names = one.columns
    text = (
        f"in row {row_text(one.rows[row])} {_named(a)} gives {names[top]} {signed(one.values[row, top])} and "
        f"{_named(b)} {signed(other.values[row, top])} ({one.unit}); "
    )
    if net >= 0.5:
        text += (
            f"{net:.0%} of the total difference is due to the predictions, which are "
            f"{number(one.prediction[row])} and {number(other.prediction[row])}."
        )
    else:
        same = "the same model" if a[0] == b[0] else "nearly the same change of the prediction"
        text += f"both explain {same} and divide it differently, mostly at the expense of {names[partner]}."
    if opposed[partner] > 0 and abs(association.values[top, partner]) >= ASSOCIATION_NAMED:
        text += (
            f" {names[top]} and {names[partner]} are associated ({association.text(top, partner)} in the "
            "background), so the rows do not show to which of them the effect belongs."
        )
    return text


def _named(key: Key) -> str:
    return f"{key[0]} ({key[1]})"
