"""Path contributions: exact sums, adaptive quadrature, Captum, kinks, columns."""

import re
import sys
import warnings

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

from spectral_interp import DensePencil, Pencil, explain
from spectral_interp.attribution.breakpoints import active_stretches
from spectral_interp.attribution.path import path
from spectral_interp.models.spectral import TridiagonalSpectral
from tests.attribution.references import dense, path_by_quadrature
from tests.views import grouped_rows


def decoupled(rng, p, blocks):
    """Return a tridiagonal pencil of blocks without couplings between them: λ_k has exact crossings."""
    d = sum(blocks)
    off = rng.normal(size=(p + 1, d - 1))
    off[:, np.cumsum(blocks)[:-1] - 1] = 0
    return Pencil(rng.normal(size=(p + 1, d)), off, d // 2)


def as_dense(pencil):
    return DensePencil(dense(pencil), pencil.k)


def spread(pencil, z, r):
    """Return what the tolerance refers to, for paths from the rows r to the rows z."""
    steps = (z[:, None] - r).reshape(-1, z.shape[1])
    low, high = pencil.step_range(steps)
    return max(np.ptp(pencil.values(np.vstack([z, r]))), 1e-3 * np.maximum(-low, high).max())


@pytest.mark.parametrize("seed", [0, 1, 5])  # 5 has a neighbour that turns the vector just beyond a node
def test_within_tolerance_of_adaptive_quadrature(seed):
    """25 pencils a seed, their couplings from strong to 1e-4: crossings from wide to sharp."""
    rng = np.random.default_rng(seed)
    for _ in range(25):
        d = int(rng.integers(2, 13))
        coupling = 10.0 ** rng.uniform(-4, 0)
        pencil = Pencil(
            rng.normal(size=(4, d)), coupling * rng.normal(size=(4, d - 1)), int(rng.integers(0, d))
        )
        z, r = rng.normal(size=(2, 1, 3))
        expected = path_by_quadrature(pencil, z[0], r[0])
        for tol in (1e-4, 1e-6):
            att = explain(pencil, z, method="path", background=r, tol=tol)
            allowed = tol * spread(pencil, z, r)
            np.testing.assert_allclose(att.values[0], expected.sum(axis=0), rtol=0, atol=allowed)
            np.testing.assert_allclose([att.diagonal[0], att.coupling[0]], expected, rtol=0, atol=allowed)


@pytest.mark.parametrize("d", [1, 2, 5, 12])
@pytest.mark.parametrize("kind", ["tridiagonal", "diagonal", "weak", "decoupled", "dense"])
def test_contributions_add_up_at_any_tolerance(rng, d, kind):
    scale = {"diagonal": 0.0, "weak": 1e-9}.get(kind, 1.0)
    pencil = Pencil(rng.normal(size=(4, d)), scale * rng.normal(size=(4, d - 1)), d // 2)
    if kind == "decoupled":
        pencil = decoupled(rng, 3, [1, d])
    pencil = as_dense(pencil) if kind == "dense" else pencil
    z, background = rng.normal(size=(10, 3)), rng.normal(size=(6, 3))
    for tol in (1.0, 1e-2, 1e-4):
        att = explain(pencil, z, method="path", background=background, tol=tol)
        assert att.completeness_gap.max() <= 1e-11 * np.ptp(att.prediction)
        np.testing.assert_allclose(att.diagonal + att.coupling, att.values, atol=1e-13)
        np.testing.assert_allclose(att.base_values, pencil.values(background).mean())


def test_exact_crossings(rng):
    """Decoupled blocks against quadrature, and a diagonal pencil against the same one with dense matrices."""
    pencil = decoupled(rng, 3, [2, 3, 1])
    for z, r in rng.normal(size=(5, 2, 1, 3)):
        expected = path_by_quadrature(pencil, z[0], r[0])
        att = explain(pencil, z, method="path", background=r)
        atol = 1e-4 * spread(pencil, z, r)
        np.testing.assert_allclose([att.diagonal[0], att.coupling[0]], expected, rtol=0, atol=atol)
    for k in range(6):
        diagonal = Pencil(rng.normal(size=(4, 6)), np.zeros((4, 5)), k)
        z, r = rng.normal(size=(2, 4, 3))
        fast = explain(diagonal, z, method="path", background=r)
        slow = explain(as_dense(diagonal), z, method="path", background=r, tol=1e-6)
        np.testing.assert_allclose(fast.values, slow.values, rtol=0, atol=1e-6 * spread(diagonal, z, r))
        assert not fast.coupling.any()


def test_many_lines_that_meet_at_one_point():
    """Lines t − 1/2 times −3 … 3 all meet halfway; the k-th smallest changes from −s to s there."""
    speeds = np.arange(-3.0, 4.0)
    for order in (speeds, speeds[::-1], np.random.default_rng(0).permutation(speeds)):
        for k in range(7):
            pencil = Pencil([-order / 2, order], np.zeros((2, 6)), k)
            att = explain(pencil, [[1.0]], method="path")
            np.testing.assert_allclose(att.values, 0, atol=1e-15)
            np.testing.assert_allclose(pencil.values([[0.0], [1.0]]), (k - 3) / 2, atol=1e-14)
    repeated = Pencil([[0.0, 0.0, 1.0], [1.0, 1.0, -1.0]], np.zeros((2, 2)), 1)
    np.testing.assert_allclose(explain(repeated, [[1.0]], method="path").values, 1.0)


@pytest.mark.parametrize("half", [0.1, 1e-3, 2e-6])
@pytest.mark.parametrize("coupling", [0.0, 1e-8])
def test_a_level_that_comes_and_goes_between_nodes_is_found(half, coupling):
    """One level falls steeply through a flat one, another rises after it: λ_1 leaves 0 for a moment only.

    The first feature moves one level, the second the other.
    """
    for centre in (0.31, 0.5, 0.777):
        start = [0.0, 40 * (centre - half), -40 * (centre + half)]
        diag = np.array([start, [0.0, -40.0, 0.0], [0.0, 0.0, 40.0]])
        off = np.array([[coupling, coupling], [0.0, 0.0], [0.0, 0.0]])
        r, z = np.zeros((1, 2)), np.ones((1, 2))
        found = explain(as_dense(Pencil(diag, off, 1)), z, method="path")
        expected = explain(Pencil(diag, np.zeros((3, 2)), 1), z, method="path")
        assert np.abs(expected.values).max() > 10 * half
        atol = 1e-4 * spread(Pencil(diag, off, 1), z, r)
        np.testing.assert_allclose(found.values, expected.values, rtol=0, atol=atol)


def test_within_delta_of_captum(rng):
    model = TridiagonalSpectral(4, 7, dtype=torch.float64)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    z, r = rng.normal(size=(2, 6, 4))
    captum, delta = IntegratedGradients(model).attribute(
        torch.tensor(z), torch.tensor(r), n_steps=2000, return_convergence_delta=True
    )
    for i in range(6):
        att = explain(model.pencil(), z[[i]], method="path", background=r[[i]], tol=1e-6)
        allowed = abs(delta[i].item()) + 1e-6 * spread(model.pencil(), z[[i]], r[[i]])
        np.testing.assert_allclose(att.values[0], captum[i].numpy(), rtol=0, atol=allowed)


def test_linear_pencils_give_weights_times_steps(rng):
    weights = np.array([[0.3], [2.0], [-3.0]])
    z, background = rng.normal(size=(5, 2)), rng.normal(size=(4, 2))
    for method in ("local", "path", "shapley"):
        att = explain(Pencil(weights, np.zeros((3, 0)), 0), z, method=method, background=background)
        np.testing.assert_allclose(att.values, (z - background.mean(axis=0)) * [2.0, -3.0], atol=1e-14)
        np.testing.assert_allclose(att.base_values, 0.3 + background.mean(axis=0) @ [2.0, -3.0])


def test_split_ignores_signs_and_order_of_latents(random_pencil, rng):
    pencil, z, r = random_pencil(4, 6), rng.normal(size=(10, 4)), rng.normal(size=(5, 4))
    signs = np.array([1, -1, -1, 1, -1, 1])
    flipped = Pencil(pencil.diag, pencil.off * signs[:-1] * signs[1:], pencil.k)
    reversed_ = Pencil(pencil.diag[:, ::-1], pencil.off[:, ::-1], pencil.k)
    att = explain(pencil, z, method="path", background=r)
    for other in (
        explain(flipped, z, method="path", background=r),
        explain(reversed_, z, method="path", background=r),
    ):
        np.testing.assert_allclose(other.diagonal, att.diagonal, atol=1e-10)
        np.testing.assert_allclose(other.coupling, att.coupling, atol=1e-10)


def test_dense_matrices_agree_with_bands(random_pencil, rng):
    pencil, z, r = random_pencil(3, 5), rng.normal(size=(6, 3)), rng.normal(size=(4, 3))
    both = pencil, as_dense(pencil)
    bands, matrices = (explain(q, z, method="path", background=r, tol=1e-10) for q in both)
    np.testing.assert_allclose(matrices.diagonal, bands.diagonal, atol=1e-10)
    np.testing.assert_allclose(matrices.coupling, bands.coupling, atol=1e-10)


def test_background_is_averaged_and_features_of_a_column_are_summed(random_pencil, rng):
    pencil, z, r = random_pencil(3, 4), rng.normal(size=(6, 3)), rng.normal(size=(3, 3))
    whole = explain(pencil, z, method="path", background=r, tol=1e-6)
    single = [explain(pencil, z, method="path", background=row[None], tol=1e-6).values for row in r]
    np.testing.assert_allclose(whole.values, np.mean(single, axis=0), atol=1e-5)
    rows = grouped_rows(pencil, z, ("a", "b"), np.array([0, 1, 1]), r)
    grouped = path(rows, r, tol=1e-6).values
    expected = np.column_stack([whole.values[:, 0], whole.values[:, 1] + whole.values[:, 2]])
    np.testing.assert_allclose(grouped, expected, atol=1e-5)


def test_a_batch_equals_its_rows(random_pencil, rng, monkeypatch):
    pencil, z, r = random_pencil(3, 7), rng.normal(size=(20, 3)), rng.normal(size=(5, 3))
    whole = explain(pencil, z, method="path", background=r)
    monkeypatch.setattr(sys.modules[path.__module__], "ENTRIES", 300)
    np.testing.assert_allclose(
        explain(pencil, z, method="path", background=r).values, whole.values, atol=1e-13
    )


def test_rows_at_and_beside_the_reference(random_pencil):
    pencil, r = random_pencil(3, 4), np.ones((1, 3))
    att = explain(pencil, np.vstack([r, r + 1e-13]), method="path", background=r)
    np.testing.assert_allclose(att.values, 0, atol=1e-11)
    assert att.completeness_gap.max() <= 1e-13
    assert explain(pencil, np.empty((0, 3)), method="path", background=r).values.shape == (0, 3)


def test_an_eigenvalue_that_is_multiple_everywhere_ends_with_a_warning():
    block = np.array([[0.0, 1.0], [1.0, 0.5]])
    twice = np.array([np.kron(np.eye(2), block), np.kron(np.eye(2), np.diag([1.0, -1.0]))])
    att = explain(DensePencil(twice, 1), [[1.0]], method="path")
    assert att.completeness_gap.max() <= 1e-9
    assert att.degenerate.all()
    moving = np.array([np.zeros((3, 3)), np.diag([1.0, 1.0, -1.0])])
    moving[1, 0, 2] = moving[1, 2, 0] = 1.0
    att = explain(DensePencil(moving, 1), [[1.0]], method="path")
    assert att.completeness_gap.max() <= 1e-9


def test_kink_at_a_row_is_flagged_without_a_warning(recwarn):
    pencil = Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.0], [0.0]], 1)
    att = explain(pencil, [[0.0], [1.0]], method="path", background=[[-1.0]])
    np.testing.assert_array_equal(att.degenerate, [True, False])
    np.testing.assert_allclose(att.values, [[-1.0], [0.0]], atol=1e-15)
    assert not recwarn.list


def test_cost_and_background_are_stated(random_pencil, regressor, diabetes, rng):
    pencil, z = random_pencil(2, 4), rng.normal(size=(3, 2))
    assert "2 " in explain(pencil, z, method="path", background=z[:2]).background
    assert "origin" in explain(pencil, z).background
    att = explain(regressor, diabetes[0][:2], method="path")
    assert re.search(r"\b100 training rows .*\bseed 0\b", att.background)
    assert att.evaluations >= 2 * 100 * 5
    assert att.to_frame()["background"].iloc[0] == att.background
    finer = explain(regressor, diabetes[0][:2], method="path", tol=1e-6)
    assert finer.evaluations > att.evaluations


def test_bad_arguments(random_pencil):
    pencil = random_pencil(2, 3)
    for tol in (0.0, -1.0, 2.0, np.nan):
        with pytest.raises(ValueError, match="expected tol between 1e-10 and 1; got"):
            explain(pencil, [[0.0, 0.0]], method="path", tol=tol)
    for method in ("local", "shapley"):
        with pytest.raises(ValueError, match=f"expected tol only with method='path'; got '{method}'"):
            explain(pencil, [[0.0, 0.0]], method=method, tol=1e-4)
    with pytest.raises(ValueError, match="only with method='shapley'; got 'path'"):
        explain(pencil, [[0.0, 0.0]], method="path", exact=True)
    with pytest.raises(ValueError, match="at least one row"):
        explain(pencil, [[0.0, 0.0]], method="path", background=np.empty((0, 2)))


def test_many_avoided_crossings_are_no_multiple_eigenvalue():
    rng = np.random.default_rng(0)
    pencil = Pencil(rng.normal(size=(4, 100)), rng.normal(size=(4, 99)) * 0.1, 50)
    z, background = 5 * rng.normal(size=(2, 3)), 5 * rng.normal(size=(1, 3))
    att = explain(pencil, z, method="path", background=background)
    spread = np.ptp(np.concatenate([att.prediction, pencil.values(background)]))
    assert att.completeness_gap.max() <= 1e-9 * spread
    assert not att.degenerate.any()


def test_columns_that_cancel():
    """Opposite matrices and equal steps: A(z) = A(r), so that there is no spread to take a fraction of."""
    pencil = Pencil([[0.0, 1.0], [1.0, -1.0], [-1.0, 1.0]], [[1.0], [2.0], [-2.0]], 1)
    att = explain(pencil, [[1.0, 1.0]], method="path")
    np.testing.assert_allclose(att.values, [[3 / 5**0.5, -3 / 5**0.5]])
    assert att.completeness_gap.max() <= 1e-15


@pytest.mark.parametrize("distance", [1e-5, 1e-6, 1e-9])
def test_a_close_neighbour_all_along_the_path_does_not_cost_millions_of_cells(distance):
    """Two copies of one matrix, decoupled and a distance apart: λ_3 has a neighbour close by everywhere."""
    rng = np.random.default_rng(0)
    diag, off = rng.normal(size=(3, 4)), rng.normal(size=(3, 3))
    near = distance * np.array([[0.0], [1.0], [0.3]])
    twins = Pencil(np.hstack([diag, diag + near]), np.hstack([off, np.zeros((3, 1)), off]), 3)
    single = explain(Pencil(diag, off, 1), [[1.0, 1.0]], method="path", tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # either twin gives the same contributions, to within tolerance
        att = explain(twins, [[1.0, 1.0]], method="path")
    assert att.evaluations < 20_000
    assert att.degenerate[0] == (distance < 1e-8)  # of the row itself
    assert att.completeness_gap.max() <= 1e-14
    np.testing.assert_allclose(att.values, single.values, rtol=1e-4)


def test_a_kink_at_the_row_itself_costs_no_completeness():
    """A(t) = (1 − t) A_0 vanishes at the row: any vector is an eigenvector there."""
    pencil = Pencil([[6.0, -6.0], [2.0, -2.0]], [[-3.0], [-1.0]], 1)
    att = explain(pencil, [[-3.0]], method="path")
    np.testing.assert_allclose(att.values, -(45**0.5), rtol=1e-15)
    assert att.completeness_gap.max() <= 4e-15


@pytest.mark.parametrize("exponent", [-990, -600, 600, 990])
def test_scale_does_not_matter(exponent):
    """Products of two gaps vanish or overflow from 1e±155 on."""
    start = [0.0, 40 * 0.308, -40 * 0.312]
    diag, off = np.array([start, [0.0, -40.0, 0.0], [0.0, 0.0, 40.0]]), np.full((3, 2), 1e-8)
    expected, found = (
        explain(Pencil(np.ldexp(diag, e), np.ldexp(off, e), 1), np.ones((1, 2)), method="path").values
        for e in (0, exponent)
    )
    assert np.abs(expected).max() > 0.01
    np.testing.assert_array_equal(np.ldexp(found, -exponent), expected)


def test_rows_of_other_sizes_do_not_spoil_a_sum(random_pencil, rng):
    pencil, z = random_pencil(3, 9), rng.normal(size=(6, 3))
    z[3:] *= 1e40
    att = explain(pencil, z, method="path", background=rng.normal(size=(1, 3)))
    assert att.completeness_gap[:3].max() <= 1e-13


TIED = {
    # λ_0 of the lines z0, z1 and 1/2: on the path to (1, 1) z0 and z1 are equal up to 1/2
    "exact": (0.0, [1.0, 1.0], True),
    "uneven": (0.0, [1.0, 1.0 + 1e-3], False),
    # the same with a coupling that nobody sees, and one that rounds the kink
    "coupled": (1e-300, [1.0, 1.0], True),
    "far": (0.3, [1.0, 1.0], False),
}


@pytest.mark.parametrize("case", TIED)
def test_a_choice_along_a_stretch_is_warned_of_and_flagged(case):
    coupling, z, tied = TIED[case]
    off = [[coupling, 0.0], [0.0, 0.0], [0.0, 0.0]]
    pencil = Pencil([[0.0, 0.0, 0.5], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], off, 0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        att = explain(pencil, [z, [-1.0, 2.0]], method="path", background=[[0.0, 0.0]])
    assert [("1 of 2 rows" in str(warning.message)) for warning in caught] == [True] * tied
    assert att.degenerate.tolist() == [tied, False]


def test_equal_lines_that_every_column_moves_alike_are_no_choice():
    """Two latents are one function of all columns: their contributions are the same, whichever counts."""
    diag = np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [-2.0, -2.0, 0.5]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        att = explain(Pencil(diag, np.zeros((3, 2)), 0), [[-3.0, 1.0]], method="path")
    np.testing.assert_allclose(att.values, [[-3.0, -2.0]])


def test_one_path_of_many_may_be_a_choice_within_the_tolerance():
    pencil = Pencil([[0.0, 0.0, 5.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], np.zeros((3, 2)), 0)
    z, rng = np.array([[1.0, 1.0]]), np.random.default_rng(0)
    background = np.vstack([[[0.9, 0.9]], rng.normal(size=(19, 2)) * 3])
    coarse = explain(pencil, z, method="path", background=background, tol=0.1)
    with pytest.warns(UserWarning, match="1 of 1 rows"):
        fine = explain(pencil, z, method="path", background=background, tol=1e-6)
    assert (fine.values == coarse.values).all()


def test_stretches_against_sorting(rng):
    """The active line of random lines, some equal, is the k-th smallest at every point of its stretch."""
    for d, k in ((2, 0), (5, 2), (9, 8)):
        values, speeds = rng.integers(-2, 3, (2, 30, d)).astype(float)
        found = active_stretches(values, speeds, k)
        np.testing.assert_allclose(np.bincount(found.path, found.length), 1)
        t = (found.start + found.length * rng.random(len(found.start)))[:, None]
        lines = values[found.path] + t * speeds[found.path]
        own = np.take_along_axis(lines, found.active[:, None], axis=1)[:, 0]
        np.testing.assert_allclose(own, np.sort(lines, axis=1)[:, k], atol=1e-12)
        long = found.length > 1e-9
        ends = np.stack([values, speeds])[:, found.path]
        equal = (ends == np.take_along_axis(ends, found.active[None, :, None], axis=2)).all(axis=0)
        equal[np.arange(len(equal)), found.active] = False
        ties = np.column_stack(found.ties(values, speeds, np.full(30, 1e-13)))
        np.testing.assert_array_equal(ties[long[ties[:, 0]]], np.argwhere(equal & long[:, None]))
