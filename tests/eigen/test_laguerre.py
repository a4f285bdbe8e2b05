"""One eigenvalue of sixteen matrices side by side, against LAPACK."""

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

from spectral_interp.eigen.compiling import compiled
from spectral_interp.eigen.laguerre import derivatives, eigenvalue, rescale
from spectral_interp.eigen.lanes import LANES, load, scratch, store


@compiled
def solve(bands, order, k, start, tol, values, out):
    room = scratch(bands, order)
    for e in range(2 * len(order) - 1):
        store(room, e * LANES, load(bands, e * LANES))
    low, unit = rescale(room, order)
    x = eigenvalue(room, order, k, (load(start, 0) - low) / unit, tol, 80)
    store(values, 0, low + unit * x)
    derivatives(room, order, x)
    for e in range(2 * len(order) - 1):
        store(out, e * LANES, load(room, e * LANES))


def solved(bands, d, k, start=1e30, tol=None):
    tol = (1e-13 if bands.dtype == np.float64 else 4e-6) if tol is None else tol
    values, out = np.zeros(LANES, bands.dtype), np.zeros_like(bands)
    solve(bands, (0,) * d, k, np.full(LANES, start, bands.dtype), tol, values, out)
    return values, out


def lapack(bands, d, k):
    pairs = [eigh_tridiagonal(column[:d], column[d:]) for column in bands.T.astype(float)]
    values, v = np.array([w[k] for w, _ in pairs]), np.array([v[:, k] for _, v in pairs]).T
    gap = np.array([np.min(np.abs(np.delete(w, k) - w[k]), initial=np.inf) for w, _ in pairs])
    return values, np.concatenate([v * v, 2 * v[:-1] * v[1:]]), gap


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 2, 5, 12])
def test_eigenvalues_and_derivatives_are_those_of_lapack(d, dtype):
    rng, eps = np.random.default_rng(d), np.finfo(dtype).eps
    for k in {0, d // 2, d - 1}:
        bands = rng.standard_normal((2 * d - 1, LANES)).astype(dtype)
        values, out = solved(bands, d, k)
        expected, gradient, gap = lapack(bands, d, k)
        np.testing.assert_allclose(values, expected, atol=40 * d * eps)
        np.testing.assert_array_less(np.abs(out - gradient).max(axis=0), 400 * d * eps / np.minimum(gap, 1))


@pytest.mark.parametrize("start", [-1e9, 0.0, 0.3, 1e9, np.nan])
def test_any_start_ends_at_the_same_eigenvalue(start):
    bands = np.random.default_rng(3).standard_normal((9, LANES))
    np.testing.assert_allclose(solved(bands, 5, 1, start)[0], lapack(bands, 5, 1)[0], atol=1e-12)


def test_a_start_at_another_eigenvalue_does_not_end_there():
    bands = np.repeat(np.random.default_rng(4).standard_normal((9, 1)), LANES, axis=1)
    spectrum = eigh_tridiagonal(bands[:5, 0], bands[5:, 0])[0]
    for other in spectrum:
        np.testing.assert_allclose(solved(bands, 5, 2, other)[0], spectrum[2], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_diagonal_matrix_has_a_unit_vector(dtype):
    bands = np.zeros((9, LANES), dtype)
    bands[:5] = np.array([3, -1, 2, 7, 0.5])[:, None]
    values, out = solved(bands, 5, 2)
    np.testing.assert_allclose(values, 2, rtol=1e-6)
    np.testing.assert_allclose(out[:5], np.eye(5)[2][:, None] * np.ones(LANES), atol=1e-5)
    np.testing.assert_array_equal(out[5:], 0)


@pytest.mark.parametrize("diagonal", [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [2, 1, 1, 0, 3], [1, 5, 5, 5, 9]])
def test_a_multiple_eigenvalue_has_a_subgradient(diagonal):
    bands = np.zeros((9, LANES), np.float32)
    bands[:5] = np.array(diagonal)[:, None]
    expected = np.sort(diagonal)[2]
    values, out = solved(bands, 5, 2)
    np.testing.assert_allclose(values, expected, atol=1e-4)
    np.testing.assert_allclose(out[:5].sum(axis=0), 1, rtol=1e-5)
    assert (out[:5] >= 0).all()
    np.testing.assert_allclose(out[:5][np.array(diagonal) != expected], 0, atol=1e-3)


@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1e6, 1e20])
def test_scale_does_not_matter(scale):
    bands = np.random.default_rng(5).standard_normal((9, LANES)).astype(np.float32)
    values, out = solved(bands, 5, 2)
    scaled, same = solved((bands * scale).astype(np.float32), 5, 2)
    np.testing.assert_allclose(scaled / scale, values, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(same, out, atol=1e-3)


def test_a_coarse_last_step_costs_little():
    bands = np.random.default_rng(6).standard_normal((9, LANES)).astype(np.float32)
    expected, _, gap = lapack(bands, 5, 2)
    np.testing.assert_array_less(np.abs(solved(bands, 5, 2, tol=4e-3)[0] - expected), 1e-4 / gap**2)
