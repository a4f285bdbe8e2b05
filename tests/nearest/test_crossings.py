"""The bound of one cell alone, before any search."""

import numpy as np
import pytest

from spectral_interp import Pencil, counterfactual
from spectral_interp.boxes.limits import limited
from spectral_interp.nearest.allowed import allowed_columns
from spectral_interp.nearest.crossings import first_crossing
from spectral_interp.nearest.goals import goal_of
from spectral_interp.nearest.moves import NORMS, Norm
from spectral_interp.nearest.stars import Stars
from spectral_interp.view import LevelsAxis, ModelView, NumberAxis, Output, Pair, Rows

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


@pytest.mark.parametrize("way", [1.0, -1.0])
@pytest.mark.parametrize("q0", [0.0, 0.25])
def test_a_pair_is_straight_to_its_next_knot_and_bends_exactly_at_those_beyond(q0, way, rng):
    """From a knot, and from between two, up and down: against the matrices of the function itself."""
    pair = Pair(0, 1, sign=-1.0, mean=0.5, scale=2.0, knots=(-2.0, -1.0, 0.0, 1.0, 2.0))
    pencil = Pencil(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), 2)
    axes = NumberAxis("a"), NumberAxis("b")
    view = ModelView(pencil, axes, Output("u"), np.zeros((1, 7)), pairs=(pair,))
    start = np.array([2 * q0 - 0.25, -0.75])
    limits = sorted([start[0], start[0] + 5 * way])
    stars = Stars(view, [limited(0, axes[0], tuple(limits))], start, Norm("scaled l1"))
    star = stars.star(stars.region.root)

    def rest(t):
        z = view.placed(np.array([[start[0] + way * t, start[1]]]))
        straight = star.bases[0, 0] + t * star.rays[0, 0]
        return np.tensordot(z[0], pencil.matrices[1:], axes=1) + pencil.matrices[0] - straight

    to_knots = sorted(2 * way * (knot - q0) for knot in pair.knots if 0 < way * (knot - q0) < 2.5)
    for t in np.linspace(0, to_knots[0], 5):
        np.testing.assert_allclose(rest(t), 0, atol=1e-12)
    ((_, bends, rates),) = star.bends
    for t in [*to_knots[1:], 5.0]:
        apart = np.abs(rest(t) - rates[0] * t * bends[:, 0]).max(axis=(1, 2))
        assert apart.min() < 1e-12
    most = max(np.linalg.eigvalsh(bends[:, 0]).max(), 0.0)
    assert all(
        np.linalg.eigvalsh(rest(t)).max() <= rates[0] * t * most + 1e-12 for t in np.linspace(0, 5, 50)
    )


@pytest.mark.parametrize("norm", ["scaled l1", "l2"])
def test_a_change_of_level_costs_one_even_if_a_part_of_it_would_do(norm):
    """From x to y f rises by 5: the target of 1 is not reached at a fifth of the change."""
    axis = LevelsAxis("b", ("x", "y"), (1.0, 0.0))
    view = ModelView(
        Pencil([[0.0], [0.0], [5.0]], np.empty((3, 0)), 0), (axis,), Output("u"), np.zeros((1, 2))
    )
    row = Rows(view, np.array([[1.0, 0.0]]), np.array([["x"]], dtype=object), np.arange(1))
    goal, rows = goal_of(view, row, float(row.prediction[0]) + 1.0, None, None)
    free = allowed_columns(view, np.zeros(1), rows, [], None, None)
    stars = Stars(goal.conditions[0], free, np.zeros(1), Norm(norm))
    assert first_crossing(stars, stars.star(stars.region.root), 30.0, 1).cost == pytest.approx(1.0, abs=0.02)
