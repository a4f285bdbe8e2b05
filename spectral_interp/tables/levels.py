"""Choice of the levels of a training column, and notes on its other texts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .._common.messages import Notes, shown, truncated_list, with_counts
from .._common.text import percent
from ..view.axes import MISSING
from ..view.levels import OTHER, LevelsAxis
from ..view.spelling import is_boolean, spelling, truth
from .parsing import NUMBER_SHARE

RARE = (
    'rare levels count as "other" (a level needs 5 rows or 5 % of the rows; list columns in drop, --drop, to '
    "leave them out)"
)
MANY = (
    'columns with more levels than the rows can support; all but the most frequent count as "other" (group '
    "levels, or list the column in drop, --drop)"
)
SPELLINGS = "values that differ only in spelling count as one level"
CAPITALS_APART = "levels that differ only in capitals are kept apart (write them alike if they are the same)"
MIXED = "columns of numbers and other text are read as levels (list them in categorical, --categorical)"

RARE_ROWS, RARE_SHARE = 5, 0.05
"""Minimum number and minimum share of training rows. A level below both is rare and counts as "other".

A row of weight w counts as w rows, but at least as one.
"""

FEW_LEVELS, ROWS_PER_LEVEL, MOST_LEVELS = 50, 10, 250
"""Maximum number of a column's own levels: 50, or one for every 10 rows up to 250.

Certificates bound the change from each level to each other one, so their cost grows with the square.
"""

MOST_CELLS = 2**24
"""Maximum number of rows times levels beyond 50 levels; features are in memory and used in every epoch."""

KEPT_OTHERS, KEPT_LENGTH = 1000, 200
"""Maximum number, and maximum length, of stored texts that count as "other"."""

_PLAIN = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def most_levels(n: float) -> int:
    """Return the maximum number of own levels of a column with n rows.

    Examples
    --------
    >>> most_levels(400), most_levels(1_500), most_levels(1_000_000)
    (50, 150, 50)
    """
    return max(FEW_LEVELS, min(int(n // ROWS_PER_LEVEL), int(MOST_CELLS // n), MOST_LEVELS))


def levels_of(name: str, counts: Mapping[str, float], rows: Mapping[str, float], notes: Notes) -> LevelsAxis:
    """Choose the levels of a column.

    Texts with the same meaning are one level, named after its most frequent spelling. Rare levels
    (:data:`RARE_ROWS`, :data:`RARE_SHARE`) and those beyond :func:`most_levels` count as "other". The texts
    "other" and "missing" mean these levels.

    Parameters
    ----------
    name : str
    counts : mapping of str to float
        Weight of every text, including "missing".
    rows : mapping of str to float
        Number of rows of every text.
    notes : Notes
        Receives the notes on the column.

    Returns
    -------
    LevelsAxis
        Own levels, the most frequent first, then "other" and "missing" if they occur.
    """
    total = sum(counts.values())
    names = _one_spelling(counts)
    sizes, enough = dict.fromkeys(names.values(), 0.0), dict.fromkeys(names.values(), 0.0)
    for text, n in counts.items():
        sizes[names[text]] += n
        enough[names[text]] += max(n, rows[text])
    order = sorted((t for t in sizes if t not in (OTHER, MISSING)), key=lambda text: (-sizes[text], text))
    frequent = [t for t in order if enough[t] >= RARE_ROWS or sizes[t] / total >= RARE_SHARE]
    own = frequent[: most_levels(total)]
    draft = LevelsAxis(name, (*own, OTHER, MISSING), (0.0,) * (len(own) + 2))
    found = dict.fromkeys(draft.levels, 0.0)
    others: dict[str, float] = {}
    joined: dict[str, str] = {}
    for text, n in counts.items():
        u, _ = draft.find(names[text])
        level = draft.levels[int(u)]
        found[level] += n
        if level == OTHER:
            others[text] = n
        elif text != level:
            joined[text] = level
    own = sorted(own, key=lambda text: (-found[text], text))
    found = {level: found[level] for level in (*own, OTHER, MISSING) if found[level]}
    kept = sorted(others, key=lambda text: (-others[text], text))
    kept = [text for text in kept if text != OTHER and 0 < len(text) <= KEPT_LENGTH][:KEPT_OTHERS]
    axis = LevelsAxis(name, tuple(found), tuple(n / total for n in found.values()), tuple(kept))
    few = len(own) == len(frequent)
    _note(axis, counts, others, joined, RARE if few else MANY, notes)
    return axis


def _one_spelling(counts: Mapping[str, float]) -> dict[str, str]:
    """Map every text to its most frequent spelling."""
    texts = [text for text in counts if text not in (OTHER, MISSING)]
    folded = is_boolean(texts)
    groups: dict[str, list[str]] = {}
    for text in texts:
        key = spelling(text)
        groups.setdefault(str(truth(key)) if folded else key, []).append(text)
    names = {OTHER: OTHER, MISSING: MISSING}
    for group in groups.values():
        best = min(group, key=lambda text: (-counts[text], text))
        names.update(dict.fromkeys(group, best))
    return names


def _note(
    axis: LevelsAxis,
    counts: Mapping[str, float],
    others: Mapping[str, float],
    joined: Mapping[str, str],
    kind: str,
    notes: Notes,
) -> None:
    """Note the texts that count as "other", spellings that are joined, and levels that differ in capitals."""
    total, name = sum(counts.values()), axis.name
    folded = {text: n for text, n in others.items() if text != OTHER}
    if folded and len(axis.levels) > 1:
        different = len(counts) - (MISSING in counts)
        share = percent(sum(folded.values()) / total)
        example = shown(min(folded, key=lambda text: (-folded[text], text)))
        example = example if len(folded) == 1 else f"such as {example}"
        notes.add(kind, name, f"{len(folded):,} of {different:,} values, {share} of the rows: {example}")
    if joined:
        texts = [
            f"{shown(text)} as {shown(level)} in {counts[text]:,.6g} rows" for text, level in joined.items()
        ]
        notes.add(SPELLINGS, name, truncated_list(texts))
    capitals: dict[str, list[str]] = {}
    for level in axis.own:
        capitals.setdefault(level.casefold(), []).append(shown(level))
    if alike := [" and ".join(group) for group in capitals.values() if len(group) > 1]:
        notes.add(CAPITALS_APART, name, truncated_list(alike))


def note_mixed(axis: LevelsAxis, counts: Mapping[str, float], notes: Notes) -> None:
    """Note if most values of a column of levels, given the numbers of rows of its texts, are numbers."""
    words = {text: n for text, n in counts.items() if text != MISSING and not _PLAIN.fullmatch(text)}
    plain = sum(n for text, n in counts.items() if _PLAIN.fullmatch(text))
    if words and plain >= NUMBER_SHARE * (plain + sum(words.values())) and not is_boolean(axis.own):
        notes.add(MIXED, axis.name, f"{plain:,.6g} numbers; other text: {with_counts(words)}")
