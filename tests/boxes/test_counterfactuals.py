"""Nearest changes: under attack, by brute force, in closed form, on tables, and what they say."""

import itertools

import numpy as np
import pandas as pd
import pytest

from spectral_interp import DensePencil, Pencil, SpectralClassifier, counterfactual
from spectral_interp.boxes.goals import goal_of
from spectral_interp.boxes.moves import Norm
from spectral_interp.pencil import Total
from spectral_interp.view import ClassesView, DateAxis, HatsAxis, LevelsAxis, ModelView, NumberAxis, Output, Pair, Rows
from tests.boxes.test_ranges import points, random_limits
from tests.certificates.attack_sums import draw
from tests.certificates.mixed import mixed
from tests.sums import encoded

SLACK = 1e-9
NORMS = ("scaled l1", "l2", "columns")


def rows_at(view, values):
    """Return one row of a view of numbers, in its own units."""
    z = view.placed(np.array([[axis.coordinates(x) for axis, x in zip(view.axes, values, strict=True)]], float))
    return Rows(view, z, np.array([values], dtype=object), np.arange(1))


def costs_of(view, start, columns, norm):
    """Return what changes from a row's values to columns of values cost: from the definition."""
    costs = []
    for axis, old, new in zip(view.axes, start, columns, strict=True):
        u, v = axis.coordinates(np.array([old], dtype=object)), axis.coordinates(np.asarray(new, dtype=object))
        moved = ~((u == v) | (np.isnan(u) & np.isnan(v)))
        far = np.where(np.isnan(u - v), 1.0, np.abs(u - v)) if not isinstance(axis, LevelsAxis) else 1.0
        costs.append(np.where(moved, 1.0 if norm == "columns" else far, 0.0))
    return np.linalg.norm(costs, axis=0) if norm == "l2" else np.sum(costs, axis=0)


def with_row(axis, limit, value):
    """Return limits widened to a row's value."""
    missing = value is None or value != value
    if isinstance(axis, LevelsAxis):
        return [*limit, value]
    ends = [end for end in limit if end is not None]
    gap = [None] if missing or len(ends) < len(limit) else []
    if not missing:
        ends = [min([*ends, value]), max([*ends, value])]
    return tuple(ends + gap)


def attack(seed, n, norm):
    """Check the nearest change of a row of a random total against points and points on the way to them."""
    view, _, rows, rng = draw(seed, n=8)
    at = int(rng.integers(8))
    row, limits = rows.take([at]), random_limits(view, rng)
    limits = {
        name: with_row(view.axis(name), limit, row.data[0][view.columns.index(name)])
        for name, limit in limits.items()
        if name != "city" or row.data[0][view.columns.index(name)] != "Atlantis"
    }
    columns = points(view, row.data[0], limits, rng, n)
    f = view.function.values(encoded(view, columns))
    f0 = float(row.prediction[0])
    target = float(np.quantile(f, rng.choice([0.02, 0.3, 0.7, 0.98])))
    if not limits or abs(target - f0) < 1e-9 * (1 + abs(f0)) or f.max() - f.min() < 1e-9:
        return 0
    kind = {"output": "yes"} if view.output.classes else {}
    fixed = [name for name in view.columns if name not in limits]
    found = counterfactual(
        view, row, target=target, limits=limits, fixed=fixed, norm=norm, max_evaluations=12, **kind
    )
    sign = 1.0 if target > f0 else -1.0
    check_found(view, row, found, sign, target, norm)
    slack = SLACK * (1 + np.abs(f).max())
    starts = [np.array([value] * n, dtype=object) for value in row.data[0]]
    for _ in range(3):
        reached = sign * (view.function.values(encoded(view, columns)) - target) >= slack
        if reached.any():
            assert costs_of(view, row.data[0], columns, norm)[reached].min() >= found.lower * (1 - 1e-9)
        back = rng.random((len(columns), n)) < 0.4
        columns = [
            np.where(own, start, np.asarray(column, dtype=object))
            for own, start, column in zip(back, starts, columns, strict=True)
        ]
        columns = [typed(view.axes[i], column) for i, column in enumerate(columns)]
    return n


def typed(axis, column):
    if isinstance(axis, LevelsAxis):
        return column
    if isinstance(axis, DateAxis):
        return np.array([np.datetime64("NaT") if v is None else v for v in column], dtype="datetime64[us]")
    return column.astype(float)


def check_found(view, row, found, sign, target, norm):
    assert found.lower <= found.distance
    if found.found is None:
        return
    at = [typed(axis, np.array([v], dtype=object)) for axis, v in zip(view.axes, found.found, strict=True)]
    value = view.function.values(encoded(view, at))[0]
    assert sign * (value - target) >= -SLACK * (1 + abs(target))
    assert value == pytest.approx(found.reached, abs=SLACK * (1 + abs(value)))
    cost = costs_of(view, row.data[0], at, norm)[0]
    assert cost == pytest.approx(found.distance, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("ten", range(3))
def test_random_totals_survive(ten, norm):
    tried = [attack(seed, 500, norm) for seed in range(10 * ten, 10 * ten + 10)]
    assert np.count_nonzero(tried) >= 4


@pytest.mark.long
def test_500_random_totals_survive(record_property):
    tried = sum(attack(seed, 2000, NORMS[seed % 3]) for seed in range(500))
    record_property("tally", ("nearest changes", tried, 0, 0.0))
