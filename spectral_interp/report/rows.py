"""The contributions of every explained row, as the report's row picker reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._common.text import row_text, visible
from ..plots.text import value_text
from .subject import Subject

STEPS = 10
"""Columns of a row in the picker; the rest is one line."""


def picker_rows(subject: Subject) -> dict[str, Any]:
    """Return the contributions of every explained row, the largest first, as plain values.

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
    for name, attribution in subject.attributions.items():
        places = subject.places(attribution)
        others = len(attribution.columns) - _singled_out(len(attribution.columns))
        methods[name] = {
            "others": others,
            "parts": attribution.coupling is not None,
            "refits": attribution.refit_deviation is not None,
            "rows": [
                {
                    "place": int(place),
                    "row": row_text(attribution.rows[i]),
                    "base": _short(attribution.base_values[i]),
                    "prediction": _short(attribution.prediction[i]),
                    "degenerate": bool(attribution.degenerate[i]),
                    "target": _target(subject, int(place)),
                    "error": _error(subject, int(place)),
                    "steps": _steps(
                        attribution.values[i],
                        None if attribution.coupling is None else attribution.coupling[i],
                        attribution.data[i],
                        None if attribution.refit_deviation is None else attribution.refit_deviation[i],
                    ),
                }
                for i, place in enumerate(places)
            ],
        }
    first = next(iter(methods.values()))
    nearest = min(first["rows"], key=lambda row: abs(row["place"] - subject.row))
    return {
        "unit": visible(subject.unit),
        "columns": [visible(name) for name in subject.first.columns],
        "start": nearest["place"],
        "kink": "The eigenvalue of a neuron is" if subject.is_sum else "The eigenvalue is",
        "methods": methods,
    }


def _singled_out(columns: int) -> int:
    """Return how many of the columns have a line of their own: one alone is not called others."""
    return columns if columns <= STEPS + 1 else STEPS


def _steps(values: Any, coupling: Any, data: Any, deviation: Any) -> list[list[Any]]:
    """Return [column, value, contribution, coupling, refit deviation] of the largest; None for all others."""
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


def _short(value: float) -> float:
    """Return a number with as many digits as a waterfall can show."""
    return float(f"{value:.7g}")


def _target(subject: Subject, row: int) -> float | str | None:
    """Return the target: a number, or the class as the model calls it."""
    target = float(subject.targets[row])
    if np.isnan(target):
        return None
    return visible(subject.classes[int(target)]) if subject.classes else target


def _error(subject: Subject, row: int) -> float | None:
    """Return how wrong a prediction is: its distance from the target, or the log-odds against it."""
    target, prediction = float(subject.targets[row]), float(subject.prediction[row])
    if np.isnan(target):
        return None
    if subject.classes:
        return -prediction if target else prediction
    return abs(prediction - target)
