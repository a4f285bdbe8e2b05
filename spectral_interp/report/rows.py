"""Contributions of every explained row and to every class, in the form that the report's pickers read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._common.text import class_text, percent, row_text, visible
from ..attribution.result import Attribution
from ..plots.class_contrasts import places_of
from ..plots.classes import by_frequency, contrast, raised_by, typical
from ..plots.text import shorten, value_text
from .subject import Subject

Mask = npt.NDArray[np.bool_]

STEPS = 10
"""Number of columns with their own line in the picker. The other columns share one line."""

BOTH_ENDS = 7
"""Number of significant digits of base values, predictions and targets."""

WHOLE = 1e9
"""Limit below which whole numbers are written as integers, which are shorter."""


def picker_rows(subject: Subject) -> dict[str, Any]:
    """Return the contributions of every explained row as plain values, the largest first.

    A row is a list in the order of the keys of its method.

    Examples
    --------
    >>> import pandas as pd
    >>> from spectral_interp import SpectralRegressor
    >>> est = SpectralRegressor(form="single", dim=3, n_epochs=2, random_state=0)
    >>> est = est.fit(np.eye(20), np.arange(20.0))
    >>> X = pd.DataFrame(np.eye(20), columns=est.encoder_.table_names)
    >>> subject = Subject.explained(est, X, None, ["local"], most=None, compare_rows=0, seed=0)
    >>> data = picker_rows(subject)
    >>> len(data["methods"]["local"]["rows"]), data["methods"]["local"]["others"]
    (20, 10)
    """
    methods: dict[str, dict[str, Any]] = {}
    for name, attribution in subject.singled.items():
        places = subject.places(attribution)
        others = len(attribution.columns) - _singled_out(len(attribution.columns))
        rows = [_row(subject, attribution, i, int(place)) for i, place in enumerate(places)]
        methods[name] = {
            "others": others,
            "parts": attribution.coupling is not None,
            "refits": attribution.refit_deviation is not None,
            "keys": list(rows[0]),
            "rows": [list(row.values()) for row in rows],
        }
    places = subject.places(next(iter(subject.singled.values())))
    return {
        "unit": visible(subject.unit),
        "columns": [visible(name) for name in subject.first.columns],
        "start": int(min(places, key=lambda place: abs(place - subject.row))),
        "kink": "The eigenvalue of a neuron is" if subject.is_sum else "The eigenvalue is",
        "methods": methods,
        **({"classes": found} if (found := class_data(subject)) else {}),
    }


def _row(subject: Subject, attribution: Attribution, i: int, place: int) -> dict[str, Any]:
    """Return the picker's data for row ``i`` of an attribution, at ``place`` in the explained rows."""
    return {
        "place": place,
        "row": row_text(attribution.rows[i]),
        "base": _short(attribution.base_values[i], BOTH_ENDS),
        "prediction": _short(attribution.prediction[i], BOTH_ENDS),
        "degenerate": int(attribution.degenerate[i]),
        **_classes(subject, attribution, i),
        "target": _target(subject, place),
        "error": _error(subject, place),
        "steps": _steps(
            attribution.values[i],
            None if attribution.coupling is None else attribution.coupling[i],
            attribution.data[i],
            None if attribution.refit_deviation is None else attribution.refit_deviation[i],
        ),
    }


def _singled_out(columns: int) -> int:
    """Return the number of columns with their own line. A single remaining column also has one."""
    return columns if columns <= STEPS + 1 else STEPS


def _steps(values: Any, coupling: Any, data: Any, deviation: Any) -> list[list[Any]]:
    """Return [column, value, contribution, coupling, refit deviation]; the column is None for the others."""
    order, most = np.argsort(-np.abs(values), kind="stable"), _singled_out(len(values))
    steps: list[list[Any]] = [
        [
            int(j),
            visible(value_text(data[j])),
            _short(values[j]),
            None if coupling is None else _short(coupling[j]),
            None if deviation is None else _short(deviation[j]),
        ]
        for j in order[:most]
    ]
    rest = order[most:]
    if len(rest):
        steps.append(
            [
                None,
                "",
                _short(values[rest].sum()),
                None if coupling is None else _short(coupling[rest].sum()),
                None,
            ]
        )
    return steps


def _short(value: float, digits: int = 5) -> float | int:
    """Return a number rounded to the digits that a waterfall can show, as an integer if it is whole."""
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < WHOLE else short


def _target(subject: Subject, row: int) -> float | str | None:
    """Return the target: a number, or the label of a class."""
    target = float(subject.targets[row])
    if np.isnan(target):
        return None
    return visible(subject.labels[int(target)]) if subject.labels else _short(target, BOTH_ENDS)


def _error(subject: Subject, row: int) -> float | None:
    """Return the error of a prediction: its distance from the target, or the log-odds against the target."""
    error = float(subject.errors[row])
    return None if np.isnan(error) else _short(error)


def _classes(subject: Subject, attribution: Attribution, i: int) -> dict[str, str]:
    """Return the unit of a row and the probability of its class, as text; nothing for a regressor."""
    if attribution.probability is None:
        return {}
    own = subject.classes[1] if attribution.output is None else class_text(attribution.output[i])
    chance = percent(float(attribution.probability[i]))
    return {
        **({"unit": visible(attribution.unit_of(i))} if subject.is_many else {}),
        "chance": visible(f"probability of {own} {chance}"),
        "brief": visible(f"{shorten(own)}, {chance}" if subject.is_many else chance),
    }


def class_data(subject: Subject) -> dict[str, Any] | None:
    """Return the contributions to every class, against the mean of all and against every other class.

    If there are many classes, only the most frequent are included. The result is None for regressors and
    models with two classes.
    """
    if not subject.is_many:
        return None
    found, labels = subject.of_classes, list(subject.of_classes)
    own = places_of(found, subject.truth)
    chosen = by_frequency(np.bincount(own, minlength=len(labels)))
    parts = [found[labels[at]] for at in chosen]
    rows = [own == at for at in chosen]
    whole = np.ones(len(own), dtype=bool)
    mean = [_outputs(part, whole, row, ~row) for part, row in zip(parts, rows, strict=True)]
    pairs = [
        [
            None if a == b else _outputs(contrast(parts[a], parts[b]), rows[a] | rows[b], rows[a], rows[b])
            for b in range(len(parts))
        ]
        for a in range(len(parts))
    ]
    return {
        "names": [visible(class_text(labels[at])) for at in chosen],
        "left": len(labels) - len(chosen),
        "others": len(subject.first.columns) - _singled_out(len(subject.first.columns)),
        "mean": mean,
        "pairs": pairs,
    }


def _outputs(part: Attribution, rows: Mask, one: Mask, other: Mask) -> dict[str, Any]:
    """Return the columns with the largest mean |contribution| at some rows, with typical values.

    A step is [column, size, raised by, typical value in the class, typical value in the other class].
    """
    count = int(rows.sum())
    if not count:
        return {"rows": 0, "steps": []}
    sizes = np.abs(part.values[rows]).mean(axis=0)
    order, most = np.argsort(-sizes, kind="stable"), _singled_out(len(sizes))
    here = part[rows]
    steps: list[list[Any]] = [
        [
            int(at),
            _short(sizes[at]),
            visible(raised_by(here, at)),
            *(visible(typical(part, at, side)) for side in (one, other)),
        ]
        for at in order[:most].tolist()
    ]
    if most < len(sizes):
        steps.append([None, _short(sizes[order[most:]].sum()), "", "", ""])
    return {"rows": count, "steps": steps}
