"""Hat functions, numbers with knots and pairs, against interpolation, brute force and finite differences."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

from spectral_interp.view import HatsAxis, NumberAxis, Pair
from spectral_interp.view.hats import hats, mean_hats, segments, slopes
from tests.sums import encoded, random_sum, random_table


def some_knots(rng):
    return np.sort(rng.normal(size=int(rng.integers(2, 7)))) * 2


@pytest.mark.parametrize("seed", range(20))
def test_hats_interpolate_and_their_end_segments_go_on(seed):
    rng = np.random.default_rng(seed)
    knots = some_knots(rng)
    c, u = rng.normal(size=len(knots)), np.concatenate([rng.normal(size=40) * 4, knots])
    line = make_interp_spline(knots, c, k=1)  # extrapolates its first and its last piece
    np.testing.assert_allclose(hats(u, knots) @ c, line(u), atol=1e-9 * np.abs(line(u)).max())
    np.testing.assert_allclose(hats(u, knots).sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(hats(u, knots) @ knots, u, atol=1e-9)
    assert ((hats(u, knots) != 0).sum(axis=1) <= 2).all()
    apart = u[np.abs(u[:, None] - knots).min(axis=1) > 1e-4]
    h = 1e-5
    found = (hats(apart + h, knots) - hats(apart - h, knots)) / (2 * h)
    np.testing.assert_allclose(slopes(apart, knots), found, rtol=1e-4, atol=1e-4)
    right = (hats(knots + 1e-7, knots) - hats(knots, knots)) / 1e-7
    np.testing.assert_allclose(slopes(knots, knots), right, rtol=1e-3, atol=1e-4 * np.abs(right).max())


@pytest.mark.parametrize("seed", range(20))
def test_segments_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    knots = some_knots(rng)
    u = np.concatenate([rng.normal(size=40) * 4, knots])
    place, share = segments(u, knots)
    for x, at, passed in zip(u, place, share, strict=True):
        expected = max([m for m in range(len(knots) - 1) if knots[m] <= x], default=0)
        assert at == expected
        assert knots[at] + passed * (knots[at + 1] - knots[at]) == pytest.approx(x, abs=1e-9)
    assert ((share >= 0) | (place == 0)).all()
    assert ((share < 1) | (place == len(knots) - 2)).all()


@pytest.mark.parametrize("seed", range(20))
def test_means_of_hats_are_means(seed):
    rng = np.random.default_rng(seed)
    knots, u = some_knots(rng), rng.normal(size=9) * 3
    shifts = np.concatenate([rng.normal(size=12) * 2, knots[:1] - u[0], knots[-1:] - u[0]])  # some at a knot
    expected = np.mean([hats(u + shift, knots) for shift in shifts], axis=0)
    np.testing.assert_allclose(
        mean_hats(u, shifts, knots), expected, atol=1e-9 * (1 + np.abs(expected).max())
    )
    np.testing.assert_allclose(mean_hats(u, shifts[:1], knots), hats(u + shifts[0], knots), atol=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_pairs_are_hats_of_sums_and_differences(seed):
    rng = np.random.default_rng(seed)
    view = random_sum(rng)
    z = encoded(view, random_table(rng, 30))
    at = len(view.column_of)
    for pair, own in zip(view.pairs, view.pair_own, strict=True):
        assert own == slice(at, at + len(pair.knots))
        first, second = (view.positions(z, place) for place in pair.columns)
        u = (first + pair.sign * second - pair.mean) / pair.scale
        np.testing.assert_allclose(z[:, own], hats(u, pair.knots), atol=1e-12)
        at = own.stop
    np.testing.assert_array_equal(view.with_pairs(z[:, : len(view.column_of)]), z)
    alone = replace(view, pairs=())
    np.testing.assert_array_equal(alone.with_pairs(z[:, : len(view.column_of)]), z[:, : len(view.column_of)])


@pytest.mark.parametrize("seed", range(6))
def test_a_moved_row_is_the_table_with_the_column_changed(seed):
    """A row with one column at other values, pairs included, is what encoding the changed table gives."""
    rng = np.random.default_rng(seed)
    view, table = random_sum(rng), random_table(rng, 3)
    z = encoded(view, table)
    for place, axis in enumerate(view.axes):
        u = np.arange(3.0) if axis.kind == "levels" else np.round(rng.normal(size=4) * 400) / 400
        changed = [np.repeat(column[1:2], len(u)) for column in table]
        changed[place] = axis.values(u)
        moved = view.moved(z[1], axis.name, axis.coordinates(changed[place]))
        np.testing.assert_allclose(moved, encoded(view, changed), atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_input_slopes_are_derivatives_of_the_prediction(seed):
    rng = np.random.default_rng(seed)
    view = random_sum(rng, pairs=seed % 2 == 0)
    x, h = view.inputs(encoded(view, random_table(rng, 40))), 1e-6
    x[:, [0, 2]] += 1e-3 * rng.normal(size=(40, 2))  # away from the median, which may lie at a knot
    z = view.from_inputs(x)
    np.testing.assert_allclose(view.inputs(z), x, atol=1e-9)
    _, g = view.function.values_and_gradients(z)
    found = view.input_slopes(z, g)
    assert found.shape == x.shape
    for i in range(x.shape[1]):
        step = h * np.eye(x.shape[1])[i]
        ends = [view.function.values(view.from_inputs(x + sign * step)) for sign in (1, -1)]
        close = np.abs((ends[0] - ends[1]) / (2 * h) - found[:, i]) <= 1e-4 * (1 + np.abs(found[:, i]))
        assert close.mean() >= 0.95  # a row may lie within h of a knot or a crossing


def test_input_slopes_at_a_knot_are_those_on_its_right():
    pair = Pair(0, 1, sign=-1.0, mean=0.0, scale=2.0, knots=(-1.0, 0.0, 1.0))
    rng = np.random.default_rng(0)
    view = random_sum(rng)
    axes = (HatsAxis("a", knots=(-1.0, 0.5, 2.0)), NumberAxis("b"))
    small = replace(view, axes=axes, pairs=(pair,))
    z = small.from_inputs(np.array([[0.5, 0.5]]))  # a at its knot, and the pair at its own
    per_feature = np.array([[1.0, 4.0, 10.0, 7.0, 2.0, 3.0, 8.0]])
    np.testing.assert_allclose(small.input_slopes(z, per_feature), [[4.0 + 5.0 / 2, 7.0 - 5.0 / 2]])
    whole = np.broadcast_to(np.eye(7), (1, 7, 7))
    along = small.input_slopes(z, whole)  # (1, 7, 2): one axis more in front of the features
    np.testing.assert_allclose(np.einsum("nfg,nf->ng", along, per_feature), [[6.5, 4.5]])
    np.testing.assert_allclose(small.along(z), along.transpose(0, 2, 1))


@pytest.mark.parametrize("knots", [(), (1.0,), (1.0, 1.0), (2.0, 1.0), (0.0, np.nan)])
def test_knots_ascend(knots):
    with pytest.raises(ValueError, match="at least 2 ascending knots for 'a'"):
        HatsAxis("a", knots=knots)
    with pytest.raises(ValueError, match="pair of columns 0 and 1"):
        Pair(0, 1, 1.0, 0.0, 1.0, knots)


@pytest.mark.parametrize("log", [False, True])
def test_hats_axes_answer_like_their_numbers(log):
    plain = NumberAxis("a", 0.5, 2.0, log=log, median=1.5, missing=0.25)
    axis = HatsAxis.of(plain, [-1.0, 0.0, 1.5])
    assert axis.plain == plain
    values = [0.1, np.nan, 700.0, 1.5]
    z = axis.encode(values)
    np.testing.assert_allclose(axis.decode(z), values, rtol=1e-9)
    np.testing.assert_allclose(axis.inputs(z), plain.encode(values), atol=1e-12)
    np.testing.assert_allclose(axis.from_inputs(plain.encode(values)), z)
    np.testing.assert_allclose(axis.positions(z)[1], plain.coordinates(1.5), atol=1e-12)
    np.testing.assert_allclose(axis.gap().steps, np.diff(axis.encode([1.5, np.nan]), axis=0), atol=1e-12)
    assert set(axis.knots) - {-1.0} <= set(axis.grid(np.array([-0.5, 2.0]), 5).tolist())
    assert (len(axis.feature_names), axis.value_features) == (4, 3)
    steps = axis.directions().steps
    np.testing.assert_allclose(axis.place(np.array([-0.4])) + 0.1 * steps[:1], axis.place(np.array([-0.3])))


def test_points_of_a_grid_differ_in_the_columns_unit():
    """A knot that is a point of the even grid but for rounding is one point with it."""
    knots = (-1.0, 0.1 + 0.2, 0.5, 2.0)
    axis = HatsAxis("age", 40.0, 3.0, knots=knots)
    grid = axis.grid(np.array([0.0, 1.0]), 11)
    assert 0.3 in np.linspace(0, 1, 11).round(12)
    assert len(grid) == len(np.unique(axis.values(grid))) == 11
    assert (grid[0], grid[-1]) == (0, 1)
