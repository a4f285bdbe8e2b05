"""The bound of one cell alone, before any search."""

import numpy as np
import pytest

from spectral_interp import Pencil, counterfactual
from spectral_interp.nearest.allowed import allowed_columns
from spectral_interp.nearest.crossings import first_crossing
from spectral_interp.nearest.goals import goal_of
from spectral_interp.nearest.moves import NORMS, Norm
from spectral_interp.nearest.stars import Stars
from spectral_interp.view import LevelsAxis, ModelView, NumberAxis, Output, Rows

SLACK = 1e-9


@pytest.mark.parametrize("norm", NORMS)
def test_no_point_below_the_first_crossing_reaches_zero(norm):
    """The bound of a whole region alone, before any search: at its cost in all directions, and in corners."""
    rng, tight = np.random.default_rng(0), 0
    for _ in range(12):
        p, k = int(rng.integers(2, 5)), int(rng.integers(3))
        pencil = Pencil(rng.normal(size=(p + 1, 3)), rng.normal(size=(p + 1, 2)), k)
        target = float(pencil.values(np.zeros((1, p)))[0]) + float(rng.choice([0.3, 1.0, 3.0]))
        goal, rows = goal_of(pencil, np.zeros((1, p)), target, None, None)
        limits = {f"z{i}": (-float(rng.uniform(0.3, 3)), 2.0) for i in range(p)}
        free = allowed_columns(rows.view, np.zeros(p), rows, [], limits, None)
        stars = Stars(goal.conditions[0], free, np.zeros(p), Norm(norm))
        found = first_crossing(stars, stars.star(stars.region.root), 30.0, p)
        if np.isinf(found.cost):
            continue
        low, high = np.array([[limits[f"z{i}"][side] for i in range(p)] for side in (0, 1)])
        u = np.where(rng.random((4000, p)) < 0.5, rng.uniform(low, high, (4000, p)), 0.0)
        u = np.concatenate([u, np.diag(low), np.diag(high)])
        costs = Norm(norm).total(Norm(norm).costs(free, np.zeros(p), u))
        if norm != "columns":
            u *= np.minimum(1.0, found.cost / np.maximum(costs, 1e-12))[:, None]
        f = stars.region.values(u[(norm != "columns") | (costs < found.cost * (1 - 1e-9))])
        assert f.max() <= SLACK
        tight += f.max() > -0.05 * (target - float(pencil.values(np.zeros((1, p)))[0]))
    assert tight >= (0 if norm == "columns" else 1)


def test_what_is_left_after_a_cap_may_be_less_than_a_whole_step():
    """f = a + b / 2 with a up to 1: to reach 1.2 a whole b rises by 1 and a by 0.7, less than its cap."""
    numbers = NumberAxis("a", low=-1.0, high=1.0), NumberAxis("b", low=-9.0, high=9.0)
    levels = NumberAxis("a", low=-1.0, high=1.0), LevelsAxis("b", ("x", "y"), (1.0, 0.0))
    for axes, slopes in ((numbers, [1.0, 0.5]), (levels, [1.0, 0.0, 0.5])):
        pencil = Pencil([[0.0], *np.array(slopes)[:, None]], np.empty((1 + len(slopes), 0)), 0)
        background = np.zeros((2, len(slopes)))
        background[0, 0] = 0.5
        view = ModelView(pencil, axes, Output("u"), background)
        data = [[0.0, "x" if axes is levels else 0.0]]
        z = np.hstack([axis.encode([value]) for axis, value in zip(axes, data[0], strict=True)])
        row = Rows(view, z, np.array(data, dtype=object), np.arange(1))
        target = float(row.prediction[0]) + 1.2
        goal, rows = goal_of(view, row, target, None, None)
        free = allowed_columns(view, np.zeros(2), rows, [], None, None)
        stars = Stars(goal.conditions[0], free, np.zeros(2), Norm("scaled l1"))
        for top in (2.1, 30.0):
            assert first_crossing(stars, stars.star(stars.region.root), top, 2).cost <= 1.7
        found = counterfactual(view, row, target=target, rtol=1e-3)
        assert found.distance == pytest.approx(1.7)
        assert found.lower == pytest.approx(1.7, rel=1e-3)
