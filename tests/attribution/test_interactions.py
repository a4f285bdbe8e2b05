"""Interactions: torch's Hessian, finite differences, sums over subsets."""

import numpy as np
import pytest
import torch

from spectral_interp import DensePencil, Pencil, explain, interactions
from spectral_interp.attribution.interactions import _hessian, _shapley
from spectral_interp.eigen import kth_eigenvalue
from tests.attribution.references import dense, game, shapley_interaction
from tests.views import grouped_rows


def test_hessian_against_torch(random_pencil, rng):
    for d in (1, 3, 5):
        pencil, z = random_pencil(3, d), rng.normal(size=(8, 3))
        diag, off = torch.tensor(pencil.diag), torch.tensor(pencil.off)

        def f(row, diag=diag, off=off, k=pencil.k):
            return kth_eigenvalue(diag[0] + row @ diag[1:], off[0] + row @ off[1:], k)

        expected = torch.stack([torch.func.hessian(f)(torch.tensor(row)) for row in z]).numpy()
        found = interactions(pencil, z)
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, atol=1e-10 * scale)
        np.testing.assert_allclose(found, found.transpose(0, 2, 1), atol=1e-12 * scale)
        np.testing.assert_allclose(
            interactions(DensePencil(dense(pencil), pencil.k), z), found, atol=1e-9 * scale
        )


def test_hessian_against_finite_differences(random_pencil, rng):
    pencil, z, h = random_pencil(3, 5), rng.normal(size=(10, 3)), 1e-6
    found = interactions(pencil, z)
    for i in range(3):
        step = h * np.eye(3)[i]
        gradients = [
            sum(pencil.forms(v, v))[:, 1:]
            for _, v in (pencil.eigenpairs(z + step), pencil.eigenpairs(z - step))
        ]
        np.testing.assert_allclose(found[:, i], (gradients[0] - gradients[1]) / (2 * h), rtol=1e-5, atol=1e-5)


def test_features_of_a_column_are_summed(random_pencil, rng):
    pencil, z = random_pencil(3, 5), rng.normal(size=(6, 3))
    rows = grouped_rows(pencil, z, ("a", "b"), np.array([0, 1, 1]), np.zeros((1, 3)))
    single, grouped = interactions(pencil, z), _hessian(rows, rows.view.background)
    np.testing.assert_allclose(grouped[:, 0, 1], single[:, 0, 1] + single[:, 0, 2])
    np.testing.assert_allclose(grouped[:, 1, 1], single[:, 1:, 1:].sum(axis=(1, 2)))


def test_diagonal_pencils_have_no_curvature_and_kinks_are_warned_of():
    pencil = Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.0], [0.0]], 0)
    np.testing.assert_allclose(interactions(pencil, [[1.0]]), 0, atol=1e-14)
    with pytest.warns(UserWarning, match="1 of 2 rows are degenerate"):
        assert np.isfinite(interactions(pencil, [[0.0], [1.0]])).all()


@pytest.mark.parametrize("c", [1, 2, 4])
def test_shapley_interactions_against_sums_over_subsets(random_pencil, rng, c):
    pencil = random_pencil(c + 1, 5)
    column_of = np.array([*range(c), c - 1])  # the last column has two features
    z, r = rng.normal(size=(4, c + 1)), rng.normal(size=(6, c + 1))
    names = tuple(f"column {i}" for i in range(c))
    rows = grouped_rows(pencil, z, names, column_of, r)
    found = _shapley(rows, r)
    for row, matrix in zip(z, found, strict=True):
        v = game(pencil, row, r, column_of)
        for i in range(c):
            for j in range(c):
                if i != j:
                    assert matrix[i, j] == pytest.approx(shapley_interaction(v, i, j, c) / 2, abs=1e-12)
        assert matrix.sum() == pytest.approx(v[frozenset(range(c))] - v[frozenset()], abs=1e-12)


def test_shapley_interactions_add_up_to_shapley_values(random_pencil, rng):
    pencil, z, r = random_pencil(5, 5), rng.normal(size=(6, 5)), rng.normal(size=(7, 5))
    found = interactions(pencil, z, method="shapley", background=r)
    values = explain(pencil, z, method="shapley", background=r).values
    np.testing.assert_allclose(found.sum(axis=2), values, atol=1e-12)
    np.testing.assert_allclose(found, found.transpose(0, 2, 1), atol=1e-12)


def test_estimators_answer_per_column(regressor, diabetes):
    X, _ = diabetes
    assert interactions(regressor, X[:3]).shape == (3, 10, 10)
    found = interactions(regressor, X[:2], method="shapley", background=X[5:8])
    values = explain(regressor, X[:2], method="shapley", background=X[5:8]).values
    np.testing.assert_allclose(found.sum(axis=2), values, atol=1e-9)


def test_bad_arguments(random_pencil):
    pencil = random_pencil(15, 3)
    with pytest.raises(ValueError, match="one of hessian, shapley; got 'magic'"):
        interactions(pencil, np.zeros((1, 15)), method="magic")
    with pytest.raises(ValueError, match="at most 14 columns for Shapley interactions; got 15"):
        interactions(pencil, np.zeros((1, 15)), method="shapley")
    with pytest.raises(ValueError, match="no background with method='hessian'"):
        interactions(pencil, np.zeros((1, 15)), background=np.zeros((1, 15)))
    with pytest.raises(ValueError, match=r"shape \(n, 15\); got \(1, 3\)"):
        interactions(pencil, np.zeros((1, 3)))


def test_second_derivatives_beyond_the_numbers_are_refused():
    pencil = Pencil([[0.0, 1e-100], [0.0, 0.0]], [[0.0], [1e150]], 1)
    with pytest.raises(ValueError, match=r"expected interactions below 1.8e308; got larger ones in row 1"):
        interactions(pencil, [[1.0], [0.0]])
