"""Eigenvalues of all coalitions, against forming and solving every matrix."""

import numpy as np
import pytest

from spectral_interp.attribution.shapley import all_masks
from spectral_interp.eigen import engine
from spectral_interp.pencil import Neurons
from spectral_interp.pencil.coalitions import _plan, coalition_values
from spectral_interp.pencil.structures import Dense, Tridiagonal


def game(structure, *, k, m=3, c=5, pairs=((0, 2), (4, 1), (2, 4)), seed=0):
    rng, pairs = np.random.default_rng(seed), np.array(pairs, dtype=np.intp).reshape(-1, 2)
    entries = rng.standard_normal((2, len(k), structure.n_entries))
    neurons = Neurons(structure, entries, np.array(k), np.zeros(len(k), dtype=np.intp))
    start = rng.standard_normal((m, len(k), structure.n_entries))
    changes = rng.standard_normal((m, c + len(pairs), len(k), structure.n_entries))
    return neurons, start, changes, pairs


def expected(neurons, start, changes, pairs, masks):
    columns = masks.astype(float)
    chosen = np.hstack([columns, columns[:, pairs[:, 0]] * columns[:, pairs[:, 1]]])
    matrices = start + np.einsum("sq,mqne->smne", chosen, changes)
    return np.array([neurons.values(own) for own in matrices])


@pytest.mark.parametrize(
    "structure", [Tridiagonal(d) for d in (1, 2, 5, 8, 9, 15, 32)] + [Tridiagonal(33), Dense(3)]
)
@pytest.mark.parametrize("pairs", [(), ((0, 2), (4, 1), (2, 4))])
def test_all_coalitions(structure, pairs):
    k = [0] * 7 if structure.dim == 1 else [0, 1, 1, 0, 1, 1, 1]
    arrays, masks = game(structure, k=k, pairs=pairs), all_masks(5)
    np.testing.assert_allclose(
        coalition_values(*arrays, masks), expected(*arrays, masks), atol=1e-13 * structure.dim
    )


@pytest.mark.parametrize("structure", [Tridiagonal(2), Tridiagonal(5), Tridiagonal(15), Dense(3)])
@pytest.mark.parametrize("pairs", [(), ((0, 2), (4, 1), (2, 4))])
def test_coalitions_that_grow_along_orders(structure, pairs):
    arrays = game(structure, k=[0, 1, 1, 0, 1], pairs=pairs)
    rank = np.random.default_rng(2).permuted(np.tile(np.arange(5), (7, 1)), axis=1)
    for most in (5, 4):
        masks = (rank[:, None] < np.arange(1, most + 1)[:, None]).reshape(-1, 5)
        np.testing.assert_allclose(coalition_values(*arrays, masks), expected(*arrays, masks), atol=1e-12)


def test_an_order_costs_one_sum_a_column_and_one_term_a_pair():
    rank = np.random.default_rng(3).permuted(np.tile(np.arange(5), (4, 1)), axis=1)
    masks = (rank[:, None] < np.arange(1, 6)[:, None]).reshape(-1, 5)
    steps, terms, _, _ = _plan(masks.tobytes(), masks.shape, ((0, 2), (4, 1)))
    assert (len(steps), len(terms)) == (20, 4 * (5 + 2))


@pytest.mark.parametrize("d", [3, 12])
def test_coalitions_in_any_order_and_of_any_scale(d):
    neurons, start, changes, pairs = game(Tridiagonal(d), k=[2] * 20)
    masks = all_masks(5)[np.random.default_rng(1).permutation(32)[:17]]
    for scale in (1e-290, 1.0, 1e290):
        found = coalition_values(neurons, scale * start, scale * changes, pairs, masks)
        of_one = expected(neurons, start, changes, pairs, masks)
        np.testing.assert_allclose(found / scale, of_one, atol=1e-13)


@pytest.mark.parametrize("d", [5, 15])
def test_zero_changes_and_degenerate_matrices(d):
    neurons, start, changes, pairs = game(Tridiagonal(d), k=[2] * 3)
    start[..., d:], changes[..., d:] = 0, 0
    start, changes = np.round(start), np.round(changes)
    changes[1], start[2] = 0, 0
    masks = all_masks(5)
    found = coalition_values(neurons, start, changes, pairs, masks)
    np.testing.assert_allclose(found, expected(neurons, start, changes, pairs, masks), atol=1e-13)


@pytest.mark.parametrize("d", [5, 15])
def test_threads_do_not_change_a_bit(monkeypatch, d):
    arrays, masks = game(Tridiagonal(d), k=[2] * 40), all_masks(5)
    one = coalition_values(*arrays, masks)
    monkeypatch.setattr(engine, "THREADED", 0)
    monkeypatch.setattr(engine, "allowed_threads", lambda: 3)
    np.testing.assert_array_equal(coalition_values(*arrays, masks), one)


@pytest.mark.parametrize("d", [3, 5, 8, 15])
def test_items_get_the_same_bits_in_any_company(d):
    """Some matrices are hard: which of them wait together changes no eigenvalue."""
    neurons, start, changes, pairs = game(Tridiagonal(d), k=[1] * 8, m=9)
    start[3:6, :, d:], changes[3:6, :, :, d:] = 1e-9 * start[3:6, :, d:], 1e-9 * changes[3:6, :, :, d:]
    start[4], changes[5] = np.round(start[4]), np.round(changes[5])
    masks = all_masks(5)
    together = coalition_values(neurons, start, changes, pairs, masks)
    np.testing.assert_allclose(together, expected(neurons, start, changes, pairs, masks), atol=1e-13)
    for i in range(len(start)):
        alone = coalition_values(neurons, start[[i]], changes[[i]], pairs, masks)
        np.testing.assert_array_equal(together[:, [i]], alone)


def test_a_column_that_is_huge_in_some_coalitions_only():
    neurons, start, changes, pairs = game(Tridiagonal(5), k=[2] * 20)
    changes[:, 3] *= 1e8
    found, masks = coalition_values(neurons, start, changes, pairs, all_masks(5)), all_masks(5)
    wanted = expected(neurons, start, changes, pairs, masks)
    np.testing.assert_allclose(found[~masks[:, 3]], wanted[~masks[:, 3]], atol=1e-13)
    np.testing.assert_allclose(found[masks[:, 3]], wanted[masks[:, 3]], atol=1e-13 * 1e8)


def test_coalitions_that_repeat():
    arrays, masks = game(Tridiagonal(3), k=[2] * 3), all_masks(5)
    places = np.array([5, 5, 0, 0, 31, 31, 30, 14, 14, 5])
    np.testing.assert_array_equal(
        coalition_values(*arrays, masks[places]), coalition_values(*arrays, masks)[places]
    )


def test_nan_is_refused_as_by_the_engine():
    neurons, start, changes, pairs = game(Tridiagonal(5), k=[2] * 3)
    changes[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="nan"):
        coalition_values(neurons, start, changes, pairs, all_masks(5))
