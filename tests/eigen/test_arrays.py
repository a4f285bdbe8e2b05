"""The compiled solver against LAPACK, on easy and on hard matrices."""

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

from spectral_interp.eigen import eigenpairs, eigenvalues, neighbours

from .families import FAMILIES

DTYPES = (np.float64, np.float32)


def indices(d):
    return range(d) if d <= 45 else sorted({0, 1, 2, d // 3, d // 2, d // 2 + 1, d - 2, d - 1})


def lapack(a, b):
    """Return LAPACK's eigenvalues of those indices and the ones beside them, as a dictionary by index."""
    d = len(a)
    if d == 1:
        return {0: a[0]}
    wanted = sorted({j for k in indices(d) for j in (k - 1, k, k + 1) if 0 <= j < d})
    spectrum = {}
    for run in np.split(wanted, np.flatnonzero(np.diff(wanted) > 1) + 1):
        ends = {"select": "i", "select_range": (run[0], run[-1]), "lapack_driver": "stebz"}
        spectrum |= zip(run.tolist(), eigh_tridiagonal(a, b, eigvals_only=True, **ends), strict=True)
    return spectrum


def unit_scale(a, b):
    """Bring a matrix to unit size in float64 by a power of two; return it and the exponent."""
    top = max(np.abs(a).max(), np.abs(b).max(initial=0.0))
    exponent = -int(np.frexp(float(top))[1]) if top > 0 else 0
    return *(shift(x.astype(np.float64), exponent) for x in (a, b)), exponent


def shift(x, exponent):
    return np.ldexp(np.ldexp(x, exponent // 2), exponent - exponent // 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_against_lapack(family, dtype):
    """|λ − λ_LAPACK| ≤ 8 ε ‖T‖ and ‖Tv − λv‖ ≤ 32 ε ‖T‖, plus the spacing of subnormal results."""
    checked = 0
    for diag, off in FAMILIES[family]:
        with np.errstate(over="ignore", under="ignore"):
            a, b = np.array(diag, dtype), np.array(off, dtype)
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            continue  # beyond the range of float32
        x, y, exponent = unit_scale(a, b)
        spectrum = lapack(x, y)
        norm = max(abs(spectrum[0]), abs(spectrum[len(x) - 1]))
        spacing = shift(np.float64(np.finfo(dtype).smallest_subnormal), exponent)
        slack = np.finfo(dtype).eps * norm + spacing
        for k in indices(len(a)):
            lam, v = (
                shift(r.astype(np.float64), e)
                for r, e in zip(eigenpairs(a, b, k), (exponent, 0), strict=True)
            )
            alone = shift(eigenvalues(a, b, k).astype(np.float64), exponent)
            residual = (x - lam) * v
            residual[1:] += y * v[:-1]
            residual[:-1] += y * v[1:]
            assert abs(lam - spectrum[k]) <= 8 * slack
            assert abs(alone - spectrum[k]) <= 8 * slack
            assert np.linalg.norm(residual) <= 32 * slack
            assert abs(np.linalg.norm(v) - 1) <= 8 * np.finfo(dtype).eps
            assert v.max() == np.abs(v).max()
            below, middle, above = (shift(r.astype(np.float64), exponent) for r in neighbours(a, b, k))
            expected = (
                spectrum[k - 1] if k > 0 else -np.inf,
                spectrum[k],
                spectrum[k + 1] if k + 1 < len(a) else np.inf,
            )
            np.testing.assert_allclose((below, middle, above), expected, rtol=0, atol=8 * slack)
            checked += 1
    assert checked > 0 or family in ("huge and tiny", "subnormal")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "d"), [(1, 7), (15, 15), (33, 9), (200, 3), (70, 40), (3000, 8)])
def test_a_batch_equals_its_rows_to_the_bit(rng, dtype, n, d):
    a, b = rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(n, d - 1)).astype(dtype)
    a[::5], b[::7] = 1.0, 0.0  # clusters beside easy matrices
    values, vectors = eigenpairs(a, b, d // 2)
    triples = neighbours(a, b, d // 2)
    for i in range(0, n, max(1, n // 60)):
        value, vector = eigenpairs(a[i], b[i], d // 2)
        assert value == values[i]
        np.testing.assert_array_equal(vector, vectors[i])
        assert eigenvalues(a, b, d // 2)[i] == eigenvalues(a[i], b[i], d // 2)
        assert [t[i] for t in triples] == [t[()] for t in neighbours(a[i], b[i], d // 2)]


def test_leading_shapes_and_negative_index(rng):
    a, b = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 4))
    values, vectors = eigenpairs(a, b, -1)
    assert (values.shape, vectors.shape) == ((2, 3), (2, 3, 5))
    np.testing.assert_allclose(values, eigenvalues(a, b, 4), atol=1e-14)
    assert eigenvalues(a[0, 0], b[0, 0], 0).shape == ()
    transposed = eigenvalues(np.asfortranarray(a[0]), np.asfortranarray(b[0]), 2)
    np.testing.assert_array_equal(transposed, eigenvalues(a[0], b[0], 2))


@pytest.mark.parametrize("d", [1, 4])
def test_empty_batches(d):
    a, b = np.empty((0, d)), np.empty((0, d - 1))
    assert eigenvalues(a, b, 0).shape == (0,)
    assert eigenpairs(a, b, 0)[1].shape == (0, d)
    assert neighbours(np.empty((2, 0, d)), np.empty((2, 0, d - 1)), 0)[2].shape == (2, 0)


def test_inputs_are_not_changed(rng):
    a, b = rng.normal(size=(20, 6)) * 1e200, rng.normal(size=(20, 5)) * 1e200
    before = a.copy(), b.copy()
    eigenpairs(a, b, 3)
    np.testing.assert_array_equal((a[0], a[-1]), (before[0][0], before[0][-1]))
    np.testing.assert_array_equal(b, before[1])


@pytest.mark.parametrize("function", [eigenvalues, eigenpairs, neighbours])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_rows_are_named(rng, function, bad):
    a, b = rng.normal(size=(40, 5)), rng.normal(size=(40, 4))
    a[17, 2] = bad
    with pytest.raises(ValueError, match=r"in diag; got -?(nan|inf) in row 17"):
        function(a, b, 2)
    a[17, 2], b[39, 0] = 0, bad
    with pytest.raises(ValueError, match=r"in off; got -?(nan|inf) in row 39"):
        function(a, b, 2)
    with pytest.raises(ValueError, match=r"in off; got -?(nan|inf) in row \(1, 19\)"):
        function(a.reshape(2, 20, 5), b.reshape(2, 20, 4), 2)


@pytest.mark.parametrize(
    ("a", "b", "k", "error", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 3)), 0, ValueError, r"off of shape \(2, 2\) .* got \(2, 3\)"),
        (np.ones((2, 3)), np.ones((4, 2)), 0, ValueError, r"off of shape \(2, 2\)"),
        (np.float64(1), np.ones(0), 0, ValueError, "diag of shape"),
        (np.ones((2, 0)), np.ones((2, 0)), 0, ValueError, "d >= 1"),
        (np.ones(3), np.ones(2), 3, ValueError, r"k in \[-3, 3\) .* got 3"),
        (np.ones(3), np.ones(2), -4, ValueError, "got -4"),
        (np.ones(3), np.ones(2), 1.0, TypeError, "k to be an integer; got float"),
        (np.ones(3, int), np.ones(2, int), 0, TypeError, "float32 or both float64; got int64"),
        (np.ones(3, complex), np.ones(2, complex), 0, TypeError, "got complex128"),
        (np.ones(3, np.float32), np.ones(2), 0, TypeError, "got float32 and float64"),
    ],
)
def test_bad_arguments(a, b, k, error, message):
    with pytest.raises(error, match=message):
        eigenpairs(a, b, k)


def test_neighbours_are_in_order_even_in_clusters(rng):
    a, b = rng.integers(-1, 2, size=(3000, 8)).astype(float), rng.integers(0, 2, size=(3000, 7)) * 1.0
    for k in range(8):
        below, value, above = neighbours(a, b, k)
        assert (below <= value).all()
        assert (value <= above).all()


def test_read_only_and_foreign_byte_order(rng):
    a, b = rng.normal(size=(20, 5)), rng.normal(size=(20, 4))
    frozen = a.copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(eigenvalues(frozen, b, 2), eigenvalues(a, b, 2))
    with pytest.raises(TypeError, match="got >f8 and >f8"):
        eigenvalues(a.astype(">f8"), b.astype(">f8"), 2)
