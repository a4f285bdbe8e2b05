"""A function about a point, and columns that go back to where they were, several at a time."""

import numpy as np
import pytest

from spectral_interp import Pencil
from spectral_interp.boxes.about import About
from spectral_interp.boxes.limits import Region, free_columns
from spectral_interp.boxes.ranges import coordinates
from spectral_interp.nearest.allowed import allowed_columns
from spectral_interp.nearest.descent import TOGETHER, Descent
from spectral_interp.nearest.goals import goal_of
from spectral_interp.nearest.moves import Norm, legal
from spectral_interp.nearest.stars import Stars
from tests.boxes.test_ranges import random_limits
from tests.certificates.attack_sums import draw


@pytest.mark.parametrize("seed", range(6))
def test_about_a_point_f_is_that_of_all_columns(seed):
    """Of numbers, knots, gaps, levels, dates and pairs."""
    view, _, rows, rng = draw(seed, n=8)
    free = free_columns(view, random_limits(view, rng), rows)
    region = Region(view, free, coordinates(view, rows.take([0])))
    nodes = [np.append(column.nodes(column.whole), column.middle(column.whole)) for column in free]
    points = np.column_stack([rng.choice(u, size=20) for u in nodes])
    expected, scale = region.values(points), 1 + np.abs(region.values(points)).max()
    about = About.at(region, points[0])
    np.testing.assert_allclose(about.values(points), expected, atol=1e-12 * scale)
    for point in points:
        about = about.to(point)
    np.testing.assert_allclose(about.values(points), expected, atol=1e-11 * scale)


def one_by_one(descent, u):
    """Return a point after its columns have gone back one by one, from the function of all columns."""
    u = u.copy()
    for at in np.argsort(np.abs(u - descent.start), kind="stable"):
        back = u.copy()
        back[at] = descent.start[at]
        low, high = 0.0, 1.0
        if descent.reached(back[None])[0] < 0:
            for _ in range(34):
                middle = (low + high) / 2
                back[at] = legal(descent.free[at], descent.start[[at]] + middle * (u - descent.start)[[at]])[
                    0
                ]
                low, high = (low, middle) if descent.reached(back[None])[0] >= 0 else (middle, high)
            back[at] = descent.start[at] + high * (u[at] - descent.start[at])
        u = back if descent.reached(back[None])[0] >= 0 else u
    return u


@pytest.mark.parametrize("seed", range(2))
def test_columns_that_go_back_together_go_as_far_as_one_by_one(seed):
    """Of a convex function, which a column reaches from one end of its way alone."""
    rng, p = np.random.default_rng(seed), TOGETHER + 12
    pencil = Pencil(rng.normal(size=(p + 1, 3)), rng.normal(size=(p + 1, 2)), -1)
    start = np.zeros((1, p))
    u = rng.normal(size=p)
    target = float(0.4 * pencil.values(start)[0] + 0.6 * pencil.values(u[None])[0])
    goal, rows = goal_of(pencil, start, target, None, None)
    limits = {f"z{i}": (-5, 5) for i in range(p)}
    free = allowed_columns(rows.view, start[0], rows, [], limits, None)
    norm = Norm("scaled l1")
    descent = Descent([Stars(goal.conditions[0], free, start[0], norm)], free, start[0], norm, p)
    assert descent.reached(u[None])[0] >= 0
    got, expected = descent._back(u), one_by_one(descent, u)
    assert descent.reached(got[None])[0] >= 0
    assert 0 < (got != 0).sum() < p
    np.testing.assert_allclose(got, expected, atol=1e-8)
