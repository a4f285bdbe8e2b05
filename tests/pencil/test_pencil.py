"""The pencil against dense matrices built entry by entry."""

import numpy as np
import pytest

from spectral_interp import DensePencil, Pencil, explain
from spectral_interp.pencil import Total


def dense(pencil):
    return DensePencil(
        [np.diag(a) + np.diag(b, 1) + np.diag(b, -1) for a, b in zip(pencil.diag, pencil.off, strict=True)],
        pencil.k,
    )


@pytest.mark.parametrize(("p", "d", "k"), [(1, 1, 0), (3, 2, -1), (4, 7, 3), (2, 12, 0)])
def test_tridiagonal_equals_dense(random_pencil, rng, p, d, k):
    pencil = random_pencil(p, d, k)
    other, z = dense(pencil), rng.normal(size=(30, p))
    np.testing.assert_allclose(pencil.values(z), other.values(z), atol=1e-12)
    value, v = pencil.eigenpairs(z)
    other_value, other_v = other.eigenpairs(z)
    np.testing.assert_allclose(value, other_value, atol=1e-12)
    np.testing.assert_allclose(v, other_v, atol=1e-9)
    np.testing.assert_allclose(pencil.gap(z), other.gap(z), atol=1e-12)
    for mine, theirs in zip(pencil.extremes(), other.extremes(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    np.testing.assert_allclose(pencil.matrices, other.matrices)
    np.testing.assert_allclose(pencil.spectra(z), other.spectra(z), atol=1e-12)
    np.testing.assert_array_equal(pencil.spectra(z)[:, pencil.k], pencil.values(z))
    for mine, theirs in zip(pencil.step_range(z), other.step_range(z), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    u = rng.normal(size=v.shape)
    for mine, theirs in zip(pencil.forms(u, v), other.forms(u, v), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_forms_are_the_gradient(random_pencil, rng):
    pencil, z, h = random_pencil(3, 5), rng.normal(size=(20, 3)), 1e-6
    _, v = pencil.eigenpairs(z)
    diagonal, coupling = pencil.forms(v, v)
    for i in range(3):
        step = h * np.eye(3)[i]
        slope = (pencil.values(z + step) - pencil.values(z - step)) / (2 * h)
        np.testing.assert_allclose((diagonal + coupling)[:, i + 1], slope, atol=1e-7)


def test_structure_and_index():
    assert Pencil([[0, 1], [1, 0]], [[0], [0]], -1).structure == "diagonal"
    assert Pencil([[0, 1], [1, 0]], [[0], [2]], -1).structure == "tridiagonal"
    assert Pencil([[0, 1], [1, 0]], [[0], [2]], -1).k == 1


def test_degenerate_rows():
    pencil = Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.0], [0.0]], 0)
    np.testing.assert_array_equal(pencil.degenerate([[0.0], [1e-9], [1.0]]), [True, False, False])
    np.testing.assert_array_equal(dense(pencil).degenerate([[0.0], [1.0]]), [True, False])
    near = Pencil([[1.0, 1.0], [1.0, -1.0]], [[0.0], [0.0]], 0)
    np.testing.assert_array_equal(near.degenerate([[1e-10], [1e-6]]), [True, False])


def test_coefficients_are_read_only_copies():
    diag = np.ones((2, 3))
    pencil = Pencil(diag, np.zeros((2, 2)), 0)
    diag[:] = 5
    assert pencil.diag.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        pencil.diag[0, 0] = 2


@pytest.mark.parametrize(
    ("diag", "off", "k", "message"),
    [
        ([1.0], [1.0], 0, "2 axes"),
        ([[1.0, 2.0]], [[1.0]], 0, "at least 2 rows"),
        ([[1.0, 2.0]] * 2, [[1.0, 1.0]] * 2, 0, r"off of shape \(2, 1\)"),
        ([[1.0, 2.0]] * 2, [[1.0]] * 2, 2, r"k in \[-2, 2\)"),
        ([[1.0, 2.0], [np.nan, 0.0]], [[1.0]] * 2, 0, "nan in row 1"),
    ],
)
def test_bad_coefficients(diag, off, k, message):
    with pytest.raises(ValueError, match=message):
        Pencil(diag, off, k)


def test_bad_matrices_and_features(random_pencil):
    with pytest.raises(ValueError, match="symmetric"):
        DensePencil([[[0.0, 1.0], [0.0, 0.0]]] * 2, 0)
    with pytest.raises(ValueError, match=r"shape \(n, 3\); got \(2, 4\)"):
        random_pencil(3, 5).values(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="inf in row 1"):
        random_pencil(1, 5).values([[0.0], [np.inf]])
    with pytest.raises(TypeError, match=r"a Pencil, .*; got str"):
        explain("model", [[0.0]])


def test_empty_rows(random_pencil):
    pencil = random_pencil(3, 5)
    assert pencil.values(np.empty((0, 3))).shape == (0,)
    assert pencil.eigenpairs(np.empty((0, 3)))[1].shape == (0, 5)


def test_values_and_gradients(random_pencil, rng):
    pencil, z, h = random_pencil(2, 5), rng.normal(size=(20, 2)), 1e-6
    values, gradient = pencil.values_and_gradients(z)
    np.testing.assert_allclose(values, pencil.values(z), atol=1e-13)
    for i in range(2):
        step = h * np.eye(2)[i]
        slope = (pencil.values(z + step) - pencil.values(z - step)) / (2 * h)
        np.testing.assert_allclose(gradient[:, i], slope, atol=1e-7)


def test_matrices_and_features_that_overflow():
    """Up to 1e300 sums and differences of a few numbers are safe; beyond, the row is named."""
    with pytest.raises(ValueError, match=r"matrices up to 1e\+300; got inf in row 1 of the pencil"):
        Pencil([[1.0, 1.0], [1.7e308, 0.0]], [[0.0], [1.7e308]], 0)
    with pytest.raises(ValueError, match=r"matrices up to 1e\+300; got 2e\+300 in row 0 of the pencil"):
        DensePencil([[[1e300, 1e300], [1e300, 1e300]], np.eye(2)], 0)
    pencil = Pencil([[0.0, 0.0], [1e150, 1.0]], [[0.0], [1.0]], 0)
    for model in (pencil, dense(pencil)):
        np.testing.assert_allclose(model.values([[-1e149]]), [-1e299])
        with pytest.raises(ValueError, match=r"A\(z\) stays below 1e\+300; got 1e\+310|got inf in row 1"):
            model.values([[1.0], [1e160]])


def test_dense_matrices_of_a_range_in_which_lapack_does_not_converge():
    diag, off = [1e110, 1e-65, 1e-145, 1e-32, 1e107], [1e11, 1e-117, -1e-100, 1e26]
    pencil = DensePencil([np.diag(diag) + np.diag(off, 1) + np.diag(off, -1), np.eye(5)], -1)
    value, v = pencil.eigenpairs([[0.0]])
    np.testing.assert_allclose(value, 1e110)
    np.testing.assert_allclose(v, [[1.0, 0.0, 0.0, 0.0, 0.0]], atol=1e-15)


def turns(pencil):
    """Return in how many independent ways all matrices can be turned and stay tridiagonal, to first order."""
    d, columns = pencil.dim, []
    for i, j in zip(*np.triu_indices(d, 1), strict=True):
        turn = np.zeros((d, d))
        turn[i, j], turn[j, i] = 1.0, -1.0
        columns.append([(turn @ m - m @ turn)[np.triu_indices(d, 2)] for m in pencil.matrices])
    system = np.reshape(columns, (len(columns), -1))
    return len(columns) - (np.linalg.matrix_rank(system) if system.size else 0)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("d", range(2, 7))
def test_the_split_depends_on_the_basis_where_latents_can_be_turned(rng, p, d):
    pencil = Pencil(rng.normal(size=(p + 1, d)), rng.normal(size=(p + 1, d - 1)), 0)
    assert pencil.split_depends_on_basis == (turns(pencil) > 0) == (d == 2 or (p, d) == (1, 3))
    assert not Pencil(pencil.diag, 0 * pencil.off, 0).split_depends_on_basis
    constant = Pencil([np.full(d, 3.0), pencil.diag[1]], [0 * pencil.off[0], pencil.off[1]], 0)
    assert constant.split_depends_on_basis
    block = np.array([1] + [0] * (d - 1))[: d - 1] * rng.normal(size=(p + 1, 1))
    assert Pencil(pencil.diag, block, 0).split_depends_on_basis


def test_turned_latents_keep_predictions_and_change_the_split(rng):
    pencil, z, t = Pencil(rng.normal(size=(4, 2)), rng.normal(size=(4, 1)), 0), rng.normal(size=(9, 3)), 0.4
    turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    turned = turn.T @ pencil.matrices @ turn
    other = Pencil(np.diagonal(turned, 0, 1, 2), turned[:, [0], 1], 0)
    np.testing.assert_allclose(other.values(z), pencil.values(z))
    one, two = explain(pencil, z), explain(other, z)
    np.testing.assert_allclose(one.values, two.values, atol=1e-12)
    assert np.abs(one.coupling - two.coupling).max() > 0.1


def test_a_sum_takes_dense_pencils(random_pencil, rng):
    """Dense and tridiagonal pencils together, against their values one by one."""
    first, second, z = random_pencil(3, 5, 1), random_pencil(3, 5, 2), rng.normal(size=(30, 3))
    m = rng.normal(size=(4, 5, 5))
    full = DensePencil(m + m.transpose(0, 2, 1), 0)
    total = Total([first, full, second], [2.0, -0.5, -1.0])
    expected = 2 * first.values(z) - full.values(z) / 2 - second.values(z)
    np.testing.assert_allclose(total.values(z), expected, atol=1e-12)
    np.testing.assert_allclose(sum(term.values(z) for term in total.terms), expected, atol=1e-12)
    np.testing.assert_allclose((-total).values(z), -expected, atol=1e-12)
    assert total.structure == "dense"
    assert Total([first, second]).structure == "tridiagonal"
    with pytest.raises(ValueError, match=r"equal orders; got .*\[\(3, 3\), \(3, 5\)\]"):
        Total([first, random_pencil(3, 3)])
