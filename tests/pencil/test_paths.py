"""Integrals along paths of small matrices, against the rounds of attribution/secants.py."""

import numpy as np
import pytest

from spectral_interp.attribution.secants import Paths
from spectral_interp.eigen import engine
from spectral_interp.pencil.paths import integrate
from spectral_interp.pencil.structures import Dense, Tridiagonal


def paths(d, *, m=6, count=5, c=3, coupling=1.0, seed=0):
    """Return starts (m, N, E) and changes (m, c, N, E) of random tridiagonal matrices."""
    rng = np.random.default_rng(seed)
    start, change = rng.normal(size=(m, count, 2 * d - 1)), rng.normal(size=(m, c, count, 2 * d - 1))
    start[..., d:] *= coupling
    change[..., d:] *= coupling
    return start, change


def in_rounds(structure, k, start, change, error):
    """Return the same integrals by the other module, and whether they are sure."""
    flat = change.swapaxes(1, 2).reshape(-1, change.shape[1], start.shape[2])
    noise = np.full(len(flat), 1e-15)
    other = Paths(
        structure, k, start.reshape(len(flat), -1), flat, error=error, rounding=noise, enough=np.inf
    )
    return other.integrate().reshape(start.shape), other


def contributions(integrals, change, d):
    """Return the diagonal and the coupling parts, (m, N, c) each."""
    parts = (np.s_[:d], np.s_[d:])
    return [np.einsum("mcne,mne->mnc", change[..., part], integrals[..., part]) for part in parts]


@pytest.mark.parametrize("coupling", [1.0, 1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("d", [2, 3, 5, 8, 11, 20])
def test_within_the_error_of_far_finer_integrals(d, coupling):
    """Crossings from wide to sharp; the kernel may leave paths out, but what it gives is right."""
    structure = Tridiagonal(d)
    for k in {0, d // 2, d - 1}:
        start, change = paths(d, coupling=coupling, seed=d)
        fine, _ = in_rounds(structure, k, start, change, 1e-9)
        for error in (1e-1, 1e-3, 1e-6):
            found, estimate, _ = integrate(structure, k, np.arange(5), start, change, np.full((6, 5), error))
            done = np.isfinite(estimate)
            expected = contributions(fine, change, d)
            for one, other in zip(contributions(found, change, d), expected, strict=True):
                assert np.abs(one - other)[done].max(initial=0) <= error
            assert done.mean() >= 0.9 or coupling < 0.1 or error < 1e-2


@pytest.mark.parametrize("rest", [0.0, 2.0**-54, 1e-12, 1e-6, 1e-2])
@pytest.mark.parametrize("shift", [0.0, 1e5])
@pytest.mark.parametrize("d", [3, 5, 12])
def test_changes_that_nearly_cancel(d, shift, rest):
    """Neither rounding nor quadrature errors are magnified, whatever shift all eigenvalues have."""
    structure, (start, change) = Tridiagonal(d), paths(d, seed=d)
    change[:, 0, :, :d] += shift
    change[:, 2] = rest * change[:, 2] - change[:, 0] - change[:, 1]
    fine, _ = in_rounds(structure, d // 2, start, change, 1e-9)
    found, estimate, _ = integrate(structure, d // 2, np.arange(5), start, change, np.full((6, 5), 1e-4))
    assert np.isfinite(estimate).all()
    for one, other in zip(contributions(found, change, d), contributions(fine, change, d), strict=True):
        assert np.abs(one - other).max() <= 1e-4
    total = (found * change.sum(axis=1)).sum(axis=2)
    ends = [structure.values(x.reshape(-1, 2 * d - 1), d // 2) for x in (start, start + change.sum(axis=1))]
    np.testing.assert_allclose(total.ravel(), ends[1] - ends[0], atol=1e-13 * (1 + shift))


@pytest.mark.parametrize("d", [2, 5, 8, 15, 32])
def test_sums_are_exact(d):
    structure, (start, change) = Tridiagonal(d), paths(d)
    found, estimate, cost = integrate(structure, d // 2, np.arange(5), start, change, np.full((6, 5), 0.1))
    done = np.isfinite(estimate)
    total = (found * change.sum(axis=1)).sum(axis=2)
    ends = [structure.values(x.reshape(-1, 2 * d - 1), d // 2) for x in (start, start + change.sum(axis=1))]
    np.testing.assert_allclose(total.ravel()[done.ravel()], (ends[1] - ends[0])[done.ravel()], atol=1e-13)
    assert done.mean() > 0.9
    assert cost >= 5 * done.size


def test_no_more_cells_than_in_rounds():
    """A smooth path of order 5: fewer eigenpairs, and integrals that are far closer than asked."""
    structure, (start, change) = Tridiagonal(5), paths(5, m=1, count=1)
    found, estimate, cost = integrate(structure, 2, np.arange(1), start, change, np.full((1, 1), 1e-5))
    expected, other = in_rounds(structure, 2, start, change, 1e-5)
    assert np.isfinite(estimate).all()
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert cost <= other.evaluations


def test_any_company_any_threads_and_any_scale_give_the_same_bits(monkeypatch):
    structure, (start, change), error = Tridiagonal(5), paths(5, m=30), np.full((30, 5), 1e-5)
    found, estimate, _ = integrate(structure, 2, np.arange(5), start, change, error)
    done = np.isfinite(estimate)
    assert done.any()
    some, places = np.array([3, 17, 4]), np.array([4, 1])
    part, _, _ = integrate(structure, 2, places, start[some], change[some], error[some][:, places])
    np.testing.assert_array_equal(part[done[some][:, places]], found[some][:, places][done[some][:, places]])
    for exponent in (-900, 900):
        arrays = (np.ldexp(array, exponent) for array in (start, change, error))
        scaled, _, _ = integrate(structure, 2, np.arange(5), *arrays)
        np.testing.assert_array_equal(scaled, found)
    monkeypatch.setattr(engine, "THREADED", 0)
    monkeypatch.setattr(engine, "allowed_threads", lambda: 3)
    threaded, again, _ = integrate(structure, 2, np.arange(5), start, change, error)
    np.testing.assert_array_equal(threaded[done], found[done])
    np.testing.assert_array_equal(again, estimate)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_crossings_are_enclosed_in_narrow_cells(k):
    """Lines that cross, without couplings: each counts for the part of the path where it is λ_k."""
    start, change, error = np.zeros((1, 1, 5)), np.zeros((1, 1, 1, 5)), np.full((1, 1), 1e-3)
    start[0, 0, :3], change[0, 0, 0, :3] = [-0.4, 0.5, 0.3], [1.0, -1.0, 0.0]
    found, estimate, _ = integrate(Tridiagonal(3), k, np.arange(1), start, change, error)
    assert (estimate <= error).all()
    t = (np.arange(100_000) + 0.5) / 100_000
    active = np.argsort(start[0, 0, :3] + t[:, None] * change[0, 0, 0, :3], axis=1)[:, k]
    shares = np.bincount(active, minlength=3) / len(t)
    np.testing.assert_allclose(found[0, 0, :3], shares, atol=1e-3)


def test_paths_along_a_multiple_eigenvalue_are_left_out():
    start, change, error = np.zeros((1, 1, 5)), np.zeros((1, 1, 1, 5)), np.full((1, 1), 1e-3)
    start[0, 0, :3], change[0, 0, 0, :3] = [1.0, 1.0, 2.0], [0.5, 0.5, 0.0]
    assert np.isinf(integrate(Tridiagonal(3), 0, np.arange(1), start, change, error)[1]).all()


def test_what_the_kernel_does_not_take():
    start, change = np.zeros((1, 1, 6)), np.ones((1, 1, 1, 6))
    assert np.isinf(integrate(Dense(3), 0, np.arange(1), start, change, np.full((1, 1), 1.0))[1]).all()
    start, change = np.zeros((1, 1, 65)), np.ones((1, 1, 1, 65))
    assert np.isinf(integrate(Tridiagonal(33), 0, np.arange(1), start, change, np.full((1, 1), 1.0))[1]).all()
    start, change = np.zeros((1, 1, 5)), np.full((1, 1, 1, 5), np.nan)
    assert np.isinf(integrate(Tridiagonal(3), 0, np.arange(1), start, change, np.full((1, 1), 1.0))[1]).all()
