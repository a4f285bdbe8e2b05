"""The rows to explain and the rows that they are measured against."""

from __future__ import annotations

from typing import Any

from .._common.arrays import FloatArray
from ..view import Rows, rows_of


def background_of(model: Any, X: Any, background: Any) -> tuple[Rows, FloatArray, str]:
    """Return the rows ``X``, the encoded background (b, p) and a description of it.

    Without a background it is the estimator's own, rows drawn from its training table with its seed, or the
    origin for a pencil and for a bare state dict.

    Raises
    ------
    TypeError, ValueError
        If ``X`` or ``background`` do not fit the model, or ``background`` has no rows.
    """
    rows = rows_of(model, X)
    view = rows.view
    if background is None:
        return rows, view.function.check_features(view.background), view.background_name
    reference = view.function.check_features(rows_of(model, background).z)
    if not len(reference):
        raise ValueError("expected a background with at least one row; got none")
    return rows, reference, f"{len(reference)} given rows" if len(reference) > 1 else "1 given row"
