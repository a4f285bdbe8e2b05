"""Eigenvalues of small matrices side by side, against LAPACK and the kernel for any order."""

import numpy as np
import pytest

from spectral_interp.eigen import engine, kernel
from spectral_interp.eigen.compiling import compiled
from spectral_interp.eigen.lanes import LANES, MOST, fill, load, scratch, store, where
from spectral_interp.eigen.small import UNROLLED, attempt, order_of, scale_lanes, values

EPS = np.finfo(np.float64).eps
FIVE = pytest.param(5, marks=pytest.mark.long)  # every small order takes seconds to compile


def solved(entries, k):
    n, count = entries.shape
    out = np.empty(n)
    return out, values(k, order_of((count + 1) // 2), entries, out)


def lapack(entries):
    """Return the spectra and norms, of matrices scaled to entries of at most 1."""
    n, count = entries.shape
    d, j = (count + 1) // 2, np.arange((count + 1) // 2)
    full = np.zeros((n, d, d))
    full[:, j, j] = entries[:, :d]
    full[:, j[:-1], j[1:]] = full[:, j[1:], j[:-1]] = entries[:, d:]
    spectra = np.linalg.eigvalsh(full)
    return spectra, np.maximum(np.abs(spectra).max(axis=1), 1e-300)


def random(rng, n, d):
    return rng.standard_normal((n, 2 * d - 1))


def graded(rng, n, d):
    return random(rng, n, d) * 10.0 ** rng.uniform(-14, 0, size=(n, 2 * d - 1))


def degenerate(rng, n, d):
    """Whole numbers on the diagonal, half the couplings zero."""
    entries = random(rng, n, d)
    entries[:, :d] = np.round(entries[:, :d])
    entries[:, d:] *= rng.random((n, d - 1)) < 0.5
    return entries


def nearly_degenerate(rng, n, d):
    entries = degenerate(rng, n, d)
    entries[:, d:] *= 10.0 ** rng.uniform(-18, -6, size=(n, d - 1))
    return entries


def clustered(rng, n, d):
    entries = random(rng, n, d)
    entries[:, :d] = 1
    entries[:, d:] *= 1e-3
    return entries


def far_from_zero(rng, n, d):
    entries = random(rng, n, d)
    entries[:, :d] += 1e6
    return entries


def wilkinson(rng, n, d):
    """Pairs of close eigenvalues, without a small coupling."""
    entries = np.ones((n, 2 * d - 1)) * rng.uniform(0.5, 2, size=(n, 1))
    entries[:, :d] *= np.abs(np.arange(d) - (d - 1) / 2)
    return entries


def glued(rng, n, d):
    """Two equal blocks with a small coupling between them: every eigenvalue nearly twice."""
    half = random(rng, n, (d + 1) // 2)
    entries = np.zeros((n, 2 * d - 1))
    middle = d // 2
    for first, size in ((0, middle), (middle, d - middle)):
        entries[:, first : first + size] = half[:, :size]
        entries[:, d + first : d + first + size - 1] = half[:, (d + 1) // 2 : (d + 1) // 2 + size - 1]
    entries[:, d + middle - 1] = 10.0 ** rng.uniform(-14, -4, size=n)
    return entries


def one_large_entry(rng, n, d):
    """The minors of an eigenvalue near zero would be far too small for float64."""
    entries = random(rng, n, d) * 1e-12
    entries[:, 0] = 1
    return entries


FAMILIES = [
    random,
    graded,
    degenerate,
    nearly_degenerate,
    clustered,
    far_from_zero,
    wilkinson,
    glued,
    one_large_entry,
]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("d", [2, 3, FIVE, UNROLLED, UNROLLED + 1, 15, MOST])
def test_eigenvalues_are_those_of_lapack(family, d):
    entries = family(np.random.default_rng(d), 3000 if d <= UNROLLED else 500, d)
    spectra, norms = lapack(entries)
    for k in range(d):
        lam, bad = solved(entries, k)
        assert bad == 0
        assert np.max(np.abs(lam - spectra[:, k]) / norms) <= 2 * (d + 2) * EPS


@compiled
def attempts(k, order, entries, starts, out, sure):
    """Attempt sixteen matrices, (2 d - 1, 16)."""
    bands, shifts = scratch(entries, order), np.zeros((2, LANES), np.int64)
    for e in range(len(entries)):
        store(bands, e * LANES, load(entries, e * LANES))
    undo = scale_lanes(bands, order, shifts)
    x, found = attempt(bands, order, k, load(starts, 0) / undo)
    store(out, 0, x * undo)
    store(sure, 0, where(found, fill(x, 1.0), 0.0))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("d", [2, 3, FIVE, UNROLLED, 15])
def test_what_an_attempt_is_sure_of_is_the_eigenvalue(family, d):
    rng = np.random.default_rng(d)
    entries = family(rng, 40 * LANES, d)
    spectra, norms = lapack(entries)
    for k in range(d):
        starts = spectra[:, k] + 0.01 * norms * rng.standard_normal(len(norms))
        out, sure = np.empty((2, len(norms)))
        for first in range(0, len(norms), LANES):
            own = slice(first, first + LANES)
            attempts(k, order_of(d), np.ascontiguousarray(entries[own].T), starts[own], out[own], sure[own])
        assert np.max(np.abs(out - spectra[:, k])[sure > 0] / norms[sure > 0], initial=0) <= 2 * (d + 2) * EPS
        if family is random:
            assert np.mean(sure) > 0.5


@pytest.mark.parametrize("d", [3, 15])
@pytest.mark.parametrize("exponent", [-1060, -600, 600, 1020])
def test_matrices_of_any_scale_have_the_same_eigenvalues(exponent, d):
    """Scaling by a power of two changes nothing, but for bits that subnormal numbers do not have."""
    entries = np.round(random(np.random.default_rng(0), 40, d), 4)
    scaled = np.ldexp(entries, exponent)
    one = kernel_values(scaled, 2) if exponent == -1060 else np.ldexp(solved(entries, 2)[0], exponent)
    lam, bad = solved(scaled, 2)
    assert bad == 0
    np.testing.assert_allclose(lam, one, rtol=1e-13, atol=5e-324)


def kernel_values(entries, k):
    d, out = (entries.shape[1] + 1) // 2, np.empty(len(entries))
    kernel.values(k, *(np.ascontiguousarray(part) for part in (entries[:, :d], entries[:, d:])), out)
    return out


@pytest.mark.parametrize("d", [UNROLLED, 12])
def test_rows_with_nan_or_infinite_entries_are_nan_and_leave_others_alone(d):
    entries = random(np.random.default_rng(0), 40, d)
    alone, _ = solved(entries, 1)
    entries[[3, 20]] = np.nan
    entries[7, 5] = np.inf
    lam, bad = solved(entries, 1)
    assert bad == 3
    assert np.flatnonzero(np.isnan(lam)).tolist() == [3, 7, 20]
    good = ~np.isnan(lam)
    np.testing.assert_array_equal(lam[good], alone[good])


def test_zero_and_constant_matrices():
    entries = np.zeros((2, 5))
    entries[1, :3] = 3.0
    for k in range(3):
        lam, bad = solved(entries, k)
        assert (lam[0], bad) == (0, 0)
        assert abs(lam[1] - 3) <= 2 * EPS * 3


@pytest.mark.parametrize("d", [UNROLLED, 15])
@pytest.mark.parametrize("family", [random, degenerate])
def test_a_matrix_gets_the_same_result_in_any_company(family, d):
    entries = family(np.random.default_rng(1), 50, d)
    entries[11] *= 1e-200
    together, _ = solved(entries, 3)
    alone = [solved(entries[[i]], 3)[0][0] for i in range(len(entries))]
    np.testing.assert_array_equal(together, alone)


def test_the_engine_uses_it_for_bands_and_entries_alike():
    entries = random(np.random.default_rng(2), 30, 3)
    lam, _ = solved(entries, 2)
    bands = np.ascontiguousarray(entries[:, :3]), np.ascontiguousarray(entries[:, 3:])
    np.testing.assert_array_equal(engine.values(*bands, 2)[0], lam)
    np.testing.assert_array_equal(engine.values_of(entries, 2)[0], lam)
    large = random(np.random.default_rng(2), 30, 12)
    np.testing.assert_array_equal(engine.values_of(large, 2)[0], kernel_values(large, 2))
