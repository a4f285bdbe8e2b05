"""Sixteen numbers as one value: every operation against NumPy, in both types."""

import numpy as np
import pytest

from spectral_interp.eigen.compiling import compiled
from spectral_interp.eigen.lanes import (
    LANES,
    all_of,
    epsilon,
    fill,
    larger,
    load,
    lowest,
    places,
    rows,
    scratch,
    shrinking,
    smaller,
    sqrt,
    store,
    total,
    where,
)


@compiled
def operations(x, y, out):
    a, b = load(x, 0), load(y, 0)
    store(out, 0 * LANES, a + b)
    store(out, 1 * LANES, a - b)
    store(out, 2 * LANES, a * b)
    store(out, 3 * LANES, a / b)
    store(out, 4 * LANES, 2 * a + 0.5)
    store(out, 5 * LANES, sqrt(abs(a)))
    store(out, 6 * LANES, smaller(a, b))
    store(out, 7 * LANES, larger(a, 0.0))
    store(out, 8 * LANES, where((a > b) & (b >= 0.0), a, -1.0))
    same = (a > 0.0) == (b > 0.0)
    store(out, 11 * LANES, where(same, epsilon(x) * fill(x, 1.0), a))
    store(out, 9 * LANES, where(a < b, b, where(a <= 0.0, a, fill(x, 3.0))))
    store(out, 12 * LANES, where((a > 0.5) | (b > 0.0), a, b))
    room = scratch(x, (0, 0))
    store(room, 2 * LANES, a)
    store(out, 10 * LANES, 1 / load(room, 2 * LANES))
    return total(a), all_of(abs(a) >= 0.0), all_of(a > 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operations_are_those_of_numpy(dtype):
    x, y = np.random.default_rng(0).standard_normal((2, LANES)).astype(dtype)
    y[:3] = x[:3]
    out = np.zeros((13, LANES), dtype)
    results = operations(x, y, out)
    expected = [
        *(x + y, x - y, x * y, x / y, 2 * x + 0.5, np.sqrt(np.abs(x)), np.minimum(x, y), np.maximum(x, 0)),
        np.where((x > y) & (y >= 0), x, -1),
        np.where(x < y, y, np.where(x <= 0, x, 3)),
        1 / x,
        np.where((x > 0) == (y > 0), np.finfo(dtype).eps, x),
        np.where((x > 0.5) | (y > 0), x, y),
    ]
    np.testing.assert_allclose(out, expected, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(results[0], x.sum(), rtol=20 * np.finfo(dtype).eps)
    assert results[1:] == (True, False)


def test_lanes_hold_infinity_and_nan():
    x = np.zeros(LANES)
    x[:2] = np.inf, np.nan
    out = np.zeros((13, LANES))
    _, all_numbers, _ = operations(x, np.ones(LANES), out)
    assert not all_numbers
    assert out[0, 0] == np.inf
    assert np.isnan(out[0, 1])
    np.testing.assert_array_equal(out[0, 2:], 1)


@compiled
def shrink(x, out):
    store(out, 0, shrinking(load(x, 0)))


def test_powers_of_two_bring_numbers_to_one():
    x, out = 10.0 ** np.linspace(-300, 300, LANES), np.zeros(LANES)
    shrink(x, out)
    assert (np.frexp(out)[0] == 0.5).all()
    assert ((x * out >= 1) & (x * out < 2)).all()


@compiled
def places_and_lowest(x, out):
    left, count = places(load(x, 0) > 0.0), 0
    while left:
        out[count] = lowest(left)
        left &= left - 1
        count += 1
    return count


def test_places_of_a_mask_from_the_lowest_on():
    x = np.random.default_rng(0).standard_normal(LANES)
    for own in (x, -np.ones(LANES), np.ones(LANES)):
        out = np.full(LANES, -1)
        count = places_and_lowest(own, out)
        np.testing.assert_array_equal(out[:count], np.flatnonzero(own > 0))


@compiled
def room(count):
    return rows(count)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_rows_begin_with_a_cache_line(count):
    found = room(count)
    assert found.shape == (count, LANES)
    assert found.ctypes.data % 64 == 0
