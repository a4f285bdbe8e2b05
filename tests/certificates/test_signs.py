"""A proven direction is proven: exact signs against determinants of rational matrices."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from spectral_interp import DensePencil, Pencil, certify
from spectral_interp.certificates.signs import proven_sign


def semidefinite(matrix):
    """Return whether all principal minors of a small matrix are non-negative, in rational numbers."""

    def determinant(rows):
        if not rows:
            return Fraction(1)
        minors = [[row[:j] + row[j + 1 :] for row in rows[1:]] for j in range(len(rows))]
        return sum((-1) ** j * rows[0][j] * determinant(minor) for j, minor in enumerate(minors))

    exact = [[Fraction(x) for x in row] for row in matrix.tolist()]
    places = [c for size in range(1, len(exact) + 1) for c in combinations(range(len(exact)), size)]
    return all(determinant([[exact[i][j] for j in own] for i in own]) >= 0 for own in places)


def borderline(rng):
    """Return a tridiagonal matrix with an eigenvalue at zero, or next to it."""
    d = int(rng.integers(1, 5))
    lower = np.diag(rng.integers(-2, 3, d)) + np.diag(rng.integers(-2, 3, d - 1), -1)
    matrix = (lower @ lower.T).astype(float) * rng.choice([-1.0, 1.0]) * 2.0 ** rng.integers(-300, 300)
    if rng.random() < 0.5:
        matrix[0, 0] *= 1 + rng.choice([-1, 1]) * 2.0**-52
    return matrix


@pytest.mark.parametrize("dense", [False, True])
def test_the_sign_of_borderline_matrices_is_exact(dense):
    proven = []
    for seed in range(300):
        matrix = borderline(np.random.default_rng(seed))
        both = np.stack([np.eye(len(matrix)), matrix])
        bands = np.diagonal(both, 0, 1, 2), np.diagonal(both, 1, 1, 2)
        pencil = DensePencil(both, 0) if dense else Pencil(*bands, 0)
        expected = int(semidefinite(matrix)) - int(semidefinite(-matrix))
        assert certify(pencil).monotone[0] == expected
        proven.append(expected)
    assert set(proven) == {-1, 0, 1}


def test_no_slack_and_no_loss():
    """Minus 1e-14 of the norm is no proof, zero is one, and so is the difference of two equal eigenvalues."""
    diag = np.array([[0.0, 0.0], [1.0, -1e-14], [1.0, 0.0], [1e-320, 0.0], [0.0, 0.0]])
    assert certify(Pencil(diag, np.zeros((5, 1)), 1)).monotone.tolist() == [0, 1, 0, 0]
    rank_one = np.array([[1.0, 3.0], [3.0, 9.0]])
    pencil = DensePencil([np.eye(2), 0.1 * np.eye(2), 0.1 * np.eye(2) + rank_one], 1)
    step = np.array([-1.0, 1.0])
    (low,), (high,) = pencil.step_range(step[None])
    difference = pencil.matrices[2] - pencil.matrices[1]
    exact = int(Fraction(pencil.matrices[2, 0, 0]) - Fraction(0.1) >= 0)
    assert abs(low) < 1e-14
    assert proven_sign(pencil, step, low, high) in (0, exact)
    assert proven_sign(DensePencil([np.eye(2), rank_one], 1), np.ones(1), low, high) == 1
    assert difference[0, 1] == 3.0


def test_a_large_block_is_decided_quickly():
    lower = np.diag(np.arange(1.0, 41.0)) + np.diag(np.arange(2.0, 41.0), -1)
    lower[7, 7] = 0.0
    matrix = lower @ lower.T
    pencil = Pencil([np.zeros(40), np.diag(matrix)], [np.zeros(39), np.diag(matrix, 1)], 20)
    assert certify(pencil).monotone.tolist() == [1]
