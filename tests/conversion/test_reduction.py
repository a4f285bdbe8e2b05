"""Dense models as tridiagonal ones: hidden structure is found, and the bound withstands attacks."""

from dataclasses import replace

import numpy as np
import pytest

from spectral_interp import DensePencil, Pencil, explain, to_tridiagonal
from spectral_interp.conversion.rotations import rotate


def random_dense(rng, p, d, k):
    m = rng.normal(size=(p + 1, d, d))
    return DensePencil(m + m.transpose(0, 2, 1), k)


def orthogonal(rng, d):
    return np.linalg.qr(rng.normal(size=(d, d)))[0]


def hidden(rng, p, d, k):
    """Return tridiagonal matrices in another basis."""
    pencil = Pencil(rng.normal(size=(p + 1, d)), rng.normal(size=(p + 1, d - 1)), k)
    q = orthogonal(rng, d)
    turned = q @ pencil.matrices @ q.T
    return DensePencil((turned + turned.transpose(0, 2, 1)) / 2, k)


def worst_in_box(reduction, rng, n=2000):
    """Return the least and the largest error found: random points, corners, and ascent along coordinates."""
    low, high = reduction.box

    def errors(z):
        full = reduction.original.matrices
        dense = np.linalg.eigvalsh(full[0] + np.tensordot(z, full[1:], axes=1))[:, reduction.original.k]
        return dense - reduction.pencil.values(z)

    inside = rng.uniform(low, high, (n, len(low)))
    corners = np.where(rng.random((n, len(low))) < 0.5, low, high)
    found = np.concatenate([inside, corners])
    for sign in (-1, 1):
        z = found[(sign * errors(found)).argmax()]
        for _ in range(3):
            for i in range(len(z)):
                line = np.repeat(z[None], 41, axis=0)
                line[:, i] = np.linspace(low[i], high[i], 41)
                z = line[(sign * errors(line)).argmax()]
        found = np.concatenate([found, z[None]])
    return errors(found).min(), errors(found).max()


@pytest.mark.parametrize(("p", "d"), [(2, 4), (3, 5), (5, 6), (2, 2), (2, 1)])
def test_a_hidden_tridiagonal_family_is_found(rng, p, d):
    dense, z = hidden(rng, p, d, d // 2), rng.normal(size=(60, p))
    found = to_tridiagonal(dense, z)
    np.testing.assert_allclose(found.rotation.T @ found.rotation, np.eye(d), atol=1e-12)
    assert found.error_bound < 1e-3
    np.testing.assert_allclose(found.pencil.values(z), dense.values(z), atol=found.error_bound)


def test_little_is_left_in_the_mean_over_the_rows(rng):
    """Of columns of very different spread: no small further rotation leaves less."""
    dense, z = random_dense(rng, 3, 5, 2), rng.normal(size=(60, 3)) * [5.0, 1.0, 0.05]
    q = to_tridiagonal(dense, z).rotation

    def left(q):
        turned = q.T @ (dense.matrices[0] + np.tensordot(z, dense.matrices[1:], axes=1)) @ q
        return (np.triu(turned, 2) ** 2).sum() / len(z)

    for a, b in zip(*np.triu_indices(5, 1), strict=True):
        for angle in (-0.1, 0.1):
            turn = np.eye(5)
            turn[[a, b], [a, b]], turn[a, b], turn[b, a] = np.cos(angle), -np.sin(angle), np.sin(angle)
            assert left(q @ turn) > left(q)


def test_any_two_matrices_become_tridiagonal_up_to_order_3(rng):
    """Two matrices of order 3: two entries to remove and three angles."""
    assert to_tridiagonal(random_dense(rng, 1, 3, 1), rng.normal(size=(40, 1))).error_bound < 1e-3


@pytest.mark.parametrize(("p", "d", "k"), [(1, 4, 2), (3, 5, 0), (4, 7, 3), (12, 4, 3), (14, 3, 1)])
@pytest.mark.parametrize("refit", [False, True])
def test_the_bound_holds_in_the_box(rng, p, d, k, refit):
    found = to_tridiagonal(random_dense(rng, p, d, k), rng.normal(size=(80, p)))
    if refit:
        found = found.refit(steps=60)
    low, high = worst_in_box(found, rng)
    proven = found.error_range
    assert proven[0] <= low
    assert high <= proven[1]
    assert np.abs(found.errors).max() <= found.error_bound
    assert found.error_bound <= 60 * max(-low, high)  # a bound that says something


def test_the_bound_is_that_of_the_corners(rng):
    """For few features the extremes over all corners of the remainder, computed one by one."""
    box = np.array([[-1.0, 0.0, -2.0], [2.0, 0.5, 1.0]])
    found = to_tridiagonal(random_dense(rng, 3, 5, 2), rng.normal(size=(50, 3)), box=box)
    rest = found.rotation.T @ found.original.matrices @ found.rotation
    rest = np.triu(rest, 2) + np.tril(rest, -2)
    corners = [np.array([box[i, 0], box[j, 1], box[m, 2]]) for i in (0, 1) for j in (0, 1) for m in (0, 1)]
    spectra = np.array([np.linalg.eigvalsh(rest[0] + np.tensordot(z, rest[1:], axes=1)) for z in corners])
    np.testing.assert_allclose(found.error_range, (spectra.min(), spectra.max()), atol=1e-9)


def test_many_features_cost_little_tightness(rng):
    """Absolute values in place of corners: no tighter than all corners, and not much looser."""
    found = to_tridiagonal(random_dense(rng, 12, 4, 2), rng.normal(size=(80, 12)))
    rest = found.rotation.T @ found.original.matrices @ found.rotation - found.pencil.matrices
    signs = (np.arange(2**12)[:, None] >> np.arange(12)) & 1
    z = np.where(signs, found.box[1], found.box[0])
    exact = np.abs(np.linalg.eigvalsh(rest[0] + np.tensordot(z, rest[1:], axes=1))).max()
    assert exact <= found.error_bound <= 1.2 * exact


def test_a_refit_predicts_better(rng):
    dense, z = random_dense(rng, 3, 5, 2), rng.normal(size=(200, 3))
    dropped = to_tridiagonal(dense, z)
    found, free = dropped.refit(), dropped.refit(stay=0.0)
    assert found.rms_error < 0.6 * dropped.rms_error
    assert free.rms_error < found.rms_error
    assert dropped.error_bound < found.error_bound < free.error_bound
    assert found.error_bound < replace(found, rotation=dropped.rotation).error_bound
    other = rng.normal(size=(500, 3))
    rms = [np.sqrt(np.mean((dense.values(other) - r.pencil.values(other)) ** 2)) for r in (dropped, found)]
    assert rms[1] < 0.7 * rms[0]
    assert (dropped.refitted, found.refitted) == (False, True)
    att = explain(found.pencil, z[:5])
    np.testing.assert_allclose(
        att.base_values + att.values.sum(axis=1), found.pencil.values(z[:5]), atol=1e-9
    )


def test_rotations_lower_the_misfit_to_a_stationary_point(rng):
    matrices, d = random_dense(rng, 2, 5, 0).matrices, 5
    mask = (np.abs(np.subtract.outer(np.arange(d), np.arange(d))) > 1).astype(float)
    target = random_dense(rng, 2, 5, 0).matrices
    for aim, some in ((np.zeros_like(matrices), mask), (target, np.ones((d, d)))):
        start = orthogonal(rng, d)

        def misfit(q, aim=aim, some=some):
            return (some * (q.T @ matrices @ q - aim) ** 2).sum()

        q, found = rotate(matrices, start, aim, some, sweeps=500)
        assert found == pytest.approx(misfit(q))
        assert found <= misfit(start)
        for a in range(d):
            for b in range(a):
                for angle in np.linspace(0, 2 * np.pi, 50):
                    turn = np.eye(d)
                    turn[[a, a, b, b], [a, b, a, b]] = (
                        np.cos(angle),
                        -np.sin(angle),
                        np.sin(angle),
                        np.cos(angle),
                    )
                    assert misfit(q @ turn) >= found * (1 - 2e-3)


def test_the_same_input_gives_the_same_bits(rng):
    dense, z = random_dense(rng, 2, 4, 1), rng.normal(size=(30, 2))
    first, second = (to_tridiagonal(dense, z).refit(steps=20) for _ in range(2))
    np.testing.assert_array_equal(first.pencil.diag, second.pencil.diag)
    assert first.error_range == second.error_range


def test_bad_input(rng, random_pencil):
    dense, z = random_dense(rng, 2, 4, 1), rng.normal(size=(10, 2))
    with pytest.raises(TypeError, match="a DensePencil; got Pencil"):
        to_tridiagonal(random_pencil(2, 5), z)
    for rows, options, message in (
        (np.empty((0, 2)), {}, "at least one row in z"),
        (z[:, :1], {}, r"shape \(n, 2\); got \(10, 1\)"),
        (np.full((1, 2), np.nan), {}, "finite"),
        (z, {"box": z}, r"box of shape \(2, 2\); got \(10, 2\)"),
        (z, {"box": [[0.0, 1.0], [1.0, 0.5]]}, "got 1.0 and 0.5 for feature 1"),
        (z, {"box": [[0.0, 1.0], [1.0, np.inf]]}, "in box; got inf as the largest value of feature 1"),
        (z, {"box": [[None, 1.0], [1.0, 2.0]]}, "in box; got nan as the least value of feature 0"),
        (z, {"box": 3.0}, r"box of shape \(2, 2\); got \(\)"),
    ):
        with pytest.raises(ValueError, match=message):
            to_tridiagonal(dense, rows, **options)
    for stay in (float("nan"), np.inf, -1.0):
        with pytest.raises(ValueError, match=f"a finite stay >= 0; got {stay}"):
            to_tridiagonal(dense, z).refit(stay=stay)
