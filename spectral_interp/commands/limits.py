"""``--fixed`` and ``--limits`` of ``analyze``: columns that do not change, and limits of the others."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from typing import Any

from .._common.messages import meant, shown, truncated_list
from ..boxes.limits import free_columns
from ..view import LevelsAxis, ModelView, NumberAxis, rows_of

BETWEEN = ".."
"""Separator of the two ends of a range. Not a colon, because times contain colons."""


def read_fixed(view: ModelView, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that must not change; ValueError for a column unknown to the model."""
    for name in names:
        _check_column(view, name, "--fixed")
    return tuple(dict.fromkeys(names))


def read_limits(view: ModelView, texts: Sequence[str], fixed: Sequence[str] = ()) -> dict[str, Any]:
    """Return limits of columns in the form that :func:`spectral_interp.counterfactual` expects.

    Parameters
    ----------
    view : ModelView
    texts : sequence of str
        "COLUMN=LOW..HIGH" for numbers and dates, "COLUMN=LEVEL,LEVEL" for levels. Double quotes enclose a
        level that contains a comma.
    fixed : sequence of str
        Columns that must not change and so have no limits.

    Raises
    ------
    ValueError
        If a text cannot be parsed, names an unknown, repeated or fixed column, or does not suit its column.

    Examples
    --------
    >>> from spectral_interp import Pencil
    >>> from spectral_interp.view import view_of
    >>> read_limits(view_of(Pencil(diag=[[0.0], [2.0]], off=[[], []], k=0)), ["z0=-1..2.5"])
    {'z0': (-1.0, 2.5)}
    """
    limits: dict[str, Any] = {}
    for text in texts:
        name, given = _split(view, text)
        if name in limits or name in fixed:
            where = "once in --limits" if name in limits else "either in --fixed or in --limits"
            raise ValueError(f"expected column {name!r} {where}; got both")
        limits[name] = _read(view, name, given)
        try:
            free_columns(view, {name: limits[name]}, rows_of(view, None))
        except ValueError as error:
            raise ValueError(f"--limits {shown(text)}: {error}") from error
    return limits


def _split(view: ModelView, text: str) -> tuple[str, str]:
    """Split a text into column and limits; the name may contain equals signs."""
    parts = text.split("=")
    if len(parts) < 2:
        raise ValueError(f"expected COLUMN=LOW..HIGH or COLUMN=LEVEL,LEVEL for --limits; got {shown(text)}")
    splits = [("=".join(parts[:at]).strip(), "=".join(parts[at:]).strip()) for at in range(1, len(parts))]
    name, given = next((split for split in splits if split[0] in view.columns), splits[0])
    _check_column(view, name, "--limits")
    return name, given


def _check_column(view: ModelView, name: str, option: str) -> None:
    if name not in view.columns:
        known = truncated_list(map(shown, view.columns))
        near = meant(name, view.columns)
        raise ValueError(
            f"expected a column of the model for {option}; got {shown(name)}, of columns {known}{near}"
        )


def _read(view: ModelView, name: str, given: str) -> Any:
    """Return the limits of one column."""
    axis = view.axis(name)
    if isinstance(axis, LevelsAxis):
        return [level.strip() for level in next(csv.reader([given], skipinitialspace=True), [])]
    low, between, high = (part.strip() for part in given.partition(BETWEEN))
    if not (low and between and high):
        raise ValueError(f"expected {name}=LOW..HIGH for --limits; got {shown(f'{name}={given}')}")
    if not isinstance(axis, NumberAxis):
        return low, high
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = float("nan"), float("nan")
    if not -math.inf < ends[0] <= ends[1] < math.inf:
        raise ValueError(
            f"expected LOW <= HIGH, both finite numbers, such as {name}=0.5..3, for --limits; got "
            f"{shown(f'{name}={given}')}"
        )
    return ends
