"""Contents of ``model.pt`` and of checkpoints.

Unknown keys are ignored, so that a later version of the package may add keys. Only parameters and columns of
the encoder must be known, because each of them changes predictions. A change of the described keys raises the
version of the format (:data:`spectral_interp.files.artifact.VERSION`).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from torch import float32, float64, int64, uint8

from .validators import (
    FINITE,
    SMALLEST_NORMAL,
    Validator,
    all_of,
    by_type,
    dict_of,
    integer,
    list_of,
    one_of,
    optional,
    predicate,
    real,
    record,
    rule,
    string,
    tensor,
)

MAX_NAME = 10_000
"""Maximum number of characters of a name, level or label; messages, tables and feature names repeat them."""

MOST_FINGERPRINTS = 2**20
"""Maximum number of stored hashes of training rows: 8 MiB."""

MAX_WEIGHT = 1e150
"""Maximum magnitude of a weight or target; in certificates and errors the squares of larger ones overflow."""

MAX_STANDARDISED = 1e12
"""Maximum weight magnitude of a sum in training on standardised targets; it fits float32 in any unit."""

SUM_SLACK = 1e-9
"""Tolerance for a sum of shares around 1. It covers rounding only: a larger error would make certificates for
changes of level invalid."""


def _is_atom(value: Any) -> bool:
    """Return whether the value is None, text, a boolean or a number that arrays can hold."""
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return value is None or type(value) in (bool, str) or (type(value) is float and not math.isinf(value))


def _one_length(columns: dict[str, Any]) -> bool:
    return len({len(column) for column in columns.values()}) <= 1


def _log_fits(column: dict[str, Any]) -> bool:
    """Return whether mean and median are possible for logarithms of floats, if the column has a logarithm."""
    median = column.get("median")
    return not column.get("log") or (column["mean"] <= math.log(FINITE) and (median is None or median > 0))


def _gaps_fit(column: dict[str, Any]) -> bool:
    """Return whether the share of missing values is consistent with their replacement."""
    missing = column.get("missing", 0.0)
    return missing < 1 if column.get("median") is not None else not missing


def _calendar_fits(column: dict[str, Any]) -> bool:
    """Return whether every part of the calendar has shares for all of its levels or for none."""
    return all(
        not shares or (len(shares) == size and abs(math.fsum(shares) - 1) <= SUM_SLACK)
        for part, size in (("month", 12), ("weekday", 7), ("hour", 24))
        for shares in [column.get(part)]
    )


def _dates_fit(column: dict[str, Any]) -> bool:
    """Return whether mean and median are within the dates of the training table."""
    inside = (column["mean"], column["mean"] if column.get("median") is None else column["median"])
    return all(column["first"] <= day <= column["last"] for day in inside)


def _range_fits(column: dict[str, Any]) -> bool:
    """Return whether the least and the largest value are both absent, or present and in this order."""
    low, high = column.get("low"), column.get("high")
    return low is high if low is None or high is None else bool(low <= high)


def _column(value: Any, place: str) -> None:
    """Check a column of the encoder according to its kind."""
    record({"kind": one_of(*_KINDS), "name": _NAME})(value, place)
    _KINDS[value["kind"]](value, place)


_NAME = string(1, MAX_NAME)
_BOOL = predicate("True or False", lambda v: type(v) is bool)
_ATOM = predicate("None, text, True, False or a number", _is_atom)
_PLAIN = by_type({list: list_of(_ATOM), tuple: list_of(_ATOM)}, _ATOM)
_PARAMETER = by_type({dict: dict_of(_NAME, _PLAIN)}, _PLAIN)
_SHARE = real(0, 1)
_DAY = real(-719_162, 2_932_897)  # the years 1 to 9999, in days since 1970-01-01

_CELLS = by_type({list: list_of(_ATOM)}, tensor(float64, axes=(1,)))
_TARGETS = by_type({list: list_of(_ATOM)}, tensor(float64, axes=(1,), most=MAX_WEIGHT))
_LABELS = by_type({list: list_of(_ATOM)}, tensor(int64, axes=(1,)))
_TABLE = all_of(dict_of(_NAME, _CELLS), rule("columns of one length", _one_length))

_NUMERIC = all_of(
    record(
        {"mean": real(), "scale": real(SMALLEST_NORMAL)},
        {
            "log": _BOOL,
            "median": optional(real()),
            "missing": _SHARE,
            "low": optional(real()),
            "high": optional(real()),
            "floor": optional(real(SMALLEST_NORMAL)),
            "gaps": list_of(_NAME),
        },
    ),
    rule("moments of positive numbers for a logarithm", _log_fits),
    rule("a share of missing values below 1, none without a median", _gaps_fit),
    rule("a least value of at most the largest", _range_fits),
)

_KNOTS = all_of(
    list_of(real()),
    rule("at least 2 ascending knots", lambda v: len(v) >= 2 and all(a < b for a, b in pairwise(v))),
)

_PAIR = record(
    {
        "first": integer(0),
        "second": integer(0),
        "sign": predicate("1 or -1", lambda v: type(v) is float and abs(v) == 1),
        "mean": real(),
        "scale": real(SMALLEST_NORMAL),
        "knots": _KNOTS,
    }
)

_KINDS: dict[str, Validator] = {
    "numeric": _NUMERIC,
    "hats": all_of(_NUMERIC, record({"knots": _KNOTS})),
    "categorical": all_of(
        record(
            {"levels": list_of(_NAME), "shares": list_of(_SHARE)},
            {"others": list_of(_NAME), "gaps": list_of(_NAME)},
        ),
        rule("at least one level", lambda v: len(v["levels"]) >= 1),
        rule("different levels", lambda v: len(set(v["levels"])) == len(v["levels"])),
        rule("a share for every level", lambda v: len(v["shares"]) == len(v["levels"])),
        rule("shares that add up to 1", lambda v: abs(math.fsum(v["shares"]) - 1) <= SUM_SLACK),
    ),
    "date": all_of(
        record(
            {"mean": _DAY, "scale": real(1e-12, 1e7), "first": _DAY, "last": _DAY},
            {
                "month": list_of(_SHARE),
                "weekday": list_of(_SHARE),
                "hour": list_of(_SHARE),
                "median": optional(_DAY),
                "missing": _SHARE,
                "time": _BOOL,
                "utc": _BOOL,
                "day_first": optional(_BOOL),
                "gaps": list_of(_NAME),
            },
        ),
        rule("shares of 12 months, 7 weekdays and 24 hours that add up to 1", _calendar_fits),
        rule("a mean and a median between the first and the last date", _dates_fit),
        rule("a share of missing values below 1, none without a median", _gaps_fit),
    ),
    "dropped": record({}),
}
_ENCODER = all_of(
    list_of(_column),
    rule("columns of different names", lambda v: len({column["name"] for column in v}) == len(v)),
)

_WEIGHTS = dict_of(_NAME, tensor(float64, axes=(1, 2), most=MAX_WEIGHT))
_ENTRIES = record({"entries": tensor(float32, float64, axes=(4,), most=MAX_WEIGHT)})

_EPOCH: dict[str, Validator] = {
    "epoch": integer(1),
    "train_loss": real(),
    "validation_loss": real(),
    "learning_rate": real(0),
    "seconds": real(),
}
_NUMBER_OR_NAN = predicate("a number or NaN", lambda v: type(v) is float and not math.isinf(v))
_EPOCHS = record({key: list_of(validator) for key, validator in _EPOCH.items()})
_HISTORY = all_of(
    dict_of(_NAME, list_of(_ATOM)),
    rule("columns of one length", _one_length),
    lambda value, place: _EPOCHS(value, place) if value else None,
)

BARE = dict_of(_NAME, tensor(float32, float64, int64, axes=(0, 1, 2, 3, 4), most=MAX_WEIGHT))
"""A bare state dict; :mod:`spectral_interp.conversion.published` checks which tensors form a model."""

_FINGERPRINTS = all_of(
    tensor(int64, axes=(1,)),
    rule(f"at most {MOST_FINGERPRINTS:,} numbers", lambda v: len(v) <= MOST_FINGERPRINTS),
    rule("ascending numbers", lambda v: bool((v[1:] > v[:-1]).all())),
)

_RUNG = record(
    {
        "form": one_of("single", "sum"),
        "inputs": string(1, MAX_NAME),
        "held_out_loss": real(0, math.inf),
        "parameters": integer(0),
        "epochs": integer(0),
        "chosen": _BOOL,
    },
    {"decay": optional(_NUMBER_OR_NAN)},
)

MODEL_STATE = record(
    {
        "task": one_of("regression", "classification"),
        "parameters": dict_of(_NAME, _PARAMETER),
        "weights": lambda v, place: (_ENTRIES if type(v) is dict and "entries" in v else _WEIGHTS)(v, place),
        "encoder": _ENCODER,
        "target": string(0, MAX_NAME),
        "named": _BOOL,
        "classes": optional(list_of(by_type({str: string(0, MAX_NAME)}, _ATOM))),
        "background": _TABLE,
        "heldout": optional(
            record(
                {"rows": _TABLE, "targets": record({"y": _TARGETS})},
                {"labels": _LABELS, "label_name": string(0, MAX_NAME)},
            )
        ),
        "history": _HISTORY,
        "made_by": dict_of(_NAME, _ATOM),
    },
    {
        "seed": integer(0, 2**32 - 1),
        "baselines": optional(dict_of(_NAME, _WEIGHTS)),
        "background_of": optional(integer(1)),
        "trained_on": optional(_FINGERPRINTS),
        "form": one_of("single", "sum"),
        "pairs": list_of(_PAIR),
        "rungs": all_of(
            list_of(_RUNG),
            rule("one chosen form", lambda rungs: not rungs or sum(rung["chosen"] for rung in rungs) == 1),
        ),
    },
)

_STATE = tensor(float64, axes=(1,), most=MAX_WEIGHT)

_RUN = record(
    {
        "weights": _STATE,
        "average": _STATE,
        "moments": tensor(float64, axes=(2,)),
        "best_weights": _STATE,
        "steps": integer(0),
        "generator": tensor(uint8, axes=(1,)),
        "history": list_of(record(_EPOCH)),
        "best": list_of(real(high=math.inf)),
    }
)

_LANES = tensor(float32, axes=(4,), most=MAX_STANDARDISED)
_MOMENTS = tensor(float32, axes=(4,), most=FINITE)
_MEMBER_EPOCHS = list_of(record(_EPOCH | {"validation_loss": _NUMBER_OR_NAN}))

_MEMBER = {"weights": _LANES, "average": _LANES, "mean": _MOMENTS, "square": _MOMENTS, "steps": integer(0)}
_FACTORS = {"factors": tensor(float32, axes=(5,), most=FINITE)}
_NEURON = {"weights": _STATE, "average": _STATE, "moments": tensor(float64, axes=(2,)), "steps": integer(0)}

_TAPE = record(
    {
        "finished": dict_of(_NAME, record({"history": _MEMBER_EPOCHS}, {"average": _LANES})),
        "running": dict_of(
            _NAME,
            record(
                {**_MEMBER, "warm": tensor(float32, axes=(3,)), "history": _MEMBER_EPOCHS},
                _FACTORS,
            ),
        ),
    }
)

_STREAM = record(
    {
        "done": integer(0),
        "losses": list_of(_NUMBER_OR_NAN),
        "history": _MEMBER_EPOCHS,
        "fits": list_of(
            lambda v, place: (
                record(_NEURON) if type(v) is dict and "moments" in v else record(_MEMBER, _FACTORS)
            )(v, place)
        ),
    }
)

CHECKPOINT_STATE = all_of(
    record(
        {"identity": dict_of(_NAME, by_type({dict: dict_of(_NAME, _PARAMETER)}, _ATOM))},
        {"run": _RUN, "tape": _TAPE, "starts": _STREAM, "stream": _STREAM},
    ),
    rule("a run, a tape or passes over a stream", lambda v: v.keys() & {"run", "tape", "starts", "stream"}),
)
