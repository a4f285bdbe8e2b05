"""The rows to explain and the rows that they are measured against."""

from __future__ import annotations

from typing import Any

from .._common.arrays import FloatArray
from ..view.rows import Inputs, as_inputs


def background_of(model: Any, X: Any, background: Any) -> tuple[Inputs, FloatArray, str]:
    """Return the rows ``X``, the encoded background (b, p) and a description of it.

    Without a background it is the estimator's own, rows drawn from its training table with its seed, or the
    origin for a pencil and for a bare state dict.

    Raises
    ------
    TypeError, ValueError
        If ``X`` or ``background`` do not fit the model, or ``background`` has no rows.
    """
    inputs = as_inputs(model, X)
    if background is None:
        return inputs, inputs.pencil.check_features(inputs.reference), inputs.background
    reference = inputs.pencil.check_features(as_inputs(model, background).z)
    if not len(reference):
        raise ValueError("expected a background with at least one row; got none")
    return inputs, reference, f"{len(reference)} given rows" if len(reference) > 1 else "1 given row"
