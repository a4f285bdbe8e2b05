"""What ``model.pt`` and a checkpoint hold.

Keys that are not described are ignored, so that a later version of the package may add some; only parameters
and columns of the encoder must be known, because each of them changes what a model predicts. A change of what
is described raises the version of the format (:data:`spectral_interp.artifact.VERSION`).
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, float32, float64, uint8

from .validators import (
    FINITE,
    SMALLEST,
    Form,
    by_type,
    leaf,
    listed,
    mapped,
    number,
    one_of,
    optional,
    record,
    rule,
    tensor,
    text,
    together,
    whole,
)

MAX_NAME = 10_000
"""Characters of a name, a level or a label; messages, tables and feature names repeat them."""

MAX_WEIGHT = 1e150
"""Magnitude of a weight or a target; the squares of larger ones, in certificates and errors, overflow."""


def _is_atom(value: Any) -> bool:
    """Tell whether the value is None, text, a boolean or a number that arrays can hold."""
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return value is None or type(value) in (bool, str) or (type(value) is float and not math.isinf(value))


def _one_length(columns: dict[str, Any]) -> bool:
    return len({len(column) for column in columns.values()}) <= 1


def _log_fits(column: dict[str, Any]) -> bool:
    """Tell whether mean and median are those of logarithms of floats, if the column is under a logarithm."""
    median = column.get("median")
    return not column.get("log") or (column["mean"] <= math.log(FINITE) and (median is None or median > 0))


def _bands_fit(weights: dict[str, Tensor]) -> bool:
    dim, p = weights["diag.weight"].shape
    shapes = [tuple(weights[key].shape) for key in PUBLISHED_KEYS]
    return dim > 0 < p and shapes == [(dim, p), (dim,), (dim - 1, p), (dim - 1,)]


def _column(value: Any, place: str) -> None:
    """Check a column of the encoder, which its kind tells the form of."""
    record({"kind": one_of(*_KINDS), "name": _NAME})(value, place)
    _KINDS[value["kind"]](value, place)


_NAME = text(1, MAX_NAME)
_BOOL = leaf("True or False", lambda v: type(v) is bool)
_ATOM = leaf("None, text, True, False or a number", _is_atom)
_PLAIN = by_type({list: listed(_ATOM), tuple: listed(_ATOM)}, _ATOM)
_SHARE = number(0, 1)

_CELLS = by_type({list: listed(_ATOM)}, tensor(float64, axes=(1,)))
_TARGETS = by_type({list: listed(_ATOM)}, tensor(float64, axes=(1,), most=MAX_WEIGHT))
_TABLE = together(mapped(_NAME, _CELLS), rule("columns of one length", _one_length))

_KINDS: dict[str, Form] = {
    "numeric": together(
        record(
            {"mean": number(), "scale": number(SMALLEST)},
            {"log": _BOOL, "median": optional(number()), "missing": _SHARE},
        ),
        rule("the moments of positive numbers under a logarithm", _log_fits),
    ),
    "categorical": together(
        record({"levels": listed(_NAME), "shares": listed(_SHARE)}),
        rule("different levels", lambda v: len(set(v["levels"])) == len(v["levels"])),
        rule("a share for every level", lambda v: len(v["shares"]) == len(v["levels"])),
    ),
    "dropped": record({}),
}
_ENCODER = together(
    listed(_column),
    rule("columns of different names", lambda v: len({column["name"] for column in v}) == len(v)),
)

_MATRIX = tensor(float32, float64, axes=(2,), most=MAX_WEIGHT)
_VECTOR = tensor(float32, float64, axes=(1,), most=MAX_WEIGHT)
_WEIGHTS = mapped(_NAME, tensor(float64, axes=(1, 2), most=MAX_WEIGHT))

_EPOCH: dict[str, Form] = {
    "epoch": whole(1),
    "train_loss": number(),
    "validation_loss": number(),
    "learning_rate": number(0),
    "seconds": number(),
}
_EPOCHS = record({key: listed(form) for key, form in _EPOCH.items()})
_HISTORY = together(
    mapped(_NAME, listed(_ATOM)),
    rule("columns of one length", _one_length),
    lambda value, place: _EPOCHS(value, place) if value else None,
)

_PUBLISHED: dict[str, Form] = {
    "diag.weight": _MATRIX,
    "diag.bias": _VECTOR,
    "off_diag.weight": _MATRIX,
    "off_diag.bias": _VECTOR,
}
PUBLISHED_KEYS = _PUBLISHED.keys()
"""Keys of a bare state dict of the published tridiagonal module."""

PUBLISHED = together(record(_PUBLISHED), rule("diag of d rows and off_diag of d - 1, as wide", _bands_fit))

MODEL = record(
    {
        "task": one_of("regression", "classification"),
        "parameters": mapped(_NAME, _PLAIN),
        "weights": _WEIGHTS,
        "encoder": _ENCODER,
        "target": text(0, MAX_NAME),
        "named": _BOOL,
        "classes": optional(listed(by_type({str: _NAME}, _ATOM))),
        "background": _TABLE,
        "heldout": optional(record({"rows": _TABLE, "targets": record({"y": _TARGETS})})),
        "history": _HISTORY,
        "made_by": mapped(_NAME, _ATOM),
    },
    {"seed": whole(0, 2**32 - 1), "baselines": optional(mapped(_NAME, _WEIGHTS))},
)

_STATE = tensor(float64, axes=(1,), most=FINITE)

CHECKPOINT = record(
    {
        "run": record(
            {
                "weights": _STATE,
                "average": _STATE,
                "moments": tensor(float64, axes=(2,)),
                "best_weights": _STATE,
                "steps": whole(0),
                "generator": tensor(uint8, axes=(1,)),
                "history": listed(record(_EPOCH)),
                "best": listed(number(high=math.inf)),
            }
        ),
        "identity": mapped(_NAME, by_type({dict: mapped(_NAME, _PLAIN)}, _ATOM)),
    }
)
